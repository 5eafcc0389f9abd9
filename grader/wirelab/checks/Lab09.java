package wirelab.checks;

import module java.base;
import io.grpc.*;
import io.grpc.stub.*;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.Call;
import wirelab.Follower;
import wirelab.Lab;
import wirelab.RpcChecks;

@DisplayName("gRPC bidirectional streaming")
public class Lab09 extends RpcChecks {
    private static final int OPEN = 500;
    private static final int WAITING = 1_000;
    /// What some ids end with. To say it takes milliseconds, in which another thread, if it may,
    /// will say something, too.
    private static final String LONG = "é".repeat(1_900_000);
    /// How many orders are sent, a thousand at a time; a multiple of that.
    private static final int MANY = 5_000;
    /// How many calls are opened while as many quotes come, and how often.
    private static final int OPENINGS = 8;
    private static final int OPENING_ROUNDS = 8;

    private Call<TradeOrder, TradeEvent> trade() {
        return call(MarketDataGrpc.getTradeStreamMethod());
    }

    /// A call on a connection of its own that reads nothing.
    private Call<TradeOrder, TradeEvent> unread() {
        return call(connection(), MarketDataGrpc.getTradeStreamMethod(), CallOptions.DEFAULT,
            false);
    }

    /// A symbol that no other claim uses. Its quote is 99 to 101.
    private String symbol() {
        var symbol = name();
        publish(symbol, 99, 101);
        return symbol;
    }

    private static String name() {
        return "X" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
    }

    private static TradeOrder order(String id, String symbol, long quantity, Side side,
            double limit) {
        return TradeOrder.newBuilder().setOrderId(id).setSymbol(symbol).setQuantity(quantity)
            .setSide(side).setLimit(limit).build();
    }

    private static TradeOrder buy(String id, String symbol, double limit) {
        return order(id, symbol, 1, Side.BUY, limit);
    }

    private static TradeOrder sell(String id, String symbol, double limit) {
        return order(id, symbol, 1, Side.SELL, limit);
    }

    /// The events in words.
    private static List<String> events(List<TradeEvent> events) {
        return events.stream().map(Lab09::event).toList();
    }

    private static String event(TradeEvent event) {
        return switch (event.getEventCase()) {
            case ACCEPTED -> "accepted " + event.getAccepted().getOrderId();
            case FILLED -> filled(event.getFilled().getOrderId(), event.getFilled().getQuantity(),
                event.getFilled().getPrice(), event.getFilled().getQuoteId());
            case REJECTED -> "rejected " + event.getRejected().getOrderId() + ": "
                + event.getRejected().getReason();
            case EVENT_NOT_SET -> "an empty event";
        };
    }

    private static String filled(String id, long quantity, double price, long quote) {
        return "filled " + id + ", " + quantity + " at " + price + " by quote " + quote;
    }

    /// The ids of the orders that are answered, in the order of the answers.
    private static List<String> answered(List<TradeEvent> events) {
        return events.stream().filter(event -> !event.hasFilled()).map(event ->
            event.hasAccepted() ? event.getAccepted().getOrderId()
                : event.getRejected().getOrderId()).toList();
    }

    /// Sends an order; its answer, which must be the next event.
    private static String answer(Call<TradeOrder, TradeEvent> call, TradeOrder order) {
        var before = call.count();
        return event(call.send(order).replies(before + 1).get(before));
    }

    // ---- answers

    @Test @Order(1) @Tag("TODO-1")
    void each_order_is_answered_before_the_next_one_is_sent() {
        var symbol = symbol();
        var call = trade();
        for (var i = 1; i <= 20; i++) {
            promise("accepted a" + i + ", while the client waits for it", "lab text",
                "a server that waits for more orders, or for the half-close, while the client "
                    + "waits for the answer: both wait for ever");
            assertThat(answer(call, buy("a" + i, symbol, 1))).isEqualTo("accepted a" + i);
        }
        assertThat(events(call.messages())).as(promise("20 answers to 20 orders", "lab text"))
            .hasSize(20);
    }

    @Test @Order(2) @Tag("TODO-1")
    void answers_come_in_the_order_of_the_orders() {
        var symbol = symbol();
        var call = call(quietConnection(), MarketDataGrpc.getTradeStreamMethod(),
            CallOptions.DEFAULT, true);
        promise("an answer to each of " + MANY + " orders, in the order of the orders",
            "gRPC core concepts",
            "gRPC keeps the order in a stream; a thread for each message loses it");
        for (var i = 0; i < MANY; i++) {
            // Most are wrong: those that are right stay open, and there is a limit.
            call.send(order("b" + i, symbol, i % 20 == 0 ? 1 : 0, Side.BUY, 1));
            if (i % 1_000 == 999) call.replies(i + 1);
        }
        var answers = events(call.messages());
        // What is wrong with an order is not asked here: "rejected b7: …" does, and "accepted b7".
        IntStream.range(0, MANY).filter(i -> i % 20 == 0
            ? !answers.get(i).equals("accepted b" + i)
            : !(answers.get(i) + ":").contains(" b" + i + ":")).findFirst()
            .ifPresent(i -> Assertions.fail("answer number " + i + " is '" + answers.get(i)
                + "', order number " + i + " was b" + i));
    }

