///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES Benchmark.java
//SOURCES Scripts.java
//DEPS ../proto/MarketProto.java
//DEPS io.grpc:grpc-bom:1.85.1@pom
//DEPS io.grpc:grpc-netty-shaded
//DEPS io.grpc:grpc-protobuf
//DEPS io.grpc:grpc-stub
//DEPS info.picocli:picocli:4.7.7
//RUNTIME_OPTIONS --enable-native-access=ALL-UNNAMED -XX:TieredStopAtLevel=4

import module java.base;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.*;
import market.v1.*;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// # streams
/// Measures the streams of the gRPC labs' solutions and of a grpc-js server that does the same, one
/// server after the other, with one client; and what a quote costs on the wire. The client takes
/// its share of the same machine, so compare the rows of one run, and nothing else.
@Command(name = "streams",
    description = "Measures the gRPC labs' streams beside grpc-js, and a quote's bytes.")
class streams extends Benchmark {
    /// The log keeps all that is published.
    static final Map<String, String> ALL = Map.of("FEED_CAPACITY", "1000000");
    /// Orders that have not been filled yet, at most.
    static final int OUTSTANDING = 100;

    @Option(names = "--messages", paramLabel = "N", defaultValue = "50000",
        description = "In each stream, 1000 to 90000. Default: 50000.")
    int messages;
    @Option(names = "--only", paramLabel = "NAME", defaultValue = "",
        description = "Streams with this in their name, like 'orders'.")
    String only;
    @Option(names = "--rounds", paramLabel = "N", defaultValue = "5",
        description = "Measured after one to warm up, 1 to 100; the median counts. Default: 5.")
    int rounds;

    /// A row: messages a second, and the time of one, microseconds.
    record Result(double rate, double median, double p99) {
        static Result of(int count, long nanos, long[] each) {
            Arrays.sort(each);
            return new Result(count / (nanos / 1e9), each[each.length / 2] / 1e3,
                each[each.length * 99 / 100] / 1e3);
        }
    }

    interface Round {
        Result run(MarketDataGrpc.MarketDataStub market, int count) throws Exception;
    }

    /// @param lab whose solution serves it
    record Subject(String name, String lab, Round round) {}

    @Override public Integer call() throws Exception {
        check("--messages", messages, 1_000, 90_000);
        check("--rounds", rounds, 1, 100);
        var node = node("streams-server.mjs", "@grpc/grpc-js");
        var all = List.of(new Subject("quotes from the log", "07", streams::replay),
            new Subject("quotes, one at a time", "07", streams::live),
            new Subject("trades uploaded", "08", streams::upload),
            new Subject("orders, 100 open", "09", streams::trade));
        var wanted = all.stream().filter(stream -> stream.name.contains(only)).toList();
        if (wanted.isEmpty())
            throw new Unusable("--only '" + only + "': there are " + all.stream()
                .map(Subject::name).collect(Collectors.joining("; ")) + ".");
        System.out.printf("%d messages a round, median of %d rounds%n%n%-24s %-10s %10s %10s %8s%n",
            messages, rounds, "stream", "server", "messages/s", "median µs", "p99 µs");
        for (var stream : wanted) {
            var theirs = measure(stream, node);
            print(stream.name, "grpc-js", theirs);
            var ours = measure(stream, lab(stream.lab));
            print("", "lab " + stream.lab, ours);
            System.out.printf("%-24s %-10s %10.2f %10.2f %8.2f%n", "", "  ratio",
                ours.rate / theirs.rate, ours.median / theirs.median, ours.p99 / theirs.p99);
        }
        if (!only.isEmpty()) return 0;
        System.out.printf("%nbytes on the wire for each of 1000 quotes, published one at a time%n");
        System.out.printf("  JSON, server-sent events (lab 05)  %6.1f%n", sse(1_000));
        System.out.printf("  protobuf, gRPC (lab 07)            %6.1f%n", grpc(1_000));
        System.out.printf("%n100000 quotes published while a client of lab 07 reads nothing%n");
        stall(100_000, 10_000);
        stall(100_000, 200_000);
        return 0;
    }

    private static void print(String stream, String server, Result result) {
        System.out.printf("%-24s %-10s %10.0f %10.0f %8.0f%n", stream, server, result.rate,
            result.median, result.p99);
    }

