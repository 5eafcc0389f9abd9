package wirelab.checks;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import market.Market;
import market.Quote;
import mockwebserver3.*;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import org.junit.jupiter.api.*;
import wirelab.Answer;
import wirelab.Checks;
import wirelab.Follower;
import wirelab.Frame;
import wirelab.Lab;
import wirelab.Peer;
import wirelab.Tap;

@DisplayName("WebSocket")
public class Lab06 extends Checks {
    private static final String PATH = "/quotes/socket";
    private static final String AUTH = "{\"type\":\"auth\",\"token\":\"demo-token\"}";
    private static final String PING = "{\"type\":\"ping\"}";
    /// As many messages may wait for a client.
    private static final int WAITING = 256;
    private static final int LONGEST = 64 * 1024;

    /// A peer that was welcomed.
    private record Member(Peer peer, String id) {}

    /// The ids of those whom this check has seen welcomed.
    private final Set<String> members = ConcurrentHashMap.newKeySet();

    @Override protected Peer socket(String path, String... headers) {
        return super.socket(path, headers).ignoring(this::isOfAnEarlierCheck);
    }

    @Override protected Peer deafSocket(String path, String... headers) {
        return super.deafSocket(path, headers).ignoring(this::isOfAnEarlierCheck);
    }

    /// On a busy machine a server notices only now that a peer of an earlier check has hung up.
    private boolean isOfAnEarlierCheck(JsonNode message) {
        return type(message).equals("leave")
            && !members.contains(message.path("clientId").asText());
    }

    /// Restarts the server with a shorter time, where it can be told; the time that it then has.
    private Duration shortened(String name, String value) {
        restartWith(name, value);
        var inForce = settings().millis(name);
        Assumptions.assumeTrue(inForce.toSeconds() < 20, name + " is too long to wait for: start"
            + " the server with " + name + "=" + value + ", and say --setting " + name + "="
            + value);
        return inForce;
    }

    private Member enter() { return enter(socket(PATH)); }

    private Member enter(Peer peer) {
        promise("welcome, with a clientId, to the right token", "lab text");
        peer.send(AUTH);
        var welcome = peer.receive();
        assertThat(type(welcome)).overridingErrorMessage("%s", shown(welcome)).isEqualTo("welcome");
        assertThat(welcome.path("clientId").isTextual() && !welcome.path("clientId").asText()
            .isEmpty()).overridingErrorMessage("%s", shown(welcome)).isTrue();
        members.add(welcome.path("clientId").asText());
        return new Member(peer, welcome.path("clientId").asText());
    }

    private List<Member> enter(int count) {
        return Stream.generate(this::enter).limit(count).toList();
    }

    private static String type(JsonNode message) { return message.path("type").asText(); }

    private static String shown(Object message) {
        var text = message.toString();
        return text.length() <= 200 ? text : text.substring(0, 200) + "… (" + text.length() + ")";
    }

    /// Waits until all that this client said before is done.
    private static void settle(Peer peer) {
        peer.send(PING);
        peer.receive("pong");
    }

    private static void subscribe(Peer peer, String... symbols) {
        peer.send("{\"type\":\"subscribe\",\"symbols\":[\"" + String.join("\",\"", symbols)
            + "\"]}");
        settle(peer);
    }

    private static String chat(String text) {
        return "{\"type\":\"chat\",\"text\":\"" + text + "\"}";
    }

    /// The messages of this type so far.
    private static List<JsonNode> all(Peer peer, String type) {
        return peer.messages().stream().filter(message -> type(message).equals(type)).toList();
    }

    private static List<Frame> frames(Peer peer, int opcode) {
        return peer.frames().stream().filter(frame -> frame.opcode() == opcode).toList();
    }

    /// Runs all of these at the same time, to their end.
    private static void atOnce(Stream<Runnable> actions) throws InterruptedException {
        var threads = actions.map(Thread.ofVirtual()::start).toList();
        for (var thread : threads) thread.join();
    }

    private static String closing(Peer peer) {
        return switch (peer.closeCode()) {
            case 1006 -> "the end of the connection, without a close frame";
            case 1005 -> "a close frame without a code";
            default -> "closed with " + peer.closeCode();
        };
    }

    /// In the best of five: on a busy machine the time may be over before auth is sent.
    private Member enterInTime() {
        for (var tries = 5; ; tries--) {
            // A new server: whoever leaves it is of this check.
            var peer = super.socket(PATH);
            try {
                return enter(peer);
            } catch (AssertionError late) {
                if (tries == 1 || !peer.ended() || peer.closeCode() != 4408) throw late;
            }
        }
    }

    /// What came first: `closed with 4401`, or a message.
    private static String firstSeen(Peer peer) {
        var messages = eventually(peer::messages, all -> !all.isEmpty() || peer.ended());
        return messages.isEmpty() ? closing(peer) : shown(messages.getFirst());
    }

    private static void assertSeen(String seen, String wanted) {
        assertThat(seen).overridingErrorMessage("%s", seen).isEqualTo(wanted);
    }

