package wirelab.checks;

import module java.base;
import market.Market;
import market.Quote;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.Answer;
import wirelab.Checks;
import wirelab.Exchange;

@DisplayName("short polling")
public class Lab01 extends Checks {
    private Answer poll(Object after) { return get("/quotes?after=" + after); }

    @Test @Order(1) @Tag("TODO-1")
    void a_poll_consumes_nothing_and_the_same_poll_gets_the_same_quotes() {
        var before = publish().id();
        var wanted = List.of(publish("ETH").id(), publish("SOL").id());
        poll(before);

        assertThat(poll(before)).as(promise("both quotes again, to this client or any other", "RFC 9110 §9.2.1",
            "GET is safe: if the answer is lost on the way, the client must be able to ask again")).hasQuotes(wanted);
    }

    @Test @Order(2) @Tag("TODO-1")
    void a_poll_gets_all_quotes_after_its_cursor_in_order_and_nothing_else() {
        var ids = publish(40);
        var polled = ids.stream().map(id -> poll(id).ids()).toList();

        promise("after=N: exactly the quotes with id > N", "lab text",
            "ids are the cursor; several quotes share a millisecond, so time is none");
        for (var i = 0; i < ids.size(); i++)
            assertThat(polled.get(i)).as("after=" + ids.get(i)).isEqualTo(ids.subList(i + 1, ids.size()));
    }

    @Test @Order(3) @Tag("TODO-3")
    void nothing_new_is_an_empty_array_at_once() {
        var answer = poll(publish().id());

        assertThat(answer).as(promise("200 and []", "RFC 9110 §15.3.1",
            "404 would say that /quotes doesn't exist; it does, it has nothing new to say")).hasStatus(200);
        assertThat(answer.text().strip()).isEqualTo("[]");
        assertThat(answer.took()).isLessThan(Duration.ofSeconds(2));
    }

    @Test @Order(4) @Tag("TODO-3")
    void the_cursor_to_use_next_comes_with_every_answer_also_an_empty_one() {
        var last = publish(3).getLast();

        promise("Next-After: " + last, "lab text", "then a client needs no rule of its own to find its next cursor");
        assertThat(poll(last - 3)).hasHeader("Next-After", "" + last);
        assertThat(poll(last)).hasHeader("Next-After", "" + last);
    }

    @Test @Order(5) @Tag("TODO-3")
    void no_cache_may_keep_an_answer() {
        assertThat(poll(publish().id())).as(promise("Cache-Control: no-store", "RFC 9111 §5.2.2.5",
            "without it a cache between the two may answer the next poll from memory")).hasToken("Cache-Control", "no-store");
    }

    @Test @Order(6) @Tag("TODO-2")
    void a_cursor_that_is_no_whole_number_from_0_is_refused() {
        publish();

        for (var cursor : List.of("", "-1", "%2B1", "1.5", "x", "0x10", "9223372036854775808")) {
            promise("400 to after=" + cursor, "RFC 9110 §15.5.1", "a cursor that is guessed at loses or repeats quotes silently");
            assertThat(poll(cursor)).hasStatus(400);
        }
    }

    @Test @Order(7) @Tag("TODO-1")
    void a_page_holds_at_most_500_quotes_and_the_next_poll_gets_the_rest() {
        var before = publish().id();
        var ids = publish(620);
        var first = poll(before);
        assertThat(first).as(promise("the first 500 of 620 quotes", "lab text",
            "an answer without a bound grows with the time that a client was away")).hasQuotes(ids.subList(0, 500));

        assertThat(poll(first.header("Next-After").orElse("")))
            .as(promise("the other 120 after the cursor of Next-After", "lab text")).hasQuotes(ids.subList(500, 620));
    }

    @Test @Order(8) @Tag("TODO-3")
    void a_cursor_older_than_the_log_is_told_that_quotes_are_lost() {
        var dropped = publish().id();
        var kept = publish(settings().feedCapacity()).getFirst();

        assertThat(poll(dropped - 1)).as(promise("410: quote " + dropped + " was asked for and is gone", "RFC 9110 §15.5.11",
            "whoever gets the oldest that is left never learns that some are missing; see Feed.forgot")).hasStatus(410);
        assertThat(poll(dropped)).as(promise("200: nothing after " + dropped + " is lost", "lab text")).hasStatus(200);
        assertThat(get("/quotes").ids().getFirst()).as(promise("without after: from the oldest quote that is kept", "lab text")).isEqualTo(kept);
    }

    @Test @Order(9) @Tag("TODO-4") @Tag("client")
    void the_client_delivers_every_quote_once_and_in_order_across_pages_failures_and_restarts() throws IOException {
        var server = new Pages(12);
        var url = serve(server);
        try (var client = follow(url, 3, Duration.ofMillis(5))) {
            client.refuseOnce(7);
            assertThat(client.ids(9)).as(promise("quotes 4–12 once each, in order; 7 again, since the sink failed on it first", "lab text",
                "the cursor may move only when the sink has returned")).isEqualTo(LongStream.rangeClosed(4, 12).boxed().toList());
            server.size = 17;
            assertThat(client.ids(14)).as(promise("then quotes 13–17", "lab text")).isEqualTo(LongStream.rangeClosed(4, 17).boxed().toList());
        }
        server.size = 19;
        try (var restarted = follow(url, 17, Duration.ofMillis(5))) {
            assertThat(restarted.ids(2)).as(promise("after a restart with cursor 17: 18 and 19", "lab text")).isEqualTo(List.of(18L, 19L));
        }
    }