    @Test @Order(3) @Tag("TODO-2")
    void a_wrong_order_is_rejected_with_its_field_and_the_stream_goes_on() {
        var symbol = symbol();
        var call = trade();
        var right = order("c", symbol, 1, Side.BUY, 1);
        rejected(call, right.toBuilder().clearOrderId(), "order_id");
        rejected(call, right.toBuilder().clearSymbol(), "symbol");
        rejected(call, right.toBuilder().setSymbol("NOBODY"), "symbol");
        for (var quantity : List.of(0L, -1L, Long.MIN_VALUE))
            rejected(call, right.toBuilder().setQuantity(quantity), "quantity");
        for (var side : List.of(0, 3, 77))
            rejected(call, right.toBuilder().setSideValue(side), "side");
        for (var limit : List.of(0.0, -0.0, -1.0, Double.NaN, Double.POSITIVE_INFINITY,
            Double.NEGATIVE_INFINITY))
            rejected(call, right.toBuilder().setLimit(limit), "limit");
        for (var known : List.of("BTC", "ETH", "SOL", "EUR", symbol))
            assertThat(answer(call, right.toBuilder().setOrderId(known).setSymbol(known).build()))
                .as(promise("accepted " + known + ", on the same stream", "lab text",
                    "BTC, ETH, SOL and EUR are known, and whatever was ever published"))
                .isEqualTo("accepted " + known);
    }

    private void rejected(Call<TradeOrder, TradeEvent> call, TradeOrder.Builder wrong,
            String field) {
        var id = wrong.getOrderId();
        promise("rejected " + id + ", a reason that begins with '" + field + "'", "lab text",
            "an error status would end the stream, and with it all other orders");
        assertThat(answer(call, wrong.build())).startsWith("rejected " + id + ": " + field);
    }

    @Test @Order(4) @Tag("TODO-3")
    void an_order_id_is_accepted_once_on_a_stream() {
        var symbol = symbol();
        var call = trade();
        promise("accepted d", "lab text");
        assertThat(answer(call, buy("d", symbol, 100))).isEqualTo("accepted d");
        var help = "whoever sends an order twice, to be sure, wants it once";
        assertThat(answer(call, sell("d", symbol, 1e6)))
            .as(promise("rejected d, a reason that begins with 'order_id'", "lab text", help))
            .startsWith("rejected d: order_id");
        promise("rejected e", "lab text");
        assertThat(answer(call, order("e", symbol, 0, Side.BUY, 1))).startsWith("rejected e");
        assertThat(answer(call, buy("e", symbol, 1)))
            .as(promise("accepted e: only a wrong order had that id before", "lab text"))
            .isEqualTo("accepted e");
        assertThat(answer(trade(), buy("d", symbol, 1)))
            .as(promise("accepted d, on another stream", "lab text", "streams share nothing"))
            .isEqualTo("accepted d");
    }

    @Test @Order(5) @Tag("TODO-3")
    void at_most_500_orders_of_a_stream_are_open() {
        var symbol = symbol();
        var call = trade();
        promise("500 answers to 500 orders", "lab text");
        for (var i = 0; i < OPEN; i++) call.send(buy("f" + i, symbol, 1));
        var accepted = call.replies(OPEN).stream().filter(TradeEvent::hasAccepted).count();
        assertThat(accepted).as(promise("accepted for each of 500 orders", "lab text"))
            .isEqualTo(OPEN);

        assertThat(answer(call, buy("more", symbol, 1)))
            .as(promise("rejected, a reason that begins with 'too many open orders'", "lab text",
                "each open order costs memory, and time at each quote"))
            .startsWith("rejected more: too many open orders");
        assertThat(answer(trade(), buy("other", symbol, 1)))
            .as(promise("accepted, on another stream", "lab text")).isEqualTo("accepted other");
    }

    // ---- fills

    @Test @Order(6) @Tag("TODO-3")
    void an_order_is_filled_at_once_by_the_latest_quote_if_that_matches() {
        // Longer than any page of the feed.
        publish(600);
        var symbol = symbol();
        publish(symbol, 10, 11);
        var quote = publish(symbol, 99, 100).getId();
        publish(symbol(), 1, 1);
        var call = trade();
        call.send(order("g1", symbol, 7, Side.BUY, 100)).send(buy("g2", symbol, 99.99))
            .send(order("g3", symbol, 8, Side.SELL, 99)).send(sell("g4", symbol, 99.01))
            .send(buy("g5", symbol, 1e300)).send(sell("g6", symbol, 1e-300))
            .send(buy("g7", symbol, 1));
        promise("7 orders accepted, 4 of them filled by the quote 99 to 100", "lab text",
            "BUY at the ask if ask ≤ limit, SELL at the bid if bid ≥ limit");
        var events = events(call.replies(11));
        assertThat(events).containsExactly("accepted g1", filled("g1", 7, 100, quote),
            "accepted g2", "accepted g3", filled("g3", 8, 99, quote), "accepted g4",
            "accepted g5", filled("g5", 1, 100, quote), "accepted g6", filled("g6", 1, 99, quote),
            "accepted g7");
    }

    @Test @Order(7) @Tag("TODO-4")
    void an_open_order_is_filled_once_by_the_first_new_quote_that_matches() {
        var symbol = symbol();
        var other = symbol();
        var call = trade();
        call.send(order("h1", symbol, 1, Side.BUY, 90)).send(order("h2", symbol, 2, Side.BUY, 95))
            .send(order("h3", symbol, 3, Side.SELL, 120)).send(order("h4", other, 4, Side.BUY, 95))
            .send(order("h5", symbol, 5, Side.BUY, 92));
        promise("5 orders accepted, none filled by 99 to 101", "lab text");
        call.replies(5);
        publish(symbol, 95, 96);
        var first = publish(symbol, 91, 92).getId();
        publish(symbol, 91, 92);
        var second = publish(symbol, 80, 85).getId();
        var third = publish(symbol, 120, 121).getId();
        publish(symbol, 80, 121);
        promise("5 orders accepted, 4 of them filled", "lab text");
        call.replies(9);
        // The latest quote is 80 to 121 now: no longer one that would fill this.
        call.send(order("h6", symbol, 6, Side.BUY, 110)).send(buy("h7", symbol, 1));
        promise("accepted h6 and h7, not filled", "lab text");
        call.replies(11);

        assertThat(events(call.messages())).as(promise(
            "h2 and h5 filled at 92, then h1 at 85, then h3 at 120; h4, h6 and h7 stay open",
            "lab text", "the first quote that matches, orders in the order in which they came"))
            .containsExactly("accepted h1", "accepted h2", "accepted h3", "accepted h4",
                "accepted h5", filled("h2", 2, 92, first), filled("h5", 5, 92, first),
                filled("h1", 1, 85, second), filled("h3", 3, 120, third), "accepted h6",
                "accepted h7");
    }

