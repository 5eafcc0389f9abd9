package labs.lab09;

import module java.base;
import io.grpc.*;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.check.Checks;
import wirelab.subject.Setting;
import wirelab.wire.RpcCall;

@DisplayName("gRPC bidirectional streaming")
public class Lab09 extends Trading {
    public static final List<Setting> SETTINGS = List.of(new Setting("KEEPALIVE_MS", "10000"));
    public static final List<Class<? extends Checks>> PARTS =
        List.of(Lab09Trouble.class, Lab09Client.class);

    @Test @Order(1) @Tag("TODO-1")
    void each_order_is_answered_before_the_next_one_is_sent() {
        var symbol = symbol();
        var call = call(TRADE);

        for (var i = 1; i <= 20; i++)
            promise("accepted a" + i + ", while the client waits for it", "S1",
                "if the server waits for more orders, or for the half-close, both wait forever")
                .that(answer(call, buy("a" + i, symbol, 1))).is("accepted a" + i);
        promise("20 events: one answer to each of 20 orders", "S1")
            .that(call.count(), "%d events", call.count()).is(20);
    }

    @Test @Order(2) @Tag("TODO-1")
    void answers_come_in_the_order_of_the_orders() {
        var symbol = symbol();
        var call = call(quietConnection(), TRADE, CallOptions.DEFAULT, true);
        var promise = promise("5000 answers in the order of the orders", "S1 · gRPC core concepts",
            "gRPC keeps the order in a stream; a thread for each message loses it");

        for (var i = 0; i < 5_000; i++) {
            // Most are wrong: those that are right stay open, and there is a limit.
            call.send(buy("b" + i, i % 20 == 0 ? 1 : 0, symbol, 1));
            if (i % 1_000 == 999) promise.of(call).hasReplies(i + 1);
        }
        // How a wrong order is answered is not asked here: only which one is.
        var seen = call.messages().stream().map(Trading::words).toList();
        same(promise, "event", IntStream.range(0, seen.size()).mapToObj(i ->
            i % 20 == 0 ? seen.get(i) : seen.get(i).split("[ :]", 3)[1]).toList(),
            IntStream.range(0, 5_000).mapToObj(i -> (i % 20 == 0 ? "accepted b" : "b") + i)
                .toList(), end(call));
    }

    /// Values that are wrong for a field of an order.
    private record Wrong(String field, Object... values) {}

    @Test @Order(3) @Tag("TODO-2")
    void a_wrong_order_is_rejected_with_its_field_and_the_stream_goes_on() {
        var right = buy("c", symbol(), 1);
        var call = call(TRADE);

        for (var wrong : List.of(new Wrong("order_id", ""), new Wrong("symbol", "", "NOBODY"),
            new Wrong("quantity", 0L, -1L, Long.MIN_VALUE), new Wrong("side", 0, 3, 77),
            new Wrong("limit", 0.0, -0.0, -1.0, Double.NaN, Double.POSITIVE_INFINITY,
                Double.NEGATIVE_INFINITY)))
            for (var value : wrong.values) rejects(call, right, wrong.field, value);
        for (var known : List.of("BTC", "ETH", "SOL", "EUR", right.getSymbol()))
            promise("accepted " + known + ", an order for " + known + ", on the same stream", "S2",
                "BTC, ETH, SOL and EUR are known, and every symbol that was ever published")
                .that(answer(call, right.toBuilder().setOrderId(known).setSymbol(known).build()))
                .is("accepted " + known);
    }

    private void rejects(RpcCall<TradeOrder, TradeEvent> call, TradeOrder right, String field,
            Object value) {
        var of = TradeOrder.getDescriptor().findFieldByName(field);
        var wrong = right.toBuilder().setField(of, value instanceof Integer number
            ? of.getEnumType().findValueByNumberCreatingIfUnknown(number) : value).build();

        promise("an order with %s rejected, with a reason that begins with '%s'".formatted(
            value.equals("") ? "an empty " + field : field + " " + value, field), "S2",
            "an error status would end the stream, and with it all other orders")
            .that(answer(call, wrong)).startsWith("rejected " + wrong.getOrderId() + ": " + field);
    }

