package labs.lab05;

import static wirelab.check.Servers.*;

import module java.base;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.ClientStart;
import wirelab.wire.Tap;

/// What lab 05 asks of its client.
public class Lab05Client extends Checks {
    private static final String NOTICE = "event: notice\ndata: lunch\ndata: at noon\n\n";
    private static final String RESET = """
        id: 40
        event: reset
        data: {"oldest":41,"newest":50}

        """;
    private static final int CLIENTS = 12;
    private static final String SOON_AGAIN = "C4 · C5 · WHATWG HTML §9.2.3";
    /// A stream that brings no event.
    private static final MockResponse OPEN = held(": nothing new\n\n");

    @Test @Order(12) @Tag("TODO-10") @Tag("client")
    void the_client_gets_each_quote_once_although_its_connection_breaks_ten_times()
            throws IOException {
        var tap = tap(serve(answering(request -> held("retry: 5\n\n" + LongStream.rangeClosed(
            after(request) + 1, 65).mapToObj(Lab05Client::event).collect(Collectors.joining())))));
        // In the middle of a head, of an event, of a line.
        tap.cutAnswers(1, () -> 300)
            .cutAnswers(9, () -> ThreadLocalRandom.current().nextInt(60, 700));

        try (var client = follow(new ClientStart(tap.url(), 5))) {
            client.refuseOnce(8);
            promise("quotes 6–65 once each, across 10 broken connections and a failing sink",
                "C1 · C2 · C3 · WHATWG HTML §9.2.4", "a client comes back with the id of the last "
                + "event that was delivered; half an event is none")
                .of(client).delivers(ids(6, 65));
        }
    }

    @Test @Order(13) @Tag("TODO-10") @Tag("client")
    void the_client_comes_back_with_the_last_event_id() throws IOException {
        var half = event(42).replaceFirst("\n\n$", "\n");
        var tap = script(List.of(ended("retry: 5\n\n" + event(1) + event(2) + NOTICE), ended(RESET),
            ended(": a comment\n" + event(41).replace("\n", "\r\n") + half), ended(NOTICE)), OPEN);
        var wanted = List.of("none", "2", "40", "41", "41");

        try (var client = follow(new ClientStart(tap.url(), 0))) {
            promise("quotes 1, 2 and 41", "C1 · WHATWG HTML §9.2.6").of(client)
                .delivers(List.of(1L, 2L, 41L));
            var promise = promise("Last-Event-ID: " + String.join(", then ", wanted),
                "C2 · WHATWG HTML §9.2.6", "a notice has no id, a reset has one; an event without "
                + "its blank line never happened");
            var seen = eventually(SOON, () -> lastEventIds(tap),
                all -> all.size() >= wanted.size() || client.ended().isPresent());
            promise.that(seen, "Last-Event-ID: %s", String.join(", then ", seen)).is(wanted);
        }
    }

    /// The header of each request so far.
    private static List<String> lastEventIds(Tap tap) {
        return tap.exchanges().stream()
            .map(one -> one.request().header("Last-Event-ID").orElse("none")).toList();
    }

    @Test @Order(14) @Tag("TODO-11") @Tag("client")
    void the_client_waits_as_long_as_the_server_says_and_longer_after_each_failure()
            throws IOException {
        var tap = script(List.of(ended("retry: 10\n\n" + event(1)), ended(event(2)),
            ended(event(3)), ended(event(4)), status(503).build(), status(429).build(),
            status(500).build(), ended("retry: 80\n\n" + event(5)), ended(event(6))), OPEN);
        var least = List.of(10L, 10L, 10L, 10L, 20L, 40L, 80L, 80L, 80L);

        try (var client = follow(new ClientStart(tap.url(), 0))) {
            promise("quotes 1–6 in spite of 503, 429 and 500", "C7").of(client).delivers(ids(1, 6));
            assertPauses(least, eventually(SOON, () -> pauses(tap.exchanges()),
                all -> all.size() >= least.size()));
        }
    }

    private void assertPauses(List<Long> least, List<Long> pauses) {
        var shown = Pauses.shown(pauses);
        for (var i = 0; i < least.size(); i++)
            promise("at least %d ms before try %d".formatted(least.get(i), i + 2),
                "C4 · WHATWG HTML §9.2.3", i < 4 || i > 6
                ? "the server knows how many come back at once: retry says when"
                : "a thousand clients that try again at once keep a server down")
                .holds(pauses.size() > i && pauses.get(i) >= least.get(i), "%s", shown);
        var late = IntStream.range(0, least.size())
            .filter(i -> pauses.get(i) > least.get(i) + 2_000).count();
        promise("no pause more than 2 s longer than retry × 2^n, but for one", SOON_AGAIN,
            "a client that is late misses what the log drops").that(late, "%s", shown).isBelow(2L);
        promise("10–20 ms before each of the tries 2–5", SOON_AGAIN,
            "the server wants its clients back soon: retry says when")
            .that(Collections.min(pauses.subList(0, 4)), "%s", shown).isBelow(500L);
    }

