package labs.lab08;

import static labs.lab08.Lab08.confirmed;

import module java.base;
import io.grpc.*;
import io.grpc.stub.*;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.ClientStart;
import wirelab.wire.Tap;

/// The claims about the client.
public class Lab08Client extends RpcChecks {
    @Test @Order(16) @Tag("TODO-9") @Tag("client")
    void the_client_sends_each_trade_once_and_delivers_the_confirmation() {
        for (var count : List.of(300, 0)) {
            var host = new Host(count, Plan.SERVES);

            host.assertWholeUpload(0);
            host.assertDelivers(confirmed(count - count / 3, count / 3, 0.5));
            host.assertOneCall("C1", "");
        }
    }

    @Test @Order(17) @Tag("TODO-9") @Tag("client")
    void the_client_makes_a_trade_when_there_is_room_for_it() {
        var millis = new AtomicLong(100);
        // A client still at work when the server read on needs more time to show what it does.
        var ahead = inTheBestOf(6, () -> ahead(Duration.ofMillis(millis.addAndGet(millis.get()))),
            seen -> !seen.busy || seen.early >= 1_500);

        promise("fewer than 1,500 of 2,500 trades made while the server, with a window of 16 KiB, "
            + "has read one", "C2 · gRPC flow control",
            "gRPC keeps what it can't send yet: all of it waits in the client's memory")
            .that(ahead.early, "%d made before the server read on", ahead.early).isBelow(1_500L);
    }

    /// What a client did while the server didn't read.
    ///
    /// @param early how many trades it made
    /// @param busy  whether it made some in the second half of the time
    private record Ahead(long early, boolean busy) {}

    private Ahead ahead(Duration pause) {
        var start = System.nanoTime();
        var host = new Host(2_500, new Plan(1, null));
        var visit = host.stuck(0);
        pass(pause);
        var now = System.nanoTime();
        visit.client.request(1);

        host.await(0, promise("all 2,500 trades, when the server reads on", "C2",
            "onReady says when there is room again: it is not called once for each trade"),
            one -> one.halfClosed && one.ids.size() == 2_500);
        return new Ahead(visit.made(start, now), visit.made(now - pause.toNanos() / 2, now) > 0);
    }

    @Test @Order(18) @Tag("TODO-9") @Tag("client")
    void the_client_cancels_when_it_is_interrupted() {
        var host = new Host(10, new Plan(3, null));
        var visit = host.stuck(0);

        var promise = promise("the call cancelled when the client's thread is interrupted", "C3",
            "otherwise the server keeps it open for a client that has gone");
        host.client.close();
        promise.holds(eventually(SOON, () -> visit.cancelled, is -> is), "the call goes on");
    }

    @Test @Order(19) @Tag("TODO-10") @Tag("client")
    void the_client_stops_when_the_server_refuses_the_upload() {
        var wrong = Status.INVALID_ARGUMENT.withDescription("trade 2: symbol: must be known");
        for (var status : List.of(wrong, Status.RESOURCE_EXHAUSTED, Status.INTERNAL)) {
            var host = new Host(2_500, new Plan(status == wrong ? 3 : 1, status));
            var code = status.getCode().name();

            promise("an IllegalStateException that names " + code + ", though trades are left: the "
                + "server has ended the call", "C4",
                "a client that waits for room in a call that is over waits forever")
                .of(host.client).fails("IllegalStateException", code);
            host.assertOneCall("C4", "the same upload is as wrong the second time");
        }
    }

    @Test @Order(20) @Tag("TODO-10") @Tag("client")
    void the_client_rejects_a_confirmation_of_fewer_trades_than_it_has() {
        var host = new Host(2_500, new Plan(6, Status.OK));

        promise("an IllegalStateException after OK and an answer about 6 of 2,500 trades", "C5",
            "a server may answer before it has read all of it: that ends the call, too")
            .of(host.client).fails("IllegalStateException");
        host.assertOneCall("C5", "");
    }

    @Test @Order(21) @Tag("TODO-11") @Tag("client")
    void the_client_sends_all_of_it_again_after_UNAVAILABLE_with_the_same_ids() {
        // The third call reads all, and the answer is lost.
        var host = new Host(2_500, new Plan(1, Status.UNAVAILABLE), new Plan(20, null),
            new Plan(2_500, null), Plan.SERVES);
        for (var number : List.of(1, 2)) {
            host.stuck(number);
            host.tap.cut();
        }

        var last = host.assertWholeUpload(3);
        host.assertDelivers(confirmed(2_500 - 833, 833, 0.5));
        for (var visit : host.visits.all())
            promise("the same ids in each call, in the same order", "C6",
                "the ids tell the server what it has booked already").holds(visit.ids.equals(
                    last.ids.subList(0, visit.ids.size())), "other ids in an earlier call");
        var first = host.visits.all().getFirst();
        var idle = last.made(first.endedAt, host.visits.all().get(1).cameAt);
        promise("hardly any trades made between the end of the first call and the second call",
            "C4", "there was no call that they could go to")
            .that(idle, "%d made", idle).isBelow(1_500L);
    }

