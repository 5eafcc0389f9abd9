///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import module java.net.http;
import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.Javalin;
import io.javalin.http.Context;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import market.*;
import wirelab.Lab;

/// # Lab 04: webhooks
/// The server calls: a subscriber names a URL, and gets each event there by POST, signed. In this
/// lab one server is both sides: the producer, which calls, and the consumer, which is called.
/// Your job: deliver in spite of failures, let nobody hold up the others, and believe no message
/// that you can't verify. The rules are those of Standard Webhooks 1.0.0.
///
/// Check it with `jbang lab04.java`; play with `jbang lab04.java serve`, which may call itself:
/// `curl 127.0.0.1:7004/subscriptions -d '{"url":"http://127.0.0.1:7004/hooks",
/// "secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}'`, then `curl 127.0.0.1:7004/received`.
///
/// ## The producer: subscriptions
/// - S1 · given · `POST /subscriptions` `{"url":"https://…","secret":"whsec_…"}` → 201, `Location:
///   /subscriptions/sub_1`, and the subscription: `{"id":"sub_1","url":"https://…",
///   "state":"active","waiting":0,"delivered":0,"failures":0,"givenUp":[],"lastError":null}`
/// - S2 · TODO 3 · `url` is absolute, http or https, and has a host. `secret` is `whsec_` and the
///   base64 of the key's 24 to 64 bytes. Anything else → 400, and nothing is stored.
/// - S3 · given · `GET /subscriptions` → an array of all subscriptions, as they are now;
///   `DELETE /subscriptions/sub_1` ends one. No answer shows a secret.
///
/// ## The producer: deliveries
/// - S4 · given · Each quote that is published goes to each subscriber, by POST as
///   `application/json`: `{"type":"quote.published","timestamp":"2026-11-21T06:49:55.386Z",
///   "data":{…the quote…}}`. That timestamp is the quote's.
/// - S5 · TODO 1 · Header `webhook-id` names the message: another for each quote, the same at each
///   try, without a dot.
/// - S6 · TODO 1 · Header `webhook-timestamp`: when this try is made, in whole seconds since 1970.
/// - S7 · TODO 1, 2 · Header `webhook-signature`: `v1,` and the base64 of an HMAC-SHA256 over
///   `id.timestamp.body`, all three just as they are sent, with the key of the subscription.
/// - S8 · TODO 4 · Nobody waits for a slow or dead subscriber: not the publisher, not the others.
///   The order of deliveries is not promised.
/// - S9 · TODO 5 · At most 8 requests are under way to one subscriber. At most 1000 deliveries wait
///   for it, those under way included (`waiting`); one more is given up at once.
/// - S10 · TODO 6 · 2xx: `delivered` counts it, and the message is not sent again. Anything else,
///   or a broken connection, is a failure: `failures` counts it, `lastError` says what happened.
/// - S11 · TODO 6 · After a failure the same message is sent again, at most once for each delay of
///   `RETRY_SCHEDULE_MS` (a setting, default
///   1000,5000,30000,300000,1800000,7200000,18000000,36000000,86400000).
/// - S12 · TODO 6 · When the last retry has failed, too, the message is given up: its `webhook-id`
///   is in `givenUp`, which lists the newest 100. The subscription stays `active`.
/// - S13 · TODO 7 · No status within `DELIVERY_TIMEOUT_MS` (a setting, default 15000) is a failure.
///   The headers are enough: a body that never ends holds up nothing.
/// - S14 · TODO 7 · A redirect is a failure and is not followed.
/// - S15 · TODO 8 · The n-th retry comes after the n-th delay, less up to a quarter at random.
/// - S16 · TODO 9 · 429 or 503 with `Retry-After`, seconds or a date (RFC 9110 §10.2.3): until then
///   nothing at all is sent to that subscriber. More than a day counts as a day; any other value
///   asks for nothing.
/// - S17 · TODO 10 · 410: the subscription is over, its `state` is `disabled`. Nothing more is
///   sent, not even messages that wait.
///
/// ## The consumer: `POST /hooks`
/// - C1 · TODO 11 · Verified with `WEBHOOK_SECRET` (a setting, default
///   whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw) → 2xx. `GET /received` lists the message from then
///   on: `[{"id":"msg_…","type":"…"}]`, `type` as in its body, null if there is none.
/// - C2 · TODO 11 · A header is missing, or no signature is right → 401, and the message has no
///   effect at all.
/// - C3 · TODO 12 · `webhook-timestamp` may be up to 5 minutes off, either way; more → 401.
///   Otherwise a recorded message could be replayed next year.
/// - C4 · TODO 13 · `webhook-signature` may list several, with a space between two, while a secret
///   is replaced. One that is right suffices; versions other than `v1` are skipped.
/// - C5 · TODO 13 · Compare signatures with [MessageDigest#isEqual]. [String#equals] is faster the
///   sooner they differ, and so tells a patient attacker the signature. (Not checked, because no
///   check can measure that honestly.)
/// - C6 · TODO 14 · An id that was accepted before → 2xx, but no second effect, also for two at the
///   same moment. The newest 10,000 are remembered, since a retry may come days later.
/// - C7 · TODO 15 · The 2xx comes before the work: `Inbox.process`, which is given and takes
///   `WORK_MS` (a setting, default 200). Then `GET /processed` lists the message like
///   `GET /received`, once for each time it was processed.
/// - C8 · TODO 16 · The bytes are signed: JSON that is spaced or escaped unusually verifies as it
///   came. A body that is signed, but is not JSON → 400, no effect.
///
/// ## Bonus: a subscriber's URL may lead into your own network (server-side request forgery)
/// - S18 · TODO 17 · A host whose address is not of the public Internet → 400 and no connection:
///   IPv4 0/8, 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12, 192.168/16, 224/4, 240/4; IPv6 all
///   but 2000::/3, so also wrapped IPv4 addresses (`::ffff:10.0.0.1`).
/// - S19 · TODO 17 · Loopback is fine while `ALLOW_LOOPBACK` (a setting, default 1) is 1, and
///   refused when it is 0.
///
/// `throw new Problem(400, "what is wrong")` answers with that status, as JSON that says why.
/// `POST /quotes` and `GET /health` are given; a subscription is a listener of the feed.
class lab04 {
    /// How many deliveries may wait for one subscriber.
    static final int WAITING = 1_000;
    /// How many requests may be under way to one subscriber.
    static final int UNDER_WAY = 8;
    /// How many messages the consumer remembers.
    static final int REMEMBERED = 10_000;
    /// How far a timestamp may be off, either way.
    static final Duration TOLERANCE = Duration.ofMinutes(5);

