package labs.lab08;

import module java.base;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import io.grpc.*;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.Setting;
import wirelab.wire.*;

@DisplayName("gRPC client streaming")
public class Lab08 extends RpcChecks {
    public static final List<Setting> SETTINGS = List.of(
        new Setting("UPLOAD_TRADES", "100000"),
        new Setting("REMEMBERED_TRADES", "1000000"),
        new Setting("TRADE_WORK_MS", "0"));
    public static final List<Class<? extends Checks>> PARTS = List.of(Lab08Client.class);

    /// Bytes of a call that wait at most; HTTP/2's own 65,535 are as good.
    private static final int WINDOW = 64 * 1024;

    /// The server remembers ids: no two are the same.
    private final String run = Long.toHexString(ThreadLocalRandom.current().nextLong());
    private final AtomicInteger made = new AtomicInteger();

    @Test @Order(1) @Tag("TODO-1")
    void an_upload_is_answered_once_and_after_the_half__close() {
        var call = upload(List.of(trade(10, 100.5), trade(1, 0.5), trade(4, 30)));
        // On the same connection, which health() is not: when this is answered, the trades have
        // arrived.
        publish();
        call.send(trade(2, 0.75).toBuilder().clearSide().setSymbol("DOGE").build());
        publish();

        assertAnswer(call, confirmed(4, 0, 1127), "the half-close after four trades", "S1",
            "the answer is about all trades: before the half-close nobody knows their number");
    }

    @Test @Order(2) @Tag("TODO-1")
    void an_upload_of_nothing_is_confirmed_with_zeros() {
        assertAnswer(upload(), confirmed(0, 0, 0), "a half-close without a trade", "S1",
            "a client that has nothing to upload has done nothing wrong");
    }

    @Test @Order(3) @Tag("TODO-1")
    void uploads_at_the_same_time_do_not_mix() {
        var calls = Stream.generate(this::upload).limit(5).toList();
        for (var round = 1; round <= 20; round++)
            for (var i = (round - 1) / 4; i < 5; i++) calls.get(i).send(trade(i + 1, round));
        publish();

        for (var i = 0; i < 5; i++) {
            var count = 4 * (i + 1);
            assertAnswer(calls.get(i), confirmed(count, 0, (i + 1) * count * (count + 1) / 2),
                "one of 5 uploads at the same time", "S2",
                "each call is an upload of its own: a field that all of them share mixes them up");
        }
    }

    @Test @Order(4) @Tag("TODO-2")
    void a_wrong_trade_ends_the_upload_at_once_and_is_named_by_its_index() {
        var all = List.of(
            Map.entry("client_trade_id", builder().clearClientTradeId()),
            Map.entry("client_trade_id", builder().setClientTradeId(" ").setQuantity(0)),
            Map.entry("client_trade_id", builder().setClientTradeId("x".repeat(101))),
            Map.entry("symbol", builder().clearSymbol().setPrice(-1)),
            Map.entry("symbol", builder().setSymbol("X".repeat(101))),
            Map.entry("quantity", builder().clearQuantity()),
            Map.entry("quantity", builder().setQuantity(-5).setPrice(0)),
            Map.entry("price", builder().clearPrice()),
            Map.entry("price", builder().setPrice(-0.5)),
            Map.entry("price", builder().setPrice(Double.NaN)),
            Map.entry("price", builder().setPrice(Double.POSITIVE_INFINITY)));
        for (var i = 0; i < all.size(); i++) {
            // Duplicates count, too.
            var call = upload(Collections.nCopies(i % 4, trade()))
                .send(all.get(i).getValue().build());
            // The first ones half-close: a server that waits for that is soon told.
            if (i < 3) call.halfClose();
            assertRefused(call, i % 4, all.get(i).getKey(), i < 3 ? "" : ", before the half-close");
        }
        var edge = trade(1, Double.MIN_VALUE).toBuilder().setSymbol("X".repeat(100));
        edge.setClientTradeId((edge.getClientTradeId() + "x".repeat(100)).substring(0, 100));
        assertAnswer(upload(List.of(edge.build(), trade(1, 1.5))), confirmed(2, 0, 1.5),
            "texts of 100 characters, quantity 1, the lowest price above 0", "S4", "");
    }

