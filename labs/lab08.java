///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../labs/market/rpc/MarketService.java
//DEPS ../proto/MarketProto.java
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.*;
import market.Feed;
import market.Market;
import market.rpc.Farewell;
import market.rpc.MarketService;
import market.v1.*;
import wirelab.Lab;

/// # Lab 08: gRPC client streaming
/// The client sends as much as it has, the server answers once. In between, either may fail, and
/// the client may be faster than the server. Your job: all of an upload or nothing, each trade
/// once, however often it is sent, and never more in memory than you can name.
///
/// Check it with `jbang lab08.java`; play with `jbang lab08.java serve`, and
/// `jbang lab08.java client http://127.0.0.1:7008 --count 5000` in another terminal.
///
/// ## The server: `UploadTrades(stream Trade) returns (TradeConfirmation)`
/// - Exactly one answer, with OK, after the client's half-close: `accepted` trades, `duplicates`,
///   and `notional`, the sum of quantity × price of the accepted ones. An upload of nothing gets
///   three zeros.
/// - A trade is wrong without `client_trade_id` or `symbol` (empty or blank), if one of them has
///   more than 100 characters (`String.length()`), if `quantity` is below 1, or `price` is not
///   finite or not above 0. `side` may be missing, any symbol will do.
/// - The first wrong trade ends the call with INVALID_ARGUMENT, at once, without waiting for the
///   half-close. The description begins with the trade's index, from 0, and its first wrong field
///   in the order above: `trade 2: quantity: 0, must be from 1`. Say what is allowed.
/// - An upload has at most `UPLOAD_TRADES` trades (setting, default 100000), duplicates count as
///   well. The first trade beyond that ends the call with RESOURCE_EXHAUSTED, at once; the
///   description names the limit.
/// - All or nothing: trades are booked in one step, after the half-close, when all of them have
///   been worked on. Of an upload that ends in any other way nothing is kept: a wrong trade, too
///   many, the client cancels, its deadline is over, its connection is gone, the server stops.
///   Wait `GRACE` ms between half-close and booking: some clients cancel with a half-close and the
///   cancel right behind it, grpc-js for one. (Not checked: no time is long enough to be sure. What
///   must be whole has to say how much it is.)
/// - A trade whose id has been booked before, or came before in the same upload, is a duplicate,
///   whatever else it says: it counts as one and changes nothing. So a client that got no answer
///   sends the whole upload again. Where two uploads bring the same trades at the same moment, one
///   books all of them and the other one finds duplicates.
/// - The ids of the last `REMEMBERED_TRADES` (setting, default 1000000) booked trades are
///   remembered, no more; an older one is new again.
/// - The server works on one trade of an upload at a time, with `work`, which is given: it takes
///   `TRADE_WORK_MS` (setting, default 0) and calls back from another thread. Only then does the
///   server ask for the next trade. So a client can't be faster than the server: what it has sent
///   meanwhile waits in HTTP/2's window (RFC 9113 §5.2), and it isn't ready for more. The window is
///   64 KiB (65,536 bytes, or HTTP/2's own 65,535) for each call: gRPC for Java begins with 1 MiB,
///   and lets it grow up to 8 MiB.
/// - Calls share nothing but the booked ids.
/// - An upload holds one of the feed's listeners while it is open, in place of what it would hold
///   elsewhere, a file or a transaction; `Health` counts them. However it ends, even half-closed
///   and at work, it closes the listener at once.
/// - When the server stops, open uploads end with UNAVAILABLE ([Farewell] runs `stop`).
/// - At most 100 calls at a time on one connection (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113
///   §6.5.2): gRPC for Java has no limit by itself.
///
/// ## The client: `upload(base, count, sink)`
/// - Sends trades 0 to `count` − 1 of [Trades], in order, then half-closes. It gives the
///   TradeConfirmation to `sink`, once, and returns.
/// - It asks [Trades] for a trade only when it sends it, and sends only while `isReady()`; then it
///   waits for `onReady`. A server that doesn't read must not fill this client's memory.
/// - A call that ends early is over: it sends nothing more, and doesn't wait to be ready either.
/// - UNAVAILABLE: nothing is known about the upload, so it sends all of it again, with the same
///   ids. Before that it waits a random time from 0 to min(5 s, 50 ms × 2^n); n is 0 before the
///   second try and 1 more before each further one.
/// - Any other status but OK: an IllegalStateException that names it, and no further try. The same
///   if `accepted` and `duplicates` don't add up to `count`.
/// - All tries together have a deadline of 60 s: each call carries what is left of it.
/// - Its thread is interrupted → the call is cancelled.
class lab08 {
    /// At most so many calls at a time on one connection.
    static final int CALLS = 100;
    /// Bytes of a call that a client may send before the server has asked for them.
    static final int WINDOW = 64 * 1024;
    /// Milliseconds from the half-close to the earliest booking.
    static final int GRACE = 3;
    /// Characters of the longest id or symbol.
    static final int LONGEST = 100;

