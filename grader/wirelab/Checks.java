package wirelab;

import module java.base;
import market.Market;
import market.Quote;
import mockwebserver3.*;
import org.assertj.core.api.AbstractBooleanAssert;
import org.assertj.core.api.AbstractDurationAssert;
import org.assertj.core.api.AbstractLongAssert;
import org.assertj.core.api.AbstractStringAssert;
import org.assertj.core.api.Assertions;
import org.assertj.core.api.ListAssert;
import org.junit.jupiter.api.*;
import org.junit.jupiter.api.extension.ExtendWith;

/// The vocabulary of a lab's checks. A check is a claim: arrange, then one promise with its
/// assertion. It reaches the subject only over the wire, through a [Tap] of its own, so that a
/// failure can show what crossed.
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
@ExtendWith(Referee.class)
public abstract class Checks {
    /// For one answer, or anything that a healthy subject does at once. Long, because a busy
    /// machine isn't a fault.
    protected static final Duration SOON = Duration.ofSeconds(5);

    /// Bytes that a connection with small buffers takes before its client reads.
    private static final int NARROW = 16 * 1024;

    /// It warns of connections that a client doesn't use. Kept here: loggers are held weakly.
    private static final java.util.logging.Logger MOCK_LOG =
        java.util.logging.Logger.getLogger(MockWebServer.class.getName());

    final Bench bench = Bench.CURRENT.get();
    private final List<AutoCloseable> open = new CopyOnWriteArrayList<>();
    /// Taps before servers of ours.
    private final List<Tap> called = new CopyOnWriteArrayList<>();
    /// Taps with small buffers before the subject's server.
    private final List<Tap> narrow = new CopyOnWriteArrayList<>();
    /// The tap before the subject's server.
    private volatile Tap tap;
    /// The settings before this check changed them; null while it has not.
    private volatile Settings before;
    private volatile String expected = "";
    private volatile String section = "";
    private volatile String help = "";

    // ---- what is promised

    /// Says what the next assertion expects, for the message of its failure:
    /// `assertThat(…).as(promise(…))`.
    ///
    /// @param expected what should be seen on the wire
    /// @param section  the rule: section of a standard, or `lab text`
    /// @param help     why it matters, or where such a fault comes from
    protected String promise(String expected, String section, String help) {
        this.expected = expected;
        this.section = section;
        this.help = help;
        return expected;
    }

    protected String promise(String expected, String section) {
        return promise(expected, section, "");
    }

    protected static AnswerAssert assertThat(Answer answer) { return new AnswerAssert(answer); }

    protected static <T> ListAssert<T> assertThat(List<T> list) {
        return Assertions.assertThat(list);
    }

    protected static AbstractStringAssert<?> assertThat(String text) {
        return Assertions.assertThat(text);
    }

    protected static AbstractLongAssert<?> assertThat(long number) {
        return Assertions.assertThat(number);
    }

    protected static AbstractBooleanAssert<?> assertThat(boolean fact) {
        return Assertions.assertThat(fact);
    }

    protected static AbstractDurationAssert<?> assertThat(Duration duration) {
        return Assertions.assertThat(duration);
    }

    /// @param ids of quotes, in the order in which they came
    protected static IdsAssert assertIds(List<Long> ids) { return new IdsAssert(ids); }

    /// The numbers from `first` to `last`.
    protected static List<Long> ids(long first, long last) {
        return LongStream.rangeClosed(first, last).boxed().toList();
    }

    // ---- the server

    protected Settings settings() { return bench.subject.settings(); }

    /// Starts the server anew with this setting until the check is over, where it can be told;
    /// [#settings] says what is in force.
    protected void restartWith(String name, String value) {
        if (settings().text(name).equals(value)) return;
        if (before == null) before = settings();
        bench.subject.restart(settings().with(Map.of(name, value)));
        reconnect();
    }

    /// Begins to end the server, as its user would. False where that can't be done.
    protected boolean stopServer() {
        if (!bench.subject.canStop()) return false;
        var stopping = Thread.ofVirtual().name("stop").start(bench.subject::stop);
        open.addFirst(stopping::join);
        return true;
    }

    protected OptionalInt platformThreads() { return bench.subject.platformThreads(); }

    /// @param headers name, value, name, value, …
    protected Answer get(String path, String... headers) {
        return send("GET", path, null, headers);
    }

    /// Sends a request on a connection of its own and waits for the answer.
    ///
    /// @param body JSON, null for none
    protected Answer send(String method, String path, String body, String... headers) {
        try (var http = connect()) {
            http.send(Http.request(method, path, body == null ? null
                : body.getBytes(StandardCharsets.UTF_8), headers));
            return http.answer(method, Deadline.soon(), false);
        }
    }