    @Test @Order(4) @Tag("TODO-3")
    void an_order_id_is_accepted_once_on_a_stream() {
        var symbol = symbol();
        var call = call(TRADE);
        accepts(call, buy("d", symbol, 100));

        promise("a second order d rejected, with a reason that begins with 'order_id'", "S3",
            "a client that sends an order twice, to be sure, wants it once")
            .that(answer(call, sell("d", 1, symbol, 1e6))).startsWith("rejected d: order_id");
        promise("order e with quantity 0 rejected", "S2")
            .that(answer(call, buy("e", 0, symbol, 1))).startsWith("rejected e");
        promise("accepted e: only a wrong order had that id before", "S3")
            .that(answer(call, buy("e", symbol, 1))).is("accepted e");
        promise("accepted d, on another stream", "S3", "streams share nothing")
            .that(answer(call(TRADE), buy("d", symbol, 1))).is("accepted d");
    }

    @Test @Order(5) @Tag("TODO-3")
    void at_most_500_orders_of_a_stream_are_open() {
        var symbol = symbol();
        var call = call(TRADE);
        for (var i = 0; i < 500; i++) call.send(buy("f" + i, symbol, 1));

        hears(promise("each of 500 orders accepted, none of which a quote fills", "S4"), call,
            IntStream.range(0, 500).mapToObj(i -> "accepted f" + i).toArray(String[]::new));
        promise("order 501 rejected, with a reason that begins with 'too many open orders'", "S4",
            "each open order costs memory, and time at each quote")
            .that(answer(call, buy("x", symbol, 1))).startsWith("rejected x: too many open orders");
        promise("accepted other, on another stream", "S4", "streams share nothing")
            .that(answer(call(TRADE), buy("other", symbol, 1))).is("accepted other");
    }

    @Test @Order(6) @Tag("TODO-3")
    void an_order_is_filled_at_once_by_the_latest_quote_if_that_matches() {
        // Longer than any page of the feed.
        publish(600);
        var symbol = symbol();
        publish(symbol, 10, 11);
        var quote = publish(symbol, 99, 100).getId();
        publish(symbol(), 1, 1);
        var call = call(TRADE);
        call.send(buy("g1", 7, symbol, 100)).send(buy("g2", symbol, 99.99))
            .send(sell("g3", 8, symbol, 99)).send(sell("g4", 1, symbol, 99.01))
            .send(buy("g5", symbol, 1e300)).send(sell("g6", 1, symbol, 1e-300))
            .send(buy("g7", symbol, 1));

        hears(promise("7 orders accepted, 4 of them filled by the quote 99 to 100", "S5 · S6",
            "a BUY pays the ask, a SELL gets the bid, and neither its own limit"), call,
            "accepted g1", filled("g1", 7, 100, quote), "accepted g2", "accepted g3",
            filled("g3", 8, 99, quote), "accepted g4", "accepted g5", filled("g5", 1, 100, quote),
            "accepted g6", filled("g6", 1, 99, quote), "accepted g7");
    }

    @Test @Order(7) @Tag("TODO-4")
    void an_open_order_is_filled_once_by_the_first_new_quote_that_matches() {
        var symbol = symbol();
        var call = call(TRADE);
        var promise = promise("7 orders accepted; h2 and h5 filled at 92, h1 at 85, h3 at 120",
            "S6 · S7", "the first new quote that matches fills an order; the next ones don't");
        call.send(buy("h1", symbol, 90)).send(buy("h2", 2, symbol, 95))
            .send(sell("h3", 3, symbol, 120)).send(buy("h4", 4, symbol(), 95))
            .send(buy("h5", 5, symbol, 92)).replies(5);
        publish(symbol, 95, 96);
        var first = publish(symbol, 91, 92).getId();
        publish(symbol, 91, 92);
        var second = publish(symbol, 80, 85).getId();
        var third = publish(symbol, 120, 121).getId();
        publish(symbol, 80, 121);
        call.replies(9);
        // The latest quote is 80 to 121 now: no longer one that would fill h6.
        call.send(buy("h6", 6, symbol, 110)).send(buy("h7", symbol, 1));

        hears(promise, call, "accepted h1", "accepted h2", "accepted h3", "accepted h4",
            "accepted h5", filled("h2", 2, 92, first), filled("h5", 5, 92, first), filled("h1", 1,
            85, second), filled("h3", 3, 120, third), "accepted h6", "accepted h7");
    }

