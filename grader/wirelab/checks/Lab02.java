package wirelab.checks;

import module java.base;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.Answer;
import wirelab.Checks;

@DisplayName("long polling")
public class Lab02 extends Checks {
    // Each wait is long enough for a slow machine: a correct server never gets to its end.

    private static String path(long after, Object wait) {
        return "/quotes?after=" + after + "&wait=" + wait;
    }

    @Test @Order(1) @Tag("TODO-3")
    void what_is_there_is_answered_at_once() {
        var before = publish().id();
        var wanted = List.of(publish("ETH").id(), publish("SOL").id());
        // The best of three: the first answer of a JVM that has just started may take its time.
        var answer = IntStream.range(0, 3).mapToObj(_ -> get(path(before, 1)))
            .min(Comparator.comparing(Answer::took)).orElseThrow();

        assertThat(answer).as(promise("both quotes, without waiting", "lab text"))
            .hasQuotes(wanted);
        assertThat(answer.took())
            .as(promise("both quotes long before the second is over", "lab text",
            "wait is how long to hold a request that has nothing to answer"))
            .overridingErrorMessage("them after %d ms", answer.took().toMillis())
            .isLessThan(Duration.ofMillis(700));
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_wait_that_is_too_long_is_clamped_and_one_that_is_no_number_is_refused() {
        var before = publish().id();
        for (var wait : List.of("", "-1", "x", "NaN", "1e3", "Infinity", "1,5")) {
            promise("400 to wait=" + (wait.isEmpty() ? " (empty)" : wait),
                "RFC 9110 §15.5.1", "also when there are quotes to answer with at once");
            assertThat(get(path(before - 1, wait))).hasStatus(400);
        }
        restartWith("MAX_WAIT_MS", "100");
        var longest = settings().millis("MAX_WAIT_MS");
        var last = publish().id();
        promise("204 after the longest wait, " + longest.toMillis() + " ms", "lab text",
            "whoever may ask for a year holds a connection for a year");
        var held = Stream.of("3600", "99999999999999999999")
            .map(wait -> start(path(last, wait))).toList();
        for (var one : held) {
            assertThat(one.answerAfter(longest)).hasStatus(204);
            assertThat(one.took()).overridingErrorMessage("it after %d ms", one.took().toMillis())
                .isGreaterThan(longest.minusMillis(5));
            one.hangUp();
        }
    }

    @Test @Order(3) @Tag("TODO-5")
    void a_quote_that_comes_while_clients_wait_is_answered_at_once() {
        var late = Stream.generate(this::lateness).limit(5).sorted().toList();

        assertThat(late.get(2))
            .as(promise("the answer to each who waits within 150 ms of the quote",
            "lab text", "a server that looks every now and then is a short poll in disguise"))
            .overridingErrorMessage("the last of 8 answered after %s ms, in 5 tries", late)
            .isLessThan(150);
    }

    /// Publishes while 8 clients wait. How many milliseconds after the quote the last of them was
    /// answered, less what an answer without waiting takes: a slow server is no late one.
    private long lateness() {
        var before = publish().id();
        var usual = get(path(before - 1, 0)).took();
        var waiting = start(8, path(before, 10));
        var published = System.nanoTime();
        var wanted = List.of(publish().id());
        promise("the new quote to each who waits", "lab text");
        for (var one : waiting) assertThat(one.answer()).hasQuotes(wanted);
        var last = waiting.stream().mapToLong(one -> one.answer().at()).max().orElseThrow();
        return (last - published - usual.toNanos()) / 1_000_000;
    }

    @Test @Order(4) @Tag("TODO-3")
    void silence_ends_with_204_when_the_wait_is_over_and_with_one_answer_only() {
        var before = publish().id();
        var silent = start(path(before, 0.2));
        assertThat(silent.answer()).as(promise("204 and no body", "RFC 9110 §15.3.5",
            "404 would say that /quotes doesn't exist")).hasStatus(204).hasNoBody();
        assertThat(silent.took()).as(promise("it after 0.2 s", "lab text"))
            .overridingErrorMessage("it after %d ms", silent.took().toMillis())
            .isBetween(Duration.ofMillis(195), Duration.ofSeconds(2));

        // Some waits end just before the quote, some just after, some at the same moment.
        var waiting = IntStream.range(0, 24).mapToObj(i -> start(path(before, 0.02 + 0.004 * i)))
            .toList();
        eventually(() -> waiting.getFirst().waits(), waits -> !waits);
        eventually(() -> waiting.get(9).waits(), waits -> !waits);
        var id = publish().id();
        for (var one : waiting) {
            promise("either 204 or quote " + id + ", once", "RFC 9112 §9.3",
                "a time-out and a quote at the same moment must agree on who answers");
            if (one.answer().status() == 200) assertThat(one.answer()).hasQuotes(List.of(id));
            else assertThat(one.answer()).hasStatus(204);
            promise("the answer to the next request on that connection", "RFC 9112 §9.3");
            assertThat(one.then("/health").answer().json().path("status").asText()).isEqualTo("ok");
        }
    }

    @Test @Order(5) @Tag("TODO-5")
    void no_quote_is_missed_between_two_polls_nor_while_the_server_looks() throws Exception {
        var before = publish().id();
        var between = publish().id();
        assertThat(get(path(before, 5))).as(promise("the quote from before this poll", "lab text"))
            .hasQuotes(List.of(between));

        // All clients have the newest quote and ask for the next, which comes just then, 80 times.
        var cursor = between;
        var polls = start(16, path(cursor, 10));
        for (var round = 0; round < 80; round++) {
            var id = publish().id();
            promise("quote " + id
                + " to every client, published while their polls arrived", "lab text",
                "look, then listen misses what comes in between: listen first");
            for (var poll : polls) assertThat(poll.answer()).hasQuotes(List.of(id));
            polls = polls.stream().map(poll -> poll.then(path(id, 10))).toList();
        }
    }

    @Test @Order(6) @Tag("TODO-5")
    void everybody_who_waits_gets_the_quote_once() {
        var before = publish().id();
        var waiting = start(50, path(before, 10));
        var id = publish().id();
        var answered = eventually(() -> waiting.stream().filter(one -> !one.waits()).count(),
            count -> count == 50);

        assertThat(answered).as(promise("50 of 50 who wait answered", "lab text",
            "waking one of them is not enough")).isEqualTo(50);
        for (var one : waiting)
            assertThat(one.answer()).as(promise("quote " + id, "lab text")).hasQuotes(List.of(id));
    }

    @Test @Order(7) @Tag("TODO-1")
    void five_hundred_who_wait_cost_no_thread_each_and_health_still_answers() {
        var before = publish().id();
        var threads = platformThreads();
        var waiting = start(500, path(before, 30));
        var promised = promise("listeners: 500, one for each who waits", "lab text",
            "GET /health shows how many requests the server really holds");
        var held = eventually(this::listeners,
            count -> count >= 500 || waiting.stream().anyMatch(one -> !one.waits()));
        assertThat(held).as(promised)
            .overridingErrorMessage("listeners: %d, while 500 clients were to wait", held)
            .isGreaterThanOrEqualTo(500);

        if (threads.isPresent()) {
            var more = platformThreads().orElseThrow() - threads.getAsInt();
            assertThat(more).as(promise("hardly more threads of the operating system than before",
                "lab text", "each costs about a megabyte, and there are a few thousand at most"))
                .overridingErrorMessage("%d more, for 500 who wait", more).isLessThan(250);
        }
        var id = publish().id();
        promise("quote " + id + " to all 500", "lab text");
        for (var one : waiting) assertThat(one.answer()).hasQuotes(List.of(id));
    }

    @Test @Order(8) @Tag("TODO-4")
    void a_client_that_hangs_up_is_forgotten() {
        var before = listeners();
        var waiting = start(3, path(publish().id(), 30));
        var held = eventually(this::listeners,
            count -> count >= before + 3 || waiting.stream().anyMatch(one -> !one.waits()));
        assertThat(held - before).as(promise("3 listeners while 3 clients wait", "lab text"))
            .overridingErrorMessage("listeners: %d", held).isEqualTo(3);
        waiting.forEach(Pending::hangUp);

        var promised = promise("0 listeners after all 3 hung up", "lab text",
            "clients that come and go would fill the memory with requests that nobody waits for");
        var left = eventually(this::listeners, count -> count == before);
        assertThat(left - before).as(promised)
            .overridingErrorMessage("listeners: %d", left).isZero();
    }

    @Test @Order(9) @Tag("TODO-3")
    void a_burst_comes_back_as_one_array() {
        var before = publish().id();
        var burst = publish(20);

        assertThat(get(path(before, 5))).as(promise("all 20 quotes in one answer", "lab text",
            "an answer for each would cost a round trip for each")).hasQuotes(burst);
    }

    @Test @Order(10) @Tag("TODO-3")
    void no_cache_may_keep_an_answer() {
        var last = publish().id();

        promise("Cache-Control: no-store", "RFC 9111 §5.2.2.5",
            "a cache in between may answer the next poll from memory, for ever");
        assertThat(get(path(last - 1, 1))).hasToken("Cache-Control", "no-store");
        assertThat(get(path(last, 0))).hasToken("Cache-Control", "no-store");
        assertThat(get(path(last, "x"))).hasToken("Cache-Control", "no-store");
    }

    @Test @Order(11) @Tag("TODO-3")
    void a_cursor_older_than_the_log_is_told_that_quotes_are_lost() {
        var dropped = publish().id();
        publish(settings().number("FEED_CAPACITY"));

        assertThat(get(path(dropped - 1, 1))).as(promise("410: quote " + dropped + " is gone",
            "RFC 9110 §15.5.11", "waiting won't bring it back; see Feed.forgot")).hasStatus(410)
            .hasToken("Cache-Control", "no-store");
        assertThat(get(path(dropped, 1))).as(promise("200: nothing after " + dropped + " is lost",
            "lab text")).hasStatus(200);
    }

    @Test @Order(12) @Tag("TODO-7") @Tag("client")
    void the_client_asks_again_at_once_with_the_new_cursor_and_one_request_at_a_time()
            throws IOException {
        var held = new Held(3);
        var server = serve(held);
        try (var client = follow(server, 0, Duration.ofSeconds(1))) {
            client.refuseOnce(2);
            promise("1–3 once each; 2 again, since the sink failed on it", "lab text",
                "the cursor may move only when the sink has returned");
            assertIds(client.ids(3)).areExactly(ids(1, 3));
            eventually(SOON, () -> held.silences.get(), count -> count >= 2);
            held.publish(2);
            promise("then 4 and 5, after some answers of 204", "lab text",
                "204 says that nothing came: the cursor stays");
            assertIds(client.ids(5)).areExactly(ids(1, 5));
        }
        assertThat(held.most.get()).as(promise("one request at a time", "lab text")).isEqualTo(1);
        var pause = pauseAfterSilence();
        assertThat(pause).as(promise("the next request at once after an answer", "lab text",
            "whatever is published in a pause is late")).overridingErrorMessage(
            "never less than %d ms after a 204", pause).isLessThan(100);
    }

    /// The shortest that came after a 204, milliseconds: a busy machine makes one long, not all.
    private long pauseAfterSilence() {
        var polls = exchanges();
        return IntStream.range(1, polls.size()).filter(i -> polls.get(i - 1).answered(204))
            .mapToLong(i -> polls.get(i).requestedAt() - polls.get(i - 1).answeredAt()).min()
            .orElse(Long.MAX_VALUE) / 1_000_000;
    }

    @Test @Order(13) @Tag("TODO-8") @Tag("client")
    void the_client_backs_off_while_the_server_fails_and_then_goes_on() throws IOException {
        var held = new Held(2);
        var number = new AtomicInteger();
        var server = serve(new Dispatcher() {
            @Override public MockResponse dispatch(RecordedRequest request)
                throws InterruptedException {
                return number.incrementAndGet() > 3 ? held.dispatch(request)
                    : unavailable().build();
            }
        });
        try (var client = follow(server, 0, Duration.ofSeconds(1))) {
            promise("quotes 1 and 2 after three answers of 503", "RFC 9110 §15.6.4");
            assertIds(client.ids(2)).areExactly(ids(1, 2));
            var pauses = pauses().subList(0, 3);
            for (var i = 0; i < 3; i++) {
                var longest = 50L << i;
                assertThat(pauses.get(i)).as(promise("after failure " + (i + 1) + " a pause of "
                    + longest * 3 / 4 + "–" + longest + " ms", "lab text",
                    "a thousand clients that try again at once keep a server down"))
                    .overridingErrorMessage("pauses of %s ms", pauses)
                    .isBetween(longest * 3 / 4 - 2, longest + 1_000);
            }
        }
    }

    @Test @Order(14) @Tag("TODO-6") @Tag("bonus")
    void a_server_that_stops_answers_those_who_wait() {
        var waiting = start(5, path(publish().id(), 30));
        eventually(this::listeners, count -> count >= 5 || !waiting.getFirst().waits());
        Assumptions.assumeTrue(stopServer(), "this server is not ours to stop");

        promise("204 or 503 to each who waits", "RFC 9110 §15.6.4",
            "a connection that breaks off makes a client wonder what happened");
        for (var one : waiting) {
            assertThat(one.answer()).hasStatus(204, 503);
            one.hangUp();
        }
    }

    /// A correct server for the client; it holds a request for 40 ms, however long it may.
    private static final class Held extends Dispatcher {
        final AtomicInteger silences = new AtomicInteger();
        final AtomicInteger most = new AtomicInteger();
        private final AtomicInteger now = new AtomicInteger();
        private int size;

        Held(int size) { this.size = size; }

        synchronized void publish(int count) {
            size += count;
            notifyAll();
        }

        @Override public MockResponse dispatch(RecordedRequest request)
            throws InterruptedException {
            most.accumulateAndGet(now.incrementAndGet(), Math::max);
            try {
                return answer(Long.parseLong(Objects.requireNonNullElse(
                    request.getUrl().queryParameter("after"), "0")));
            } finally {
                now.decrementAndGet();
            }
        }

        private synchronized MockResponse answer(long after) throws InterruptedException {
            if (size <= after) wait(40);
            if (size <= after) {
                silences.incrementAndGet();
                return new MockResponse.Builder().status("HTTP/1.1 204 No Content")
                    .setHeader("Cache-Control", "no-store")
                    .build();
            }
            return json(quotes(after + 1, size)).build();
        }
    }
}
