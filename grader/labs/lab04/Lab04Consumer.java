package labs.lab04;

import module java.base;
import market.Market;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.wire.Answer;

/// What the consumer does with the messages that it gets; the bonus: whom the producer calls.
class Lab04Consumer extends WebhookChecks {
    /// The ids of messages that must have no effect.
    private final Set<String> refused = new HashSet<>();

    @Test @Order(13) @Tag("TODO-11")
    void a_message_without_a_right_signature_gets_401_and_has_no_effect() throws IOException {
        var signed = signed();
        var wrong = Webhook.random(24);
        var secretAsKey = new Webhook(webhook().secret().getBytes(StandardCharsets.UTF_8));
        var zeros = "v1," + Base64.getEncoder().encodeToString(new byte[32]);

        forged("signed with another key", signed().by(wrong));
        forged("signed with the text of the secret as the key", signed().by(secretAsKey));
        forged("with a signature of zeros", signed().with("signature", zeros));
        forged("with an empty signature", signed().with("signature", "").body("{}"));
        for (var part : List.of("signature", "timestamp", "id"))
            forged("without webhook-" + part, signed().with(part, null));
        forged("with another id than was signed", signed().with("id", "msg_" + random()));
        forged("with another time than was signed", signed().at(-2));
        forged("with another body than was signed", signed().body(signed.body));
        takes(signed, "a message that is signed", "C1");
        nothingOfTheRefused();
        var later = signed();
        deliver(later.by(wrong));
        takes(later, "a message whose id came before, with a wrong signature", "C2");
    }

    private void forged(String how, Message message) {
        refuses(message, promise("401 to a message " + how, "C2 · " + STANDARD,
            "anybody can POST here; only the producer knows the key"));
    }