    @Test @Order(5) @Tag("TODO-2")
    void nothing_is_kept_of_an_upload_with_a_wrong_trade() {
        var trades = trades(4);
        var sent = new ArrayList<>(trades);
        sent.add(2, trade(0, 1));

        assertRefused(upload(sent).halfClose(), 2, "quantity", "");
        assertNothingKept(trades, "an upload whose third trade is wrong");
    }

    @Test @Order(6) @Tag("TODO-3")
    void a_trade_is_booked_once_however_often_it_comes() {
        var trades = trades(3);
        var known = trades.getFirst().toBuilder().setPrice(7).build();
        var twice = trade(5, 2);
        var more = twice.toBuilder().setQuantity(50).build();

        assertNew(trades, "three new trades", "S1", "");
        for (var again : List.of(trades, trades.reversed()))
            assertAnswer(upload(again), confirmed(0, 3, 0), "the same three trades again", "S7",
                "a client that got no answer sends all of it again: that must not buy twice");
        assertAnswer(upload(List.of(twice, known, twice, trade(1, 1), more)), confirmed(2, 3, 11),
            "a new trade three times, one that is booked already, and another new one", "S7",
            "trades with the same id are the same, whatever else they say");
        assertNew(trades(2), "trades that differ only in the id", "S7",
            "to buy the same thing twice is nothing unusual");
        assertRefused(upload(List.of(twice.toBuilder().setQuantity(0).build())).halfClose(), 0,
            "quantity", ", though the trade is a duplicate");
    }

    @Test @Order(7) @Tag("TODO-3")
    void of_two_uploads_of_the_same_trades_one_books_all_of_them() {
        var channel = quietConnection();
        for (var round = 0; round < 2; round++) {
            var calls = Stream.generate(() -> upload(channel)).limit(24).toList();
            for (var trade : trades(80)) calls.forEach(call -> call.send(trade));
            // When this one is answered, the server has taken the trades of the others.
            var other = upload(channel);
            trades(200).forEach(other::send);
            assertAnswer(other, confirmed(200, 0, 600), "an upload of other trades", "S1", "");
            calls.forEach(RpcCall::halfClose);

            var others = calls.stream().map(Lab08::answer)
                .filter(answer -> !answer.equals(confirmed(0, 80, 0)))
                .collect(Collectors.joining(" and "));
            promise("80 accepted in one of 24 uploads of the same 80 trades at the same moment, 80 "
                + "duplicates in each of the others", "S8",
                "two threads that look first and book then both find a trade new")
                .that(others, "besides duplicates: %s", others).is(confirmed(80, 0, 240));
        }
    }

    @Test @Order(8) @Tag("TODO-3")
    void the_newest_booked_ids_are_remembered_and_no_more() {
        var capacity = restartOrSkip("REMEMBERED_TRADES", 50, 20, 5_000);
        var trades = trades(capacity + 10);
        assertNew(trades.subList(0, capacity - 10), "new trades", "S1", "");
        assertNew(trades.subList(capacity - 10, capacity + 10), "20 more new trades", "S1", "");

        assertAnswer(upload(trades.subList(10, capacity + 10)), confirmed(0, capacity, 0), "the "
            + capacity + " trades that were booked last", "S9", "");
        assertNew(trades.subList(0, 10), "10 older trades", "S9",
            "a server that remembers every id fills its memory sooner or later");
    }

