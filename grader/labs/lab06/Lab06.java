package labs.lab06;

import module java.base;
import market.Quote;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.Setting;
import wirelab.wire.*;

@DisplayName("WebSocket")
public class Lab06 extends SocketChecks {
    public static final List<Setting> SETTINGS = List.of(
        new Setting("AUTH_TIMEOUT_MS", "10000"), new Setting("PING_MS", "15000"));
    public static final List<Class<? extends Checks>> PARTS =
        List.of(Lab06Connection.class, Lab06Client.class);

    /// First messages of a client that must stay out.
    private static final String NO_AUTH = """
        {"type":"auth","token":"demo-tokem"}   {"type":"auth","token":"demo-token-2"}
        {"type":"auth","token":"demo"}         {"type":"auth","token":""}
        {"type":"auth"}                        {"type":"ping"}
        {"type":"subscribe","symbols":["BTC"]}
        {"type":"chat","token":"demo-token","text":"hello"}
        """;

    /// Messages that can't be served.
    private static final String BAD = """
        nope   {   []   5   null   {}   {"type":5}   {"type":"nope"}   {"type":"welcome"}
        {"type":"chat"}   {"type":"chat","text":5}   {"type":"chat","text":"x"} y
        {"type":"auth","token":"demo-token"}
        {"type":"subscribe"}
        {"type":"subscribe","symbols":"BAD"}        {"type":"subscribe","symbols":[]}
        {"type":"subscribe","symbols":["BAD",5]}    {"type":"subscribe","symbols":["BAD",""]}
        {"type":"subscribe","symbols":{"a":"BAD"}}
        """;

    private static List<String> each(String table) { return List.of(table.split("\\n| {2,}")); }

