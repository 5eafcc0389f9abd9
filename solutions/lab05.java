///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../grader/wirelab/Wirelab.java
//DEPS com.squareup.okhttp3:okhttp-sse:5.5.1

import module java.base;
import io.javalin.Javalin;
import io.javalin.http.Context;
import market.*;
import okhttp3.*;
import okhttp3.sse.*;
import okio.Buffer;
import okio.ByteString;
import okio.ForwardingSource;
import okio.Okio;
import okio.Source;
import wirelab.Lab;

/// # Lab 05: Server-Sent Events
/// One answer that doesn't end: the server writes an event whenever there is news. A client whose
/// connection breaks comes back and says which event it saw last. Your job: no gap, no duplicate,
/// and no client that holds up the others.
///
/// Check it with `jbang lab05.java`; play with `jbang lab05.java serve` and
/// `curl -N http://127.0.0.1:7005/quotes/stream`; meanwhile, in another terminal,
/// `curl http://127.0.0.1:7005/notices -d 'lunch at noon'`.
///
/// ## The server: `GET /quotes/stream`
/// - S1 · TODO 1 · 200, `Content-Type: text/event-stream`, `Cache-Control: no-store`, and no
///   `Content-Encoding`, whatever the request accepts: curl sends no `Accept: text/event-stream`.
/// - S2 · TODO 1 · The head goes out at once, without waiting for an event, and with it the line
///   `retry: 1000`: once in a stream, before its first event. The number is `RETRY_MS` (a setting,
///   default 1000), in milliseconds.
/// - S3 · TODO 2 · A quote is an event of three lines, `id: 43`, `event: quote`, and `data: ` with
///   the quote as one line of JSON; a blank line ends it (WHATWG HTML §9.2.5).
/// - S4 · TODO 3 · Each event goes out when it happens. It must not sit in a buffer until the next
///   event, nor wait for a polling loop to find it: 150 ms after the POST is too late.
/// - S5 · TODO 3 · Each quote is sent once, in the order of the ids, whether it was in the log when
///   the stream began or was published later.
/// - S6 · TODO 5 · `Last-Event-ID: 42` (§9.2.4): the stream begins with quote 43. `?after=42` means
///   the same. If both are there, the header counts: a browser that reconnects repeats its URL.
///   An empty header counts as none.
/// - S7 · TODO 5 · With neither of them, the stream begins with the oldest quote that is kept.
/// - S8 · TODO 5 · If `after` is not a whole number from 0 → 400.
/// - S9 · TODO 6 · If the id is above the newest, or quotes after it were dropped, or the header is
///   not a whole number from 0 → the first event is `reset`: it tells the client that it has lost
///   quotes.
/// - S10 · TODO 6 · If the log holds 7–99, `reset` has `id: 6` and the data
///   `{"oldest":7,"newest":99}`; quote 7 comes next. If the log is still empty: `id: 0` and
///   `{"oldest":1,"newest":0}`.
/// - S11 · TODO 7 · After `HEARTBEAT_MS` (a setting, default 15000) milliseconds without an event
///   comes a comment, a line that begins with a colon (§9.2.7): a proxy cuts a connection that
///   looks dead.
/// - S12 · TODO 8 · A client that hangs up is forgotten at once, not at the next heartbeat: each
///   stream holds one of the feed's listeners, which `/health` counts. [HangUp#watch] tells when a
///   client hangs up.
/// - S13 · TODO 3, 9 · A client that does not read holds up nobody: neither `POST /quotes` nor
///   `POST /notices` nor the other clients.
/// - S14 · TODO 6, 9 · When it reads again, it continues from the log. The log keeps nothing longer
///   for its sake: if a quote was dropped meanwhile, the client gets `reset`. The server may also
///   end its stream.
/// - S15 · TODO 13 · Bonus: when the server stops, each client gets the event `goodbye` (no id,
///   data `the server stops`) and the orderly end of its stream. It may come back.
///
/// ## The server: `POST /notices`
/// - S16 · given · The body is a text in UTF-8, at most 65536 bytes. 202 (or 204); longer → 413.
/// - S17 · TODO 4 · Every client whose stream has begun gets it, as `event: notice` without an
///   `id`, and all clients in the order of the POSTs. It is not kept for clients that come later.
///   Between notices and quotes no order is promised.
/// - S18 · TODO 4 · The lines of the text are lines of `data`: each `\r\n`, `\n` or `\r` ends one,
///   nothing else does. So the text arrives as it was, except that all its line ends are `\n`.
/// - S19 · TODO 9 · At most 1 MiB of notices waits for a client that does not read. When there is
///   more, its stream is ended, even in the middle of a write, and its listener closed.
///
/// `throw new Problem(400, "what is wrong")` answers with that status, as JSON that says why.
/// `POST /quotes` and `GET /health` are given; `POST /quotes` calls the feed's listeners.
///
/// ## The client: `follow(base, after, sink)`, with okhttp-sse
/// - C1 · TODO 10 · It asks for `/quotes/stream?after=N` and gives each quote to `sink`, once and
///   in order. It runs until its thread is interrupted.
/// - C2 · TODO 10 · If the stream ends or breaks, it asks again with `Last-Event-ID` (§9.2.4): the
///   id of the last event that had one, be it a quote that was delivered or a `reset`.
/// - C3 · TODO 10 · A quote is delivered when `sink` has returned. If `sink` throws, the stream
///   counts as broken before that quote.
/// - C4 · TODO 11 · Before each further try it waits `retry` ms × 2^n, but not more than 30 s
///   unless `retry` itself is more. `retry` is what the server sent last, 1000 until then (§9.2.3);
///   n counts the tries in a row that brought no event.
/// - C5 · TODO 11 · On top of that it waits up to as much again, at random.
/// - C6 · TODO 12 · 204 → it returns: that is how a server says that there is no more (§9.2.1).
/// - C7 · TODO 12 · 429, 500 and above, or no answer → it tries again. A browser would not, but
///   somebody looks at a browser.
/// - C8 · TODO 12 · Any other answer but 200 with `text/event-stream` → IllegalStateException.
class lab05 {
    /// How many quotes are read from the feed and written in one go.
    static final int BATCH = 500;
    /// How many bytes of notices may wait for one client.
    static final int QUEUE = 1024 * 1024;
    /// How many bytes a notice may have.
    static final int NOTICE = 64 * 1024;