    @Test @Order(8) @Tag("TODO-4")
    void orders_that_one_quote_fills_are_filled_in_the_order_of_arrival() {
        var symbol = symbol();
        var call = trade();
        var random = new Random(9);
        var ids = IntStream.range(0, OPEN).mapToObj(i -> "i" + random.nextInt(1_000) + "-" + i)
            .toList();
        promise("500 answers to 500 orders", "lab text");
        for (var id : ids) call.send(buy(id, symbol, 50 + random.nextInt(40)));
        call.replies(OPEN);
        publish(symbol, 1, 2);

        promise("a fill for each of the 500 orders", "lab text");
        var filled = call.replies(2 * OPEN).stream().filter(TradeEvent::hasFilled)
            .map(event -> event.getFilled().getOrderId()).toList();
        assertThat(filled.equals(ids)).as(promise("them filled as they came", "lab text",
            "who came first is served first: a HashMap forgets who that was"))
            .overridingErrorMessage("first filled %s, first sent %s", filled.subList(0, 5),
                ids.subList(0, 5)).isTrue();
        assertThat(answer(call, buy(ids.getFirst(), symbol, 90)))
            .as(promise("rejected, a reason that begins with 'order_id'", "lab text",
                "an order that is filled was accepted, too"))
            .startsWith("rejected " + ids.getFirst() + ": order_id");
        assertThat(answer(call, buy("room", symbol, 1)))
            .as(promise("accepted room: no order is open any more", "lab text"))
            .isEqualTo("accepted room");
    }

    @Test @Order(9) @Tag("TODO-4")
    void no_quote_is_missed_while_a_stream_opens() {
        // The longer the log, the longer it takes to look for the latest quotes in it.
        restartWith("FEED_CAPACITY", "10000");
        publish(9_900);
        // One connection for both: its server gets a call and a quote in turn.
        var connection = quietConnection();
        var publisher = MarketDataGrpc.newFutureStub(connection);
        for (var round = 0; round < OPENING_ROUNDS; round++) {
            var symbols = Stream.generate(Lab09::name).limit(OPENINGS).toList();
            promise("a quote to each PublishQuote", "lab text");
            var opened = new ArrayList<Call<TradeOrder, TradeEvent>>();
            var published = new ArrayList<Future<Quote>>();
            for (var symbol : symbols) {
                opened.add(call(connection, MarketDataGrpc.getTradeStreamMethod(),
                    CallOptions.DEFAULT, true));
                published.add(publish(publisher, symbol, 60));
            }
            for (var quote : published) assertThat(await(quote)).isEqualTo("OK");
            promise(OPENINGS + " orders accepted and filled, on each call that was opened just "
                + "when the quotes came that fill them", "lab text",
                "look, then listen misses what comes in between: listen first");
            for (var call : opened)
                for (var symbol : symbols) call.send(buy(symbol, symbol, 60));
            for (var call : opened) {
                call.replies(2 * OPENINGS);
                call.cancel();
            }
        }
    }

    // ---- the end

    @Test @Order(10) @Tag("TODO-5")
    void after_the_half_close_open_orders_still_fill_and_then_the_call_ends() {
        promise("OK, at once, to a half-close without any order", "lab text",
            "the server must complete its direction, too");
        assertThat(trade().halfClose().said()).isEqualTo("OK");
        var symbol = symbol();
        var call = trade();
        call.send(buy("k1", symbol, 90)).send(buy("k2", symbol, 80)).send(buy("k3", symbol, 200))
            .halfClose();
        promise("accepted k1, k2, k3, and k3 filled, after the half-close", "lab text",
            "a half-close says that no orders follow, not that nobody listens");
        call.replies(4);
        publish(symbol, 89, 90);
        promise("k1 filled, after the half-close", "lab text",
            "a half-close says that no orders follow, not that nobody listens");
        call.replies(5);
        publish(symbol, 89, 90);
        assertThat(call.ended()).as(promise("no status while k2 is open", "lab text"))
            .overridingErrorMessage(() -> "status " + call.said()).isFalse();
        publish(symbol, 79, 80);
        promise("k2 filled, then status OK", "lab text");
        call.replies(6);

        assertThat(call.said()).isEqualTo("OK");
        assertThat(call.messages()).as(promise("nothing else", "lab text")).hasSize(6);
    }

