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
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.*;
import market.Feed;
import market.Market;
import market.Quote;
import market.rpc.Farewell;
import market.rpc.MarketService;
import market.v1.*;
import wirelab.Lab;

/// # Lab 09: gRPC bidirectional streaming
/// Orders go one way, and events about them the other way, on one call, each direction at its own
/// pace. Nobody takes turns: a quote on some other thread fills an order while the next order comes
/// in. Your job: send every event once and in order, whichever thread it comes from; keep neither
/// events nor orders for a client that has stopped reading or gone away.
///
/// Check it with `jbang lab09.java`; play with `jbang lab09.java serve`, and
/// `jbang lab09.java client http://127.0.0.1:7009 --count 20` in another terminal.
///
/// ## The server: `TradeStream(stream TradeOrder) returns (stream TradeEvent)`
/// - S1 · TODO 1 · Each order is answered at once, with `accepted` or `rejected`, in the order in
///   which the orders came. No answer waits for a further order or for the client's half-close.
/// - S2 · TODO 2 · A wrong order is `rejected`, the reason begins with the wrong field's name, and
///   the stream goes on. Wrong is: order_id empty; symbol empty or not known
///   ([MarketService#knows]); quantity below 1; side neither BUY nor SELL; limit not finite or not
///   above 0.
/// - S3 · TODO 2, 3 · An order_id is accepted once on a stream (the newest 10,000 count), and then
///   it is a wrong field. A rejected order does not use its order_id up. An order_id may be long.
/// - S4 · TODO 2, 3 · 500 orders of a stream may be open. While they are, each further order is
///   rejected, with a reason that begins with `too many open orders`.
/// - S5 · TODO 3 · A BUY fills when ask ≤ limit, at the ask; a SELL when bid ≥ limit, at the bid. A
///   new order is held against the latest quote of its symbol, of those that the feed keeps.
/// - S6 · TODO 3, 4 · `filled` comes once for an order, after its `accepted`, with its whole
///   quantity, the price, and the id of the quote.
/// - S7 · TODO 4 · The first new quote that matches fills an open order; no quote is missed while
///   the stream opens. Orders that the same quote fills are filled in the order in which they came.
/// - S8 · TODO 5 · Half-close says that no orders follow. Open orders still fill; when none is open
///   and all events have been sent, the call ends with OK.
/// - S9 · TODO 6 · Quotes come on the threads of their publishers, many at a time. A StreamObserver
///   is not thread-safe: `onNext` must never run twice at once, nor after the end of the call.
/// - S10 · TODO 7 · Never call `onNext` while `isReady()` is false. Events wait until gRPC calls
///   the handler of `setOnReadyHandler`. `queued` in `Health` counts messages sent all the same.
/// - S11 · TODO 7 · While events wait, the server goes on reading orders: if it waited for the
///   client to read, and the client for the server, both would wait forever.
/// - S12 · TODO 7 · When more than 1,000 events wait, the call ends with RESOURCE_EXHAUSTED. Other
///   clients notice nothing of it.
/// - S13 · TODO 8 · Each call has one listener of the feed; `Health` counts them. However the call
///   ends (OK, RESOURCE_EXHAUSTED, shutdown, cancelled by the client, its deadline or the loss of
///   its connection), its orders are withdrawn and the listener is closed, at once.
/// - S14 · TODO 9 · When the server stops, open calls end with UNAVAILABLE. [Farewell] runs `stop`.
/// - S15 · TODO 10 · At most 100 calls at a time on one connection: MAX_CONCURRENT_STREAMS in its
///   SETTINGS (RFC 9113 §6.5.2). By itself gRPC for Java sets no limit.
/// - S16 · TODO 10 · A client may send an HTTP/2 PING every `KEEPALIVE_MS` (a setting, default
///   10000), also while it has no call. By itself gRPC for Java allows one in 5 minutes.
/// - S17 · TODO 10 · A client that pings more often gets GOAWAY with ENHANCE_YOUR_CALM and
///   `too_many_pings`, the third time that it is too early.
/// - S18 · TODO 10 · The server pings a connection that has been silent for 30 s, and drops it when
///   no answer comes within 10 s. (Not checked, because that takes longer than a check may.)
///
/// ## The client: `trade(base, count, sink)`
/// - C1 · TODO 11 · It gives each event to `sink`, in order, and asks for the next one only when
///   `sink` has returned: a slow sink slows the server down, and nothing piles up in between.
/// - C2 · TODO 12 · It sends `count` orders, `order(1)` to `order(count)`, each once, on one call;
///   then it half-closes. It returns when the server has ended the call.
/// - C3 · TODO 12 · It keeps 10 orders unanswered while there are more to send, never more than 10,
///   and sends only while `isReady()`. `accepted` and `rejected` are answers, `filled` is not.
/// - C4 · TODO 12 · An answer counts when `sink` has returned from it. A client that cannot keep up
///   with reading must stop sending.
/// - C5 · TODO 13 · The call has a deadline of 60 s. Interrupting the client's thread cancels it.
/// - C6 · TODO 13 · Any status but OK, even UNAVAILABLE, or OK before each order was answered → an
///   IllegalStateException that names the status.
/// - C7 · TODO 13 · It does not try again: nobody knows which orders the server took before it was
///   gone, and an order that is sent again on another call may buy twice.
class lab09 {
    static final int CALLS = 100;
    static final int OPEN = 500;
    // More than OPEN: one quote may fill all of them, and a client that reads must survive that.
    static final int WAITING = 1_000;
    static final int REMEMBERED = 10_000;