    static Javalin server(Feed feed) {
        var audience = new Audience();
        var policy = Policy.fromSettings();
        return Javalin.create(config -> {
            Market.routes(config, feed);
            config.concurrency.useVirtualThreads = true;
            config.routes.get("/quotes/stream", ctx -> stream(ctx, feed, audience, policy));
            config.routes.post("/notices", ctx -> post(ctx, audience));
            // A server that stops says goodbye to its clients, and takes the time for it.
            config.events.serverStopping(audience::dismiss);
            config.jetty.modifyServer(server -> server.setStopTimeout(3000));
        });
    }

    /// Says hello: the head of the answer and the first bytes of the stream.
    static OutputStream open(Context ctx, Policy policy) throws IOException {
        // Javalin's own sse() leaves a client that doesn't send Accept: text/event-stream, as curl
        // does, with an empty 200.
        ctx.contentType("text/event-stream").header("Cache-Control", "no-store");
        // Asks nginx not to collect what it passes on.
        ctx.header("X-Accel-Buffering", "no");
        // Not ctx.outputStream(): it may compress, and a compressor waits for more.
        var out = ctx.res().getOutputStream();
        send(out, bytes("retry: " + policy.retry.toMillis() + "\n\n"));
        return out;
    }

    /// One event as it stands in a stream (WHATWG HTML §9.2.5).
    ///
    /// @param id null for an event that leaves the last event id as it is
    static String event(String id, String type, String data) {
        var fields = (id == null ? "" : "id: " + id + "\n") + "event: " + type + "\n";
        // The blank line makes it an event.
        return fields + data(data) + "\n";
    }

    /// A text as the lines of `data`.
    static String data(String text) {
        // These three end a line, and nothing else does: \R and String.lines() see it differently.
        // -1 keeps the empty lines at the end, the space after the colon one that the text begins
        // with.
        return Stream.of(text.split("\r\n|\r|\n", -1)).map(line -> "data: " + line + "\n")
            .collect(Collectors.joining());
    }

    /// After which id a stream begins: -1 stands for an id that this server never gave out.
    ///
    /// @param lastEventId the header `Last-Event-ID`, null if there is none
    /// @param after       the query parameter, null if there is none
    static long cursor(String lastEventId, String after, Feed feed) {
        // An EventSource that reconnects repeats its URL: the header is what it knows by now.
        if (lastEventId != null && !lastEventId.isEmpty()) return known(number(lastEventId), feed);
        if (after == null) return feed.oldest() - 1;
        if (number(after) < 0)
            throw new Problem(400, "after: '" + after + "', must be a whole number from 0");
        return known(number(after), feed);
    }

