package labs.lab06;

import module java.base;
import market.Quote;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.wire.*;

/// What the server bears, and for how long: messages, silence, clients that don't read, handshakes.
class Lab06Connection extends SocketChecks {
    /// This many messages may wait for a client.
    private static final int WAITING = 256;
    private static final int LONGEST = 64 * 1024;
    private static final String KEY = "dGhlIHNhbXBsZSBub25jZQ==";

    private static String chat(String text) { return message("chat", "text", text); }

    /// The text of a chat that has this many bytes in UTF-8.
    private static String textOf(int bytes, String filler) {
        var room = bytes - chat("").length();
        var width = utf8(filler).length;
        return filler.repeat(room / width) + "x".repeat(room % width);
    }

    /// Sends a ping in the middle, too.
    ///
    /// @param cuts where each fragment but the first begins, bytes
    private static void inFragments(WebSocketPeer peer, String message, int... cuts) {
        var bytes = utf8(message);
        peer.send(false, Frame.TEXT, Arrays.copyOf(bytes, cuts[0]));
        peer.send(true, Frame.PING, utf8("in between"));
        for (var i = 0; i < cuts.length; i++) {
            var last = i == cuts.length - 1;
            peer.send(last, Frame.CONTINUATION,
                Arrays.copyOfRange(bytes, cuts[i], last ? bytes.length : cuts[i + 1]));
        }
    }

    @Test @Order(7) @Tag("TODO-7")
    void a_message_of_64_KiB_is_served_and_a_longer_one_is_closed_with_1009() {
        var witness = enter();
        var member = enter();
        member.chat(textOf(LONGEST, "x"));
        for (var one : List.of(witness, member))
            assertChat(promise("a chat of 65,536 bytes to all", "S12"), one, textOf(LONGEST, "x"));
        assertFragments(witness, member.peer());

        assertTooLong("a text of 65,537 bytes", "S12 · RFC 6455 §7.4.1",
            peer -> peer.send(chat(textOf(LONGEST + 1, "x"))));
        assertTooLong("33,000 characters of 2 bytes each", "S12",
            peer -> peer.send(chat("é".repeat(33_000))));
        assertTooLong("two fragments of 40,000 bytes", "S12 · RFC 6455 §5.4",
            peer -> inFragments(peer, chat(textOf(80_000, "x")), 40_000));
        assertTooLong("a binary message of 65,537 bytes", "S12",
            peer -> peer.send(true, Frame.BINARY, new byte[LONGEST + 1]));
        var chats = settle(witness).peer().messages("chat").size();
        promise("2 chats to the others, and none that is too long", "S12")
            .that(chats, "%d chats", chats).is(2);
    }

    private void assertTooLong(String what, String rule, Consumer<WebSocketPeer> sending) {
        var promise = promise("closed with 1009 for " + what, rule,
            "without a limit of bytes one message can fill the memory");
        var sender = enter().peer();
        sending.accept(sender);
        promise.of(sender).closesWith(1009);
    }

    private void assertFragments(Member witness, WebSocketPeer sender) {
        var promise = promise("a chat of 65,536 bytes in three fragments, with a ping between them,"
            + " as one", "S12 · RFC 6455 §5.4",
            "a message is whole when its last fragment has come");
        inFragments(sender, chat(textOf(LONGEST, "é")), 40_001, 50_000);
        assertChat(promise, witness, textOf(LONGEST, "é"));
        var pongs = eventually(() -> sender.frames(Frame.PONG).stream().map(Frame::text).toList(),
            all -> !all.isEmpty());
        promise("one pong, with the payload of the ping: in between", "RFC 6455 §5.5.3")
            .that(pongs, "pongs: %s", pongs).is(List.of("in between"));
    }

    private static void assertChat(PromiseAssert promise, Member hearer, String text) {
        var chat = promise.of(hearer.peer()).hearsNext("chat");
        promise.that(chat.path("text").asText(), "%s", PromiseAssert.shown(chat)).is(text);
    }

    @Test @Order(8) @Tag("TODO-8")
    void pings_go_out_and_a_client_that_answers_none_of_two_is_dropped() {
        var fourPings = shorten("PING_MS", 100).multipliedBy(4);

        // On a busy machine an answer may be late.
        var seen = inTheBestOf(5, () -> nextToASilentOne(fourPings), "1 leave"::equals);
        promise("a client that answers pings stays, and hears one leave of the silent one",
            "S14 · S8", "an idle client is a healthy client").that(seen).is("1 leave");
    }

