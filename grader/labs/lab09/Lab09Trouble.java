package labs.lab09;

import module java.base;
import io.grpc.*;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.check.PromiseAssert;
import wirelab.wire.Http2;
import wirelab.wire.RpcCall;

/// Threads that meet, clients that don't read or are gone, the server's stop, too many pings.
class Lab09Trouble extends Trading {
    /// What some ids end with. To send it takes milliseconds, in which another thread, if it may,
    /// will send something, too.
    private static final String LONG = "é".repeat(1_900_000);
    /// How many orders come before a long one, how many after it, and how many wrong ones.
    private static final int MANY = 50;

    @Test @Order(11) @Tag("TODO-6")
    void quotes_and_orders_that_come_at_the_same_moment_never_get_mixed_up() {
        var rush = new Rush();
        for (var round = 0; round < 5; round++) rush.mix();
        // Opened last, so that a publisher comes to it after the first.
        var other = call(quietConnection(), TRADE, CallOptions.DEFAULT, true);
        for (var round = 0; round < 5; round++) rush.cross(other);

        promise("OK after the half-close, since all orders are filled", "S8")
            .of(rush.call.halfClose()).endsWith(Status.Code.OK);
        inspect(promise("accepted for each order in turn, and later filled, once", "S9 · S6",
            "the order's thread and the quote's must take turns"), rush.call.messages());
    }

    /// Orders of a call, and quotes that fill them.
    private final class Rush {
        final RpcCall<TradeOrder, TradeEvent> call =
            call(quietConnection(), TRADE, CallOptions.DEFAULT, true);
        private final MarketDataGrpc.MarketDataFutureStub publisher =
            MarketDataGrpc.newFutureStub(quietConnection());
        private final String symbol = symbol();
        private int orders;

        /// Sends the next order, with an id that ends so.
        private void order(String end, double limit) {
            call.send(buy(orders++ + end, symbol, limit));
        }

        /// Quotes come while the long order is accepted, and orders while it is filled.
        void mix() {
            var promise = promise("orders accepted and filled, once each, while quotes come",
                "S9 · gRPC Java: StreamObserver",
                "onNext on two threads at once loses messages, or garbles them");
            var before = call.count();
            publish(promise, 1_000);
            for (var i = 0; i < MANY; i++) order("", 200 + i);
            promise.of(call).hasReplies(before + MANY);
            order(LONG, 100);
            for (var i = 1; i <= MANY; i++) {
                // Fills one of the orders before.
                publish(promise, 200 + MANY - i);
                if (call.count() > before + MANY + i) break;
            }
            promise.of(call).hasReplies(before + MANY + 1);
            var published = publisher.publishQuote(draft(symbol, 50, 100));
            for (var i = 0; i < MANY; i++) {
                order("", 100);
                call.send(buy("wrong", 0, symbol, 1));
            }
            published(promise, published, call);
            // An answer to each, and a fill for each that isn't wrong.
            promise.of(call).hasReplies(before + 3 * MANY + 1 + 2 * MANY + 1);
        }

        /// Orders on another call while a long one is filled on this: the publisher, which has a
        /// lock of the feed, comes to the other call next.
        void cross(RpcCall<TradeOrder, TradeEvent> other) {
            var promise = promise("orders filled on one call while a quote fills one on another",
                "S9", "two locks, taken in one order here and in the other there: a deadlock");
            publish(promise, 100);
            var known = call.count();
            order(LONG, 60);
            promise.of(call).hasReplies(known + 1);
            Future<Quote> published = null;
            while (published == null || !published.isDone()) {
                var n = other.count();
                for (var i = 0; i < MANY; i++) other.send(buy(n + "." + i, symbol, 100));
                if (published == null) published = publisher.publishQuote(draft(symbol, 50, 60));
                promise.of(other).hasReplies(n + 2 * MANY);
            }
            published(promise, published, call);
            promise.of(call).hasReplies(known + 2);
        }

        private void publish(PromiseAssert promise, double ask) {
            published(promise, publisher.publishQuote(draft(symbol, 50, ask)), call);
        }
    }