    static Server server(Feed feed, int port) {
        var service = new Service(feed);
        var server = configure(service.on(port), Market.setting("KEEPALIVE_MS", 10_000))
            .executor(Executors.newVirtualThreadPerTaskExecutor()).build();
        return new Farewell(server, service::stop);
    }

    /// Sets the limits of a connection.
    ///
    /// @param keepAlive how often a client may ping, milliseconds
    static NettyServerBuilder configure(NettyServerBuilder builder, int keepAlive) {
        // TODO 10: at most CALLS at a time; which pings are permitted; when does the server ping?
        return builder.permitKeepAliveTime(0, TimeUnit.SECONDS);
    }

    static final class Service extends MarketService {
        private final Set<Session> sessions = ConcurrentHashMap.newKeySet();
        private volatile boolean stopping;

        Service(Feed feed) { super(feed); }

        @Override public StreamObserver<TradeOrder> tradeStream(StreamObserver<TradeEvent> client) {
            // A server always gets this kind: it has isReady(), and handlers for what happens to
            // the call. They can be set only until this method returns.
            var session = new Session((ServerCallStreamObserver<TradeEvent>) client, this::knows,
                sessions::remove);
            session.watch();
            session.follow(feed);
            sessions.add(session);
            // A call that opens while stop() runs is seen by stop(), or sees that it runs.
            if (stopping) session.end(Status.UNAVAILABLE.withDescription("the server stops"));
            return session;
        }

        /// Ends all sessions.
        void stop() {
            // TODO 9: end all sessions with UNAVAILABLE, also those that are just opened.
        }
    }

    /// One client's stream: its open orders, and the events that it has yet to be sent.
    ///
    /// gRPC's threads bring orders, those of publishers bring quotes, one more stops the server.
    /// The session's lock makes them take turns. A publisher holds the feed's lock when it comes
    /// here, so code under the session's lock must not ask for the feed's: no `after`, `oldest`,
    /// `newest` of the feed.
    static final class Session implements StreamObserver<TradeOrder> {
        private final ServerCallStreamObserver<TradeEvent> client;
        private final Predicate<String> knows;
        private final Consumer<Session> gone;
        /// By their symbols.
        private final Map<String, Quote> latest = new HashMap<>();
        /// By their ids, in the order in which they came.
        private final Map<String, TradeOrder> open = new LinkedHashMap<>();
        private final SequencedSet<String> accepted = new LinkedHashSet<>();
        /// Events that the client has not been ready for.
        private final Queue<TradeEvent> waiting = new ArrayDeque<>();
        private Feed.Listener listener;
        private boolean halfClosed;
        private boolean over;