    @Test @Order(14) @Tag("TODO-12")
    void a_message_more_than_5_minutes_old_or_ahead_gets_401() throws IOException {
        for (var seconds : List.of(-330, 330, -86_400, 1_000_000)) stale(signedAt(seconds));
        var now = Instant.now();
        for (var odd : List.of("" + now.toEpochMilli(), "" + now, "-" + now.getEpochSecond(),
            now.getEpochSecond() + ".5", "now", "99999999999999999999"))
            stale(signed().with("timestamp", odd).by(webhook()));
        // The standard's own example: signed, and of 2021.
        stale(new Message(Map.of("id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp", "1614265330",
            "signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            "{\"test\": 2432232314}"));

        takes(signedAt(-270), "a message that is 4.5 minutes old", "C3");
        takes(signedAt(270), "a message by a clock that is 4.5 minutes fast", "C3");
        nothingOfTheRefused();
    }

    private void stale(Message message) {
        refuses(message, promise("401 to webhook-timestamp: %s, now is %d".formatted(
            message.parts.get("timestamp"), Instant.now().getEpochSecond()), "C3 · " + STANDARD,
            "whoever recorded a message could send it again, any time"));
    }

    @Test @Order(15) @Tag("TODO-13")
    void one_right_signature_of_several_suffices() throws IOException {
        var message = signed();
        var right = message.parts.get("signature");
        var base64 = right.substring(3);
        var wrong = message.by(Webhook.random(24)).parts.get("signature");

        for (var none : List.of("v2," + base64, "v1a," + base64, base64,
            wrong + " v2," + base64 + " " + wrong, right + "x", right.substring(0, 20)))
            refuses(message.with("signature", none), promise(
                "401: none of these is a v1 signature that is right", "C4 · " + STANDARD,
                "half a signature proves nothing, nor does one of an unknown version"));
        nothingOfTheRefused();
        for (var list : List.of("%s %s", "%2$s %1$s", "v2,abc v1a,%2$s %1$s",
            "v1 , x %1$s v3,%2$s")) {
            var one = signed();
            takes(one.with("signature", list.formatted(one.parts.get("signature"), wrong)),
                "a message with several signatures, one of them right", "C4");
        }
    }

    @Test @Order(16) @Tag("TODO-14")
    void a_message_that_comes_again_gets_2xx_and_has_one_effect() throws IOException {
        var twice = signed();
        takes(twice, "a message that is signed", "C1");
        for (var again : List.of(twice, twice.at(-2).by(webhook()), twice.at(3).by(webhook())))
            promise("2xx to the same message again", "C6 · " + STANDARD,
                "after anything else the producer sends it once more")
                .of(deliver(again)).isSuccessful();
        // One round alone may miss the moment between looking and recording.
        var together = Stream.generate(this::signed).limit(6).toList();
        together.forEach(this::eightAtOnce);
        var last = signed().body(twice.body).by(webhook());
        takes(last, "another message with the same body", "C6");
        eventually(() -> types("/processed", last), types -> !types.isEmpty());

        for (var message : Stream.concat(Stream.of(twice), together.stream()).toList())
            for (var list : List.of("/received", "/processed"))
                isOnceIn(list, message, promise("%s once in GET %s".formatted(message.id(), list),
                    "C6 · " + STANDARD, "a message comes again when the 2xx was lost on the way"));
    }

    private void eightAtOnce(Message message) {
        var promise = promise("2xx to the same message 8 times at the same moment",
            "C6 · " + STANDARD, "a producer that hears nothing in time sends it again");
        for (var answer : together("POST", "/hooks", Collections.nCopies(8, message.body),
            message.headers())) promise.of(answer).isSuccessful();
    }

    @Test @Order(17) @Tag("TODO-15")
    void the_answer_comes_before_the_work() throws IOException {
        var work = settings().millis("WORK_MS");
        var sent = new ArrayDeque<Message>();
        var best = inTheBestOf(8, () -> {
            sent.add(signed());
            return deliver(sent.getLast());
        }, answer -> answer.status() / 100 != 2
            || answer.took().compareTo(work.dividedBy(2)) <= 0);

        promise("2xx long before the %d ms of work are over".formatted(work.toMillis()),
            "C7 · " + STANDARD, "a producer that waits too long sends the message again")
            .of(best).isSuccessful().tookLessThan(work.dividedBy(2).plusNanos(1));
        var promise = promise(sent.getLast().id() + " in GET /processed, after its work", "C7");
        eventuallyAfter(work, () -> types("/processed", sent.getLast()), types -> !types.isEmpty());
        isOnceIn("/processed", sent.getLast(), promise);
    }

    @Test @Order(18) @Tag("TODO-16")
    void the_bytes_are_verified_as_they_came() throws IOException {
        takes(signed().body("""
            { "data":\t{"price": 1.50e3, "name":"\\u00e9é€\\/"} ,\r
              "type" : "odd\\u002e%s" }
            """.formatted(random())).by(webhook()),
            "JSON that is spaced and escaped unusually, and signed as it is", "C8");

        var one = signed();
        refuses(one.body(one.body.replace(":", " : ")), promise("401: equal JSON, but other bytes",
            "C8 · " + STANDARD, "JSON that is parsed and written again is not what was signed"));
        var text = signed().body("signed, but not JSON").by(webhook());
        refused.add(text.id());
        promise("400: the signature is right, but the body is not JSON", "C8")
            .of(deliver(text)).hasStatus(400);
        refuses(text.by(Webhook.random(24)), promise("401: neither signed nor JSON", "C2",
            "for a sender that can't sign, nothing is parsed"));
        nothingOfTheRefused();
        promise("2xx to JSON without a type", "C1", "its type is null then")
            .of(deliver(signed().body("{\"test\": 2432232314}").by(webhook()))).isSuccessful();
    }

    @Test @Order(19) @Tag("TODO-17") @Tag("bonus")
    void a_url_that_leads_into_our_own_network_is_refused() {
        for (var inside : List.of("169.254.169.254", "10.0.0.1", "172.16.0.1", "172.31.255.254",
            "192.168.1.1", "0.0.0.0", "0.1.2.3", "100.64.0.1", "100.127.255.254", "224.0.0.1",
            "240.0.0.1", "255.255.255.255", "[::]", "[fe80::1]", "[fd00::1]", "[fc00::1]",
            "[ff02::1]", "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a00:1]"))
            gets(400, inside, "S18");
        // Port 1 of addresses next to those; nothing is published meanwhile.
        for (var outside : List.of("172.32.0.1", "100.128.0.1", "9.9.9.9", "[2620:fe::fe]"))
            gets(201, outside, "S18");
        gets(settings().number("ALLOW_LOOPBACK") == 1 ? 201 : 400, "127.0.0.1", "S19");
        restartWith("ALLOW_LOOPBACK", "0");
        if (settings().number("ALLOW_LOOPBACK") == 0)
            for (var loopback : List.of("127.0.0.1", "127.9.9.9", "localhost", "[::1]",
                "[::ffff:127.0.0.1]")) gets(400, loopback, "S19");
    }

    private void gets(int status, String host, String bullet) {
        var url = "http://" + host + ":1/";
        subscribe(subscription(url, Webhook.random(24).secret()), status, promise(
            status + " to a subscription for " + url, bullet + " · " + STANDARD,
            "in your own network there may be machines that trust everybody inside"));
    }

    // ---- what becomes of a message

    private Answer deliver(Message message) {
        return send("POST", "/hooks", message.body, message.headers());
    }

    private void refuses(Message message, PromiseAssert promise) {
        refused.add(message.id());
        promise.of(deliver(message)).hasStatus(401);
    }

    private void nothingOfTheRefused() {
        promise("no message in GET /received that was refused", "C2", "verify first, then record")
            .that(get("/received").json().findValuesAsText("id").stream()
                .filter(refused::contains).toList()).isEmpty();
    }

    /// The message gets 2xx, and is listed with its type.
    private void takes(Message message, String what, String bullet) throws IOException {
        promise("2xx to " + what, bullet + " · " + STANDARD,
            "after anything else the producer sends it again")
            .of(deliver(message)).isSuccessful();
        isOnceIn("/received", message, promise("%s once in GET /received, with its type"
            .formatted(message.id()), "C1", "a 2xx means that the message was recorded"));
    }

    private void isOnceIn(String list, Message message, PromiseAssert promise) throws IOException {
        var types = types(list, message);
        promise.that(types, "%d times, with type %s", types.size(),
            types.stream().findFirst().orElse("none")).is(List.of(message.type()));
    }

    /// The types of all entries with the message's id.
    private List<String> types(String list, Message message) {
        return get(list).json().valueStream()
            .filter(one -> one.path("id").asText().equals(message.id()))
            .map(one -> one.path("type").asText()).toList();
    }

    // ---- messages of ours

    private Webhook webhook() { return Webhook.of(settings().text("WEBHOOK_SECRET")); }

    private static long random() { return ThreadLocalRandom.current().nextLong(1L << 50); }

    /// A new message of now.
    private Message signed() { return signedAt(0); }

    private Message signedAt(int seconds) {
        var body = "{\"type\":\"test.%d\",\"data\":{\"n\":%d}}".formatted(random(), random());
        return new Message(Map.of("id", "msg_" + random()), body).at(seconds).by(webhook());
    }

    /// @param parts values of the headers webhook-id, webhook-timestamp, webhook-signature
    private record Message(Map<String, String> parts, String body) {
        String id() { return parts.getOrDefault("id", ""); }

        String type() throws IOException {
            return Market.JSON.readTree(body).path("type").asText();
        }

        Message body(String other) { return new Message(parts, other); }

        /// @param value null to leave the header out
        Message with(String part, String value) {
            var others = new TreeMap<>(parts);
            others.compute(part, (_, _) -> value);
            return new Message(others, body);
        }

        /// The same, of so many seconds from now.
        Message at(int seconds) {
            return with("timestamp", "" + (Instant.now().getEpochSecond() + seconds));
        }

        Message by(Webhook webhook) {
            return with("signature", webhook.sign(id(), parts.get("timestamp"),
                body.getBytes(StandardCharsets.UTF_8)));
        }

        /// Name, value, name, value, …
        String[] headers() {
            return parts.entrySet().stream().flatMap(part -> Stream.of(
                "webhook-" + part.getKey(), part.getValue())).toArray(String[]::new);
        }
    }
}