    @Test @Order(11) @Tag("TODO-6")
    void quotes_and_orders_that_come_at_the_same_moment_never_mix_up() {
        var symbol = symbol();
        var call = call(quietConnection(), MarketDataGrpc.getTradeStreamMethod(),
            CallOptions.DEFAULT, true);
        var publisher = MarketDataGrpc.newFutureStub(quietConnection());
        for (var round = 0; round < ROUNDS; round++) {
            promise("each order accepted once, then filled once, while quotes come",
                "gRPC Java: StreamObserver", "it is not thread-safe: onNext on two threads at once "
                    + "loses messages, or garbles them");
            mix(call, publisher, symbol, round * ORDERS, round * (2 * ORDERS + WRONG));
        }
        var second = call(quietConnection(), MarketDataGrpc.getTradeStreamMethod(),
            CallOptions.DEFAULT, true);
        promise("orders accepted and filled on one call, while a quote fills one on another",
            "lab text", "two locks, taken in one order here and in the other there: a deadlock");
        for (var round = 0; round < 3; round++)
            cross(call, second, publisher, symbol, ROUNDS * ORDERS + round);
        call.halfClose();
        promise("OK after the half-close", "lab text");
        assertThat(call.said()).isEqualTo("OK");
        promise("accepted for each order in turn, and later filled, once", "lab text",
            "the order's thread and the quote's must take turns");
        inspect(call.messages());
    }

    private static final int ROUNDS = 5;
    private static final int EARLY = 40;
    private static final int LATE = 50;
    private static final int WRONG = LATE;
    private static final int ORDERS = EARLY + 1 + LATE;

    /// Quotes come while the long order is accepted, and orders while it is filled.
    ///
    /// @param first  the number of the first order
    /// @param before how many events came before it
    private static void mix(Call<TradeOrder, TradeEvent> call,
            MarketDataGrpc.MarketDataFutureStub publisher, String symbol, int first, int before) {
        assertThat(await(publish(publisher, symbol, 1_000))).isEqualTo("OK");
        for (var i = 0; i < EARLY; i++) call.send(buy("" + (first + i), symbol, 200 + i));
        await(call, before + EARLY);
        call.send(buy(first + EARLY + LONG, symbol, 100));
        for (var i = 1; i <= EARLY && !call.ended(); i++) {
            assertThat(await(publish(publisher, symbol, 200 + EARLY - i))).isEqualTo("OK");
            if (call.count() > before + EARLY + i) break;
        }
        await(call, before + EARLY + 1);
        var published = publish(publisher, symbol, 100);
        for (var i = 0; i < LATE; i++) {
            call.send(buy("" + (first + EARLY + 1 + i), symbol, 100));
            call.send(order("w", symbol, 0, Side.BUY, 1));
        }
        assertThat(await(published)).isEqualTo("OK");
        await(call, before + 2 * ORDERS + WRONG);
    }

    /// An order on the second call while a long one is filled on the first: the publisher, which
    /// has a lock of the feed, comes to the second call next.
    private static void cross(Call<TradeOrder, TradeEvent> first,
            Call<TradeOrder, TradeEvent> second, MarketDataGrpc.MarketDataFutureStub publisher,
            String symbol, int number) {
        assertThat(await(publish(publisher, symbol, 100))).isEqualTo("OK");
        var known = first.count();
        first.send(buy(number + LONG, symbol, 60));
        await(first, known + 1);
        var published = publish(publisher, symbol, 60);
        for (var n = second.count(); !published.isDone(); n += 20) {
            for (var i = 0; i < 10; i++) second.send(buy(n + "." + i, symbol, 100));
            await(second, n + 20);
        }
        assertThat(await(published)).isEqualTo("OK");
        await(first, known + 2);
    }

    private static Future<Quote> publish(MarketDataGrpc.MarketDataFutureStub publisher,
            String symbol, double ask) {
        return publisher.withDeadlineAfter(SOON.toMillis(), TimeUnit.MILLISECONDS)
            .publishQuote(draft(symbol, 50, ask));
    }

    /// Waits for this many events, as long as some more come.
    private static void await(Call<TradeOrder, TradeEvent> call, int count) {
        for (var known = -1; known < call.count() && call.count() < count && !call.ended(); ) {
            known = call.count();
            eventually(() -> call.count() >= count || call.ended(), done -> done);
        }
        if (call.count() < count) Assertions.fail(call.count() + " of " + count
            + " events, then " + (call.ended() ? call.said() : "nothing"));
    }

    /// OK, or the status that PublishQuote ended with.
    private static String await(Future<Quote> published) {
        try {
            published.get();
            return "OK";
        } catch (ExecutionException refused) {
            return "PublishQuote: " + Status.fromThrowable(refused.getCause());
        } catch (InterruptedException cancelled) {
            throw new CancellationException("interrupted");
        }
    }

    private static void inspect(List<TradeEvent> events) {
        var filled = new BitSet();
        var accepted = 0;
        for (var event : events) {
            if (event.hasRejected()) continue;
            var number = number(event.hasAccepted() ? event.getAccepted().getOrderId()
                : event.getFilled().getOrderId());
            var right = event.hasAccepted() ? number == accepted++
                : number >= 0 && number < accepted && !filled.get(number);
            if (!right) Assertions.fail(event(event).replace(LONG, "…") + ", after " + accepted
                + " were accepted");
            if (event.hasFilled()) filled.set(number);
        }
    }

    /// -1 for what is none.
    private static int number(String id) {
        var digits = id.replace(LONG, "");
        return digits.matches("[0-9]{1,6}") ? Integer.parseInt(digits) : -1;
    }

    // ---- clients that don't read, or are gone