    @Test @Order(8) @Tag("TODO-4")
    void orders_that_one_quote_fills_are_filled_in_the_order_of_arrival() {
        var symbol = symbol();
        var call = call(TRADE);
        var random = new Random(9);
        var ids = IntStream.range(0, 500).mapToObj(i -> "i" + random.nextInt(1_000) + "-" + i)
            .toList();
        var promise = promise("500 orders filled by one quote, in the order in which they came",
            "S7", "first come, first served: a HashMap forgets which order came first");
        for (var id : ids) call.send(buy(id, symbol, 50 + random.nextInt(40)));
        call.replies(500);
        publish(symbol, 1, 2);

        same(promise, "fill", call.replies(1_000).stream().filter(TradeEvent::hasFilled)
            .map(event -> event.getFilled().getOrderId()).toList(), ids, end(call));
        promise("the id of a filled order rejected, with a reason that begins with 'order_id'",
            "S3", "an order that is filled was accepted, too")
            .that(answer(call, buy(ids.getFirst(), symbol, 90)))
            .startsWith("rejected " + ids.getFirst() + ": order_id");
        promise("accepted room: none of the 500 orders is open any more", "S4")
            .that(answer(call, buy("room", symbol, 1))).is("accepted room");
    }

    @Test @Order(9) @Tag("TODO-4")
    void no_quote_is_missed_while_a_stream_opens() {
        // The longer the log, the longer it takes to look for the latest quotes in it.
        restartWith("FEED_CAPACITY", "10000");
        publish(9_900);
        var promise = promise("8 orders accepted and filled, on each of 8 calls that were opened "
            + "just when the quotes came that fill them", "S7",
            "look, then listen misses the quotes that come in between: listen first");
        // One connection for both: its server gets a call and a quote in turn.
        var connection = quietConnection();
        var publisher = MarketDataGrpc.newFutureStub(connection);
        for (var round = 0; round < 8; round++) {
            var symbols = Stream.generate(Trading::name).limit(8).toList();
            var calls = new ArrayList<RpcCall<TradeOrder, TradeEvent>>();
            var quotes = new ArrayList<Future<Quote>>();
            for (var symbol : symbols) {
                calls.add(call(connection, TRADE, CallOptions.DEFAULT, true));
                quotes.add(publisher.publishQuote(draft(symbol, 50, 60)));
            }
            quotes.forEach(quote -> published(promise, quote, calls.getLast()));
            for (var call : calls)
                for (var symbol : symbols) call.send(buy(symbol, symbol, 60));

            for (var call : calls) promise.of(call).hasReplies(16);
            calls.forEach(RpcCall::cancel);
        }
    }

    @Test @Order(10) @Tag("TODO-5")
    void after_the_half__close_open_orders_still_fill_and_then_the_call_ends() {
        promise("OK, at once, to a half-close without any order", "S8", "the server must complete "
            + "its direction, too").of(call(TRADE).halfClose()).endsWith(Status.Code.OK);
        var symbol = symbol();
        var call = call(TRADE);
        var promise = promise("k1, k2, k3 accepted and filled, once, after the half-close", "S8",
            "a half-close says that no orders follow, not that nobody listens");
        call.send(buy("k1", symbol, 90)).send(buy("k2", symbol, 80)).send(buy("k3", symbol, 200))
            .halfClose();
        promise.of(call).hasReplies(4);
        publish(symbol, 89, 90);
        promise.of(call).hasReplies(5);
        publish(symbol, 89, 90);
        promise("no status while k2 is open", "S8", "its quote may still come")
            .that(call.ended() ? "status " + call.said() : "no status").is("no status");
        publish(symbol, 79, 80);

        promise.of(call).hasReplies(6);
        promise("OK when k1, k2 and k3 are filled", "S8").of(call).endsWith(Status.Code.OK);
        promise.that(call.count(), "%d events", call.count()).is(6);
    }
}