    /// What becomes of a client that answers when another one doesn't, and is dropped.
    private String nextToASilentOne(Duration fourPings) {
        var healthy = enter();
        var silent = enter(stranger().withoutPong());
        assertDropped(silent.peer(), fourPings);
        var before = pings(healthy.peer());
        eventuallyAfter(fourPings, () -> pings(healthy.peer()),
            count -> count > before || healthy.peer().ended());
        if (!healthy.peer().ended()) healthy.peer().send(PING);
        var pong = eventually(() -> !healthy.peer().messages("pong").isEmpty(),
            came -> came || healthy.peer().ended());
        var leaves = Collections.frequency(healthy.heard("leave", "clientId"), silent.id());
        return pong ? leaves + " leave" : "dropped, although it answers";
    }

    private static int pings(WebSocketPeer peer) { return peer.frames(Frame.PING).size(); }

    private void assertDropped(WebSocketPeer silent, Duration fourPings) {
        var promise = promise("a ping every " + fourPings.toMillis() / 4 + " ms, to silent clients"
            + " as well", "S13 · RFC 6455 §5.5.2",
            "a peer that lost its network sends nothing, not even an end");
        var pings = eventuallyAfter(fourPings, () -> pings(silent),
            count -> count >= 2 || silent.ended());
        promise.that(pings, "%d pings", pings).isAtLeast(1);

        promise = promise("dropped when two pings in a row had no pong", "S14",
            "writing to a client that is gone succeeds for minutes: only an answer shows life");
        var dropped = eventuallyAfter(fourPings, silent::ended, ended -> ended);
        promise.holds(dropped && pings(silent) >= 2 && pings(silent) <= 3,
            "%s after %d pings without a pong", dropped ? "dropped" : "still connected",
            pings(silent));
    }

    @Test @Order(9) @Tag("TODO-9")
    void a_client_that_does_not_read_delays_nobody_and_is_evicted_with_1013() {
        var reader = subscriber("ETH");
        var published = publish(200);
        promise("all 200 quotes of one burst, in order, at a client that reads", "S17",
            "a burst is no reason to throw somebody out")
            .ofIds(quotes(reader, all -> all.size() >= 200).stream().map(Quote::id).toList())
            .areExactly(published);

        // On a busy machine somebody else may be the reason for a delay.
        var longest = inTheBestOf(3, this::longestDelay, delay -> delay < 1_000);
        promise("40 chats in less than 1 s to those who read, while one client does not", "S15",
            "a server that waits for one client lets all others wait, too")
            .that(longest, "%d ms, and no less in 3 tries", longest).isBelow(1_000L);
    }

    /// Lets one of 40 read nothing, until it is evicted. The longest time that 40 chats took to
    /// all others, milliseconds.
    private long longestDelay() {
        var speaker = enter();
        var stalled = enter(deafSocket(PATH));
        stalled.peer().deaf();
        // More than the system keeps for a connection (4 MB at most), by much less than 256.
        assertHeard(List.of(speaker), Collections.nCopies(90, "x".repeat(60_000)));
        var readers = Stream.concat(Stream.of(speaker), enter(38).stream()).toList();
        var longest = 0L;
        var chats = 0;
        for (var left = false; !left; chats += 40) {
            var start = System.nanoTime();
            assertHeard(readers, numbers(chats, chats + 40));
            longest = Math.max(longest, (System.nanoTime() - start) / 1_000_000);
            left = readers.getLast().heard("leave", "clientId").contains(stalled.id());
            promise("the client with 256 waiting messages evicted, and its leave sent to the"
                + " others", "S16 · S8", "without a limit a client that is asleep fills the memory")
                .holds(chats < WAITING + 120, "no leave after %d chats more than its connection"
                    + " could take", chats);
        }
        assertEviction(stalled, 90 + chats);
        readers.forEach(this::settle);
        return longest;
    }

    /// Lets the first of these members say this, and asserts that each of them hears it.
    private void assertHeard(List<Member> readers, List<String> chats) {
        var promise = promise("every chat, in order, to those who read, while one client does not",
            "S15", "a server that waits for one client lets all others wait, too");
        chats.forEach(readers.getFirst()::chat);
        for (var reader : readers)
            for (var chat : chats) {
                var heard = promise.of(reader.peer()).hears("chat");
                promise.that(heard.path("text").asText(), "%s", PromiseAssert.shown(heard))
                    .is(chat);
            }
    }