    /// The median of each column.
    private Result measure(Subject stream, List<String> command) throws Exception {
        try (var server = new Server(command, ALL); var client = new Client(server.port)) {
            publish(client.market, messages);
            stream.round.run(client.market, messages);
            var results = new ArrayList<Result>();
            for (var i = 0; i < rounds; i++)
                results.add(stream.round.run(client.market, messages));
            return new Result(median(results, Result::rate), median(results, Result::median),
                median(results, Result::p99));
        }
    }

    private static double median(List<Result> results, ToDoubleFunction<Result> column) {
        var sorted = results.stream().mapToDouble(column).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    // ---- the streams

    static final Quote DRAFT = Quote.newBuilder().setSymbol("BTC").setBid(64210.5).setAsk(64211)
        .build();

    /// Publishes so many quotes, 100 at a time.
    static void publish(MarketDataGrpc.MarketDataStub market, int count) throws Exception {
        var free = new Semaphore(100);
        for (var i = 0; i < count; i++) {
            acquire(free, 1);
            market.publishQuote(DRAFT, new End<>(_ -> free.release()));
        }
        acquire(free, 100);
    }

    private static void acquire(Semaphore permits, int count) throws Exception {
        if (!permits.tryAcquire(count, PATIENCE.toSeconds(), TimeUnit.SECONDS))
            throw new IllegalStateException("nothing came within " + PATIENCE.toSeconds() + " s");
    }

    /// Reads the first quotes of the log.
    static Result replay(MarketDataGrpc.MarketDataStub market, int count) throws Exception {
        var at = new long[count];
        var begun = System.nanoTime();
        try (var reader = new Reader(market, 0, count, (i, _) -> at[i] = System.nanoTime())) {
            reader.await();
        }
        var pauses = new long[count - 1];
        for (var i = 1; i < count; i++) pauses[i - 1] = at[i] - at[i - 1];
        return Result.of(count, at[count - 1] - begun, pauses);
    }

    /// Publishes a quote when the one before has arrived; a tenth of the messages.
    static Result live(MarketDataGrpc.MarketDataStub market, int messages) throws Exception {
        var count = messages / 10;
        var newest = new CompletableFuture<Long>();
        market.publishQuote(DRAFT, new End<>(quote -> newest.complete(quote.getId())));
        var took = new long[count];
        var published = new Semaphore(0);
        var arrived = new Semaphore(0);
        var after = newest.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        var begun = System.nanoTime();
        try (var _ = new Reader(market, after, count, (_, _) -> arrived.release())) {
            for (var i = 0; i < count; i++) {
                var sent = System.nanoTime();
                market.publishQuote(DRAFT, new End<>(_ -> published.release()));
                acquire(arrived, 1);
                took[i] = System.nanoTime() - sent;
            }
        }
        acquire(published, count);
        return Result.of(count, System.nanoTime() - begun, took);
    }

    /// Uploads new trades, as fast as the server takes them; the times are of whole uploads.
    static Result upload(MarketDataGrpc.MarketDataStub market, int count) throws Exception {
        var upload = UUID.randomUUID().toString();
        var begun = System.nanoTime();
        var confirmed = new CompletableFuture<TradeConfirmation>();
        var sender = new Sender<Trade, TradeConfirmation>(count, i -> Trade.newBuilder()
            .setClientTradeId(upload + i).setSymbol("BTC").setQuantity(2).setPrice(64210.5)
            .setSide(Side.BUY).build(), confirmed::complete);
        market.uploadTrades(sender);
        if (confirmed.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).getAccepted() != count)
            throw new IllegalStateException("" + confirmed.get());
        var took = System.nanoTime() - begun;
        return Result.of(count, took, new long[] {took});
    }

    /// Sends orders that are filled at once; the times are from an order to its `accepted`.
    static Result trade(MarketDataGrpc.MarketDataStub market, int count) throws Exception {
        var sent = new long[count];
        var took = new long[count];
        var open = new Semaphore(OUTSTANDING);
        var orders = market.tradeStream(new End<>(event -> {
            var accepted = event.getAccepted().getOrderId();
            if (event.hasFilled()) open.release();
            else took[Integer.parseInt(accepted)] =
                System.nanoTime() - sent[Integer.parseInt(accepted)];
        }));
        var begun = System.nanoTime();
        for (var i = 0; i < count; i++) {
            acquire(open, 1);
            sent[i] = System.nanoTime();
            orders.onNext(TradeOrder.newBuilder().setOrderId("" + i).setSymbol("BTC").setQuantity(1)
                .setSide(Side.BUY).setLimit(70_000).build());
        }
        acquire(open, OUTSTANDING);
        var all = System.nanoTime() - begun;
        orders.onCompleted();
        return Result.of(count, all, took);
    }

