///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../labs/market/rpc/MarketService.java
//DEPS ../proto/MarketProto.java
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.*;
import market.Feed;
import market.rpc.Farewell;
import market.rpc.MarketService;
import market.v1.*;
import wirelab.Lab;

/// # Lab 07: gRPC server streaming
/// One request, and an answer that goes on for as long as there is news. HTTP/2 tells the server
/// how much the client can take, and gRPC passes that on. Your job: send what the client is ready
/// for, keep nothing in memory for it besides the feed, and stop working the moment it is gone.
///
/// Check it with `jbang lab07.java`; play with `jbang lab07.java serve`, and `jbang lab07.java
/// client http://127.0.0.1:7007 --symbols BTC,ETH` in another terminal.
///
/// ## The server: `SubscribeQuotes(SubscribeRequest) returns (stream Quote)`
/// - S1 · TODO 1 · A stream brings the quotes of `symbols`: first those that the feed keeps, then
///   each new one. Each comes once, in the order of the ids, and no other quotes come.
/// - S2 · TODO 1 · A quote goes out when it is published: more than 150 ms after PublishQuote is
///   too late. So each stream holds one of the feed's listeners, which `Health` counts.
/// - S3 · TODO 1 · A StreamObserver is not thread-safe: `onNext` must never run twice at once, nor
///   after the end of the stream.
/// - S4 · TODO 2 · A stream begins after `after_id`, or if that is 0, with the oldest quote kept.
/// - S5 · TODO 3 · No symbol → refused at once: INVALID_ARGUMENT, described as `symbols: …`.
/// - S6 · TODO 3 · `after_id` below 0 → refused: INVALID_ARGUMENT, described as `after_id: …`.
/// - S7 · TODO 3 · A symbol that is not known ([MarketService#knows]) → refused at once: NOT_FOUND.
///   The description names the symbol, shortened if it is long: the description travels in the
///   trailers, and clients accept only 8 KiB of them.
/// - S8 · TODO 4 · `after_id` is above the newest id, or the feed has dropped quotes after it, of
///   whatever symbol → refused at once: OUT_OF_RANGE, described as `after_id: …` with the oldest
///   and the newest id that are kept, and how to go on.
/// - S9 · TODO 5 · When the client cancels, its deadline is over, or its connection is gone, the
///   stream's listener is closed at once: within 200 ms.
/// - S10 · TODO 6 · Never call `onNext` while `isReady()` is false, which it is once 32 KiB are
///   unsent: the message would wait in the server's memory. `queued` in `Health` counts such
///   messages and stays 0.
/// - S11 · TODO 6 · Go on with `setOnReadyHandler`. gRPC runs that handler when the client becomes
///   ready again: once, not once per message, and sometimes late. So check `isReady()` before every
///   message.
/// - S12 · TODO 6 · The feed is the only buffer: a stream is a cursor in it. A client that doesn't
///   read delays neither publishers nor other clients. When it reads again, it gets the next quotes
///   from the feed.
/// - S13 · TODO 7 · When the feed has dropped a quote before the client was ready for it, the
///   stream ends with OUT_OF_RANGE, described as in S8, after the quotes that had been sent: at
///   once, or when the client reads again.
/// - S14 · TODO 8 · When the server stops, each stream ends with UNAVAILABLE, at once.
/// - S15 · TODO 9 · At most 100 streams at a time on one connection
///   (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 §6.5.2): gRPC for Java sets no limit by itself.
///
/// ## The client: `follow(base, symbols, after, sink)`
/// - C1 · TODO 10 · It subscribes with `after` as `after_id`, and gives each quote to `sink`, once
///   and in order. It runs until its thread is interrupted; then it cancels the stream.
/// - C2 · TODO 10 · UNAVAILABLE, DEADLINE_EXCEEDED, or CANCELLED (a server was killed: RST_STREAM)
///   → it subscribes again, after the last id that `sink` took, that is: for which it returned.
/// - C3 · TODO 10 · OUT_OF_RANGE → it subscribes again with `after_id` 0: what the feed has dropped
///   is lost, so it goes on with the oldest quote that is kept.
/// - C4 · TODO 10 · `sink` throws → the stream counts as broken before that quote. The client
///   subscribes again, and cancels the old stream, so that the server stops working for nobody.
/// - C5 · TODO 10 · It asks for a quote only when `sink` is done with the one before: a slow sink
///   slows the server, and nothing piles up in between but what HTTP/2's window takes.
/// - C6 · TODO 11 · Each stream has a deadline of its own, 60 s from its beginning. Without one, a
///   client waits forever for a server whose network is gone.
/// - C7 · TODO 12 · Before each further try it waits a random time from 0 to min(5 s, 50 ms × 2^n).
///   n is how many streams in a row brought no quote that `sink` took. A stream that ended with
///   DEADLINE_EXCEEDED was only quiet: after it n is 0.
/// - C8 · TODO 13 · OK → there is no more: it returns. Any other status → an IllegalStateException
///   that names the code, for example `NOT_FOUND`, and the description: trying again won't help.
class lab07 {
    /// At most so many streams at a time on one connection.
    static final int CALLS = 100;
    /// How many quotes are read from the feed in one go.
    static final int BATCH = 100;