        /// @param knows whether there is such a symbol
        /// @param gone  is told at the end
        Session(ServerCallStreamObserver<TradeEvent> client, Predicate<String> knows,
                Consumer<Session> gone) {
            this.client = client;
            this.knows = knows;
            this.gone = gone;
        }

        /// An order came.
        @Override public void onNext(TradeOrder order) {
            // TODO 1: accept or reject the order, see wrong(order); take what is accepted; flush.
            waiting.add(rejected(order, "TODO 1"));
            flush();
        }

        /// Why this order is rejected; null if it isn't.
        private String wrong(TradeOrder order) {
            // TODO 2: each order_id once, and no more than OPEN at a time; else what the other
            // wrong(…) says.
            return null;
        }

        /// Fills an order that was accepted, or keeps it open.
        private void take(TradeOrder order) {
            // TODO 3: remember its id; fill it if the latest quote matches, else keep it open.
        }

        /// Begins to follow the market.
        void follow(Feed feed) {
            // TODO 3 too: know the latest quotes that the feed keeps.
            // TODO 4: and listen to it, without a gap in between.
            listener = feed.listen(_ -> {});
        }

        /// A quote was published.
        private void heard(Quote quote) {
            // TODO 4 too: fill the open orders that this quote matches, in the order of arrival.
        }

        /// The client half-closed.
        @Override public void onCompleted() {
            // TODO 5: no orders follow, but the open ones still fill.
            end(Status.OK);
        }

        /// Ends the call when no more events can come and all of them have been sent.
        private void settle() {
            // TODO 5 too: OK, when the client has half-closed, nothing is open and nothing waits.
        }

        /// Sends the events that the client is ready for.
        private void flush() {
            // TODO 7: only while the client is ready; and what if it never is?
            // TODO 6: no two threads at once, here and in every method that changes this session.
            while (!over && !waiting.isEmpty()) client.onNext(waiting.remove());
            settle();
        }

        /// Notices when the client is ready again, and when it is gone.
        void watch() {
            // TODO 7 too: when may this session go on?
            // TODO 8: how does it notice that its client is gone?
        }

        /// The client cancelled, or is gone.
        @Override public void onError(Throwable cancelled) {
            // TODO 8 too: withdraw.
        }

        /// Ends this session silently, since nobody is left to hear a status.
        private synchronized void withdraw() {
            if (over) return;
            over = true;
            release();
        }

        /// Ends this session and the call.
        synchronized void end(Status status) {
            if (over) return;
            over = true;
            release();
            if (status.isOk()) client.onCompleted();
            else client.onError(status.asRuntimeException());
        }

        /// Lets go of all that this session holds.
        private void release() {
            // TODO 8 too: close the listener, withdraw the orders, leave the service's set.
        }

        /// Keeps the newest quote of each symbol.
        private synchronized void remember(Quote quote) {
            latest.merge(quote.symbol(), quote,
                (known, other) -> other.id() > known.id() ? other : known);
        }
    }

    /// What is wrong with an order in itself, whatever its stream brought before; null if nothing
    /// is.
    ///
    /// @param knows whether there is such a symbol
    static String wrong(TradeOrder order, Predicate<String> knows) {
        // TODO 2 too: the name of the wrong field first, then what is wrong, what is allowed.
        return null;
    }

    /// Whether this quote fills this order.
    static boolean matches(TradeOrder order, Quote quote) {
        // TODO 3 too: the same symbol, and a price within the limit.
        return false;
    }

    // Given for the server.

    static TradeEvent accepted(TradeOrder order) {
        return TradeEvent.newBuilder()
            .setAccepted(Accepted.newBuilder().setOrderId(order.getOrderId())).build();
    }

    static TradeEvent rejected(TradeOrder order, String reason) {
        return TradeEvent.newBuilder().setRejected(Rejected.newBuilder()
            .setOrderId(order.getOrderId()).setReason(reason)).build();
    }