    @Test @Order(9) @Tag("TODO-4")
    void an_upload_whose_client_is_gone_leaves_nothing_behind() {
        var before = quiet();
        var wire = subjectTap();
        var kept = Stream.generate(() -> trades(3)).limit(4).toList();
        var cancelled = upload(kept.get(0));
        var broken = upload(connection(wire));
        kept.get(1).forEach(broken::send);
        var whole = upload(kept.get(2));
        var wrong = upload(kept.get(3));
        assertOpen(before, 4, "each upload holds one while it is open");

        cancelled.cancel();
        assertOpen(before, 3, "the client of one has cancelled: nobody waits for its answer");
        wire.cut();
        assertOpen(before, 2, "the connection of one has broken");
        wrong.send(trade(0, 1));
        assertOpen(before, 1, "one ended with INVALID_ARGUMENT");
        assertAnswer(whole, confirmed(3, 0, 9), "the upload that is left", "S2", "");
        assertOpen(before, 0, "all uploads have ended");
        assertNothingKept(kept.get(0), "an upload that its client has cancelled");
        assertNothingKept(kept.get(1), "an upload whose connection has broken");
    }

    @Test @Order(10) @Tag("TODO-4")
    void an_upload_ends_with_its_deadline() {
        var before = quiet();
        var trades = trades(3);
        // On a busy machine the time may be over before anybody has looked.
        var held = IntStream.iterate(80, millis -> 2 * millis).limit(6)
            .anyMatch(millis -> isHeld(trades, millis, before));

        promise("listeners: 1, while an upload is open", "S10").holds(held, "listeners: 0");
        assertOpen(before, 0, "the deadline is over: nobody waits for the answer");
        assertNothingKept(trades, "an upload whose deadline is over");
    }

    /// Whether an upload with this deadline holds a listener before the deadline is over.
    private boolean isHeld(List<Trade> trades, int millis, int before) {
        var call = call(connection(), MarketDataGrpc.getUploadTradesMethod(),
            CallOptions.DEFAULT.withDeadlineAfter(millis, TimeUnit.MILLISECONDS), true);
        trades.forEach(call::send);
        var held = eventually(() -> call.ended() ? -1 : listeners() - before, n -> n != 0) > 0;
        promise("DEADLINE_EXCEEDED after a deadline of " + millis + " ms, without a half-close",
            "S6 · gRPC deadlines", "before the half-close there is nothing to answer")
            .of(call).endsWith(Status.Code.DEADLINE_EXCEEDED, Duration.ofMillis(millis));
        return held;
    }

    @Test @Order(11) @Tag("TODO-5")
    void an_upload_has_a_limit() {
        var limit = restartOrSkip("UPLOAD_TRADES", 40, 2, 5_000);
        assertNew(trades(limit), "as many trades as may come", "S11", "");

        var trades = trades(limit);
        var same = Collections.nCopies(limit + 1, trade());
        for (var call : List.of(upload(trades).send(trade()), upload(same)))
            promise("RESOURCE_EXHAUSTED that names %d, to trade number %d, the same trade or not, "
                .formatted(limit, limit + 1) + "before the half-close", "S11",
                "an upload without an end fills the memory: nothing is booked before it is whole")
                .of(call).endsWith(Status.Code.RESOURCE_EXHAUSTED).describing("" + limit);
        assertNothingKept(trades, "an upload with too many trades");
    }

    @Test @Order(12) @Tag("TODO-6")
    void an_upload_is_booked_when_all_of_it_has_been_worked_on() {
        var work = restartOrSkip("TRADE_WORK_MS", 40, 20, 500);
        var before = quiet();
        var overtakes = "the half-close may come while the server still works on the last trade";
        var call = upload(trades(2));
        var last = System.nanoTime();

        assertAnswer(call.send(trade()), confirmed(3, 0, 9),
            "a half-close right behind the third trade", "S6", overtakes);
        var took = Duration.ofNanos(call.endedAt() - last).toMillis();
        promise("no answer until the work on the third trade is done, %d ms after it was sent"
            .formatted(work), "S6", overtakes).that(took, "after %d ms", took).isAtLeast(work - 5L);
        // On a busy machine the work may be done before the server hears of it, but not each time.
        var kept = inTheBestOf(6, () -> isKeptAfterCancel(before), is -> !is);
        promise("nothing kept of an upload cancelled between its half-close and the booking", "S6",
            "onError isn't called any more after the half-close: see setOnCancelHandler")
            .holds(!kept, "it was kept, 6 times of 6");
    }

