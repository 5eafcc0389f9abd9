package labs.lab04;

import static wirelab.check.Servers.*;

import module java.base;
import market.*;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.Setting;

@DisplayName("webhooks")
public class Lab04 extends WebhookChecks {
    public static final List<Setting> SETTINGS = List.of(
        new Setting("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        new Setting("RETRY_SCHEDULE_MS",
            "1000,5000,30000,300000,1800000,7200000,18000000,36000000,86400000", "20,40,80"),
        new Setting("DELIVERY_TIMEOUT_MS", "15000"),
        new Setting("WORK_MS", "200", "100"),
        new Setting("ALLOW_LOOPBACK", "1"));
    public static final List<Class<? extends Checks>> PARTS = List.of(Lab04Consumer.class);

    private static final String TAKEN = "2xx, and nothing else, means that the message was taken";
    private static final String RETRY_AFTER = "S16 · RFC 9110 §10.2.3";
    private static final String TOO_LONG = "RETRY_SCHEDULE_MS is too long to wait for: start the "
        + "server with RETRY_SCHEDULE_MS=20,40,80, and say --setting RETRY_SCHEDULE_MS=20,40,80";

    @Test @Order(1) @Tag("TODO-1")
    void each_subscriber_gets_each_quote_with_an_id_and_a_time_and_a_signature() {
        // Two first answers share what a JVM that has just started must load.
        get("/health");
        var one = subscriber();
        var id = wellFormed(one, publish("BTC")).header("webhook-id");
        var two = subscriber();
        var next = publish("ETH");
        wellFormed(two, next);

        promise("another webhook-id than the quote before", "S5 · " + STANDARD,
            "consumers drop a message whose id they know")
            .that(wellFormed(one, next).header("webhook-id")).isNot(id);
    }

    /// The first request with this quote, which has all that the contract asks for.
    private Try wellFormed(Subscriber subscriber, Quote quote) {
        var one = subscriber.first(quote);
        promise("Content-Type: application/json", "S4 · " + STANDARD, "the body is JSON")
            .of(one.request()).hasHeaderLike("Content-Type", "application/json\\b.*");
        promise("a webhook-id, without a dot", "S5 · " + STANDARD,
            "by its id a consumer tells a retry from a new message")
            .of(one.request()).hasHeaderLike("webhook-id", "[^\\s.]+");
        var now = Instant.now().getEpochSecond();
        promise("a webhook-timestamp in whole seconds since 1970, of now", "S6 · " + STANDARD,
            "consumers refuse a message that is more than some minutes off")
            .that(Math.abs(one.seconds() - now), "webhook-timestamp: %s, now is %d",
                one.header("webhook-timestamp"), now).isBelow(60L);
        promise("a webhook-signature: v1, and the base64 of 32 bytes", "S7 · " + STANDARD,
            "it proves who sent the message").of(one.request())
            .hasHeaderLike("webhook-signature", "(\\S+ )*v1,[A-Za-z0-9+/]{43}=( \\S+)*");
        promise("type quote.published, timestamp %s, the quote as data"
            .formatted(Instant.ofEpochMilli(quote.timestampMs())), "S4",
            "a consumer decides by the type, and needs the time of the event, not of the try")
            .holds(isEvent(one, quote), "%s", one.request().text());
        return one;
    }

    private static boolean isEvent(Try one, Quote quote) {
        var event = one.request().json();
        var date = event.path("timestamp").asText();
        try {
            return event.path("type").asText().equals("quote.published") && date.endsWith("Z")
                && Instant.parse(date).toEpochMilli() == quote.timestampMs()
                && Market.JSON.treeToValue(event.path("data"), Quote.class).equals(quote);
        } catch (DateTimeException | IOException malformed) {
            return false;
        }
    }

    @Test @Order(2) @Tag("TODO-2")
    void the_signature_covers_the_id_and_the_time_and_the_bytes_of_the_body() {
        // Each has a key of another length.
        var subscribers = Stream.generate(this::subscriber).limit(3).toList();
        var quotes = List.of(publish(), publish("€/¥ \\\"ß\\\""));

        for (var subscriber : subscribers)
            for (var quote : quotes) subscriber.isSigned(subscriber.first(quote));
    }

