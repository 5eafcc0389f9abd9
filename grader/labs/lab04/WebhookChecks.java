package labs.lab04;

import static wirelab.check.Servers.*;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.*;
import mockwebserver3.*;
import wirelab.check.*;
import wirelab.wire.*;

/// What the checks share: servers of ours subscribe, and see what they are sent.
abstract class WebhookChecks extends Checks {
    static final String STANDARD = "Standard Webhooks 1.0.0";
    /// How many bytes the subscribers' keys have, in turn.
    private static final List<Integer> KEYS = List.of(24, 33, 64);

    private int subscribers;

    List<Duration> schedule() {
        return Stream.of(settings().text("RETRY_SCHEDULE_MS").split(","))
            .map(delay -> Duration.ofMillis(Long.parseLong(delay.strip()))).toList();
    }

    /// How long the first retries take together.
    Duration delays(int retries) {
        return schedule().stream().limit(retries).reduce(Duration.ZERO, Duration::plus);
    }

    static MockResponse.Builder ok() { return status(200); }

    /// No answer, and the connection stays open.
    static MockResponse.Builder silence() {
        return ok().onResponseStart(SocketEffect.Stall.INSTANCE);
    }

    /// The body of POST /subscriptions.
    static String subscription(String url, String secret) {
        return """
            {"url":"%s","secret":"%s"}""".formatted(url, secret);
    }

    /// Subscribes, until the check is over if it is not ended before.
    Answer subscribe(String subscription, int status, PromiseAssert promise) {
        var answer = send("POST", "/subscriptions", subscription);
        watch(() -> unsubscribe(answer));
        promise.of(answer).hasStatus(status);
        return answer;
    }

    private void unsubscribe(Answer created) {
        created.header("Location").ifPresent(path -> send("DELETE", path, null));
    }

    /// One that takes everything.
    Subscriber subscriber() { return subscriber(_ -> ok()); }