    /// This id, or -1 if it was never given out.
    static long known(long id, Feed feed) {
        // An id above the newest was issued before a restart. A lower one may have been as well,
        // and cannot be told apart: if your log does not survive restarts, put an epoch into the
        // id.
        return id > feed.newest() ? -1 : id;
    }

    /// What a client is sent next, and its cursor then.
    ///
    /// @param text empty when there is nothing new
    record Step(String text, long cursor) {}

    /// Reads the log on from a cursor, whether that is a day old or the newest id. So there is no
    /// change from replay to live that could lose a quote or repeat it.
    static Step step(long cursor, Feed feed) {
        var quotes = feed.after(cursor, BATCH);
        // Judged by what was read: the log may drop quotes at any moment, and a reader may be slow.
        var lost = quotes.isEmpty() ? feed.forgot(cursor) : quotes.getFirst().id() > cursor + 1;
        if (lost) return reset(feed.kept());
        var text = quotes.stream().map(quote -> event("" + quote.id(), "quote", json(quote)));
        return new Step(text.collect(Collectors.joining()),
            quotes.isEmpty() ? cursor : quotes.getLast().id());
    }

    /// Says that quotes are lost, and goes on before the oldest.
    static Step reset(Feed.Kept kept) {
        var range = "{\"oldest\":%d,\"newest\":%d}".formatted(kept.oldest(), kept.newest());
        // With an id: whoever reconnects after it is no longer lost.
        return new Step(event("" + (kept.oldest() - 1), "reset", range), kept.oldest() - 1);
    }

    /// Answers `GET /quotes/stream`.
    static void stream(Context ctx, Feed feed, Audience audience, Policy policy) {
        var cursor = cursor(ctx.header("Last-Event-ID"), ctx.queryParam("after"), feed);
        // It listens before it looks, and before the client knows that it is connected.
        try (var client = new Subscriber(); var _ = HangUp.watch(ctx, client::drop);
             var _ = audience.enter(client); var _ = feed.listen(_ -> client.wake())) {
            deliver(open(ctx, policy), cursor, feed, client, policy);
        } catch (IOException | InterruptedException gone) {
            // It hung up or was dropped: nobody is left to tell.
        }
    }

    /// Sends what the log holds and what comes later, until the server stops.
    static void deliver(OutputStream out, long after, Feed feed, Subscriber client,
            Policy policy) throws IOException, InterruptedException {
        for (var cursor = after; !client.dismissed; ) {
            var notice = client.notice();
            var step = step(cursor, feed);
            cursor = step.cursor;
            // Nothing to write: wait, then look again. What came meanwhile has ended the waiting.
            if (notice == null && step.text.isEmpty()) idle(out, client, policy);
            // A write to a client that doesn't read blocks this virtual thread, and nobody else.
            if (notice != null) send(out, notice);
            if (!step.text.isEmpty()) send(out, bytes(step.text));
        }
        send(out, bytes(event(null, "goodbye", "the server stops")));
    }

    /// Waits for news; after a long silence it sends a heartbeat.
    static void idle(OutputStream out, Subscriber client, Policy policy)
            throws IOException, InterruptedException {
        if (!client.await(policy.heartbeat))
            send(out, bytes(": heartbeat\n\n"));
    }

    /// Answers `POST /notices`.
    static void post(Context ctx, Audience audience) {
        var text = ctx.bodyAsBytes();
        if (text.length > NOTICE)
            throw new Problem(413, "a notice of " + text.length + " bytes, at most " + NOTICE);
        audience.tell(new String(text, StandardCharsets.UTF_8));
        // 202, not 200: it is on its way, nobody has it yet.
        ctx.status(202);
    }

    /// One client: what it hasn't been sent yet, and the thread that sends it.
    static final class Subscriber implements AutoCloseable {
        /// The thread that makes a subscriber is the one that writes to its client.
        private final Thread writer = Thread.currentThread();
        private final Semaphore news = new Semaphore(0);
        private final Deque<byte[]> notices = new ArrayDeque<>();
        private int size;
        private boolean closed;
        private volatile boolean dismissed;