    /// What is delivered: the same at each try.
    record Message(String id, byte[] body) {}

    /// What came of a try.
    sealed interface Outcome {
        record Taken() implements Outcome {}

        /// The subscriber wants no more.
        record Gone(String why) implements Outcome {}

        /// @param quiet how long the subscriber asks us to send nothing
        record Failed(String why, Duration quiet) implements Outcome {}
    }

    /// What a request says about itself, as it came; null where a header is missing.
    record Metadata(String id, String timestamp, String signatures) {}

    /// A message that was accepted.
    record Received(String id, String type) {}

    static Javalin server(Feed feed) {
        var producer = new Producer(feed, Policy.fromSettings());
        var inbox = new Inbox(Duration.ofMillis(Market.setting("WORK_MS", 200)));
        var key = key(Market.text("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        return Javalin.create(config -> {
            Market.routes(config, feed);
            config.routes.post("/subscriptions", ctx -> subscribe(ctx, producer));
            config.routes.get("/subscriptions", ctx -> Market.json(ctx, producer.statuses()));
            config.routes.delete("/subscriptions/{id}", ctx -> unsubscribe(ctx, producer));
            config.routes.post("/hooks", ctx -> hook(ctx, inbox, key));
            config.routes.get("/received", ctx -> Market.json(ctx, inbox.received()));
            config.routes.get("/processed", ctx -> Market.json(ctx, inbox.processed()));
            config.events.serverStopping(() -> {
                producer.close();
                inbox.close();
            });
        });
    }

    // The producer: how one try is made.

    /// One try's request.
    static HttpRequest.Builder request(Message message, URI url, byte[] key, Instant now) {
        // The id stays the same at each try, the time doesn't: the consumer refuses an old one.
        var timestamp = "" + now.getEpochSecond();
        return HttpRequest.newBuilder(url)
            .header("Content-Type", "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", sign(key, message.id, timestamp, message.body))
            .POST(BodyPublishers.ofByteArray(message.body));
    }

