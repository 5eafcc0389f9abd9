package wirelab.checks;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.Market;
import market.Quote;
import mockwebserver3.*;
import okio.BufferedSink;
import org.junit.jupiter.api.*;
import wirelab.Answer;
import wirelab.Checks;
import wirelab.Exchange;
import wirelab.Tap;
import wirelab.Webhook;

@DisplayName("webhooks")
public class Lab04 extends Checks {
    private static final String STANDARD = "Standard Webhooks 1.0.0";
    /// Requests under way to one subscriber, and deliveries that wait for it.
    private static final int UNDER_WAY = 8;
    private static final int WAITING = 1_000;

    // ---- the producer

    @Test @Order(1) @Tag("TODO-1")
    void each_quote_is_posted_to_each_subscriber_with_id_time_and_signature() throws IOException {
        // Two first answers share what a JVM that has just started must load.
        get("/health");
        var subscriber = subscriber(_ -> ok());
        var quote = publish("BTC");
        promise("the quote, POSTed as application/json", "lab text");
        event(subscriber.tries(quote, 1).getFirst(), quote);

        var other = subscriber(_ -> ok());
        var next = publish("ETH");
        promise("the next quote at both subscribers", "lab text");
        event(other.tries(next, 1).getFirst(), next);
        var second = subscriber.tries(next, 1).getFirst();
        event(second, next);
        assertThat(second.id()).as(promise("another webhook-id than the quote before", STANDARD,
            "consumers drop what comes again under a known id"))
            .isNotEqualTo(subscriber.tries(quote, 1).getFirst().id());
    }

    private void event(Try one, Quote quote) {
        assertThat(one.header("Content-Type")).as(promise("Content-Type: application/json",
            STANDARD)).startsWith("application/json");
        shows(one, "webhook-id", "[^\\s.]+", promise("a webhook-id, without a dot", STANDARD,
            "it names the message, so that a consumer can tell a retry from a new one"));
        shows(one, "webhook-timestamp", "[0-9]+", promise(
            "a webhook-timestamp in whole seconds since 1970, of now", STANDARD,
            "a consumer refuses what is more than some minutes off"));
        assertThat(Math.abs(one.seconds() - Instant.now().getEpochSecond()))
            .overridingErrorMessage("%s, now is %d", one.shown("webhook-timestamp"),
                Instant.now().getEpochSecond()).isLessThan(60);
        shows(one, "webhook-signature", "(\\S+ )*v1,[A-Za-z0-9+/]{43}=( \\S+)*", promise(
            "a webhook-signature: v1, and the base64 of 32 bytes", STANDARD,
            "it proves who sent this"));
        var json = one.json();
        promise("type quote.published, the quote's timestamp as a date with Z, the quote as data",
            "lab text");
        assertThat(json.path("type").asText()).isEqualTo("quote.published");
        assertThat(time(json.path("timestamp").asText())).isEqualTo(quote.timestampMs());
        assertThat("" + quote(json.path("data"))).isEqualTo("" + quote);
    }

    private static void shows(Try one, String header, String pattern, String promise) {
        assertThat(one.header(header)).as(promise)
            .overridingErrorMessage("%s", one.shown(header)).matches(pattern);
    }

    /// Milliseconds; -1 if it is no date in UTC.
    private static long time(String date) {
        try {
            return date.endsWith("Z") ? Instant.parse(date).toEpochMilli() : -1;
        } catch (DateTimeException malformed) {
            return -1;
        }
    }

    private static Quote quote(JsonNode data) {
        try {
            return Market.JSON.treeToValue(data, Quote.class);
        } catch (IOException malformed) {
            throw new AssertionError("data that is no quote: " + data);
        }
    }

    @Test @Order(2) @Tag("TODO-2")
    void the_signature_covers_id_time_and_the_bytes_of_the_body() throws IOException {
        var subscribers = new ArrayList<Subscriber>();
        for (var bytes : List.of(24, 33, 64))
            subscribers.add(subscriber(Webhook.random(bytes), _ -> ok()));
        var quotes = List.of(publish(), publish("€/¥ \\\"ß\\\""));

        for (var subscriber : subscribers)
            for (var quote : quotes) signed(subscriber, subscriber.tries(quote, 1).getFirst());
    }

    private void signed(Subscriber subscriber, Try one) {
        assertThat(subscriber.webhook.verifies(one.id(), one.timestamp(), one.body(),
            one.signatures())).as(promise("v1, and HMAC-SHA256 over " + one.id() + "."
            + one.timestamp() + ".body, with the subscription's key", STANDARD,
            "the key is what the base64 after whsec_ stands for; the body is the bytes as sent"))
            .overridingErrorMessage("webhook-signature: %s; right is %s", one.signatures(),
                subscriber.webhook.sign(one.id(), one.timestamp(), one.body()))
            .isTrue();
    }

    @Test @Order(3) @Tag("TODO-3")
    void what_is_no_url_or_no_secret_is_refused_and_secrets_are_not_shown() throws IOException {
        var webhook = Webhook.random(32);
        var url = "http://127.0.0.1:1/hooks";
        var before = get("/subscriptions").json().size();
        for (var bad : List.of("ftp://127.0.0.1/", "hooks", "", "/hooks", "//127.0.0.1/hooks",
            "file:///etc/passwd", "mailto:a@127.0.0.1", "http://", "http:///hooks", "http:hooks",
            "http://127.0.0.1:1/a b", "http://[::1"))
            refused(json(bad, webhook.secret()), "url: " + bad);
        refused("{\"secret\":\"" + webhook.secret() + "\"}", "no url");
        refused("{\"url\":5,\"secret\":\"" + webhook.secret() + "\"}", "url: 5");
        var base64 = webhook.secret().substring(6);
        for (var bad : List.of("", "whsec_", base64, "whsk_" + base64, "whsec_" + base64 + "!",
            "whsec_not base64", Webhook.random(23).secret(), Webhook.random(65).secret()))
            refused(json(url, bad), "secret: " + bad);
        refused("{\"url\":\"" + url + "\"}", "no secret");
        for (var bad : List.of("", "[]", "{", "\"" + url + "\"")) refused(bad, "body: " + bad);
        assertThat(get("/subscriptions").json().size())
            .as(promise("none of them in GET /subscriptions", "lab text")).isEqualTo(before);

        for (var good : List.of(url, "https://127.0.0.1:1/"))
            for (var key : List.of(Webhook.random(24), Webhook.random(64)))
                accepted(good, key);
    }