    static Server server(Feed feed, int port) {
        var service = new Service(feed);
        var server = configure(service.on(port))
            .permitKeepAliveTime(10, TimeUnit.SECONDS).permitKeepAliveWithoutCalls(true)
            // A client whose network is gone sends no FIN: only a ping without an answer tells.
            .keepAliveTime(30, TimeUnit.SECONDS).keepAliveTimeout(10, TimeUnit.SECONDS)
            .executor(Executors.newVirtualThreadPerTaskExecutor()).build();
        return new Farewell(server, service::stop);
    }

    /// Sets the limits of a connection.
    static NettyServerBuilder configure(NettyServerBuilder builder) {
        return builder.maxConcurrentCallsPerConnection(CALLS);
    }

    static final class Service extends MarketService {
        private static final Status STOPPING =
            Status.UNAVAILABLE.withDescription("the server stops: try another, or come back");

        private final Set<Subscription> subscriptions = ConcurrentHashMap.newKeySet();
        private volatile boolean stopping;

        Service(Feed feed) { super(feed); }

        @Override public void subscribeQuotes(SubscribeRequest request,
                StreamObserver<Quote> client) {
            var refusal = refusal(request);
            // The signature says StreamObserver, but gRPC always hands over this subclass of it.
            // It alone has isReady() and the handlers, which run on a thread of gRPC's, never two
            // at once. (io.grpc.Context tells of a cancel, too, but not of a client that is ready.)
            if (refusal != null) client.onError(refusal.asRuntimeException());
            else open(new Subscription(request, feed, (ServerCallStreamObserver<Quote>) client));
        }

        /// Why this request is refused; null if it isn't.
        private Status refusal(SubscribeRequest request) {
            if (request.getSymbolsCount() == 0) return Status.INVALID_ARGUMENT
                .withDescription("symbols: must not be empty, for example [\"BTC\"]");
            if (request.getAfterId() < 0) return Status.INVALID_ARGUMENT
                .withDescription("after_id: " + request.getAfterId() + ", must be from 0");
            for (var symbol : request.getSymbolsList()) if (!knows(symbol)) return Status.NOT_FOUND
                .withDescription("symbols: '" + shortened(symbol) + "' is not known; BTC, ETH, "
                    + "SOL, EUR are, and what was ever published");
            return outside(request.getAfterId(), feed);
        }

        /// The beginning of a text that is long.
        private static String shortened(String text) {
            // The description travels in the trailers, and clients accept only 8 KiB of them.
            return text.length() <= 40 ? text : text.substring(0, 40) + "…";
        }

        private void open(Subscription subscription) {
            subscription.watch();
            subscriptions.add(subscription);
            // Not on this thread: gRPC calls no handler before subscribeQuotes has returned.
            Thread.startVirtualThread(() -> {
                subscription.run();
                subscriptions.remove(subscription);
            });
            // Whoever opens while stop() runs is seen by it, or sees it.
            if (stopping) subscription.end(STOPPING);
        }