    /// @param answers to the n-th try of each quote, from 1
    Subscriber subscriber(IntFunction<MockResponse.Builder> answers) {
        try {
            return new Subscriber(answers);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// A server of ours. The `pause` of its methods is how long a healthy server may take for what
    /// they wait for.
    final class Subscriber extends Dispatcher {
        private final Webhook webhook = Webhook.random(KEYS.get(subscribers++ % KEYS.size()));
        private final IntFunction<MockResponse.Builder> answers;
        /// How many requests came with each quote.
        private final Map<Long, Integer> requests = new ConcurrentHashMap<>();
        private final Tap tap;
        private final Answer created;

        private Subscriber(IntFunction<MockResponse.Builder> answers) throws IOException {
            this.answers = answers;
            tap = tap(serve(this));
            created = subscribe(subscription(url("/hooks"), webhook.secret()), 201,
                promise("201 to a subscription", "S1", "both url and secret are right"));
            // What a server breaks that keeps the next publisher waiting for this subscriber.
            promise("201 to POST /quotes, at once", "S8",
                "Feed.listen calls you on the publisher's thread, while the feed is locked");
        }

        String url(String path) { return tap.url() + path; }

        void unsubscribe() { WebhookChecks.this.unsubscribe(created); }

        void hangUp() { tap.close(); }

        @Override public MockResponse dispatch(RecordedRequest request) {
            var body = request.getBody() == null ? "" : request.getBody().utf8();
            return answers.apply(requests.merge(quoteId(body), 1, Integer::sum)).build();
        }

        /// How many requests came.
        int count() { return requests.values().stream().mapToInt(tries -> tries).sum(); }

        /// At least so many different quotes come.
        void gets(int quotes, PromiseAssert promise) {
            var came = eventually(requests::size, size -> size >= quotes);
            promise.holds(came >= quotes, "%d of %d, and no more", came, quotes);
        }

        Try first(Quote quote) {
            return tries(quote, 1, Duration.ZERO,
                promise("quote " + quote.id() + ", POSTed to each subscriber", "S4")).getFirst();
        }

        /// At least so many requests with this quote come; all that have come, in order.
        List<Try> tries(Quote quote, int count, Duration pause, PromiseAssert promise) {
            eventuallyAfter(pause, () -> requests.getOrDefault(quote.id(), 0), n -> n >= count);
            var tries = tries(quote);
            promise.holds(tries.size() >= count, "%d of %d requests with quote %d", tries.size(),
                count, quote.id());
            return tries;
        }

        /// The requests with this quote so far.
        List<Try> tries(Quote quote) {
            return tap.exchanges().stream().filter(one -> one.request().complete()).map(Try::new)
                .filter(one -> quoteId(one.request.text()) == quote.id()).toList();
        }

        /// GET /subscriptions shows it so.
        void isShown(Duration pause, PromiseAssert promise, Predicate<JsonNode> wanted) {
            var status = eventuallyAfter(pause, this::status, wanted);
            promise.holds(wanted.test(status), "%s", PromiseAssert.shown(status));
        }

        JsonNode status() {
            var id = created.json().path("id").asText();
            return get("/subscriptions").json().valueStream()
                .filter(one -> one.path("id").asText().equals(id)).findFirst().orElseThrow(() ->
                    promise("subscription " + id + " in GET /subscriptions", "S3")
                        .broken("it is not there"));
        }

        /// This quote comes again, and the second try is the same message as the first.
        List<Try> triesAgain(Quote quote, Duration pause, PromiseAssert promise) {
            var tries = tries(quote, 2, pause, promise);
            var first = tries.get(0);
            var second = tries.get(1);
            promise("the same webhook-id at each try", "S5 · " + STANDARD,
                "by its id a consumer notices that it has the message already")
                .of(second.request).hasHeader("webhook-id", first.header("webhook-id"));
            isSigned(second);
            promise("the same body at each try", "S11", "a retry says what the first try said")
                .that(second.request.text()).is(first.request.text());
            return tries;
        }

        void isSigned(Try one) {
            var signatures = one.header("webhook-signature");
            var right = webhook.sign(one.header("webhook-id"), one.header("webhook-timestamp"),
                one.request.message().body());
            promise("v1, and an HMAC-SHA256 over webhook-id.webhook-timestamp.body",
                "S7 · " + STANDARD, "the key is the bytes that the base64 after whsec_ stands for")
                .holds(List.of(signatures.split(" ")).contains(right),
                    "webhook-signature: %s\nright would be %s", signatures, right);
        }
    }

    /// The retries of many messages. A busy machine makes the pause before a retry longer, never
    /// shorter: so the shortest of many counts.
    final class Retries {
        /// Those of the schedule that are waited for.
        final List<Duration> delays = schedule().stream().limit(3)
            .takeWhile(delay -> delay.toSeconds() < 6).toList();
        private final Subscriber subscriber = subscriber(_ -> status(500));
        private final List<List<Try>> messages = new ArrayList<>();
        /// From publishing a quote to its first try, nanoseconds: the shortest is what this server
        /// needs for any try.
        private long firstTry = Long.MAX_VALUE;

        Retries eightMore() {
            var start = System.nanoTime();
            var quotes = Stream.generate(WebhookChecks.this::publish).limit(8).toList();
            var all = delays.size() + 1;
            var promise = promise(all + " tries of each message", "S11", "500 is a failure");
            var tries = quotes.stream()
                .map(quote -> subscriber.tries(quote, all, delays(all - 1), promise)).toList();
            firstTry = Math.min(firstTry, tries.getFirst().getFirst().at() - start);
            messages.addAll(tries);
            return this;
        }

        /// The pauses before this retry, from 0: nanoseconds, the shortest first.
        private List<Long> pauses(int retry) {
            return messages.stream().filter(tries -> tries.get(retry).answeredAt() > 0)
                .map(tries -> tries.get(retry + 1).at() - tries.get(retry).answeredAt())
                .sorted().toList();
        }

        private long shortest(int retry) {
            return pauses(retry).stream().findFirst().orElse(Long.MAX_VALUE);
        }

        /// The shortest pause is at least three quarters of the delay, less a millisecond for the
        /// clocks, and at most one and a half times the delay and what the server needs for a try.
        boolean isInTime(int retry) {
            var delay = delays.get(retry).toMillis();
            return shortest(retry) >= (delay - delay / 4 - 1) * 1_000_000
                && shortest(retry) <= delay * 1_500_000 + firstTry;
        }

        /// The shortest pause before the last retry is below its delay. A server that needs long
        /// for each try is never that early. Then, of 32 messages, the shortest pauses grow less
        /// from the first retry to the last than the delays do, by a tenth.
        boolean vary() {
            var last = delays.size() - 1;
            if (shortest(last) < delays.get(last).toNanos()) return true;
            var growth = delays.get(last).minus(delays.getFirst()).toNanos();
            return messages.size() >= 32 && last > 0
                && shortest(last) - shortest(0) < growth * 9 / 10;
        }

        /// More messages tell nothing new.
        boolean areEnough() {
            return IntStream.range(0, delays.size()).allMatch(this::isInTime) && vary();
        }

        /// The eight shortest pauses.
        String shown(int retry) {
            return Pauses.shown(pauses(retry).stream().limit(8).map(nanos -> nanos / 1_000_000)
                .toList());
        }
    }

    /// The id of the quote in a message; 0 if there is none.
    private static long quoteId(String message) {
        try {
            return Market.JSON.readTree(message).at("/data/id").asLong();
        } catch (IOException malformed) {
            return 0;
        }
    }

    /// A request that a subscriber got.
    ///
    /// @param request    its headers and its body, which can be asserted like an answer's
    /// @param at         when it came, System.nanoTime()
    /// @param answeredAt when it was answered, System.nanoTime(); 0 if it was not
    record Try(Answer request, long at, long answeredAt) {
        Try(Exchange one) {
            this(new Answer(one.request(), new byte[0], Duration.ZERO, one.requestedAt()),
                one.requestedAt(), one.answer() == null ? 0 : one.answeredAt());
        }

        String header(String name) { return request.header(name).orElse("none"); }

        /// Its webhook-timestamp; 0 if that is not a number.
        long seconds() {
            var text = header("webhook-timestamp");
            return text.matches("[0-9]{1,15}") ? Long.parseLong(text) : 0;
        }
    }
}