    @Test @Order(3) @Tag("TODO-3")
    void a_malformed_url_or_secret_is_refused_and_secrets_are_not_shown() {
        var secret = Webhook.random(32).secret();
        var base64 = secret.substring(6);
        var url = "http://127.0.0.1:1/hooks";
        var before = get("/subscriptions").json().size();

        for (var bad : List.of("ftp://127.0.0.1/", "hooks", "", "/hooks", "//127.0.0.1/hooks",
            "file:///etc/passwd", "mailto:a@127.0.0.1", "http://", "http:///hooks", "http:hooks",
            "http://127.0.0.1:1/a b", "http://[::1"))
            refused("url: " + bad, subscription(bad, secret));
        for (var bad : List.of("", "whsec_", base64, "whsk_" + base64, "whsec_" + base64 + "!",
            "whsec_not base64", Webhook.random(23).secret(), Webhook.random(65).secret()))
            refused("secret: " + bad, subscription(url, bad));
        for (var bad : List.of("", "[]", "{", "\"" + url + "\"", """
            {"secret":"%s"}""".formatted(secret), """
            {"url":5,"secret":"%s"}""".formatted(secret), """
            {"url":"%s"}""".formatted(url)))
            refused("the body: " + bad, bad);
        promise("no more subscriptions than before", "S2", "what is refused must not be stored")
            .that(get("/subscriptions").json().size()).is(before);
        for (var good : List.of(url, "https://127.0.0.1:1/"))
            for (var bytes : List.of(24, 64)) accepted(good, Webhook.random(bytes).secret());
    }

    private void refused(String what, String body) {
        var promise = promise("400 as application/problem+json to a subscription with " + what
            + (what.endsWith(" ") ? "(empty)" : ""), "S2 · RFC 9110 §15.5.1",
            "a subscription that is refused now can't fail silently later");
        promise.of(subscribe(body, 400, promise))
            .hasHeaderLike("Content-Type", "application/problem\\+json\\b.*");
    }