    /// The same with `Connection: close`, read to the end of the stream: [Answer#tail] is what
    /// follows the message.
    protected Answer sendAndReadToTheEnd(String method, String path, String... headers) {
        try (var http = connect()) {
            var closing = Stream.concat(Stream.of(headers), Stream.of("Connection", "close"))
                .toArray(String[]::new);
            http.send(Http.request(method, path, null, closing));
            return http.answer(method, Deadline.soon(), true);
        }
    }

    /// The same GET `count` times in one go, pipelined on one connection (RFC 9112 §9.3.2).
    protected List<Answer> burst(String path, int count) {
        return pipeline("GET", Http.request("GET", path, null), count);
    }

    private List<Answer> pipeline(String method, byte[] request, int count) {
        try (var http = connect()) {
            var answers = new ArrayList<Answer>();
            while (answers.size() < count) {
                var flight = Math.min(200, count - answers.size());
                for (var i = 0; i < flight; i++) http.send(request);
                for (var i = 0; i < flight; i++)
                    answers.add(http.answer(method, Deadline.soon(), false));
            }
            return answers;
        }
    }

    /// The same request with each of these bodies, on a connection each, at the same moment: the
    /// last
    /// byte of each is held back until the server had time to begin with all of them.
    ///
    /// @return the answers in the order of the bodies
    protected List<Answer> together(String method, String path, List<String> bodies,
            String... headers) {
        var requests = bodies.stream().map(body -> body.getBytes(StandardCharsets.UTF_8))
            .map(body -> Http.request(method, path, body, headers)).toList();
        var connections = requests.stream().map(_ -> connect()).toList();
        try {
            for (var i = 0; i < requests.size(); i++)
                connections.get(i).send(Arrays.copyOf(requests.get(i), requests.get(i).length - 1));
            get("/health");
            for (var i = 0; i < requests.size(); i++) {
                var request = requests.get(i);
                connections.get(i).send(new byte[] {request[request.length - 1]});
            }
            return connections.stream()
                .map(http -> http.answer(method, Deadline.soon(), false)).toList();
        } finally {
            connections.forEach(Http::close);
        }
    }

    /// Sends a request whose answer may take its time.
    protected Pending start(String path, String... headers) {
        var pending = new Pending(connect(), path, headers);
        open.add(pending);
        return pending;
    }

    /// Publishes a quote with random prices.
    protected Quote publish(String symbol) {
        var bid = Math.round(ThreadLocalRandom.current().nextDouble(1, 100_000) * 100) / 100.0;
        return quote(send("POST", "/quotes", draft(symbol, bid)));
    }

    protected Quote publish() { return publish("BTC"); }

    /// Publishes many quotes over one connection, pipelined (RFC 9112 §9.3.2); returns their ids.
    protected List<Long> publish(int count) {
        var request = Http.request("POST", "/quotes", draft("ETH", 3_000)
            .getBytes(StandardCharsets.UTF_8));
        return pipeline("POST", request, count).stream().map(answer -> quote(answer).id()).toList();
    }

    private static String draft(String symbol, double bid) {
        return "{\"symbol\":\"%s\",\"bid\":%s,\"ask\":%s}".formatted(symbol, bid, bid + 0.5);
    }

    private Quote quote(Answer answer) {
        try {
            if (answer.status() == 201)
                return Market.JSON.readValue(answer.message().body(), Quote.class);
        } catch (IOException malformed) {
            // The same broken promise as another status.
        }
        promise("201 and the quote to POST /quotes, which is given: leave it as it was", "README");
        throw new AssertionError("" + answer);
    }

    /// Sends the same request `count` times, on a connection each.
    protected List<Pending> start(int count, String path) {
        return IntStream.range(0, count).mapToObj(_ -> start(path)).toList();
    }

    /// How many listeners the server says it has.
    protected int listeners() { return get("/health").json().path("listeners").asInt(-1); }

    /// How many listeners there are when those of earlier checks are gone, or after a second.
    protected int quiet() {
        return eventually(Duration.ofSeconds(1), this::listeners, n -> n == 0);
    }

    /// Asks again every few milliseconds until `wanted` holds of something that a healthy server
    /// does at once; the last value either way.
    protected static <T> T eventually(Supplier<T> value, Predicate<T> wanted) {
        return eventually(Deadline.soon(), value, wanted);
    }

    /// The same for what a healthy server does after this time.
    protected static <T> T eventuallyAfter(Duration pause, Supplier<T> value,
            Predicate<T> wanted) {
        return eventually(Deadline.soonAfter(pause), value, wanted);
    }

    /// The same for what may take its time.
    ///
    /// @param limit how long to ask
    protected static <T> T eventually(Duration limit, Supplier<T> value, Predicate<T> wanted) {
        return eventually(Deadline.in(limit), value, wanted);
    }

