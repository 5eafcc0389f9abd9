package wirelab.check;

import module java.base;
import market.Market;
import market.Quote;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.RegisterExtension;
import wirelab.subject.ClientStart;
import wirelab.subject.Settings;
import wirelab.subject.Subject;
import wirelab.time.Deadline;
import wirelab.time.Patience;
import wirelab.verdict.Promise;
import wirelab.verdict.Verdict;
import wirelab.verdict.Waiting;
import wirelab.wire.Answer;
import wirelab.wire.EventStream;
import wirelab.wire.Exchange;
import wirelab.wire.HttpConnection;
import wirelab.wire.Tap;
import wirelab.wire.Transcript;
import wirelab.wire.WebSocketPeer;

/// The vocabulary of a lab's checks. A check is a claim: arrange, act, then one promise with its
/// assertion. It reaches the subject only over the wire, through a [Tap] of its own, so that a
/// failure can show what crossed.
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
public abstract class Checks implements Waiting {
    /// What the checks of one run share.
    ///
    /// @param judge forms the verdict of each check
    public record Bench(Subject subject, Patience patience, InvocationInterceptor judge) {}

    /// The bench of the checks that are made in this scope: JUnit makes them, and hands nothing
    /// over.
    public static final ScopedValue<Bench> BENCH = ScopedValue.newInstance();

    /// For one answer, or anything that a healthy subject does at once.
    protected static final Duration SOON = Deadline.SOON;

    /// Bytes that a connection with small buffers takes before its client reads.
    private static final int NARROW = 16 * 1024;

    private final Bench bench = BENCH.get();
    @RegisterExtension final InvocationInterceptor judge = bench.judge;
    final Subject subject = bench.subject;
    final Patience patience = bench.patience;
    private final List<AutoCloseable> open = new CopyOnWriteArrayList<>();
    /// Taps before servers of ours.
    private final List<Tap> called = new CopyOnWriteArrayList<>();
    /// Taps with small buffers before the subject's server.
    private final List<Tap> narrow = new CopyOnWriteArrayList<>();
    /// The tap before the subject's server.
    private volatile Tap tap;
    /// The settings before this check changed them; null while it has not.
    private volatile Settings before;
    private volatile Promise promised = Promise.NONE;

    // ---- what is promised

    /// What the check expects next. It stands in the message of a failure, and before that in what
    /// `jbang watch` shows while the check waits.
    ///
    /// @param expected what should be seen on the wire
    /// @param rule     the rules that ask for it, with ` · ` between two: a bullet of the lab's
    ///                 contract and, where one rules, a section of a standard:
    ///                 `S4 · RFC 9110 §15.4.5`
    /// @param because  why it matters, or where such a fault comes from
    protected PromiseAssert promise(String expected, String rule, String because) {
        promised = new Promise(expected, rule, because);
        return new PromiseAssert(promised);
    }

    protected PromiseAssert promise(String expected, String rule) {
        return promise(expected, rule, "");
    }

    /// The numbers from `first` to `last`.
    protected static List<Long> ids(long first, long last) {
        return LongStream.rangeClosed(first, last).boxed().toList();
    }

    // ---- the server

    protected Settings settings() { return subject.settings(); }

    /// Starts the server anew with this setting until the check is over, where it can be told;
    /// [#settings] says what is in force.
    protected void restartWith(String name, String value) {
        if (settings().text(name).equals(value)) return;
        if (before == null) before = settings();
        subject.restart(settings().with(Map.of(name, value)));
        reconnect();
    }

    /// Begins to end the server, as its user would; skips this check where that can't be done.
    protected void stopOrSkip() {
        Assumptions.assumeTrue(subject.canStop(), "this server can't be stopped from here");
        var stopping = Thread.ofVirtual().name("stop").start(subject::stop);
        open.addFirst(stopping::join);
    }

    /// Starts the server anew with a shorter time until the check is over, where it can be told.
    /// The time that is in force; skips this check where it is too long to wait for.
    protected Duration shorten(String name, long millis) {
        restartWith(name, "" + millis);
        var inForce = settings().millis(name);
        Assumptions.assumeTrue(inForce.toSeconds() < 20, name + " is too long to wait for: "
            + remedy(name, millis));
        return inForce;
    }

    /// Starts the server anew with this setting until the check is over, where it can be told. The
    /// number that is in force; skips this check where it is not from `least` to `most`.
    protected int restartOrSkip(String name, int wanted, int least, int most) {
        restartWith(name, "" + wanted);
        var inForce = settings().number(name);
        Assumptions.assumeTrue(inForce >= least && inForce <= most, "%s must be from %d to %d: "
            .formatted(name, least, most) + remedy(name, wanted));
        return inForce;
    }