    /// Gives each message to `each`; an error ends the program.
    static class End<T> implements StreamObserver<T> {
        private final Consumer<T> each;

        End(Consumer<T> each) { this.each = each; }

        @Override public void onNext(T message) { each.accept(message); }

        @Override public void onError(Throwable failure) {
            System.err.println(failure.getMessage());
            System.exit(3);
        }

        @Override public void onCompleted() { }
    }

    /// Sends what a client is ready for.
    static final class Sender<Q, A> extends End<A> implements ClientResponseObserver<Q, A> {
        private final int count;
        private final IntFunction<Q> message;
        private int next;
        private boolean over;

        Sender(int count, IntFunction<Q> message, Consumer<A> answer) {
            super(answer);
            this.count = count;
            this.message = message;
        }

        @Override public void beforeStart(ClientCallStreamObserver<Q> call) {
            call.setOnReadyHandler(() -> {
                while (call.isReady() && next < count) call.onNext(message.apply(next++));
                if (next == count && !over) {
                    over = true;
                    call.onCompleted();
                }
            });
        }
    }

    /// Reads quotes, then cancels.
    static final class Reader implements AutoCloseable {
        private final CountDownLatch left;
        private final CompletableFuture<ClientCallStreamObserver<?>> call =
            new CompletableFuture<>();

        Reader(MarketDataGrpc.MarketDataStub market, long after, int count,
                BiConsumer<Integer, Quote> each) {
            left = new CountDownLatch(count);
            market.subscribeQuotes(SubscribeRequest.newBuilder().addSymbols("BTC").setAfterId(after)
                .build(), new ClientResponseObserver<SubscribeRequest, Quote>() {
                    private int index;

                    @Override public void beforeStart(
                            ClientCallStreamObserver<SubscribeRequest> begun) {
                        call.complete(begun);
                    }

                    @Override public void onNext(Quote quote) {
                        if (index >= count) return;
                        each.accept(index++, quote);
                        left.countDown();
                    }

                    @Override public void onError(Throwable cancelled) { }

                    @Override public void onCompleted() { }
                });
        }

        void await() throws InterruptedException {
            if (!left.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                throw new IllegalStateException(left.getCount() + " quotes did not come");
        }

        @Override public void close() { call.join().cancel("read enough", null); }
    }

    // ---- a quote on the wire

    private static double grpc(int count) throws Exception {
        try (var server = new Server(lab("07"), ALL); var relay = new Relay(server.port);
             var direct = new Client(server.port); var client = new Client(relay.port())) {
            publish(direct.market, 1);
            var arrived = new Semaphore(0);
            try (var _ = new Reader(client.market, 0, count + 1, (_, _) -> arrived.release())) {
                acquire(arrived, 1);
                var before = relay.bytes();
                for (var i = 0; i < count; i++) {
                    publish(direct.market, 1);
                    acquire(arrived, 1);
                }
                return (relay.bytes() - before) / (double) count;
            }
        }
    }