    private static <T> T eventually(Deadline deadline, Supplier<T> value, Predicate<T> wanted) {
        while (true) {
            var now = value.get();
            if (wanted.test(now) || deadline.passed(now)) return now;
            Deadline.pause();
        }
    }

    /// Opens a stream of server-sent events with GET. It accepts `text/event-stream`, unless the
    /// headers say otherwise.
    protected EventStream stream(String path, String... headers) {
        var stream = unread(connect(), path, headers);
        stream.readOn();
        return stream;
    }

    /// The same by a client with small buffers that doesn't read, until [EventStream#readOn].
    protected EventStream unread(String path, String... headers) {
        return unread(connectNarrow(), path, headers);
    }

    private EventStream unread(Http http, String path, String... headers) {
        var accepts = Stream.of(headers).anyMatch("Accept"::equalsIgnoreCase);
        return watch(new EventStream(http, path, accepts ? headers
            : Stream.concat(Stream.of("Accept", "text/event-stream"), Stream.of(headers))
                .toArray(String[]::new)));
    }

    /// Sends a GET with exactly these headers and `Host`. The answer, also if it is 101.
    protected Answer handshake(String path, String... headers) {
        return get(path, headers);
    }

    /// Opens a WebSocket (RFC 6455 §4.1).
    ///
    /// @param headers besides those that each handshake has
    protected Peer socket(String path, String... headers) {
        return socket(connect(), path, headers);
    }

    /// The same with small buffers, so that a peer that reads nothing is soon noticed: see
    /// [Peer#deaf].
    protected Peer deafSocket(String path, String... headers) {
        return socket(connectNarrow(), path, headers);
    }

    private Peer socket(Http http, String path, String... headers) {
        var key = new byte[16];
        ThreadLocalRandom.current().nextBytes(key);
        open.add(http);
        http.send(Http.request("GET", path, null, Stream.concat(Stream.of(
            "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
            "Sec-WebSocket-Key", Base64.getEncoder().encodeToString(key)), Stream.of(headers))
            .toArray(String[]::new)));
        var answer = http.answer("GET", Deadline.soon(), false);
        if (answer.status() != 101) {
            promise("101 to a right handshake", "RFC 6455 §4.2.2");
            throw new AssertionError("" + answer);
        }
        return watch(new Peer(http));
    }

    private Http connect() { return new Http(tap().url(), SOON); }

    private Http connectNarrow() {
        var one = watch(new Tap(bench.subject.url(), NARROW));
        narrow.add(one);
        return new Http(one.url(), SOON, NARROW);
    }

    private synchronized Tap tap() {
        if (tap == null) tap = watch(new Tap(bench.subject.url()));
        return tap;
    }

    /// Where the subject's server is, seen through its tap.
    URI tapped() { return tap().url(); }

    synchronized void reconnect() { tap = null; }

    /// A proxy before a server of ours: what the subject sends there stands in the transcript.
    protected Tap tap(MockWebServer server) {
        var one = watch(new Tap(server.url("/").uri()));
        called.add(one);
        return one;
    }

    /// Closes it when the check is over and its verdict known, before the connections are closed.
    protected <T extends AutoCloseable> T watch(T closeable) {
        open.add(closeable);
        return closeable;
    }

    /// A request under way.
    protected static final class Pending implements AutoCloseable {
        private final Http http;
        private final long sentAt;
        private final CompletableFuture<Answer> answer = new CompletableFuture<>();

        private Pending(Http http, String path, String... headers) {
            this.http = http;
            http.send(Http.request("GET", path, null, headers));
            sentAt = System.nanoTime();
            Thread.ofVirtual().name("pending").start(() -> {
                try {
                    answer.complete(http.answer("GET", Deadline.in(Referee.LIMIT), false));
                } catch (RuntimeException none) {
                    answer.completeExceptionally(none);
                }
            });
        }

        /// Whether nothing has come back yet.
        public boolean waits() { return !answer.isDone(); }

        public Answer answer() { return answerAfter(Duration.ZERO); }

        /// The answer that a healthy server gives after this time.
        public Answer answerAfter(Duration pause) {
            return Http.await(answer, Deadline.soonAfter(pause),
                "an answer to the request that waits");
        }

        /// From sending the request to its answer, which has come.
        public Duration took() { return Duration.ofNanos(answer().at() - sentAt); }

        /// After the answer: a further GET on the same connection.
        public Pending then(String path) {
            answer();
            return new Pending(http, path);
        }

        public void hangUp() { http.close(); }

        @Override public void close() { hangUp(); }
    }

    // ---- the client

    /// Starts the subject's client against a server of ours, through a tap.
    ///
    /// @param after the last id that it already knows
    /// @param every pause between two polls, where the lab polls
    protected Follower follow(MockWebServer server, long after, Duration every) {
        var before = tap(server);
        return follow(new Lab.Start(before.url(), after).every(every));
    }

