package labs.lab06;

import static labs.lab06.SocketChecks.message;
import static wirelab.check.Servers.*;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.Market;
import mockwebserver3.*;
import okhttp3.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.ClientStart;
import wirelab.wire.Tap;

/// The client, with servers of ours.
class Lab06Client extends Checks {
    private static final int SERVED = 101;
    private static final int REFUSED = 503;

    @Test @Order(12) @Tag("TODO-12") @Tag("client")
    void the_client_authenticates_then_subscribes_and_delivers_each_quote_once() throws Exception {
        var host = new Host(_ -> SERVED, "a-secret", "BTC", "SOL");
        var visit = host.assertEnters(0, "auth a-secret", "subscribe BTC SOL");
        visit.quote(1, 2);
        for (var other : List.of("chat", "leave", "error", "pong", "news"))
            visit.socket.send(message(other, "text", "x", "detail", "x"));
        visit.quote(3, 4);

        promise("quotes 1 to 4 in order, each once, whatever else comes between them", "C2 · C1",
            "a server may say more tomorrow than it does today")
            .of(host.client).delivers(ids(1, 4));
    }

    @Test @Order(13) @Tag("TODO-13") @Tag("client")
    void the_client_comes_back_each_time_that_it_is_cut_off() throws Exception {
        var host = new Host(_ -> SERVED);
        var cuts = 0;
        // On a busy machine some pauses are long, but not forever. A back-off that no welcome ends
        // is 2.5 s on the average after so many cuts.
        for (; ; cuts++) {
            var visit = host.assertEnters(cuts);
            visit.quote(2 * cuts + 1, 2 * cuts + 2);
            promise("2 quotes of connection " + (cuts + 1) + ", each once", "C4 · C1")
                .of(host.client).delivers(ids(1, 2 * cuts + 2));
            if (cuts >= 14 || cuts >= 10 && Pauses.areShort(host.visits.pauses())) break;
            if (cuts % 2 == 0) visit.cut(host.tap);
            else visit.close(1000 + List.of(0, 1, 8, 11, 13).get(cuts / 2 % 5));
        }

        promise("one connection at a time", "C4").that(host.visits.count(), "%d in place of %d",
            host.visits.count(), cuts + 1).is(cuts + 1);
        promise("at most 50 ms before it connects again, after each connection that was welcomed",
            "C6", "a welcome starts the back-off again")
            .holds(Pauses.areShort(host.visits.pauses()), "%s",
                Pauses.shown(host.visits.pauses()));
    }

    @Test @Order(14) @Tag("TODO-14") @Tag("client")
    void the_client_backs_off_further_each_time_and_at_random() throws Exception {
        // One that is welcomed, then four that are not: refused, or accepted and then closed.
        var host = new Host(number -> number % 5 == 0 ? SERVED : number % 2 == 0 ? REFUSED : 1011);
        var grows = false;
        var random = false;
        for (var number = 0; number <= 40 && !(grows && random); number++) {
            promise("another try after each that failed", "C4");
            if (host.visit(number).fate == SERVED) host.assertEnters(number).cut(host.tap);
            grows |= grow(host.visits.pauses());
            random |= areRandom(host.visits.pauses());
        }
        host.client.close();

        var pauses = Pauses.shown(host.visits.pauses());
        promise("longer pauses, up to 50 ms × 2^n, while no try is welcomed", "C6",
            "a thousand clients that come back at once keep a server down")
            .holds(grows, "%s", pauses);
        promise("any pause from 0 to 50 ms × 2^n", "C6", "clients that met one outage come back in"
            + " step").holds(random, "never less than half of it: %s", pauses);
        for (var visit : host.visits.all())
            promise("no subscribe without a welcome", "C1")
                .holds(visit.fate != 1011 || visit.said.size() <= 1, "%s", visit.said);
    }

    /// Whether late pauses, after 3 or 4 failures, are longer than early ones, after 0 or 1. A busy
    /// machine makes both longer.
    private static boolean grow(List<Long> pauses) {
        var failures = IntStream.range(0, pauses.size()).filter(i -> pauses.get(i) > 200)
            .map(i -> i % 5).boxed().toList();
        var late = failures.stream().filter(n -> n >= 3).count();
        var early = failures.stream().filter(n -> n <= 1).count();
        return late >= 2 && late > 2 * early;
    }

    /// Whether one of them is less than half of the longest that it might be.
    private static boolean areRandom(List<Long> pauses) {
        return IntStream.range(0, pauses.size()).anyMatch(i -> pauses.get(i) < (50L << i % 5) / 2);
    }

    @Test @Order(15) @Tag("TODO-13") @Tag("client")
    void the_client_stops_on_4401_and_when_its_sink_fails() throws Exception {
        var host = new Host(number -> number < 2 ? 1011 : 4401);
        promise("another try after close code 1011, twice", "C4");
        host.visit(2);
        host.assertEnds(promise("the end after close code 4401", "C5",
            "the same token will be as wrong in a second"), 3);

        // Several, since a thread that reads on may lose the race against the end.
        var clients = new ArrayList<Follower>();
        for (var i = 0; i < 4; i++) clients.add(withFailingSink());
        // A client that reads on does so now, and nothing else would show it.
        eventually(Duration.ofMillis(100), () -> clients.stream().anyMatch(client ->
            client.ids(1).size() > 1), more -> more);
        for (var client : clients)
            promise("quote 1 and no other: the sink failed on 2", "C3",
                "a quote that got lost between two that did not is the worst of all")
                .of(client).delivers(ids(1, 1));
    }

