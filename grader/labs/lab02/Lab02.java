package labs.lab02;

import static wirelab.check.Servers.*;

import module java.base;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.Setting;
import wirelab.wire.Answer;

@DisplayName("long polling")
public class Lab02 extends Checks {
    public static final List<Setting> SETTINGS = List.of(new Setting("MAX_WAIT_MS", "30000"));

    // Each wait is long enough for a slow machine: a correct server never gets to its end.

    private static String path(long after, Object wait) {
        return "/quotes?after=" + after + "&wait=" + wait;
    }

    private Answer poll(long after, Object wait) { return get(path(after, wait)); }

    @Test @Order(1) @Tag("TODO-3")
    void quotes_after_the_cursor_come_at_once() {
        var limit = Duration.ofMillis(700);
        var before = publish().id();
        var wanted = List.of(publish("ETH").id(), publish("SOL").id());

        // The first answer of a JVM that has just started may take its time.
        var answer = inTheBestOf(3, () -> poll(before, 1), one -> one.took().compareTo(limit) < 0);
        promise("both quotes long before the second of wait=1 is over", "S1",
            "wait is how long to hold a request that has nothing to answer")
            .of(answer).hasQuotes(wanted).tookLessThan(limit);
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_wait_that_is_too_long_is_clamped_and_one_that_is_not_a_number_is_refused() {
        var before = publish().id();
        for (var wait : List.of("", "-1", "x", "NaN", "1e3", "Infinity", "1,5"))
            promise("400 to wait=" + (wait.isEmpty() ? " (empty)" : wait),
                "S5 · RFC 9110 §15.5.1", "also when there are quotes to answer with at once")
                .of(poll(before - 1, wait)).hasStatus(400);

        restartWith("MAX_WAIT_MS", "100");
        var longest = settings().millis("MAX_WAIT_MS");
        var last = publish().id();
        var promise = promise("204 after the longest wait, " + longest.toMillis() + " ms", "S6",
            "a client that may ask for a year holds a connection for a year");
        for (var poll : List.of(start(path(last, "3600")), start(path(last, "9".repeat(20)))))
            endsAfter(longest, poll, promise);
    }

    /// The poll is answered with 204 when this time is over, not before.
    private void endsAfter(Duration wait, Pending poll, PromiseAssert promise) {
        promise.of(poll.answerAfter(wait)).hasStatus(204).hasNoBody();
        promise.that(poll.took(), "204 after %d ms", poll.took().toMillis())
            .isAtLeast(wait.minusMillis(5)).isAtMost(wait.plusMillis(1_800));
    }

    @Test @Order(3) @Tag("TODO-5")
    void a_quote_reaches_the_clients_that_wait_at_once() {
        var late = Stream.generate(this::lateness).limit(5).toList();

        promise("an answer to each client that waits within 150 ms of the quote", "S2",
            "a server that looks every now and then is a short poll in disguise")
            .that(Pauses.median(late), "the last of 8 clients answered after %s ms, in 5 tries",
                late).isBelow(150L);
    }

    /// Publishes while 8 clients wait. How many milliseconds after the quote the last of them was
    /// answered, less what an answer without waiting takes: a slow server is not a late one.
    private long lateness() {
        var before = publish().id();
        var usual = poll(before - 1, 0).took();
        var polls = start(8, path(before, 10));
        var published = System.nanoTime();
        allGet(polls, publish().id(), "the quote ends the wait of each of them");
        var last = polls.stream().mapToLong(poll -> poll.answer().at()).max().orElseThrow();
        return (last - published - usual.toNanos()) / 1_000_000;
    }

    /// Each of these polls is answered with this quote, and nothing else.
    private void allGet(List<Pending> polls, long id, String because) {
        var promise = promise("quote %d, once, to each of the %d clients that wait for it"
            .formatted(id, polls.size()), "S4", because);
        var waiting = eventually(() -> polls.stream().filter(Pending::waits).count(), n -> n == 0);
        promise.holds(waiting == 0, "%d of %d still wait", waiting, polls.size());
        for (var poll : polls) promise.of(poll.answer()).hasQuotes(List.of(id));
    }

    @Test @Order(4) @Tag("TODO-3")
    void silence_ends_with_204_when_the_wait_is_over_and_with_one_answer_only() {
        var before = publish().id();
        endsAfter(Duration.ofMillis(200), start(path(before, 0.2)), promise(
            "204 without a body when wait=0.2 is over, after 200 ms", "S3 · RFC 9110 §15.3.5",
            "404 would say that /quotes doesn't exist"));

        // Some waits end before the quote, some at the same moment, the last one after it.
        var polls = IntStream.range(0, 25)
            .mapToObj(i -> start(path(before, i < 24 ? 0.02 + 0.004 * i : 10))).toList();
        eventually(() -> polls.get(9).waits(), waits -> !waits);
        var id = publish().id();
        for (var poll : polls) isAnsweredOnce(poll, id);
    }

    private void isAnsweredOnce(Pending poll, long id) {
        var promise = promise("204 or quote %d, then the answer to GET /health, on one connection"
            .formatted(id), "S3 · RFC 9112 §9.3",
            "a time-out and a quote at the same moment must agree on who answers");
        var answer = promise.of(poll.answer()).hasStatus(200, 204);
        if (poll.answer().status() == 200) answer.hasQuotes(List.of(id));
        var next = poll.then("/health").answer();
        promise.that(next.json().path("status").asText(), "%s %s", next, next.text()).is("ok");
    }

    @Test @Order(5) @Tag("TODO-5")
    void no_quote_is_missed_between_two_polls_nor_while_the_server_looks() {
        var before = publish().id();
        var between = publish().id();
        promise("the quote that was published before this poll", "S4",
            "a server that sends only what comes during a poll loses what comes between two")
            .of(poll(before, 5)).hasQuotes(List.of(between));

        var polls = start(16, path(between, 10));
        for (var round = 0; round < 80; round++) {
            // Published just when the polls arrive.
            var id = publish().id();
            allGet(polls, id, "look, then listen misses what comes in between: listen first");
            polls = polls.stream().map(poll -> poll.then(path(id, 10))).toList();
        }
    }

    @Test @Order(6) @Tag("TODO-5")
    void every_client_that_waits_gets_the_quote_once() {
        var polls = start(50, path(publish().id(), 10));

        allGet(polls, publish().id(), "waking one of them is not enough");
    }

    @Test @Order(7) @Tag("TODO-1")
    void five_hundred_clients_that_wait_do_not_cost_a_thread_each_and_health_still_answers() {
        var threads = platformThreads();
        var polls = held(500, "S10");

        threads.ifPresent(before -> {
            var more = platformThreads().orElseThrow() - before;
            promise("hardly more threads of the operating system than without the 500", "S10",
                "each costs about a megabyte, and there are a few thousand at most")
                .that(more, "%d more, for 500 clients that wait", more).isBelow(250);
        });
        allGet(polls, publish().id(), "a server that holds them must also wake them");
    }

    @Test @Order(8) @Tag("TODO-4")
    void a_client_that_hangs_up_is_forgotten() {
        var before = quiet();
        held(3, "S11").forEach(Pending::hangUp);

        var promise = promise("no listener left of the 3 clients that hung up", "S11",
            "clients that come and go would fill the memory with requests that nobody waits for");
        var left = eventually(this::listeners, now -> now == before) - before;
        promise.that(left, "%d left", left).is(0);
    }

    /// This many polls that the server holds, each with a listener, as `rule` says.
    private List<Pending> held(int count, String rule) {
        var before = quiet();
        var polls = start(count, path(publish().id(), 30));
        var promise = promise(count + " listeners, one for each client that waits", rule,
            "GET /health shows how many requests the server really holds");
        var held = eventually(this::listeners, now -> now >= before + count
            || polls.stream().anyMatch(poll -> !poll.waits())) - before;
        promise.that(held, "%d listeners, while %d clients were to wait", held, count)
            .isAtLeast(count);
        return polls;
    }

    @Test @Order(9) @Tag("TODO-3")
    void a_burst_comes_back_as_one_array() {
        var before = publish().id();
        var burst = publish(20);

        promise("all 20 quotes in one answer", "S1", "one answer for each costs a round trip each")
            .of(poll(before, 5)).hasQuotes(burst);
    }

    @Test @Order(10) @Tag("TODO-3")
    void no_cache_may_keep_an_answer() {
        var last = publish().id();

        for (var path : List.of(path(last - 1, 1), path(last, 0), path(last, "x")))
            promise("Cache-Control: no-store to GET " + path, "S7 · RFC 9111 §5.2.2.5",
                "without it a cache on the way may answer the next poll from memory, forever")
                .of(get(path)).hasToken("Cache-Control", "no-store");
    }

    @Test @Order(11) @Tag("TODO-3")
    void a_cursor_older_than_the_log_is_told_that_quotes_are_lost() {
        var dropped = publish().id();
        publish(settings().number("FEED_CAPACITY"));

        promise("410, not to be cached: quote " + dropped + " was asked for and is gone",
            "S8 · RFC 9110 §15.5.11", "waiting won't bring it back; see Feed.forgot")
            .of(poll(dropped - 1, 1)).hasStatus(410).hasToken("Cache-Control", "no-store");
        promise("200: nothing after " + dropped + " is lost", "S8")
            .of(poll(dropped, 1)).hasStatus(200);
    }

    @Test @Order(12) @Tag("TODO-7") @Tag("client")
    void the_client_asks_again_at_once_with_the_new_cursor_and_one_request_at_a_time()
            throws IOException {
        var newest = new AtomicInteger(3);
        try (var client = follow(serve(upTo(newest, 0)), 0, Duration.ofSeconds(1))) {
            client.refuseOnce(2);
            promise("1–3 once each; 2 again, since the sink failed on it", "C2",
                "the cursor may move only when the sink has returned")
                .of(client).delivers(ids(1, 3));
            var silent = eventually(SOON, () -> pauses(exchanges().stream()
                .filter(one -> one.answered(204)).toList()), seen -> seen.size() > 2);
            // A busy machine makes one of them long, not all.
            promise("the next request at once after a 204", "C1",
                "a quote that is published in a pause is late")
                .holds(silent.stream().anyMatch(pause -> pause < 100), "%s", Pauses.shown(silent));
            newest.set(5);
            promise("quotes 4 and 5 after some answers of 204", "C1",
                "204 says that nothing came: the cursor stays").of(client).delivers(ids(1, 5));
        }
        var pauses = pauses(exchanges());
        promise("one request at a time", "C1", "two at once bring each quote twice")
            .holds(Collections.min(pauses) >= 0, "a request before the last one was answered");
    }

    @Test @Order(13) @Tag("TODO-8") @Tag("client")
    void the_client_backs_off_while_the_server_fails_and_then_goes_on() throws IOException {
        var server = serve(upTo(new AtomicInteger(2), 3));
        try (var client = follow(server, 0, Duration.ofSeconds(1))) {
            promise("quotes 1 and 2 after three answers of 503", "C3 · RFC 9110 §15.6.4",
                "503 is temporary: ask again").of(client).delivers(ids(1, 2));
        }
        var pauses = pauses(exchanges()).stream().limit(3).toList();
        promise("pauses of 38–50, 75–100 and 150–200 ms after three failures", "C3",
            "a thousand clients that try again at once keep a server down")
            .holds(pauses.size() == 3 && IntStream.range(0, 3).allMatch(i ->
                pauses.get(i) >= (50 << i) * 3 / 4 - 2 && pauses.get(i) <= (50 << i) + 1_000),
                "%s", Pauses.shown(pauses));
    }

    @Test @Order(14) @Tag("TODO-6") @Tag("bonus")
    void a_server_that_stops_answers_the_clients_that_wait() {
        var polls = held(5, "S12");
        stopOrSkip();

        var promise = promise("204 or 503 to each of 5 clients that wait",
            "S12 · RFC 9110 §15.6.4", "a connection that breaks off does not tell a client why");
        for (var poll : polls) promise.of(poll.answer()).hasStatus(204, 503);
    }

    /// A server for the client that fails so many times, and is correct from then on; it holds a
    /// request for 40 ms, however long it may.
    private static Dispatcher upTo(AtomicInteger newest, int failures) {
        var left = new AtomicInteger(failures);
        return answering(request -> {
            if (left.getAndDecrement() > 0) return status(503).build();
            var after = Long.parseLong(Objects.requireNonNullElse(
                request.getUrl().queryParameter("after"), "0"));
            if (newest.get() <= after) pass(Duration.ofMillis(40));
            return newest.get() > after ? json(quotes(after + 1, newest.get())).build()
                : status(204).setHeader("Cache-Control", "no-store").build();
        });
    }
}