    @Test @Order(12) @Tag("TODO-7")
    void what_a_client_is_not_ready_for_waits_and_comes_when_it_reads() {
        var queued = health().getQueued();
        var call = call(quietConnection(), MarketDataGrpc.getTradeStreamMethod(),
            CallOptions.DEFAULT, false);
        // 7 MB: the server takes in a megabyte that it has not read, so when this client is ready
        // again, the server has read all but some of the last ones, which are long.
        for (var i = 0; i < WAITING; i++)
            call.send(buy(i + "x".repeat(i < 990 ? 5_000 : 200_000), "", 1));
        promise("orders read while their client doesn't read the answers", "lab text",
            "if each side waits for the other to read, both wait for ever");
        assertThat(eventually(() -> call.isReady() || call.ended(), done -> done))
            .overridingErrorMessage("no more orders taken").isTrue();
        var more = health().getQueued() - queued;
        assertThat(more).as(promise("queued: 0 in Health, while a client doesn't read", "lab text",
            "isReady() is false from 32 KiB on: what is handed to gRPC all the same piles up in it"
            )).overridingErrorMessage("queued: %d", more).isLessThanOrEqualTo(10);

        call.readOn();
        promise("all 1,000 answers, as soon as the client reads, and no status", "lab text",
            "setOnReadyHandler says when to go on");
        var ids = answered(call.replies(WAITING)).stream().map(id -> id.replace("x", "")).toList();
        promise("the answers in the order of the orders", "lab text");
        IntStream.range(0, WAITING).filter(i -> !ids.get(i).equals("" + i)).findFirst()
            .ifPresent(i -> Assertions.fail("answer number " + i + " is to order " + ids.get(i)));
        var symbol = symbol();
        promise("accepted m", "lab text", "the call goes on as if nothing was");
        assertThat(answer(call, buy("m", symbol, 1))).isEqualTo("accepted m");
    }

    /// An id with 100 letters more.
    private static String padded(String prefix, int number) {
        return prefix + "x".repeat(100) + number;
    }

    @Test @Order(13) @Tag("TODO-8")
    void a_client_that_does_not_read_is_ended_and_others_notice_nothing() {
        var before = quiet();
        var symbol = symbol();
        var reader = trade();
        promise("accepted n, and a listener for each of two calls", "lab text");
        assertThat(answer(reader, buy("n", symbol, 60))).isEqualTo("accepted n");
        var call = unread();
        call.send(buy("n", symbol, 60));
        var held = eventually(this::listeners, count -> count == before + 2);
        assertThat(held - before).isEqualTo(2);
        for (var i = 0; i < 3 * WAITING; i++) call.send(buy(padded("n", i), "", 1));
        var promised = promise("the call ended, its listener closed: more than 1,000 events wait",
            "lab text", "3,000 answers wait, about 200 bytes each, and one who reads nothing would "
                + "fill the memory");
        var left = eventually(this::listeners, count -> count == before + 1);
        assertThat(left - before).as(promised)
            .overridingErrorMessage("its listener is open, queued: %d", health().getQueued())
            .isEqualTo(1);
        publish(symbol, 50, 60);
        promise("n filled on the other call, accepted o", "lab text", "each has its own stream");
        assertThat(event(reader.replies(2).get(1))).startsWith("filled n");
        assertThat(answer(reader, buy("o", symbol, 1))).isEqualTo("accepted o");

        call.readOn();
        promise("status RESOURCE_EXHAUSTED, when the client reads", "lab text",
            "so it knows that this is no fault of the network, and what to do");
        assertThat(call.status().getCode().name()).isEqualTo("RESOURCE_EXHAUSTED");
    }

    @Test @Order(14) @Tag("TODO-8")
    void orders_of_a_client_that_is_gone_are_withdrawn() {
        var before = quiet();
        var symbol = symbol();
        var cut = connection();
        var cancelled = trade();
        var halfClosed = trade();
        var late = call(connection(), MarketDataGrpc.getTradeStreamMethod(),
            CallOptions.DEFAULT.withDeadlineAfter(100, TimeUnit.MILLISECONDS), true);
        var gone = call(cut, MarketDataGrpc.getTradeStreamMethod(), CallOptions.DEFAULT, true);
        var done = trade();
        for (var call : List.of(cancelled, halfClosed, gone, done))
            promised(call, buy("p", symbol, 60));
        late.send(buy("p", symbol, 60));
        assertThat(listeners() - before)
            .as(promise("one listener for each call", "lab text"))
            .overridingErrorMessage("listeners: %d before, %d with 5 calls", before, listeners())
            .isBetween(4L, 5L);
        halfClosed.halfClose();
        // On the same connection: when this is answered, the half-close has arrived.
        promised(done, buy("p2", symbol, 60));
        cancelled.cancel();
        halfClosed.cancel();
        cut.shutdownNow();
        var left = eventually(this::listeners, count -> count == before + 1);
        assertThat(left - before)
            .as(promise("1 listener left of 5: others cancelled (one of them after its half-close),"
                + " were late, or lost their connection", "lab text",
                "onError isn't called after the half-close: setOnCancelHandler is"))
            .overridingErrorMessage("%d", left - before).isEqualTo(1);

        publish(symbol, 50, 60);
        promise("p and p2 filled on the call that is left, and OK after its half-close", "lab text",
            "an event for a client that is gone must hurt nobody");
        done.halfClose().replies(4);
        assertThat(done.said()).isEqualTo("OK");
        var after = eventually(this::listeners, count -> count == before);
        assertThat(after - before).as(promise("no listener left after OK", "lab text"))
            .overridingErrorMessage("%d", after - before).isZero();
    }

    private void promised(Call<TradeOrder, TradeEvent> call, TradeOrder order) {
        promise("accepted " + order.getOrderId(), "lab text");
        assertThat(answer(call, order)).isEqualTo("accepted " + order.getOrderId());
    }

