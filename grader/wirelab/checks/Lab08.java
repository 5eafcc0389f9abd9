package wirelab.checks;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import market.v1.*;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.*;
import wirelab.Call;
import wirelab.Follower;
import wirelab.Lab;
import wirelab.RpcChecks;
import wirelab.Tap;

@DisplayName("gRPC client streaming")
public class Lab08 extends RpcChecks {
    /// Bytes of a call that wait at most; HTTP/2's own 65,535 are as good.
    private static final int WINDOW = 64 * 1024;
    private static final int CALLS = 100;
    /// How long the server works on a trade where that matters.
    private static final int WORK = 40;

    /// The server remembers ids: no two are the same.
    private final String run = Long.toHexString(ThreadLocalRandom.current().nextLong());
    private final AtomicInteger made = new AtomicInteger();
    private Channel polls;

    private Call<Trade, TradeConfirmation> upload() {
        return call(MarketDataGrpc.getUploadTradesMethod());
    }

    private Call<Trade, TradeConfirmation> upload(Channel channel) {
        return call(channel, MarketDataGrpc.getUploadTradesMethod(), CallOptions.DEFAULT, true);
    }

    private Call<Trade, TradeConfirmation> upload(List<Trade> trades) {
        var call = upload();
        trades.forEach(call::send);
        return call;
    }

    /// A right trade with an id of its own.
    private Trade trade() { return trade(2, 1.5); }

    private Trade trade(long quantity, double price) {
        return Trade.newBuilder().setClientTradeId(run + "-" + made.incrementAndGet())
            .setSymbol("BTC").setQuantity(quantity).setPrice(price).setSide(Side.BUY).build();
    }

    private List<Trade> trades(int count) {
        return Stream.generate(this::trade).limit(count).toList();
    }

    /// The answer, or the status if there is none: `3 accepted, 0 duplicates, notional 9.0`.
    private static String answer(Call<Trade, TradeConfirmation> call) {
        var status = call.said();
        var answers = call.messages().stream().map(Lab08::shown).collect(Collectors.joining(", "));
        return answers.isEmpty() || !status.equals("OK")
            ? (answers + " status " + status).strip() : answers;
    }

    private static String shown(TradeConfirmation answer) {
        return shown(answer.getAccepted(), answer.getDuplicates(), answer.getNotional());
    }

    private static String shown(long accepted, long duplicates, double notional) {
        return accepted + " accepted, " + duplicates + " duplicates, notional " + notional;
    }

    private static void assertAnswer(Call<Trade, TradeConfirmation> call, String wanted) {
        assertSaid(answer(call), wanted);
    }

    /// Fails unless this begins with `wanted`, and has all of `others`.
    private static void assertSaid(String seen, String wanted, String... others) {
        var right = seen.startsWith(wanted) && Stream.of(others).allMatch(seen::contains);
        assertThat(right).overridingErrorMessage("%s", seen).isTrue();
    }

    /// Fails unless these trades are new to the server. They aren't any more then.
    private void assertNothingKept(List<Trade> trades, String of) {
        promise(trades.size() + " accepted, 0 duplicates: nothing was kept of " + of, "lab text",
            "the client was not told that they are booked, so it will send them again");
        var again = upload(trades).halfClose();
        assertSaid(answer(again), trades.size() + " accepted, 0 duplicates");
    }

    /// Past the transcript: to ask again and again is no news.
    @Override protected int listeners() {
        if (polls == null) polls = quietConnection();
        return MarketDataGrpc.newBlockingStub(polls)
            .withDeadlineAfter(SOON.toMillis(), TimeUnit.MILLISECONDS)
            .health(HealthRequest.getDefaultInstance()).getListeners();
    }

    /// Fails unless `wanted` uploads are open.
    private void assertOpen(int before, int wanted, String why) {
        promise(wanted + " listeners, as many as uploads are open", "lab text", why);
        var open = eventually(this::listeners, n -> n == before + wanted) - before;
        assertThat(open).overridingErrorMessage("listeners: %d", open).isEqualTo(wanted);
    }

    /// Restarts the server with this setting, where it can be told; what is in force then.
    ///
    /// @param possible whether the check can do with it
    private int restarted(String name, int value, IntPredicate possible) {
        restartWith(name, "" + value);
        polls = null;
        var inForce = settings().number(name);
        Assumptions.assumeTrue(possible.test(inForce), "not examined with " + name + "=" + inForce
            + ": start the server with " + name + "=" + value + ", and say --setting " + name + "="
            + value);
        return inForce;
    }

    @Test @Order(1) @Tag("TODO-1")
    void an_upload_is_answered_once_and_after_the_half_close() {
        promise("one answer with OK: " + shown(4, 0, 1127), "lab text",
            "the answer is about all trades: until the half-close nobody knows how many there are");
        var call = upload(List.of(trade(10, 100.5), trade(1, 0.5), trade(4, 30)));
        // On the same connection: when this is answered, the trades have arrived.
        health();
        call.send(trade(2, 0.75).toBuilder().clearSide().setSymbol("DOGE").build());
        health();
        call.halfClose();

        assertAnswer(call, shown(4, 0, 1127));
    }

