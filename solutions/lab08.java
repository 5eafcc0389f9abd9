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
        // Together: a connection can't have more than 6.4 MB waiting here. On a line with a long
        // delay a larger window is faster; then take fewer calls.
        return builder.maxConcurrentCallsPerConnection(CALLS).flowControlWindow(WINDOW);
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
            stopping = true;
            for (var upload : uploads)
                upload.end(Status.UNAVAILABLE.withDescription("the server stops"));
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
            listener = feed.listen(_ -> {});
            // Not only onError: that isn't called any more once the client has half-closed.
            client.setOnCancelHandler(this::abandon);
            pace();
        }

        /// Says when gRPC may bring the next trade.
        private void pace() {
            // By itself gRPC asks for the next one as soon as onNext has returned, which is before
            // this one has been worked on.
            client.disableAutoRequest();
            client.request(1);
        }

        /// The next trade came.
        @Override public synchronized void onNext(Trade trade) {
            if (over) return;
            var refusal = refusal(trade, count++);
            if (refusal != null) end(refusal);
            else {
                atWork = true;
                work(trade).whenComplete((_, failure) -> worked(trade, failure));
            }
        }

        /// Why this trade ends the upload; null if it doesn't.
        ///
        /// @param index of the trade, from 0
        private Status refusal(Trade trade, int index) {
            if (index >= limit) return tooMany();
            var wrong = wrong(trade);
            return wrong == null ? null
                : Status.INVALID_ARGUMENT.withDescription("trade " + index + ": " + wrong);
        }

        private Status tooMany() {
            return Status.RESOURCE_EXHAUSTED.withDescription("more than " + limit
                + " trades: send them in several uploads");
        }

        /// The trade that came last has been worked on.
        ///
        /// @param failure null if it went well
        private synchronized void worked(Trade trade, Throwable failure) {
            if (over) return;
            if (failure != null) {
                end(Status.UNAVAILABLE.withDescription("" + failure));
                return;
            }
            atWork = false;
            trades.putIfAbsent(trade.getClientTradeId(), trade.getQuantity() * trade.getPrice());
            // Only now: what has not been asked for waits at the client, not here.
            client.request(1);
            settle();
        }

        /// The client half-closed.
        @Override public void onCompleted() {
            // Not at once: what looks like the end may be the beginning of a cancel.
            CompletableFuture.delayedExecutor(GRACE, TimeUnit.MILLISECONDS).execute(this::complete);
        }

        /// All trades have come.
        private synchronized void complete() {
            halfClosed = true;
            settle();
        }

        /// Books the trades and answers, when all have come and have been worked on.
        private void settle() {
            // The half-close may overtake the work on the last trade.
            if (over || !halfClosed || atWork) return;
            over = true;
            var confirmation = book.book(trades, count);
            release();
            client.onNext(confirmation);
            client.onCompleted();
        }

        /// The client cancelled, or is gone.
        @Override public void onError(Throwable cancelled) { abandon(); }

        /// Drops the upload without a word, since there is nobody to hear it.
        private synchronized void abandon() {
            over = true;
            release();
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
            listener.close();
            gone.accept(this);
            trades.clear();
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
            var accepted = 0;
            var notional = 0.0;
            for (var trade : trades.entrySet()) {
                if (!ids.add(trade.getKey())) continue;
                accepted++;
                notional += trade.getValue();
            }
            // Afterwards: else an upload could make the book forget what comes later in it.
            while (ids.size() > capacity) ids.removeFirst();
            return confirmation(accepted, count - accepted, notional);
        }
    }

    /// What is wrong with a trade; null if nothing is.
    static String wrong(Trade trade) {
        var id = name("client_trade_id", trade.getClientTradeId());
        if (id != null) return id;
        var symbol = name("symbol", trade.getSymbol());
        if (symbol != null) return symbol;
        if (trade.getQuantity() < 1) return "quantity: " + trade.getQuantity() + ", must be from 1";
        return trade.getPrice() > 0 && Double.isFinite(trade.getPrice()) ? null
            : "price: " + trade.getPrice() + ", must be a finite number above 0";
    }

    /// What is wrong with an id or a symbol; null if nothing is.
    private static String name(String field, String text) {
        if (text.isBlank()) return field + ": must not be empty";
        // Without a limit the ids alone could fill the memory.
        return text.length() <= LONGEST ? null
            : field + ": " + text.length() + " characters, at most " + LONGEST;
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
        var trades = new Trades();
        var stub = stub(base);
        var channel = (ManagedChannel) stub.getChannel();
        try {
            for (var failures = 0; ; failures++) {
                var attempt = new Attempt(trades, count);
                stub.uploadTrades(attempt);
                if (attempt.await() == Status.Code.OK) {
                    sink.accept(attempt.confirmation());
                    return;
                }
                Thread.sleep(backOff(failures));
                // gRPC has a back-off of its own, of a second and more, between two connections;
                // meanwhile it would fail each call without a try.
                channel.resetConnectBackoff();
            }
        } finally {
            // Cancels the call if it is still open.
            channel.shutdownNow();
        }
    }

    /// A stub for all tries.
    static MarketDataGrpc.MarketDataStub stub(URI base) {
        // A moment, not a duration: a try that fails doesn't begin the time anew.
        return MarketDataGrpc.newStub(channel(base))
            .withDeadline(Deadline.after(60, TimeUnit.SECONDS));
    }

    /// How long to wait after this many failures before the last one.
    static Duration backOff(int failures) {
        var longest = Math.min(5_000, 50L << Math.min(failures, 10));
        // Anything from 0 on: clients that met one outage must not come back in step.
        return Duration.ofMillis(ThreadLocalRandom.current().nextLong(longest + 1));
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
            // Called when the call begins, and again each time that it has room after it had none.
            server.setOnReadyHandler(this::send);
        }

        /// Sends as many trades as the server has room for, and half-closes after the last.
        private void send() {
            // A call that has ended isn't ready any more, and gets no onReady.
            while (sent < count && server.isReady()) server.onNext(trades.get(sent++));
            if (sent < count || halfClosed) return;
            halfClosed = true;
            server.onCompleted();
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
            try {
                var status = end.get();
                if (status.isOk() || status.getCode() == Status.Code.UNAVAILABLE)
                    return status.getCode();
                throw new IllegalStateException("UploadTrades ended: " + status.getCode() + ", "
                    + status.getDescription());
            } catch (ExecutionException never) {
                throw new IllegalStateException(never);
            }
        }

        /// The confirmation, if it is about all trades.
        TradeConfirmation confirmation() {
            // A server may end a call with OK before it has read all of it.
            var confirmed = confirmation.getAccepted() + confirmation.getDuplicates();
            if (confirmed == count) return confirmation;
            throw new IllegalStateException(
                confirmed + " of " + count + " trades confirmed: " + confirmation);
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