    @Test @Order(22) @Tag("TODO-11") @Tag("client")
    void the_client_backs_off_longer_each_time_and_at_random() {
        var pauses = inTheBestOf(4, this::pausesOf8, Lab08Client::areFine);

        promise("random pauses of 0 to 50 ms before the second try, 0 to 400 ms before the fifth",
            "C7", "a thousand clients that come back at once, or in step, keep a server down")
            .holds(areFine(pauses), "8 clients, before the second try: %s\nbefore the fifth: %s",
                Pauses.shown(pauses.getFirst()), Pauses.shown(pauses.getLast()));
    }

    /// What 8 clients wait before their second and their fifth try, milliseconds; sorted.
    private List<List<Long>> pausesOf8() {
        var hosts = Stream.generate(() -> new Host(1, Plan.FAILS, Plan.FAILS, Plan.FAILS,
            Plan.FAILS, Plan.SERVES)).limit(8).toList();
        promise("5 calls, of which 4 end with UNAVAILABLE", "C6", "that is no reason to give up");
        for (var host : hosts) host.visit(4);
        return Stream.of(0, 3).map(i -> hosts.stream().map(host -> host.visits.pauses().get(i))
            .sorted().toList()).toList();
    }

    /// Whether they grow, and differ, and are not too long. A busy machine makes some longer.
    private static boolean areFine(List<List<Long>> pauses) {
        var first = pauses.getFirst();
        var last = pauses.getLast();
        var mean = last.stream().mapToLong(pause -> pause).average().orElseThrow();
        var random = last.getFirst() < 150 && last.getFirst() < last.getLast() / 2;
        return random && mean > 100 && mean > 1.5 * Pauses.median(first) && first.getFirst() < 100
            && last.get(4) < 450;
    }

    @Test @Order(23) @Tag("TODO-12") @Tag("client")
    void all_tries_of_the_client_have_one_deadline_in_60_s() {
        var host = new Host(2, Plan.FAILS);
        var deadline = promise("a deadline in 60 s", "C8 · gRPC deadlines",
            "a server that neither reads nor fails would hold the client forever");
        var first = host.visit(0);
        deadline.that(first.left, first.left < 0 ? "no deadline" : "in %d ms", first.left)
            .isAtLeast(50_000L).isAtMost(60_000L);

        var less = promise("as much less time left for a later try as has passed since the first",
            "C8 · gRPC deadlines", "tries that each start the time again have no deadline at all");
        var number = new AtomicInteger();
        // The first pauses may be too short to tell.
        Predicate<Visit> shares = visit -> visit.millisAfter(first) >= 100
            && first.left - visit.left > visit.millisAfter(first) / 2;
        var later = inTheBestOf(9, () -> host.visit(number.incrementAndGet()), shares);
        less.holds(shares.test(later), "%d ms left at first, %d ms in a try %d ms later",
            first.left, later.left, later.millisAfter(first));
    }

    /// A server of ours, behind a tap, with windows of 16 KiB, and a client that uploads to it.
    private final class Host extends MarketDataGrpc.MarketDataImplBase {
        final Visits<Visit> visits = new Visits<>();
        final Tap tap;
        final Follower client;
        private final int count;
        private final Plan[] plans;

        /// @param count of the client's trades
        /// @param plans for its calls, the last one for all that follow, too
        Host(int count, Plan... plans) {
            this.count = count;
            this.plans = plans;
            try {
                tap = tap(serve(this, builder -> builder.flowControlWindow(16 * 1024)));
            } catch (IOException cause) {
                throw new UncheckedIOException(cause);
            }
            client = follow(new ClientStart(tap.url(), 0).count(count));
        }

        @Override public StreamObserver<Trade> uploadTrades(
                StreamObserver<TradeConfirmation> answers) {
            return visits.add(number -> new Visit(
                (ServerCallStreamObserver<TradeConfirmation>) answers,
                plans[Math.min(number, plans.length - 1)]));
        }

        Visit visit(int number) { return visits.await(number, client); }

        /// The call with this number, when as much of it has been read as planned.
        Visit stuck(int number) {
            return await(number, promise("trades in call number %d%s".formatted(number + 1,
                number == 0 ? "" : ", after UNAVAILABLE or a broken connection"),
                number == 0 ? "C1" : "C6"), visit -> visit.ids.size() == visit.plan.after);
        }