    @Test @Order(2) @Tag("TODO-1")
    void an_upload_of_nothing_is_confirmed_with_zeros() {
        promise("OK and an answer of zeros to a half-close without a trade", "lab text",
            "nothing to upload is no failure of the client's");

        assertAnswer(upload().halfClose(), shown(0, 0, 0));
    }

    @Test @Order(3) @Tag("TODO-1")
    void uploads_at_the_same_time_do_not_mix() {
        var calls = Stream.generate(this::upload).limit(5).toList();
        for (var round = 1; round <= 20; round++)
            for (var i = 0; i < 5; i++)
                if (round <= 4 * (i + 1)) calls.get(i).send(trade(i + 1, round));
        health();

        for (var i = 0; i < 5; i++) {
            var count = 4 * (i + 1);
            promise("%s to one of 5 uploads that go on at the same time".formatted(
                shown(count, 0, (i + 1) * count * (count + 1) / 2)), "lab text",
                "each call is an upload of its own: what all of them write is mixed up");
            assertAnswer(calls.get(i).halfClose(),
                shown(count, 0, (i + 1) * count * (count + 1) / 2));
        }
    }

    @Test @Order(4) @Tag("TODO-2")
    void a_wrong_trade_ends_the_upload_at_once_and_is_named_by_its_index() {
        var wrong = new LinkedHashMap<String, UnaryOperator<Trade.Builder>>();
        wrong.put("client_trade_id", Trade.Builder::clearClientTradeId);
        wrong.put("client_trade_id ", trade -> trade.setClientTradeId(" ").setQuantity(0));
        wrong.put("client_trade_id  ", trade -> trade.setClientTradeId("x".repeat(101)));
        wrong.put("symbol", trade -> trade.clearSymbol().setPrice(-1));
        wrong.put("symbol ", trade -> trade.setSymbol("X".repeat(101)));
        wrong.put("quantity", Trade.Builder::clearQuantity);
        wrong.put("quantity ", trade -> trade.setQuantity(-5).setPrice(0));
        wrong.put("price", Trade.Builder::clearPrice);
        wrong.put("price ", trade -> trade.setPrice(-0.5));
        wrong.put("price  ", trade -> trade.setPrice(Double.NaN));
        wrong.put("price   ", trade -> trade.setPrice(Double.POSITIVE_INFINITY));
        var index = 0;
        for (var one : wrong.entrySet()) {
            // Duplicates count, too.
            var call = upload(Collections.nCopies(index % 4, trade()))
                .send(one.getValue().apply(trade().toBuilder()).build());
            // The first ones with a half-close: a server that waits for it is soon told.
            if (index < 3) call.halfClose();
            assertRefused(call, index++ % 4, one.getKey().strip());
        }
        promise("%s: these are the limits".formatted(shown(2, 0, 1.5)), "lab text");
        var edge = trade(1, Double.MIN_VALUE).toBuilder();
        edge.setClientTradeId((edge.getClientTradeId() + "x".repeat(100)).substring(0, 100));
        assertAnswer(upload(List.of(edge.setSymbol("X".repeat(100)).build(), trade(1, 1.5)))
            .halfClose(), shown(2, 0, 1.5));
    }

    private void assertRefused(Call<Trade, TradeConfirmation> call, int index, String field) {
        promise("INVALID_ARGUMENT \"trade %d: %s: …\"".formatted(index, field)
            + (index < 3 ? "" : ", before the half-close"), "lab text",
            "who sends 100,000 trades must be told which one to mend, and not after the last");
        assertSaid(answer(call), "status INVALID_ARGUMENT \"trade " + index + ": " + field + ": ");
    }

    @Test @Order(5) @Tag("TODO-2")
    void nothing_is_kept_of_an_upload_with_a_wrong_trade() {
        var trades = trades(4);
        var call = upload(trades.subList(0, 2)).send(trade(0, 1));
        trades.subList(2, 4).forEach(call::send);
        call.halfClose();

        assertRefused(call, 2, "quantity");
        assertNothingKept(trades, "an upload whose third trade is wrong, in front of it or behind");
    }

    @Test @Order(6) @Tag("TODO-3")
    void a_trade_is_booked_once_however_often_it_comes() {
        var trades = trades(3);
        promise(shown(3, 0, 9), "lab text");
        assertAnswer(upload(trades).halfClose(), shown(3, 0, 9));
        promise(shown(0, 3, 0) + " to the same upload again", "lab text",
            "a client that got no answer sends all of it again: that must not buy twice");
        assertAnswer(upload(trades).halfClose(), shown(0, 3, 0));
        assertAnswer(upload(trades.reversed()).halfClose(), shown(0, 3, 0));
        var twice = trade(5, 2);
        promise("%s to an upload with one trade twice, one that is booked already, with another "
            .formatted(shown(2, 3, 11)) + "price now, and two that are new", "lab text",
            "the id tells what is the same trade, nothing else does");
        assertAnswer(upload(List.of(twice, trades.getFirst().toBuilder().setPrice(7).build(), twice,
            trade(1, 1), twice.toBuilder().setQuantity(50).build())).halfClose(), shown(2, 3, 11));
        promise("%s to two trades that differ in nothing but their ids".formatted(shown(2, 0, 6)),
            "lab text", "to buy the same thing twice is nothing unusual");
        assertAnswer(upload(trades(2)).halfClose(), shown(2, 0, 6));
        promise("INVALID_ARGUMENT to a duplicate that is wrong", "lab text");
        assertRefused(upload(List.of(twice.toBuilder().setQuantity(0).build())).halfClose(), 0,
            "quantity");
    }

