package wirelab.checks;

import module java.base;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.Call;
import wirelab.Follower;
import wirelab.Lab;
import wirelab.RpcChecks;
import wirelab.Tap;

@DisplayName("gRPC server streaming")
public class Lab07 extends RpcChecks {
    /// How soon a listener must be closed, milliseconds.
    private static final long GONE = 200;

    private static SubscribeRequest request(long after, String... symbols) {
        return SubscribeRequest.newBuilder().addAllSymbols(List.of(symbols)).setAfterId(after)
            .build();
    }

    private static Call<SubscribeRequest, Quote> begin(Call<SubscribeRequest, Quote> call,
            SubscribeRequest request) {
        return call.send(request).halfClose();
    }

    private Call<SubscribeRequest, Quote> subscribe(long after, String... symbols) {
        return begin(call(MarketDataGrpc.getSubscribeQuotesMethod()), request(after, symbols));
    }

    /// The same past the transcript.
    private Call<SubscribeRequest, Quote> subscribeQuietly(Channel connection, long after,
            String... symbols) {
        return begin(call(connection, MarketDataGrpc.getSubscribeQuotesMethod(),
            CallOptions.DEFAULT, true), request(after, symbols));
    }

    /// By a client that asks for nothing.
    private Call<SubscribeRequest, Quote> unread(long after, String... symbols) {
        // A connection of its own: what isn't read fills the window of all its calls.
        return begin(call(connection(), MarketDataGrpc.getSubscribeQuotesMethod(),
            CallOptions.DEFAULT, false), request(after, symbols));
    }

    private static List<Long> ids(List<Quote> quotes) {
        return quotes.stream().map(Quote::getId).toList();
    }

    /// Fails unless a stream brings these quotes, as soon as it brings another one.
    private static void assertBrings(Call<?, Quote> stream, List<Long> wanted) {
        var ids = eventually(() -> ids(stream.messages()), seen -> stream.ended()
            || seen.size() >= wanted.size() || !seen.equals(wanted.subList(0, seen.size())));
        if (stream.ended() && !ids.equals(wanted)) Assertions.fail(ids.size() + " of "
            + wanted.size() + " quotes, then status " + stream.said());
        assertIds(ids).areExactly(wanted);
    }

    /// Waits for so many quotes, for as long as some more come.
    private static List<Long> ids(Call<?, Quote> call, int count) {
        for (var known = -1; known < call.count() && call.count() < count && !call.ended(); ) {
            var before = known = call.count();
            eventually(() -> call.count() >= count || call.count() > before + 200 || call.ended(),
                done -> done);
        }
        if (call.count() < count) Assertions.fail(call.count() + " of " + count + " quotes, then "
            + (call.ended() ? "status " + call.said() : "nothing"));
        return ids(call.messages());
    }

    /// A symbol that no other check uses.
    private static String symbol() {
        return "S" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
    }

    private void assertHolds(int before, List<Call<SubscribeRequest, Quote>> streams) {
        var wanted = before + streams.size();
        var held = eventually(this::listeners,
            n -> n == wanted || streams.stream().anyMatch(Call::ended)) - before;
        var ended = streams.stream().filter(Call::ended).findFirst()
            .map(stream -> ", and status " + stream.said()).orElse("");
        assertThat(held).as(promise("listeners: " + streams.size() + " in Health, one for each "
            + "stream, which goes on", "lab text", "who doesn't listen has to look again and again"
            )).overridingErrorMessage("listeners: %d%s", held, ended).isEqualTo(streams.size());
    }

    // ---- what a stream brings