        /// Adds a notice. The caller never waits, so nobody waits for a client that doesn't read.
        synchronized void tell(byte[] notice) {
            size += notice.length;
            // A queue without end is a leak, and a gap nobody would know of: end the stream.
            if (size > QUEUE) drop();
            else notices.add(notice);
            wake();
        }

        /// The next notice; null when there is none.
        synchronized byte[] notice() {
            var notice = notices.poll();
            if (notice != null) size -= notice.length;
            return notice;
        }

        void wake() { news.release(); }

        /// Whether there was news within this time.
        boolean await(Duration limit) throws InterruptedException {
            var news = this.news.tryAcquire(limit.toMillis(), TimeUnit.MILLISECONDS);
            // However much there is: the next look sees all of it.
            this.news.drainPermits();
            return news;
        }

        /// Ends the stream, even in the middle of a write: an interrupt breaks it off, on a
        /// virtual thread, too, and Jetty closes the connection then.
        synchronized void drop() { if (!closed) writer.interrupt(); }

        /// Lets it say goodbye, then ends the stream.
        void dismiss() {
            dismissed = true;
            wake();
        }

        @Override public synchronized void close() {
            closed = true;
            // An interrupt that came a moment too late must not hit what this thread does next.
            Thread.interrupted();
        }
    }

    /// All clients that are connected.
    static final class Audience {
        private final Set<Subscriber> clients = ConcurrentHashMap.newKeySet();
        private volatile boolean stopping;

        interface Seat extends AutoCloseable {
            @Override void close();
        }

        Seat enter(Subscriber client) {
            clients.add(client);
            // Whoever enters while dismiss() runs is seen by it, or sees it.
            if (stopping) client.dismiss();
            return () -> clients.remove(client);
        }

        /// One notice after the other, so that all clients get them in one order.
        synchronized void tell(String text) {
            var notice = bytes(event(null, "notice", text));
            clients.forEach(client -> client.tell(notice));
        }

        void dismiss() {
            stopping = true;
            clients.forEach(Subscriber::dismiss);
        }
    }

    // Given for the server.

    /// What is set when the server is made.
    ///
    /// @param heartbeat how long a stream may be silent
    /// @param retry     how long a client waits before it comes back
    record Policy(Duration heartbeat, Duration retry) {
        static Policy fromSettings() {
            return new Policy(Duration.ofMillis(Market.setting("HEARTBEAT_MS", 15_000)),
                Duration.ofMillis(Market.setting("RETRY_MS", 1_000)));
        }
    }

    /// Writes, and doesn't keep it in a buffer.
    static void send(OutputStream out, byte[] bytes) throws IOException {
        out.write(bytes);
        out.flush();
    }