    private static String remedy(String name, long value) {
        return "start the server with %1$s=%2$d, and say --setting %1$s=%2$d"
            .formatted(name, value);
    }

    protected OptionalInt platformThreads() { return subject.platformThreads(); }

    /// @param headers name, value, name, value, …
    protected Answer get(String path, String... headers) {
        return send("GET", path, null, headers);
    }

    /// Sends a request on a connection of its own and waits for the answer.
    ///
    /// @param body JSON, null for none
    protected Answer send(String method, String path, String body, String... headers) {
        try (var http = connect()) {
            http.send(HttpConnection.request(method, path, body == null ? null
                : body.getBytes(StandardCharsets.UTF_8), headers));
            return http.answer(method, patience.soon(), false);
        }
    }

    /// The same with `Connection: close`, read to the end of the stream: [Answer#tail] is what
    /// follows the message.
    protected Answer sendAndReadToTheEnd(String method, String path, String... headers) {
        try (var http = connect()) {
            var closing = Stream.concat(Stream.of(headers), Stream.of("Connection", "close"))
                .toArray(String[]::new);
            http.send(HttpConnection.request(method, path, null, closing));
            return http.answer(method, patience.soon(), true);
        }
    }

    /// The same GET `count` times in one go, pipelined on one connection (RFC 9112 §9.3.2).
    protected List<Answer> burst(String path, int count) {
        return pipeline("GET", HttpConnection.request("GET", path, null), count);
    }