    @Test @Order(1) @Tag("TODO-1")
    void the_right_token_is_welcomed_and_all_else_is_closed_with_4401() {
        promise("another clientId for each of three clients", "S1",
            "it tells the others who said something, and who left")
            .that(enter(3).stream().map(Member::id).toList()).hasNoDuplicates();

        for (var first : each(NO_AUTH))
            promise("closed with 4401, without an answer, to " + first + " as the first message",
                "S2 · RFC 6455 §7.4.2", "an unknown client gets nothing, and does nothing")
                .of(stranger(first)).closesFirstWith(4401);
        var guessing = stranger(message("auth", "token", "x"));
        try {
            guessing.send(AUTH);
        } catch (NoAnswer closedAlready) {
            // That soon is fine, too.
        }
        promise("closed with 4401 for a wrong token, and no welcome to the right one after it",
            "S2", "otherwise all tokens can be tried on one connection")
            .of(guessing).closesFirstWith(4401);
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_client_that_does_not_authenticate_in_time_is_closed_with_4408() {
        var patience = shorten("AUTH_TIMEOUT_MS", 250);
        // On a busy machine the time may be over before `auth` is sent. This member hears every
        // `leave`: nobody has left this server before.
        var member = welcomed("S1 · S3", inTheBestOf(5, () -> stranger(AUTH),
            peer -> peer.awaitFirst().isPresent()));
        socket(PATH).hangUp();
        var connecting = System.nanoTime();
        var silent = socket(PATH);
        silent.send(true, Frame.PING, new byte[0]);

        var promise = promise("closed with 4408 after " + patience.toMillis() + " ms without auth",
            "S3 · RFC 6455 §7.4.2",
            "otherwise anybody can hold all your connections by saying nothing");
        promise.of(silent).closesWith(4408, patience);
        var after = Duration.ofNanos(System.nanoTime() - connecting);
        promise.that(after, "after %d ms", after.toMillis()).isAbove(patience.minusMillis(5));
        promise("pong to ping: a client that authenticated in time stays", "S3")
            .of(member.peer().send(PING)).hears("pong");
        promise("no leave for a client that was never welcomed", "S8")
            .that(member.peer().messages("leave")).isEmpty();
    }

    @Test @Order(3) @Tag("TODO-3")
    void a_client_gets_the_quotes_of_its_symbols_and_no_others() {
        publish("BTC");
        var one = subscriber("BTC");
        var two = subscribe(subscriber("ETH", "SOL"), "DOGE", "ETH");
        var none = enter();
        var published = Stream.of("BTC", "ETH", "EUR", "BTC", "SOL", "DOGE", "BTC-2", "BT", "BTC")
            .map(this::publish).toList();

        assertQuotes(promise("a quote for each BTC published since subscribe, as published", "S4",
            "a phone pays for each quote that nobody asked for"), one, published, "BTC");
        assertQuotes(promise("the quotes of ETH, SOL and DOGE, each once: subscribe adds symbols",
            "S4 · S5", "one listener a client is enough, however often it subscribes"),
            two, published, "ETH", "SOL", "DOGE");
        assertQuotes(promise("no quote without subscribe, and none from before it", "S4"),
            subscribe(none, "EUR"), List.of(publish("EUR")), "EUR");
    }

    /// Asserts that of these quotes those of the symbols come to this member, and nothing else up
    /// to one that follows them.
    private void assertQuotes(PromiseAssert promise, Member member, List<Quote> published,
            String... symbols) {
        subscribe(member, "LAST");
        var last = publish("LAST");
        var wanted = published.stream().filter(quote -> List.of(symbols).contains(quote.symbol()));
        var seen = quotes(member, quotes -> quotes.contains(last));
        promise.that(seen, "%s", seen.stream().map(quote -> quote.id() + " " + quote.symbol())
            .collect(Collectors.joining(", ")))
            .is(Stream.concat(wanted, Stream.of(last)).toList());
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_chat_reaches_all_who_were_welcomed_in_one_order() {
        var stranger = stranger();
        var members = enter(10);
        var senders = members.subList(0, 4);
        senders.getFirst().chat("\"Grüße\" 🙂 \n\0");
        for (var member : members) assertChat(member, senders.getFirst(), "\"Grüße\" 🙂 \n\0");
        for (var round = 0; round < 3; round++) {
            atOnce(senders.stream().map(sender -> chatting(sender, 50)));
            members.forEach(this::await200Chats);
        }

        for (var sender : senders) assertInOrder(members.getFirst(), sender);
        var promise = promise("the chats of 4 senders in the same order to all 10", "S7",
            "two broadcasts at the same moment must not overtake each other on the way");
        for (var member : members) same(promise, members.getFirst(), member, "chat");
        promise("nothing to a client that was not welcomed", "S7")
            .that(stranger.messages()).isEmpty();
    }

    private void assertChat(Member hearer, Member sender, String text) {
        var promise = promise("the chat with its sender's clientId to all 10, the sender as well",
            "S7", "the sender, too, must see where its chat stands among the others'");
        var chat = promise.of(hearer.peer()).hears("chat");
        promise.holds(chat.path("text").asText().equals(text)
            && chat.path("clientId").asText().equals(sender.id()), "%s", chat);
    }

    private static Runnable chatting(Member member, int chats) {
        return () -> numbers(0, chats).forEach(member::chat);
    }

    private void await200Chats(Member member) {
        var promise = promise("all 200 chats of 4 senders to all 10", "S7");
        for (var i = 0; i < 200; i++) promise.of(member.peer()).hears("chat");
    }

    private void assertInOrder(Member hearer, Member sender) {
        var texts = hearer.peer().messages("chat").stream().skip(1)
            .filter(chat -> chat.path("clientId").asText().equals(sender.id()))
            .map(chat -> chat.path("text").asText()).toList();
        promise("3 times the chats 0 to 49 of one sender in its order", "S7 · S6")
            .that(texts, "%s", String.join(" ", texts))
            .is(Stream.generate(() -> numbers(0, 50)).limit(3).flatMap(List::stream).toList());
    }

    /// Asserts that two members were told the same in messages of these types.
    private static void same(PromiseAssert promise, Member one, Member other, String... types) {
        var first = one.peer().messages(types);
        var second = other.peer().messages(types);
        var same = IntStream.range(0, Math.min(first.size(), second.size()))
            .takeWhile(i -> first.get(i).equals(second.get(i))).count();
        promise.holds(first.equals(second), "to one %s\nto another %s",
            first.stream().skip(same).limit(1).toList(),
            second.stream().skip(same).limit(1).toList());
    }

    @Test @Order(5) @Tag("TODO-5")
    void the_others_hear_exactly_once_that_a_client_is_gone() {
        var before = quiet();
        var watchers = enter(3);
        var first = watchers.getFirst();
        var leavers = Stream.generate(() -> subscriber("BTC")).limit(12).toList();
        var more = listeners() - before;
        promise("12 listeners more, for 12 clients that subscribed", "S5")
            .that(more, "%d more", more).is(12);

        var goodbyes = IntStream.range(0, 12)
            .<Runnable>mapToObj(i -> () -> goodbye(leavers.get(i).peer(), i));
        atOnce(Stream.concat(goodbyes, Stream.of(chatting(first, 100))));

        for (var watcher : watchers) assertLeaves(watcher, leavers);
        var left = eventually(() -> listeners() - before, count -> count == 0);
        promise("no listener left behind by the 12 that are gone", "S5",
            "each would be told every quote forever").that(left, "%d listeners more", left).is(0);
        first.chat("the end");
        for (var watcher : watchers) {
            var chats = eventually(() -> watcher.peer().messages("chat").size(),
                count -> count >= 101);
            promise("101 chats to all who remain", "S7").that(chats, "%d chats", chats).is(101);
            assertLeaves(watcher, leavers);
            same(promise("the same order of leaves and chats to all who remain", "S8"),
                first, watcher, "chat", "leave");
        }
    }

    private static void goodbye(WebSocketPeer peer, int number) {
        switch (number % 3) {
            case 0 -> peer.hangUp();
            case 1 -> peer.close(1000);
            default -> peer.send(true, Frame.CLOSE, new byte[0]);
        }
    }

    private void assertLeaves(Member watcher, List<Member> leavers) {
        var left = eventually(() -> watcher.heard("leave", "clientId").stream().sorted().toList(),
            ids -> ids.size() >= 12);
        promise("one leave for each of 12 clients, gone with a close frame or without", "S8",
            "a network that breaks sends no close frame")
            .that(left, "%d leaves of %d different clients", left.size(), Set.copyOf(left).size())
            .is(leavers.stream().map(Member::id).sorted().toList());
    }

    @Test @Order(6) @Tag("TODO-6")
    void a_bad_message_gets_an_error_and_the_tenth_in_a_row_is_closed_with_1008() {
        var witness = enter();
        var member = subscriber("BTC");
        var tooMany = IntStream.rangeClosed(0, 100).mapToObj(i -> i == 0 ? "BAD" : "S" + i);
        for (var bad : each(BAD)) assertServedAfter(bad, member.peer());
        assertServedAfter("", member.peer());
        assertServedAfter(message("subscribe", "symbols", tooMany.toList()), member.peer());
        assertError(promise("an error to a binary message, too", "S9 · RFC 6455 §5.6"),
            binary(member.peer(), PING));

        publish("BAD");
        assertQuotes(promise("no quote of BAD, a symbol of messages that were refused", "S10"),
            member, List.of());
        assertTenInARow(enter().peer());
        for (var first : List.of("nope", "[]"))
            promise("closed with 4401 when the first message is " + first, "S2")
                .of(stranger(first)).closesFirstWith(4401);
        promise("closed with 4401 when the first message is binary", "S2")
            .of(binary(stranger(), AUTH)).closesFirstWith(4401);
        promise("no chat of a message that was refused", "S9")
            .that(settle(witness).peer().messages("chat")).isEmpty();
    }

    private static WebSocketPeer binary(WebSocketPeer peer, String message) {
        peer.send(true, Frame.BINARY, utf8(message));
        return peer;
    }

    private void assertServedAfter(String bad, WebSocketPeer peer) {
        var promise = promise("an error with a detail, then pong to ping, after "
            + (bad.isEmpty() ? "an empty message" : PromiseAssert.shown(bad)),
            bad.contains("subscribe") ? "S10" : "S9",
            "one bad message is no reason to throw somebody out");
        assertError(promise, peer.send(bad));
        promise.of(peer.send(PING)).hearsNext("pong");
    }

    private static void assertError(PromiseAssert promise, WebSocketPeer peer) {
        var error = promise.of(peer).hearsNext("error");
        promise.holds(error.path("detail").isTextual(), "%s", error);
    }

    private void assertTenInARow(WebSocketPeer peer) {
        var promise = promise("9 errors and a pong, twice: a good message starts the count again;"
            + " then 9 errors, and 1008 for the tenth in a row", "S11 · RFC 6455 §7.4.1",
            "a client that sends nothing but nonsense is broken, or an attacker");
        var sent = ("nope ".repeat(9) + PING + " ").repeat(2) + "nope ".repeat(10);
        promise.of(peer.send(sent.split(" "))).closesWith(1008);
        var types = peer.messages().stream().skip(1).map(SocketChecks::type)
            .collect(Collectors.joining(" "));
        promise.that(types).is("error error error error error error error error error pong "
            .repeat(2) + "error ".repeat(9).strip());
    }
}