    private void refused(String body, String what) {
        promise("400 as application/problem+json to a subscription with " + what,
            "RFC 9110 §15.5.1", "what is refused now can't fail silently later");
        var answer = send("POST", "/subscriptions", body);
        if (answer.status() == 201) unsubscribeLater(answer);
        assertThat(answer).hasStatus(400)
            .hasHeaderLike("Content-Type", "application/problem\\+json\\b.*");
    }

    private void accepted(String url, Webhook webhook) {
        var answer = send("POST", "/subscriptions", json(url, webhook.secret()));
        promise("201 with Location and the subscription, state active", "lab text");
        assertThat(answer).hasStatus(201).hasHeaderLike("Location", "/subscriptions/.+");
        unsubscribeLater(answer);
        assertThat(answer.json().path("state").asText()).isEqualTo("active");
        assertThat(answer.json().path("url").asText()).isEqualTo(url);
        var base64 = webhook.secret().substring(6);
        promise("no secret in an answer", "lab text",
            "who reads the list of subscriptions could sign messages");
        for (var text : List.of(answer.text(), get("/subscriptions").text()))
            assertThat(text.contains(base64)).overridingErrorMessage("%s", text).isFalse();
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_slow_or_dead_subscriber_delays_nobody() throws IOException {
        var slow = subscriber(_ -> silence());
        var dead = subscriber(_ -> ok());
        dead.hangUp();
        var fast = subscriber(_ -> ok());
        var published = CompletableFuture.supplyAsync(() -> publish(100),
            Thread::startVirtualThread);

        var promised = promise("100 quotes at once, while one subscriber is silent and another is "
            + "dead", "lab text",
            "deliver beside the publisher, and to each subscriber on its own");
        assertThat(fast.distinct(100)).as(promised)
            .overridingErrorMessage("%d of 100, and no more", fast.distinct(0))
            .isGreaterThanOrEqualTo(100);
        assertThat(published.isDone() || eventually(published::isDone, done -> done))
            .as(promise("201 to whoever publishes, at once", "lab text",
                "Feed.listen calls you on the publisher's thread"))
            .overridingErrorMessage("no answer to POST /quotes").isTrue();
        assertThat(slow.count()).as(promise("tries at the silent one, too", "lab text"))
            .isPositive();
    }

    @Test @Order(5) @Tag("TODO-5")
    void what_is_under_way_to_a_subscriber_and_what_waits_for_it_is_bounded() throws IOException {
        var slow = subscriber(_ -> silence());
        var fast = subscriber(_ -> ok());
        publish(40);
        promise("all 40 at the other subscriber", "lab text");
        assertThat(fast.distinct(40)).isGreaterThanOrEqualTo(40);
        eventually(slow::count, count -> count >= UNDER_WAY);
        assertThat(slow.count()).as(promise("at most " + UNDER_WAY
            + " requests under way to a subscriber that answers none", "lab text",
            "after an outage all that waited would come down on it at once"))
            .overridingErrorMessage("%d requests at once", slow.count())
            .isBetween(1L, (long) UNDER_WAY);
        fast.unsubscribe();

        publish(WAITING);
        var status = eventually(slow::status, now -> now.path("givenUp").size() >= 40);
        promise("waiting: " + WAITING + ", and 40 ids in givenUp, after " + (WAITING + 40)
            + " quotes", "lab text", "a dead subscriber must not fill the memory");
        assertThat("waiting: " + status.path("waiting") + ", given up: "
            + status.path("givenUp").size()).isEqualTo("waiting: " + WAITING + ", given up: 40");
    }

    @Test @Order(6) @Tag("TODO-6")
    void anything_but_2xx_is_tried_again_with_the_same_id_and_2xx_is_not() throws IOException {
        taken(Map.of("500 Internal Server Error", failing("500 Internal Server Error")));
        var others = new LinkedHashMap<String, Subscriber>();
        for (var status : List.of("300 Multiple Choices", "400 Bad Request", "401 Unauthorized",
            "404 Not Found", "429 Too Many Requests", "503 Service Unavailable"))
            others.put(status, failing(status));
        others.put("a broken connection", subscriber(n -> n > 1 ? ok()
            : ok().onResponseStart(new SocketEffect.CloseSocket())));
        taken(others);
        var successes = new ArrayList<Subscriber>();
        for (var status : List.of("200 OK", "201 Created", "202 Accepted", "204 No Content",
            "299 Fine")) successes.add(subscriber(_ -> answer(status)));
        var quote = publish();
        for (var subscriber : successes) once(subscriber, quote);
    }

    private Subscriber failing(String status) throws IOException {
        return subscriber(n -> n > 1 ? ok() : answer(status));
    }

    /// Each of them fails once: what was it sent then?
    private void taken(Map<String, Subscriber> failures) {
        var quote = publish();
        failures.forEach((failure, subscriber) -> {
            promise("another try after " + failure, STANDARD, "only 2xx means that it was taken");
            var tries = subscriber.tries(quote, 2);
            again(subscriber, tries.get(0), tries.get(1));
            promise("delivered: 1 and failures: 1 after " + failure + " and 200", "lab text");
            var now = eventually(subscriber::status, one -> one.path("delivered").asInt() > 0);
            assertThat(now.path("delivered").asInt()).overridingErrorMessage("%s", now)
                .isEqualTo(1);
            assertThat(now.path("failures").asInt()).overridingErrorMessage("%s", now)
                .isPositive();
            subscriber.unsubscribe();
        });
    }

    private void again(Subscriber subscriber, Try first, Try second) {
        assertThat(second.id()).as(promise("the same webhook-id at each try: " + first.id(),
            STANDARD, "it is how a consumer notices that it has the message already"))
            .isEqualTo(first.id());
        signed(subscriber, second);
        assertThat(new String(second.body(), StandardCharsets.UTF_8))
            .as(promise("the same body at each try", "lab text"))
            .isEqualTo(new String(first.body(), StandardCharsets.UTF_8));
    }

    /// What was answered with 2xx in time was sent once.
    private void once(Subscriber subscriber, Quote quote) {
        var tries = subscriber.tries(quote, 1);
        promise("delivered: 1, waiting: 0 after " + tries.getFirst().answer(), "lab text");
        var status = eventually(subscriber::status, now -> now.path("delivered").asInt() > 0
            && now.path("waiting").asInt() == 0);
        assertThat(status.path("delivered").asInt()).overridingErrorMessage("%s", status)
            .isEqualTo(1);
        var inTime = tries.getFirst().took().compareTo(
            settings().millis("DELIVERY_TIMEOUT_MS").dividedBy(2)) < 0;
        if (inTime) assertThat(subscriber.count())
            .as(promise("one request: " + tries.getFirst().answer() + " means that it was taken",
                STANDARD)).overridingErrorMessage("%d", subscriber.count()).isEqualTo(1);
    }

    @Test @Order(7) @Tag("TODO-6")
    void what_fails_to_the_end_is_given_up_and_listed() throws IOException {
        var length = schedule().stream().reduce(Duration.ZERO, Duration::plus);
        Assumptions.assumeTrue(length.toSeconds() < 10, "the schedule takes too long; start the "
            + "server with RETRY_SCHEDULE_MS=20,40,80 and tell with --setting");
        var wanted = schedule().size() + 1;
        var subscriber = subscriber(_ -> answer("500 Internal Server Error"));
        // On a busy machine a try may time out before it gets here: one of three is enough.
        var most = 0;
        for (var round = 0; round < 3 && most < wanted; round++) {
            var quote = publish();
            var count = givenUp(subscriber, quote, length.multipliedBy(2));
            assertThat(count).as(promise(wanted + " tries: one, and " + (wanted - 1) + " retries",
                "lab text")).overridingErrorMessage("%d", count).isLessThanOrEqualTo(wanted);
            most = Math.max(most, count);
        }
        assertThat(most).as(promise(wanted + " tries: one, and one for each delay of the schedule",
            "lab text")).overridingErrorMessage("%d", most).isEqualTo(wanted);
    }

    /// How many tries there were until it was given up.
    private int givenUp(Subscriber subscriber, Quote quote, Duration length) {
        promise("tries until the schedule ends", "lab text");
        var id = subscriber.tries(quote, 1).getFirst().id();
        var status = eventuallyAfter(length, subscriber::status,
            now -> now.path("waiting").asInt() == 0 && ("" + now.path("givenUp")).contains(id));
        promise("waiting: 0, " + id + " in givenUp, a lastError, state still active", "lab text",
            "who subscribed must be able to see what is lost");
        assertThat("waiting: %s, in givenUp: %s, lastError: %s, state: %s".formatted(
            status.path("waiting"), ("" + status.path("givenUp")).contains("\"" + id + "\""),
            status.path("lastError").isTextual(), status.path("state").asText()))
            .isEqualTo("waiting: 0, in givenUp: true, lastError: true, state: active");
        return subscriber.tries(quote, 1).size();
    }

    @Test @Order(8) @Tag("TODO-7")
    void a_subscriber_that_does_not_answer_in_time_is_tried_again() throws IOException {
        restartWith("DELIVERY_TIMEOUT_MS", "200");
        var timeout = settings().millis("DELIVERY_TIMEOUT_MS");
        Assumptions.assumeTrue(timeout.toSeconds() < 8, "it takes too long; start the server with "
            + "DELIVERY_TIMEOUT_MS=200 and tell with --setting");
        var wait = timeout.plus(delay(0));
        var silent = subscriber(n -> n > 2 ? ok() : silence());
        var endless = subscriber(_ -> new MockResponse.Builder().body(new Endless()));
        var quotes = Stream.generate(this::publish).limit(4).toList();
        promise("another try " + timeout.toMillis() + " ms after one that is not answered",
            STANDARD, "HttpClient waits for ever, unless told otherwise");
        var tries = silent.tries(quotes.getFirst(), 2, wait);
        again(silent, tries.get(0), tries.get(1));
        eventually(wait.plus(SOON), silent::status, now -> now.path("waiting").asInt() == 0);
        promise("a third try, since the second is not answered either", "lab text");
        // On a busy machine a try may time out before it gets here: one of four is enough.
        var thrice = quotes.stream().map(quote -> silent.tries(quote, 0))
            .filter(all -> all.size() > 2).toList();
        if (thrice.isEmpty()) thrice = List.of(silent.tries(quotes.getFirst(), 3,
            wait.multipliedBy(2)));
        for (var all : thrice) {
            // The first may have been late, but by no more than the time-out.
            var waited = Duration.ofNanos(all.get(2).at() - all.get(0).at());
            assertThat(waited).as(promise("at least " + timeout.toMillis() + " ms for 2 of them",
                "lab text", "who is slow but answers would get everything twice"))
                .overridingErrorMessage("3 tries within %d ms", waited.toMillis())
                .isGreaterThan(timeout);
        }
        var status = eventuallyAfter(wait, endless::status,
            now -> now.path("delivered").asInt() > 0);
        assertThat(status.path("delivered").asInt()).as(promise(
            "a 200 whose body never ends in delivered", "lab text",
            "HttpRequest.timeout ends with the headers; who then reads on, reads for ever"))
            .overridingErrorMessage("%s", status).isPositive();
    }

    @Test @Order(9) @Tag("TODO-7")
    void a_redirect_is_a_failure_and_not_followed() throws IOException {
        var elsewhere = subscriber(_ -> ok());
        var target = elsewhere.url("/elsewhere");
        elsewhere.unsubscribe();
        var redirects = new ArrayList<Subscriber>();
        for (var status : List.of("301 Moved Permanently", "302 Found", "303 See Other",
            "307 Temporary Redirect", "308 Permanent Redirect"))
            redirects.add(subscriber(n -> n > 1 ? ok()
                : answer(status).setHeader("Location", target)));
        var quote = publish();

        eventually(SOON, () -> elsewhere.count() > 0 || redirects.stream()
            .allMatch(one -> one.count() > 1), over -> over);
        assertThat(elsewhere.count()).as(promise("no request where Location points", STANDARD,
            "following costs both sides time, and may lead into your own network"))
            .overridingErrorMessage("%d requests to %s", elsewhere.count(), target).isZero();
        for (var subscriber : redirects) {
            promise("another try at the same URL after a redirect", STANDARD);
            var tries = subscriber.tries(quote, 2);
            again(subscriber, tries.get(0), tries.get(1));
        }
        assertThat(elsewhere.count()).as(promise("no request where Location points", STANDARD))
            .isZero();
    }

    @Test @Order(10) @Tag("TODO-8")
    void the_delays_of_the_schedule_grow_and_vary() throws IOException {
        var gaps = new ArrayList<List<Long>>();
        var usual = Long.MAX_VALUE;
        var subscriber = subscriber(_ -> answer("500 Internal Server Error"));
        // A busy machine makes a pause longer, never shorter: the shortest of many counts.
        for (var round = 0; round < 5 && !(grown(gaps, usual) && varied(gaps)); round++) {
            var start = System.nanoTime();
            var quotes = Stream.generate(this::publish).limit(8).toList();
            usual = Math.min(usual, tries(subscriber, quotes.getFirst()).getFirst().at() - start);
            for (var quote : quotes) gaps.add(gaps(tries(subscriber, quote)));
        }
        for (var n = 0; n < seen(); n++) {
            var delay = delay(n).toMillis();
            promise("retry %d after %d–%d ms".formatted(n + 1, delay - delay / 4, delay),
                "lab text", "a subscriber that is down needs more and more time, not more load");
            assertThat(shortest(gaps, n)).overridingErrorMessage("pauses of %s… ms",
                millis(gaps, n)).isBetween((delay - delay / 4 - 1) * 1_000_000,
                    delay * 1_500_000 + usual);
        }
        assertThat(varied(gaps)).as(promise("some retries up to a quarter earlier, at random",
            STANDARD, "what failed together would come back together"))
            .overridingErrorMessage("pauses of %s… ms where the schedule says %d",
                millis(gaps, seen() - 1), delay(seen() - 1).toMillis()).isTrue();
    }

    /// As many as come within some seconds.
    private List<Try> tries(Subscriber subscriber, Quote quote) {
        promise((seen() + 1) + " tries", "lab text");
        return subscriber.tries(quote, seen() + 1);
    }

    /// The pauses before each retry, nanoseconds; -1 after a try without an answer.
    private static List<Long> gaps(List<Try> tries) {
        return IntStream.range(1, tries.size()).mapToObj(n -> tries.get(n - 1).answer() == null
            ? -1L : tries.get(n).at() - tries.get(n - 1).answeredAt()).toList();
    }

    /// @param usual what a slow server needs for a try, nanoseconds
    private boolean grown(List<List<Long>> gaps, long usual) {
        return IntStream.range(0, seen()).allMatch(n ->
            shortest(gaps, n) < delay(n).toNanos() * 3 / 2 + usual);
    }

    /// Whether the last retry came earlier than the schedule says. A server that needs time of its
    /// own for each try is never that early: but then the last came earlier after the first.
    private boolean varied(List<List<Long>> gaps) {
        int first = 0, last = seen() - 1;
        if (shortest(gaps, last) < delay(last).toNanos()) return true;
        var grew = shortest(gaps, last) - shortest(gaps, first);
        return gaps.size() >= 32 && last > first
            && grew < delay(last).minus(delay(first)).toNanos() * 9 / 10;
    }

    private static List<Long> sorted(List<List<Long>> gaps, int n) {
        return gaps.stream().map(one -> one.get(n)).filter(gap -> gap >= 0).sorted().toList();
    }

    private static long shortest(List<List<Long>> gaps, int n) {
        return sorted(gaps, n).stream().findFirst().orElse(Long.MAX_VALUE);
    }

    private static List<Long> millis(List<List<Long>> gaps, int n) {
        return sorted(gaps, n).stream().limit(8).map(gap -> gap / 1_000_000).toList();
    }

    private List<Duration> schedule() {
        return Stream.of(settings().text("RETRY_SCHEDULE_MS").split(","))
            .map(delay -> Duration.ofMillis(Long.parseLong(delay.strip()))).toList();
    }

    /// What to wait before retry `n`, from 0.
    private Duration delay(int n) { return schedule().get(n); }

    /// How many retries come within some seconds.
    private int seen() {
        var left = Duration.ofSeconds(7);
        var count = 0;
        for (var delay : schedule())
            if ((left = left.minus(delay)).isPositive()) count++;
        return Math.min(count, 3);
    }

    @Test @Order(11) @Tag("TODO-9")
    void Retry_After_is_obeyed_and_each_try_has_its_own_time() throws IOException {
        var date = new AtomicReference<Instant>();
        var seconds = subscriber(n -> n > 1 ? ok() : unavailable().setHeader("Retry-After", "1"));
        var dated = subscriber(n -> n > 1 ? ok()
            : answer("429 Too Many Requests").setHeader("Retry-After", httpDate(date)));
        var odd = subscriber(n -> n > 1 ? ok() : unavailable().setHeader("Retry-After", "soon"));
        // Early in a second: who signs the second try right after the first gives both one time.
        eventually(Duration.ofSeconds(1), () -> System.currentTimeMillis() % 1_000,
            millis -> millis < 600);
        var first = publish();
        for (var one : List.of(seconds, dated, odd)) {
            promise("failures: 1 after 503 or 429", "lab text");
            var status = eventually(one::status, now -> now.path("failures").asInt() > 0);
            assertThat(status.path("failures").asInt()).overridingErrorMessage("%s", status)
                .isPositive();
        }
        var second = publish();

        promise("another try at the usual time if Retry-After is neither number nor date",
            "RFC 9110 §10.2.3");
        odd.tries(first, 2);
        quiet(seconds, first, second, Duration.ofSeconds(1), "Retry-After: 1");
        var wait = Duration.between(dated.tries(first, 1).getFirst().answered(), date.get());
        quiet(dated, first, second, wait, "Retry-After with a date");
        var tries = seconds.tries(first, 2);
        assertThat(tries.get(1).seconds()).as(promise("another webhook-timestamp than "
            + tries.get(0).timestamp() + " when a second has passed", STANDARD,
            "with the old one a consumer refuses a retry that comes after some minutes"))
            .isGreaterThan(tries.get(0).seconds());
        again(seconds, tries.get(0), tries.get(1));
    }

    /// Nothing was sent before this time had passed, then all.
    private void quiet(Subscriber subscriber, Quote first, Quote second, Duration wait,
            String header) {
        promise("both quotes after " + header, "RFC 9110 §10.2.3");
        var answered = subscriber.tries(first, 2, wait).getFirst().answeredAt();
        var next = Math.min(subscriber.tries(first, 2).get(1).at(),
            subscriber.tries(second, 1).getFirst().at());
        var pause = Duration.ofNanos(next - answered);
        assertThat(pause).as(promise("nothing sent for " + wait.toMillis() + " ms after " + header,
            "RFC 9110 §10.2.3", "it is the subscriber that is busy, not one message"))
            .overridingErrorMessage("the next request after %d ms", pause.toMillis())
            .isGreaterThan(wait.minusMillis(10));
    }

    /// The first whole second that is half a second away, or a bit more.
    private static String httpDate(AtomicReference<Instant> date) {
        date.compareAndSet(null,
            Instant.now().plusMillis(1_500).truncatedTo(ChronoUnit.SECONDS));
        return DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC).format(date.get());
    }