    /// The signature, with its version: `v1,…`.
    static String sign(byte[] key, String id, String timestamp, byte[] body) {
        try {
            var mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update((id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8));
            return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
        } catch (GeneralSecurityException cause) {
            throw new IllegalStateException("every Java has HmacSHA256", cause);
        }
    }

    /// The bytes of a secret: `whsec_` and base64.
    static byte[] key(String secret) {
        var key = secret.startsWith("whsec_") ? decoded(secret.substring(6)) : new byte[0];
        if (key.length >= 24 && key.length <= 64) return key;
        // It doesn't say which secret: messages end up in logs.
        throw new Problem(400, "secret: must be whsec_ and the base64 of 24 to 64 random bytes");
    }

    /// The URL of a subscriber.
    static URI url(String text) {
        try {
            var url = new URI(text);
            var scheme = Objects.requireNonNullElse(url.getScheme(), "").toLowerCase(Locale.ROOT);
            if (List.of("http", "https").contains(scheme) && url.getHost() != null
                    && url.getUserInfo() == null && url.getPort() <= 65_535) return url;
        } catch (URISyntaxException malformed) {
            // The same answer as for ftp.
        }
        throw new Problem(400, "url: '" + text + "', must be like https://example.com/hooks");
    }

    /// Takes a message for one subscriber. It runs on the publisher's thread, so it must not wait.
    static void accept(Message message, Subscription to) {
        if (!to.enter()) to.gaveUp(message, "more than " + WAITING + " are waiting");
        // A virtual thread for each delivery: it may wait for hours and costs some kilobytes. To
        // keep deliveries when the process ends, store them in a database, with the time of the
        // next try.
        else to.start(() -> {
            try {
                deliver(message, to);
            } catch (InterruptedException ended) {
                to.gaveUp(message, to.lastError());
            } finally {
                to.leave();
            }
        });
    }

    /// Tries until the message is taken or given up.
    static void deliver(Message message, Subscription to) throws InterruptedException {
        for (var delay : to.policy.schedule) {
            if (attempt(message, to)) return;
            Thread.sleep(pause(delay));
        }
        if (!attempt(message, to)) to.gaveUp(message, to.lastError());
    }

    /// One try, as soon as the subscriber may be called. Whether there is nothing left to try.
    static boolean attempt(Message message, Subscription to) throws InterruptedException {
        to.underWay.acquire();
        try {
            // For every message, not only for the one that was refused: the subscriber is busy.
            // Asked again after each sleep: another answer may have asked for more by then.
            for (Duration quiet; (quiet = to.quiet()).isPositive(); ) Thread.sleep(quiet);
            // Noted before the next request may go: it may be the one that asks for quiet.
            return over(send(message, to), to);
        } finally {
            to.underWay.release();
        }
    }

    /// Notes what came of a try. Whether there is nothing left to try.
    static boolean over(Outcome outcome, Subscription to) {
        switch (outcome) {
            case Outcome.Taken _ -> to.delivered();
            case Outcome.Gone gone -> to.end(gone.why);
            case Outcome.Failed failed -> to.failed(failed.why, failed.quiet);
        }
        return !(outcome instanceof Outcome.Failed);
    }

    /// Sends one request.
    static Outcome send(Message message, Subscription to) throws InterruptedException {
        try {
            guard(to.url, to.policy);
            var request = request(message, to.url, to.key, Instant.now())
                .timeout(to.policy.timeout).build();
            var answer = to.http.send(request, BodyHandlers.ofInputStream());
            // That timeout ends with the headers. The body could go on forever, and nobody needs
            // it.
            answer.body().close();
            return outcome(answer.statusCode(), answer.headers().firstValue("Retry-After"));
        } catch (IOException | Problem failure) {
            return new Outcome.Failed("" + failure, Duration.ZERO);
        }
    }

    static HttpClient client() {
        // It follows redirects: never, unless told to.
        return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }

    /// What a status means.
    static Outcome outcome(int status, Optional<String> retryAfter) {
        if (status >= 200 && status < 300) return new Outcome.Taken();
        if (status == 410) return new Outcome.Gone("410");
        var busy = status == 429 || status == 503;
        var quiet = retryAfter.filter(_ -> busy).map(text -> quiet(text, Instant.now()));
        return new Outcome.Failed("" + status, quiet.orElse(Duration.ZERO));
    }

