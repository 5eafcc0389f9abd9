package wirelab;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import io.javalin.Javalin;
import market.Feed;
import market.Market;
import org.junit.jupiter.api.*;

/// Clients that we didn't write agree with the solutions: npm standardwebhooks, eventsource and ws,
/// and Chromium's own EventSource and WebSocket.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ForeignClientTest {
    private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private final Feed feed = new Feed();
    private Lab lab;
    private Lab.Running server;

    private void serve(String name) throws IOException {
        System.setProperty("RETRY_MS", "50");
        System.setProperty("RETRY_SCHEDULE_MS", "20,40,80");
        lab = Sources.solution(name).lab();
        server = lab.server.start(feed, 0);
    }

    /// A new server with the same quotes, where the old one was.
    private void restart() throws IOException {
        var port = server.port();
        server.stop();
        server = lab.server.start(feed, port);
    }

    @AfterEach void stop() {
        if (server != null) server.stop();
        System.clearProperty("RETRY_MS");
        System.clearProperty("RETRY_SCHEDULE_MS");
    }

    private String url(String path) { return "http://127.0.0.1:" + server.port() + path; }

    private Answer send(String method, String path, String body) {
        try (var http = new Http(URI.create(url("")), Checks.SOON)) {
            http.send(Http.request(method, path,
                body == null ? null : body.getBytes(StandardCharsets.UTF_8)));
            return http.answer(method, Checks.SOON, false);
        }
    }

    // ---- webhooks

    @Test void npm_standardwebhooks_verifies_what_the_producer_sends_and_what_it_sends_again()
            throws Exception {
        serve("lab04");
        try (var receiver = ForeignClient.start("webhooks.mjs", "receive", SECRET)) {
            var hook = "http://127.0.0.1:" + receiver.next("port").path("port").asInt() + "/";
            assertThat(send("POST", "/subscriptions", "{\"url\":\"" + hook + "\",\"secret\":\""
                + SECRET + "\"}").status()).isEqualTo(201);
            feed.publish("BTC", 1, 2);

            var first = receiver.next("id");
            assertThat(first.path("message").path("data").path("symbol").asText()).isEqualTo("BTC");
            assertThat(receiver.next("id")).isEqualTo(first);
        }
    }

    @Test void the_consumer_takes_what_npm_standardwebhooks_signs_once() throws Exception {
        serve("lab04");
        try (var sender = ForeignClient.start("webhooks.mjs", "send", SECRET, url("/hooks"))) {
            for (var i = 0; i < 2; i++) {
                sender.say("""
                    {"id":"msg_1","body":"{ \\"type\\": \\"test\\", \\"text\\": \\"é\\" }"}""");
                assertThat(sender.next("status").path("status").asInt()).isBetween(200, 299);
            }

            assertThat(send("GET", "/received", null).json().findValuesAsText("id"))
                .containsExactly("msg_1");
        }
    }

    @Test void the_consumer_refuses_what_npm_standardwebhooks_signs_with_another_secret()
            throws Exception {
        serve("lab04");
        var other = "whsec_" + Base64.getEncoder().encodeToString(new byte[32]);
        try (var sender = ForeignClient.start("webhooks.mjs", "send", other, url("/hooks"))) {
            sender.say("{\"id\":\"msg_1\",\"body\":\"{}\"}");

            assertThat(sender.next("status").path("status").asInt()).isEqualTo(401);
        }
    }

    // ---- server-sent events

    @Test void npm_eventsource_sees_each_id_once_across_a_restart() throws Exception {
        seesEachIdOnce("eventsource.mjs");
    }

    @Test void EventSource_of_Chromium_sees_each_id_once_across_a_restart() throws Exception {
        seesEachIdOnce("chromium.mjs", chromium(), "eventsource");
    }

    /// Publishes without a break while the server is restarted, twice.
    private void seesEachIdOnce(String script, String... args) throws Exception {
        serve("lab05");
        feed.publish("BTC", 1, 2);
        var where = args.length == 0 ? Stream.of(url("/quotes/stream"))
            : Stream.of(url(""), "/quotes/stream");
        var client = ForeignClient.start(script,
            Stream.concat(Stream.of(args), where).toArray(String[]::new));
        try (client) {
            assertThat(client.next("id", 1)).containsExactly("1");
            for (var round = 0; round < 2; round++) {
                var publishing = Thread.ofVirtual().start(() -> {
                    for (var i = 0; i < 300; i++) {
                        feed.publish("BTC", 1, 2);
                        Deadline.pause();
                    }
                });
                restart();
                publishing.join();
                var first = 2 + 300L * round;

                assertThat(client.next("id", 300)).isEqualTo(LongStream.range(first, first + 300)
                    .mapToObj(Long::toString).toList());
            }
            feed.publish("BTC", 1, 2);
            assertThat(client.next("id", 1)).containsExactly("602");
        }
    }

    @Test void Chromium_reads_a_notice_of_many_lines_as_it_was_written() throws Exception {
        serve("lab05");
        try (var page = ForeignClient.start("chromium.mjs", chromium(), "eventsource", url(""),
                "/quotes/stream")) {
            page.next("open");
            send("POST", "/notices", " one\ntwo\r\n\r\nthree\rfour é\n");

            assertThat(page.next("notice").path("notice").asText())
                .isEqualTo(" one\ntwo\n\nthree\nfour é\n");
        }
    }

    // ---- WebSocket

    @Test void npm_ws_gets_its_quotes_and_chats_and_the_close_of_a_server_that_stops()
            throws Exception {
        serve("lab06");
        try (var one = websocket("demo-token", "BTC"); var other = websocket("demo-token", "ETH")) {
            one.next("clientId");
            awaitPong(one);
            awaitPong(other);
            feed.publish("ETH", 1, 2);
            feed.publish("BTC", 3, 4);
            assertThat(one.next("quote").path("quote").path("id").asInt()).isEqualTo(2);
            other.say("{\"type\":\"chat\",\"text\":\"héllo\"}");
            assertThat(one.next("text").path("text").asText()).isEqualTo("héllo");
            server.stop();

            assertThat(one.next("closed").path("closed").asInt()).isEqualTo(1001);
        }
    }

    @Test void npm_ws_with_a_wrong_token_is_closed_with_4401() throws Exception {
        serve("lab06");
        try (var client = websocket("guess", "BTC")) {
            assertThat(client.next("closed").path("closed").asInt()).isEqualTo(4401);
        }
    }

    @Test void WebSocket_of_Chromium_gets_its_quotes_and_the_close_of_a_server_that_stops()
            throws Exception {
        serve("lab06");
        try (var page = ForeignClient.start("chromium.mjs", chromium(), "websocket", url(""),
                "/quotes/socket")) {
            awaitPong(page);
            feed.publish("ETH", 1, 2);
            feed.publish("BTC", 3, 4);
            assertThat(page.next("quote").path("quote").path("id").asInt()).isEqualTo(2);
            server.stop();

            assertThat(page.next("closed").path("closed").asInt()).isEqualTo(1001);
        }
    }

    @Test void WebSocket_of_Chromium_is_refused_on_a_page_of_another_server() throws Exception {
        serve("lab06");
        var elsewhere = Javalin.create(config -> Market.routes(config, new Feed()))
            .start("127.0.0.1", 0);
        try (var page = ForeignClient.start("chromium.mjs", chromium(), "websocket", url(""),
                "/quotes/socket", "http://127.0.0.1:" + elsewhere.port())) {
            assertThat(page.next("refused").path("refused").asText())
                .endsWith("Unexpected response code: 403");
        } finally {
            elsewhere.stop();
        }
    }

    private ForeignClient websocket(String token, String... symbols) throws Exception {
        return ForeignClient.start("websocket.mjs", Stream.concat(
            Stream.of(url("/quotes/socket").replace("http", "ws"), token), Stream.of(symbols))
            .toArray(String[]::new));
    }

    /// Then it is subscribed.
    private static void awaitPong(ForeignClient client) throws Exception {
        while (!client.next("type").path("type").asText().equals("pong")) { }
    }

    private static String chromium() { return ForeignClient.program("chromium", "chromium"); }
}