    @Test @Order(12) @Tag("TODO-10")
    void after_410_nothing_is_sent_any_more() throws IOException {
        restartWith("DELIVERY_TIMEOUT_MS", "500");
        var other = subscriber(_ -> ok());
        var more = sentAfter410(other);
        // On a busy machine a request may be under way when 410 comes: one of three is enough.
        for (var round = 1; round < 3 && more > 0; round++) more = sentAfter410(other);

        assertThat(more).as(promise("no request after the one that got 410", STANDARD,
            "410 says: never again, and that holds for what waits as well"))
            .overridingErrorMessage("%d more", more).isZero();
    }

    /// How many requests came after the one that got 410.
    private long sentAfter410(Subscriber other) throws IOException {
        var number = new AtomicInteger();
        var gone = subscriber(_ -> number.incrementAndGet() == 1 ? silence() : answer("410 Gone"));
        var waits = publish();
        promise("a first request", "lab text");
        gone.tries(waits, 1);
        publish();
        var timeout = settings().millis("DELIVERY_TIMEOUT_MS");
        var status = eventuallyAfter(timeout, gone::status, now -> now.path("waiting").asInt() == 0
            && now.path("state").asText().equals("disabled"));
        assertThat("state: " + status.path("state").asText() + ", waiting: "
            + status.path("waiting").asInt()).as(promise("state: disabled, waiting: 0 after 410",
            STANDARD, "the subscriber wants no more")).isEqualTo("state: disabled, waiting: 0");
        var after = publish(5);
        assertThat(eventually(() -> other.got(after), got -> got))
            .as(promise("all quotes at the other subscriber", "lab text"))
            .overridingErrorMessage("not all of %s", after).isTrue();
        return gone.count() - 2;
    }