    static Server server(Feed feed, int port) {
        var service = new Service(feed);
        var server = configure(service.on(port))
            // A client whose network is gone sends no FIN: only a ping without an answer tells.
            .keepAliveTime(30, TimeUnit.SECONDS)
            .executor(Executors.newVirtualThreadPerTaskExecutor()).build();
        return new Farewell(server, service::stop);
    }

    /// Sets the limits of a connection.
    static NettyServerBuilder configure(NettyServerBuilder builder) {
        // TODO 7: at most CALLS calls on a connection, each with a window of WINDOW. For now gRPC
        // sets no limit to the one, and up to 8 MiB to the other.
        return builder;
    }

    static final class Service extends MarketService {
        private final Book book = new Book(Market.setting("REMEMBERED_TRADES", 1_000_000));
        private final int limit = Market.setting("UPLOAD_TRADES", 100_000);
        private final Set<Upload> uploads = ConcurrentHashMap.newKeySet();
        private volatile boolean stopping;

        Service(Feed feed) { super(feed); }

        @Override public StreamObserver<Trade> uploadTrades(
                StreamObserver<TradeConfirmation> client) {
            var upload = new Upload((ServerCallStreamObserver<TradeConfirmation>) client, book,
                limit, uploads::remove);
            upload.begin(feed);
            uploads.add(upload);
            // Whoever opens while stop() runs is seen by it, or sees it.
            if (stopping) upload.end(Status.UNAVAILABLE.withDescription("the server stops"));
            return upload;
        }

        /// Ends all uploads.
        void stop() {
            // TODO 8: end all uploads with UNAVAILABLE, also those that are just opened: see
            // uploadTrades. For now they are cut off a second later.
        }
    }

    /// One upload, until it is booked or has failed.
    ///
    /// gRPC's threads bring trades and what becomes of the client, others say when a trade has been
    /// worked on, one more stops the server. Its lock makes them take turns.
    static final class Upload implements StreamObserver<Trade> {
        private final ServerCallStreamObserver<TradeConfirmation> client;
        private final Book book;
        private final int limit;
        private final Consumer<Upload> gone;
        /// Quantity × price by id, in the order in which they came.
        private final Map<String, Double> trades = new LinkedHashMap<>();
        private Feed.Listener listener;
        private int count;
        private boolean atWork;
        private boolean halfClosed;
        private boolean over;

        /// @param limit how many trades it may have
        /// @param gone  is told at the end
        Upload(ServerCallStreamObserver<TradeConfirmation> client, Book book, int limit,
                Consumer<Upload> gone) {
            this.client = client;
            this.book = book;
            this.limit = limit;
            this.gone = gone;
        }

        void begin(Feed feed) {
            // TODO 4: hold a listener of the feed while the upload is open. Notice when the client
            // is gone, even after its half-close: see setOnCancelHandler.
            pace();
        }

        /// Says when gRPC may bring the next trade.
        private void pace() {
            // TODO 6: disableAutoRequest(), and ask for one trade. For now gRPC asks for the next
            // one whenever onNext has returned.
        }

        /// The next trade came.
        @Override public synchronized void onNext(Trade trade) {
            // TODO 2: end(…) the upload if there is a refusal(…), and look at nothing after that.
            // TODO 6 too: work(trade) first, which says later, on another thread, that it is done.
            count++;
            worked(trade, null);
        }