    private static void inspect(PromiseAssert promise, List<TradeEvent> events) {
        var open = new HashSet<String>();
        var accepted = 0;
        for (var event : events)
            promise.holds(switch (event.getEventCase()) {
                case ACCEPTED -> open.add(event.getAccepted().getOrderId())
                    && event.getAccepted().getOrderId().replace(LONG, "").equals("" + accepted++);
                case FILLED -> open.remove(event.getFilled().getOrderId());
                case REJECTED -> true;
                case EVENT_NOT_SET -> false;
            }, "%s, after %d were accepted", words(event).replace(LONG, "…"), accepted);
    }

    @Test @Order(12) @Tag("TODO-7")
    void events_that_a_client_is_not_ready_for_wait_until_it_reads() {
        var queued = health().getQueued();
        var call = call(quietConnection(), TRADE, CallOptions.DEFAULT, false);
        // 7 MB: the server takes in a megabyte that it has not read, so when this client is ready
        // again, the server has read all but some of the last ones, which are long.
        var read = promise("orders read while their client doesn't read the answers", "S11",
            "if each side waits for the other to read, both wait forever");
        for (var i = 0; i < 1_000; i++) {
            call.send(buy(i + "x".repeat(i < 990 ? 5_000 : 200_000), "", 1));
            if (i % 100 == 99) read.holds(eventually(() -> call.isReady() || call.ended(),
                done -> done), "no more orders taken after %d were sent", i + 1);
        }
        var more = health().getQueued() - queued;
        promise("queued: 0 in Health, while a client doesn't read", "S10", "isReady() is false "
            + "from 32 KiB on: messages that are handed to gRPC all the same pile up in it")
            .that(more, "queued: %d", more).isAtMost(10L);

        call.readOn();
        same(promise("1000 answers in the order of the orders, as soon as the client reads", "S10",
            "setOnReadyHandler says when to go on"), "answer", call.replies(1_000).stream()
            .map(event -> event.getRejected().getOrderId().replace("x", "")).toList(),
            IntStream.range(0, 1_000).mapToObj(String::valueOf).toList(), end(call));
        promise("accepted m, when all events have been read", "S10",
            "the call goes on as if nothing had happened")
            .that(answer(call, buy("m", symbol(), 1))).is("accepted m");
    }

    @Test @Order(13) @Tag("TODO-8")
    void the_call_of_a_client_that_does_not_read_ends_and_others_notice_nothing() {
        var before = eventually(this::listeners, count -> count == 0);
        var symbol = symbol();
        var reader = call(TRADE);
        accepts(reader, buy("n", symbol, 60));
        var call = call(connection(), TRADE, CallOptions.DEFAULT, false);
        call.send(buy("n", symbol, 60));
        haveListeners(promise("a listener for each of two calls", "S13"), before, 2);
        for (var i = 0; i < 3_000; i++) call.send(buy("n" + "x".repeat(100) + i, "", 1));

        haveListeners(promise("the call ended, its listener closed: more than 1000 events wait",
            "S12 · S13", "3000 answers of 200 bytes that nobody reads fill the memory"), before, 1);
        var quote = publish(symbol, 50, 60).getId();
        hears(promise("n filled on the call of another client, which reads", "S12",
            "each client has its own stream"), reader, "accepted n", filled("n", 1, 60, quote));
        accepts(reader, buy("o", symbol, 1));
        call.readOn();
        promise("RESOURCE_EXHAUSTED, when the client reads at last", "S12",
            "this tells the client that the network is not at fault, and what to do").of(call)
            .endsWith(Status.Code.RESOURCE_EXHAUSTED);
    }

    /// The server has this many listeners besides those that it had before.
    private void haveListeners(PromiseAssert promise, int before, int count) {
        var seen = eventually(this::listeners, now -> now == before + count) - before;
        promise.that(seen, "listeners: %d", seen).is(count);
    }

