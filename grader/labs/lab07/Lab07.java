package labs.lab07;

import static io.grpc.Status.Code.*;

import module java.base;
import io.grpc.CallOptions;
import market.rpc.MarketService;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.check.Checks;
import wirelab.wire.Http2;
import wirelab.wire.RpcCall;

@DisplayName("gRPC server streaming")
public class Lab07 extends Streams {
    public static final List<Class<? extends Checks>> PARTS = List.of(Lab07Client.class);

    @Test @Order(1) @Tag("TODO-1")
    void each_quote_of_the_symbols_goes_out_when_it_is_published() {
        var newest = publish("BTC").id();
        var both = subscribe(newest, "BTC", "ETH");
        var sol = subscribe(newest, "SOL", "SOL");
        assertListens(List.of(both, sol));
        var wanted = new ArrayList<Long>();
        var others = new ArrayList<Quote>();
        var late = new ArrayList<Long>();

        for (var symbol : List.of("ETH", "BTC", "ETH", "BTC", "ETH", "BTC")) {
            others.add(MarketService.message(publish("SOL")));
            var published = System.nanoTime();
            wanted.add(publish(symbol).id());
            assertBrings(promise("quote %d of %s, and none of SOL, before the next is published"
                .formatted(wanted.getLast(), symbol), "S1",
                "a stream that waits for more is no news"), both, wanted);
            late.add((both.replies().getLast().at() - published) / 1_000_000);
        }
        assertBrings(promise("each quote of SOL once, although the request names SOL twice", "S1"),
            sol, ids(others));
        promise("6 quotes of SOL with symbol, prices and time as they were published", "S1",
            "MarketService.message turns a quote of the feed into one of these")
            .that(sol.messages(), "the right ids, and other values").is(others);
        // A busy machine makes some late. A server that looks every now and then makes all but the
        // first late, since each is published right after the last has come.
        var soonest = late.stream().skip(1).sorted().toList().get(1);
        promise("each quote within 150 ms after its publication", "S2",
            "a server that looks every now and then is a poll in disguise")
            .that(soonest, "of the last 5 all but one after %d ms or more", soonest).isBelow(150L);
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_stream_begins_after_the_id_that_the_client_names() {
        var symbol = symbol();
        var ids = new ArrayList<>(List.of(publish("BTC").id()));
        ids.addAll(publish(symbol, 3));
        publish("ETH", 120);
        ids.addAll(publish(symbol, 3));
        var first = subscribe(ids.get(1), symbol);
        assertListens(List.of(first));
        // A stream that begins too late brings this one first.
        ids.add(publish(symbol).id());

        for (var i = 0; i < 7; i++) {
            var left = ids.subList(i + 1, 8);
            assertBrings(promise("quotes " + left + " to after_id " + ids.get(i), "S4",
                "exactly those after the id that the client has seen"),
                i == 1 ? first : subscribe(ids.get(i), symbol), left);
        }
        ids.removeFirst();
        ids.addAll(publish(symbol, 120));
        assertBrings(promise("all 127 quotes of a symbol, without after_id", "S4",
            "after_id 0 means none: a client that names no id has no quote yet"),
            subscribe(0, symbol), ids);
    }

    @Test @Order(3) @Tag("TODO-3")
    void a_wrong_request_is_refused_with_a_status_that_says_why() {
        var newest = publish("BTC").id();
        var unknown = symbol();

        for (var after : List.of(-1L, Long.MIN_VALUE))
            assertRefused(INVALID_ARGUMENT, "after_id: ", List.of(), "S6", "UNKNOWN tells a client "
                + "nothing, it can only try again; and a person has to fix it", after, "BTC");
        assertRefused(INVALID_ARGUMENT, "symbols: ", List.of(), "S5",
            "silence would look like a quiet market", newest);
        for (var symbols : List.of(List.of(unknown), List.of("BTC", unknown, "ETH")))
            assertRefused(NOT_FOUND, "", List.of(unknown), "S7",
                "silence would look like a quiet market", newest, symbols.toArray(String[]::new));
        assertRefused(NOT_FOUND, "", List.of(), "S7", "a client takes 8 KiB of trailers, and the "
            + "description is part of them", newest, symbol() + "x".repeat(20_000));
        assertForgotten("were refused");
        publish(unknown);
        promise("the quote of '" + unknown + "', now that one was published", "S7")
            .of(subscribe(newest, unknown)).hasReplies(1);
    }

    @Test @Order(4) @Tag("TODO-4")
    void an_id_outside_the_log_is_out_of_range() {
        restartWith("FEED_CAPACITY", "20");
        var capacity = settings().number("FEED_CAPACITY");
        var dropped = publish("BTC", 3).getLast();
        var newest = publish("BTC", capacity).getLast();

        for (var id : List.of(dropped - 2, dropped - 1, newest + 1, Long.MAX_VALUE))
            assertRefused(OUT_OF_RANGE, "after_id: ", List.of(dropped + 1, newest), "S8",
                "quotes are lost otherwise, and nobody knows", id, "BTC", "ETH");
        assertForgotten("were refused");
        var last = publish("BTC").id();
        var kept = ids(last - capacity + 1, last);
        for (var after : List.of(last - capacity, 0L))
            assertBrings(promise("quotes %d–%d, all that are kept, to after_id %d".formatted(
                kept.getFirst(), last, after), "S4", "nothing after the id before them is lost; "
                + "and 0 means none, so nothing is lost either"), subscribe(after, "BTC"), kept);
        var next = subscribe(last, "BTC");
        assertBrings(promise("quote %d, which is published next, to after_id %d, the newest"
            .formatted(last + 1, last), "S8"), next, List.of(publish("BTC").id()));
    }

    /// The listeners of three clients that left: how many were held before, and left at last, so
    /// many milliseconds after the clients.
    private record Gone(int held, int left, long took) {
        boolean soon() { return held == 3 && left == 0 && took < 200; }
    }

    private Gone gone(int held, long leftAt) {
        var left = eventually(this::held, n -> n == 0);
        return new Gone(held, Math.max(0, left), (System.nanoTime() - leftAt) / 1_000_000);
    }

    private void assertSoonGone(String when, int tries, Supplier<Gone> leave) {
        var gone = inTheBestOf(tries, leave, one -> one.soon() || one.left > 0);
        promise("listeners: 3 in Health, and 0 within 200 ms after " + when, "S9",
            "nobody is there any more: gRPC tells you, see setOnCancelHandler")
            .holds(gone.soon(), "listeners: %d, and %d after %d ms", gone.held, gone.left,
                gone.took);
        publish("BTC");
    }

    @Test @Order(5) @Tag("TODO-5")
    void a_deadline_stops_the_work_of_the_server() {
        waitForQuiet();
        var newest = publish("BTC").id();
        // A busy machine may be late with what comes first. None of these ends within 200 ms before
        // a server that looks once a second looks, not even where the stream began late.
        var deadlines = Stream.of(130, 260, 520, 1_600, 2_600, 4_600).map(Duration::ofMillis)
            .iterator();

        assertSoonGone("3 deadlines are over", 6, () -> {
            var deadline = deadlines.next();
            var streams = times(3, () -> subscribe(connection(),
                CallOptions.DEFAULT.withDeadlineAfter(deadline), true, newest, "BTC"));
            var held = eventually(deadline, this::held, n -> n == 3);
            for (var stream : streams) promise("status DEADLINE_EXCEEDED to each stream",
                "S9 · gRPC status codes").of(stream).endsWith(DEADLINE_EXCEEDED, deadline);
            return gone(held, streams.stream().mapToLong(RpcCall::endedAt).max().orElseThrow());
        });
    }

    @Test @Order(6) @Tag("TODO-5")
    void a_client_that_cancels_or_is_cut_off_is_forgotten_at_once() {
        var newest = publish("BTC").id();

        assertSoonGone("3 streams were cancelled", 3, () -> {
            var streams = assertListens(List.of(subscribe(newest, "BTC"), subscribe(0, "ETH"),
                subscribe(newest, "BTC", "ETH")));
            var cancelled = System.nanoTime();
            streams.forEach(RpcCall::cancel);
            return gone(3, cancelled);
        });
        assertSoonGone("a connection with 2 streams was closed, and one cancelled", 3, () -> {
            var connection = connection();
            var lost = times(2, () -> subscribe(connection, newest, "BTC"));
            // It has more to read than it takes, so something waits at the server.
            var unread = unread(0, "BTC", "ETH");
            assertListens(List.of(lost.getFirst(), lost.getLast(), unread));
            var closed = System.nanoTime();
            connection.shutdownNow();
            unread.cancel();
            return gone(3, closed);
        });
    }

    /// Quotes of 8 kB: some ten of them are more than HTTP/2's window and gRPC's own 32 KiB take,
    /// 96 KiB together.
    private static String longSymbol() { return symbol() + "x".repeat(8_000); }

    @Test @Order(7) @Tag("TODO-6")
    void what_a_client_is_not_ready_for_waits_in_the_feed() {
        var symbol = longSymbol();
        var last = publish(symbol).id();
        var live = unread(last, symbol);
        assertListens(List.of(live));
        var wanted = new ArrayList<>(publish(symbol, 60));
        var streams = assertListens(List.of(live, unread(last, symbol)));
        wanted.addAll(publish(symbol, 20));

        assertNothingIsQueued("while two clients don't read",
            "S10 · grpc-java: CallStreamObserver.isReady");
        for (var stream : streams) {
            stream.readOn();
            assertBrings(promise("all 80 quotes when a client reads again: the feed has kept them",
                "S11 · grpc-java: setOnReadyHandler", "gRPC runs the handler when the client is "
                + "ready again: once, however much it is ready for"), stream, wanted);
        }
        wanted.add(publish(symbol).id());
        for (var stream : streams)
            assertBrings(promise("quote %d, a new one, to each client that reads again".formatted(
                wanted.getLast()), "S12"), stream, wanted);
        assertNothingIsQueued("after two clients have read on", "S11");
    }

    @Test @Order(8) @Tag("TODO-6")
    void a_client_that_does_not_read_delays_nobody() {
        var symbol = longSymbol();
        var last = publish(symbol).id();
        var streams = new ArrayList<>(times(4, () -> unread(last, symbol)));
        var reader = subscribe(quietConnection(), last, symbol);
        streams.add(reader);
        assertListens(streams);
        var wanted = new ArrayList<Long>();

        for (var i = 0; i < 30; i++) {
            wanted.add(promise("an answer to PublishQuote at once, although 4 clients don't read",
                "S12", "a publisher must never wait for a client").of(call(MarketDataGrpc
                    .getPublishQuoteMethod()).send(draft(symbol, 1, 2)).halfClose())
                .hasReplies(1).getFirst().getId());
            assertBrings(promise("quote %d to the client that reads, before the next is published"
                .formatted(wanted.getLast()), "S12",
                "a client that doesn't read must not hold up the others"), reader, wanted);
        }
        for (var stream : streams.subList(0, 4)) {
            stream.readOn();
            assertBrings(promise("all 30 quotes to a client that begins to read", "S12"), stream,
                wanted);
        }
    }

    @Test @Order(9) @Tag("TODO-1")
    void no_quote_is_lost_or_repeated_while_quotes_pour_in() {
        // As long as that, so that what is kept is more than gRPC takes at once.
        var symbol = symbol() + "x".repeat(250);
        var wanted = new ArrayList<>(publish(symbol, 200));
        var first = wanted.removeFirst();
        var steady = times(8, () -> subscribe(quietConnection(), first, symbol));
        var connection = quietConnection();
        var late = new ArrayList<RpcCall<?, Quote>>();
        late.add(subscribe(connection, first, symbol));
        assertBrings(promise("all 199 quotes that are kept, before a new one comes", "S1",
            "a server that stops while isReady() is false must go on in onReady, see TODO 6"),
            late.getFirst(), wanted);

        var promise = promise("each quote once and in order, to clients that come while quotes pour"
            + " in", "S1", "if replay and live are two steps, a quote published between them "
            + "arrives twice or never");
        var pouring = beside(() -> Stream.generate(() -> publish(symbol, 100)).limit(7)
            .flatMap(List::stream).toList());
        while (!pouring.isDone() && late.size() < 15) {
            late.add(subscribe(connection, first, symbol));
            promise.of(late.getLast()).hasReplies(1);
        }
        wanted.addAll(result(pouring));
        for (var stream : late) assertBrings(promise, stream, wanted);
        for (var stream : steady) assertBrings(promise("each quote once and in order, to clients "
            + "that were there before", "S3", "onNext must never run on two threads at once"),
            stream, wanted);
    }

    @Test @Order(10) @Tag("TODO-7")
    void a_client_that_falls_out_of_the_log_is_out_of_range() {
        restartWith("FEED_CAPACITY", "50");
        var capacity = settings().number("FEED_CAPACITY");
        // 6 MB together: as many bytes as 100,000 short quotes have.
        var symbol = longSymbol() + "x".repeat(32_000);
        var last = publish(symbol).id();
        var live = unread(last, symbol);
        assertListens(List.of(live));
        var wanted = publish(symbol, 160);
        var newest = publish("ETH", capacity).getLast();

        assertNothingIsQueued("while a client doesn't read 6 MB", "S10");
        live.readOn();
        promise("OUT_OF_RANGE \"after_id: …\" to a client that reads again when the feed, which "
            + "keeps " + capacity + ", has dropped quotes that it had not sent", "S13", "a quote "
            + "that is lost in silence is the worst of all; to keep all of them for each client "
            + "fills the memory").of(live).endsWith(OUT_OF_RANGE).describing("^after_id: ");
        var ids = ids(live.messages());
        promise("the quotes that had been sent before OUT_OF_RANGE, without a gap", "S13")
            .ofIds(ids).areExactly(wanted.subList(0, Math.min(ids.size(), 160)));
        promise("the oldest and the newest id of " + capacity + " quotes that were kept, in the "
            + "description", "S13", "they say how to go on")
            .holds(names(live.said(), last + 2, newest, capacity), "%s", live.said());
        assertForgotten("ended with OUT_OF_RANGE");
        assertBrings(promise("the quotes of ETH that are kept, to after_id 0", "S4",
            "that is how to go on after OUT_OF_RANGE"), subscribe(0, "ETH"),
            ids(newest - capacity + 2, newest));
    }

    /// Whether a text names the first and the last of `count` ids, the first within these bounds.
    private static boolean names(String text, long least, long most, int count) {
        var numbers = Pattern.compile("\\d+").matcher(text).results()
            .map(found -> Long.parseLong(found.group())).toList();
        return numbers.stream().anyMatch(number -> number >= least && number <= most
            && numbers.contains(number + count - 1));
    }

    @Test @Order(11) @Tag("TODO-7")
    void a_client_whose_quotes_are_rare_does_not_fall_behind() {
        restartWith("FEED_CAPACITY", "50");
        var capacity = settings().number("FEED_CAPACITY");
        Assumptions.assumeTrue(capacity <= 1_000, "to fill this log takes too long");

        // A busy machine may make a stream late by more than such a short log holds.
        var rare = inTheBestOf(3, () -> {
            waitForQuiet();
            var sol = subscribe(publish("SOL").id(), "SOL");
            assertListens(List.of(sol));
            for (var i = 0; i < capacity + 10; i++) publish("ETH");
            publish("SOL");
            return sol;
        }, one -> !one.replies(1).isEmpty());

        promise("the next quote of SOL, after " + (capacity + 10) + " of another symbol, more than "
            + "the feed keeps", "S13", "the client has all that there was for it: a cursor moves "
            + "over the quotes of other symbols, too").of(rare).hasReplies(1);
    }

    @Test @Order(12) @Tag("TODO-8")
    void a_server_that_stops_ends_the_streams_with_UNAVAILABLE() {
        var symbol = longSymbol();
        var newest = publish(symbol).id();
        var streams = assertListens(times(3, () -> subscribe(newest, symbol)));
        var next = publish(symbol).id();
        for (var stream : streams)
            assertBrings(promise("quote " + next + " before the server stops", "S1"), stream,
                List.of(next));
        stopOrSkip();

        for (var stream : streams)
            promise("UNAVAILABLE to each stream, at once, in the server's own words",
                "S14 · gRPC status codes: UNAVAILABLE", "it means: come back, here or elsewhere; a "
                + "server that only closes the connection waits for streams that never end")
                .of(stream).endsWith(UNAVAILABLE)
                .describing("(?s)^(?!.*(GOAWAY|shutdown|closed|io exception))");
    }

    @Test @Order(13) @Tag("TODO-9")
    void a_connection_carries_at_most_100_streams_at_a_time() {
        var most = http2().setting(Http2.MAX_CONCURRENT_STREAMS);

        promise("SETTINGS with MAX_CONCURRENT_STREAMS = 100", "S15 · RFC 9113 §6.5.2",
            "each stream costs memory: without a limit one client can have all of it")
            .that(most, most.isEmpty() ? "SETTINGS without it"
                : "MAX_CONCURRENT_STREAMS = " + most.getAsInt()).is(OptionalInt.of(100));
    }
}