    private static double sse(int count) throws Exception {
        try (var server = new Server(lab("05"), ALL); var relay = new Relay(server.port);
             var socket = new Socket(InetAddress.getLoopbackAddress(), relay.port())) {
            socket.getOutputStream().write(("GET /quotes/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                + "\r\n").getBytes(StandardCharsets.US_ASCII));
            socket.setSoTimeout((int) PATIENCE.toMillis());
            var events = new BufferedReader(new InputStreamReader(socket.getInputStream(),
                StandardCharsets.UTF_8));
            post(server.port, events);
            var before = relay.bytes();
            for (var i = 0; i < count; i++) post(server.port, events);
            return (relay.bytes() - before) / (double) count;
        }
    }

    /// Publishes a quote and reads its event.
    private static void post(int port, BufferedReader events) throws IOException {
        var body = "{\"symbol\":\"BTC\",\"bid\":64210.5,\"ask\":64211.0}";
        var connection = (HttpURLConnection) URI.create("http://127.0.0.1:" + port + "/quotes")
            .toURL().openConnection();
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", "application/json");
        connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        connection.getInputStream().readAllBytes();
        while (!events.readLine().startsWith("data: {")) { }
        events.readLine();
    }

    /// Passes one connection on to a server and counts what comes back.
    static final class Relay implements AutoCloseable {
        private final ServerSocket listening;
        private final AtomicLong bytes = new AtomicLong();

        Relay(int port) throws IOException {
            listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
            Thread.ofVirtual().start(() -> {
                try (var near = listening.accept();
                     var far = new Socket(InetAddress.getLoopbackAddress(), port)) {
                    var there = Thread.ofVirtual().start(() -> copy(near, far, new AtomicLong()));
                    copy(far, near, bytes);
                    there.join();
                } catch (IOException | InterruptedException closed) {
                    // There is nothing more to count.
                }
            });
        }

        private static void copy(Socket from, Socket to, AtomicLong count) {
            try {
                var buffer = new byte[64 * 1024];
                for (int size; (size = from.getInputStream().read(buffer)) > 0; ) {
                    count.addAndGet(size);
                    to.getOutputStream().write(buffer, 0, size);
                }
                to.shutdownOutput();
            } catch (IOException closed) {
                // The other direction ends as well.
            }
        }

        int port() { return listening.getLocalPort(); }

        long bytes() { return bytes.get(); }

        @Override public void close() throws IOException { listening.close(); }
    }

    // ---- a client that doesn't read

    /// Publishes while a client reads nothing, then has it read.
    ///
    /// @param kept how many quotes the server's log keeps
    private static void stall(int count, int kept) throws Exception {
        var environment = Map.of("FEED_CAPACITY", "" + kept);
        try (var server = new Server(lab("07"), environment); var other = new Client(server.port);
             var client = new Client(server.port)) {
            // What the log itself takes is not what is asked for.
            publish(other.market, count);
            var before = server.memory().heap();
            var stalled = new Stalled(client.market, count);
            publish(other.market, count);
            var queued = new CompletableFuture<HealthReply>();
            other.market.health(HealthRequest.getDefaultInstance(), new End<>(queued::complete));
            System.out.printf("  %d kept: heap %.1f → %.1f MiB, queued %d; then it read %s%n",
                kept, before / 1048576, server.memory().heap() / 1048576,
                queued.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).getQueued(), stalled.read());
        }
    }

    /// Subscribes after the newest quote and reads nothing until it is told to.
    static final class Stalled implements ClientResponseObserver<SubscribeRequest, Quote> {
        private final CompletableFuture<String> end = new CompletableFuture<>();
        private final int count;
        private ClientCallStreamObserver<SubscribeRequest> call;
        private int got;

        Stalled(MarketDataGrpc.MarketDataStub market, int count) {
            this.count = count;
            market.subscribeQuotes(SubscribeRequest.newBuilder().addSymbols("BTC").setAfterId(count)
                .build(), this);
        }

        @Override public void beforeStart(ClientCallStreamObserver<SubscribeRequest> begun) {
            call = begun;
            begun.disableAutoRequestWithInitial(0);
        }

        /// What it got, and how the stream ended.
        String read() throws Exception {
            call.request(Integer.MAX_VALUE);
            return end.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }

        @Override public void onNext(Quote quote) {
            if (++got < count || quote.getId() < 2L * count) return;
            end.complete("all " + got);
            call.cancel("read enough", null);
        }

        @Override public void onError(Throwable status) {
            end.complete(got + ", " + status.getMessage());
        }

        @Override public void onCompleted() { end.complete(got + ", OK"); }
    }

    // ---- both ends

    static final class Client implements AutoCloseable {
        private final ManagedChannel channel;
        final MarketDataGrpc.MarketDataStub market;

        Client(int port) {
            // On the connection's own thread: handing a message over costs more than the message.
            channel = NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext()
                .directExecutor().build();
            market = MarketDataGrpc.newStub(channel);
        }

        /// When each call has ended.
        @Override public void close() throws InterruptedException {
            channel.shutdown().awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
    }

    void main(String... args) { run(args); }
}