    /// How long to wait before a retry.
    static Duration pause(Duration delay) {
        // Up to a quarter less, at random: deliveries that failed together must not come back
        // together.
        var longest = delay.toMillis();
        return Duration.ofMillis(longest - ThreadLocalRandom.current().nextLong(longest / 4 + 1));
    }

    /// What Retry-After asks for.
    static Duration quiet(String retryAfter, Instant now) {
        try {
            // Twenty digits ask for long, too, and not for nothing.
            var wait = retryAfter.matches("[0-9]{10,}") ? Duration.ofDays(1)
                : retryAfter.matches("[0-9]+") ? Duration.ofSeconds(Long.parseLong(retryAfter))
                : Duration.between(now, DateTimeFormatter.RFC_1123_DATE_TIME
                    .parse(retryAfter, Instant::from));
            return Collections.min(List.of(wait, Duration.ofDays(1)));
        } catch (DateTimeException malformed) {
            return Duration.ZERO;
        }
    }

    // The consumer.

    /// Answers `POST /hooks`.
    static void hook(Context ctx, Inbox inbox, byte[] key) {
        // The bytes as they came: the same JSON written in another way has another signature.
        var body = ctx.bodyAsBytes();
        var sent = new Metadata(ctx.header("webhook-id"), ctx.header("webhook-timestamp"),
            ctx.header("webhook-signature"));
        if (!verified(sent, body, key, Instant.now())) throw unauthorized(ctx);
        // Parsed only now that it is known who wrote it.
        var message = new Received(sent.id, type(body));
        // Recorded, then answered, then worked on: the producer waits for the first two only.
        if (inbox.accept(message)) inbox.start(() -> inbox.process(message));
        ctx.status(204);
    }

    /// Whether the message comes from someone who has the key, and is not an old one.
    static boolean verified(Metadata sent, byte[] body, byte[] key, Instant now) {
        if (sent.id == null || sent.timestamp == null || sent.signatures == null) return false;
        return fresh(sent.timestamp, now)
            && matches(sent.signatures, sign(key, sent.id, sent.timestamp, body));
    }

    /// Whether a timestamp is within the tolerance.
    static boolean fresh(String timestamp, Instant now) {
        if (!timestamp.matches("[0-9]{1,12}")) return false;
        var sent = Instant.ofEpochSecond(Long.parseLong(timestamp));
        return Duration.between(sent, now).abs().compareTo(TOLERANCE) <= 0;
    }

    /// Whether one of the signatures is the expected one.
    static boolean matches(String signatures, String expected) {
        // String.equals stops at the first difference, and how long it takes tells where that is.
        return Stream.of(signatures.split(" ")).anyMatch(one -> MessageDigest.isEqual(
            one.getBytes(StandardCharsets.UTF_8), expected.getBytes(StandardCharsets.UTF_8)));
    }

    /// The messages that came.
    static final class Inbox {
        private final Duration work;
        private final SequencedMap<String, Received> received = new LinkedHashMap<>();
        private final List<Received> processed = new ArrayList<>();
        private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

        /// @param work how long the work for one message takes
        Inbox(Duration work) { this.work = work; }

        /// Records a message; false if it was recorded before.
        synchronized boolean accept(Received message) {
            // Look and record are one step: the same message may come twice at the same moment.
            if (received.putIfAbsent(message.id, message) != null) return false;
            // Not by age: a retry may come days later.
            if (received.size() > REMEMBERED) received.pollFirstEntry();
            return true;
        }

        // The rest of the inbox is given.

        /// The work for a message.
        void process(Received message) {
            try {
                Thread.sleep(work);
            } catch (InterruptedException stopping) {
                return;
            }
            synchronized (this) {
                processed.add(message);
                if (processed.size() > REMEMBERED) processed.removeFirst();
            }
        }

        /// Runs it on a thread of its own, and returns at once.
        void start(Runnable task) { threads.execute(task); }

        synchronized List<Received> received() { return List.copyOf(received.values()); }

        synchronized List<Received> processed() { return List.copyOf(processed); }

        void close() { threads.shutdownNow(); }
    }

    // Given from here on, but for permitted(). First for the producer.