        /// Ends all streams: [Farewell] runs this when the server stops.
        void stop() {
            stopping = true;
            for (var subscription : subscriptions) subscription.end(STOPPING);
        }
    }

    /// Why nobody can go on after this id; null if one can.
    static Status outside(long afterId, Feed feed) {
        // An id above the newest comes from an earlier life of this server.
        var inside = afterId == 0 || !feed.forgot(afterId) && afterId <= feed.newest();
        return inside ? null : lost(afterId, feed);
    }

    /// Says that quotes after this id are lost.
    static Status lost(long id, Feed feed) {
        var kept = feed.kept();
        var range = kept.newest() == 0 ? "no quote is kept"
            : "kept are quotes from " + kept.oldest() + " to " + kept.newest();
        return Status.OUT_OF_RANGE.withDescription("after_id: " + id + ", " + range
            + ": go on with after_id 0 for all there is");
    }

    /// One client's stream: a cursor in the feed, and the one thread that moves it on.
    ///
    /// A StreamObserver is not thread-safe, so that thread alone speaks to the client. Publishers,
    /// gRPC, and whoever stops the server only wake it: none of them ever waits for a client.
    static final class Subscription implements Runnable {
        private final Set<String> symbols;
        private final Feed feed;
        private final ServerCallStreamObserver<Quote> client;
        private final Semaphore news = new Semaphore(0);
        /// How the stream ends; null while it goes on.
        private final AtomicReference<Status> end = new AtomicReference<>();
        /// The last id that the client has; 0 while it has none.
        private long cursor;

        Subscription(SubscribeRequest request, Feed feed, ServerCallStreamObserver<Quote> client) {
            this.feed = feed;
            this.client = client;
            symbols = Set.copyOf(request.getSymbolsList());
            cursor = request.getAfterId();
        }

        /// Has gRPC say when the client is ready again, and when it is gone. It must be told before
        /// subscribeQuotes returns.
        void watch() {
            client.setOnReadyHandler(this::wake);
            // However it went: cancelled, its deadline over, its connection lost.
            client.setOnCancelHandler(() -> end(Status.CANCELLED));
        }

        private void wake() { news.release(); }

        /// Ends the stream soon. The first end counts.
        void end(Status status) {
            end.compareAndSet(null, status);
            wake();
        }

        /// Sends what there is and what comes, until there is an end.
        @Override public void run() {
            // Listen first, then look: a quote published in between is seen by one of the two.
            try (var _ = feed.listen(_ -> wake())) {
                while (end.get() == null) {
                    deliver();
                    await();
                }
            } catch (RuntimeException fault) {
                // Nobody else would tell the client, which would wait forever.
                end(Status.INTERNAL.withDescription("" + fault).withCause(fault));
            }
            if (!client.isCancelled()) client.onError(end.get().asRuntimeException());
        }

        /// Waits for news.
        private void await() {
            if (end.get() != null) return;
            news.acquireUninterruptibly();
            // However much there is: the next look sees all of it.
            news.drainPermits();
        }

        /// Sends on from the cursor as much as the client is ready for.
        private void deliver() {
            while (end.get() == null) {
                // One is enough to see whether it is still there.
                var quotes = feed.after(cursor, client.isReady() ? BATCH : 1);
                if (quotes.isEmpty()) return;
                // Judged by what was read: the feed may drop quotes at any moment.
                if (cursor > 0 && quotes.getFirst().id() > cursor + 1) end(lost(cursor, feed));
                else if (!send(quotes)) return;
            }
        }

        /// Sends those of these quotes that the client subscribed to; false as soon as it is not
        /// ready for more.
        private boolean send(List<market.Quote> quotes) {
            for (var quote : quotes) {
                if (!client.isReady()) return false;
                if (symbols.contains(quote.symbol()))
                    client.onNext(MarketService.message(quote));
                cursor = quote.id();
            }
            return true;
        }
    }