    @Test @Order(7) @Tag("TODO-3")
    void of_two_uploads_of_the_same_trades_one_books_all_of_them() {
        var channel = quietConnection();
        for (var round = 0; round < 2; round++) {
            var trades = trades(80);
            var calls = Stream.generate(() -> upload(channel)).limit(24).toList();
            for (var trade : trades) calls.forEach(call -> call.send(trade));
            // Meanwhile the server takes those of the others.
            var other = upload(channel);
            trades(200).forEach(other::send);
            promise(shown(200, 0, 600), "lab text");
            assertAnswer(other.halfClose(), shown(200, 0, 600));
            calls.forEach(Call::halfClose);

            promise("80 accepted in one of 24 uploads of the same 80 trades at the same moment, 80 "
                + "duplicates in each of the others", "lab text",
                "two threads that look first and book then both find a trade new");
            var answers = calls.stream().map(Lab08::answer)
                .filter(answer -> !answer.equals(shown(0, 80, 0))).toList();
            assertThat(answers).isEqualTo(List.of(shown(80, 0, 240)));
        }
    }

    @Test @Order(8) @Tag("TODO-3")
    void the_newest_booked_ids_are_remembered_and_no_more() {
        var capacity = restarted("REMEMBERED_TRADES", 50, value -> value >= 20 && value <= 5_000);
        var trades = trades(capacity + 10);
        var first = trades.subList(0, capacity - 10);
        var rest = trades.subList(capacity - 10, capacity + 10);
        promise(first.size() + " accepted, then 20", "lab text");
        assertSaid(answer(upload(first).halfClose()), first.size() + " accepted, 0 ");
        assertSaid(answer(upload(rest).halfClose()), "20 accepted, 0 ");

        var newest = trades.subList(10, capacity + 10);
        promise("%d duplicates: the trades that were booked last, as many as are remembered"
            .formatted(capacity), "lab text");
        assertAnswer(upload(newest).halfClose(), shown(0, capacity, 0));
        promise("10 accepted: trades booked before the last " + capacity + " are forgotten",
            "lab text", "a server that remembers all of them fills its memory, sooner or later");
        assertAnswer(upload(trades.subList(0, 10)).halfClose(), shown(10, 0, 30));
    }

    @Test @Order(9) @Tag("TODO-4")
    void an_upload_whose_client_is_gone_leaves_nothing_behind() {
        var before = quiet();
        var wire = watch(new Tap(address()));
        var kept = Stream.generate(() -> trades(3)).limit(4).toList();
        var cancelled = upload(kept.get(0));
        var broken = upload(through(wire));
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
        promise(shown(3, 0, 9), "lab text");
        assertAnswer(whole.halfClose(), shown(3, 0, 9));
        assertOpen(before, 0, "all uploads have ended");
        assertNothingKept(kept.get(0), "an upload that its client has cancelled");
        assertNothingKept(kept.get(1), "an upload whose connection has broken");
    }

    private Channel through(Tap wire) {
        var channel = NettyChannelBuilder.forAddress("127.0.0.1", wire.url().getPort())
            .usePlaintext().build();
        watch(channel::shutdownNow);
        return channel;
    }

    @Test @Order(10) @Tag("TODO-4")
    void an_upload_ends_with_its_deadline() {
        var before = quiet();
        var trades = trades(3);
        var seen = false;
        // On a busy machine the time may be over before anybody has looked.
        for (var millis = 80; !seen && millis < 3_000; millis *= 2) {
            var call = call(connection(), MarketDataGrpc.getUploadTradesMethod(),
                CallOptions.DEFAULT.withDeadlineAfter(millis, TimeUnit.MILLISECONDS), true);
            trades.forEach(call::send);
            seen = eventually(() -> listeners() > before || call.ended(), is -> is)
                && !call.ended();
            promise("DEADLINE_EXCEEDED", "gRPC deadlines");
            assertSaid(call.said(), "DEADLINE_EXCEEDED");
        }
        promise("1 listener while an upload is open", "lab text");
        assertThat(seen).overridingErrorMessage("listeners: 0").isTrue();

        assertOpen(before, 0, "the deadline is over: nobody waits for the answer");
        assertNothingKept(trades, "an upload whose deadline is over");
    }

