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
/// The client sends as many trades as it has, and the server answers once. Until then either of
/// them may fail, and the client may be faster than the server. Your job: book all of an upload or
/// nothing, book a trade once however often it is sent, and put a bound on the memory for it.
///
/// Check it with `jbang lab08.java`; play with `jbang lab08.java serve`, and
/// `jbang lab08.java client http://127.0.0.1:7008 --count 5000` in another terminal.
///
/// ## The server: `UploadTrades(stream Trade) returns (TradeConfirmation)`
/// - S1 · TODO 1 · There is exactly one answer, with OK, after the client's half-close: how many
///   trades are `accepted`, how many are `duplicates`, and `notional`, the sum of quantity × price
///   of the accepted ones. An upload of nothing gets three zeros.
/// - S2 · TODO 1 · Calls share nothing but the booked ids.
/// - S3 · TODO 1 · Wait `GRACE` ms between half-close and booking: some clients, grpc-js for one,
///   cancel with a half-close and the cancel right behind it. (Not checked, because no wait is long
///   enough to be certain. If your uploads must be complete, send their length first.)
/// - S4 · TODO 2 · A trade is wrong if `client_trade_id` or `symbol` is blank or has more than 100
///   characters (`String.length()`), if `quantity` is below 1, or if `price` is not a finite number
///   above 0. `side` may be missing, and any symbol will do.
/// - S5 · TODO 2 · The first wrong trade ends the call with INVALID_ARGUMENT at once, before the
///   half-close. The description begins with the trade's index, from 0, and its first wrong field
///   in the order of S4, then says what is allowed: `trade 2: quantity: 0, must be from 1`.
/// - S6 · TODO 1, 4, 6 · All or nothing: the trades are booked in one step, after the half-close,
///   when all of them have been worked on. Nothing is kept of an upload that fails: a wrong trade,
///   too many trades, a cancel, a deadline, a lost connection, a server that stops.
/// - S7 · TODO 3 · A trade is a duplicate if its id has been booked before, or came before in the
///   same upload, whatever else it says: it is counted as one and changes nothing. So a client that
///   got no answer sends the whole upload again.
/// - S8 · TODO 3 · If two uploads bring the same trades at the same moment, one of them books all,
///   and the other finds only duplicates.
/// - S9 · TODO 3 · The server remembers the ids of the last `REMEMBERED_TRADES` (a setting, default
///   1000000) booked trades and no more; an older id is new again.
/// - S10 · TODO 4 · While it is open, an upload holds one of the feed's listeners, which `Health`
///   counts; it stands in for the file or transaction that a real service would hold. However the
///   upload ends, even half-closed and at work, it closes the listener at once.
/// - S11 · TODO 5 · An upload has at most `UPLOAD_TRADES` (a setting, default 100000) trades,
///   duplicates included. The first trade beyond that ends the call with RESOURCE_EXHAUSTED at
///   once; the description names the limit.
/// - S12 · TODO 6 · The server works on one trade of an upload at a time, with `work`, which is
///   given: it takes `TRADE_WORK_MS` (a setting, default 0) and calls back from another thread.
///   Only then does the server ask for the next trade.
/// - S13 · TODO 7 · What a client sends meanwhile waits in HTTP/2's window (RFC 9113 §5.2), and
///   when that is full the client isn't ready. The window is 64 KiB (65,536 bytes, or HTTP/2's own
///   65,535) for each call: gRPC for Java begins with 1 MiB, and lets it grow up to 8 MiB.
/// - S14 · TODO 7 · A connection carries at most 100 calls at a time (RFC 9113 §6.5.2,
///   SETTINGS_MAX_CONCURRENT_STREAMS): gRPC for Java sets no limit by itself.
/// - S15 · TODO 8 · When the server stops, open uploads end with UNAVAILABLE ([Farewell] runs
///   `stop`).
///
/// ## The client: `upload(base, count, sink)`
/// - C1 · TODO 9 · It sends trades 0 to `count` − 1 of [Trades], in order, then half-closes. It
///   gives the TradeConfirmation to `sink`, once, and returns.
/// - C2 · TODO 9 · It asks [Trades] for a trade only when it sends it, and sends only while
///   `isReady()`; then it waits for `onReady`. A server that doesn't read must not fill this
///   client's memory.
/// - C3 · TODO 9 · If its thread is interrupted, it cancels the call.
/// - C4 · TODO 10 · A call that ends early is over: the client sends nothing more, and doesn't wait
///   to be ready either. A status other than OK and UNAVAILABLE is an IllegalStateException that
///   names it, and there is no further try.
/// - C5 · TODO 10 · If `accepted` and `duplicates` don't add up to `count`, that is an
///   IllegalStateException, too, and there is no further try.
/// - C6 · TODO 11 · After UNAVAILABLE nobody knows what became of the upload, so the client sends
///   all of it again, with the same ids.
/// - C7 · TODO 11 · Before that it waits a random time from 0 to min(5 s, 50 ms × 2^n); n is 0
///   before the second try and 1 more before each further one.
/// - C8 · TODO 12 · All tries together have a deadline of 60 s: each call carries what is left of
///   it.
class lab08 {
    /// How many calls a connection carries at a time.
    static final int CALLS = 100;
    /// Bytes of a call that a client may send before the server has asked for them.
    static final int WINDOW = 64 * 1024;
    /// Milliseconds from the half-close to the booking, at least.
    static final int GRACE = 3;
    /// Characters of the longest id or symbol.
    static final int LONGEST = 100;