    @Test @Order(10) @Tag("TODO-5") @Tag("client")
    void the_client_has_one_poll_under_way_and_waits_as_a_503_asks() throws IOException, InterruptedException {
        var polls = new CountDownLatch(2);
        var mayAnswer = new CountDownLatch(1);
        var pages = new Pages(2);
        var number = new AtomicInteger();
        var times = new CopyOnWriteArrayList<Long>();
        var server = serve(answering(request -> {
            times.add(System.nanoTime());
            polls.countDown();
            return switch (number.incrementAndGet()) {
                case 1 -> {
                    mayAnswer.await();
                    yield new MockResponse.Builder().code(503).setHeader("Retry-After", "1").build();
                }
                case 2 -> new MockResponse.Builder().code(503).build();
                default -> pages.dispatch(request);
            };
        }));
        try (var client = follow(server, 0, Duration.ofMillis(5))) {
            assertThat(polls.await(120, TimeUnit.MILLISECONDS)).as(promise("no second poll while the first has no answer", "lab text",
                "polls at a fixed rate pile up on a server that is slow, and make it slower")).isFalse();
            var answered = System.nanoTime();
            mayAnswer.countDown();

            assertThat(client.ids(2)).as(promise("quotes 1 and 2, after two answers of 503", "RFC 9110 §15.6.4",
                "503 is temporary: ask again")).isEqualTo(List.of(1L, 2L));
            assertThat(Duration.ofNanos(times.get(1) - answered)).as(promise("the next poll 1 s after 503 with Retry-After: 1", "RFC 9110 §10.2.3",
                "a server that is overloaded knows best when to come back")).isGreaterThan(Duration.ofMillis(990));
        }
    }

    @Test @Order(11) @Tag("TODO-6") @Tag("bonus")
    void whoever_polls_faster_than_allowed_is_told_when_to_come_back() {
        var last = publish().id();
        var polls = Stream.generate(() -> burst("/quotes?after=" + last, 100)).limit(10).flatMap(List::stream);

        assertThat(polls.filter(answer -> answer.status() != 200).findFirst().orElseGet(() -> poll(last)))
            .as(promise("429 to one of 1000 polls in a row, with Retry-After in seconds", "RFC 6585 §4",
                "one client in a tight loop must not cost all others their server")).hasStatus(429).hasHeaderLike("Retry-After", "[1-9][0-9]*");
    }

    @Test @Order(12) @Tag("TODO-7") @Tag("bonus") @Tag("client")
    void the_pauses_of_the_client_differ_at_random() throws IOException {
        var every = Duration.ofMillis(20);
        var server = serve(new Pages(0));

        try (var _ = follow(server, 0, every)) {
            // A pause that is too short can't come from a busy machine; 60 random ones without any are one in 10^11.
            var pauses = eventually(() -> pauses(exchanges()), seen -> seen.size() >= 60 || varied(seen, every));
            assertThat(varied(pauses, every)).as(promise("pauses at random between 10 and 30 ms, with every = 20 ms", "lab text",
                "clients that were started together, or met the same outage, stay in step without jitter"))
                .overridingErrorMessage("pauses of %s ms", pauses).isTrue();
        }
    }

    /// From each answer to the next request, milliseconds.
    private static List<Long> pauses(List<Exchange> polls) {
        return IntStream.range(1, polls.size()).filter(i -> polls.get(i - 1).answer() != null)
            .mapToObj(i -> (polls.get(i).requestedAt() - polls.get(i - 1).answeredAt()) / 1_000_000).toList();
    }

    private static boolean varied(List<Long> gaps, Duration every) {
        return gaps.stream().anyMatch(gap -> gap < 0.8 * every.toMillis()) && gaps.stream().anyMatch(gap -> gap > 1.1 * every.toMillis());
    }

    private interface Answering {
        MockResponse answer(RecordedRequest request) throws InterruptedException;
    }

    private static Dispatcher answering(Answering answering) {
        return new Dispatcher() {
            @Override public MockResponse dispatch(RecordedRequest request) throws InterruptedException { return answering.answer(request); }
        };
    }

    /// A correct server for the client to poll, with pages of 5.
    private static final class Pages extends Dispatcher {
        volatile int size;

        Pages(int size) { this.size = size; }

        @Override public MockResponse dispatch(RecordedRequest request) {
            var after = Long.parseLong(Objects.requireNonNullElse(request.getUrl().queryParameter("after"), "0"));
            var quotes = LongStream.rangeClosed(after + 1, Math.min(size, after + 5))
                .mapToObj(id -> new Quote(id, "BTC", 64_000 + id, 64_001 + id, 1_718_000_000_000L)).toList();
            return new MockResponse.Builder().setHeader("Content-Type", "application/json").setHeader("Cache-Control", "no-store")
                .setHeader("Next-After", quotes.isEmpty() ? after : quotes.getLast().id()).body(json(quotes)).build();
        }

        private static String json(Object value) {
            try {
                return Market.JSON.writeValueAsString(value);
            } catch (IOException cause) {
                throw new UncheckedIOException(cause);
            }
        }
    }
}
