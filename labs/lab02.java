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
        // TODO 1: by default each request that waits holds one of 250 platform threads. Change that
        // here, in one line: see config.concurrency.
    }

    /// Reads the query parameter `wait`; null when there is none.
    static Duration wait(String wait, Policy policy) {
        // TODO 2: seconds, fractions allowed, but no more than policy.longest; refuse anything that
        // is not such a number. For now nobody waits: a short poll.
        return Duration.ZERO;
    }

    /// Answers `GET /quotes`.
    static void poll(Context ctx, Feed feed, Policy policy, Waiting waiting) {
        // TODO 3: the contract of GET /quotes: quotes at once if there are some, else hold() the
        // request, 204 when none came; 410, no-store. For now everybody gets the whole log.
        Market.json(ctx, hold(ctx, feed, 0, wait(ctx.queryParam("wait"), policy), waiting));
    }

    /// Waits for news as long as the client is there and the server runs.
    static List<Quote> hold(Context ctx, Feed feed, long after, Duration wait, Waiting waiting) {
        // TODO 4: end the waiting when the client hangs up: HangUp.watch(ctx, …) calls you then,
        // and an interrupt wakes a thread that waits. Nobody reads that answer.
        try {
            return await(feed, after, wait);
        } catch (InterruptedException interrupted) {
            return List.of();
        }
    }

    /// The quotes after this cursor as soon as there are some; none when `wait` has passed.
    static List<Quote> await(Feed feed, long after, Duration wait) throws InterruptedException {
        // TODO 5: wait for news, not for time: feed.listen(…) tells when a quote is published. Mind
        // a quote that is published between looking and listening. Close what you open.
        Thread.sleep(wait);
        return feed.after(after, LIMIT);
    }

    /// The requests that wait, so that a server that stops can end their waiting.
    static final class Waiting {
        private final Set<Thread> waiters = ConcurrentHashMap.newKeySet();
        private volatile boolean stopping;

        interface Entry extends AutoCloseable {
            @Override void close();
        }

        Entry enter(Thread waiter) {
            // TODO 6 (bonus): remember the waiter until the entry is closed. Use it in hold().
            return () -> {};
        }

        void dismiss() {
            // TODO 6 too: wake all waiters, and those that are just about to wait.
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
        // TODO 7: go on after the last quote that was delivered, quote by quote; a 204 moves
        // nothing. For now the client asks for the same quotes again and again.
        try (var http = client()) {
            while (true) {
                try {
                    var answer = http.send(poll(base, after), BodyHandlers.ofByteArray());
                    deliver(quotes(answer), after, sink);
                } catch (IOException temporary) {
                    Thread.sleep(backOff(1));
                }
            }
        }
    }

    /// How long to wait after this many failures in a row.
    static Duration backOff(int failures) {
        // TODO 8: 50 ms × 2^(failures-1), at most 5 s, less up to a quarter at random. Count the
        // failures in follow().
        return Duration.ZERO;
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
