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
        var quotes = feed.after(after, LIMIT);
        return new Page(quotes, quotes.isEmpty() ? after : quotes.getLast().id());
    }

    /// Reads the query parameter `after`; null when there is none.
    static long cursor(String after, Feed feed) {
        if (after == null) return feed.oldest() - 1;
        try {
            // Long.parseLong alone would also take "+1" and digits of other scripts.
            if (after.matches("[0-9]+")) return Long.parseLong(after);
        } catch (NumberFormatException tooLarge) {
            // 20 digits get the same answer as a word.
        }
        throw new Problem(400, "after: '" + after + "', must be a whole number from 0");
    }

    /// Answers `GET /quotes`.
    static void poll(Context ctx, Feed feed, Allowance allowance) {
        // First of all: a 410 may be cached too, unless it says otherwise (RFC 9110 §15.5.11).
        ctx.header("Cache-Control", "no-store");
        if (!allowance.take(ctx.ip(), System.nanoTime())) {
            ctx.header("Retry-After", "1");
            throw new Problem(429, "more than " + allowance.perSecond + " polls a second");
        }
        var named = ctx.queryParam("after");
        var after = cursor(named, feed);
        var page = page(feed, after);
        // Not the oldest quotes that are left: the client would never learn that it missed some.
        // Asked only now: what is dropped before the page is read is missing in it.
        if (named != null && feed.forgot(after))
            throw new Problem(410, "after: " + after + ", kept are quotes from " + feed.oldest());
        ctx.header("Next-After", "" + page.next());
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
            // Full buckets say nothing, so they are not kept forever.
            if (buckets.size() > 10_000)
                buckets.values().removeIf(bucket -> refilled(bucket, nanoTime) == perSecond);
            // compute() is atomic for one client: two polls at once can't take the same token.
            return buckets.compute(client, (_, bucket) -> {
                var polls = bucket == null ? perSecond : refilled(bucket, nanoTime);
                return polls >= 1
                    ? new Bucket(polls - 1, nanoTime, true)
                    : new Bucket(polls, nanoTime, false);
            }).granted;
        }

        private double refilled(Bucket bucket, long nanoTime) {
            var since = (nanoTime - bucket.nanoTime) / 1e9;
            return Math.min(perSecond, bucket.polls + perSecond * since);
        }
    }

    /// Gives every quote after `after` to `sink`, once and in order, until interrupted.
    static void follow(URI base, long after, Duration every, Consumer<Quote> sink)
            throws InterruptedException {
        try (var http = client()) {
            for (var cursor = after; ; ) {
                var pause = jittered(every);
                try {
                    var answer = http.send(poll(base, cursor), BodyHandlers.ofByteArray());
                    if (answer.statusCode() == 200) cursor = deliver(quotes(answer), cursor, sink);
                    else pause = pause(answer, every);
                } catch (IOException | UncheckedIOException unreachable) {
                    // A server that restarts is back soon; the cursor still says where to go on.
                }
                // After the answer, not at a fixed rate: a slow server must not face two polls.
                Thread.sleep(pause);
            }
        }
    }

    /// Hands the quotes over one by one; returns the cursor of the last one that was taken.
    static long deliver(List<Quote> quotes, long cursor, Consumer<Quote> sink) {
        for (var quote : quotes) {
            try {
                sink.accept(quote);
            } catch (RuntimeException refused) {
                // Not taken: the next poll starts here, and gets this quote again.
                return cursor;
            }
            // Only now: whoever moves the cursor first loses the quote when the sink fails.
            cursor = quote.id();
        }
        return cursor;
    }

    /// How long to wait after an answer that is not 200.
    static Duration pause(HttpResponse<?> answer, Duration every) {
        if (answer.statusCode() != 503 && answer.statusCode() != 429)
            // 400, 410 and their like come again however often one asks: that is for a person.
            throw new IllegalStateException(answer.uri() + " answers " + answer.statusCode());
        return answer.headers().firstValue("Retry-After")
            .filter(seconds -> seconds.matches("[0-9]{1,5}"))
            .map(seconds -> Duration.ofSeconds(Long.parseLong(seconds)))
            .orElse(jittered(every));
    }

    /// A random time between 0.5 and 1.5 × `every`.
    static Duration jittered(Duration every) {
        return every.multipliedBy(ThreadLocalRandom.current().nextLong(50, 151)).dividedBy(100);
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