        /// Promises all trades and a half-close in the call with this number, which it returns.
        Visit assertWholeUpload(int number) {
            var promise = promise("%d trades, each once, in order, and a half-close, in call %d"
                .formatted(count, number + 1), "C1", "without a half-close the server waits for "
                    + "more trades, the client for an answer, both forever");
            var visit = await(number, promise, one -> one.halfClosed);
            promise.ofIds(visit.ids.stream().map(id -> number(id.replaceFirst(".*-", "")))
                .toList()).areExactly(ids(0, count - 1L));
            return visit;
        }

        /// Promises that the call with this number comes to that; waits as long as trades come.
        Visit await(int number, PromiseAssert promise, Predicate<Visit> goal) {
            var visit = visit(number);
            eventually(visit.ids::size, _ -> goal.test(visit) || client.ended().isPresent());
            promise.holds(goal.test(visit), "%d trades, %s%s", visit.ids.size(), visit.halfClosed
                ? "then a half-close" : "no half-close", client.ended()
                    .map(how -> ", then the client ended\n" + String.join("\n", how)).orElse(""));
            return visit;
        }

        /// Promises that this confirmation is all that the client delivers before it returns.
        void assertDelivers(String wanted) {
            var promise = promise("to the sink, once: " + wanted, "C1", "so said the server");
            promise.of(client).delivers(1);
            promise("the end of the client after that", "C1").of(client).returns();
            promise.that(client.values(1).stream().map(value -> confirmed(
                value.path("accepted").asLong(-1), value.path("duplicates").asLong(-1),
                value.path("notional").asDouble(-1))).collect(Collectors.joining(" and ")))
                .is(wanted);
        }

        void assertOneCall(String rule, String because) {
            promise("one call and no further try", rule, because)
                .that(visits.count(), "%d calls", visits.count()).is(1);
        }
    }

    /// What a server of ours does to a call.
    ///
    /// @param after how many trades it reads before it ends the call; -1: it waits for the
    ///              half-close
    /// @param end   how; OK: with an answer about what it has read; null: it reads no more
    private record Plan(int after, Status end) {
        static final Plan SERVES = new Plan(-1, Status.OK);
        static final Plan FAILS = new Plan(0, Status.UNAVAILABLE);
    }

    /// One call of the client to a server of ours. gRPC calls its methods one at a time.
    private static final class Visit implements StreamObserver<Trade>, Visits.Visit {
        final long cameAt = System.nanoTime();
        /// Milliseconds to its deadline, -1 without one.
        final long left = Optional.ofNullable(Context.current().getDeadline())
            .map(deadline -> deadline.timeRemaining(TimeUnit.MILLISECONDS)).orElse(-1L);
        final List<String> ids = new CopyOnWriteArrayList<>();
        final ServerCallStreamObserver<TradeConfirmation> client;
        volatile boolean halfClosed;
        volatile boolean cancelled;
        volatile long endedAt;
        private final Plan plan;

        Visit(ServerCallStreamObserver<TradeConfirmation> client, Plan plan) {
            this.client = client;
            this.plan = plan;
            client.disableAutoRequest();
            client.setOnCancelHandler(() -> cancelled = true);
            client.request(1);
            if (plan.after == 0) end();
        }

        @Override public void onNext(Trade trade) {
            ids.add(trade.getClientTradeId());
            if (ids.size() != plan.after) client.request(1);
            else if (plan.end != null) end();
        }

        private void end() {
            endedAt = System.nanoTime();
            if (!plan.end.isOk()) {
                client.onError(plan.end.asRuntimeException());
                return;
            }
            var duplicates = ids.size() / 3;
            client.onNext(TradeConfirmation.newBuilder().setAccepted(ids.size() - duplicates)
                .setDuplicates(duplicates).setNotional(0.5).build());
            client.onCompleted();
        }

        @Override public void onCompleted() {
            halfClosed = true;
            if (plan == Plan.SERVES) end();
        }

        @Override public void onError(Throwable gone) { cancelled = true; }

        @Override public long cameAt() { return cameAt; }

        @Override public long endedAt() { return endedAt; }

        long millisAfter(Visit first) { return (cameAt - first.cameAt) / 1_000_000; }

        /// How many of its trades were made between two moments, System.nanoTime(). Their ids begin
        /// with microseconds since 1970.
        long made(long from, long to) {
            var micros = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
            var now = System.nanoTime();
            return ids.stream().mapToLong(id -> number(id.replaceFirst("-.*", "")))
                .map(made -> now - (micros - made) * 1_000)
                .filter(made -> made >= from && made < to).count();
        }
    }

    /// A part of a trade's id; -1 if it is not a number.
    private static long number(String text) {
        return text.matches("[0-9]{1,18}") ? Long.parseLong(text) : -1;
    }
}