    /// How deliveries are made.
    ///
    /// @param schedule what to wait before the first retry, the second, …
    /// @param timeout  how long a subscriber may take to answer
    /// @param loopback whether subscribers on this machine are fine, as they are in a lab
    record Policy(List<Duration> schedule, Duration timeout, boolean loopback) {
        static Policy fromSettings() {
            var delays = Market.text("RETRY_SCHEDULE_MS",
                "1000,5000,30000,300000,1800000,7200000,18000000,36000000,86400000");
            return new Policy(Stream.of(delays.split(",")).map(String::strip)
                .map(delay -> Duration.ofMillis(Long.parseLong(delay))).toList(),
                Duration.ofMillis(Market.setting("DELIVERY_TIMEOUT_MS", 15_000)),
                Market.setting("ALLOW_LOOPBACK", 1) == 1);
        }
    }

    /// What is delivered for a quote.
    record Event(String type, String timestamp, Quote data) {
        byte[] json() {
            try {
                return Market.JSON.writeValueAsBytes(this);
            } catch (IOException cause) {
                throw new UncheckedIOException(cause);
            }
        }
    }

    /// A subscription as `GET /subscriptions` shows it: without its secret.
    record Status(String id, String url, String state, int waiting, long delivered, long failures,
        List<String> givenUp, String lastError) {}

    static void subscribe(Context ctx, Producer producer) {
        var json = object(ctx.bodyAsBytes());
        var url = url(json.path("url").asText());
        var key = key(json.path("secret").asText());
        try {
            guard(url, producer.policy);
        } catch (UnknownHostException notYet) {
            // It may be known by the time of the first delivery, which asks again.
        }
        var status = producer.add(url, key).status();
        ctx.status(201).header("Location", "/subscriptions/" + status.id);
        Market.json(ctx, status);
    }

    static void unsubscribe(Context ctx, Producer producer) {
        var id = ctx.pathParam("id");
        if (!producer.remove(id)) throw new Problem(404, "id: there is no subscription " + id);
        ctx.status(204);
    }

    static JsonNode object(byte[] body) {
        try {
            if (Market.JSON.readTree(body) instanceof JsonNode json && json.isObject()) return json;
        } catch (IOException malformed) {
            // The same answer as for JSON of another shape.
        }
        throw new Problem(400, "body: must be {\"url\":\"https://…\",\"secret\":\"whsec_…\"}");
    }

