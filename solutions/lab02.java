///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import module java.net.http;
import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import java.net.http.HttpResponse.BodyHandlers;
import market.*;
import wirelab.Lab;

/// # Lab 02: long polling
/// The server holds the request until there is news, so news arrives at once and silence costs
/// nothing. Your job: never miss a quote, never hold a thread, never keep a client that is gone.
///
/// Check it with `jbang lab02.java`; play with `jbang lab02.java serve` and
/// `curl -i 'http://127.0.0.1:7002/quotes?after=3&wait=5'`.
///
/// ## The server: `GET /quotes?after=N&wait=S`
/// - S1 · TODO 3 · If there are quotes after N → 200 at once, and a JSON array of all of them,
///   oldest first, at most 500. So quotes that were published in one go come in one array.
/// - S2 · TODO 5 · If there is no quote after N → the server holds the request until one comes, and
///   answers with 200 within 150 ms of it.
/// - S3 · TODO 3 · If no quote comes within S seconds → 204 without a body (RFC 9110 §15.3.5). A
///   request gets one answer, also when a quote comes at that very moment.
/// - S4 · TODO 5 · No quote is missed, be it published between two polls or while the server looks
///   for quotes. Every client that waits gets it.
/// - S5 · TODO 2 · S is a number of seconds from 0, fractions allowed (`0.25`); without `wait` it
///   is 0. Anything else (empty, `-1`, `x`, `NaN`, `1e3`) → 400, even if there are quotes.
/// - S6 · TODO 2 · The longest wait is `MAX_WAIT_MS` (a setting, default 30000). A longer S counts
///   as that.
/// - S7 · TODO 3 · `Cache-Control: no-store` on every answer (RFC 9111 §5.2.2.5).
/// - S8 · TODO 3 · If quotes after N were dropped from the log ([Feed#forgot]) → 410.
/// - S9 · given · If N is not a whole number from 0 → 400. Without `after`, the answer begins with
///   the oldest quote that is kept.
/// - S10 · TODO 1 · 500 clients that wait do not cost a thread of the operating system each, and
///   `/health` still answers.
/// - S11 · TODO 4 · A client that hangs up is forgotten at once: `/health` counts the feed's open
///   listeners, and each request that waits holds one. [HangUp#watch] tells when a client hangs up.
/// - S12 · TODO 6 · Bonus: a server that stops answers the clients that wait, with 204 or 503,
///   instead of cutting them off.
///
/// `throw new Problem(400, "what is wrong")` answers with that status, as JSON that says why.
/// `POST /quotes` and `GET /health` are given; `POST /quotes` calls the feed's listeners.
///
/// ## The client: `follow(base, after, sink)`
/// - C1 · TODO 7 · It asks with `wait`, gives each quote to `sink` once and in order, and asks
///   again at once, with the new cursor. A 204 leaves the cursor as it is. One request at a time.
/// - C2 · TODO 7 · A quote is delivered when `sink` has returned. If `sink` throws, the client asks
///   for that quote again.
/// - C3 · TODO 8 · On an error (500 and above, 429, no answer) it neither gives up nor hammers the
///   server: after the n-th failure in a row it waits 50 ms × 2^(n-1), at most 5 s, less up to a
///   quarter at random. After a good answer the count begins again.
/// - C4 · given · Any other status won't get better: an IllegalStateException. The client runs
///   until its thread is interrupted.
class lab02 {
    static final int LIMIT = 500;

    /// What a server decides for all its clients.
    ///
    /// @param longest wait
    record Policy(Duration longest) {
        static Policy fromSettings() {
            return new Policy(Duration.ofMillis(Market.setting("MAX_WAIT_MS", 30_000)));
        }
    }

    static Javalin server(Feed feed) {
        var policy = Policy.fromSettings();
        var waiting = new Waiting();
        return Javalin.create(config -> {
            Market.routes(config, feed);
            configure(config);
            config.routes.get("/quotes", ctx -> poll(ctx, feed, policy, waiting));
            // A server that stops wakes the requests that wait, and takes the time to answer them.
            config.events.serverStopping(waiting::dismiss);
            config.jetty.modifyServer(server -> server.setStopTimeout(3000));
        });
    }

    /// On which threads the handlers run.
    static void configure(JavalinConfig config) {
        // A virtual thread that waits holds no thread of the operating system: blocking is cheap.
        config.concurrency.useVirtualThreads = true;
    }

    /// Reads the query parameter `wait`; null when there is none.
    static Duration wait(String wait, Policy policy) {
        if (wait == null) return Duration.ZERO;
        // Double.parseDouble alone would also take "NaN", "1e3", "0x1p3" and "5d".
        if (!wait.matches("[0-9]+(\\.[0-9]+)?"))
            throw new Problem(400, "wait: '" + wait + "', must be a number of seconds like 0.25");
        // Clamped before it becomes a long: a number of 400 digits is still a number.
        var nanos = Math.min(Double.parseDouble(wait) * 1e9, policy.longest.toNanos());
        return Duration.ofNanos((long) nanos);
    }