    /// Whether an upload is kept that is cancelled while the server works on its last trade.
    private boolean isKeptAfterCancel(int before) {
        var trades = trades(1);
        var call = upload(trades).halfClose();
        assertOpen(before, 1, "the server still works on an upload");
        call.cancel();
        assertOpen(before, 0, "the client has cancelled after its half-close");
        var again = answer(upload(trades).halfClose());
        promise("1 accepted or 1 duplicate, when the same trade comes again", "S7").that(again)
            .isOneOf(confirmed(1, 0, 3), confirmed(0, 1, 0));
        return again.equals(confirmed(0, 1, 0));
    }

    @Test @Order(13) @Tag("TODO-7")
    void a_connection_carries_at_most_100_calls_with_64_KiB_each() {
        var http2 = http2();
        var calls = http2.setting(Http2.MAX_CONCURRENT_STREAMS);
        var window = http2.setting(Http2.INITIAL_WINDOW_SIZE).orElse(65_535);

        promise("SETTINGS as the first frame", "RFC 9113 §3.4").that(http2.said()).is("nothing");
        promise("SETTINGS with MAX_CONCURRENT_STREAMS = 100", "S14 · RFC 9113 §6.5.2",
            "each call costs memory: without a limit one client can have it all")
            .that(calls, calls.isPresent() ? "MAX_CONCURRENT_STREAMS = " + calls.getAsInt()
                : "SETTINGS without it").is(OptionalInt.of(100));
        promise("SETTINGS with INITIAL_WINDOW_SIZE = 65536 (or without it: 65535)",
            "S13 · RFC 9113 §6.5.2", "this many bytes of a call wait in a slow server's memory")
            .that(window, "INITIAL_WINDOW_SIZE = %d", window).isOneOf(WINDOW, WINDOW - 1);
    }

    @Test @Order(14) @Tag("TODO-6")
    void a_slow_server_slows_its_client() {
        var work = restartOrSkip("TRADE_WORK_MS", 40, 20, 500);
        var trade = large();
        var size = trade.getSerializedSize() + 5;
        var call = upload(connection());
        var sent = 0L;
        var started = System.nanoTime();
        while (sent < 8 * WINDOW && eventually(Duration.ofMillis(120), call::isReady, is -> is)) {
            call.send(trade);
            sent += size;
        }
        var took = Duration.ofNanos(System.nanoTime() - started).toMillis();

        // What the client's own gRPC keeps, and what the server has worked on meanwhile.
        var fair = WINDOW + 40 * 1024 + (took / work + 2) * size + WINDOW / 2;
        promise("a client that must wait after 64 KiB, with %d ms of work on each trade"
            .formatted(work), "S12 · RFC 9113 §5.2",
            "trades that the server takes too early pile up in its memory")
            .that(sent, "%,d bytes taken in %,d ms", sent, took).isBelow(fair);
        assertNew(trades(3), "three trades, one after the other", "S12",
            "the server must ask for the next trade each time that it is done with one");
    }

    @Test @Order(15) @Tag("TODO-8")
    void a_server_that_stops_ends_uploads_with_UNAVAILABLE() {
        var calls = List.of(upload(), upload(trades(3)), upload(connection()));
        eventually(this::listeners, n -> n == 3);
        stopOrSkip();

        for (var call : calls)
            promise("UNAVAILABLE, sent by the server before it is gone", "S15 · gRPC status codes",
                "a server that waits for a client's half-close may wait until it is killed")
                // The other words are gRPC's, for a connection that has ended.
                .that(call.said()).matches("(?s)UNAVAILABLE(?!.*(?i:goaway)|.*Network closed).*");
    }