    @Test @Order(11) @Tag("TODO-5")
    void an_upload_has_a_limit() {
        var limit = restarted("UPLOAD_TRADES", 40, value -> value >= 2 && value <= 5_000);
        promise("%d accepted: so many may come".formatted(limit), "lab text");
        assertSaid(answer(upload(trades(limit)).halfClose()), limit + " accepted");

        var trades = trades(limit);
        var why = "an upload without end fills the memory: nothing of it can be booked before all "
            + "of it is there";
        promise("RESOURCE_EXHAUSTED with \"%d\" in its description to trade number %d, before the"
            .formatted(limit, limit + 1) + " half-close", "lab text", why);
        var call = upload(trades).send(trade());
        assertSaid(call.said(), "RESOURCE_EXHAUSTED", "" + limit);
        promise("the same to one trade, " + (limit + 1) + " times", "lab text",
            "who sends for ever is no better for sending the same");
        var same = upload(Collections.nCopies(limit + 1, trade()));
        assertSaid(same.said(), "RESOURCE_EXHAUSTED", "" + limit);
        assertNothingKept(trades, "an upload with too many");
    }

    @Test @Order(12) @Tag("TODO-6")
    void an_upload_is_booked_when_all_of_it_has_been_worked_on() {
        var work = restarted("TRADE_WORK_MS", WORK, value -> value >= 20 && value <= 500);
        var before = quiet();
        var call = upload(trades(2));
        var last = System.nanoTime();
        call.send(trade()).halfClose();
        promise(shown(3, 0, 9) + ", with a half-close right behind the third trade", "lab text",
            "the half-close may come while the server is still at work on the last one");
        assertAnswer(call, shown(3, 0, 9));
        var took = Duration.ofNanos(call.endedAt() - last).toMillis();
        assertThat(took).as(promise("the answer not before the work on the last trade is done, "
            + work + " ms after it was sent", "lab text",
            "the half-close may come while the server is still at work on the last one"))
            .overridingErrorMessage("after %d ms", took).isGreaterThanOrEqualTo(work - 5);

        // On a busy machine the work may be done before the server hears of it, but not each time.
        var kept = Stream.generate(() -> keptAfterCancel(before)).limit(6)
            .takeWhile(is -> is).count();
        assertThat(kept).as(promise("nothing kept of an upload that is cancelled after its "
            + "half-close, while the server is at work on it", "lab text",
            "onError isn't called any more after the half-close: see setOnCancelHandler"))
            .overridingErrorMessage("kept each time").isLessThan(6);
    }

    /// Whether an upload is kept that is cancelled while the server is at work on its last trade.
    private boolean keptAfterCancel(int before) {
        var trades = trades(1);
        var call = upload(trades).halfClose();
        assertOpen(before, 1, "the server is at work on an upload");
        call.cancel();
        assertOpen(before, 0, "the client has cancelled after its half-close");
        promise("1 accepted or 1 duplicate", "lab text");
        var again = answer(upload(trades).halfClose());
        assertSaid(again, "", " accepted, ");
        return again.contains("1 duplicates");
    }

    @Test @Order(13) @Tag("TODO-7")
    void a_connection_carries_at_most_100_calls_with_64_KiB_each() throws IOException {
        var settings = http2Settings();
        var calls = settings.get(3);
        var window = settings.getOrDefault(4, 65_535);

        assertThat(calls != null && calls == CALLS)
            .as(promise("SETTINGS with MAX_CONCURRENT_STREAMS = 100", "RFC 9113 §6.5.2",
                "each call costs memory: without a limit one client can have it all"))
            .overridingErrorMessage(calls == null ? "SETTINGS without it"
                : "MAX_CONCURRENT_STREAMS = " + calls).isTrue();
        assertThat(window == WINDOW || window == WINDOW - 1)
            .as(promise("SETTINGS with INITIAL_WINDOW_SIZE = 65536 (or without it: 65535)",
                "RFC 9113 §6.5.2",
                "so much of each call waits in the server's memory when it can't keep up"))
            .overridingErrorMessage("INITIAL_WINDOW_SIZE = %d", window).isTrue();
    }