    // ---- the consumer

    @Test @Order(13) @Tag("TODO-11")
    void a_message_without_a_right_signature_gets_401_and_has_no_effect() {
        var right = webhook();
        var wrong = Webhook.random(24);
        var bad = new ArrayList<Message>();
        bad.add(message().signedBy(wrong));
        var asText = new Webhook(right.secret().getBytes(StandardCharsets.UTF_8));
        bad.add(message().signedBy(asText));
        bad.add(message().signature("v1," + Base64.getEncoder().encodeToString(new byte[32])));
        bad.add(message().signature("").body("{}"));
        bad.add(message().without("webhook-signature"));
        bad.add(message().without("webhook-timestamp"));
        bad.add(message().without("webhook-id"));
        var one = message();
        bad.add(message().id("msg_" + random()));
        bad.add(message().timestamp("" + (Instant.now().getEpochSecond() - 2)));
        bad.add(message().body(one.body));
        for (var message : bad)
            assertThat(deliver(message)).as(promise("401: the signature is missing, or not right",
                STANDARD, "anybody can POST here; only the producer knows the key")).hasStatus(401);

        received(one, "a message that is signed");
        nothingOf(bad);
        var forged = message();
        deliver(forged.signedBy(wrong));
        received(forged, "a message whose id somebody used before, with a wrong signature");
    }