    @Test @Order(15) @Tag("TODO-9")
    void a_server_that_stops_ends_the_calls_with_UNAVAILABLE() {
        var symbol = symbol();
        var calls = List.of(trade(), trade(), trade());
        for (var call : calls) promised(call, buy("q", symbol, 60));
        calls.getLast().halfClose();
        // On the same connection: when this is answered, the half-close has arrived.
        promised(calls.getFirst(), buy("q2", symbol, 60));
        Assumptions.assumeTrue(stopServer(), "this server can't be stopped from here");

        promise("status UNAVAILABLE, told by the server before it is gone", "gRPC status codes",
            "it says: try elsewhere. A stream without end would hold the server up, until it is "
                + "killed");
        for (var call : calls) assertThat(call.said()).startsWith("UNAVAILABLE")
            .doesNotContainIgnoringCase("GOAWAY").doesNotContain("Network closed");
    }

    // ---- the connection

    @Test @Order(16) @Tag("TODO-10")
    void a_connection_carries_at_most_100_calls_at_a_time() throws IOException {
        try (var connection = new Connection(address())) {
            assertThat(connection.maxCalls())
                .as(promise("SETTINGS with MAX_CONCURRENT_STREAMS = 100", "RFC 9113 §6.5.2",
                    "each call costs memory: without a limit one client can have it all"))
                .overridingErrorMessage(connection.maxCalls() < 0 ? "SETTINGS without it"
                    : "MAX_CONCURRENT_STREAMS = " + connection.maxCalls()).isEqualTo(100);
        }
    }

    @Test @Order(17) @Tag("TODO-10")
    void a_client_may_ping_as_often_as_it_is_permitted_with_and_without_a_call()
            throws IOException {
        restartWith("KEEPALIVE_MS", "10");
        var permitted = settings().millis("KEEPALIVE_MS");
        try (var idle = new Connection(address()); var busy = new Connection(address())) {
            busy.call();
            promise("each of 5 PINGs answered, " + permitted.toMillis() + " ms apart", "gRFC A8",
                "a client pings so that it notices a dead connection, and that no NAT forgets it");
            for (var i = 0; i < 5; i++) {
                for (var connection : List.of(idle, busy)) {
                    var call = connection == busy ? ", with a call" : ", without a call";
                    if (!connection.ping()) Assertions.fail(connection.said() + " after "
                        + (i + 1) + " PINGs" + call);
                }
                var next = System.nanoTime() + permitted.toNanos();
                if (i < 4) eventually(permitted.multipliedBy(2), System::nanoTime,
                    now -> now - next > 0);
            }
        }
    }

    @Test @Order(18) @Tag("TODO-10")
    void a_client_that_pings_more_often_is_told_to_calm_down() throws IOException {
        promise("GOAWAY, ENHANCE_YOUR_CALM, too_many_pings, after a few PINGs in a row", "gRFC A8",
            "each PING wakes the server: a thousand clients with one a second are a load");
        try (var connection = new Connection(address())) {
            connection.call();
            for (var i = 0; i < 100 && connection.ping(); i++)
                eventually(Duration.ofMillis(4), () -> false, done -> done);
            assertThat(connection.said()).isEqualTo("GOAWAY ENHANCE_YOUR_CALM too_many_pings");
        }
    }

    /// HTTP/2 by hand (RFC 9113), since no client library would break its rules.
    private static final class Connection implements AutoCloseable {
        private static final int HEADERS = 1;
        private static final int SETTINGS = 4;
        private static final int PING = 6;
        private static final int GOAWAY = 7;
        private static final int ACK = 1;
        private static final int MAX_CONCURRENT_STREAMS = 3;

        private final Socket socket;
        private int pongs;
        private int pings;
        /// Of the server's SETTINGS; null before they came, -1 without it.
        private Integer maxCalls;
        private String end;

        Connection(URI server) throws IOException {
            socket = new Socket(server.getHost(), server.getPort());
            socket.setTcpNoDelay(true);
            socket.getOutputStream().write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                .getBytes(StandardCharsets.US_ASCII));
            send(SETTINGS, 0, 0, new byte[0]);
            Thread.ofVirtual().start(this::read);
        }

        private synchronized void send(int type, int flags, int stream, byte[] payload)
                throws IOException {
            var frame = ByteBuffer.allocate(9 + payload.length);
            frame.put((byte) 0).putShort((short) payload.length).put((byte) type)
                .put((byte) flags).putInt(stream).put(payload);
            socket.getOutputStream().write(frame.array());
        }

        private void read() {
            try (var in = new DataInputStream(new BufferedInputStream(socket.getInputStream()))) {
                while (true) {
                    var length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
                    var type = in.readUnsignedByte();
                    var flags = in.readUnsignedByte();
                    in.readInt();
                    take(type, flags, ByteBuffer.wrap(in.readNBytes(length)));
                }
            } catch (IOException closed) {
                end("the connection closed");
            }
        }

        private synchronized void take(int type, int flags, ByteBuffer payload)
                throws IOException {
            if (type == SETTINGS && flags != ACK) settings(payload);
            if (type == PING && flags == ACK) pongs++;
            if (type == PING && flags != ACK) send(PING, ACK, 0, payload.array());
            if (type == GOAWAY) {
                var code = payload.getInt(4);
                end("GOAWAY " + (code == 11 ? "ENHANCE_YOUR_CALM" : "with error code " + code) + " "
                    + new String(payload.array(), 8, payload.capacity() - 8,
                        StandardCharsets.UTF_8));
            }
            notifyAll();
        }

        private void settings(ByteBuffer payload) throws IOException {
            maxCalls = -1;
            while (payload.hasRemaining()) {
                var name = payload.getShort();
                var value = payload.getInt();
                if (name == MAX_CONCURRENT_STREAMS) maxCalls = value;
            }
            send(SETTINGS, ACK, 0, new byte[0]);
        }

