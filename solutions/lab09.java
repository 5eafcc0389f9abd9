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
        return builder.maxConcurrentCallsPerConnection(CALLS)
            .permitKeepAliveTime(keepAlive, TimeUnit.MILLISECONDS)
            .permitKeepAliveWithoutCalls(true)
            // A client whose network is gone sends no FIN: only a ping without an answer tells.
            .keepAliveTime(30, TimeUnit.SECONDS).keepAliveTimeout(10, TimeUnit.SECONDS);
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
            stopping = true;
            for (var session : sessions)
                session.end(Status.UNAVAILABLE.withDescription("the server stops"));
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
        @Override public synchronized void onNext(TradeOrder order) {
            if (over) return;
            var wrong = wrong(order);
            waiting.add(wrong == null ? accepted(order) : rejected(order, wrong));
            if (wrong == null) take(order);
            flush();
        }

        /// Why this order is rejected; null if it isn't.
        private String wrong(TradeOrder order) {
            var id = order.getOrderId();
            if (accepted.contains(id)) return "order_id: '" + id + "' was accepted before";
            if (open.size() >= OPEN)
                return "too many open orders: " + OPEN + ", wait until one is filled";
            return lab09.wrong(order, knows);
        }

        /// Fills an order that was accepted, or keeps it open.
        private void take(TradeOrder order) {
            accepted.add(order.getOrderId());
            if (accepted.size() > REMEMBERED) accepted.removeFirst();
            var quote = latest.get(order.getSymbol());
            if (quote != null && matches(order, quote)) waiting.add(filled(order, quote));
            else open.put(order.getOrderId(), order);
        }

        /// Begins to follow the market.
        void follow(Feed feed) {
            listener = feed.listen(this::heard);
            // Listen first, then look: a quote published in between is seen by one of the two.
            feed.after(0, Integer.MAX_VALUE).forEach(this::remember);
        }

        /// A quote was published.
        private synchronized void heard(Quote quote) {
            if (over) return;
            remember(quote);
            var matching = open.values().stream().filter(order -> matches(order, quote));
            for (var order : matching.toList()) {
                open.remove(order.getOrderId());
                waiting.add(filled(order, quote));
            }
            flush();
        }

        /// The client half-closed.
        @Override public synchronized void onCompleted() {
            halfClosed = true;
            settle();
        }

        /// Ends the call when no more events can come and all of them have been sent.
        private void settle() {
            if (halfClosed && open.isEmpty() && waiting.isEmpty()) end(Status.OK);
        }

        /// Sends the events that the client is ready for.
        private synchronized void flush() {
            // gRPC calls this method, too, when the client is ready again.
            while (!over && !waiting.isEmpty() && client.isReady())
                client.onNext(waiting.remove());
            if (waiting.size() > WAITING)
                end(Status.RESOURCE_EXHAUSTED.withDescription("more than " + WAITING
                    + " events wait for you: read them faster"));
            settle();
        }

        /// Notices when the client is ready again, and when it is gone.
        void watch() {
            client.setOnReadyHandler(this::flush);
            // Not only onError: that isn't called any more once the client has half-closed.
            client.setOnCancelHandler(this::withdraw);
        }

        /// The client cancelled, or is gone.
        @Override public void onError(Throwable cancelled) { withdraw(); }

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
            listener.close();
            gone.accept(this);
            open.clear();
            waiting.clear();
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
        if (order.getOrderId().isEmpty()) return "order_id: must not be empty";
        if (!knows.test(order.getSymbol()))
            return "symbol: '" + order.getSymbol() + "', must be one with quotes, like \"BTC\"";
        if (order.getQuantity() < 1)
            return "quantity: " + order.getQuantity() + ", must be a whole number from 1";
        // Not only SIDE_UNSPECIFIED: a newer client may have sides that this server doesn't know.
        if (order.getSide() != Side.BUY && order.getSide() != Side.SELL)
            return "side: must be BUY or SELL";
        return order.getLimit() > 0 && Double.isFinite(order.getLimit()) ? null
            : "limit: " + order.getLimit() + ", must be a finite number above 0";
    }

    /// Whether this quote fills this order.
    static boolean matches(TradeOrder order, Quote quote) {
        return order.getSymbol().equals(quote.symbol()) && (order.getSide() == Side.BUY
            ? quote.ask() <= order.getLimit() : quote.bid() >= order.getLimit());
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
        // An open order may wait for its quote forever; the client waits no longer than this.
        return MarketDataGrpc.newStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
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
            this.server = server;
            server.setOnReadyHandler(this::send);
            server.disableAutoRequestWithInitial(1);
        }

        /// Sends as many orders as it may, and half-closes after the last.
        private void send() {
            while (sent < count && unanswered.size() < UNANSWERED && server.isReady()) {
                var order = order(++sent);
                unanswered.add(order.getOrderId());
                server.onNext(order);
            }
            if (sent < count || halfClosed) return;
            halfClosed = true;
            server.onCompleted();
        }

        /// An event came.
        @Override public void onNext(TradeEvent event) {
            sink.accept(event);
            answered(event);
            send();
            // Only now: an event that nobody has asked for waits at the server, not here.
            server.request(1);
        }

        /// Notes which order this event answers, if it does.
        private void answered(TradeEvent event) {
            if (event.hasAccepted()) unanswered.remove(event.getAccepted().getOrderId());
            if (event.hasRejected()) unanswered.remove(event.getRejected().getOrderId());
        }

        /// The call ended with a status that is not OK.
        @Override public void onError(Throwable failure) {
            end.complete(Status.fromThrowable(failure));
        }

        /// The call ended with OK.
        @Override public void onCompleted() {
            var missing = count - sent + unanswered.size();
            end.complete(missing == 0 ? Status.OK
                : Status.OK.withDescription(missing + " orders without an answer"));
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