        /// Why this trade ends the upload; null if it doesn't.
        ///
        /// @param index of the trade, from 0
        private Status refusal(Trade trade, int index) {
            // TODO 2 too: INVALID_ARGUMENT with the index and what is wrong(trade). For now all is
            // welcome.
            // TODO 5: tooMany(), when `limit` trades have come already.
            return null;
        }

        private Status tooMany() {
            return Status.RESOURCE_EXHAUSTED.withDescription("more than " + limit
                + " trades: send them in several uploads");
        }

        /// The trade that came last has been worked on.
        ///
        /// @param failure null if it went well
        private synchronized void worked(Trade trade, Throwable failure) {
            // TODO 1: remember the trade's id and its quantity × price. For now it is counted, and
            // forgotten.
            // TODO 6 too: ask for the next one. May the upload be over, or the half-close have
            // come?
        }

        /// The client half-closed.
        @Override public void onCompleted() {
            // TODO 1 too: complete(), GRACE ms from now: see CompletableFuture.delayedExecutor. For
            // now each upload is one trade of no value.
            client.onNext(confirmation(1, 0, 0));
            client.onCompleted();
        }

        /// All trades have come.
        private synchronized void complete() {
            halfClosed = true;
            settle();
        }

        /// Books the trades and answers, when all have come and have been worked on.
        private void settle() {
            // TODO 1 too: answer once; the book says what.
            // TODO 6 too: book nothing before the last trade has been worked on.
        }

        /// The client cancelled, or is gone.
        @Override public void onError(Throwable cancelled) { abandon(); }

        /// Drops the upload without a word, since there is nobody to hear it.
        private synchronized void abandon() {
            // TODO 4 too: drop it, but don't answer: nobody is there.
        }

        /// Drops the upload and tells the client why.
        synchronized void end(Status status) {
            if (over) return;
            over = true;
            release();
            client.onError(status.asRuntimeException());
        }

        /// Lets go of all that this upload holds.
        private void release() {
            // TODO 4 too: close the listener, forget the trades, leave the service's set.
        }
    }

    /// The trades that are booked: the ids of the newest.
    static final class Book {
        private final int capacity;
        /// In the order in which they were booked.
        private final SequencedSet<String> ids = new LinkedHashSet<>();

        /// @param capacity how many ids are remembered
        Book(int capacity) { this.capacity = capacity; }

        /// Books an upload, all of it in one step.
        ///
        /// @param trades quantity × price by id
        /// @param count  how many came, duplicates among them
        synchronized TradeConfirmation book(Map<String, Double> trades, int count) {
            // TODO 3: count each id once, in this upload and in all that were booked before; of
            // these remember the newest `capacity`. For now there are no duplicates.
            var notional = trades.values().stream().mapToDouble(value -> value).sum();
            return confirmation(count, 0, notional);
        }
    }

    /// What is wrong with a trade; null if nothing is.
    static String wrong(Trade trade) {
        // TODO 2 too: the name of the first wrong field, then what is wrong, what is allowed.
        return null;
    }

    /// What is wrong with an id or a symbol; null if nothing is.
    private static String name(String field, String text) {
        // TODO 2 too: not blank, at most LONGEST characters.
        return null;
    }

    // Given for the server.

    static TradeConfirmation confirmation(long accepted, long duplicates, double notional) {
        return TradeConfirmation.newBuilder().setAccepted(accepted).setDuplicates(duplicates)
            .setNotional(notional).build();
    }

    /// What has to be done for each trade before it can be booked: think of another service that is
    /// asked whether its buyer can pay. Returns at once; the future completes on another thread,
    /// or, if there is nothing to wait for, is complete already.
    static CompletableFuture<Void> work(Trade trade) {
        var pause = Market.setting("TRADE_WORK_MS", 0);
        return pause == 0 ? CompletableFuture.completedFuture(null)
            : CompletableFuture.runAsync(() -> {},
                CompletableFuture.delayedExecutor(pause, TimeUnit.MILLISECONDS));
    }