    private void assertEviction(Member stalled, int chats) {
        promise("nobody evicted while less than 200 messages wait", "S17")
            .that(chats, "evicted after %d, and some of these were sent", chats).isAbove(200);
        var promise = promise("closed with 1013 when it reads again",
            "S16 · IANA WebSocket close codes: 1013",
            "the code means: try again later, there is nothing wrong with your messages");
        stalled.peer().readOn();
        promise.of(stalled.peer()).closesWith(1013);
        var texts = stalled.heard("chat", "text").stream().filter(text -> text.length() < 9)
            .toList();
        promise("the chats that it gets before the close frame without a gap", "S16")
            .that(texts, "%s", String.join(" ", texts)).is(numbers(0, texts.size()));
    }

    @Test @Order(10) @Tag("TODO-10")
    void a_server_that_stops_closes_all_connections_with_1001() {
        var stranger = stranger();
        var peers = Stream.concat(Stream.of(stranger, subscriber("BTC").peer()),
            enter(4).stream().map(Member::peer)).toList();
        // A server that still answers the handshake has no connection to close yet.
        stranger.send(true, Frame.PING, new byte[0]);
        eventually(() -> stranger.frames(Frame.PONG), pongs -> !pongs.isEmpty());
        stopOrSkip();

        for (var peer : peers)
            promise("closed with 1001", "S18 · RFC 6455 §7.4.1",
                "the code means: this server is going away, connect to another")
                .of(peer).closesWith(1001);
    }

    @Test @Order(11) @Tag("TODO-11")
    void a_page_of_another_server_is_refused_with_403() {
        for (var own : List.of("http://127.0.0.1", "https://127.0.0.1"))
            promise("101 to Origin: " + own + ", with Host: 127.0.0.1", "S19 · RFC 6455 §10.2")
                .of(open("13", KEY, "Origin", own)).hasStatus(101);
        promise("101 without Origin", "S19 · RFC 6455 §10.2", "only browsers send it")
            .of(open("13", KEY)).hasStatus(101);

        for (var foreign : List.of("http://evil.example", "null", "http://127.0.0.1.evil.example",
            "http://evil.example/127.0.0.1", "http://evil127.0.0.1", "http://127.0.0.1:81"))
            promise("403 to Origin: " + foreign + ", with Host: 127.0.0.1", "S19 · RFC 6455 §10.2",
                "otherwise any page that a user visits can talk to this server as that user")
                .of(open("13", KEY, "Origin", foreign)).hasStatus(403);
    }

    /// Sends a handshake.
    ///
    /// @param more headers: name, value, …
    private Answer open(String version, String key, String... more) {
        return get(PATH, Stream.concat(Stream.of("Connection", "Upgrade", "Upgrade", "websocket",
            "Sec-WebSocket-Version", version, "Sec-WebSocket-Key", key), Stream.of(more))
            .toArray(String[]::new));
    }

    @Test @Order(16) @Tag("TODO-15") @Tag("bonus")
    void a_handshake_of_another_version_gets_426_and_a_bad_key_400() {
        for (var version : List.of("12", "8", "0", "14", "x", ""))
            assertRefused(promise("426 with Connection: Upgrade, Upgrade: websocket and"
                + " Sec-WebSocket-Version: 13, to version " + version, "S20 · RFC 6455 §4.4",
                "so a client of another time knows what to speak"), open(version, KEY));
        assertRefused(promise("426 with Connection: Upgrade and Upgrade: websocket to a plain GET",
            "S20 · RFC 9110 §15.5.22"), get(PATH));

        for (var key : List.of("", "x", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZXM=",
            "dGhlIHNhbXBsZSBub25jZXMh", "!!!!IHNhbXBsZSBub25jZQ=="))
            promise("400 to Sec-WebSocket-Key: " + (key.isEmpty() ? "(empty)" : key),
                "S21 · RFC 6455 §4.2.1", "it must be 16 bytes in base64")
                .of(open("13", key)).hasStatus(400);
        promise("400 without Sec-WebSocket-Key", "S21 · RFC 6455 §4.2.1")
            .of(get(PATH, "Connection", "Upgrade", "Upgrade", "websocket",
                "Sec-WebSocket-Version", "13")).hasStatus(400);
        promise("101 to a right handshake", "RFC 6455 §4.2.2").of(open("13", KEY)).hasStatus(101);
    }

    private static void assertRefused(PromiseAssert promise, Answer answer) {
        promise.of(answer).hasStatus(426).hasToken("Connection", "Upgrade")
            .hasToken("Upgrade", "websocket").hasToken("Sec-WebSocket-Version", "13");
    }
}