    @Test @Order(14) @Tag("TODO-12")
    void a_message_more_than_5_minutes_old_or_ahead_gets_401() {
        var bad = new ArrayList<Message>();
        for (var off : List.of(-330, 330, -86_400, 1_000_000)) bad.add(at(off));
        var now = Instant.now();
        for (var odd : List.of("" + now.toEpochMilli(), "" + now, "-" + now.getEpochSecond(),
            now.getEpochSecond() + ".5", "now", "99999999999999999999"))
            bad.add(message().timestamp(odd).signedBy(webhook()));
        // The standard's own example: signed, and of 2021.
        bad.add(new Message("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "{\"test\": 2432232314}", Set.of()));
        for (var message : bad)
            assertThat(deliver(message)).as(promise("401 to webhook-timestamp: " + message.timestamp
                + ", now is " + Instant.now().getEpochSecond(), STANDARD,
                "who overheard a message could send it again, any time")).hasStatus(401);

        received(at(-270), "a message that is 4.5 minutes old");
        received(at(270), "a message by a clock that is 4.5 minutes fast");
        nothingOf(bad);
    }

    @Test @Order(15) @Tag("TODO-13")
    void one_right_signature_of_several_suffices() {
        var other = Webhook.random(24);
        var one = message();
        var right = one.signatures;
        var wrong = one.signedBy(other).signatures;
        var bad = List.of(one.signature("v2," + right.substring(3)),
            one.signature("v1a," + right.substring(3)), one.signature(right.substring(3)),
            one.signature(wrong + " v2," + right.substring(3) + " " + wrong),
            one.signature(right + "x"), one.signature(right.substring(0, 20)));
        for (var message : bad)
            assertThat(deliver(message)).as(promise("401: none of these is a v1 signature that is "
                + "right", STANDARD)).hasStatus(401);
        nothingOf(bad);

        Function<Message, List<String>> lists = message -> List.of(
            "%s %s", "%2$s %1$s", "v2,abc v1a,%2$s %1$s", "v1 , x %1$s v3,%2$s").stream()
            .map(list -> list.formatted(message.signatures, wrong)).toList();
        for (var i = 0; i < 4; i++) {
            var message = message();
            received(message.signature(lists.apply(message).get(i)),
                "a message with several signatures, one of them right");
        }
    }

    @Test @Order(16) @Tag("TODO-14")
    void a_message_that_comes_again_gets_2xx_and_has_one_effect() {
        var twice = message();
        received(twice, "a message that is signed");
        for (var again : List.of(twice, at(twice, -2), at(twice, 3)))
            assertThat(accepted(deliver(again))).as(promise("2xx to the same message again",
                STANDARD, "anything else, and the producer sends it once more")).isTrue();
        // One round alone may miss the moment between looking and recording.
        var together = Stream.generate(this::message).limit(6).toList();
        for (var message : together) {
            var answers = together("POST", "/hooks", Collections.nCopies(8, message.body),
                message.headers());
            for (var answer : answers)
                assertThat(accepted(answer)).as(promise("2xx to each of 8 at the same moment",
                    STANDARD)).overridingErrorMessage("%s", answer).isTrue();
        }

        var last = message().body(twice.body).signedBy(webhook());
        received(last, "another message with the same body");
        eventually(SOON, () -> count("/processed", last.id), count -> count > 0);
        for (var message : Stream.concat(Stream.of(twice), together.stream()).toList())
            for (var list : List.of("/received", "/processed"))
                assertThat(count(list, message.id)).as(promise(message.id + " once in GET " + list,
                    STANDARD, "a retry means that the 2xx was lost, not that it happened twice"))
                    .overridingErrorMessage("%d times", count(list, message.id)).isEqualTo(1);
    }

    @Test @Order(17) @Tag("TODO-15")
    void the_answer_comes_before_the_work() {
        var work = settings().millis("WORK_MS");
        var took = new ArrayList<Duration>();
        var message = message();
        do {
            message = message();
            var answer = deliver(message);
            promise("2xx to a message that is signed", STANDARD);
            assertThat(accepted(answer)).overridingErrorMessage("%s", answer).isTrue();
            took.add(answer.took());
        } while (took.size() < 8 && Collections.min(took).compareTo(work.dividedBy(2)) > 0);
        var best = Collections.min(took);
        assertThat(best).as(promise("2xx long before the " + work.toMillis()
            + " ms of work are over", STANDARD,
            "a producer that waits too long takes it for a failure, and sends it again"))
            .overridingErrorMessage("2xx after %d ms", best.toMillis())
            .isLessThanOrEqualTo(work.dividedBy(2));
        var last = message;
        var count = eventuallyAfter(work, () -> count("/processed", last.id), n -> n > 0);
        assertThat(count).as(promise(last.id + " in GET /processed, after its work", "lab text"))
            .overridingErrorMessage("it is not there").isEqualTo(1);
    }

    @Test @Order(18) @Tag("TODO-16")
    void the_bytes_are_verified_as_they_came() {
        var unusual = message().body("""
            { "data":\t{"price": 1.50e3, "name":"\\u00e9é€\\/"} ,\r
              "type" : "odd\\u002e%s" }
            """.formatted(random())).signedBy(webhook());
        received(unusual, "JSON that is spaced and escaped unusually, and signed as it is");

        var one = message();
        var spaced = one.body(one.body.replace(":", " : "));
        assertThat(deliver(spaced)).as(promise("401: equal JSON, but other bytes", STANDARD,
            "what is parsed and written anew is no longer what was signed")).hasStatus(401);
        var text = message().body("signed, but no JSON").signedBy(webhook());
        assertThat(deliver(text)).as(promise("400: the signature is right, the body is no JSON",
            "lab text")).hasStatus(400);
        var foreign = text.signedBy(Webhook.random(24));
        assertThat(deliver(foreign)).as(promise("401: neither signed nor JSON", "lab text",
            "whoever can't sign gets nothing parsed")).hasStatus(401);
        nothingOf(List.of(spaced, text));
        var untyped = message().body("{\"test\": 2432232314}").signedBy(webhook());
        assertThat(accepted(deliver(untyped))).as(promise("2xx to JSON without a type", "lab text"))
            .isTrue();
    }

    // ---- bonus

    @Test @Order(19) @Tag("TODO-17") @Tag("bonus")
    void a_url_that_leads_into_our_own_network_is_refused() {
        for (var host : List.of("169.254.169.254", "10.0.0.1", "172.16.0.1", "172.31.255.254",
            "192.168.1.1", "0.0.0.0", "0.1.2.3", "100.64.0.1", "100.127.255.254", "224.0.0.1",
            "240.0.0.1", "255.255.255.255", "[::]", "[fe80::1]", "[fd00::1]", "[fc00::1]",
            "[ff02::1]", "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a00:1]"))
            guarded(host, 400);
        // Port 1 of addresses next to those; nothing is published meanwhile.
        for (var host : List.of("172.32.0.1", "100.128.0.1", "9.9.9.9", "[2620:fe::fe]"))
            guarded(host, 201);
        guarded("127.0.0.1", settings().number("ALLOW_LOOPBACK") == 1 ? 201 : 400);
        restartWith("ALLOW_LOOPBACK", "0");
        if (settings().number("ALLOW_LOOPBACK") == 0)
            for (var host : List.of("127.0.0.1", "127.9.9.9", "localhost", "[::1]",
                "[::ffff:127.0.0.1]")) guarded(host, 400);
    }

    private void guarded(String host, int status) {
        var answer = send("POST", "/subscriptions",
            json("http://" + host + ":1/", Webhook.random(24).secret()));
        promise(status + " to a subscription for http://" + host + ":1/", "lab text",
            "there may be machines that trust whoever is inside: Standard Webhooks, SSRF");
        if (answer.status() == 201) unsubscribe(answer);
        assertThat(answer).hasStatus(status);
    }

    // ---- subscribers of ours

    private Subscriber subscriber(IntFunction<MockResponse.Builder> answers) throws IOException {
        return subscriber(Webhook.random(32), answers);
    }

    /// @param answers to the n-th try of each quote, from 1
    private Subscriber subscriber(Webhook webhook, IntFunction<MockResponse.Builder> answers)
            throws IOException {
        var subscriber = new Subscriber(webhook, answers);
        subscriber.subscribe();
        return subscriber;
    }

    private void unsubscribeLater(Answer created) { watch(() -> unsubscribe(created)); }

    private void unsubscribe(Answer created) {
        created.header("Location").ifPresent(path -> send("DELETE", path, null));
    }

    private static String json(String url, String secret) {
        return Market.JSON.createObjectNode().put("url", url).put("secret", secret).toString();
    }

    private static MockResponse.Builder ok() { return answer("200 OK"); }

    private static MockResponse.Builder answer(String status) {
        return new MockResponse.Builder().status("HTTP/1.1 " + status);
    }

    /// No answer, and the connection stays open.
    private static MockResponse.Builder silence() {
        return ok().onResponseStart(SocketEffect.Stall.INSTANCE);
    }

    private final class Subscriber extends Dispatcher {
        final Webhook webhook;
        private final IntFunction<MockResponse.Builder> answers;
        private final Map<Long, Integer> number = new ConcurrentHashMap<>();
        private final AtomicLong count = new AtomicLong();
        private final MockWebServer server;
        private final Tap tap;
        private Answer created;

        Subscriber(Webhook webhook, IntFunction<MockResponse.Builder> answers) throws IOException {
            this.webhook = webhook;
            this.answers = answers;
            server = serve(this);
            tap = tap(server);
        }

        void subscribe() {
            created = send("POST", "/subscriptions", json(url("/hooks"), webhook.secret()));
            promise("201 to a subscription", "lab text");
            assertThat(created).hasStatus(201);
            unsubscribeLater(created);
        }

        String url(String path) { return tap.url() + path; }

        void unsubscribe() { Lab04.this.unsubscribe(created); }

        /// Nobody listens there any more.
        void hangUp() { tap.close(); }

        @Override public MockResponse dispatch(RecordedRequest request) {
            count.incrementAndGet();
            var body = request.getBody();
            var id = body == null ? 0 : tree(body.toByteArray()).at("/data/id").asLong();
            return answers.apply(number.merge(id, 1, Integer::sum)).build();
        }

        /// How many requests came.
        long count() { return count.get(); }

        /// How many quotes came, once it is at least so many, or time is up.
        long distinct(int wanted) {
            return eventually(() -> (long) number.size(), size -> size >= wanted);
        }

        boolean got(List<Long> ids) { return number.keySet().containsAll(ids); }

        /// The tries of this quote, once they are at least so many; fails if they don't come.
        List<Try> tries(Quote quote, int wanted) {
            return tries(quote, wanted, schedule().stream().limit(Math.max(0, wanted - 1))
                .reduce(Duration.ZERO, Duration::plus));
        }

        /// @param pause how long a healthy server may take for that
        List<Try> tries(Quote quote, int wanted, Duration pause) {
            var idle = new AtomicReference<Instant>();
            eventuallyAfter(pause, () -> number.getOrDefault(quote.id(), 0),
                size -> size >= wanted || idle(idle));
            var tries = tap.exchanges().stream().filter(one -> one.request().complete())
                .map(Try::new).filter(one -> one.json().at("/data/id").asLong() == quote.id())
                .toList();
            if (tries.size() < wanted) throw new AssertionError(
                tries.size() + " of " + wanted + " requests with quote " + quote.id());
            return tries;
        }

        /// Whether the server has said for a second that nothing waits for this subscriber: then
        /// nothing more will come.
        private boolean idle(AtomicReference<Instant> since) {
            var now = Instant.now();
            if (since.compareAndSet(null, now) || now.isBefore(since.get().plusMillis(500)))
                return false;
            if (status().path("waiting").asInt() > 0) since.set(now.minusMillis(400));
            return now.isAfter(since.get().plusSeconds(1));
        }

        /// Itself in GET /subscriptions.
        JsonNode status() {
            var id = created.json().path("id");
            for (var one : get("/subscriptions").json())
                if (one.path("id").equals(id)) return one;
            promise("the subscription " + id + " in GET /subscriptions", "lab text");
            throw new AssertionError("it is not there");
        }
    }

    /// A body that begins, and never ends.
    private static final class Endless implements MockResponseBody {
        @Override public long getContentLength() { return -1; }

        @Override public void writeTo(BufferedSink sink) throws IOException {
            try {
                while (true) {
                    sink.writeUtf8("and so on ").flush();
                    Thread.sleep(20);
                }
            } catch (InterruptedException over) {
                throw new InterruptedIOException();
            }
        }
    }

    private static JsonNode tree(byte[] json) {
        try {
            return Market.JSON.readTree(json);
        } catch (IOException malformed) {
            throw new AssertionError("a body that is not JSON: "
                + new String(json, StandardCharsets.UTF_8));
        }
    }

    /// A request that a subscriber got.
    private record Try(Exchange exchange) {
        String header(String name) {
            return exchange.request().headers().stream()
                .filter(header -> header.name().equalsIgnoreCase(name))
                .map(header -> header.value()).findFirst().orElse("");
        }

        String shown(String name) {
            return header(name).isEmpty() ? "no " + name : name + ": " + header(name);
        }

        String id() { return header("webhook-id"); }

        String timestamp() { return header("webhook-timestamp"); }

        String signatures() { return header("webhook-signature"); }

        byte[] body() { return exchange.request().body(); }

        JsonNode json() { return tree(body()); }

        /// Its timestamp; 0 if it is no number.
        long seconds() {
            return timestamp().matches("[0-9]{1,15}") ? Long.parseLong(timestamp()) : 0;
        }

        /// The status line; null while there is none.
        String answer() { return exchange.answer() == null ? null : exchange.answer().start(); }

        long at() { return exchange.requestedAt(); }

        long answeredAt() { return exchange.answeredAt(); }

        /// When it was answered, by the clock.
        Instant answered() { return Instant.now().minusNanos(System.nanoTime() - answeredAt()); }

        Duration took() {
            return answer() == null ? Duration.ofDays(1) : Duration.ofNanos(answeredAt() - at());
        }
    }

    // ---- messages of ours

    private Webhook webhook() { return Webhook.of(settings().text("WEBHOOK_SECRET")); }

    /// Text that nobody can guess.
    private static String random() {
        return Long.toString(ThreadLocalRandom.current().nextLong(1L << 40, 1L << 50), 36);
    }

    /// A new one, signed, of now.
    private Message message() {
        var body = "{\"type\":\"test.%s\",\"data\":{\"n\":%d}}"
            .formatted(random(), random().hashCode());
        return new Message("msg_" + random(), "" + Instant.now().getEpochSecond(), "", body,
            Set.of()).signedBy(webhook());
    }

    private Message at(int seconds) { return at(message(), seconds); }

    /// The same, signed so many seconds from now.
    private Message at(Message message, int seconds) {
        return message.timestamp("" + (Instant.now().getEpochSecond() + seconds))
            .signedBy(webhook());
    }

    private Answer deliver(Message message) {
        return send("POST", "/hooks", message.body, message.headers());
    }

    private static boolean accepted(Answer answer) { return answer.status() / 100 == 2; }

    /// Delivers it; it must be accepted, and listed with its type.
    private void received(Message message, String what) {
        var answer = deliver(message);
        assertThat(accepted(answer)).as(promise("2xx to " + what, STANDARD))
            .overridingErrorMessage("%s", answer).isTrue();
        var types = new ArrayList<String>();
        for (var one : get("/received").json())
            if (one.path("id").asText().equals(message.id)) types.add(one.path("type").asText());
        assertThat(types).as(promise("it in GET /received, once: " + message.id, "lab text"))
            .isEqualTo(List.of(message.json().path("type").asText()));
    }

    /// How often it is in this list.
    private int count(String list, String id) {
        var count = 0;
        for (var one : get(list).json()) if (one.path("id").asText().equals(id)) count++;
        return count;
    }

    private void nothingOf(List<Message> messages) {
        var ids = new HashSet<String>();
        for (var one : get("/received").json()) ids.add(one.path("id").asText());
        for (var message : messages)
            assertThat(ids.contains(message.id)).as(promise("nothing that was refused in "
                + "GET /received", "lab text", "verify first, then record"))
                .overridingErrorMessage("%s is there", message.id).isFalse();
    }

    /// @param without names of headers that it lacks
    private record Message(String id, String timestamp, String signatures, String body,
            Set<String> without) {
        Message signedBy(Webhook webhook) {
            return signature(webhook.sign(id, timestamp, body.getBytes(StandardCharsets.UTF_8)));
        }

        Message signature(String other) {
            return new Message(id, timestamp, other, body, without);
        }

        Message id(String other) {
            return new Message(other, timestamp, signatures, body, without);
        }

        Message timestamp(String other) {
            return new Message(id, other, signatures, body, without);
        }

        Message body(String other) {
            return new Message(id, timestamp, signatures, other, without);
        }

        Message without(String header) {
            return new Message(id, timestamp, signatures, body, Set.of(header));
        }

        JsonNode json() { return tree(body.getBytes(StandardCharsets.UTF_8)); }

        String[] headers() {
            return Stream.of(Map.entry("webhook-id", id), Map.entry("webhook-timestamp", timestamp),
                Map.entry("webhook-signature", signatures))
                .filter(header -> !without.contains(header.getKey()))
                .flatMap(header -> Stream.of(header.getKey(), header.getValue()))
                .toArray(String[]::new);
        }
    }
}