    @Test @Order(1) @Tag("TODO-1")
    void each_quote_of_the_symbols_goes_out_when_it_is_published() {
        var before = quiet();
        var newest = publish("BTC").id();
        var both = subscribe(newest, "BTC", "ETH");
        var sol = subscribe(newest, "SOL", "SOL");
        assertHolds(before, List.of(both, sol));
        var late = new ArrayList<Long>();
        var wanted = new ArrayList<Long>();
        var others = new ArrayList<Long>();
        for (var i = 1; i <= 6; i++) {
            var symbol = i % 2 == 0 ? "BTC" : "ETH";
            others.add(publish("SOL").id());
            var published = System.nanoTime();
            wanted.add(publish(symbol).id());
            promise("quote " + wanted.getLast() + " of " + symbol + " before the next is published",
                "lab text", "a stream that waits for more is no news");
            both.replies(i);
            late.add(both.replies().get(i - 1).at() - published);
        }
        promise("the quotes of BTC and ETH, in order, and no others", "lab text");
        assertIds(ids(both.messages())).areExactly(wanted);
        var quotes = sol.replies(6);
        promise("each quote of SOL once, although the request names SOL twice", "lab text");
        assertIds(ids(quotes)).areExactly(others);
        assertThat(quotes.stream().allMatch(quote -> quote.getSymbol().equals("SOL")
            && quote.getAsk() > quote.getBid() && quote.getTimestampMs() > 0))
            .as(promise("6 quotes of SOL as they were published", "lab text",
                "MarketService.message turns a quote of the feed into one of these"))
            .overridingErrorMessage("%s", quotes).isTrue();
        // A busy machine makes some late. A server that looks every now and then makes all of them
        // late, since each is published right after the last has come.
        var soonest = late.stream().sorted().toList().get(1) / 1_000_000;
        assertThat(soonest).as(promise("each within 150 ms", "lab text",
            "a server that looks every now and then is a poll in disguise"))
            .overridingErrorMessage("all but one %d ms later, or more", soonest).isLessThan(150);
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_stream_begins_after_the_id_that_the_client_names() {
        var symbol = symbol();
        var mine = new ArrayList<>(publish(symbol, 3));
        publish("ETH", 120);
        mine.addAll(publish(symbol, 3));
        var before = quiet();
        var first = subscribe(mine.getFirst(), symbol);
        assertHolds(before, List.of(first));
        // Who begins too late gets this one first.
        mine.add(publish(symbol).id());
        for (var seen : List.of(1, 2, 3, 4, 5, 6, 0)) {
            var after = seen == 0 ? mine.getFirst() - 1 : mine.get(seen - 1);
            var left = mine.subList(seen, 7);
            promise("quotes " + left + " to after_id " + after, "lab text",
                "exactly those after the id that the client has seen");
            if (after > 0) assertBrings(seen == 1 ? first : subscribe(after, symbol), left);
        }
        var newest = publish("BTC", 120).getLast();
        var oldest = Math.max(1, newest - settings().number("FEED_CAPACITY") + 1);
        var known = Stream.of("BTC", "ETH", "SOL", "EUR", symbol).toArray(String[]::new);
        promise("the 120 quotes of BTC that were just published, without after_id", "lab text",
            "after_id 0 is none: whoever names no id knows nothing yet");
        var all = subscribe(0, known);
        var ids = eventually(() -> ids(all.messages()),
            seen -> seen.contains(newest) || all.ended());
        assertThat(!ids.isEmpty() && ids.contains(newest) && ids.getFirst() >= oldest
            && ids.getFirst() <= newest - 119)
            .overridingErrorMessage("quotes %s–%s", ids.isEmpty() ? "" : ids.getFirst(),
                ids.isEmpty() ? "" : ids.getLast()).isTrue();
        var kept = LongStream.rangeClosed(oldest, newest).filter(id -> List.of(known)
            .contains(unary().getQuote(QuoteRequest.newBuilder().setId(id).build()).getSymbol()))
            .findFirst().orElseThrow();
        promise("first the oldest quote that is kept, " + kept, "lab text");
        assertIds(ids.subList(0, 1)).areExactly(List.of(kept));
        promise("each once and in order", "lab text");
        assertIds(ids).areExactly(ids.stream().distinct().sorted().toList());
    }

    // ---- what is refused

    /// Fails unless a stream is refused at once with a status that begins so.
    ///
    /// @param names what must be in its description
    private void assertRefused(String beginning, List<?> names, long after, String... symbols) {
        var stream = subscribe(after, symbols);
        eventually(() -> stream.ended() || stream.count() > 0, done -> done);
        if (!stream.ended()) Assertions.fail(stream.count() > 0
            ? "quotes, and no status" : "no status");
        var said = stream.said();
        var words = Pattern.compile("[^\\p{Alnum}]+").splitAsStream(said).toList();
        assertThat(said.startsWith(beginning) && stream.messages().isEmpty()
            && names.stream().allMatch(name -> words.contains("" + name)))
            .overridingErrorMessage("%sstatus %s", stream.messages().isEmpty() ? ""
                : stream.messages().size() + " quotes, then ", said).isTrue();
    }

    @Test @Order(3) @Tag("TODO-3")
    void a_request_that_is_wrong_is_refused_by_its_status() {
        var before = quiet();
        var newest = publish("BTC").id();
        for (var after : List.of(-1L, Long.MIN_VALUE)) {
            promise("INVALID_ARGUMENT \"after_id: …\" to after_id " + after,
                "gRPC status codes: INVALID_ARGUMENT", "UNKNOWN tells a client nothing: it can "
                    + "only try again; and the description is for the person who has to mend it");
            assertRefused("INVALID_ARGUMENT \"after_id: ", List.of(), after, "BTC");
        }
        promise("INVALID_ARGUMENT \"symbols: …\" to a request without symbols",
            "gRPC status codes: INVALID_ARGUMENT", "silence would look like a quiet market");
        assertRefused("INVALID_ARGUMENT \"symbols: ", List.of(), newest);
        var unknown = symbol();
        for (var symbols : List.of(List.of(unknown), List.of("BTC", unknown, "ETH"))) {
            promise("NOT_FOUND with '" + unknown + "' to symbols " + symbols,
                "gRPC status codes: NOT_FOUND", "silence would look like a quiet market");
            assertRefused("NOT_FOUND \"", List.of(unknown), newest,
                symbols.toArray(String[]::new));
        }
        promise("NOT_FOUND to a symbol of 20,000 characters, too", "lab text",
            "a client takes 8 KiB of trailers, and the description is part of them");
        assertRefused("NOT_FOUND \"", List.of(), newest, symbol() + "x".repeat(20_000));
        assertForgotten(before, "after streams that were refused");
        publish(unknown);
        promise("quotes of '" + unknown + "', now that one was published", "lab text");
        subscribe(newest, unknown).replies(1);
    }

    /// Nobody listens any more, and publishing goes well.
    private void assertForgotten(int before, String when) {
        var left = eventually(this::listeners, n -> n <= before) - before;
        assertThat(left).as(promise("0 listeners " + when, "lab text",
            "each one that is left costs time with every quote, for ever"))
            .overridingErrorMessage("listeners: %d", left).isLessThanOrEqualTo(0);
        publish("BTC");
    }

    @Test @Order(4) @Tag("TODO-4")
    void an_id_outside_of_the_log_gets_OUT_OF_RANGE() {
        restartWith("FEED_CAPACITY", "20");
        var capacity = settings().number("FEED_CAPACITY");
        var before = quiet();
        var dropped = publish("BTC", 3).getLast();
        var newest = publish("BTC", capacity).getLast();
        var oldest = dropped + 1;
        for (var id : List.of(dropped - 2, dropped - 1, newest + 1, Long.MAX_VALUE)) {
            promise("OUT_OF_RANGE with " + oldest + " and " + newest + " to after_id " + id
                + ", since " + oldest + "–" + newest + " are kept",
                "gRPC status codes: OUT_OF_RANGE", "else quotes are lost, and nobody knows");
            assertRefused("OUT_OF_RANGE \"after_id: ", List.of(oldest, newest), id, "BTC", "ETH");
        }
        assertForgotten(before, "after streams that were refused");
        publish("BTC");
        promise("quotes from " + (oldest + 2) + " on to after_id " + (oldest + 1)
            + ": none after it is lost", "lab text");
        assertIds(ids(subscribe(oldest + 1, "BTC"), capacity).subList(0, capacity))
            .areExactly(ids(oldest + 2, newest + 2));
        promise("quotes from " + (oldest + 2) + " on without after_id", "lab text",
            "after_id 0 is none, so nothing is lost");
        assertIds(ids(subscribe(0, "BTC"), capacity).subList(0, capacity))
            .areExactly(ids(oldest + 2, newest + 2));
        promise("what is published next to after_id " + (newest + 2) + ", the newest", "lab text");
        var next = subscribe(newest + 2, "BTC");
        publish("BTC");
        assertIds(ids(next.replies(1))).areExactly(List.of(newest + 3));
    }

    // ---- streams that end

    @Test @Order(5) @Tag("TODO-5")
    void a_deadline_stops_the_work_of_the_server() {
        var before = quiet();
        var newest = publish("BTC").id();
        var most = 0;
        var left = SOON;
        for (var tries = 0; tries < 6 && left.toMillis() >= GONE; tries++) {
            // A busy machine may be late with what comes first. Not 150: the last deadline would
            // end just before the fifth second, when a server that looks each second looks.
            var deadline = Duration.ofMillis(130L << tries);
            var streams = Stream.generate(() -> begin(call(connection(),
                MarketDataGrpc.getSubscribeQuotesMethod(), CallOptions.DEFAULT.withDeadlineAfter(
                    deadline.toMillis(), TimeUnit.MILLISECONDS), true), request(newest, "BTC")))
                .limit(3).toList();
            var held = eventually(deadline, this::listeners, n -> n == before + 3) - before;
            most = Math.max(most, held);
            promise("status DEADLINE_EXCEEDED to each stream", "gRPC status codes");
            for (var stream : streams)
                assertThat(stream.said().startsWith("DEADLINE_EXCEEDED"))
                    .overridingErrorMessage("status %s", stream.said()).isTrue();
            var ended = streams.stream().mapToLong(Call::endedAt).max().orElseThrow();
            if (held == 3 && (left = leftAfter(ended, before)).equals(SOON)) break;
        }
        assertThat(most).as(promise("listeners: 3 before 3 deadlines are over", "lab text"))
            .overridingErrorMessage("listeners: %d", most).isEqualTo(3);
        assertSoonGone(left, "3 deadlines were over");
        publish("BTC");
    }

    /// How long after this moment the listeners were gone; [#SOON] if they aren't.
    private Duration leftAfter(long moment, int before) {
        var left = eventually(this::listeners, n -> n == before);
        return left > before ? SOON : Duration.ofNanos(System.nanoTime() - moment);
    }

    private void assertSoonGone(Duration left, String when) {
        var listeners = listeners();
        assertThat(left).as(promise("0 listeners within " + GONE + " ms after " + when,
            "lab text", "nobody is there any more: gRPC tells you, see setOnCancelHandler"))
            .overridingErrorMessage("listeners: %d, %s", listeners, left.equals(SOON)
                ? "and so it stays" : "and the last one closed after " + left.toMillis() + " ms")
            .isLessThan(Duration.ofMillis(GONE));
    }

    @Test @Order(6) @Tag("TODO-5")
    void a_client_that_cancels_or_is_cut_off_is_forgotten_at_once() {
        var before = quiet();
        var newest = publish("BTC").id();
        var left = SOON;
        for (var tries = 0; tries < 3 && left.toMillis() >= GONE; tries++) {
            var streams = new ArrayList<>(List.of(subscribe(newest, "BTC"), subscribe(0, "ETH"),
                subscribe(newest, "BTC", "ETH")));
            assertHolds(before, streams);
            var cancelled = System.nanoTime();
            streams.forEach(Call::cancel);
            left = leftAfter(cancelled, before);
            if (left.equals(SOON)) break;
        }
        assertSoonGone(left, "3 streams were cancelled");
        assertCutOff(before, newest);
        publish("BTC");
    }

    private void assertCutOff(int before, long newest) {
        var left = SOON;
        for (var tries = 0; tries < 3 && left.toMillis() >= GONE; tries++) {
            var connection = connection();
            var lost = subscribeQuietly(connection, newest, "BTC");
            // It has more to read than it takes, so something waits at the server.
            var unread = unread(0, "BTC", "ETH");
            assertHolds(before, List.of(lost, unread));
            var gone = System.nanoTime();
            connection.shutdownNow();
            unread.cancel();
            left = leftAfter(gone, before);
            if (left.equals(SOON)) break;
        }
        assertSoonGone(left, "a connection was closed");
    }

    // ---- clients that don't read

    /// Quotes of 8 kB: some ten of them are more than HTTP/2's window and gRPC's own 32 KiB take,
    /// 96 KiB together.
    private static String longSymbol() { return symbol() + "x".repeat(8_000); }

    @Test @Order(7) @Tag("TODO-6")
    void what_a_client_is_not_ready_for_waits_in_the_feed() {
        var symbol = longSymbol();
        var last = publish(symbol).id();
        var before = quiet();
        var queued = health().getQueued();
        var live = unread(last, symbol);
        assertHolds(before, List.of(live));
        var wanted = publish(symbol, 60);
        var replayed = unread(last, symbol);
        assertHolds(before, List.of(live, replayed));
        wanted = Stream.concat(wanted.stream(), publish(symbol, 20).stream()).toList();
        var most = eventually(Duration.ofMillis(30), () -> health().getQueued() - queued,
            number -> number > 0);
        assertThat(most).as(promise("queued: 0 in Health, while two clients don't read",
            "grpc-java: CallStreamObserver.isReady", "what is handed to gRPC all the same piles up "
                + "in the server's memory")).overridingErrorMessage("queued: %d", most).isZero();
        for (var stream : List.of(live, replayed)) {
            promise("all " + wanted.size() + " quotes when it reads on: the feed has kept them",
                "grpc-java: setOnReadyHandler", "it calls when the client is ready again, once, "
                    + "however much it is ready for");
            stream.readOn();
            assertIds(ids(stream, wanted.size())).areExactly(wanted);
        }
        var next = publish(symbol).id();
        promise("quote " + next + " to both, who read again", "lab text");
        for (var stream : List.of(live, replayed))
            assertThat(ids(stream, wanted.size() + 1).getLast()).isEqualTo(next);
        assertThat(health().getQueued() - queued).as(promise("queued: 0 in Health, when they read "
            + "on", "lab text", "onReady may be late: look at isReady() before each message"))
            .isZero();
    }

    @Test @Order(8) @Tag("TODO-6")
    void a_client_that_does_not_read_delays_nobody() {
        var symbol = longSymbol();
        var last = publish(symbol).id();
        var before = quiet();
        var stalled = Stream.generate(() -> unread(last, symbol)).limit(4).toList();
        var reader = subscribeQuietly(quietConnection(), last, symbol);
        assertHolds(before, Stream.concat(stalled.stream(), Stream.of(reader)).toList());
        var wanted = new ArrayList<Long>();
        for (var i = 0; i < 30; i++) {
            promise("a quote to PublishQuote at once, although 4 clients don't read", "lab text",
                "who publishes must never wait for a client");
            wanted.add(publish(symbol).id());
            promise("quote " + wanted.getLast() + " to the client that reads, before the next",
                "lab text", "a client that doesn't read must not hold up the others");
            assertThat(ids(reader, wanted.size()).getLast()).isEqualTo(wanted.getLast());
        }
        promise("what the others have not read to each of them, when it reads", "lab text");
        for (var stream : stalled) {
            stream.readOn();
            assertIds(ids(stream, wanted.size())).areExactly(wanted);
        }
    }

    @Test @Order(9) @Tag("TODO-1")
    void no_quote_is_lost_or_repeated_while_they_pour_in() {
        // As long as that, so that what is kept is more than gRPC takes at once.
        var symbol = symbol() + "x".repeat(250);
        var kept = publish(symbol, 200);
        var first = kept.getFirst();
        var steady = Stream.generate(() -> subscribeQuietly(quietConnection(), first, symbol))
            .limit(8).toList();
        var late = new ArrayList<Call<SubscribeRequest, Quote>>();
        var connection = quietConnection();
        late.add(subscribeQuietly(connection, first, symbol));
        promise("all quotes that are kept", "lab text",
            "who stops while isReady() is false must go on in onReady, see TODO 6");
        for (var stream : late) ids(stream, kept.size() - 1);
        var pouring = CompletableFuture.supplyAsync(() -> Stream.generate(
            () -> publish(symbol, 100)).limit(7).flatMap(List::stream).toList(),
            Thread::startVirtualThread);
        promise("each quote once and in order, although clients come while they pour in",
            "lab text", "between what is kept and what is new is a moment: what is published just "
                + "then is in both, or in neither, if they are two");
        while (!pouring.isDone() && late.size() < 15) {
            late.add(subscribeQuietly(connection, first, symbol));
            ids(late.getLast(), 1);
        }
        var wanted = Stream.concat(kept.stream().skip(1), result(pouring).stream()).toList();
        for (var stream : late) assertIds(ids(stream, wanted.size())).areExactly(wanted);
        promise("each quote once and in order to clients that were there before", "lab text",
            "onNext must never run on two threads at once: it is not thread-safe");
        for (var stream : steady) assertIds(ids(stream, wanted.size())).areExactly(wanted);
    }

    /// Its result, or what it failed with.
    private static <T> T result(CompletableFuture<T> future) {
        try {
            return future.join();
        } catch (CompletionException failed) {
            if (failed.getCause() instanceof AssertionError broken) throw broken;
            throw failed;
        }
    }

    @Test @Order(10) @Tag("TODO-7")
    void a_client_that_falls_out_of_the_log_gets_OUT_OF_RANGE() {
        restartWith("FEED_CAPACITY", "50");
        var capacity = settings().number("FEED_CAPACITY");
        // 6 MB together: as many bytes as 100,000 short quotes have.
        var symbol = longSymbol() + "x".repeat(32_000);
        var many = 160;
        var last = publish(symbol).id();
        var before = quiet();
        var queued = health().getQueued();
        var live = unread(last, symbol);
        assertHolds(before, List.of(live));
        var wanted = publish(symbol, many);
        var newest = publish("ETH", capacity).getLast();
        assertThat(health().getQueued() - queued).as(promise("queued: 0 in Health, while a client "
            + "doesn't read 6 MB", "lab text", "else one client can fill the server's memory"))
            .isZero();
        live.readOn();
        promise("OUT_OF_RANGE \"after_id: …\" to a client that reads again when the feed, which "
            + "keeps " + capacity + ", has dropped what it had not sent", "lab text",
            "a quote that is lost in silence is the worst of all; and to keep all of them for "
            + "each client fills the memory");
        var said = eventually(() -> live.ended() || live.count() >= many, done -> done)
            && live.ended() ? live.said() : live.count() + " quotes, and no status";
        assertThat(said.startsWith("OUT_OF_RANGE \"after_id: "))
            .overridingErrorMessage("%s", said).isTrue();
        var ids = ids(live.messages());
        promise("before that the quotes that had been sent, without a gap", "lab text");
        assertIds(ids).areExactly(wanted.subList(0, Math.min(ids.size(), many)));
        assertNamesWhatIsKept(said, last, newest, capacity);
        assertForgotten(before, "after OUT_OF_RANGE");
        promise("what is kept to after_id 0", "lab text", "that is how to go on");
        assertThat(ids(subscribe(0, "ETH"), 1).getFirst()).isGreaterThan(newest - capacity);
    }

    private void assertNamesWhatIsKept(String said, long last, long newest, int capacity) {
        var numbers = Pattern.compile("\\d+").matcher(said).results()
            .map(found -> Long.parseLong(found.group())).toList();
        promise("the oldest and the newest id that were kept then, " + capacity + " quotes, in "
            + "the description", "lab text", "it says how to go on");
        assertThat(numbers.stream().anyMatch(oldest -> oldest > last + 1 && oldest <= newest
            && numbers.contains(oldest + capacity - 1))).overridingErrorMessage("%s", said)
            .isTrue();
    }

    @Test @Order(11) @Tag("TODO-7")
    void a_client_whose_quotes_are_rare_does_not_fall_behind() {
        restartWith("FEED_CAPACITY", "50");
        var capacity = settings().number("FEED_CAPACITY");
        Assumptions.assumeTrue(capacity <= 1_000, "to fill this log takes too long");
        var seen = "";
        // A busy machine may make a stream late by more than such a short log holds.
        for (var tries = 0; tries < 3 && !seen.equals("a quote"); tries++) {
            var newest = publish("SOL").id();
            var before = quiet();
            var rare = subscribe(newest, "SOL");
            assertHolds(before, List.of(rare));
            for (var i = 0; i < capacity + 10; i++) publish("ETH");
            publish("SOL");
            eventually(() -> rare.count() > 0 || rare.ended(), done -> done);
            seen = rare.count() > 0 ? "a quote" : rare.ended() ? rare.said() : "nothing";
            rare.cancel();
        }
        assertThat(seen).as(promise("its next quote, after " + (capacity + 10) + " of another "
            + "symbol, more than the feed keeps", "lab text", "it has read all that there was for "
                + "it: a cursor moves over the quotes of other symbols, too"))
            .isEqualTo("a quote");
    }

    // ---- the end of the server, and the connection

    @Test @Order(12) @Tag("TODO-8")
    void a_server_that_stops_ends_the_streams_with_UNAVAILABLE() {
        var symbol = longSymbol();
        var newest = publish(symbol).id();
        var before = quiet();
        var streams = Stream.generate(() -> subscribe(newest, symbol)).limit(3).toList();
        assertHolds(before, streams);
        publish(symbol);
        promise("quote " + (newest + 1), "lab text");
        for (var stream : streams) stream.replies(1);
        Assumptions.assumeTrue(stopServer(), "this server is not ours to stop");

        promise("UNAVAILABLE to each stream, at once, with the server's own words",
            "gRPC status codes: UNAVAILABLE", "it tells: come back, here or elsewhere; a server "
                + "that only closes the connection waits first for streams that never end");
        for (var stream : streams) assertThat(stream.said().startsWith("UNAVAILABLE")
            && Stream.of("GOAWAY", "shutdown", "closed", "io exception").noneMatch(
                stream.said()::contains)).overridingErrorMessage("%s", stream.said()).isTrue();
    }

    @Test @Order(13) @Tag("TODO-9")
    void a_connection_carries_at_most_100_streams_at_a_time() throws IOException {
        promise("SETTINGS with MAX_CONCURRENT_STREAMS = 100", "RFC 9113 §6.5.2",
            "each stream costs memory: without a limit one client can have all of it");
        var seen = maxStreams();
        assertThat(seen).overridingErrorMessage(seen < 0 ? "SETTINGS without it"
            : "MAX_CONCURRENT_STREAMS = " + seen).isEqualTo(100);
    }

    /// From the first SETTINGS of the server; -1 without it.
    private long maxStreams() throws IOException {
        try (var socket = new Socket(address().getHost(), address().getPort())) {
            socket.setSoTimeout((int) SOON.toMillis());
            var settings = 4;
            socket.getOutputStream().write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                .getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().write(new byte[] {0, 0, 0, (byte) settings, 0, 0, 0, 0, 0});
            var in = new DataInputStream(socket.getInputStream());
            while (true) {
                var length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
                var type = in.readUnsignedByte();
                in.skipNBytes(5);
                var payload = ByteBuffer.wrap(in.readNBytes(length));
                if (type == settings && length > 0) return maxStreams(payload);
            }
        } catch (EOFException | SocketTimeoutException none) {
            throw new AssertionError("no SETTINGS");
        }
    }

    private static long maxStreams(ByteBuffer settings) {
        var most = -1L;
        while (settings.hasRemaining()) {
            var name = settings.getShort();
            var value = settings.getInt() & 0xffffffffL;
            if (name == 3) most = value;
        }
        return most;
    }

    // ---- the client

    /// A stream that a client began with a server of ours.
    private static final class Visit {
        private final SubscribeRequest request;
        private final ServerCallStreamObserver<Quote> client;
        private final long at = System.nanoTime();
        /// When the client's deadline is over, System.nanoTime(); empty without one.
        private final OptionalLong deadline;
        private volatile long endedAt;
        private volatile boolean cancelled;

        Visit(SubscribeRequest request, ServerCallStreamObserver<Quote> client) {
            this.request = request;
            this.client = client;
            var deadline = Context.current().getDeadline();
            this.deadline = deadline == null ? OptionalLong.empty()
                : OptionalLong.of(at + deadline.timeRemaining(TimeUnit.NANOSECONDS));
            client.setOnCancelHandler(() -> cancelled = true);
        }

        long after() { return request.getAfterId(); }

        Visit say(long first, long last) {
            for (var id = first; id <= last; id++) say(id, "BTC");
            return this;
        }

        void say(long id, String symbol) {
            client.onNext(Quote.newBuilder().setId(id).setSymbol(symbol).setBid(id).setAsk(id + 1)
                .setTimestampMs(1_718_000_000_000L).build());
        }

        void end(Status status) {
            endedAt = System.nanoTime();
            if (status.isOk()) client.onCompleted();
            else client.onError(status.withDescription("the check says so").asRuntimeException());
        }
    }

    /// A server for the client.
    private static final class Host extends MarketDataGrpc.MarketDataImplBase {
        private final BiConsumer<Integer, Visit> answering;
        private final List<Visit> visits = new CopyOnWriteArrayList<>();

        /// @param answering gets each stream, with its number from 0
        Host(BiConsumer<Integer, Visit> answering) { this.answering = answering; }

        /// One whose streams stay silent.
        Host() { this((_, _) -> {}); }

        @Override public void subscribeQuotes(SubscribeRequest request,
                StreamObserver<Quote> client) {
            Visit visit;
            int number;
            synchronized (this) {
                visit = new Visit(request, (ServerCallStreamObserver<Quote>) client);
                number = visits.size();
                visits.add(visit);
            }
            answering.accept(number, visit);
        }

        /// The stream with this number, as soon as it is there.
        Visit visit(int number, Follower follower) {
            // Longer than usual: the first time, all of gRPC's client has to be loaded.
            eventually(SOON.multipliedBy(3), visits::size,
                count -> count > number || follower.ended().isPresent());
            if (visits.size() <= number) Assertions.fail(visits.size() + " streams, then "
                + follower.ended().map(how -> String.join(" ", how)).orElse("nothing"));
            return visits.get(number);
        }

        /// From the end of each stream to the beginning of the next, milliseconds.
        List<Long> pauses() {
            var all = List.copyOf(visits);
            return IntStream.range(1, all.size())
                .mapToObj(i -> (all.get(i).at - all.get(i - 1).endedAt) / 1_000_000).toList();
        }
    }

    private Follower follow(Tap tap, long after, String... symbols) {
        return follow(new Lab.Start(tap.url(), after).symbols(symbols));
    }

    private Follower follow(Host host) throws IOException {
        return follow(tap(serve(host)), 0, "BTC");
    }

    @Test @Order(14) @Tag("TODO-10") @Tag("client")
    void client_gets_each_quote_once_although_its_connection_breaks_ten_times()
            throws IOException {
        // A few in each stream, else the first one would bring all.
        var last = new AtomicBoolean();
        var host = new Host((_, visit) -> visit.say(visit.after() + 1,
            visit.after() + (last.get() ? 60 : 5)));
        var tap = tap(serve(host));
        // The first one before there is an answer, the others anywhere in it.
        tap.cutAnswers(1, () -> 120);
        try (var client = follow(tap, 5, "BTC")) {
            client.refuseOnce(8);
            var after = host.visit(0, client).after();
            assertThat(after).as(promise("after_id 5, with which it was started", "lab text"))
                .overridingErrorMessage("after_id %d", after).isEqualTo(5);
            promise("each quote from 6 on once, across 10 broken connections and a failing sink",
                "lab text", "it comes back with the id of the last quote that the sink took");
            for (var cuts = 1; cuts < 10; cuts++) {
                var seen = client.ids(0).size() + ThreadLocalRandom.current().nextInt(1, 4);
                var ids = client.ids(seen);
                assertIds(ids).areExactly(ids(6, 5 + ids.size()));
                last.set(cuts == 9);
                tap.cut();
            }
            var all = client.ids(60);
            assertIds(all).areExactly(ids(6, 5 + all.size()));
        }
    }

    @Test @Order(15) @Tag("TODO-10") @Tag("client")
    void client_subscribes_again_after_the_last_id_that_its_sink_took() throws IOException {
        var host = new Host();
        var tap = tap(serve(host));
        try (var client = follow(tap, 7, "BTC", "SOL")) {
            promise("after_id 7, with which it was started, and symbols BTC, SOL", "lab text");
            assertAsks(host, client, 0, 7).say(8, 9).end(Status.UNAVAILABLE);
            promise("after_id 9 after quotes 8, 9 and UNAVAILABLE", "gRPC status codes",
                "it means: the same again, a little later");
            assertAsks(host, client, 1, 9).end(Status.DEADLINE_EXCEEDED);
            promise("after_id 9 after DEADLINE_EXCEEDED", "lab text",
                "its own patience was over, nothing else");
            assertAsks(host, client, 2, 9).say(10, 10).end(Status.OUT_OF_RANGE);
            promise("after_id 0 after OUT_OF_RANGE", "lab text",
                "what the feed has dropped won't come back: the same again gets the same answer");
            assertAsks(host, client, 3, 0).end(Status.UNAVAILABLE);
            promise("after_id 0, since no quote came", "lab text");
            assertAsks(host, client, 4, 0).say(51, 51).end(Status.CANCELLED);
            promise("after_id 51 after CANCELLED", "lab text",
                "it didn't cancel: the server was killed in the middle of the stream");
            assertAsks(host, client, 5, 51).say(52, 52);
            promise("quotes 8, 9, 10, 51, 52", "lab text");
            assertIds(client.ids(5)).areExactly(List.of(8L, 9L, 10L, 51L, 52L));
            tap.cut();
            promise("after_id 52 after its connection broke", "lab text",
                "gRPC says UNAVAILABLE to that, too");
            assertAsks(host, client, 6, 52);
        }
    }

    private static Visit assertAsks(Host host, Follower client, int number, long after) {
        var visit = host.visit(number, client);
        var asked = visit.request;
        assertThat(visit.after() == after && asked.getSymbolsList().equals(List.of("BTC", "SOL")))
            .overridingErrorMessage("after_id %d, symbols %s", visit.after(),
                asked.getSymbolsList()).isTrue();
        return visit;
    }

    @Test @Order(16) @Tag("TODO-10") @Tag("client")
    void client_reads_no_faster_than_its_sink_and_cancels_what_it_reads_no_more()
            throws IOException {
        assertSlow();
        var host = new Host();
        try (var client = follow(host)) {
            client.refuseOnce(2);
            var refused = host.visit(0, client).say(1, 3);
            promise("after_id 1 when the sink failed on quote 2", "lab text",
                "what the sink did not take must come again");
            var next = host.visit(1, client);
            assertThat(next.after()).overridingErrorMessage("after_id %d", next.after())
                .isEqualTo(1);
            promise("the first stream cancelled when the sink failed", "lab text",
                "a stream that nobody reads goes on, here and at the server, until its deadline");
            assertThat(eventually(SOON, () -> refused.cancelled, done -> done))
                .overridingErrorMessage("still open after %d s", SOON.toSeconds()).isTrue();
            next.say(2, 3);
            assertIds(client.ids(3)).areExactly(ids(1, 3));
            client.close();
            promise("the stream cancelled when the client's thread is interrupted", "lab text");
            assertThat(eventually(SOON, () -> next.cancelled, done -> done))
                .overridingErrorMessage("still open after %d s", SOON.toSeconds()).isTrue();
        }
    }

    /// A client whose sink doesn't return slows the server.
    private void assertSlow() throws IOException {
        var host = new Host();
        var text = "x".repeat(100_000);
        var most = 200;
        try (var client = follow(host)) {
            client.hold();
            var visit = host.visit(0, client);
            var said = 0;
            while (said < most && eventually(Duration.ofMillis(said < 5 ? 2_000 : 150),
                visit.client::isReady, ready -> ready)) visit.say(++said, text);
            assertThat(said).as(promise("no more than HTTP/2's window takes, while the sink takes "
                + "its time", "lab text", "what is read before the sink is done with the last one "
                + "piles up in the client's memory"))
                .overridingErrorMessage("more than %d MB taken", said / 10).isLessThan(most);
            client.goOn();
            promise("all " + said + " quotes when the sink goes on", "lab text");
            assertIds(client.ids(said)).areExactly(ids(1, said));
        }
    }

    @Test @Order(17) @Tag("TODO-11") @Tag("client")
    void client_sets_a_deadline_of_60_s_for_each_stream() throws IOException {
        var host = new Host();
        var wait = Duration.ofMillis(400);
        try (var client = follow(host)) {
            assertDeadline(host.visit(0, client));
            eventually(wait, () -> false, done -> done);
            host.visit(0, client).say(1, 1).end(Status.UNAVAILABLE);
            assertDeadline(host.visit(1, client));
            var later = (host.visit(1, client).deadline.orElse(0)
                - host.visit(0, client).deadline.orElse(0)) / 1_000_000;
            assertThat(later).as(promise("a deadline of its own for each stream: the second began "
                + wait.toMillis() + " ms later", "gRPC guide: Deadlines",
                "withDeadlineAfter makes a moment of it, which a stub keeps for all its calls"))
                .overridingErrorMessage("%d ms after that of the first", later)
                .isGreaterThan(wait.toMillis() / 2);
        }
    }

    private void assertDeadline(Visit visit) {
        promise("a deadline in 60 s", "gRPC guide: Deadlines",
            "without one a client waits for ever for a server whose network is gone");
        var seconds = visit.deadline.stream().mapToObj(end -> (end - visit.at) / 1e9).findFirst();
        assertThat(seconds.filter(left -> left > 50 && left < 61).isPresent())
            .overridingErrorMessage(seconds.map("in %.1f s"::formatted).orElse("no deadline"))
            .isTrue();
    }

    @Test @Order(18) @Tag("TODO-12") @Tag("client")
    void client_backs_off_further_each_time_and_by_chance() throws IOException {
        // Of each client, after 1, 2 and 3 streams without a quote. A busy machine makes all
        // of them longer.
        var pauses = new ArrayList<List<Long>>();
        var grows = false;
        var chance = false;
        var third = List.<Long>of();
        for (var round = 0; round < 10 && !(grows && chance) && !constant(third, 400); round++) {
            var hosts = Stream.generate(() -> new Host((_, visit) -> visit.end(Status.UNAVAILABLE)))
                .limit(5).toList();
            var clients = new ArrayList<Follower>();
            for (var host : hosts) clients.add(follow(host));
            promise("another try after each that failed", "lab text");
            for (var i = 0; i < 5; i++) hosts.get(i).visit(3, clients.get(i));
            clients.forEach(Follower::close);
            for (var host : hosts) pauses.add(List.copyOf(host.pauses().subList(0, 3)));
            grows = median(pauses, 2) > median(pauses, 0) + 60;
            chance = pauses.stream().anyMatch(each -> each.get(2) < 150);
            third = pauses.stream().map(each -> each.get(2)).toList();
        }
        var all = pauses.reversed().stream().limit(8).toList();
        assertThat(grows).as(promise("longer pauses while nothing comes: up to 100, 200, 400 ms",
            "lab text", "a thousand clients that come back at once keep a server down"))
            .overridingErrorMessage("%s ms", all).isTrue();
        assertThat(chance).as(promise("any pause from 0 to 50 ms × 2^n", "lab text",
            "clients that met one outage come back in step"))
            .overridingErrorMessage("never less than half of it: %s ms", all).isTrue();
    }

    private static long median(List<List<Long>> pauses, int number) {
        var sorted = pauses.stream().map(each -> each.get(number)).sorted().toList();
        return sorted.get(sorted.size() / 2);
    }

    @Test @Order(19) @Tag("TODO-12") @Tag("client")
    void client_comes_back_soon_after_a_quote_and_after_its_deadline() throws IOException {
        var quotes = new Host((number, visit) -> {
            visit.say(number + 1, number + 1);
            visit.end(Status.UNAVAILABLE);
        });
        var quiet = new Host((_, visit) -> visit.end(Status.DEADLINE_EXCEEDED));
        try (var lively = follow(quotes); var patient = follow(quiet)) {
            for (var host : List.of(quotes, quiet)) {
                promise("at most 50 ms before the next stream, after each one that "
                    + (host == quotes ? "brought a quote" : "ended with DEADLINE_EXCEEDED"),
                    "lab text", host == quotes ? "the back-off starts afresh"
                        : "a quiet market is no failure");
                // On a busy machine some are late, but not for ever. Who doesn't begin afresh waits
                // for 2.5 s on the average by then.
                for (var i = 1; i <= 10 || i <= 14 && !soon(host.pauses()); i++)
                    host.visit(i, host == quotes ? lively : patient);
                assertThat(soon(host.pauses())).overridingErrorMessage("%s ms", host.pauses())
                    .isTrue();
            }
        }
    }

    @Test @Order(20) @Tag("TODO-13") @Tag("client")
    void client_stops_on_a_status_that_another_try_would_not_change() throws IOException {
        for (var status : List.of(Status.INVALID_ARGUMENT, Status.NOT_FOUND,
            Status.UNIMPLEMENTED, Status.PERMISSION_DENIED)) {
            promise("an IllegalStateException that names " + status.getCode() + " and its "
                + "description, and no further stream", "gRPC status codes",
                "the same request will be as wrong in a second: somebody must look at it");
            assertThat(last(status)).contains("IllegalStateException", "" + status.getCode(),
                "the check says so");
        }
        promise("a client that returns after OK", "gRPC status codes", "there is no more");
        assertThat(last(Status.OK)).doesNotContain("Exception");
    }

    /// How a client ends that gets one quote and then this status.
    private String last(Status status) throws IOException {
        var host = new Host((_, visit) -> visit.say(1, 1).end(status));
        try (var client = follow(host)) {
            host.visit(0, client);
            assertIds(client.ids(1)).areExactly(ids(1, 1));
            var end = eventually(SOON, client::ended,
                how -> how.isPresent() || host.visits.size() > 2);
            assertThat(end.isPresent() && host.visits.size() == 1)
                .overridingErrorMessage("%d streams%s", host.visits.size(), end.map(how ->
                    ", then " + String.join(" ", how)).orElse(" and no end")).isTrue();
            return String.join(" ", end.orElseThrow());
        }
    }
}