        private synchronized void end(String how) {
            if (end == null) end = how;
            notifyAll();
        }

        /// Opens a TradeStream (RFC 7541 §6.1, §6.2.2).
        void call() throws IOException {
            var block = new ByteArrayOutputStream();
            // :method POST, :scheme http, then :path, :authority, content-type, te as literals.
            block.write(0x83);
            block.write(0x86);
            block.write(0x04);
            text(block, "/market.v1.MarketData/TradeStream");
            block.write(0x01);
            text(block, "127.0.0.1");
            block.write(0x0f);
            block.write(0x10);
            text(block, "application/grpc");
            block.write(0x00);
            text(block, "te");
            text(block, "trailers");
            var endHeaders = 4;
            send(HEADERS, endHeaders, 1, block.toByteArray());
        }

        private static void text(ByteArrayOutputStream block, String text) {
            block.write(text.length());
            block.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
        }

        /// Whether a PING is answered.
        synchronized boolean ping() throws IOException {
            var wanted = ++pings;
            try {
                send(PING, 0, 0, new byte[8]);
            } catch (IOException gone) {
                // What came before the end says why.
            }
            await(() -> pongs >= wanted || end != null, "an answer to PING " + pings);
            return end == null;
        }

        synchronized int maxCalls() {
            await(() -> maxCalls != null || end != null, "SETTINGS");
            return maxCalls == null ? -1 : maxCalls;
        }

        /// What the server said, if it said that this is the end.
        synchronized String said() { return end == null ? "nothing" : end; }

        private synchronized void await(BooleanSupplier done, String what) {
            var deadline = System.nanoTime() + SOON.toNanos();
            try {
                while (!done.getAsBoolean()) {
                    if (System.nanoTime() - deadline > 0)
                        throw new AssertionError("no " + what + " within 5 s");
                    wait(20);
                }
            } catch (InterruptedException cancelled) {
                throw new CancellationException("interrupted");
            }
        }