    // ---- what the claims share

    /// A right trade with an id of its own.
    private Trade.Builder builder() {
        return Trade.newBuilder().setClientTradeId(run + "-" + made.incrementAndGet())
            .setSymbol("BTC").setQuantity(2).setPrice(1.5).setSide(Side.BUY);
    }

    private Trade trade() { return builder().build(); }

    private Trade trade(long quantity, double price) {
        return builder().setQuantity(quantity).setPrice(price).build();
    }

    private List<Trade> trades(int count) {
        return Stream.generate(this::trade).limit(count).toList();
    }

    /// One of 5,000 bytes: nearly all of it is a field that nobody knows.
    private Trade large() {
        return builder().setUnknownFields(UnknownFieldSet.newBuilder().mergeLengthDelimitedField(
            1_000, ByteString.copyFrom(new byte[5_000])).build()).build();
    }

    private RpcCall<Trade, TradeConfirmation> upload() { return upload(List.of()); }

    private RpcCall<Trade, TradeConfirmation> upload(List<Trade> trades) {
        var call = call(MarketDataGrpc.getUploadTradesMethod());
        trades.forEach(call::send);
        return call;
    }

    private RpcCall<Trade, TradeConfirmation> upload(Channel channel) {
        return call(channel, MarketDataGrpc.getUploadTradesMethod(), CallOptions.DEFAULT, true);
    }

    /// A confirmation in words.
    static String confirmed(long accepted, long duplicates, double notional) {
        return accepted + " accepted, " + duplicates + " duplicates, notional " + notional;
    }

    /// The answer in the words of [#confirmed], with the status unless it is OK.
    private static String answer(RpcCall<Trade, TradeConfirmation> call) {
        var status = call.status().map(one -> "status " + RpcCall.line(one)).orElse("no status");
        var answers = call.messages().stream().map(one -> confirmed(one.getAccepted(),
            one.getDuplicates(), one.getNotional())).collect(Collectors.joining(" and "));
        return answers.isEmpty() || !status.equals("status OK") ? (answers + " " + status).strip()
            : answers;
    }

    /// Half-closes, and promises what the server answers to what was sent.
    private void assertAnswer(RpcCall<Trade, TradeConfirmation> call, String wanted, String what,
            String rule, String because) {
        promise("OK and " + wanted + ", to " + what, rule, because)
            .that(answer(call.halfClose())).is(wanted);
    }

    private void assertRefused(RpcCall<Trade, TradeConfirmation> call, int index, String field,
            String more) {
        var status = "INVALID_ARGUMENT \"trade %d: %s: ".formatted(index, field);
        promise(status + "…\"" + more, "S5", "a client that sends 100,000 trades must learn which "
            + "one to fix, and not after the last one")
            .that(answer(call)).startsWith("status " + status);
    }

    /// Promises that these, made by [#trades], are new to the server. Afterwards they are not.
    private void assertNew(List<Trade> trades, String what, String rule, String because) {
        assertAnswer(upload(trades), confirmed(trades.size(), 0, 3 * trades.size()), what, rule,
            because);
    }

    private void assertNothingKept(List<Trade> trades, String of) {
        assertNew(trades, "trades that come again: nothing was kept of " + of, "S6",
            "the client was not told that they are booked, so it will send them again");
    }

    /// Promises that `wanted` uploads hold a listener besides the `before` that were there.
    private void assertOpen(int before, int wanted, String because) {
        promise("listeners: " + wanted + ", as many as uploads are open", "S10", because)
            .that("listeners: " + (eventually(this::listeners, n -> n == before + wanted) - before))
            .is("listeners: " + wanted);
    }
}