    @Test @Order(15) @Tag("TODO-11") @Tag("client")
    void the_pauses_of_clients_that_met_one_outage_differ_at_random() throws IOException {
        var server = serve(answering(request -> request.getHeaders().get("Last-Event-ID") == null
            ? ended("retry: 400\n\n" + event(1)) : OPEN));

        var promise = promise("12 pauses between 400 and 800 ms, at random", "C5",
            "clients that met one outage come back in step without jitter");
        var pauses = inTheBestOf(6, () -> pauses(server), all -> all.size() < CLIENTS
            || Pauses.spread(all) > 100 || Collections.min(all) < 400);
        promise.holds(pauses.size() == CLIENTS && Pauses.spread(pauses) > 100
            && Collections.min(pauses) >= 400, "%d of %d clients came back, after %s",
            pauses.size(), CLIENTS, Pauses.shown(pauses.stream().sorted().toList()));
    }

    /// How long each client waits before its second try, milliseconds.
    private List<Long> pauses(MockWebServer server) {
        var taps = Stream.generate(() -> tap(server)).limit(CLIENTS).toList();
        var clients = taps.stream().map(tap -> follow(new ClientStart(tap.url(), 0))).toList();
        var patience = clients.getFirst().patience();
        var pauses = taps.stream().flatMap(tap -> eventually(patience,
            () -> pauses(tap.exchanges()), all -> !all.isEmpty()).stream().limit(1)).toList();
        clients.forEach(Follower::close);
        return pauses;
    }

    @Test @Order(16) @Tag("TODO-12") @Tag("client")
    void the_client_stops_when_the_server_says_that_there_is_no_more() throws IOException {
        var page = new MockResponse.Builder().setHeader("Content-Type", "text/html")
            .body("<p>Log in first</p>");

        assertEnds(status(204), FollowerAssert::returns,
            promise("no further request after 204, and a client that returns",
                "C6 · WHATWG HTML §9.2.1", "this is how a server gets rid of a client"));
        assertEnds(status(404), client -> client.fails("IllegalStateException"),
            promise("an IllegalStateException after 404", "C8 · WHATWG HTML §9.2.3",
                "asking again won't help: somebody must look at it"));
        assertEnds(page, client -> client.fails("IllegalStateException"),
            promise("an IllegalStateException after 200 with text/html",
                "C8 · WHATWG HTML §9.2.3", "a page is not a stream of events"));
    }

    /// A client that gets one quote, and this answer to all that it asks later, ends like this.
    private void assertEnds(MockResponse.Builder answer, Consumer<FollowerAssert> ends,
            PromiseAssert promise) throws IOException {
        var tap = script(List.of(ended("retry: 5\n\n" + event(1))), answer.build());
        try (var client = follow(new ClientStart(tap.url(), 0))) {
            promise.of(client).delivers(ids(1, 1));
            ends.accept(promise.of(client));
            var requests = tap.exchanges().size();
            promise.that(requests, "%d requests", requests).is(2);
        }
    }

    // ---- servers for the client

    /// A tap before a server that answers the first requests with `first`, all others with `then`.
    private Tap script(List<MockResponse> first, MockResponse then) throws IOException {
        var left = new ConcurrentLinkedQueue<>(first);
        return tap(serve(answering(_ -> Objects.requireNonNullElse(left.poll(), then))));
    }

    /// The id after which the client wants quotes.
    private static long after(RecordedRequest request) {
        return Long.parseLong(Optional.ofNullable(request.getHeaders().get("Last-Event-ID"))
            .or(() -> Optional.ofNullable(request.getUrl().queryParameter("after"))).orElse("0"));
    }

    private static String event(long id) {
        return """
            id: %1$d
            event: quote
            data: {"id":%1$d,"symbol":"BTC","bid":%2$d.0,"ask":%2$d.5,"timestampMs":1718000000000}

            """.formatted(id, 64_000 + id);
    }

    /// A stream that ends after this text.
    private static MockResponse ended(String text) {
        return new MockResponse.Builder().setHeader("Content-Type", "text/event-stream")
            .chunkedBody(text, 50).build();
    }

    /// A stream that begins with this text, and stays open: its chunk (RFC 9112 §7.1) of 1 MiB is
    /// never complete.
    private static MockResponse held(String text) {
        return new MockResponse.Builder().setHeader("Content-Type", "text/event-stream")
            .body("100000\r\n" + text).removeHeader("Content-Length")
            .setHeader("Transfer-Encoding", "chunked").build();
    }
}