    @Test @Order(1) @Tag("TODO-1")
    void the_right_token_is_welcomed_and_all_else_is_closed_with_4401() {
        var ids = enter(3).stream().map(Member::id).toList();
        assertThat(ids).as(promise("another clientId for each client", "lab text",
            "it tells who said something, and who left")).doesNotHaveDuplicates();

        for (var first : List.of("{\"type\":\"auth\",\"token\":\"demo-tokem\"}",
            "{\"type\":\"auth\",\"token\":\"demo-token-2\"}",
            "{\"type\":\"auth\",\"token\":\"demo\"}",
            "{\"type\":\"auth\",\"token\":\"\"}", "{\"type\":\"auth\"}", PING,
            "{\"type\":\"subscribe\",\"symbols\":[\"BTC\"]}",
            "{\"type\":\"chat\",\"token\":\"demo-token\",\"text\":\"hello\"}")) {
            var peer = socket(PATH);
            promise("closed with 4401, without an answer, to " + first + " as the first message",
                "RFC 6455 §7.4.2", "whoever is not known gets nothing, and does nothing");
            peer.send(first);
            assertSeen(firstSeen(peer), "closed with 4401");
        }
        var late = socket(PATH);
        promise("closed with 4401, and no welcome to the right token after the wrong one",
            "lab text", "else all tokens can be tried on one connection");
        late.send("{\"type\":\"auth\",\"token\":\"x\"}");
        try {
            late.send(AUTH);
        } catch (RuntimeException closedAlready) {
            // That soon is fine, too.
        }
        assertSeen(firstSeen(late), "closed with 4401");
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_client_that_does_not_authenticate_in_time_is_closed_with_4408() {
        var patience = shortened("AUTH_TIMEOUT_MS", "250");
        var welcomed = enterInTime();
        socket(PATH).hangUp();
        var connecting = System.nanoTime();
        var silent = socket(PATH);
        silent.send(true, Frame.PING, new byte[0]);

        promise("closed with 4408 after " + patience.toMillis() + " ms without auth",
            "RFC 6455 §7.4.2", "else anybody can hold all your connections by saying nothing");
        var ended = eventuallyAfter(patience, silent::ended, is -> is);
        var after = Duration.ofNanos(System.nanoTime() - connecting);
        assertSeen(ended ? closing(silent) : "nothing for " + after.toMillis() + " ms",
            "closed with 4408");
        assertThat(after).overridingErrorMessage("after %d ms", after.toMillis())
            .isGreaterThan(patience.minusMillis(5));
        promise("who authenticated in time stays", "lab text");
        settle(welcomed.peer);
        var leaves = all(welcomed.peer, "leave");
        assertThat(leaves).as(promise("no leave of who was never welcomed", "lab text"))
            .overridingErrorMessage("%s", leaves).isEmpty();
    }

    @Test @Order(3) @Tag("TODO-3")
    void a_client_gets_the_quotes_of_its_symbols_and_no_others() {
        publish("BTC");
        var one = enter().peer;
        var two = enter().peer;
        var none = enter().peer;
        subscribe(one, "BTC");
        subscribe(two, "ETH", "SOL");
        subscribe(two, "DOGE", "ETH");
        var published = Stream.of("BTC", "ETH", "EUR", "BTC", "SOL", "DOGE", "BTC-2", "BT", "BTC")
            .map(this::publish).toList();
        var wantedByOne = published.stream().filter(quote -> quote.symbol().equals("BTC")).toList();
        var wantedByTwo = published.stream()
            .filter(quote -> Set.of("ETH", "SOL", "DOGE").contains(quote.symbol())).toList();

        promise("{\"type\":\"quote\",\"quote\":{…}} for each BTC published since subscribe, as"
            + " published", "lab text", "what nobody asked for is what a phone pays for");
        assertQuotes(one, wantedByOne);
        promise("the quotes of ETH, SOL and DOGE, each once: subscribe adds symbols", "lab text",
            "one listener a client is enough, however often it subscribes");
        assertQuotes(two, wantedByTwo);
        promise("no quote without subscribe, and none from before it", "lab text");
        subscribe(none, "EUR");
        assertQuotes(none, List.of(publish("EUR")));
    }

    /// Fails unless these come to this peer, and nothing else up to one that follows them.
    private void assertQuotes(Peer peer, List<Quote> wanted) {
        peer.send("{\"type\":\"subscribe\",\"symbols\":[\"LAST\"]}");
        settle(peer);
        var last = publish("LAST");
        var quotes = eventually(() -> all(peer, "quote").stream()
            .map(message -> quote(message.path("quote"))).toList(),
            all -> all.contains(last) || peer.ended());
        var expected = Stream.concat(wanted.stream(), Stream.of(last)).toList();
        assertThat(quotes).overridingErrorMessage("%s", quotes.stream()
            .map(quote -> quote.id() + " " + quote.symbol()).toList()).isEqualTo(expected);
    }

    private static Quote quote(JsonNode json) {
        try {
            return Market.JSON.treeToValue(json, Quote.class);
        } catch (IOException malformed) {
            throw new AssertionError("no quote: " + shown(json));
        }
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_chat_reaches_all_who_were_welcomed_in_one_order() throws InterruptedException {
        var stranger = socket(PATH);
        var members = enter(10);
        var speakers = members.subList(0, 4);
        var text = "\\\"Grüße\\\" 🙂 \\n\\u0000";
        speakers.getFirst().peer.send(chat(text));
        for (var member : members) {
            promise("the chat with its sender's clientId to all 10, the sender as well",
                "lab text", "the sender, too, must see where its chat stands among the others'");
            var chat = member.peer.receive("chat");
            assertThat(chat.path("text").asText() + " of " + chat.path("clientId").asText())
                .isEqualTo("\"Grüße\" 🙂 \n\u0000 of " + speakers.getFirst().id);
        }

        for (var round = 0; round < 3; round++) {
            atOnce(speakers.stream().map(speaker -> () -> {
                for (var i = 0; i < 50; i++) speaker.peer.send(chat("" + i));
            }));
            var first = chats(members.getFirst().peer, 200);
            for (var speaker : speakers) {
                promise("the chats of one sender in its order", "lab text");
                assertThat(first.stream().filter(chat -> chat.endsWith(speaker.id)).toList())
                    .isEqualTo(IntStream.range(0, 50).mapToObj(i -> i + " of " + speaker.id)
                        .toList());
            }
            promise("200 chats of 4 senders in the same order to all 10", "lab text",
                "two broadcasts at the same moment must not overtake each other on the way");
            for (var member : members.subList(1, 10)) {
                var chats = chats(member.peer, 200);
                assertThat(chats).overridingErrorMessage("to one %s, to another %s",
                    difference(first, chats), difference(chats, first)).isEqualTo(first);
            }
        }
        assertThat(stranger.messages()).as(promise("nothing to who was not welcomed", "lab text"))
            .isEmpty();
    }

    private static List<String> chats(Peer peer, int count) {
        return IntStream.range(0, count).mapToObj(_ -> peer.receive("chat"))
            .map(chat -> chat.path("text").asText() + " of " + chat.path("clientId").asText())
            .toList();
    }

    /// The first few of `one` from where it differs from `other`.
    private static List<String> difference(List<String> one, List<String> other) {
        var same = IntStream.range(0, Math.min(one.size(), other.size()))
            .takeWhile(i -> one.get(i).equals(other.get(i))).count();
        return one.stream().skip(same).limit(3).map(chat -> chat.substring(0,
            Math.min(14, chat.length()))).toList();
    }

    @Test @Order(5) @Tag("TODO-5")
    void those_who_remain_hear_exactly_once_that_one_is_gone() throws InterruptedException {
        var before = quiet();
        var watchers = enter(3);
        var leavers = enter(12);
        for (var leaver : leavers) subscribe(leaver.peer, "BTC");
        assertThat(listeners() - before).as(promise("12 listeners more, for 12 who subscribed",
            "lab text")).isEqualTo(12);

        atOnce(Stream.concat(Stream.of(() -> {
            for (var i = 0; i < 100; i++) watchers.getFirst().peer.send(chat("" + i));
        }), IntStream.range(0, 12).mapToObj(i -> () -> goodbye(leavers.get(i).peer, i))));
        var wanted = leavers.stream().map(Member::id).sorted().toList();
        for (var watcher : watchers) {
            promise("{\"type\":\"leave\",\"clientId\":…} once for each of 12, with a close frame"
                + " or without", "lab text", "a network that breaks sends no close frame");
            var left = Stream.generate(() -> watcher.peer.receive("leave")).limit(12)
                .map(leave -> leave.path("clientId").asText()).sorted().toList();
            assertThat(left).overridingErrorMessage("%d different ones in the first 12",
                Set.copyOf(left).size()).isEqualTo(wanted);
        }
        var left = eventually(this::listeners, count -> count == before);
        assertThat(left - before).as(promise("no listener that 12 who are gone have left behind",
            "lab text", "each would be told every quote for ever"))
            .overridingErrorMessage("listeners: %d more", left - before).isZero();
        watchers.getFirst().peer.send(chat("the end"));
        promise("no second leave of the same client", "lab text");
        for (var watcher : watchers) {
            for (var chat = ""; !chat.equals("the end"); )
                chat = watcher.peer.receive("chat").path("text").asText();
            assertThat(all(watcher.peer, "leave").size())
                .overridingErrorMessage("%d for 12", all(watcher.peer, "leave").size())
                .isEqualTo(12);
        }
        promise("the same order of leaves and chats to all who remain", "lab text");
        var first = told(watchers.getFirst().peer);
        for (var watcher : watchers) {
            var told = told(watcher.peer);
            assertThat(told).overridingErrorMessage("to one %s, to another %s",
                difference(first, told), difference(told, first)).isEqualTo(first);
        }
    }

    private static void goodbye(Peer peer, int number) {
        switch (number % 3) {
            case 0 -> peer.hangUp();
            case 1 -> peer.close(1000);
            default -> peer.send(true, Frame.CLOSE, new byte[0]);
        }
    }

    /// Chats and leaves, each as one text.
    private static List<String> told(Peer peer) {
        return peer.messages().stream().filter(one -> Set.of("chat", "leave").contains(type(one)))
            .map(one -> one.path("text").asText("leave") + " of " + one.path("clientId").asText())
            .toList();
    }

    @Test @Order(6) @Tag("TODO-6")
    void what_cannot_be_served_gets_an_error_and_the_tenth_in_a_row_1008() {
        var witness = enter().peer;
        var peer = enter().peer;
        subscribe(peer, "BTC");
        var many = IntStream.range(0, 100).mapToObj(i -> "\"S" + i + "\"")
            .collect(Collectors.joining(","));
        for (var bad : List.of("nope", "{", "", "[]", "5", "null", "{}", "{\"type\":5}",
            "{\"type\":\"nope\"}", "{\"type\":\"welcome\"}", "{\"type\":\"chat\"}",
            "{\"type\":\"chat\",\"text\":5}", "{\"type\":\"chat\",\"text\":\"x\"} y", AUTH,
            "{\"type\":\"subscribe\"}", "{\"type\":\"subscribe\",\"symbols\":\"BAD\"}",
            "{\"type\":\"subscribe\",\"symbols\":[]}",
            "{\"type\":\"subscribe\",\"symbols\":[\"BAD\",5]}",
            "{\"type\":\"subscribe\",\"symbols\":[\"BAD\",\"\"]}",
            "{\"type\":\"subscribe\",\"symbols\":{\"a\":\"BAD\"}}",
            "{\"type\":\"subscribe\",\"symbols\":[\"BAD\"," + many + "]}")) {
            promise("{\"type\":\"error\",\"detail\":\"…\"} to " + shown(bad), "lab text",
                "one bad message is no reason to throw somebody out");
            peer.send(bad);
            assertError(peer.receive());
            promise("a pong afterwards: the connection stays", "lab text");
            settle(peer);
        }
        promise("an error to a binary message, too", "RFC 6455 §5.6");
        peer.send(true, Frame.BINARY, PING.getBytes(StandardCharsets.UTF_8));
        assertError(peer.receive());
        promise("nothing done of what was refused", "lab text");
        publish("BAD");
        assertQuotes(peer, List.of());

        var patient = enter().peer;
        promise("9 errors in a row, and a pong: a good message starts afresh", "lab text");
        for (var i = 0; i < 2; i++) {
            for (var j = 0; j < 9; j++) patient.send("nope");
            for (var j = 0; j < 9; j++) assertError(patient.receive());
            settle(patient);
        }
        promise("9 errors, then closed with 1008 for the tenth in a row", "RFC 6455 §7.4.1",
            "who sends nothing but nonsense is broken, or at work on something");
        for (var j = 0; j < 10; j++) patient.send("nope");
        for (var j = 0; j < 9; j++) assertError(patient.receive());
        assertSeen(closing(patient), "closed with 1008");
        for (var first : List.of("nope", "[]")) {
            promise("closed with 4401 when the first message is " + first, "lab text");
            var stranger = socket(PATH);
            stranger.send(first);
            assertSeen(firstSeen(stranger), "closed with 4401");
        }
        promise("closed with 4401 when the first message is binary", "lab text");
        var stranger = socket(PATH);
        stranger.send(true, Frame.BINARY, AUTH.getBytes(StandardCharsets.UTF_8));
        assertSeen(firstSeen(stranger), "closed with 4401");
        settle(witness);
        assertThat(all(witness, "chat")).as(promise("no chat of what was refused", "lab text"))
            .isEmpty();
    }

    private static void assertError(JsonNode message) {
        assertThat(type(message).equals("error") && message.path("detail").isTextual())
            .overridingErrorMessage("%s", shown(message)).isTrue();
    }

    @Test @Order(7) @Tag("TODO-7")
    void a_message_of_64_KiB_is_served_and_a_longer_one_closed_with_1009() {
        var witness = enter().peer;
        var peer = enter().peer;
        promise("a chat of 65,536 bytes to all", "lab text", "that long is fine");
        peer.send(chatOf(LONGEST, "x"));
        for (var one : List.of(witness, peer)) {
            var whole = one.receive();
            assertThat(chatOf(LONGEST, "x")).overridingErrorMessage("%s", shown(whole))
                .contains(whole.path("text").asText("no text"));
        }
        promise("a chat of 65,536 bytes in three fragments, with a ping between them, as one",
            "RFC 6455 §5.4", "a message is whole when its last fragment has come");
        var bytes = chatOf(LONGEST, "é").getBytes(StandardCharsets.UTF_8);
        peer.send(false, Frame.TEXT, Arrays.copyOf(bytes, 40_001));
        peer.send(true, Frame.PING, "in between".getBytes(StandardCharsets.UTF_8));
        peer.send(false, Frame.CONTINUATION, Arrays.copyOfRange(bytes, 40_001, 50_000));
        peer.send(true, Frame.CONTINUATION, Arrays.copyOfRange(bytes, 50_000, bytes.length));
        var whole = witness.receive();
        assertThat(chatOf(LONGEST, "é")).overridingErrorMessage("%s", shown(whole))
            .contains(whole.path("text").asText("no text"));
        promise("a pong with the payload of the ping", "RFC 6455 §5.5.3");
        var pongs = eventually(() -> frames(peer, Frame.PONG).stream().map(Frame::text).toList(),
            all -> !all.isEmpty());
        assertThat(pongs).overridingErrorMessage("pongs: %s", pongs)
            .isEqualTo(List.of("in between"));

        var why = "without a limit one message can fill the memory";
        promise("closed with 1009 for 65,537 bytes", "RFC 6455 §7.4.1", why);
        peer.send(chatOf(LONGEST + 1, "x"));
        assertSeen(closing(peer), "closed with 1009");
        var wide = enter().peer;
        promise("closed with 1009 for 33,000 characters of 2 bytes each", "lab text",
            "a limit of characters is no limit of memory");
        wide.send(chat("é".repeat(33_000)));
        assertSeen(closing(wide), "closed with 1009");
        var parts = enter().peer;
        promise("closed with 1009 for two fragments of 40,000 bytes", "RFC 6455 §5.4", why);
        var long80 = chatOf(80_000, "x").getBytes(StandardCharsets.UTF_8);
        parts.send(false, Frame.TEXT, Arrays.copyOf(long80, 40_000));
        parts.send(true, Frame.CONTINUATION, Arrays.copyOfRange(long80, 40_000, 80_000));
        assertSeen(closing(parts), "closed with 1009");
        var binary = enter().peer;
        promise("closed with 1009 for a binary message of 65,537 bytes", "lab text", why);
        binary.send(true, Frame.BINARY, new byte[LONGEST + 1]);
        assertSeen(closing(binary), "closed with 1009");
        settle(witness);
        assertThat(all(witness, "chat").size()).as(promise("none of these to the others",
            "lab text")).isEqualTo(2);
    }

    /// A chat of so many bytes in UTF-8.
    private static String chatOf(int bytes, String filler) {
        var empty = chat("").length();
        var width = filler.getBytes(StandardCharsets.UTF_8).length;
        return chat(filler.repeat((bytes - empty) / width) + "x".repeat((bytes - empty) % width));
    }

    @Test @Order(8) @Tag("TODO-8")
    void pings_go_out_and_who_answers_none_of_two_is_dropped() {
        var pause = shortened("PING_MS", "100");
        var fourPings = pause.multipliedBy(4);
        // Who answers stays, in the best of five: on a busy machine an answer may be late.
        for (var tries = 5; ; tries--) {
            var healthy = enter();
            var silent = enter(socket(PATH).withoutPong());
            promise("a ping every " + pause.toMillis() + " ms, to who is silent, too",
                "RFC 6455 §5.5.2", "a peer that lost its network sends nothing, not even an end");
            var pings = eventuallyAfter(fourPings, () -> frames(silent.peer, Frame.PING).size(),
                count -> count >= 2 || silent.peer.ended());
            assertThat(pings).overridingErrorMessage("%d pings", pings).isGreaterThanOrEqualTo(1);
            promise("dropped when two pings in a row had no pong", "lab text",
                "writing to who is gone succeeds for minutes: only an answer is a sign of life");
            var dropped = eventuallyAfter(fourPings, silent.peer::ended, ended -> ended);
            var sent = frames(silent.peer, Frame.PING).size();
            assertThat(dropped && sent >= 2 && sent <= 3).overridingErrorMessage("%s after %d pings"
                + " without a pong", dropped ? "dropped" : "still connected", sent).isTrue();
            if (stays(healthy.peer, silent.id, fourPings)) return;
            promise("who answers pings stays, and hears once that the other one left", "lab text",
                "an idle client is a healthy client");
            assertThat(tries).overridingErrorMessage("%s", healthy.peer.ended()
                ? closing(healthy.peer) : all(healthy.peer, "leave").size() + " leaves")
                .isGreaterThan(1);
        }
    }

    private static boolean stays(Peer peer, String gone, Duration pause) {
        var seen = frames(peer, Frame.PING).size();
        eventuallyAfter(pause, () -> frames(peer, Frame.PING).size(),
            count -> count > seen || peer.ended());
        try {
            settle(peer);
        } catch (AssertionError dropped) {
            return false;
        }
        return all(peer, "leave").stream().filter(leave -> leave.path("clientId").asText()
            .equals(gone)).count() == 1;
    }

    @Test @Order(9) @Tag("TODO-9")
    void one_that_does_not_read_delays_nobody_and_is_evicted_with_1013() {
        var burst = enter().peer;
        subscribe(burst, "ETH");
        promise("200 quotes that are published in one go to who reads, in order", "lab text",
            "a burst is no reason to throw somebody out");
        var published = publish(200);
        var quotes = IntStream.range(0, 200).mapToObj(_ -> burst.receive("quote"))
            .map(message -> message.path("quote").path("id").asLong()).toList();
        assertIds(quotes).areExactly(published);

        // In the best of three: on a busy machine somebody else may be the reason for a delay.
        var longest = Stream.generate(this::longestDelay).limit(3)
            .takeWhile(delay -> delay.toMillis() >= 1_000).toList();
        assertThat(longest.size()).as(promise("no delay for those who read", "lab text",
            "whoever waits for one client lets all others wait, too"))
            .overridingErrorMessage("40 chats took %s ms, in 3 tries",
                longest.stream().map(Duration::toMillis).toList()).isLessThan(3);
    }

    /// Lets one of 40 read nothing, until it is evicted. The longest time that 40 chats took to
    /// all others.
    private Duration longestDelay() {
        var speaker = enter().peer;
        var stalled = enter(deafSocket(PATH));
        stalled.peer.deaf();
        promise("every chat to those who read, while one does not", "lab text",
            "whoever waits for one client lets all others wait, too");
        // More than the system keeps for a connection (4 MB at most), by much less than 256.
        for (var i = 0; i < 90; i++) speaker.send(chat("x".repeat(60_000)));
        for (var i = 0; i < 90; i++) speaker.receive("chat");
        var readers = enter(38).stream().map(Member::peer).toList();
        promise("every chat to those who read, while one does not", "lab text",
            "whoever waits for one client lets all others wait, too");
        var longest = Duration.ZERO;
        var chats = 0;
        for (var left = false; !left; chats += 40) {
            var start = System.nanoTime();
            for (var i = 0; i < 40; i++) speaker.send(chat("" + (chats + i)));
            left = hear(speaker, chats, stalled.id);
            for (var reader : readers) left |= hear(reader, chats, stalled.id);
            var took = Duration.ofNanos(System.nanoTime() - start);
            longest = longest.compareTo(took) > 0 ? longest : took;
            assertThat(chats).as(promise("who has 256 messages waiting evicted: its leave to all",
                "lab text", "without a limit one that is asleep fills the memory"))
                .overridingErrorMessage("no leave after %d chats more than its connection could"
                    + " take", chats).isLessThan(WAITING + 120);
        }
        assertThat(90 + chats).as(promise("nobody evicted while less than 200 wait", "lab text"))
            .isGreaterThan(200);
        evicted(stalled.peer);
        for (var reader : readers) settle(reader);
        return longest;
    }

    /// Receives the 40 chats from this number on, in order; whether this client left meanwhile.
    private static boolean hear(Peer reader, int first, String leaver) {
        var left = false;
        for (var i = 0; i < 40; ) {
            var message = reader.receive();
            if (type(message).equals("leave"))
                left |= message.path("clientId").asText().equals(leaver);
            else
                assertThat(message.path("text").asText()).isEqualTo("" + (first + i++));
        }
        return left;
    }

    private void evicted(Peer stalled) {
        promise("closed with 1013 when it reads on", "IANA WebSocket close codes: 1013",
            "it tells: try again later, nothing is wrong with what you said");
        stalled.readOn();
        assertSeen(closing(stalled), "closed with 1013");
        promise("what it gets before that without a gap", "lab text");
        var texts = all(stalled, "chat").stream().map(chat -> chat.path("text").asText())
            .filter(text -> text.length() < 10).toList();
        assertThat(texts).isEqualTo(IntStream.range(0, texts.size()).mapToObj(i -> "" + i)
            .toList());
    }

    @Test @Order(10) @Tag("TODO-10")
    void a_server_that_stops_closes_all_with_1001() {
        var peers = new ArrayList<>(enter(5).stream().map(Member::peer).toList());
        subscribe(peers.getFirst(), "BTC");
        peers.add(socket(PATH));
        // A server that still answers the handshake has no connection to close yet.
        peers.getLast().send(true, Frame.PING, new byte[0]);
        eventually(() -> frames(peers.getLast(), Frame.PONG).size(), count -> count > 0);
        Assumptions.assumeTrue(stopServer(), "this server is not ours to stop");

        promise("closed with 1001", "RFC 6455 §7.4.1",
            "it tells: the server is going away, connect to another");
        for (var peer : peers) assertSeen(closing(peer), "closed with 1001");
    }

    @Test @Order(11) @Tag("TODO-11")
    void a_page_of_another_server_is_refused_with_403() {
        for (var own : List.of("http://127.0.0.1", "https://127.0.0.1")) {
            promise("101 to Origin: " + own + ", with Host: 127.0.0.1", "RFC 6455 §10.2");
            assertThat(open("Origin", own)).hasStatus(101);
        }
        assertThat(open()).as(promise("101 without Origin", "RFC 6455 §10.2",
            "only browsers send it")).hasStatus(101);
        for (var foreign : List.of("http://evil.example", "null", "http://127.0.0.1.evil.example",
            "http://evil.example/127.0.0.1", "http://evil127.0.0.1", "http://127.0.0.1:81")) {
            promise("403 to Origin: " + foreign + ", with Host: 127.0.0.1", "RFC 6455 §10.2",
                "else any page that a user visits can talk to this server as that user");
            assertThat(open("Origin", foreign)).hasStatus(403);
        }
    }

    /// Sends a right handshake with these headers besides.
    private Answer open(String... headers) {
        return handshake(PATH, Stream.concat(Stream.of("Connection", "Upgrade", "Upgrade",
            "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key",
            "dGhlIHNhbXBsZSBub25jZQ=="), Stream.of(headers)).toArray(String[]::new));
    }

    @Test @Order(12) @Tag("TODO-12") @Tag("client")
    void the_client_authenticates_then_subscribes_and_delivers_each_quote_once() throws Exception {
        var host = new Host(_ -> Fate.SERVED);
        try (var client = follow(new Lab.Start(tap(serve(host)).url(), 0).token("a-secret")
            .symbols("BTC", "SOL"))) {
            promise("first auth with the token, and then subscribe with the symbols", "lab text",
                "a server answers nobody whom it doesn't know");
            var visit = host.visit(0, client);
            visit.welcomed("a-secret", "BTC", "SOL");
            visit.say(quotes(1, 2));
            for (var other : List.of("chat", "leave", "error", "pong", "news"))
                visit.socket.send("{\"type\":\"" + other + "\",\"text\":\"x\",\"detail\":\"x\"}");
            visit.say(quotes(3, 4));
            promise("quotes 1 to 4 in order, each once, whatever else comes between them",
                "lab text", "a server may say more tomorrow than it does today");
            assertIds(client.ids(4)).areExactly(ids(1, 4));
        }
    }

    @Test @Order(13) @Tag("TODO-13") @Tag("client")
    void the_client_comes_back_each_time_that_it_is_cut_off() throws Exception {
        var host = new Host(_ -> Fate.SERVED);
        var tap = tap(serve(host));
        try (var client = follow(new Lab.Start(tap.url(), 0).symbols("BTC"))) {
            var cuts = 0;
            // On a busy machine some pauses are long, but not for ever. Who doesn't begin afresh
            // waits for 2.5 s on the average after so many cuts.
            for (; ; cuts++) {
                promise("auth, subscribe and the next quotes after " + cuts + " connections that"
                    + " ended", "lab text", "a connection ends, sooner or later: a network"
                    + " changes, a server restarts");
                var visit = host.visit(cuts, client);
                visit.welcomed("demo-token", "BTC");
                visit.say(quotes(2 * cuts + 1, 2 * cuts + 2));
                assertIds(client.ids(2 * cuts + 2)).areExactly(ids(1, 2 * cuts + 2));
                visit.ended();
                if (cuts >= 14 || cuts >= 10 && soon(host.pauses())) break;
                if (cuts % 2 == 0) tap.cut();
                else visit.socket.close(1000 + List.of(0, 1, 8, 11, 13).get(cuts / 2 % 5), "");
            }
            assertThat(host.visits().size()).as(promise("one connection at a time", "lab text"))
                .isEqualTo(cuts + 1);
            assertThat(soon(host.pauses())).as(promise("at most 50 ms before it connects again,"
                + " after each connection that was welcomed", "lab text", "the back-off starts"
                + " afresh")).overridingErrorMessage("%s ms", host.pauses()).isTrue();
        }
    }

    @Test @Order(14) @Tag("TODO-14") @Tag("client")
    void the_client_backs_off_further_each_time_and_by_chance() throws Exception {
        // One that is welcomed, then four that are not: refused, or accepted and then closed.
        var host = new Host(number -> number % 5 == 0 ? Fate.SERVED
            : number % 2 == 0 ? Fate.REFUSED : Fate.CLOSED);
        var tap = tap(serve(host));
        // A busy machine makes a pause longer, early ones as well as late ones.
        var late = 0;
        var early = 0;
        var grows = false;
        var chance = false;
        try (var client = follow(new Lab.Start(tap.url(), 0).symbols("BTC"))) {
            for (var number = 0; !(grows && chance); number++) {
                promise("another try after each that failed", "lab text");
                var visit = host.visit(number, client);
                if (visit.fate == Fate.SERVED) {
                    visit.welcomed("demo-token", "BTC");
                    visit.ended();
                    tap.cut();
                }
                if (number == 0) continue;
                var failures = (number - 1) % 5;
                var longest = 50L << failures;
                var pause = host.pauses().get(number - 1);
                if (pause > 200 && failures >= 3) late++;
                if (pause > 200 && failures <= 1) early++;
                grows |= late >= 2 && late > 2 * early;
                chance |= pause < longest / 2;
                assertThat(grows || number < 40).as(promise("longer pauses, up to 50 ms × 2^n,"
                    + " while no try is welcomed", "lab text", "a thousand clients that come back"
                    + " at once keep a server down; being connected is no success yet"))
                    .overridingErrorMessage("%s ms", host.pauses()).isTrue();
                assertThat(chance || number < 40).as(promise("any pause from 0 to 50 ms × 2^n",
                    "lab text", "clients that met one outage come back in step"))
                    .overridingErrorMessage("never less than half of it: %s ms", host.pauses())
                    .isTrue();
            }
        }
        promise("no subscribe without a welcome", "lab text");
        for (var visit : host.visits())
            if (visit.fate == Fate.CLOSED) assertThat(visit.said().size())
                .overridingErrorMessage("%s", visit.said()).isLessThanOrEqualTo(1);
    }

    @Test @Order(15) @Tag("TODO-13") @Tag("client")
    void the_client_stops_on_4401_and_when_its_sink_fails() throws Exception {
        var host = new Host(number -> number < 2 ? Fate.CLOSED : Fate.UNKNOWN);
        try (var client = follow(new Lab.Start(tap(serve(host)).url(), 0))) {
            promise("another try after close code 1011, twice", "lab text");
            for (var number = 0; number < 3; number++) host.visit(number, client);
            promise("the end after close code 4401", "lab text",
                "the same token will be as wrong in a second");
            assertThat(eventually(SOON, client::ended, Optional::isPresent).isPresent())
                .overridingErrorMessage("%d connections, and it goes on", host.visits().size())
                .isTrue();
            assertThat(host.visits().size()).isEqualTo(3);
        }
        // Several, since a thread that reads on may lose the race against the end.
        var clients = new ArrayList<Follower>();
        for (var i = 0; i < 4; i++) {
            var other = new Host(_ -> Fate.SERVED);
            var tap = tap(serve(other));
            var client = follow(new Lab.Start(tap.url(), 0).symbols("BTC"));
            clients.add(client);
            client.refuseOnce(2);
            var visit = other.visit(0, client);
            visit.welcomed("demo-token", "BTC");
            // While the sink is busy with the first the others arrive: they are read together.
            client.hold();
            visit.say(quotes(1, 9));
            eventually(SOON, () -> quotesPassed(tap), count -> count == 9);
            client.goOn();
            promise("quote 1, then the end: the sink failed on 2", "lab text",
                "a quote that got lost between two that did not is the worst of all");
            assertThat(eventually(SOON, client::ended, Optional::isPresent).isPresent())
                .overridingErrorMessage("it goes on").isTrue();
            assertThat(other.visits().size()).isEqualTo(1);
        }
        // Who reads on does so now, and there is nothing else that would tell.
        eventually(Duration.ofMillis(100), () -> clients.stream().anyMatch(client ->
            client.ids(1).size() > 1), more -> more);
        for (var client : clients) assertIds(client.ids(1)).areExactly(ids(1, 1));
    }

    private static long quotesPassed(Tap tap) {
        return tap.exchanges().getFirst().received().stream()
            .filter(frame -> frame.text().contains("\"quote\"")).count();
    }

    @Test @Order(16) @Tag("TODO-15") @Tag("bonus")
    void a_handshake_of_another_version_gets_426_and_a_bad_key_400() {
        for (var version : List.of("12", "8", "0", "14", "x", "")) {
            promise("426 with Connection: Upgrade, Upgrade: websocket and "
                + "Sec-WebSocket-Version: 13, to version " + version, "RFC 6455 §4.4",
                "so a client of another time knows what to speak");
            assertRefused(handshake(PATH, "Connection", "Upgrade", "Upgrade", "websocket",
                "Sec-WebSocket-Version", version, "Sec-WebSocket-Key",
                "dGhlIHNhbXBsZSBub25jZQ=="));
        }
        promise("426 with Connection: Upgrade and Upgrade: websocket to a plain GET",
            "RFC 9110 §15.5.22");
        assertRefused(get(PATH));

        for (var key : List.of("", "x", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZXM=",
            "dGhlIHNhbXBsZSBub25jZXMh", "!!!!IHNhbXBsZSBub25jZQ==")) {
            promise("400 to Sec-WebSocket-Key: " + (key.isEmpty() ? "(empty)" : key),
                "RFC 6455 §4.2.1", "it must be 16 bytes in base64");
            assertThat(handshake(PATH, "Connection", "Upgrade", "Upgrade", "websocket",
                "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", key)).hasStatus(400);
        }
        assertThat(handshake(PATH, "Connection", "Upgrade", "Upgrade", "websocket",
            "Sec-WebSocket-Version", "13")).as(promise("400 without Sec-WebSocket-Key",
            "RFC 6455 §4.2.1")).hasStatus(400);
        assertThat(open()).as(promise("101 to a right handshake", "RFC 6455 §4.2.2"))
            .hasStatus(101);
    }

    private static void assertRefused(Answer answer) {
        assertThat(answer).hasStatus(426).hasToken("Connection", "Upgrade")
            .hasToken("Upgrade", "websocket").hasToken("Sec-WebSocket-Version", "13");
    }

    /// What a server of ours does to a connection.
    private enum Fate {
        /// It is welcomed after `auth`, whatever the token.
        SERVED,
        /// The handshake is answered with 503.
        REFUSED,
        /// Closed with 1011 when it authenticates.
        CLOSED,
        /// Closed with 4401 when it authenticates.
        UNKNOWN
    }

    /// A server for the client.
    private static final class Host extends Dispatcher {
        private final IntFunction<Fate> fates;
        private final List<Visit> visits = new CopyOnWriteArrayList<>();

        /// @param fates of the connections, numbered from 0
        Host(IntFunction<Fate> fates) { this.fates = fates; }

        @Override public synchronized MockResponse dispatch(RecordedRequest request) {
            var visit = new Visit(fates.apply(visits.size()));
            visits.add(visit);
            if (visit.fate != Fate.REFUSED)
                return new MockResponse.Builder().webSocketUpgrade(visit).build();
            visit.ended();
            return unavailable().build();
        }

        /// The connection of the client with this number, as soon as it comes.
        Visit visit(int number, Follower client) {
            var limit = number == 0 ? client.patience() : SOON;
            var came = eventually(limit, visits::size,
                count -> count > number || client.ended().isPresent());
            assertThat(visits.size()).overridingErrorMessage("connection %d, but not %d%s", came,
                number + 1, client.ended().map(how -> ": " + String.join(" ", how))
                    .orElse(" within " + limit.toSeconds() + " s")).isGreaterThan(number);
            return visits.get(number);
        }

        List<Visit> visits() { return List.copyOf(visits); }

        /// From the end of each connection to the next one, milliseconds.
        List<Long> pauses() {
            var all = visits();
            return IntStream.range(1, all.size())
                .mapToObj(i -> (all.get(i).cameAt - all.get(i - 1).endedAt) / 1_000_000).toList();
        }
    }

    /// One connection of the client to a server of ours.
    private static final class Visit extends WebSocketListener {
        final Fate fate;
        final long cameAt = System.nanoTime();
        private final List<JsonNode> said = new CopyOnWriteArrayList<>();
        volatile WebSocket socket;
        volatile long endedAt;

        Visit(Fate fate) { this.fate = fate; }

        void ended() { endedAt = System.nanoTime(); }

        @Override public void onOpen(WebSocket opened, Response answer) { socket = opened; }

        @Override public void onMessage(WebSocket from, String text) {
            try {
                said.add(Market.JSON.readTree(text));
            } catch (IOException malformed) {
                said.add(Market.JSON.getNodeFactory().textNode(text));
            }
            if (!type(said.getLast()).equals("auth")) return;
            if (fate == Fate.SERVED) from.send("{\"type\":\"welcome\",\"clientId\":\"7\"}");
            else {
                ended();
                from.close(fate == Fate.CLOSED ? 1011 : 4401, "");
            }
        }

        @Override public void onClosing(WebSocket closing, int code, String reason) {
            closing.close(1000, "");
        }

        List<JsonNode> said() { return List.copyOf(said); }

        /// Waits until the client has said who it is and what it wants; fails if it says anything
        /// else.
        void welcomed(String token, String... symbols) {
            var said = eventually(this::said, all -> all.size() >= 2);
            assertThat(said.size() == 2 && type(said.getFirst()).equals("auth")
                && said.getFirst().path("token").asText().equals(token)
                && type(said.getLast()).equals("subscribe") && texts(said.getLast()
                    .path("symbols")).equals(Set.of(symbols)))
                .overridingErrorMessage("%s", said.isEmpty() ? "nothing" : said).isTrue();
        }

        private static Set<String> texts(JsonNode array) {
            return StreamSupport.stream(array.spliterator(), false).map(JsonNode::asText)
                .collect(Collectors.toSet());
        }

        void say(List<Quote> quotes) {
            for (var quote : quotes)
                socket.send(Market.JSON.createObjectNode().put("type", "quote")
                    .set("quote", Market.JSON.valueToTree(quote)).toString());
        }
    }
}
