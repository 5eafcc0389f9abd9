package labs.lab07;

import module java.base;
import io.grpc.*;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.ClientStart;
import wirelab.wire.Tap;

/// Claims about the client, which subscribes to servers of ours.
public class Lab07Client extends RpcChecks {
    /// What a server of ours says with each status.
    private static final String WORDS = "the check says so";

    /// A stream that the client began with a server of ours.
    private static final class Visit implements Visits.Visit {
        private final SubscribeRequest request;
        private final ServerCallStreamObserver<Quote> client;
        private final long cameAt = System.nanoTime();
        /// How long until the client's deadline, seconds; empty without one.
        private final Optional<Double> deadline =
            Optional.ofNullable(io.grpc.Context.current().getDeadline())
                .map(end -> end.timeRemaining(TimeUnit.NANOSECONDS) / 1e9);
        private volatile long endedAt;
        private volatile boolean cancelled;

        Visit(SubscribeRequest request, StreamObserver<Quote> client) {
            this.request = request;
            this.client = (ServerCallStreamObserver<Quote>) client;
            this.client.setOnCancelHandler(() -> cancelled = true);
        }

        @Override public long cameAt() { return cameAt; }

        @Override public long endedAt() { return endedAt; }

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
            else client.onError(status.withDescription(WORDS).asRuntimeException());
        }
    }

    /// A server of ours, and its one client.
    private final class Host extends MarketDataGrpc.MarketDataImplBase {
        private final Visits<Visit> visits = new Visits<>();
        private final Consumer<Visit> answering;
        private final Tap tap;
        private List<String> symbols;
        private Follower client;
        private int awaited;

        /// @param answering gets each stream
        Host(Consumer<Visit> answering) {
            this.answering = answering;
            try {
                tap = tap(serve(this));
            } catch (IOException cause) {
                throw new UncheckedIOException(cause);
            }
        }

        @Override public void subscribeQuotes(SubscribeRequest request,
                StreamObserver<Quote> client) {
            answering.accept(visits.add(_ -> new Visit(request, client)));
        }

        Follower follow(long after, String... symbols) {
            this.symbols = List.of(symbols);
            client = Lab07Client.this.follow(new ClientStart(tap.url(), after).symbols(symbols));
            return client;
        }

        /// The next stream, as soon as it comes.
        Visit next() { return visits.await(awaited++, client); }

        /// The next stream, which asks for the right symbols and `after_id`.
        ///
        /// @param when this id is the right one
        Visit asks(long after, String when, String rule, String because) {
            var promise = promise("after_id " + after + " " + when, rule, because);
            var visit = next();
            var asked = visit.request.getSymbolsList();
            promise.holds(visit.after() == after && asked.equals(symbols),
                "after_id %d, symbols %s", visit.after(), String.join(", ", asked));
            return visit;
        }
    }

    @Test @Order(14) @Tag("TODO-10") @Tag("client")
    void the_client_gets_each_quote_once_although_its_connection_breaks_ten_times() {
        // A few in each stream, else the first one would bring all.
        var last = new AtomicBoolean();
        var host = new Host(visit -> visit.say(visit.after() + 1,
            visit.after() + (last.get() ? 60 : 5)));
        // The first one before there is an answer, the others anywhere in it.
        host.tap.cutAnswers(1, () -> 120);
        var client = host.follow(5, "BTC");
        client.refuseOnce(8);
        host.asks(5, "at the start, as the client was told", "C1", "");

        var promise = promise("each quote from 6 on once, across 10 broken connections and a sink "
            + "that fails once", "C2", "it comes back with the id of the last quote that its sink "
            + "took");
        // By then the sink has failed. From now on the client reads when its connection breaks: if
        // it writes just then, gRPC may say UNKNOWN (grpc-java #10120).
        promise.of(client).delivers(3);
        for (var cuts = 1; cuts < 10; cuts++) {
            var more = client.ids(0).size() + ThreadLocalRandom.current().nextInt(1, 4);
            last.set(cuts == 9);
            host.tap.cut();
            promise.of(client).delivers(more);
        }
        promise.of(client).delivers(60);
        var all = client.ids(60);
        promise.ofIds(all).areExactly(ids(6, 5 + all.size()));
    }

    @Test @Order(15) @Tag("TODO-10") @Tag("client")
    void the_client_subscribes_again_after_the_last_id_that_its_sink_took() {
        var host = new Host(_ -> {});
        var client = host.follow(7, "BTC", "SOL");

        host.asks(7, "and symbols BTC, SOL at the start, as the client was told", "C1", "")
            .say(8, 9).end(Status.UNAVAILABLE);
        host.asks(9, "after quotes 8, 9 and UNAVAILABLE", "C2 · gRPC status codes",
            "it means: the same again, a little later").end(Status.DEADLINE_EXCEEDED);
        host.asks(9, "after DEADLINE_EXCEEDED", "C2", "the client's own patience was over")
            .say(10, 10).end(Status.OUT_OF_RANGE);
        host.asks(0, "after OUT_OF_RANGE", "C3", "what the feed has dropped won't come back: the "
            + "same again gets the same answer").end(Status.UNAVAILABLE);
        host.asks(0, "again, since no quote came after OUT_OF_RANGE", "C3", "")
            .say(51, 51).end(Status.CANCELLED);
        host.asks(51, "after CANCELLED", "C2", "the client didn't cancel: the server was killed in "
            + "the middle of the stream").say(52, 52);
        promise("quotes 8, 9, 10, 51, 52", "C1").of(client)
            .delivers(List.of(8L, 9L, 10L, 51L, 52L));
        host.tap.cut();
        host.asks(52, "after the connection broke", "C2", "gRPC says UNAVAILABLE to that, too");
    }

    @Test @Order(16) @Tag("TODO-10") @Tag("client")
    void the_client_reads_no_faster_than_its_sink_and_cancels_what_it_reads_no_more() {
        assertWaitsForItsSink();
        var host = new Host(_ -> {});
        var client = host.follow(0, "BTC");
        client.refuseOnce(2);
        var refused = host.next().say(1, 3);

        var next = host.asks(1, "when the sink failed on quote 2", "C4",
            "what the sink did not take must come again");
        assertCancelled(promise("the stream cancelled when the sink failed", "C4",
            "a stream that nobody reads goes on, here and at the server, until its deadline"),
            refused);
        next.say(2, 3);
        promise("quotes 1–3, although the sink failed on 2", "C4").of(client).delivers(ids(1, 3));
        client.close();
        assertCancelled(promise("the stream cancelled when the client's thread is interrupted",
            "C1"), next);
    }

    private static void assertCancelled(PromiseAssert promise, Visit visit) {
        promise.holds(eventually(SOON, () -> visit.cancelled, done -> done),
            "still open after %d s", SOON.toSeconds());
    }

    /// A client whose sink doesn't return slows the server.
    private void assertWaitsForItsSink() {
        var host = new Host(_ -> {});
        var text = "x".repeat(100_000);
        var most = 200;
        var client = host.follow(0, "BTC");
        client.hold();
        var visit = host.next();
        var said = 0;
        while (said < most && eventually(Duration.ofMillis(said < 5 ? 2_000 : 150),
            visit.client::isReady, ready -> ready)) visit.say(++said, text);

        promise("no more than HTTP/2's window takes, while the sink takes its time", "C5",
            "what is read before the sink is done piles up in the client's memory")
            .that(said, "more than %d MB taken", said / 10).isBelow(most);
        client.goOn();
        promise("all quotes when the sink goes on", "C5").of(client).delivers(ids(1, said));
    }

    @Test @Order(17) @Tag("TODO-11") @Tag("client")
    void the_client_sets_a_deadline_of_60_s_for_each_stream() {
        var host = new Host(_ -> {});
        host.follow(0, "BTC");
        var first = assertDeadline(host);
        pass(Duration.ofMillis(400));
        first.say(1, 1).end(Status.UNAVAILABLE);
        var second = assertDeadline(host);

        var later = second.cameAt / 1e9 + second.deadline.orElseThrow() - first.cameAt / 1e9
            - first.deadline.orElseThrow();
        promise("a deadline of its own for each stream: the second began 400 ms later",
            "C6 · gRPC guide: Deadlines", "withDeadlineAfter makes a moment of it, which a stub "
            + "keeps for all its calls").that(later, "%.1f s after the first one", later)
            .isAbove(0.2);
    }

    /// The next stream has a deadline.
    private Visit assertDeadline(Host host) {
        var promise = promise("a deadline in 60 s", "C6 · gRPC guide: Deadlines",
            "without one a client waits forever for a server whose network is gone");
        var visit = host.next();
        promise.holds(visit.deadline.filter(left -> left > 50 && left < 61).isPresent(), "%s",
            visit.deadline.map("in %.1f s"::formatted).orElse("no deadline"));
        return visit;
    }

    @Test @Order(18) @Tag("TODO-12") @Tag("client")
    void the_client_backs_off_further_each_time_and_at_random() {
        // Of each client after 1 and after 3 streams without a quote. A busy machine makes all of
        // them longer.
        var first = new ArrayList<Long>();
        var third = new ArrayList<Long>();
        BooleanSupplier grow = () -> Pauses.median(third) > Pauses.median(first) + 60;
        BooleanSupplier vary = () -> third.stream().anyMatch(pause -> pause < 150);

        inTheBestOf(10, () -> firstPauses().stream().allMatch(pauses ->
            first.add(pauses.get(0)) && third.add(pauses.get(2))), _ -> grow.getAsBoolean()
                && vary.getAsBoolean() || Pauses.areConstant(third, 400));
        promise("longer pauses while nothing comes: up to 100, 200, 400 ms", "C7",
            "a thousand clients that come back at once keep a server down")
            .holds(grow.getAsBoolean(), "after 1 stream %s\nafter 3 streams %s",
                Pauses.shown(first), Pauses.shown(third));
        promise("any pause from 0 to 50 ms × 2^n", "C7",
            "otherwise clients that met one outage come back in step")
            .holds(vary.getAsBoolean(), "never less than half of that: %s", Pauses.shown(third));
    }

    /// Of each of five clients whose streams bring nothing.
    private List<List<Long>> firstPauses() {
        promise("another try after each stream that failed", "C7");
        var hosts = Stream.generate(() -> new Host(visit -> visit.end(Status.UNAVAILABLE))).limit(5)
            .toList();
        hosts.forEach(host -> host.follow(0, "BTC"));
        hosts.forEach(host -> host.visits.await(3, host.client));
        hosts.forEach(host -> host.client.close());
        return hosts.stream().map(host -> host.visits.pauses()).toList();
    }

    @Test @Order(19) @Tag("TODO-12") @Tag("client")
    void the_client_comes_back_soon_after_a_quote_and_after_its_deadline() {
        var quotes = new Host(visit -> visit.say(visit.after() + 1, visit.after() + 1)
            .end(Status.UNAVAILABLE));
        var quiet = new Host(visit -> visit.end(Status.DEADLINE_EXCEEDED));
        quotes.follow(0, "BTC");
        quiet.follow(0, "BTC");

        assertComesBackSoon(promise("at most 50 ms before the next stream, after each one that "
            + "brought a quote", "C7", "the back-off starts again"), quotes);
        assertComesBackSoon(promise("at most 50 ms before the next stream, after each one that "
            + "ended with DEADLINE_EXCEEDED", "C7", "a quiet market is not a failure"), quiet);
    }

    private static void assertComesBackSoon(PromiseAssert promise, Host host) {
        // On a busy machine some are late, but not forever. A client whose back-off goes on waits
        // for 2.5 s on the average by then.
        for (var i = 1; i <= 10 || i <= 14 && !Pauses.areShort(host.visits.pauses()); i++)
            host.visits.await(i, host.client);
        var pauses = host.visits.pauses();
        promise.holds(Pauses.areShort(pauses), "%s", Pauses.shown(pauses));
    }

    @Test @Order(20) @Tag("TODO-13") @Tag("client")
    void the_client_stops_on_a_status_that_another_try_would_not_change() {
        for (var status : List.of(Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.UNIMPLEMENTED,
            Status.PERMISSION_DENIED))
            afterOne(status, promise("an IllegalStateException that names " + status.getCode()
                + " and its description, and no further stream", "C8 · gRPC status codes",
                "the same request will be as wrong in a second: somebody must look at it"),
                end -> end.fails("IllegalStateException", "" + status.getCode(), WORDS));
        afterOne(Status.OK, promise("a client that returns after OK", "C8 · gRPC status codes",
            "OK means that there is no more"), FollowerAssert::returns);
    }

    /// The client ends as wanted after its first stream, of one quote and then this status.
    private void afterOne(Status status, PromiseAssert promise, Consumer<FollowerAssert> wanted) {
        var host = new Host(visit -> visit.say(1, 1).end(status));
        wanted.accept(promise.of(host.follow(0, "BTC")).delivers(ids(1, 1)));
        promise.holds(host.visits.count() == 1, "%d streams", host.visits.count());
    }
}
