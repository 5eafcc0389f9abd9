package wirelab.check;

import module java.base;
import io.grpc.*;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import market.v1.*;
import wirelab.wire.Http2;
import wirelab.wire.Netty;
import wirelab.wire.RpcCall;
import wirelab.wire.RpcRecorder;
import wirelab.wire.Tap;

/// The vocabulary of a gRPC lab's checks: [Checks] over rpcs.
public abstract class RpcChecks extends Checks {
    static {
        Netty.quiet();
    }

    /// Bytes that a server may send before somebody reads: HTTP/2's default (RFC 9113 §6.9.2), not
    /// gRPC's, which is larger and grows.
    private static final int WINDOW = 65_535;

    private final List<RpcRecorder> calls = new CopyOnWriteArrayList<>();
    private volatile ManagedChannel channel;
    /// Past the transcript: thousands of publications are no news.
    private ManagedChannel quiet;

    @Override public List<String> transcript() { return RpcRecorder.transcript(calls); }

    /// A connection of its own to the subject's server.
    protected ManagedChannel connection() { return channelTo(tapped()); }

    /// One through this tap, which can cut it: see [#subjectTap].
    protected ManagedChannel connection(Tap tap) { return channelTo(tap.url()); }

    /// A further proxy before the subject's server.
    protected Tap subjectTap() { return watch(new Tap(subject.url())); }

    /// A connection for a check that speaks HTTP/2 itself.
    protected Http2 http2() { return watch(new Http2(tapped(), patience)); }

    private synchronized ManagedChannel channel() {
        if (channel == null) channel = connected(connection());
        return channel;
    }

    /// Connects, so that no deadline of a call has to cover that: on a busy machine the first
    /// connection of a JVM takes seconds.
    private ManagedChannel connected(ManagedChannel fresh) {
        patience.soon().poll(() -> fresh.getState(true), state -> state == ConnectivityState.READY
            || state == ConnectivityState.TRANSIENT_FAILURE);
        return fresh;
    }

    @Override synchronized void reconnect() {
        super.reconnect();
        channel = null;
        quiet = null;
    }

    private ManagedChannel channelTo(URI server) {
        var channel = NettyChannelBuilder.forAddress(server.getHost(), server.getPort())
            .usePlaintext().flowControlWindow(WINDOW).intercept(new RpcRecorder.Client(calls::add))
            .build();
        watch(channel::shutdownNow);
        return channel;
    }

    /// Begins a call without a deadline that reads whatever comes.
    protected <Q, R> RpcCall<Q, R> call(MethodDescriptor<Q, R> method) {
        return call(channel(), method, CallOptions.DEFAULT, true);
    }

    /// @param reads whether it asks for each next reply by itself, see [RpcCall#read]
    protected <Q, R> RpcCall<Q, R> call(Channel channel, MethodDescriptor<Q, R> method,
            CallOptions options, boolean reads) {
        return watch(new RpcCall<>(channel.newCall(method, options), reads, patience));
    }

    /// A stub for the unary rpcs, with a deadline of [#SOON].
    protected MarketDataGrpc.MarketDataBlockingStub unary() {
        return MarketDataGrpc.newBlockingStub(channel())
            .withDeadlineAfter(SOON.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override protected market.Quote publish(String symbol) {
        var quote = published(draft(symbol));
        return new market.Quote(quote.getId(), quote.getSymbol(), quote.getBid(), quote.getAsk(),
            quote.getTimestampMs());
    }

    private Quote published(Quote draft) {
        try {
            return unary().publishQuote(draft);
        } catch (StatusRuntimeException refused) {
            throw promise("a quote to PublishQuote, which is given: leave it as it was", "README")
                .broken("" + refused.getStatus());
        }
    }

    private static Quote draft(String symbol) {
        var bid = Math.round(ThreadLocalRandom.current().nextDouble(1, 100_000) * 100) / 100.0;
        return draft(symbol, bid, bid + 0.5);
    }

    protected static Quote draft(String symbol, double bid, double ask) {
        return Quote.newBuilder().setSymbol(symbol).setBid(bid).setAsk(ask).build();
    }

    /// Publishes many quotes of this symbol, many at a time; returns their ids in order.
    protected List<Long> publish(String symbol, int count) {
        var ids = new ConcurrentSkipListSet<Long>();
        var done = new Semaphore(0);
        var flying = new Semaphore(500);
        for (var i = 0; i < count; i++) {
            flying.acquireUninterruptibly();
            ClientCalls.asyncUnaryCall(quietChannel().newCall(
                MarketDataGrpc.getPublishQuoteMethod(), CallOptions.DEFAULT), draft(symbol),
                new StreamObserver<Quote>() {
                    @Override public void onNext(Quote quote) { ids.add(quote.getId()); }

                    @Override public void onError(Throwable refused) { onCompleted(); }

                    @Override public void onCompleted() {
                        flying.release();
                        done.release();
                    }
                });
        }
        done.acquireUninterruptibly(count);
        promise("a quote to each PublishQuote, which is given: leave it as it was", "README")
            .holds(ids.size() == count, "%d of %d", ids.size(), count);
        return List.copyOf(ids);
    }

    /// Publishes a quote with these prices.
    protected Quote publish(String symbol, double bid, double ask) {
        return published(draft(symbol, bid, ask));
    }

    private synchronized Channel quietChannel() {
        if (quiet == null) quiet = connected(quietConnection());
        return quiet;
    }

    /// A connection past the tap, whose calls are not in the transcript.
    protected ManagedChannel quietConnection() {
        var server = subject.url();
        var channel = NettyChannelBuilder.forAddress(server.getHost(), server.getPort())
            .usePlaintext().build();
        watch(channel::shutdownNow);
        return channel;
    }

    @Override protected List<Long> publish(int count) { return publish("ETH", count); }

    /// What the server says of itself; not in the transcript, since a check asks again and again.
    protected HealthReply health() {
        try {
            return MarketDataGrpc.newBlockingStub(quietChannel())
                .withDeadlineAfter(SOON.toMillis(), TimeUnit.MILLISECONDS)
                .health(HealthRequest.getDefaultInstance());
        } catch (StatusRuntimeException refused) {
            throw promise("an answer to Health, which is given: leave it as it was", "README")
                .broken("" + refused.getStatus());
        }
    }

    @Override protected int listeners() { return health().getListeners(); }

    // ---- the client

    /// A server of ours on 127.0.0.1, whose calls stand in the transcript.
    protected Server serve(BindableService service) throws IOException {
        return serve(service, UnaryOperator.identity());
    }

    /// @param settings sets what is special about it
    protected Server serve(BindableService service, UnaryOperator<NettyServerBuilder> settings)
            throws IOException {
        var builder = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            .addService(ServerInterceptors.intercept(service, new RpcRecorder.Server(calls::add)))
            .executor(Executors.newVirtualThreadPerTaskExecutor());
        var server = settings.apply(builder).build().start();
        watch(server::shutdownNow);
        return server;
    }

    /// A proxy before a server of ours.
    protected Tap tap(Server server) {
        return watch(new Tap(URI.create("http://127.0.0.1:" + server.getPort())));
    }
}