        @Override public void close() throws IOException { socket.close(); }
    }

    // ---- the client

    /// A server of ours that takes orders. It answers by itself, or as it is told.
    private static final class Desk extends MarketDataGrpc.MarketDataImplBase {
        private final boolean answers;
        private final List<TradeOrder> orders = new ArrayList<>();
        private ServerCallStreamObserver<TradeEvent> client;
        private long deadline = -1;
        private int calls;
        private int answered;
        private int mostUnanswered;
        private int halfClosedAfter = -1;

        /// @param answers whether it accepts and fills each order at once, and completes
        Desk(boolean answers) { this.answers = answers; }

        @Override public synchronized StreamObserver<TradeOrder> tradeStream(
                StreamObserver<TradeEvent> events) {
            client = (ServerCallStreamObserver<TradeEvent>) events;
            client.setOnCancelHandler(() -> {});
            var left = Context.current().getDeadline();
            deadline = left == null ? -1 : left.timeRemaining(TimeUnit.MILLISECONDS);
            calls++;
            return new StreamObserver<>() {
                @Override public void onNext(TradeOrder order) { took(order); }

                @Override public void onError(Throwable cancelled) {}

                @Override public void onCompleted() { halfClosed(); }
            };
        }

        private synchronized void took(TradeOrder order) {
            orders.add(order);
            mostUnanswered = Math.max(mostUnanswered, orders.size() - answered);
            if (!answers) return;
            accept(1);
            fill(orders.size() - 1);
        }

        private synchronized void halfClosed() {
            halfClosedAfter = orders.size();
            if (answers) client.onCompleted();
        }

        /// Accepts the next so many orders; every third one it rejects.
        synchronized void accept(int count) {
            for (var i = 0; i < count; i++) {
                var id = orders.get(answered++).getOrderId();
                client.onNext(answered % 3 == 0 ? TradeEvent.newBuilder().setRejected(
                    Rejected.newBuilder().setOrderId(id).setReason("no")).build()
                    : TradeEvent.newBuilder().setAccepted(
                        Accepted.newBuilder().setOrderId(id)).build());
            }
        }

        /// Fills the order with this index, unless it was rejected.
        synchronized void fill(int index) {
            if (index % 3 != 2) client.onNext(TradeEvent.newBuilder().setFilled(Filled.newBuilder()
                .setOrderId(orders.get(index).getOrderId()).setQuantity(1).setPrice(1)
                .setQuoteId(1)).build());
        }

        synchronized void end(Status status) {
            if (status.isOk()) client.onCompleted();
            else client.onError(status.asRuntimeException());
        }

        synchronized List<String> ids() {
            return orders.stream().map(TradeOrder::getOrderId).toList();
        }

        synchronized int answered() { return answered; }

        synchronized int mostUnanswered() { return mostUnanswered; }

        synchronized int halfClosedAfter() { return halfClosedAfter; }

        synchronized long deadline() { return deadline; }

        synchronized int calls() { return calls; }

        synchronized boolean isReady() { return client.isReady(); }

        /// One more event, with an id of 10,000 letters.
        synchronized void sayMuch() {
            client.onNext(TradeEvent.newBuilder().setFilled(
                Filled.newBuilder().setOrderId("z".repeat(10_000))).build());
        }
    }

    private Follower trade(Desk desk, int count) throws IOException {
        return follow(new Lab.Start(tap(serve(desk)).url(), 0).count(count));
    }

    private static List<String> orders(int count) {
        return IntStream.rangeClosed(1, count).mapToObj(i -> "order-" + i).toList();
    }

    /// The follower's end, once it ended by itself.
    private String ended(Follower follower) {
        return eventually(SOON, () -> follower.ended().map(how -> String.join(" ", how)).orElse(""),
            how -> !how.isEmpty());
    }

    @Test @Order(19) @Tag("TODO-11") @Tag("client")
    void client_gives_every_event_to_the_sink_in_order() throws IOException {
        var desk = new Desk(true);
        var follower = trade(desk, 60);

        promise("100 events, in order: 60 answers and 40 fills", "lab text");
        var values = follower.values(100).stream().map(value -> value.fieldNames().next() + " "
            + value.elements().next().path("orderId").asText()).toList();
        assertThat(values).isEqualTo(orders(60).stream().flatMap(id ->
            Integer.parseInt(id.substring(6)) % 3 == 0 ? Stream.of("rejected " + id)
                : Stream.of("accepted " + id, "filled " + id)).toList());
    }

    @Test @Order(20) @Tag("TODO-12") @Tag("client")
    void client_sends_each_order_once_and_half_closes() throws IOException {
        var desk = new Desk(true);
        var follower = trade(desk, 100);
        promise("order-1 to order-100, each once, in order, and a half-close", "lab text");
        var sent = eventually(SOON, desk::halfClosedAfter, count -> count >= 0);

        assertThat(desk.ids()).as(promise("order-1 to order-100, each once, in order", "lab text"))
            .isEqualTo(orders(100));
        assertThat(sent).as(promise("a half-close after the last order", "lab text",
            "without it the server waits for more, the client for the end, both for ever"))
            .overridingErrorMessage("no half-close").isEqualTo(100);
        promise("trade returns after the server's OK", "lab text");
        assertThat(ended(follower)).isNotEmpty().doesNotContain("Exception");
    }

    @Test @Order(21) @Tag("TODO-12") @Tag("client")
    void client_has_at_most_10_orders_without_an_answer() throws IOException {
        var desk = new Desk(false);
        trade(desk, 40);
        promise("10 orders before the first answer", "lab text");
        wait(desk, 10);
        desk.accept(4);
        wait(desk, 14);
        for (var i = 0; i < 4; i++) desk.fill(i);
        eventually(Duration.ofMillis(100), desk::ids, ids -> ids.size() > 14);
        promise("one more order for each answer, none for a fill", "lab text");
        wait(desk, 14);
        while (desk.answered() < 40) {
            desk.accept(1);
            wait(desk, Math.min(40, desk.answered() + 10));
        }

        assertThat(desk.mostUnanswered())
            .as(promise("never more than 10 orders without an answer", "lab text",
                "who sends without reading fills the server's memory, or is ended by it"))
            .overridingErrorMessage("%d", desk.mostUnanswered()).isLessThanOrEqualTo(10);
    }

    private void wait(Desk desk, int orders) {
        var came = eventually(SOON, () -> desk.ids().size(), count -> count >= orders);
        assertThat(came).overridingErrorMessage("%d orders, %d answered", came, desk.answered())
            .isEqualTo(orders);
    }

    @Test @Order(22) @Tag("TODO-12") @Tag("client")
    void client_with_a_slow_sink_slows_the_server_and_sends_no_more() throws IOException {
        var desk = new Desk(false);
        var follower = trade(desk, 100);
        promise("10 orders", "lab text");
        wait(desk, 10);
        follower.hold();
        desk.accept(10);
        promise("the first answer given to the sink", "lab text");
        follower.values(1);
        var said = 0;
        while (said < 2_000 && eventually(Duration.ofMillis(250), desk::isReady, ready -> ready))
            for (; said < 2_000 && desk.isReady(); said++) desk.sayMuch();

        assertThat(desk.ids().size()).as(promise("no order more while the sink has not returned "
            + "from the first answer", "lab text",
            "an answer that nobody has looked at yet is no reason to go on"))
            .overridingErrorMessage("%d orders", desk.ids().size()).isEqualTo(10);
        assertThat(said).as(promise("the server held up, isReady() false, long before 20 MB",
            "gRPC flow control", "what the client reads before the sink has time for it piles up"))
            .overridingErrorMessage("%d events of 10,000 bytes taken", said).isLessThan(2_000);
        follower.goOn();
        promise("10 orders more, when the sink goes on", "lab text");
        wait(desk, 20);
    }

    @Test @Order(23) @Tag("TODO-13") @Tag("client")
    void client_sets_a_deadline_of_60_s() throws IOException {
        var desk = new Desk(true);
        trade(desk, 1);
        var calls = eventually(SOON, desk::calls, count -> count > 0);
        assertThat(calls).as(promise("a call", "lab text")).isEqualTo(1);

        assertThat(desk.deadline()).as(promise("a deadline in 60 s", "gRPC deadlines",
            "an order that nothing fills would hold client and server for ever"))
            .overridingErrorMessage(desk.deadline() < 0 ? "no deadline"
                : "a deadline in " + desk.deadline() + " ms").isBetween(50_000L, 60_000L);
    }

    @Test @Order(24) @Tag("TODO-13") @Tag("client")
    void client_names_the_status_that_ended_the_call_and_does_not_send_again() throws IOException {
        for (var status : List.of(Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED, Status.OK)) {
            var desk = new Desk(false);
            var follower = trade(desk, 20);
            promise("10 orders", "lab text");
            wait(desk, 10);
            desk.accept(5);
            desk.end(status);

            promise("an IllegalStateException that names " + status.getCode() + ": the server took "
                + "20 orders and answered 5", "lab text",
                "an end without an error would say that all orders are settled");
            assertThat(ended(follower)).contains("IllegalStateException")
                .contains(status.getCode().name());
            assertThat(desk.calls()).as(promise("one call", "lab text",
                "to send an order again may buy twice")).isEqualTo(1);
        }
    }
}