    /// Uploads `count` trades and gives the confirmation to `sink`.
    static void upload(URI base, int count, Consumer<TradeConfirmation> sink)
            throws InterruptedException {
        // TODO 9: however this ends, channel.shutdownNow(): it cancels a call that is still open.
        // TODO 11: after UNAVAILABLE try again, after backOff(…), with the same `trades`.
        var attempt = new Attempt(new Trades(), count);
        stub(base).uploadTrades(attempt);
        attempt.await();
        sink.accept(attempt.confirmation());
    }

    /// A stub for all tries.
    static MarketDataGrpc.MarketDataStub stub(URI base) {
        // TODO 12: one deadline for all tries: see withDeadline(…). For now they may take for ever.
        return MarketDataGrpc.newStub(channel(base));
    }

    /// How long to wait after this many failures before the last one.
    static Duration backOff(int failures) {
        // TODO 11 too: longer after each failure, and by chance.
        return Duration.ZERO;
    }

    /// One try. gRPC calls its methods one at a time: they need no lock.
    static final class Attempt implements ClientResponseObserver<Trade, TradeConfirmation> {
        private final Trades trades;
        private final int count;
        private final CompletableFuture<Status> end = new CompletableFuture<>();
        private ClientCallStreamObserver<Trade> server;
        private int sent;
        private boolean halfClosed;
        private volatile TradeConfirmation confirmation = TradeConfirmation.getDefaultInstance();

        Attempt(Trades trades, int count) {
            this.trades = trades;
            this.count = count;
        }

        @Override public void beforeStart(ClientCallStreamObserver<Trade> server) {
            this.server = server;
            // TODO 9 too: send() whenever the server has room: see setOnReadyHandler. For now once.
            server.setOnReadyHandler(() -> {
                if (sent == 0) send();
            });
        }

        /// Sends as many trades as the server has room for, and half-closes after the last.
        private void send() {
            // TODO 9 too: only while the server has room; and half-close after the last trade.
            while (sent < count) server.onNext(trades.get(sent++));
        }

        /// The answer came. It counts when the status has come, too.
        @Override public void onNext(TradeConfirmation answer) { confirmation = answer; }

        /// The call ended with a status that is not OK.
        @Override public void onError(Throwable failure) {
            end.complete(Status.fromThrowable(failure));
        }

        /// The call ended with OK.
        @Override public void onCompleted() { end.complete(Status.OK); }

        /// Waits for the end of the call.
        ///
        /// @return OK, or UNAVAILABLE: then it is worth another try
        /// @throws IllegalStateException if it isn't
        Status.Code await() throws InterruptedException {
            // TODO 10: an IllegalStateException that names the status, unless it is OK.
            // TODO 11 too: or UNAVAILABLE.
            try {
                return end.get().getCode();
            } catch (ExecutionException never) {
                throw new IllegalStateException(never);
            }
        }

        /// The confirmation, if it is about all trades.
        TradeConfirmation confirmation() {
            // TODO 10 too: is it about `count` trades?
            return confirmation;
        }
    }

    // Given for the client.

    static ManagedChannel channel(URI base) {
        return NettyChannelBuilder.forAddress(base.getHost(), base.getPort()).usePlaintext()
            .build();
    }

    /// The trades to upload, as if read from a file: trade `n` is made when somebody first asks for
    /// it, and then remembered, so that it has the same id in each try. Ids begin with the
    /// time at which the trade was made, microseconds since 1970.
    static final class Trades {
        private static final List<String> SYMBOLS = List.of("BTC", "ETH", "SOL", "EUR");

        private final String run = Integer.toHexString(ThreadLocalRandom.current().nextInt());
        private final List<Trade> made = new ArrayList<>();

        /// @param n from 0; at most 1 more than the highest one so far
        synchronized Trade get(int n) {
            if (n == made.size()) made.add(trade(n));
            return made.get(n);
        }

        private Trade trade(int n) {
            var now = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
            return Trade.newBuilder().setClientTradeId(now + "-" + run + "-" + n)
                .setSymbol(SYMBOLS.get(n % 4)).setQuantity(1 + n % 10).setPrice(100 + n % 50 / 2.0)
                .setSide(n % 3 == 0 ? Side.SELL : Side.BUY).build();
        }
    }

    void main(String... args) {
        Lab.number(8).rpcServer(lab08::server).<TradeConfirmation>client((start, sink) ->
            upload(start.base(), start.count(), sink)).main(args);
    }
}