    /// A client whose sink has failed on the second of nine quotes, and that has ended.
    private Follower withFailingSink() throws IOException {
        var host = new Host(_ -> SERVED);
        host.client.refuseOnce(2);
        var visit = host.assertEnters(0);
        // While the sink is busy with the first the others arrive: they are read together.
        host.client.hold();
        visit.quote(1, 9);
        eventually(SOON, () -> host.tap.exchanges().getFirst().received().stream()
            .filter(frame -> frame.text().contains("\"quote\"")).count(), count -> count == 9);
        host.client.goOn();
        host.assertEnds(promise("the end after quote 1: the sink failed on 2", "C3"), 1);
        return host.client;
    }

    /// A server of ours behind a tap, and the subject's client that follows it.
    private final class Host {
        final Visits<Visit> visits = new Visits<>();
        final Tap tap;
        final Follower client;

        /// @param fates what it does to the connections, numbered from 0: [Visit#fate]
        Host(IntUnaryOperator fates, String token, String... symbols) throws IOException {
            tap = tap(serve(answering(_ ->
                visits.add(number -> new Visit(fates.applyAsInt(number))).answer())));
            client = follow(new ClientStart(tap.url(), 0).token(token).symbols(symbols));
        }

        Host(IntUnaryOperator fates) throws IOException { this(fates, ClientStart.TOKEN, "BTC"); }

        Visit visit(int number) { return visits.await(number, client); }

        Visit assertEnters(int number) {
            return assertEnters(number, "auth demo-token", "subscribe BTC");
        }

        /// Asserts that the client comes, says this and nothing else, and is welcomed.
        Visit assertEnters(int number, String... words) {
            var promise = number == 0
                ? promise("first auth with the token, then subscribe with the symbols", "C1",
                    "a server answers nobody whom it doesn't know")
                : promise("auth and subscribe again, after connection " + number + " ended",
                    "C4 · C1",
                    "a connection ends, sooner or later: a network changes, a server restarts");
            var visit = visit(number);
            var said = eventually(() -> List.copyOf(visit.said), all -> all.size() >= words.length);
            promise.that(said, said.isEmpty() ? "nothing" : String.join(", then ", said))
                .is(List.of(words));
            return visit;
        }

        void assertEnds(PromiseAssert promise, int count) {
            var ended = eventually(SOON, client::ended, Optional::isPresent).isPresent();
            promise.holds(ended && visits.count() == count, "%d connections%s", visits.count(),
                ended ? "" : ", and it goes on");
        }
    }

    /// One connection of the client to a server of ours.
    private static final class Visit extends WebSocketListener implements Visits.Visit {
        /// Served, refused with 503, or closed with this code when the client authenticates.
        final int fate;
        /// In a few words each: `auth demo-token`, `subscribe BTC SOL`.
        final List<String> said = new CopyOnWriteArrayList<>();
        volatile WebSocket socket;
        private final long cameAt = System.nanoTime();
        private volatile long endedAt;

        Visit(int fate) { this.fate = fate; }

        MockResponse answer() {
            if (fate != REFUSED)
                return new MockResponse.Builder().webSocketUpgrade(this).build();
            endedAt = System.nanoTime();
            return status(REFUSED).build();
        }

        @Override public long cameAt() { return cameAt; }

        @Override public long endedAt() { return endedAt; }

        @Override public void onOpen(WebSocket opened, Response answer) { socket = opened; }

        @Override public void onMessage(WebSocket from, String text) {
            said.add(words(text));
            if (!said.getLast().startsWith("auth ")) return;
            if (fate == SERVED) from.send(message("welcome", "clientId", "7"));
            else close(fate);
        }

        private static String words(String text) {
            try {
                var json = Market.JSON.readTree(text);
                return switch (SocketChecks.type(json)) {
                    case "auth" -> "auth " + json.path("token").asText();
                    case "subscribe" -> "subscribe " + json.path("symbols").valueStream()
                        .map(JsonNode::asText).distinct().sorted().collect(Collectors.joining(" "));
                    default -> text;
                };
            } catch (IOException malformed) {
                return text;
            }
        }

        @Override public void onClosing(WebSocket closing, int code, String reason) {
            closing.close(1000, "");
        }

        /// Sends the quotes with the ids from `first` to `last`.
        void quote(long first, long last) {
            for (var quote : quotes(first, last)) socket.send(message("quote", "quote", quote));
        }

        void close(int code) {
            endedAt = System.nanoTime();
            socket.close(code, "");
        }

        /// Ends it without a close frame.
        void cut(Tap tap) {
            endedAt = System.nanoTime();
            tap.cut();
        }
    }
}