    static Server server(Feed feed, int port) {
        var service = new Service(feed, Policy.fromSettings());
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
        private final Policy policy;
        private final Book book;
        private final Set<Upload> uploads = ConcurrentHashMap.newKeySet();
        private volatile boolean stopping;

        Service(Feed feed, Policy policy) {
            super(feed);
            this.policy = policy;
            book = new Book(policy.rememberedTrades());
        }

        @Override public StreamObserver<Trade> uploadTrades(
                StreamObserver<TradeConfirmation> client) {
            // On a server gRPC's observer is always one of these, which has flow control and tells
            // of a cancel.
            var upload = new Upload((ServerCallStreamObserver<TradeConfirmation>) client, book,
                policy, uploads::remove);
            upload.begin(feed);
            uploads.add(upload);
            // An upload that opens while stop() runs is either seen by it, or sees `stopping`.
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
    /// gRPC's threads bring trades and tell what becomes of the client, others call when a trade
    /// has been worked on, and one more stops the server. Its lock makes them take turns.
    static final class Upload implements StreamObserver<Trade> {
        private final ServerCallStreamObserver<TradeConfirmation> client;
        private final Book book;
        private final Policy policy;
        private final Consumer<Upload> gone;
        /// Quantity × price by id, in the order in which they came.
        private final Map<String, Double> trades = new LinkedHashMap<>();
        private Feed.Listener listener;
        private int count;
        private boolean atWork;
        private boolean halfClosed;
        private boolean over;

        /// @param gone is told at the end
        Upload(ServerCallStreamObserver<TradeConfirmation> client, Book book, Policy policy,
                Consumer<Upload> gone) {
            this.client = client;
            this.book = book;
            this.policy = policy;
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
            // Otherwise gRPC asks for the next one as soon as onNext has returned, which is before
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
                work(trade, policy.workMillis())
                    .whenComplete((_, failure) -> worked(trade, failure));
            }
        }

        /// Why this trade ends the upload; null if it doesn't.
        ///
        /// @param index of the trade, from 0
        private Status refusal(Trade trade, int index) {
            if (index >= policy.uploadTrades()) return tooMany();
            var wrong = wrong(trade);
            return wrong == null ? null
                : Status.INVALID_ARGUMENT.withDescription("trade " + index + ": " + wrong);
        }

        private Status tooMany() {
            return Status.RESOURCE_EXHAUSTED.withDescription("more than "
                + policy.uploadTrades() + " trades: send them in several uploads");
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
            // Only now: a trade that has not been asked for waits at the client, not here.
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

        /// Drops the upload without an answer, since nobody would get it.
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

    /// The booked trades: the ids of the newest ones.
    static final class Book {
        private final int capacity;
        /// In the order in which they were booked.
        private final SequencedSet<String> ids = new LinkedHashSet<>();

        /// @param capacity how many ids are remembered
        Book(int capacity) { this.capacity = capacity; }

        /// Books an upload, all of it in one step.
        ///
        /// @param trades quantity × price by id
        /// @param count  how many came, duplicates included
        synchronized TradeConfirmation book(Map<String, Double> trades, int count) {
            var accepted = 0;
            var notional = 0.0;
            for (var trade : trades.entrySet()) {
                if (!ids.add(trade.getKey())) continue;
                accepted++;
                notional += trade.getValue();
            }
            // Not inside the loop: no id may be forgotten that this upload still brings.
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

    /// What the server is told when it is made.
    ///
    /// @param uploadTrades     how many trades an upload may have
    /// @param rememberedTrades how many booked ids are remembered
    /// @param workMillis       how long the work on a trade takes
    record Policy(int uploadTrades, int rememberedTrades, int workMillis) {
        static Policy fromSettings() {
            return new Policy(Market.setting("UPLOAD_TRADES", 100_000),
                Market.setting("REMEMBERED_TRADES", 1_000_000), Market.setting("TRADE_WORK_MS", 0));
        }
    }

    static TradeConfirmation confirmation(long accepted, long duplicates, double notional) {
        return TradeConfirmation.newBuilder().setAccepted(accepted).setDuplicates(duplicates)
            .setNotional(notional).build();
    }

    /// What has to be done for each trade before it can be booked: think of another service that
    /// says whether the buyer can pay. Returns at once; the future completes on another thread,
    /// or, if there is nothing to wait for, is complete already.
    ///
    /// @param millis how long the work takes
    static CompletableFuture<Void> work(Trade trade, int millis) {
        return millis == 0 ? CompletableFuture.completedFuture(null)
            : CompletableFuture.runAsync(() -> {},
                CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS));
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
        // A moment, not a duration: a further try doesn't start the time again.
        return MarketDataGrpc.newStub(channel(base))
            .withDeadline(Deadline.after(60, TimeUnit.SECONDS));
    }

    /// How long to wait after this many failures before the last one.
    static Duration backOff(int failures) {
        var longest = Math.min(5_000, 50L << Math.min(failures, 10));
        // Anything from 0 on: clients that met the same outage must not come back in step.
        return Duration.ofMillis(ThreadLocalRandom.current().nextLong(longest + 1));
    }

    /// One try. gRPC calls its methods one at a time, so they need no lock.
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

        /// The answer came. It counts once the status has come, too.
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