    /// Gives the quotes of these symbols after the id `after` to `sink`, once and in order, until
    /// interrupted, or until the server says that there is no more.
    static void follow(URI base, List<String> symbols, long after, Consumer<Quote> sink)
            throws InterruptedException {
        var channel = channel(base);
        try {
            var reader =
                new Reader(MarketDataGrpc.newBlockingV2Stub(channel), symbols, after, sink);
            while (reader.again(reader.read())) {
                Thread.sleep(backOff(reader.failures));
                // gRPC has a back-off of its own, of a second and more, between two connections;
                // meanwhile it would fail each call without a try.
                channel.resetConnectBackoff();
            }
        } finally {
            channel.shutdownNow();
        }
    }

    /// How long to wait after this many streams in a row that brought nothing.
    static Duration backOff(int failures) {
        var longest = Math.min(5_000, 50L << Math.min(failures, 10));
        // Anything from 0 on: clients that met one outage must not come back in step.
        return Duration.ofMillis(ThreadLocalRandom.current().nextLong(longest + 1));
    }

    /// One stream after the other, and what is known between two of them.
    static final class Reader {
        private final MarketDataGrpc.MarketDataBlockingV2Stub stub;
        private final List<String> symbols;
        private final Consumer<Quote> sink;
        private long last;
        /// How many streams in a row brought no quote.
        private int failures;

        /// @param last the last id that is known
        Reader(MarketDataGrpc.MarketDataBlockingV2Stub stub, List<String> symbols, long last,
                Consumer<Quote> sink) {
            this.stub = stub;
            this.symbols = symbols;
            this.last = last;
            this.sink = sink;
        }

        /// Begins a stream after the last id.
        private BlockingClientCall<?, Quote> subscribe() {
            var request = SubscribeRequest.newBuilder().addAllSymbols(symbols).setAfterId(last);
            // For each stream: a stub that is made once with a deadline keeps that moment for all.
            return stub.withDeadlineAfter(60, TimeUnit.SECONDS).subscribeQuotes(request.build());
        }

        /// Reads one stream to its end; the status that it ended with.
        Status read() throws InterruptedException {
            failures++;
            var stream = subscribe();
            try {
                for (Quote quote; (quote = stream.read()) != null; ) take(quote);
                return Status.OK;
            } catch (StatusException end) {
                return end.getStatus();
            } catch (SinkFailed failed) {
                return Status.UNAVAILABLE.withCause(failed);
            } finally {
                // A stream that isn't read goes on, here and at the server, until it is told.
                stream.cancel("not read any more", null);
            }
        }

        private void take(Quote quote) throws SinkFailed {
            try {
                sink.accept(quote);
            } catch (RuntimeException failure) {
                throw new SinkFailed(failure);
            }
            // Only now: what the sink refused must come again.
            last = quote.getId();
            failures = 0;
        }

        /// Whether to subscribe again after a stream that ended so.
        ///
        /// @throws IllegalStateException if that won't help: a person must look at it
        boolean again(Status end) {
            switch (end.getCode()) {
                case OK -> { return false; }
                // CANCELLED not by us, but by a server that was killed in the middle of it.
                case UNAVAILABLE, CANCELLED -> { }
                // Its own patience: the market was quiet, or the network is gone.
                case DEADLINE_EXCEEDED -> failures = 0;
                // What is lost is lost. A client that can't accept that must get it elsewhere.
                case OUT_OF_RANGE -> last = 0;
                default -> throw new IllegalStateException("SubscribeQuotes ended: "
                    + end.getCode() + ", " + end.getDescription());
            }
            return true;
        }
    }

    // Given for the client.

    /// The sink threw, which is not a status of the server's.
    static final class SinkFailed extends Exception {
        SinkFailed(RuntimeException cause) { super(cause); }
    }

    static ManagedChannel channel(URI base) {
        return NettyChannelBuilder.forAddress(base.getHost(), base.getPort()).usePlaintext()
            .build();
    }

    void main(String... args) {
        Lab.number(7).rpcServer(lab07::server).<Quote>client((start, sink) ->
            follow(start.base(), start.symbols(), start.after(), sink)).main(args);
    }
}
