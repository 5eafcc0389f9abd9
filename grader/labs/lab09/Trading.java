package labs.lab09;

import module java.base;
import io.grpc.*;
import market.v1.*;
import wirelab.check.PromiseAssert;
import wirelab.check.RpcChecks;
import wirelab.wire.RpcCall;

/// The vocabulary of this lab's checks: orders, and events in words.
abstract class Trading extends RpcChecks {
    static final MethodDescriptor<TradeOrder, TradeEvent> TRADE =
        MarketDataGrpc.getTradeStreamMethod();

    /// A symbol that no other claim uses. Its quote is 99 to 101.
    String symbol() { return publish(name(), 99, 101).getSymbol(); }

    static String name() { return "X" + ThreadLocalRandom.current().nextLong(1L << 40); }

    static TradeOrder buy(String id, int quantity, String symbol, double limit) {
        return TradeOrder.newBuilder().setOrderId(id).setQuantity(quantity).setSymbol(symbol)
            .setSide(Side.BUY).setLimit(limit).build();
    }

    static TradeOrder buy(String id, String symbol, double limit) {
        return buy(id, 1, symbol, limit);
    }

    static TradeOrder sell(String id, int quantity, String symbol, double limit) {
        return buy(id, quantity, symbol, limit).toBuilder().setSide(Side.SELL).build();
    }

    /// Sends an order; the next event in words, which should be its answer.
    static String answer(RpcCall<TradeOrder, TradeEvent> call, TradeOrder order) {
        var before = call.count();
        var events = call.send(order).replies(before + 1);
        return events.size() > before ? words(events.get(before)) : "nothing" + end(call);
    }

    void accepts(RpcCall<TradeOrder, TradeEvent> call, TradeOrder order) {
        promise("accepted " + order.getOrderId(), "S1", "nothing is wrong with this order")
            .that(answer(call, order)).is("accepted " + order.getOrderId());
    }

    static String words(TradeEvent event) {
        return switch (event.getEventCase()) {
            case ACCEPTED -> "accepted " + event.getAccepted().getOrderId();
            case FILLED -> filled(event.getFilled().getOrderId(), event.getFilled().getQuantity(),
                event.getFilled().getPrice(), event.getFilled().getQuoteId());
            case REJECTED -> "rejected " + event.getRejected().getOrderId() + ": "
                + event.getRejected().getReason();
            case EVENT_NOT_SET -> "an empty event";
        };
    }

    static String filled(String id, long quantity, double price, long quote) {
        return "filled " + id + ", " + quantity + " at " + price + " by quote " + quote;
    }

    /// These are all the events that come, in this order.
    static void hears(PromiseAssert promise, RpcCall<TradeOrder, TradeEvent> call,
            String... wanted) {
        var seen = call.replies(wanted.length).stream().map(Trading::words).toList();
        same(promise, "event", seen, List.of(wanted), end(call));
    }

    /// The same texts in the same order; a failure tells the first that differs.
    ///
    /// @param end what came after the last of them
    static void same(PromiseAssert promise, String what, List<String> seen, List<String> wanted,
            String end) {
        if (seen.equals(wanted)) return;
        var first = (int) IntStream.range(0, Math.min(seen.size(), wanted.size()))
            .takeWhile(i -> seen.get(i).equals(wanted.get(i))).count();
        throw promise.broken(first == seen.size()
            ? "%s number %d, %s, is missing%s".formatted(what, first + 1, wanted.get(first), end)
            : "%s number %d is %s, not %s".formatted(what, first + 1, seen.get(first),
                first < wanted.size() ? wanted.get(first) : "the end"));
    }

    static String end(RpcCall<?, ?> call) { return call.ended() ? ", then " + call.said() : ""; }

    /// The quote is published. The wait for that goes on while events of the call come.
    void published(PromiseAssert promise, Future<Quote> quote, RpcCall<?, ?> call) {
        eventually(() -> List.of(outcome(quote), call.count()), _ -> quote.isDone());
        promise.that(outcome(quote), "PublishQuote: %s", outcome(quote)).is("OK");
    }

    private static String outcome(Future<Quote> quote) {
        try {
            quote.get(20, TimeUnit.MILLISECONDS);
            return "OK";
        } catch (TimeoutException pending) {
            return "no answer";
        } catch (ExecutionException refused) {
            return "" + Status.fromThrowable(refused.getCause());
        } catch (InterruptedException cancelled) {
            throw new CancellationException("interrupted");
        }
    }
}