    private List<Answer> pipeline(String method, byte[] request, int count) {
        try (var http = connect()) {
            var answers = new ArrayList<Answer>();
            while (answers.size() < count) {
                var flight = Math.min(200, count - answers.size());
                for (var i = 0; i < flight; i++) http.send(request);
                for (var i = 0; i < flight; i++)
                    answers.add(http.answer(method, patience.soon(), false));
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
            .map(body -> HttpConnection.request(method, path, body, headers)).toList();
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
                .map(http -> http.answer(method, patience.soon(), false)).toList();
        } finally {
            connections.forEach(HttpConnection::close);
        }
    }

    /// Sends a request whose answer may take its time.
    protected Pending start(String path, String... headers) {
        var pending = new Pending(connect(), patience, path, headers);
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
        var request = HttpConnection.request("POST", "/quotes", draft("ETH", 3_000)
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
        throw promise("201 and the quote to POST /quotes, which is given: leave it as it was",
            "README").broken("" + answer);
    }

    /// Sends the same request `count` times, on a connection each.
    protected List<Pending> start(int count, String path) {
        return IntStream.range(0, count).mapToObj(_ -> start(path)).toList();
    }

    /// How many listeners the server says it has.
    protected int listeners() { return get("/health").json().path("listeners").asInt(-1); }

    /// How many listeners there are when those of earlier checks are gone: none, or as many as
    /// there have been for a second.
    protected int quiet() {
        return Deadline.afterProgress(Duration.ofSeconds(1)).poll(this::listeners, n -> n == 0);
    }

    /// Asks again every few milliseconds until `wanted` holds of something that a healthy server
    /// does at once; the last value either way.
    protected <T> T eventually(Supplier<T> value, Predicate<T> wanted) {
        return patience.soon().poll(value, wanted);
    }

    /// The same for what a healthy server does after this time.
    protected <T> T eventuallyAfter(Duration pause, Supplier<T> value,
            Predicate<T> wanted) {
        return patience.soonAfter(pause).poll(value, wanted);
    }

    /// The same for what may take its time.
    ///
    /// @param limit how long to ask
    protected static <T> T eventually(Duration limit, Supplier<T> value, Predicate<T> wanted) {
        return Deadline.in(limit).poll(value, wanted);
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

    private EventStream unread(HttpConnection http, String path, String... headers) {
        var accepts = Stream.of(headers).anyMatch("Accept"::equalsIgnoreCase);
        return watch(new EventStream(http, patience, path, accepts ? headers
            : Stream.concat(Stream.of("Accept", "text/event-stream"), Stream.of(headers))
                .toArray(String[]::new)));
    }

    /// Opens a WebSocket (RFC 6455 §4.1).
    ///
    /// @param headers besides those that each handshake has
    protected WebSocketPeer socket(String path, String... headers) {
        return socket(connect(), path, headers);
    }

    /// The same with small buffers, so that a peer that reads nothing is soon noticed: see
    /// [WebSocketPeer#deaf].
    protected WebSocketPeer deafSocket(String path, String... headers) {
        return socket(connectNarrow(), path, headers);
    }

    private WebSocketPeer socket(HttpConnection http, String path, String... headers) {
        var key = new byte[16];
        ThreadLocalRandom.current().nextBytes(key);
        open.add(http);
        http.send(HttpConnection.request("GET", path, null, Stream.concat(Stream.of(
            "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
            "Sec-WebSocket-Key", Base64.getEncoder().encodeToString(key)), Stream.of(headers))
            .toArray(String[]::new)));
        var answer = http.answer("GET", patience.soon(), false);
        if (answer.status() != 101)
            throw promise("101 to a right handshake", "RFC 6455 §4.2.2").broken("" + answer);
        return watch(new WebSocketPeer(http, patience));
    }

    private HttpConnection connect() { return new HttpConnection(tap().url(), SOON); }

    private HttpConnection connectNarrow() {
        var one = watch(new Tap(subject.url(), NARROW));
        narrow.add(one);
        return new HttpConnection(one.url(), SOON, NARROW);
    }

    private synchronized Tap tap() {
        if (tap == null) tap = watch(new Tap(subject.url()));
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

    // ---- the client

    /// Starts the subject's client against a server of ours, through a tap.
    ///
    /// @param after the last id that it already knows
    /// @param every pause between two polls, where the lab polls
    protected Follower follow(MockWebServer server, long after, Duration every) {
        var before = tap(server);
        return follow(new ClientStart(before.url(), after).every(every));
    }

    /// @param start [ClientStart#base] is the URL of a tap before a server of ours
    protected Follower follow(ClientStart start) {
        return watch(new Follower(subject, start));
    }

    /// A server of ours that answers as `dispatcher` says.
    protected MockWebServer serve(Dispatcher dispatcher) throws IOException {
        return watch(Servers.start(dispatcher));
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
    protected static List<Long> pauses(List<Exchange> exchanges) {
        return IntStream.range(1, exchanges.size())
            .filter(i -> exchanges.get(i - 1).answer() != null)
            .mapToObj(i -> exchanges.get(i).requestedAt() - exchanges.get(i - 1).answeredAt())
            .map(nanos -> nanos / 1_000_000).toList();
    }

    // ---- chance and time

    /// Tries up to `tries` times, until the result is as wanted: on a busy machine one try may fail
    /// by chance. The last result either way.
    protected static <T> T inTheBestOf(int tries, Supplier<T> result, Predicate<T> wanted) {
        for (var i = 1; ; i++) {
            var now = result.get();
            if (i == tries || wanted.test(now)) return now;
        }
    }

    /// Lets time pass, where time itself is what a check is about; never to wait for something.
    protected static void pass(Duration time) {
        for (var end = Deadline.in(time); !end.passed(); ) Deadline.pause();
    }

    /// Runs all of these at the same time, to their end; fails as the first of them that fails.
    protected static void atOnce(Stream<Runnable> actions) {
        result(CompletableFuture.allOf(actions.map(Checks::start)
            .toArray(CompletableFuture[]::new)));
    }

    private static CompletableFuture<Void> start(Runnable action) {
        return CompletableFuture.runAsync(action, Thread.ofVirtual().name("at once")::start);
    }

    /// Begins something beside the check; see [#result].
    protected static <T> CompletableFuture<T> beside(Supplier<T> action) {
        return CompletableFuture.supplyAsync(action, Thread.ofVirtual().name("beside")::start);
    }

    /// What came of it, or what it failed with.
    protected static <T> T result(CompletableFuture<T> future) {
        try {
            return future.join();
        } catch (CompletionException failed) {
            if (failed.getCause() instanceof Error broken) throw broken;
            throw failed.getCause() instanceof RuntimeException broken ? broken : failed;
        }
    }

    // ---- for the referee

    @Override public Promise promised() { return promised; }

    @Override public Verdict.Fail soFar() { return fail(promised, List.of("nothing of it yet")); }

    /// What crossed the wire so far, lines.
    public List<String> transcript() {
        var server = exchanges(Stream.concat(Stream.ofNullable(tap), narrow.stream()).toList());
        return server.isEmpty() ? Transcript.of(exchanges(called))
            : Transcript.of(server, exchanges(called));
    }

    public Verdict.Fail fail(Promise broken, List<String> saw) {
        return new Verdict.Fail(broken, saw, transcript());
    }

    /// The verdict if the subject's server ended by itself.
    ///
    /// @param patience how long to look: a connection breaks a moment before its process is gone
    public Optional<Verdict> died(Duration patience) {
        var deadline = Deadline.in(patience);
        while (subject.died().isEmpty() && !deadline.passed()) Deadline.pause();
        return subject.died().map(how -> new Verdict.Crashed(how, transcript()));
    }

    /// Ends all that the check has used.
    public void close() {
        for (var closeable : open.reversed()) {
            try {
                closeable.close();
            } catch (Exception | AssertionError alreadyGone) {
                // MockWebServer asserts that it could close in time. The check is over; what it
                // used can't change its verdict.
            }
        }
        if (before != null) subject.restart(before);
    }
}
