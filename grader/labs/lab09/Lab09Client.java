package labs.lab09;

import module java.base;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.*;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.check.Follower;
import wirelab.check.PromiseAssert;
import wirelab.subject.ClientStart;
import wirelab.time.Deadline;

class Lab09Client extends Trading {
    private Follower trade(Desk desk, int count) throws IOException {
        return follow(new ClientStart(tap(serve(desk)).url(), 0).count(count));
    }

    /// So many orders come, as soon as they do, and no more.
    private static void takes(PromiseAssert promise, int count, Desk desk, Follower client) {
        var orders = await(client, desk.orders::size, seen -> seen >= count);
        promise.holds(orders == count, "%d orders, %d answered%s", orders, desk.answered,
            end(client));
    }

    /// The value, as soon as it is as wanted, or nothing changes any more, or the client has ended.
    private static <T> T await(Follower client, Supplier<T> value, Predicate<T> wanted) {
        return Deadline.afterProgress(client.patience())
            .poll(value, seen -> wanted.test(seen) || client.ended().isPresent());
    }

    private static String end(Follower client) {
        return client.ended().map(how -> "\n" + String.join("\n", how)).orElse("");
    }

    @Test @Order(19) @Tag("TODO-11") @Tag("client")
    void the_client_gives_every_event_to_the_sink_in_order() throws IOException {
        var desk = new Desk(true);
        var client = trade(desk, 60);
        var promise = promise("100 events given to the sink, in order: 60 answers and 40 fills",
            "C1", "an event that isn't asked for with request(1) stays at the server");

        var seen = promise.of(client).delivers(100).stream()
            .flatMap(event -> event.properties().stream()).map(event -> event.getKey() + " "
                + event.getValue().path("orderId").asText()).toList();
        same(promise, "event", seen, IntStream.rangeClosed(1, 60).boxed().flatMap(i -> i % 3 == 0
            ? Stream.of("rejected order-" + i)
            : Stream.of("accepted order-" + i, "filled order-" + i)).toList(), end(client));
    }

    @Test @Order(20) @Tag("TODO-12") @Tag("client")
    void the_client_sends_each_order_once_and_half__closes() throws IOException {
        var desk = new Desk(true);
        var client = trade(desk, 100);
        var promise = promise("a half-close after order-1 to order-100, each once, in order", "C2",
            "without it the server waits for more, and the client for the end, both forever");
        await(client, desk.orders::size, _ -> desk.halfClosed);

        same(promise, "order", desk.orders, IntStream.rangeClosed(1, 100)
            .mapToObj(i -> "order-" + i).toList(), end(client));
        promise.holds(desk.halfClosed, "no half-close%s", end(client));
        await(client, client::ended, Optional::isPresent);
        promise("trade returns after the server's OK", "C2", "all orders are settled")
            .holds(client.ended().isPresent() && !end(client).contains("Exception"), "%s",
                client.ended().isPresent() ? end(client) : "the client goes on");
    }

    @Test @Order(21) @Tag("TODO-12") @Tag("client")
    void the_client_has_at_most_10_orders_without_an_answer() throws IOException {
        var desk = new Desk(false);
        var client = trade(desk, 40);
        takes(promise("10 orders before the first answer", "C3",
            "a client that waits for each answer spends its time waiting"), 10, desk, client);
        desk.answer(4);
        takes(promise("4 orders more after 4 answers", "C3",
            "an answer makes room for an order: onReady doesn't come for it"), 14, desk, client);
        var promise = promise("one more order for each answer, none for a fill", "C3",
            "a fill may come long after the answer");
        for (var id : List.of("order-1", "order-2", "order-4")) desk.fill(id);
        eventually(Duration.ofMillis(100), desk.orders::size, orders -> orders > 14);
        takes(promise, 14, desk, client);
        while (desk.answered < 40) {
            desk.answer(1);
            takes(promise, Math.min(40, desk.answered + 10), desk, client);
        }

        promise("never more than 10 orders without an answer", "C3",
            "a client that sends without reading fills the server's memory, or is cut off")
            .that(desk.mostUnanswered).isAtMost(10);
    }

    @Test @Order(22) @Tag("TODO-12") @Tag("client")
    void the_client_with_a_slow_sink_slows_the_server_and_sends_no_more() throws IOException {
        var desk = new Desk(false);
        var client = trade(desk, 100);
        takes(promise("10 orders before the first answer", "C3"), 10, desk, client);
        client.hold();
        desk.answer(10);
        promise("the first of 10 answers given to the sink", "C1").of(client).delivers(1);
        var fills = desk.fillsUntilNotReady();

        takes(promise("no order more while the sink has not returned from the first answer", "C4",
            "an answer that nobody has looked at yet is no reason to go on"), 10, desk, client);
        promise("the server held up, isReady() false, long before 20 MB", "C1 · gRPC flow control",
            "events that come before the sink has time for them pile up")
            .that(fills, "%d events of 10,000 bytes taken", fills).isBelow(2_000);
        client.goOn();
        takes(promise("10 orders more, when the sink goes on", "C4"), 20, desk, client);
    }