    @Test @Order(14) @Tag("TODO-8")
    void orders_of_a_client_that_is_gone_are_withdrawn() {
        var before = eventually(this::listeners, count -> count == 0);
        var symbol = symbol();
        var cut = connection();
        var cancelled = call(TRADE);
        var halfClosed = call(TRADE);
        var late = call(connection(), TRADE,
            CallOptions.DEFAULT.withDeadlineAfter(100, TimeUnit.MILLISECONDS), true);
        var gone = call(cut, TRADE, CallOptions.DEFAULT, true);
        var done = call(TRADE);
        for (var call : List.of(cancelled, halfClosed, gone, done))
            accepts(call, buy("p", symbol, 60));
        late.send(buy("p", symbol, 60));
        var open = listeners() - before;
        promise("a listener for each of 5 calls, of which one may be over", "S13")
            .that(open, "listeners: %d", open).isOneOf(4, 5);
        halfClosed.halfClose();
        // On the same connection: when this is answered, the half-close has arrived.
        accepts(done, buy("p2", symbol, 60));
        cancelled.cancel();
        halfClosed.cancel();
        cut.shutdownNow();

        haveListeners(promise("1 listener left of 5: 2 calls were cancelled, 1 of them after its "
            + "half-close, 1 was late, 1 lost its connection", "S13",
            "onError isn't called after the half-close: setOnCancelHandler is"), before, 1);
        publish(symbol, 50, 60);
        var left = promise("p and p2 filled on the call that is left, and OK after its half-close",
            "S13 · S8", "an event for a client that is gone must hurt nobody").of(done.halfClose());
        left.hasReplies(4);
        left.endsWith(Status.Code.OK);
        haveListeners(promise("no listener left after OK", "S13"), before, 0);
    }

    @Test @Order(15) @Tag("TODO-9")
    void a_server_that_stops_ends_the_calls_with_UNAVAILABLE() {
        var symbol = symbol();
        var calls = List.of(call(TRADE), call(TRADE), call(TRADE));
        for (var call : calls) accepts(call, buy("q", symbol, 60));
        calls.getLast().halfClose();
        // On the same connection: when this is answered, the half-close has arrived.
        accepts(calls.getFirst(), buy("q2", symbol, 60));
        stopOrSkip();

        for (var call : calls)
            promise("UNAVAILABLE, said by the server before it is gone", "S14 · gRPC status codes",
                "it means: try elsewhere. An endless stream holds a server up until it is killed")
                .that(call.said()).matches("(?s)UNAVAILABLE(?!.*((?i:GOAWAY)|Network closed)).*");
    }

    @Test @Order(16) @Tag("TODO-10")
    void a_connection_carries_at_most_100_calls_at_a_time() {
        var most = http2().setting(Http2.MAX_CONCURRENT_STREAMS);

        promise("MAX_CONCURRENT_STREAMS = 100 in SETTINGS", "S15 · RFC 9113 §6.5.2",
            "each call costs memory: without a limit one client can have it all")
            .that(most, most.isEmpty() ? "SETTINGS without it"
                : "MAX_CONCURRENT_STREAMS = " + most.getAsInt()).is(OptionalInt.of(100));
    }

    @Test @Order(17) @Tag("TODO-10")
    void a_client_may_ping_as_often_as_it_is_permitted_with_and_without_a_call() {
        var permitted = shorten("KEEPALIVE_MS", 10);
        var idle = http2();
        var busy = http2();
        busy.call("/" + TRADE.getFullMethodName());
        var promise = promise("each of 5 PINGs answered, " + permitted.toMillis() + " ms apart",
            "S16 · gRFC A8",
            "a client pings so that it notices a dead connection, and that no NAT forgets it");

        for (var i = 1; i <= 5; i++) {
            promise.holds(idle.ping(), "%s after %d PINGs, without a call", idle.said(), i);
            promise.holds(busy.ping(), "%s after %d PINGs, with a call", busy.said(), i);
            if (i < 5) pass(permitted);
        }
    }

    @Test @Order(18) @Tag("TODO-10")
    void a_client_that_pings_more_often_is_told_to_calm_down() {
        var connection = http2();
        connection.call("/" + TRADE.getFullMethodName());
        for (var i = 0; i < 100 && connection.ping(); i++) pass(Duration.ofMillis(4));

        promise("GOAWAY ENHANCE_YOUR_CALM too_many_pings in 100 PINGs, 4 ms apart", "S17 · gRFC A8",
            "each PING wakes the server: a thousand clients with one a second are a load")
            .that(connection.said()).is("GOAWAY ENHANCE_YOUR_CALM too_many_pings");
    }
}