    /// The bytes behind base64; none if it is malformed.
    static byte[] decoded(String base64) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException malformed) {
            return new byte[0];
        }
    }

    static final class Producer {
        private final Feed feed;
        private final Policy policy;
        private final HttpClient http = client();
        private final List<Subscription> subscriptions = new CopyOnWriteArrayList<>();
        private final AtomicInteger number = new AtomicInteger();
        /// Quotes begin at 1 again when the server starts again; ids of messages may not.
        private final String run = UUID.randomUUID().toString().replace("-", "");

        Producer(Feed feed, Policy policy) {
            this.feed = feed;
            this.policy = policy;
        }

        Subscription add(URI url, byte[] key) {
            var added = new Subscription("sub_" + number.incrementAndGet(), url, key, this);
            subscriptions.add(added);
            return added;
        }

        boolean remove(String id) {
            subscriptions.stream().filter(one -> one.id.equals(id))
                .forEach(one -> one.end("unsubscribed"));
            return subscriptions.removeIf(one -> one.id.equals(id));
        }

        /// One id for a quote, whichever subscription gets it: a consumer that subscribed twice can
        /// tell.
        Message message(Quote quote) {
            var time = Instant.ofEpochMilli(quote.timestampMs()).toString();
            return new Message("msg_" + run + "_" + quote.id(),
                new Event("quote.published", time, quote).json());
        }

        List<Status> statuses() {
            return subscriptions.stream().map(Subscription::status).toList();
        }

        void close() {
            subscriptions.forEach(one -> one.end("the server stops"));
            http.shutdownNow();
        }
    }

    /// One subscriber, and how its deliveries go.
    static final class Subscription {
        /// How many ids are listed of those that were given up.
        private static final int LISTED = 100;

        final URI url;
        final byte[] key;
        final Policy policy;
        final HttpClient http;
        /// Hold one while a request is under way.
        final Semaphore underWay = new Semaphore(UNDER_WAY, true);

        private final String id;
        private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        private final Deque<String> givenUp = new ArrayDeque<>();
        private final Feed.Listener listener;
        private String state = "active";
        private String lastError;
        private Instant quietUntil = Instant.MIN;
        private int waiting;
        private long delivered;
        private long failures;

        Subscription(String id, URI url, byte[] key, Producer producer) {
            this.id = id;
            this.url = url;
            this.key = key;
            policy = producer.policy;
            http = producer.http;
            // The first quote may be delivered, and answered with 410, while this line runs.
            synchronized (this) {
                listener = producer.feed.listen(quote ->
                    lab04.accept(producer.message(quote), this));
            }
        }

        /// Counts one more that waits; false if there are too many.
        synchronized boolean enter() {
            if (waiting == WAITING) return false;
            waiting++;
            return true;
        }

        /// Counts one less.
        synchronized void leave() { waiting--; }

        /// Runs it on a thread of its own, and returns at once; [#end] interrupts it.
        void start(Runnable delivery) {
            try {
                threads.execute(delivery);
            } catch (RejectedExecutionException ended) {
                leave();
            }
        }

        /// How long to send nothing from now on.
        synchronized Duration quiet() {
            var left = Duration.between(Instant.now(), quietUntil);
            return left.isPositive() ? left : Duration.ZERO;
        }

        synchronized void delivered() { delivered++; }

        /// @param quiet how long the subscriber asks us to send nothing
        synchronized void failed(String why, Duration quiet) {
            failures++;
            lastError = why;
            var until = Instant.now().plus(quiet);
            if (until.isAfter(quietUntil)) quietUntil = until;
        }

        synchronized void gaveUp(Message message, String why) {
            lastError = why;
            givenUp.addLast(message.id);
            if (givenUp.size() > LISTED) givenUp.removeFirst();
        }

        synchronized String lastError() { return lastError; }

        /// Sends nothing any more; deliveries that wait are interrupted.
        synchronized void end(String why) {
            state = "disabled";
            lastError = why;
            listener.close();
            threads.shutdownNow();
        }

        synchronized Status status() {
            return new Status(id, url.toString(), state, waiting, delivered, failures,
                List.copyOf(givenUp), lastError);
        }
    }

    // Then for the consumer.

    static Problem unauthorized(Context ctx) {
        // RFC 9110 §15.5.2 asks for a challenge; no scheme is registered for webhooks.
        ctx.header("WWW-Authenticate", "Webhook");
        return new Problem(401, "webhook-id, webhook-timestamp, webhook-signature: one is missing, "
            + "or the time is off by more than 5 minutes, or no signature is right");
    }

    /// The type of a message; null when it has none.
    static String type(byte[] body) {
        try {
            var json = Market.JSON.readTree(body);
            if (!json.isMissingNode()) return json.path("type").textValue();
        } catch (IOException malformed) {
            // The same answer as for an empty body.
        }
        throw new Problem(400, "body: the signature is right, but this is not JSON");
    }

    /// Whether an address may be called: one of the public Internet.
    static boolean permitted(InetAddress address) {
        var octets = address.getAddress();
        int first = octets[0] & 0xff, second = octets[1] & 0xff;
        // IPv6: 2000::/3 alone is for everybody (RFC 4291 §2.4), less 2002::/16, which wraps IPv4.
        if (octets.length == 16) return first >> 5 == 1 && !(first == 0x20 && second == 0x02);
        // Neither this network nor 100.64.0.0/10, which providers use inside, nor 240.0.0.0/4.
        return !(address.isLoopbackAddress() || address.isLinkLocalAddress()
            || address.isSiteLocalAddress() || address.isMulticastAddress()
            || first == 0 || first == 100 && second >> 6 == 1 || first >= 240);
    }

    /// Refuses a URL that leads into our own network (server-side request forgery). Asked again
    /// before each try: by then its name may have another address. The JVM keeps what it looked up
    /// for some seconds, so the request goes to an address that was permitted. Before a network
    /// worth breaking into there should be a proxy that does the same.
    static void guard(URI url, Policy policy) throws UnknownHostException {
        for (var address : InetAddress.getAllByName(url.getHost()))
            if (!permitted(address) && !(policy.loopback && address.isLoopbackAddress()))
                throw new Problem(400, "url: " + url.getHost() + " is not on the public Internet");
    }

    void main(String... args) {
        Lab.number(4).server(lab04::server).main(args);
    }
}