    private void accepted(String url, String secret) {
        var promise = promise("201 with Location and the subscription, state active", "S1");
        var answer = subscribe(subscription(url, secret), 201, promise);
        promise.of(answer).hasHeaderLike("Location", "/subscriptions/.+");
        promise.holds(answer.json().path("state").asText().equals("active")
            && answer.json().path("url").asText().equals(url), "%s", answer.text());
        for (var text : List.of(answer.text(), get("/subscriptions").text()))
            promise("no secret in an answer", "S3",
                "whoever reads the list of subscriptions could sign messages")
                .holds(!text.contains(secret.substring(6)), "%s", text);
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_slow_or_dead_subscriber_delays_nobody() {
        var silent = subscriber(_ -> silence());
        // Nobody listens there any more.
        subscriber().hangUp();
        var fast = subscriber();
        var published = beside(() -> publish(100));

        fast.gets(100, promise("100 quotes at one subscriber, while one is silent and one is dead",
            "S8", "deliver on threads of your own, and to each subscriber on its own"));
        promise("201 to whoever publishes, at once", "S8",
            "Feed.listen calls you on the publisher's thread")
            .that(eventually(published::state, now -> now != Future.State.RUNNING),
                "no answer to POST /quotes").is(Future.State.SUCCESS);
        promise("requests to the silent subscriber, too", "S4", "it may only be slow")
            .that(silent.count(), "none").isAbove(0);
    }

    @Test @Order(5) @Tag("TODO-5")
    void at_most_8_requests_are_under_way_to_a_subscriber_and_1000_quotes_wait() {
        var silent = subscriber(_ -> silence());
        var fast = subscriber();
        publish(40);
        fast.gets(40, promise("40 quotes at one subscriber, while one is silent", "S8"));
        eventually(silent::count, count -> count >= 8);
        promise("at most 8 requests under way to a subscriber that answers none", "S9",
            "after an outage all that waited would hit the subscriber at once")
            .that(silent.count(), "%d requests at once", silent.count())
            .satisfies(count -> count >= 1 && count <= 8);
        fast.unsubscribe();
        publish(1_000);

        silent.isShown(Duration.ZERO, promise("waiting: 1000, and 40 ids in givenUp, after 1040 "
            + "quotes", "S9", "a dead subscriber must not fill the memory"),
            now -> now.path("waiting").asInt() == 1_000 && now.path("givenUp").size() == 40);
    }

    @Test @Order(6) @Tag("TODO-6")
    void anything_but_2xx_is_tried_again_with_the_same_id_and_2xx_is_not() {
        triedAgain(Map.of("500", status(500)));
        triedAgain(Map.of("300", status(300), "400", status(400), "401", status(401),
            "404", status(404), "429", status(429), "503", status(503),
            "a broken connection", ok().onResponseStart(new SocketEffect.CloseSocket())));
        var successes = Stream.of(200, 201, 202, 204, 299).collect(Collectors.toMap(
            code -> code, code -> subscriber(_ -> status(code))));
        var quote = publish();

        successes.forEach((code, subscriber) -> sentOnce(code, subscriber, quote));
    }

    /// @param failures in words, and how they are made
    private void triedAgain(Map<String, MockResponse.Builder> failures) {
        var subscribers = failures.keySet().stream().collect(Collectors.toMap(failure -> failure,
            failure -> subscriber(n -> n > 1 ? ok() : failures.get(failure))));
        var quote = publish();
        subscribers.forEach((failure, subscriber) -> {
            subscriber.triesAgain(quote, delays(1), promise("another try after " + failure,
                "S10 · " + STANDARD, TAKEN));
            subscriber.isShown(Duration.ZERO,
                promise("delivered: 1, and failures, after " + failure + " and then 200", "S10"),
                now -> now.path("delivered").asInt() == 1 && now.path("failures").asInt() > 0);
            subscriber.unsubscribe();
        });
    }

    private void sentOnce(int code, Subscriber subscriber, Quote quote) {
        var first = subscriber.first(quote);
        subscriber.isShown(Duration.ZERO, promise("delivered: 1, waiting: 0 after " + code, "S10"),
            now -> now.path("delivered").asInt() == 1 && now.path("waiting").asInt() == 0);
        var limit = settings().millis("DELIVERY_TIMEOUT_MS").dividedBy(2);
        if (first.answeredAt() > 0 && first.answeredAt() - first.at() < limit.toNanos())
            promise("one request to a subscriber that answers " + code, "S10 · " + STANDARD, TAKEN)
                .that(subscriber.count(), "%d requests", subscriber.count()).is(1);
    }

    @Test @Order(7) @Tag("TODO-6")
    void a_message_whose_last_retry_fails_is_given_up_and_listed() {
        Assumptions.assumeTrue(delays(schedule().size()).toSeconds() < 10, TOO_LONG);
        var wanted = schedule().size() + 1;
        var subscriber = subscriber(_ -> status(500));
        // On a busy machine a try may time out before it gets here.
        var tries = inTheBestOf(3, () -> triesOfOne(subscriber), count -> count >= wanted);

        promise(wanted + " tries of a message: one, and one for each delay of the schedule", "S11")
            .that(tries, "%d tries", tries).is(wanted);
    }

    /// How many tries there are until a new message is given up.
    private int triesOfOne(Subscriber subscriber) {
        var quote = publish();
        var id = subscriber.first(quote).header("webhook-id");
        subscriber.isShown(delays(schedule().size()).multipliedBy(2), promise(
            "waiting: 0, its webhook-id in givenUp, a lastError, state: active", "S12",
            "whoever subscribed must be able to see what is lost"),
            now -> now.path("waiting").asInt() == 0 && now.path("lastError").isTextual()
                && ("" + now.path("givenUp")).contains("\"" + id + "\"")
                && now.path("state").asText().equals("active"));
        return subscriber.tries(quote).size();
    }

    @Test @Order(8) @Tag("TODO-7")
    void a_subscriber_that_does_not_answer_in_time_is_tried_again() {
        var timeout = shorten("DELIVERY_TIMEOUT_MS", 400);
        var wait = timeout.plus(delays(1));
        var silent = subscriber(n -> n > 2 ? ok() : silence());
        // Its body takes an hour.
        var endless = subscriber(_ -> ok().chunkedBody("and so on ".repeat(100_000), 10)
            .throttleBody(10, 20, TimeUnit.MILLISECONDS));
        var quotes = Stream.generate(this::publish).limit(4).toList();

        silent.triesAgain(quotes.getFirst(), wait, promise("another try " + timeout.toMillis()
            + " ms after a try that is not answered", "S13 · " + STANDARD,
            "HttpClient waits forever, unless told otherwise"));
        isWaitedFor(silent, quotes, timeout);
        endless.isShown(wait, promise("a 200 whose body never ends in delivered", "S13",
            "HttpRequest.timeout ends with the headers: reading on would go on forever"),
            now -> now.path("delivered").asInt() > 0);
    }

    /// A subscriber that answers only the third try has the whole time for the first two.
    private void isWaitedFor(Subscriber silent, List<Quote> quotes, Duration timeout) {
        eventuallyAfter(timeout.plus(delays(2)).multipliedBy(2), silent::status,
            now -> now.path("waiting").asInt() == 0);
        // On a busy machine a try may time out before it gets here: one of four is enough.
        var answered = quotes.stream().map(silent::tries).filter(all -> all.size() > 2).toList();
        promise("a third try after two that are not answered", "S13")
            .holds(!answered.isEmpty(), "two tries of each quote");
        for (var tries : answered) {
            // The first may have been late, but by no more than the time-out.
            var waited = Duration.ofNanos(tries.get(2).at() - tries.get(0).at());
            promise("more than %d ms for two tries without an answer".formatted(timeout.toMillis()),
                "S13", "a subscriber that is slow but answers would get everything twice")
                .that(waited, "the third try after %d ms", waited.toMillis()).isAbove(timeout);
        }
    }

    @Test @Order(9) @Tag("TODO-7")
    void a_redirect_is_a_failure_and_is_not_followed() {
        var elsewhere = subscriber();
        var target = elsewhere.url("/elsewhere");
        elsewhere.unsubscribe();
        var redirects = Stream.of(301, 302, 303, 307, 308).map(code -> subscriber(
            n -> n > 1 ? ok() : status(code).setHeader("Location", target))).toList();
        var quote = publish();
        eventually(() -> elsewhere.count() > 0
            || redirects.stream().allMatch(one -> one.count() > 1), over -> over);

        var nothing = promise("no request where Location points", "S14 · " + STANDARD,
            "following costs both sides time, and may lead into your own network");
        nothing.that(elsewhere.count(), "%d requests to %s", elsewhere.count(), target).is(0);
        for (var one : redirects)
            one.triesAgain(quote, delays(1),
                promise("another try at the same URL after 3xx", "S14 · " + STANDARD, TAKEN));
        nothing.that(elsewhere.count(), "%d requests to %s", elsewhere.count(), target).is(0);
    }

    @Test @Order(10) @Tag("TODO-8")
    void the_delays_of_the_schedule_grow_and_vary() {
        var retries = new Retries();
        Assumptions.assumeTrue(!retries.delays.isEmpty(), TOO_LONG);
        inTheBestOf(5, retries::eightMore, Retries::areEnough);

        for (var n = 0; n < retries.delays.size(); n++) {
            var longest = retries.delays.get(n).toMillis();
            promise("retry %d after %d–%d ms".formatted(n + 1, longest - longest / 4, longest),
                "S15", "a subscriber that is down needs more and more time, not more load")
                .holds(retries.isInTime(n), retries.shown(n));
        }
        promise("some of the last retries up to a quarter earlier than %d ms, at random"
            .formatted(retries.delays.getLast().toMillis()), "S15 · " + STANDARD,
            "messages that failed together would come back together")
            .holds(retries.vary(), retries.shown(retries.delays.size() - 1));
    }

    @Test @Order(11) @Tag("TODO-9")
    void Retry__After_is_obeyed_and_each_try_has_its_own_time() {
        var date = new AtomicReference<Instant>();
        var seconds = subscriber(n -> n > 1 ? ok() : status(503).setHeader("Retry-After", "1"));
        var dated = subscriber(n -> n > 1 ? ok()
            : status(429).setHeader("Retry-After", httpDate(date)));
        var odd = subscriber(n -> n > 1 ? ok() : status(503).setHeader("Retry-After", "soon"));
        // Early in a second, a server that signs the second try right after the first gives both
        // the same time.
        var late = System.currentTimeMillis() % 1_000;
        if (late >= 600) pass(Duration.ofMillis(1_000 - late));
        var first = publish();
        for (var one : List.of(seconds, dated, odd))
            one.isShown(Duration.ZERO, promise("failures: 1 after 503 or 429", "S10", TAKEN),
                now -> now.path("failures").asInt() > 0);
        var second = publish();

        odd.tries(first, 2, delays(1), promise("another try at the usual time after Retry-After: "
            + "soon", RETRY_AFTER, "it is neither a number of seconds nor a date"));
        var tries = isLeftAlone(seconds, first, second, Duration.ofSeconds(1), "Retry-After: 1");
        promise("another webhook-timestamp than " + tries.get(0).seconds() + " a second later",
            "S6 · " + STANDARD, "a consumer refuses a retry with a time of some minutes ago")
            .that(tries.get(1).seconds()).isAbove(tries.get(0).seconds());
        var answered = dated.tries(first).getFirst().answeredAt();
        var now = Instant.now().minusNanos(System.nanoTime() - answered);
        isLeftAlone(dated, first, second, Duration.between(now, date.get()),
            "Retry-After with a date");
    }

    /// Nothing is sent before this time has passed, then all; the tries of the first quote.
    private List<Try> isLeftAlone(Subscriber subscriber, Quote first, Quote second, Duration wait,
            String header) {
        var all = promise("both quotes when the time of " + header + " has passed", RETRY_AFTER);
        var tries = subscriber.triesAgain(first, wait, all);
        var other = subscriber.tries(second, 1, Duration.ZERO, all).getFirst();
        var pause = Duration.ofNanos(Math.min(tries.get(1).at(), other.at())
            - tries.getFirst().answeredAt());
        promise("nothing sent for %d ms after %s".formatted(wait.toMillis(), header), RETRY_AFTER,
            "it is the subscriber that is busy, not one message")
            .that(pause, "the next request after %d ms", pause.toMillis())
            .isAbove(wait.minusMillis(10));
        return tries;
    }

    /// The first whole second that is half a second away, or a bit more.
    private static String httpDate(AtomicReference<Instant> date) {
        date.compareAndSet(null,
            Instant.now().plusMillis(1_500).truncatedTo(ChronoUnit.SECONDS));
        return DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC).format(date.get());
    }

    @Test @Order(12) @Tag("TODO-10")
    void after_410_nothing_more_is_sent() {
        var timeout = shorten("DELIVERY_TIMEOUT_MS", 500);
        // On a busy machine a request may be under way when 410 comes.
        var more = inTheBestOf(3, () -> sentAfter410(timeout), count -> count == 0);

        promise("no request after the one that got 410", "S17 · " + STANDARD,
            "410 means: never again, and that holds for waiting messages as well")
            .that(more, "%d more", more).is(0);
    }

    /// How many requests come after the one that got 410.
    private int sentAfter410(Duration timeout) {
        var other = subscriber();
        var number = new AtomicInteger();
        var gone = subscriber(_ -> number.incrementAndGet() == 1 ? silence() : status(410));
        gone.first(publish());
        publish();
        gone.isShown(timeout, promise("state: disabled, waiting: 0 after 410", "S17 · " + STANDARD,
            "the subscriber wants no more"),
            now -> now.path("waiting").asInt() == 0
                && now.path("state").asText().equals("disabled"));
        publish(5);
        other.gets(7, promise("all 7 quotes at another subscriber, after the 410, too", "S4"));
        return gone.count() - 2;
    }
}
