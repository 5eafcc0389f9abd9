package labs.lab01;

import static wirelab.check.Servers.*;

import module java.base;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.check.Checks;
import wirelab.check.Pauses;
import wirelab.wire.Answer;

@DisplayName("short polling")
public class Lab01 extends Checks {
    private static final Duration BRISK = Duration.ofMillis(5);

    private Answer poll(Object after) { return get("/quotes?after=" + after); }

    @Test @Order(1) @Tag("TODO-1")
    void a_poll_consumes_nothing_and_the_same_poll_gets_the_same_quotes() {
        var before = publish().id();
        var wanted = List.of(publish("ETH").id(), publish("SOL").id());
        poll(before);

        promise("both quotes again, to this client or any other", "S1 · RFC 9110 §9.2.1",
            "GET is safe: if the answer is lost on the way, the client must be able to ask again")
            .of(poll(before)).hasQuotes(wanted);
    }

    @Test @Order(2) @Tag("TODO-1")
    void a_poll_gets_all_quotes_after_its_cursor_in_order_and_nothing_else() {
        var ids = publish(40);

        for (var i = 0; i < ids.size(); i++)
            promise("after=N: exactly the quotes with an id above N", "S1",
                "several quotes share a millisecond, so a time can't be the cursor")
                .of(poll(ids.get(i))).hasQuotes(ids.subList(i + 1, ids.size()));
    }

    @Test @Order(3) @Tag("TODO-3")
    void nothing_new_is_an_empty_array_at_once() {
        var answer = poll(publish().id());

        promise("200 and []", "S1 · RFC 9110 §15.3.1",
            "404 would say that /quotes doesn't exist; it does, it has nothing new to say")
            .of(answer).hasStatus(200).hasBody("[]").tookLessThan(Duration.ofSeconds(2));
    }

    @Test @Order(4) @Tag("TODO-3")
    void the_cursor_to_use_next_comes_with_every_answer_also_an_empty_one() {
        var last = publish(3).getLast();

        for (var after : List.of(last - 3, last))
            promise("Next-After: " + last, "S3",
                "then a client needs no rule of its own to find its next cursor")
                .of(poll(after)).hasHeader("Next-After", "" + last);
    }

    @Test @Order(5) @Tag("TODO-3")
    void no_cache_may_keep_an_answer() {
        promise("Cache-Control: no-store", "S4 · RFC 9111 §5.2.2.5",
            "without it a cache on the way may answer the next poll from memory")
            .of(poll(publish().id())).hasToken("Cache-Control", "no-store");
    }

    @Test @Order(6) @Tag("TODO-2")
    void a_cursor_is_a_whole_number_from_0_and_without_one_a_client_gets_the_oldest() {
        var kept = publish(settings().number("FEED_CAPACITY")).getFirst();

        for (var cursor : List.of("", "-1", "+1", "1.5", "x", "0x10", "9223372036854775808"))
            promise("400 to after=" + (cursor.isEmpty() ? " (empty)" : cursor),
                "S2 · RFC 9110 §15.5.1", "a cursor that is guessed at loses quotes")
                .of(poll(cursor.replace("+", "%2B"))).hasStatus(400);
        promise("200 and the oldest quotes that are kept", "S2",
            "a client that has no cursor yet has lost nothing")
            .of(get("/quotes")).hasStatus(200).hasQuotes(ids(kept, kept + 499));
    }

    @Test @Order(7) @Tag("TODO-1")
    void a_page_holds_at_most_500_quotes_and_the_next_poll_gets_the_rest() {
        var before = publish().id();
        var ids = publish(620);

        promise("the first 500 of 620 quotes", "S1",
            "an answer without a bound grows with the time that a client was away")
            .of(poll(before)).hasQuotes(ids.subList(0, 500));
        promise("the other 120 after these", "S1").of(poll(ids.get(499)))
            .hasQuotes(ids.subList(500, 620));
    }

    @Test @Order(8) @Tag("TODO-3")
    void a_cursor_older_than_the_log_is_told_that_quotes_are_lost() {
        var dropped = publish().id();
        publish(settings().number("FEED_CAPACITY"));

        promise("410: quote " + dropped + " was asked for and is gone", "S5 · RFC 9110 §15.5.11",
            "a client that gets what is left never learns that some are lost; see Feed.forgot")
            .of(poll(dropped - 1)).hasStatus(410);
        promise("200: nothing after " + dropped + " is lost", "S5")
            .of(poll(dropped)).hasStatus(200);
    }

    @Test @Order(9) @Tag("TODO-5") @Tag("client")
    void the_client_delivers_every_quote_once_and_in_order_across_pages_and_restarts()
            throws IOException {
        var pages = new Pages(12);
        var server = serve(pages);
        try (var client = follow(server, 3, BRISK)) {
            client.refuseOnce(7);
            promise("4–12 once each; 7 again, since the sink failed on it", "C2",
                "the cursor may move only when the sink has returned")
                .of(client).delivers(ids(4, 12));
            pages.size = 17;
            promise("then 13–17", "C1").of(client).delivers(ids(4, 17));
        }
        pages.size = 19;
        try (var restarted = follow(server, 17, BRISK)) {
            promise("18 and 19 after a restart with cursor 17", "C1")
                .of(restarted).delivers(ids(18, 19));
        }
    }