    /// @param start [Lab.Start#base] is the URL of a tap before a server of ours
    protected Follower follow(Lab.Start start) {
        return watch(new Follower(bench.subject, start));
    }

    /// A server of ours that answers as `dispatcher` says.
    protected MockWebServer serve(Dispatcher dispatcher) throws IOException {
        MOCK_LOG.setLevel(java.util.logging.Level.OFF);
        var server = watch(new MockWebServer());
        server.setServerSocketFactory(new NoDelay());
        server.setDispatcher(dispatcher);
        server.start(InetAddress.getLoopbackAddress(), 0);
        return server;
    }

    /// MockWebServer writes head and body apart; with Nagle's algorithm the body would wait 40 ms
    /// for an acknowledgement.
    private static final class NoDelay extends javax.net.ServerSocketFactory {
        @Override public ServerSocket createServerSocket() throws IOException {
            return new ServerSocket() {
                @Override public Socket accept() throws IOException {
                    var socket = super.accept();
                    socket.setTcpNoDelay(true);
                    return socket;
                }
            };
        }

        @Override public ServerSocket createServerSocket(int port) {
            throw new UnsupportedOperationException();
        }

        @Override public ServerSocket createServerSocket(int port, int backlog) {
            throw new UnsupportedOperationException();
        }

        @Override public ServerSocket createServerSocket(int port, int backlog,
            InetAddress address) {
            throw new UnsupportedOperationException();
        }
    }

    /// What crossed the taps so far: with the subject's server, else with servers of ours.
    protected List<Exchange> exchanges() {
        return tap != null ? tap.exchanges() : exchanges(called);
    }

    private static List<Exchange> exchanges(List<Tap> taps) {
        return taps.stream().flatMap(one -> one.exchanges().stream())
            .sorted(Comparator.comparingLong(Exchange::requestedAt)).toList();
    }

    /// From each answer to the next request, milliseconds.
    protected List<Long> pauses() {
        var requests = exchanges();
        return IntStream.range(1, requests.size()).filter(i -> requests.get(i - 1).answer() != null)
            .mapToObj(i -> requests.get(i).requestedAt() - requests.get(i - 1).answeredAt())
            .map(nanos -> nanos / 1_000_000).toList();
    }

    /// Whether four of the last five pauses, milliseconds, were those of a client whose back-off
    /// has just begun.
    protected static boolean soon(List<Long> pauses) {
        return pauses.reversed().stream().limit(5).filter(pause -> pause < 250).count() > 3;
    }

    /// Whether the last fifteen pauses are all the same, and not by chance from a range so wide,
    /// milliseconds: within a quarter of it those lie once in ten million times.
    protected static boolean constant(List<Long> pauses, long range) {
        if (pauses.size() < 15) return false;
        var last = pauses.subList(pauses.size() - 15, pauses.size());
        return Collections.max(last) - Collections.min(last) < range / 4;
    }

    /// 200 with this value as JSON, not to be cached.
    protected static MockResponse.Builder json(Object value) {
        try {
            return new MockResponse.Builder().setHeader("Content-Type", "application/json")
                .setHeader("Cache-Control", "no-store").body(Market.JSON.writeValueAsString(value));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// 503, with the phrase of the standard.
    protected static MockResponse.Builder unavailable() {
        return new MockResponse.Builder().status("HTTP/1.1 503 Service Unavailable");
    }

    /// Quotes with the ids from `first` to `last`.
    protected static List<Quote> quotes(long first, long last) {
        return LongStream.rangeClosed(first, last)
            .mapToObj(id -> new Quote(id, "BTC", 64_000 + id, 64_001 + id, 1_718_000_000_000L))
                .toList();
    }

    // ---- for the referee

    String promised() { return expected; }

    List<String> transcript() {
        var subject = exchanges(Stream.concat(Stream.ofNullable(tap), narrow.stream()).toList());
        return subject.isEmpty() ? Exchange.transcript(exchanges(called), List.of())
            : Exchange.transcript(subject, exchanges(called));
    }

    Verdict.Fail fail(List<String> saw) {
        return new Verdict.Fail(expected, section, saw, transcript(), help);
    }

    /// The verdict if the subject's server ended by itself.
    ///
    /// @param patience how long to look: a connection breaks a moment before its process is gone
    Optional<Verdict> died(Duration patience) {
        var deadline = Deadline.in(patience);
        while (bench.subject.died().isEmpty() && !deadline.passed()) Deadline.pause();
        return bench.subject.died().map(how -> new Verdict.Crashed(how, transcript()));
    }

    void close() {
        for (var closeable : open.reversed()) {
            try {
                closeable.close();
            } catch (Exception | AssertionError alreadyGone) {
                // MockWebServer asserts that it could close in time. The check is over; what it
                // used can't change its verdict.
            }
        }
        if (before != null) bench.subject.restart(before);
    }
}