    /// Answers `GET /quotes`.
    static void poll(Context ctx, Feed feed, Policy policy, Waiting waiting) {
        ctx.header("Cache-Control", "no-store");
        var named = ctx.queryParam("after");
        var after = cursor(named, feed);
        var wait = wait(ctx.queryParam("wait"), policy);
        var quotes = feed.after(after, LIMIT);
        if (quotes.isEmpty() && wait.isPositive()) quotes = hold(ctx, feed, after, wait, waiting);
        // Asked only now: a quote that is dropped before the log is read is missing here.
        if (named != null && feed.forgot(after))
            throw new Problem(410, "after: " + after + ", kept are quotes from " + feed.oldest());
        // 204, not 404: the resource exists, it has nothing new to say.
        if (quotes.isEmpty()) ctx.status(204);
        else Market.json(ctx, quotes);
    }

    /// Waits for news as long as the client is there and the server runs.
    static List<Quote> hold(Context ctx, Feed feed, long after, Duration wait, Waiting waiting) {
        var waiter = Thread.currentThread();
        try (var _ = HangUp.watch(ctx, waiter::interrupt); var _ = waiting.enter(waiter)) {
            return await(feed, after, wait);
        } catch (InterruptedException goneOrStopping) {
            return List.of();
        } finally {
            // An interrupt that came a moment too late must not hit what this thread does next.
            Thread.interrupted();
        }
    }

    /// The quotes after this cursor as soon as there are some; none when `wait` has passed.
    static List<Quote> await(Feed feed, long after, Duration wait) throws InterruptedException {
        var news = new Semaphore(0);
        try (var _ = feed.listen(_ -> news.release())) {
            // Listen first, then look: a quote published in between is seen by one of the two.
            var quotes = feed.after(after, LIMIT);
            if (quotes.isEmpty() && news.tryAcquire(wait.toNanos(), TimeUnit.NANOSECONDS))
                quotes = feed.after(after, LIMIT);
            return quotes;
        }
    }

    /// The requests that wait, so that a server that stops can end their waiting.
    static final class Waiting {
        private final Set<Thread> waiters = ConcurrentHashMap.newKeySet();
        private volatile boolean stopping;

        interface Entry extends AutoCloseable {
            @Override void close();
        }

        Entry enter(Thread waiter) {
            waiters.add(waiter);
            // Whoever enters while dismiss() runs is seen by it, or sees it.
            if (stopping) waiter.interrupt();
            return () -> waiters.remove(waiter);
        }

        void dismiss() {
            stopping = true;
            waiters.forEach(Thread::interrupt);
        }
    }

    // Given for the server.

    /// Reads the query parameter `after`, as in lab 01; null when there is none.
    static long cursor(String after, Feed feed) {
        if (after == null) return feed.oldest() - 1;
        try {
            if (after.matches("[0-9]+")) return Long.parseLong(after);
        } catch (NumberFormatException tooLarge) {
            // 20 digits get the same answer as a word.
        }
        throw new Problem(400, "after: '" + after + "', must be a whole number from 0");
    }

    /// Gives every quote after `after` to `sink`, once and in order, until interrupted.
    static void follow(URI base, long after, Consumer<Quote> sink) throws InterruptedException {
        try (var http = client()) {
            var failures = 0;
            for (var cursor = after; ; ) {
                try {
                    var quotes = quotes(http.send(poll(base, cursor), BodyHandlers.ofByteArray()));
                    // A 204 brings no quotes: the cursor stays.
                    cursor = deliver(quotes, cursor, sink);
                    if (quotes.isEmpty() || cursor == quotes.getLast().id()) {
                        failures = 0;
                        continue;
                    }
                } catch (IOException temporary) {
                    // The server is overloaded, restarts, or was never there: same cursor, later.
                }
                Thread.sleep(backOff(++failures));
            }
        }
    }

    /// How long to wait after this many failures in a row.
    static Duration backOff(int failures) {
        var longest = Math.min(5_000, 50 * (1L << Math.min(failures - 1, 10)));
        // Up to a quarter less, at random: clients that met one outage must not come back in step.
        return Duration.ofMillis(longest - ThreadLocalRandom.current().nextLong(longest / 4 + 1));
    }

    // Given for the client.

    static HttpClient client() {
        return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }

    static HttpRequest poll(URI base, long cursor) {
        return HttpRequest.newBuilder(base.resolve("/quotes?after=" + cursor + "&wait=25"))
            .timeout(Duration.ofSeconds(35)).build();
    }

    /// The quotes of an answer, none for a 204.
    ///
    /// @throws IOException           if asking again may help
    /// @throws IllegalStateException if it won't: a person must look at it
    static List<Quote> quotes(HttpResponse<byte[]> answer) throws IOException {
        var status = answer.statusCode();
        if (status == 200) return List.of(Market.JSON.readValue(answer.body(), Quote[].class));
        if (status == 204) return List.of();
        if (status == 429 || status >= 500) throw new IOException("the server answers " + status);
        throw new IllegalStateException(answer.uri() + " answers " + status);
    }

    /// Hands the quotes over one by one; returns the cursor of the last one that was taken.
    static long deliver(List<Quote> quotes, long cursor, Consumer<Quote> sink) {
        for (var quote : quotes) {
            try {
                sink.accept(quote);
            } catch (RuntimeException refused) {
                return cursor;
            }
            cursor = quote.id();
        }
        return cursor;
    }

    void main(String... args) {
        Lab.number(2).server(lab02::server)
            .<Quote>client((start, sink) -> follow(start.base(), start.after(), sink)).main(args);
    }
}