    @Test @Order(10) @Tag("TODO-5") @Tag("client")
    void the_client_never_has_two_polls_under_way() throws IOException, InterruptedException {
        var second = new CountDownLatch(2);
        var mayAnswer = new CountDownLatch(1);
        var pages = new Pages(2);
        var server = serve(answering(request -> {
            second.countDown();
            mayAnswer.await();
            return pages.dispatch(request);
        }));
        try (var client = follow(server, 0, BRISK)) {
            promise("no second poll while the first has no answer", "C1",
                "polls at a fixed rate pile up on a slow server, and make it slower")
                .holds(!second.await(30 * BRISK.toMillis(), TimeUnit.MILLISECONDS),
                    "a second poll while the first was waiting");
            mayAnswer.countDown();
            promise("both quotes, once", "C1").of(client).delivers(ids(1, 2));
        } finally {
            mayAnswer.countDown();
        }
    }

    @Test @Order(11) @Tag("TODO-6") @Tag("client")
    void the_client_survives_a_503_and_comes_back_when_Retry__After_says() throws IOException {
        var pages = new Pages(2);
        var number = new AtomicInteger();
        var server = serve(answering(request -> switch (number.incrementAndGet()) {
            case 1 -> status(503).build();
            case 2 -> status(503).setHeader("Retry-After", "1").build();
            default -> pages.dispatch(request);
        }));
        try (var client = follow(server, 0, BRISK)) {
            promise("both quotes, after two answers of 503", "C3 · RFC 9110 §15.6.4",
                "503 is temporary: ask again").of(client).delivers(ids(1, 2));

            var pause = pauses(exchanges()).get(1);
            promise("the next poll 1 s after 503 with Retry-After: 1", "C3 · RFC 9110 §10.2.3",
                "a server that is overloaded knows best when to come back")
                .that(pause, "the next poll after %d ms", pause).isAtLeast(990L);
        }
    }

    @Test @Order(12) @Tag("TODO-4") @Tag("bonus")
    void whoever_polls_faster_than_allowed_is_told_when_to_come_back() {
        var path = "/quotes?after=" + publish().id();
        var refused = IntStream.range(0, 10).mapToObj(_ -> burst(path, 100)).flatMap(List::stream)
            .filter(answer -> answer.status() != 200).findFirst();

        promise("429 with Retry-After to one of 1000 polls in a row", "S6 · RFC 6585 §4",
            "one client in a tight loop must not cost all others their server")
            .of(refused.orElseGet(() -> get(path)))
            .hasStatus(429).hasHeaderLike("Retry-After", "[1-9][0-9]*");
    }

    @Test @Order(13) @Tag("TODO-7") @Tag("bonus") @Tag("client")
    void the_pauses_of_the_client_differ_at_random() throws IOException {
        var every = Duration.ofMillis(20);
        var pages = new Pages(0);
        var underWay = new AtomicInteger();
        var most = new AtomicInteger();
        var server = serve(answering(request -> {
            most.accumulateAndGet(underWay.incrementAndGet(), Math::max);
            // Longer than every: a client that polls at a fixed rate shows itself.
            pass(every.multipliedBy(2));
            underWay.decrementAndGet();
            return pages.dispatch(request);
        }));

        try (var client = follow(server, 0, every)) {
            // The tap sees a pause begin before the client does, and end after: it never looks
            // shorter than it was.
            Predicate<List<Long>> random = pauses -> pauses.stream().anyMatch(pause -> pause < 16)
                && pauses.stream().anyMatch(pause -> pause > 22);
            var promise = promise("pauses at random between 10 and 30 ms, with every = 20 ms",
                "C4", "clients that were started together stay in step without jitter");
            var pauses = eventually(client.patience(), () -> pauses(exchanges()),
                seen -> random.test(seen) || Pauses.areConstant(seen, 20) || most.get() > 1);
            promise.holds(random.test(pauses) && most.get() == 1, "pauses of %s … ms%s",
                pauses.stream().limit(12).toList(),
                most.get() > 1 ? ", and two polls at once" : "");
        }
    }

    /// A correct server for the client to poll, with pages of 5.
    private static final class Pages extends Dispatcher {
        volatile int size;

        Pages(int size) { this.size = size; }

        @Override public MockResponse dispatch(RecordedRequest request) {
            var after = Long.parseLong(Objects.requireNonNullElse(request.getUrl()
                .queryParameter("after"), "0"));
            var quotes = quotes(after + 1, Math.min(size, after + 5));
            return json(quotes)
                .setHeader("Next-After", quotes.isEmpty() ? after : quotes.getLast().id()).build();
        }
    }
}
