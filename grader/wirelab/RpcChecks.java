package wirelab;

import module java.base;
import io.grpc.*;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import market.v1.*;

/// The vocabulary of a gRPC lab's checks: [Checks] over rpcs.
public abstract class RpcChecks extends Checks {
    static {
        Lab.quietNetty();
    }

    /// Bytes that a server may send before somebody reads: HTTP/2's default (RFC 9113 §6.9.2), not
    /// gRPC's, which is larger and grows.
    private static final int WINDOW = 65_535;

    private final List<Rpc> calls = new CopyOnWriteArrayList<>();
    private volatile ManagedChannel channel;
    /// Past the transcript: thousands of publications are no news.
    private ManagedChannel quiet;

    @Override List<String> transcript() { return Rpc.transcript(calls); }

    /// A connection of its own to the subject's server.
    protected ManagedChannel connection() { return channelTo(tapped()); }

    /// Where the subject's server is, for a check that speaks HTTP/2 itself.
    protected URI address() { return tapped(); }

    private synchronized ManagedChannel channel() {
        if (channel == null) channel = connection();
        return channel;
    }

    @Override synchronized void reconnect() {
        super.reconnect();
        channel = null;
        quiet = null;
    }

    private ManagedChannel channelTo(URI server) {
        var channel = NettyChannelBuilder.forAddress(server.getHost(), server.getPort())
            .usePlaintext().flowControlWindow(WINDOW).intercept(new Rpc.Client(calls::add))
            .build();
        watch(channel::shutdownNow);
        return channel;
    }

    /// Begins a call without a deadline that reads whatever comes.
    protected <Q, R> Call<Q, R> call(MethodDescriptor<Q, R> method) {
        return call(channel(), method, CallOptions.DEFAULT, true);
    }

    /// @param reads whether it asks for each next reply by itself, see [Call#read]
    protected <Q, R> Call<Q, R> call(Channel channel, MethodDescriptor<Q, R> method,
            CallOptions options, boolean reads) {
        return watch(new Call<>(channel.newCall(method, options), reads));
    }

    /// A stub for the unary rpcs, with a deadline of [#SOON].
    protected MarketDataGrpc.MarketDataBlockingStub unary() {
        return MarketDataGrpc.newBlockingStub(channel())
            .withDeadlineAfter(SOON.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override protected market.Quote publish(String symbol) {
        promise("a quote to PublishQuote, which is given: leave it as it was", "README");
        var quote = published(draft(symbol));
        return new market.Quote(quote.getId(), quote.getSymbol(), quote.getBid(), quote.getAsk(),
            quote.getTimestampMs());
    }

    private Quote published(Quote draft) {
        try {
            return unary().publishQuote(draft);
        } catch (StatusRuntimeException refused) {
            throw new AssertionError("" + refused.getStatus());
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
        promise("a quote to each PublishQuote, which is given: leave it as it was", "README");
        if (ids.size() < count) throw new AssertionError(ids.size() + " of " + count);
        return List.copyOf(ids);
    }

    /// Publishes a quote with these prices.
    protected Quote publish(String symbol, double bid, double ask) {
        promise("a quote to PublishQuote, which is given: leave it as it was", "README");
        return published(draft(symbol, bid, ask));
    }

    private synchronized Channel quietChannel() {
        if (quiet == null) quiet = quietConnection();
        return quiet;
    }

    /// A connection past the tap, whose calls are not in the transcript.
    protected ManagedChannel quietConnection() {
        var server = bench.subject.url();
        var channel = NettyChannelBuilder.forAddress(server.getHost(), server.getPort())
            .usePlaintext().build();
        watch(channel::shutdownNow);
        return channel;
    }

    @Override protected List<Long> publish(int count) { return publish("ETH", count); }

    protected HealthReply health() {
        try {
            return unary().health(HealthRequest.getDefaultInstance());
        } catch (StatusRuntimeException refused) {
            promise("an answer to Health, which is given: leave it as it was", "README");
            throw new AssertionError("" + refused.getStatus());
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
            .addService(ServerInterceptors.intercept(service, new Rpc.Server(calls::add)))
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