    static byte[] bytes(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    /// A quote as one line of JSON.
    static String json(Quote quote) {
        try {
            return Market.JSON.writeValueAsString(quote);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// Reads a whole number from 0; -1 if it is anything else.
    static long number(String text) {
        try {
            return text.matches("[0-9]+") ? Long.parseLong(text) : -1;
        } catch (NumberFormatException tooLarge) {
            return -1;
        }
    }

    /// Gives every quote after `after` to `sink`, once and in order, until interrupted, or until
    /// the server says that there is no more.
    static void follow(URI base, long after, Consumer<Quote> sink) throws InterruptedException {
        var subscription = new Subscription(base.resolve("/quotes/stream?after=" + after), sink);
        var http = client(milliseconds -> subscription.retry = milliseconds);
        try {
            while (subscription.read(EventSources.createFactory(http)))
                Thread.sleep(subscription.pause());
        } finally {
            http.dispatcher().executorService().shutdown();
            http.connectionPool().evictAll();
        }
    }

    /// One stream after the other, and what is known between two of them.
    static final class Subscription extends EventSourceListener {
        private final URI url;
        private final Consumer<Quote> sink;
        /// As the server wrote it; null as long as there was none.
        private volatile String lastEventId;
        private volatile long retry = 1_000;
        /// How many tries in a row brought no event.
        private volatile int failures;
        private volatile boolean opened;
        /// The answer, if it was no stream of events.
        private volatile CompletableFuture<Optional<Response>> end;

        Subscription(URI url, Consumer<Quote> sink) {
            this.url = url;
            this.sink = sink;
        }

        /// Reads one stream to its end; whether to ask for another.
        boolean read(EventSource.Factory factory) throws InterruptedException {
            failures++;
            opened = false;
            end = new CompletableFuture<>();
            var source = factory.newEventSource(request(), this);
            try {
                var refusal = end.get();
                return refusal.isEmpty() || again(refusal.get());
            } catch (ExecutionException impossible) {
                throw new IllegalStateException(impossible);
            } finally {
                source.cancel();
            }
        }

        Request request() {
            var request = new Request.Builder().url(url.toString());
            if (lastEventId != null) request.header("Last-Event-ID", lastEventId);
            return request.build();
        }

        @Override public void onOpen(EventSource source, Response response) { opened = true; }

        /// Runs on the thread that reads: a sink that takes its time slows the server down, and
        /// what it throws ends the stream, see onFailure.
        @Override public void onEvent(EventSource source, String id, String type, String data) {
            if ("quote".equals(type)) sink.accept(quote(data));
            // Only now: what the sink refused must come again. A `reset` moves it, too.
            if (id != null) lastEventId = id;
            failures = 0;
        }

        @Override public void onClosed(EventSource source) { end.complete(Optional.empty()); }

        @Override public void onFailure(EventSource source, Throwable cause, Response response) {
            // No answer, or a stream that broke off: nothing that the server has decided.
            end.complete(opened ? Optional.empty() : Optional.ofNullable(response));
        }

        /// How long to wait before the next try.
        Duration pause() {
            var pause = Math.max(retry, Math.min(30_000, retry << Math.min(failures, 10)));
            // Never less than the server asked for. And up to as much again, at random:
            // clients that met one outage must not come back in step, for that would be
            // the next one.
            return Duration.ofMillis(pause + ThreadLocalRandom.current().nextLong(pause + 1));
        }

        /// Whether to ask again after an answer that is no stream of events.
        ///
        /// @throws IllegalStateException if that won't help: it is for a person
        static boolean again(Response answer) {
            if (answer.code() == 204) return false;
            // A browser gives up on these; a client that nobody watches should not.
            if (answer.code() == 429 || answer.code() >= 500) return true;
            throw new IllegalStateException(answer.request().url() + " answers " + answer.code()
                + " " + answer.header("Content-Type", ""));
        }
    }

    // Given for the client.

    /// An HTTP client for streams.
    ///
    /// @param retry gets the milliseconds of each `retry:` that a server sends
    static OkHttpClient client(LongConsumer retry) {
        return new OkHttpClient.Builder()
            .dispatcher(new Dispatcher(Executors.newVirtualThreadPerTaskExecutor()))
            // Three heartbeats: OkHttp's 10 seconds would take a quiet server for a dead one.
            .readTimeout(Duration.ofSeconds(45))
            // Not addNetworkInterceptor: that sees the bytes before they are decompressed.
            .addInterceptor(chain -> watched(chain.proceed(chain.request()), retry))
            .build();
    }

    /// okhttp-sse reads `retry:` and keeps it to itself, so this looks for it in what passes by.
    static Response watched(Response answer, LongConsumer retry) {
        var body = answer.body();
        var source = Okio.buffer(new RetryField(body.source(), retry));
        return answer.newBuilder()
            .body(ResponseBody.create(source, body.contentType(), body.contentLength())).build();
    }

    /// Passes a stream on, and tells of each line `retry: 1000` (WHATWG HTML §9.2.6).
    static final class RetryField extends ForwardingSource {
        private static final Pattern RETRY = Pattern.compile("retry: ?([0-9]{1,9})");
        private static final ByteString LINE_ENDS = ByteString.encodeUtf8("\r\n");

        private final LongConsumer retry;
        private final Buffer seen = new Buffer();

        RetryField(Source stream, LongConsumer retry) {
            super(stream);
            this.retry = retry;
        }

        @Override public long read(Buffer sink, long limit) throws IOException {
            var count = super.read(sink, limit);
            if (count > 0) sink.copyTo(seen, sink.size() - count, count);
            for (long end; (end = seen.indexOfElement(LINE_ENDS)) >= 0; seen.readByte())
                look(seen.readUtf8(end));
            return count;
        }

        private void look(String line) {
            var field = RETRY.matcher(line);
            if (field.matches()) retry.accept(Long.parseLong(field.group(1)));
        }
    }

    static Quote quote(String json) {
        try {
            return Market.JSON.readValue(json, Quote.class);
        } catch (IOException malformed) {
            throw new UncheckedIOException(malformed);
        }
    }

    void main(String... args) {
        Lab.number(5).server(lab05::server)
            .<Quote>client((start, sink) -> follow(start.base(), start.after(), sink)).main(args);
    }
}