    static TradeEvent filled(TradeOrder order, Quote quote) {
        var price = order.getSide() == Side.BUY ? quote.ask() : quote.bid();
        return TradeEvent.newBuilder().setFilled(Filled.newBuilder()
            .setOrderId(order.getOrderId()).setQuantity(order.getQuantity())
            .setPrice(price).setQuoteId(quote.id())).build();
    }

    /// How many orders may be without an answer.
    static final int UNANSWERED = 10;

    /// Sends `count` orders and gives each event to `sink`, until the server ends the call.
    static void trade(URI base, int count, Consumer<TradeEvent> sink) throws InterruptedException {
        var channel = channel(base);
        try {
            var trader = new Trader(count, sink);
            stub(channel).tradeStream(trader);
            trader.await();
        } finally {
            // Cancels the call if it is still open.
            channel.shutdownNow();
        }
    }

    static MarketDataGrpc.MarketDataStub stub(ManagedChannel channel) {
        // TODO 13: a deadline.
        return MarketDataGrpc.newStub(channel);
    }

    /// The client's side of a call. gRPC calls these methods one at a time: they need no lock.
    static final class Trader implements ClientResponseObserver<TradeOrder, TradeEvent> {
        private final int count;
        private final Consumer<TradeEvent> sink;
        private final Set<String> unanswered = new HashSet<>();
        private final CompletableFuture<Status> end = new CompletableFuture<>();
        private ClientCallStreamObserver<TradeOrder> server;
        private int sent;
        private boolean halfClosed;

        Trader(int count, Consumer<TradeEvent> sink) {
            this.count = count;
            this.sink = sink;
        }

        @Override public void beforeStart(ClientCallStreamObserver<TradeOrder> server) {
            // TODO 11: ask for one event at a time, and for the first one now.
            // TODO 12: send whenever the server is ready.
            this.server = server;
            server.setOnReadyHandler(this::send);
        }

        /// Sends as many orders as it may, and half-closes after the last.
        private void send() {
            // TODO 12 too: no more than UNANSWERED orders without an answer; then half-close.
            while (sent < count) server.onNext(order(++sent));
        }

        /// An event came.
        @Override public void onNext(TradeEvent event) {
            // TODO 11 too: give it to the sink; then note what it answers, send, ask for the next.
        }

        /// Notes which order this event answers, if it does.
        private void answered(TradeEvent event) {
            // TODO 12 too: accepted and rejected are answers, filled is none.
        }

        /// The call ended with a status that is not OK.
        @Override public void onError(Throwable failure) {
            // TODO 13 too: keep the status for await().
            end.complete(Status.OK);
        }

        /// The call ended with OK.
        @Override public void onCompleted() {
            // TODO 13 too: OK is a good end only if each order was sent and answered.
            end.complete(Status.OK);
        }

        /// Waits for the end of the call.
        ///
        /// @throws IllegalStateException if some order was not answered, or the status is not OK
        void await() throws InterruptedException {
            try {
                var status = end.get();
                if (status != Status.OK)
                    throw new IllegalStateException("TradeStream ended: " + status.getCode() + ", "
                        + status.getDescription(), status.getCause());
            } catch (ExecutionException never) {
                throw new IllegalStateException(never);
            }
        }
    }

    // Given for the client.

    static ManagedChannel channel(URI base) {
        return NettyChannelBuilder.forAddress(base.getHost(), base.getPort()).usePlaintext()
            .build();
    }

    /// The order number `n`, from 1: of each known symbol in turn, four to buy, four to sell, at
    /// whatever price.
    static TradeOrder order(int n) {
        var buy = (n - 1) / 4 % 2 == 0;
        return TradeOrder.newBuilder().setOrderId("order-" + n)
            .setSymbol(List.of("BTC", "ETH", "SOL", "EUR").get((n - 1) % 4)).setQuantity(n)
            .setSide(buy ? Side.BUY : Side.SELL).setLimit(buy ? 1e9 : 1e-9).build();
    }

    void main(String... args) {
        Lab.number(9).rpcServer(lab09::server)
            .<TradeEvent>client((start, sink) -> trade(start.base(), start.count(), sink))
            .main(args);
    }
}