    /// What the server says of itself when a connection begins (RFC 9113 §3.4).
    private Map<Integer, Integer> http2Settings() throws IOException {
        try (var socket = new Socket("127.0.0.1", address().getPort())) {
            socket.setSoTimeout((int) SOON.toMillis());
            socket.getOutputStream().write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
                .getBytes(StandardCharsets.ISO_8859_1));
            var in = new DataInputStream(socket.getInputStream());
            promise("SETTINGS as the first frame", "RFC 9113 §3.4");
            var head = in.readNBytes(9);
            assertThat(head.length == 9 && head[3] == 4)
                .overridingErrorMessage("%s", Arrays.toString(head)).isTrue();
            var settings = new HashMap<Integer, Integer>();
            for (var left = (head[1] & 255) << 8 | head[2] & 255; left > 0; left -= 6)
                settings.put(in.readUnsignedShort(), in.readInt());
            return settings;
        }
    }

    @Test @Order(14) @Tag("TODO-6")
    void a_slow_server_slows_its_client() {
        var work = restarted("TRADE_WORK_MS", WORK, value -> value >= 20 && value <= 500);
        var trade = large();
        var size = trade.getSerializedSize() + 5;
        var call = upload(connection());
        var sent = 0;
        var started = System.nanoTime();
        while (sent < 8 * WINDOW && eventually(Duration.ofMillis(120), call::isReady, is -> is)) {
            call.send(trade);
            sent += size;
        }
        var took = Duration.ofNanos(System.nanoTime() - started).toMillis();

        // What the client's own gRPC keeps, and what the server has worked on meanwhile.
        var fair = WINDOW + 40 * 1024 + (took / work + 2) * size + WINDOW / 2;
        assertThat(sent).as(promise("a client that must wait after 64 KiB, while the server works "
            + work + " ms on each trade", "RFC 9113 §5.2",
            "what the server takes before it has time for it piles up in its memory"))
            .overridingErrorMessage("%,d bytes taken in %,d ms", sent, took)
            .isLessThan((int) fair);
        promise("OK and an answer when the server has worked on all", "lab text",
            "it must ask for the next trade each time that it is done with one");
        assertAnswer(upload(trades(3)).halfClose(), shown(3, 0, 9));
    }

    /// A trade of 5,000 bytes: nearly all of it is a field that nobody knows.
    private Trade large() {
        return trade().toBuilder().setUnknownFields(UnknownFieldSet.newBuilder()
            .addField(1_000, UnknownFieldSet.Field.newBuilder()
                .addLengthDelimited(ByteString.copyFrom(new byte[5_000])).build()).build()).build();
    }

    @Test @Order(15) @Tag("TODO-8")
    void a_server_that_stops_ends_uploads_with_UNAVAILABLE() {
        var calls = List.of(upload(), upload(trades(3)), upload(connection()));
        eventually(this::listeners, n -> n == 3);
        Assumptions.assumeTrue(stopServer(), "this server can't be stopped from here");

        promise("status UNAVAILABLE, told by the server before it is gone", "gRPC status codes",
            "it says: nothing is booked, try elsewhere. Who waits for the half-close of a client "
                + "that has time doesn't stop before it is killed");
        for (var call : calls) {
            var said = call.said();
            var told = said.startsWith("UNAVAILABLE") && !said.toUpperCase().contains("GOAWAY")
                && !said.contains("Network closed");
            assertThat(told).overridingErrorMessage("%s", said).isTrue();
        }
    }

    // ---- the client

    /// A server of ours that takes uploads.
    private static final class Host extends MarketDataGrpc.MarketDataImplBase {
        private final IntFunction<Plan> plans;
        private final List<Visit> visits = new CopyOnWriteArrayList<>();

        /// @param plans for the calls, numbered from 0
        Host(IntFunction<Plan> plans) { this.plans = plans; }

        @Override public synchronized StreamObserver<Trade> uploadTrades(
                StreamObserver<TradeConfirmation> client) {
            var visit = new Visit((ServerCallStreamObserver<TradeConfirmation>) client,
                plans.apply(visits.size()));
            visits.add(visit);
            return visit;
        }

        /// The call with this number, as soon as it comes.
        Visit visit(int number, Follower client) {
            eventually(client.patience(), visits::size,
                n -> n > number || client.ended().isPresent());
            assertThat(visits.size()).overridingErrorMessage("%d calls%s", visits.size(),
                how(client)).isGreaterThan(number);
            return visits.get(number);
        }

        List<Visit> visits() { return List.copyOf(visits); }
    }

    private static String how(Follower client) {
        return client.ended().map(how -> ", then: " + String.join(" ", how)).orElse("");
    }

    /// What a server of ours does to a call.
    ///
    /// @param after how many trades it reads before it ends the call; -1: it waits for the
    ///              half-close
    /// @param end   how; OK: with an answer about what it has read; null: it reads no more
    private record Plan(int after, Status end) {
        static final Plan SERVES = new Plan(-1, Status.OK);
    }

    /// One call of the client to a server of ours.
    private static final class Visit implements StreamObserver<Trade> {
        final long at = System.nanoTime();
        /// Milliseconds to its deadline, -1 without one.
        final long left;
        private final ServerCallStreamObserver<TradeConfirmation> client;
        private final Plan plan;
        private final List<Trade> trades = new ArrayList<>();
        private boolean stuck;
        private boolean halfClosed;
        private boolean cancelled;
        private long endedAt;
        private long endedMicros;

        Visit(ServerCallStreamObserver<TradeConfirmation> client, Plan plan) {
            this.client = client;
            this.plan = plan;
            var deadline = Context.current().getDeadline();
            left = deadline == null ? -1 : deadline.timeRemaining(TimeUnit.MILLISECONDS);
            client.disableAutoRequest();
            client.setOnCancelHandler(this::cancelled);
            client.request(1);
            if (plan.after == 0) end();
        }

        @Override public synchronized void onNext(Trade trade) {
            trades.add(trade);
            if (trades.size() != plan.after) client.request(1);
            else if (plan.end == null) stuck = true;
            else end();
        }

        private void end() {
            endedAt = System.nanoTime();
            endedMicros = micros();
            if (plan.end.isOk()) answer();
            else client.onError(plan.end.asRuntimeException());
        }

        private void answer() {
            client.onNext(TradeConfirmation.newBuilder().setAccepted(trades.size() - trades.size()
                / 3).setDuplicates(trades.size() / 3).setNotional(0.5).build());
            client.onCompleted();
        }

        @Override public synchronized void onCompleted() {
            halfClosed = true;
            if (plan == Plan.SERVES) answer();
        }

        @Override public void onError(Throwable cancelled) { cancelled(); }

        private synchronized void cancelled() { cancelled = true; }

        synchronized void readOn() { client.request(1); }

        synchronized int count() { return trades.size(); }

        synchronized boolean stuck() { return stuck; }

        synchronized boolean halfClosed() { return halfClosed; }

        synchronized boolean isCancelled() { return cancelled; }

        synchronized long endedAt() { return endedAt; }

        synchronized long endedMicros() { return endedMicros; }

        synchronized List<String> ids() {
            return trades.stream().map(Trade::getClientTradeId).toList();
        }
    }

    /// Whether it comes to that, however long it takes, as long as trades come.
    private static boolean follow(Visit visit, Follower client, BooleanSupplier goal) {
        for (var seen = -1; seen < visit.count(); ) {
            var now = visit.count();
            seen = now;
            eventually(client.patience(), () -> goal.getAsBoolean() || visit.count() > now
                || client.ended().isPresent(), is -> is);
            if (goal.getAsBoolean() || client.ended().isPresent()) break;
        }
        return goal.getAsBoolean();
    }

    private static long micros() { return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()); }

    /// How many of these trades were made between two moments, microseconds since 1970.
    private static long made(List<String> ids, long from, long to) {
        return ids.stream().map(id -> id.replaceFirst("-.*", "")).mapToLong(Long::parseLong)
            .filter(made -> made >= from && made < to).count();
    }

    private Follower upload(Tap tap, int count) {
        return follow(new Lab.Start(tap.url(), 0).count(count));
    }

    private Tap narrow(Host host) throws IOException {
        return tap(serve(host, builder -> builder.flowControlWindow(16 * 1024)));
    }

    /// How the client ended, once it did by itself; `it goes on` if it didn't.
    private static String end(Follower client) {
        return eventually(client.patience(), client::ended, Optional::isPresent)
            .map(how -> String.join(" ", how)).orElse("it goes on");
    }

    /// Fails unless the client ends with an IllegalStateException, which its process reports as
    /// `The client ended`, and which names all this.
    private static void assertFails(Follower client, String... names) {
        var end = end(client);
        var fails = end.contains("IllegalStateException") || end.contains("The client ended: ");
        assertThat(fails && Stream.of(names).allMatch(end::contains))
            .overridingErrorMessage("%s", end).isTrue();
    }

    /// Fails unless the client ends as it should.
    private static void assertReturns(Follower client) {
        var end = end(client);
        assertThat(end.equals("follow returned") || end.startsWith("it exited with code 0"))
            .overridingErrorMessage("%s", end).isTrue();
    }

    private static String shown(JsonNode answer) {
        return shown(answer.path("accepted").asLong(-1), answer.path("duplicates").asLong(-1),
            answer.path("notional").asDouble(-1));
    }

    /// Fails unless these are trades 0 to count - 1 of one run.
    private static void assertTrades(List<String> ids, int count) {
        var numbers = ids.stream().map(id -> id.replaceFirst(".*-", "")).toList();
        var wanted = IntStream.range(0, count).mapToObj(i -> "" + i).toList();
        var same = IntStream.range(0, Math.min(count, numbers.size()))
            .takeWhile(i -> numbers.get(i).equals(wanted.get(i))).count();
        assertThat(numbers).overridingErrorMessage("%d trades, in order up to number %d",
            numbers.size(), same - 1).isEqualTo(wanted);
    }

    @Test @Order(16) @Tag("TODO-9") @Tag("client")
    void the_client_sends_each_trade_once_and_delivers_the_confirmation() throws IOException {
        for (var count : List.of(300, 0)) {
            var host = new Host(_ -> Plan.SERVES);
            var client = upload(tap(serve(host)), count);
            promise(count + " trades, each once, in order, and a half-close", "lab text",
                "without a half-close the server waits for more, the client for the answer, both "
                    + "for ever");
            var visit = host.visit(0, client);
            follow(visit, client, visit::halfClosed);
            assertThat(visit.halfClosed()).overridingErrorMessage("%d trades, no half-close%s",
                visit.ids().size(), how(client)).isTrue();
            assertTrades(visit.ids(), count);
            promise("the confirmation given to the sink, once, and the end", "lab text");
            assertThat(shown(client.values(1).getFirst()))
                .isEqualTo(shown(count - count / 3, count / 3, 0.5));
            assertReturns(client);
            assertThat(client.values(1).size()).isEqualTo(1);
            assertThat(host.visits().size()).as(promise("one call", "lab text")).isEqualTo(1);
        }
    }

    @Test @Order(17) @Tag("TODO-9") @Tag("client")
    void the_client_makes_a_trade_when_there_is_room_for_it() throws IOException {
        var pause = Duration.ofMillis(200);
        var ahead = ahead(pause);
        // Where it was still at work when the server read on, it needs more time to show what it
        // does.
        for (; ahead.busy && ahead.early < 1_500 && pause.toSeconds() < 4; ahead = ahead(pause))
            pause = pause.multipliedBy(2);

        assertThat(ahead.early).as(promise("less than 1,500 of 2,500 trades made while the server "
            + "had read one: its window is 16 KiB", "gRPC flow control",
            "gRPC sends later what it can't send now: all of it waits in the client's memory"))
            .overridingErrorMessage("%d made before the server read on", ahead.early)
            .isLessThan(1_500);
    }

    /// What a client did while the server didn't read.
    ///
    /// @param early how many trades it made
    /// @param busy  whether it made some in the second half of the time
    private record Ahead(long early, boolean busy) {}

    private Ahead ahead(Duration pause) throws IOException {
        var host = new Host(_ -> new Plan(1, null));
        var client = upload(narrow(host), 2_500);
        promise("a trade", "lab text");
        var visit = host.visit(0, client);
        assertThat(follow(visit, client, visit::stuck))
            .overridingErrorMessage("none").isTrue();
        eventually(pause, () -> false, is -> is);
        var now = micros();
        visit.readOn();

        promise("all 2,500 trades, when the server reads on", "lab text",
            "onReady says when there is room again: it is not called once for each trade");
        follow(visit, client, visit::halfClosed);
        assertThat(visit.ids().size()).overridingErrorMessage("%d, %s", visit.ids().size(),
            visit.halfClosed() ? "then a half-close" : "no half-close").isEqualTo(2_500);
        return new Ahead(made(visit.ids(), 0, now),
            made(visit.ids(), now - pause.toNanos() / 2_000, now) > 0);
    }

    @Test @Order(18) @Tag("TODO-9") @Tag("client")
    void the_client_cancels_when_it_is_interrupted() throws IOException {
        var host = new Host(_ -> new Plan(3, null));
        var client = upload(tap(serve(host)), 10);
        promise("a call with trades", "lab text");
        var visit = host.visit(0, client);
        assertThat(follow(visit, client, visit::stuck)).isTrue();

        client.close();
        assertThat(eventually(SOON, visit::isCancelled, is -> is))
            .as(promise("the call cancelled", "lab text",
                "else the server keeps it open, for a client that isn't there any more"))
            .overridingErrorMessage("it goes on").isTrue();
    }

    @Test @Order(19) @Tag("TODO-10") @Tag("client")
    void the_client_stops_when_the_server_refuses_the_upload() throws IOException {
        var wrong = Status.INVALID_ARGUMENT.withDescription("trade 2: symbol: must be known");
        for (var status : List.of(wrong, Status.RESOURCE_EXHAUSTED, Status.INTERNAL)) {
            // Once right away, once when it has been stuck for a while.
            var host = new Host(_ -> new Plan(status == wrong ? 3 : 1, status));
            var client = upload(narrow(host), 2_500);
            host.visit(0, client);
            promise("an IllegalStateException that names " + status.getCode() + ", though trades "
                + "are left: the server has ended the call", "lab text",
                "who waits for room in a call that is over waits for ever");
            assertFails(client, status.getCode().name());
            assertThat(host.visits().size()).as(promise("one call", "lab text",
                "the same upload is as wrong the second time")).isEqualTo(1);
        }
    }

    @Test @Order(20) @Tag("TODO-10") @Tag("client")
    void the_client_believes_no_confirmation_of_less_than_it_has() throws IOException {
        var host = new Host(_ -> new Plan(6, Status.OK));
        var client = upload(narrow(host), 2_500);

        promise("an IllegalStateException: OK after 6 of 2,500 trades, with an answer about 6",
            "lab text", "a server may answer before it has read all: that ends the call, too");
        assertFails(client);
        assertThat(host.visits().size()).isEqualTo(1);
    }

    @Test @Order(21) @Tag("TODO-11") @Tag("client")
    void the_client_sends_all_of_it_again_after_UNAVAILABLE_with_the_same_ids()
            throws IOException {
        var host = new Host(number -> switch (number) {
            case 0 -> new Plan(1, Status.UNAVAILABLE);
            case 1 -> new Plan(20, null);
            // Reads all, and the answer is lost.
            case 2 -> new Plan(2_500, null);
            default -> Plan.SERVES;
        });
        var tap = narrow(host);
        var client = upload(tap, 2_500);
        for (var number = 1; number <= 2; number++) {
            promise("another call after UNAVAILABLE, or when the connection broke", "lab text");
            var visit = host.visit(number, client);
            promise("trades", "lab text");
            assertThat(follow(visit, client, visit::stuck))
                .overridingErrorMessage("%d trades", visit.ids().size()).isTrue();
            tap.cut();
        }
        promise("another call after UNAVAILABLE, or when the connection broke", "lab text");
        var last = host.visit(3, client);
        promise("the confirmation of the fourth call given to the sink, and no other", "lab text");
        assertThat(shown(client.values(1).getFirst())).isEqualTo(shown(2_500 - 833, 833, 0.5));
        assertReturns(client);
        assertThat(client.values(1).size()).isEqualTo(1);

        promise("all 2,500 trades in the fourth call", "lab text",
            "of an upload that failed nothing is kept");
        assertTrades(last.ids(), 2_500);
        for (var visit : host.visits())
            assertThat(last.ids().subList(0, visit.ids().size())).as(promise(
                "the same ids in each call", "lab text",
                "by them the server knows what it has booked already"))
                .overridingErrorMessage("others").isEqualTo(visit.ids());
        var first = host.visits().getFirst();
        var idle = made(last.ids(), first.endedMicros(), first.endedMicros()
            + (host.visits().get(1).at - first.endedAt()) / 1_000);
        assertThat(idle).as(promise("no trades made after the first call was over and before the "
            + "next one began, or hardly any", "lab text", "they went nowhere"))
            .overridingErrorMessage("%d", idle).isLessThan(1_500);
    }

    @Test @Order(22) @Tag("TODO-11") @Tag("client")
    void the_client_backs_off_further_each_time_and_by_chance() throws IOException {
        var tries = Stream.generate(this::pausesOf8).limit(4).takeWhile(pauses -> !isFine(pauses))
            .toList();
        if (tries.size() < 4) return;
        var pauses = tries.getLast();
        promise("pauses of 0 to 50 ms before the second try, of 0 to 400 ms before the fifth, by "
            + "chance", "lab text", "a thousand clients that come back at once, or in step, keep a "
                + "server down");
        Assertions.fail("before the second " + pauses.getFirst() + " ms, before the fifth "
            + pauses.getLast() + " ms");
    }

    /// What 8 clients wait before their second, third, fourth and fifth try, milliseconds; sorted.
    private List<List<Long>> pausesOf8() {
        var hosts = Stream.generate(() -> new Host(number -> number < 4
            ? new Plan(0, Status.UNAVAILABLE) : Plan.SERVES)).limit(8).toList();
        try {
            var clients = new ArrayList<Follower>();
            for (var host : hosts) clients.add(upload(tap(serve(host)), 1));
            promise("5 calls: UNAVAILABLE is no reason to give up", "lab text");
            for (var i = 0; i < 8; i++) hosts.get(i).visit(4, clients.get(i));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
        return IntStream.rangeClosed(1, 4).mapToObj(i -> hosts.stream().map(host ->
            (host.visits().get(i).at - host.visits().get(i - 1).endedAt()) / 1_000_000).sorted()
            .toList()).toList();
    }

    /// Whether they grow, and differ, and are not too long. A busy machine makes some longer.
    private static boolean isFine(List<List<Long>> pauses) {
        var first = pauses.getFirst();
        var last = pauses.getLast();
        var mean = last.stream().mapToLong(pause -> pause).average().orElseThrow();
        var chance = last.getFirst() < 150 && last.getFirst() < last.getLast() / 2;
        return chance && mean > 100 && mean > 1.5 * first.getFirst() && first.getFirst() < 100
            && last.get(4) < 450;
    }

    @Test @Order(23) @Tag("TODO-12") @Tag("client")
    void all_tries_of_the_client_have_one_deadline_in_60_s() throws IOException {
        var passed = new AtomicBoolean();
        var started = new AtomicLong();
        var host = new Host(number -> {
            started.compareAndSet(0, System.nanoTime());
            return passed.get() || number > 9 ? Plan.SERVES : new Plan(0, Status.UNAVAILABLE);
        });
        var client = upload(tap(serve(host)), 2);
        promise("a deadline in 60 s", "gRPC deadlines",
            "a server that neither reads nor fails would hold the client for ever");
        var first = host.visit(0, client);
        assertThat(first.left).overridingErrorMessage(first.left < 0 ? "no deadline"
            : "in " + first.left + " ms").isBetween(50_000L, 60_000L);

        promise("as much less left for a later try as has passed since the first one", "lab text",
            "tries that begin their time anew have no deadline together");
        var later = "";
        for (var number = 1; number < 10 && !passed.get(); number++) {
            var visit = host.visit(number, client);
            var elapsed = Duration.ofNanos(visit.at - first.at).toMillis();
            later += ", then %d ms after %d ms".formatted(visit.left, elapsed);
            passed.set(elapsed >= 100 && first.left - visit.left > elapsed / 2);
        }
        assertThat(passed.get()).overridingErrorMessage("%d ms left%s", first.left, later).isTrue();
    }
}
