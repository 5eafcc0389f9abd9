///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import module java.net.http;
import io.javalin.Javalin;
import io.javalin.http.Context;
import java.net.http.HttpResponse.BodyHandlers;
import market.*;
import wirelab.Lab;

/// # Lab 01: short polling
/// The client asks again and again: "what came after the last quote that I have?" The server keeps
/// no memory of who asked what, so a lost answer costs nothing: ask again.
/// Your job: never lose a quote, never deliver one twice.
///
/// Check it with `jbang lab01.java`; play with `jbang lab01.java serve` and
/// `curl -i 'http://127.0.0.1:7001/quotes?after=0'`.
///
/// ## The server: `GET /quotes?after=N`
/// - S1 · TODO 1 · 200 and a JSON array of the quotes with an id above N, oldest first, at most
///   500; `[]` when there are none. A poll takes nothing away.
/// - S2 · TODO 2 · If N is not a whole number from 0 that fits a long (empty, `-1`, `+1`, `1.5`,
///   `x`) → 400. Without `after`, the answer begins with the oldest quote that is kept.
/// - S3 · TODO 3 · Header `Next-After: M`: the cursor to send next, also when the array is empty.
/// - S4 · TODO 3 · Header `Cache-Control: no-store` (RFC 9111 §5.2.2.5): what a cache keeps is not
///   news.
/// - S5 · TODO 3 · If quotes after N were dropped from the log ([Feed#forgot]) → 410: tell the
///   client that it has lost some.
/// - S6 · TODO 4 · Bonus: each client address has an allowance of 100 polls, which fills up again
///   by 100 a second. A client that has spent it gets 429 with `Retry-After` in seconds (RFC 6585
///   §4).
///
/// `throw new Problem(400, "what is wrong")` answers with that status, as JSON that says why.
/// `POST /quotes` and `GET /health` are given.
///
/// ## The client: `follow(base, after, every, sink)`
/// - C1 · TODO 5 · It polls, gives each quote to `sink` once and in order, waits `every`, and polls
///   again. Two polls are never under way at once. It runs until its thread is interrupted.
/// - C2 · TODO 5 · A quote is delivered when `sink` has returned. If `sink` throws, the next poll
///   asks for that quote again.
/// - C3 · TODO 6 · It does not give up on 503 or 429, or when no answer comes: it waits as many
///   seconds as `Retry-After` says (RFC 9110 §10.2.3), or else `every`, and asks again.
/// - C4 · TODO 7 · Bonus: it waits a random time between 0.5 and 1.5 × `every`, so that a thousand
///   clients don't ask in step.
class lab01 {
    static final int LIMIT = 500;

    /// One answer: the quotes, and the cursor that asks for those after them.
    record Page(List<Quote> quotes, long next) {}

    static Javalin server(Feed feed) {
        var allowance = new Allowance(100);
        return Javalin.create(config -> {
            Market.routes(config, feed);
            config.routes.get("/quotes", ctx -> poll(ctx, feed, allowance));
        });
    }

    /// The part of the log that a client with this cursor has not seen yet.
    static Page page(Feed feed, long after) {
        // TODO 1: the quotes after this cursor, at most LIMIT of them, and the cursor that asks for
        // those after them. For now everybody gets the newest quote, again and again.
        return new Page(feed.after(feed.newest() - 1, 1), 0);
    }

    /// Reads the query parameter `after`; null when there is none.
    static long cursor(String after, Feed feed) {
        // TODO 2: refuse what is not a whole number from 0; without a cursor start at the oldest
        // quote that is kept. For now: whatever Java makes of it.
        return after == null ? 0 : Long.parseLong(after);
    }

    /// Answers `GET /quotes`.
    static void poll(Context ctx, Feed feed, Allowance allowance) {
        // TODO 3: the headers of the contract, and 410 when quotes after the cursor are gone.
        // The allowance is for TODO 4: who asks is ctx.ip(), when is System.nanoTime().
        var page = page(feed, cursor(ctx.queryParam("after"), feed));
        Market.json(ctx, page.quotes());
    }

    /// A token bucket for each client: `perSecond` polls at once, refilled at that rate.
    static final class Allowance {
        final int perSecond;
        private final Map<String, Bucket> buckets = new ConcurrentHashMap<>();

        Allowance(int perSecond) { this.perSecond = perSecond; }

        record Bucket(double polls, long nanoTime, boolean granted) {}

        /// Takes one poll from the client's bucket; false when it is empty.
        boolean take(String client, long nanoTime) {
            // TODO 4 (bonus): take one poll from the client's bucket, refilled up to now; false
            // when there is none left. Two polls may arrive at the same moment. Then use it in
            // poll().
            return true;
        }

        private double refilled(Bucket bucket, long nanoTime) {
            var since = (nanoTime - bucket.nanoTime) / 1e9;
            return Math.min(perSecond, bucket.polls + perSecond * since);
        }
    }

    /// Gives every quote after `after` to `sink`, once and in order, until interrupted.
    static void follow(URI base, long after, Duration every, Consumer<Quote> sink)
            throws InterruptedException {
        // TODO 5: one poll at a time, each with the cursor of the last quote that was delivered;
        // start from deliver() below. For now polls leave at a fixed rate, answered or not.
        try (var http = client()) {
            while (true) {
                http.sendAsync(poll(base, after), BodyHandlers.ofByteArray())
                    .thenAccept(answer -> deliver(quotes(answer), after, sink));
                Thread.sleep(every);
            }
        }
    }

    /// Hands the quotes over one by one; returns the cursor of the last one that was taken.
    static long deliver(List<Quote> quotes, long cursor, Consumer<Quote> sink) {
        // TODO 5 too: move the cursor quote by quote, and stop where the sink throws.
        quotes.forEach(sink);
        return cursor;
    }

    /// How long to wait after an answer that is not 200.
    static Duration pause(HttpResponse<?> answer, Duration every) {
        // TODO 6: Retry-After of a 503 or 429, or every if it has none; any other status means that
        // asking again won't help: throw an IllegalStateException. Then use it in follow().
        return Duration.ZERO;
    }

    /// A random time between 0.5 and 1.5 × `every`.
    static Duration jittered(Duration every) {
        // TODO 7 (bonus): a random time between 0.5 and 1.5 × every. Then use it in follow().
        return every;
    }

    // Given for the client.

    static HttpClient client() {
        return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }

    static HttpRequest poll(URI base, long cursor) {
        return HttpRequest.newBuilder(base.resolve("/quotes?after=" + cursor))
            .timeout(Duration.ofSeconds(10)).build();
    }

    static List<Quote> quotes(HttpResponse<byte[]> answer) {
        try {
            return List.of(Market.JSON.readValue(answer.body(), Quote[].class));
        } catch (IOException malformed) {
            throw new UncheckedIOException(malformed);
        }
    }

    void main(String... args) {
        Lab.number(1).server(lab01::server).<Quote>client((start, sink) ->
            follow(start.base(), start.after(), start.every(), sink)).main(args);
    }
}