    @Test @Order(23) @Tag("TODO-13") @Tag("client")
    void the_client_sets_a_deadline_of_60_s() throws IOException {
        var desk = new Desk(true);
        takes(promise("a call with one order", "C2"), 1, desk, trade(desk, 1));

        promise("a deadline in 60 s, which the server is told", "C5 · gRPC deadlines",
            "an order that nothing fills would hold client and server forever")
            .that(desk.deadline, desk.deadline < 0 ? "no deadline"
                : "a deadline in " + desk.deadline + " ms").isAtLeast(50_000L).isAtMost(60_000L);
    }

    @Test @Order(24) @Tag("TODO-13") @Tag("client")
    void the_client_names_the_status_that_ended_the_call_and_does_not_send_again()
            throws IOException {
        for (var status : List.of(Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED, Status.OK)) {
            var desk = new Desk(false);
            var client = trade(desk, 20);
            takes(promise("10 orders before the first answer", "C3"), 10, desk, client);
            desk.answer(5);
            desk.end(status);

            var promise = promise("an IllegalStateException that names " + status.getCode()
                + ": 5 of 20 orders were answered", "C6",
                "an end without an error would say that all orders are settled");
            promise.of(client).fails("IllegalStateException");
            promise.that(end(client)).contains(status.getCode().name());
            promise("one call", "C7", "an order that is sent again may buy twice")
                .that(desk.calls, "%d calls", desk.calls).is(1);
        }
    }

    /// A server of ours that takes orders. It answers by itself, or as it is told.
    private static final class Desk extends MarketDataGrpc.MarketDataImplBase
            implements StreamObserver<TradeOrder> {
        private final boolean answers;
        /// The ids of the orders that have come.
        final List<String> orders = new CopyOnWriteArrayList<>();
        volatile int calls;
        volatile int answered;
        volatile int mostUnanswered;
        volatile boolean halfClosed;
        /// How far away the deadline was when the call came, milliseconds; -1 without one.
        volatile long deadline = -1;
        private volatile ServerCallStreamObserver<TradeEvent> client;

        /// @param answers whether it answers and fills each order at once, and completes
        Desk(boolean answers) { this.answers = answers; }

        @Override public synchronized StreamObserver<TradeOrder> tradeStream(
                StreamObserver<TradeEvent> events) {
            client = (ServerCallStreamObserver<TradeEvent>) events;
            // With a handler gRPC drops what is sent to a client that is gone; else it throws.
            client.setOnCancelHandler(() -> {});
            var left = Context.current().getDeadline();
            if (left != null) deadline = left.timeRemaining(TimeUnit.MILLISECONDS);
            calls++;
            return this;
        }

        @Override public synchronized void onNext(TradeOrder order) {
            orders.add(order.getOrderId());
            mostUnanswered = Math.max(mostUnanswered, orders.size() - answered);
            if (!answers) return;
            answer(1);
            if (answered % 3 != 0) fill(order.getOrderId());
        }

        @Override public void onError(Throwable cancelled) {}

        @Override public synchronized void onCompleted() {
            halfClosed = true;
            if (answers) end(Status.OK);
        }

        /// Answers the next so many orders; every third one it rejects.
        synchronized void answer(int count) {
            for (var i = 0; i < count; i++) {
                var id = orders.get(answered++);
                var event = TradeEvent.newBuilder();
                if (answered % 3 == 0) event.getRejectedBuilder().setOrderId(id).setReason("no");
                else event.getAcceptedBuilder().setOrderId(id);
                client.onNext(event.build());
            }
        }

        synchronized void fill(String id) {
            client.onNext(TradeEvent.newBuilder().setFilled(Filled.newBuilder().setOrderId(id)
                .setQuantity(1).setPrice(1).setQuoteId(1)).build());
        }

        /// Sends fills of 10,000 bytes until the client is not ready, 2,000 at most; how many.
        int fillsUntilNotReady() {
            for (var fills = 0; ; fills++) {
                var ready = eventually(Duration.ofSeconds(1), client::isReady, is -> is);
                if (fills == 2_000 || !ready) return fills;
                fill("z".repeat(10_000));
            }
        }

        synchronized void end(Status status) { client.onError(status.asRuntimeException()); }
    }
}
