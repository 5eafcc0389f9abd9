package wirelab.labs;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import io.javalin.Javalin;
import market.Feed;
import market.Market;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.subject.Handover;
import wirelab.time.Deadline;
import wirelab.wire.Answer;
import wirelab.wire.HttpConnection;

/// Clients that we didn't write agree with the solutions: npm standardwebhooks, eventsource and ws,
/// Chromium's own EventSource and WebSocket, npm @grpc/grpc-js and `buf curl`.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ForeignClientTest {
    private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    // Status codes of gRPC, as other languages see them.
    private static final int CANCELLED = 1;
    private static final int INVALID_ARGUMENT = 3;
    private static final int DEADLINE_EXCEEDED = 4;
    private static final int UNAVAILABLE = 14;

    private final Feed feed = new Feed();
    private Handover lab;
    private Handover.Running server;

    private void serve(int number) throws IOException {
        lab = Handover.of(Sources.solution(number));
        market.Told.settings(lab.code(), Map.of("RETRY_MS", "50", "RETRY_SCHEDULE_MS", "20,40,80"));
        server = lab.server().start(feed, 0);
    }

    /// A new server with the same quotes, where the old one was.
    private void restart() throws IOException {
        var port = server.port();
        server.stop();
        server = lab.server().start(feed, port);
    }

    @AfterEach void stop() {
        if (server != null) server.stop();
    }

    private String url(String path) { return "http://127.0.0.1:" + server.port() + path; }

    private Answer send(String method, String path, String body) {
        try (var http = new HttpConnection(URI.create(url("")), Deadline.SOON)) {
            http.send(HttpConnection.request(method, path,
                body == null ? null : body.getBytes(StandardCharsets.UTF_8)));
            return http.answer(method, Deadline.in(Deadline.SOON), false);
        }
    }

    // ---- webhooks

    @Test void npm_standardwebhooks_verifies_what_the_producer_sends_and_what_it_sends_again()
            throws Exception {
        serve(4);
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
        serve(4);
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
        serve(4);
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
        serve(5);
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
        serve(5);
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
        serve(6);
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
        serve(6);
        try (var client = websocket("guess", "BTC")) {
            assertThat(client.next("closed").path("closed").asInt()).isEqualTo(4401);
        }
    }

    @Test void WebSocket_of_Chromium_gets_its_quotes_and_the_close_of_a_server_that_stops()
            throws Exception {
        serve(6);
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
        serve(6);
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

    // ---- gRPC

    @Test void grpc_js_gets_each_quote_once_across_a_restart() throws Exception {
        serve(7);
        for (var symbol : List.of("BTC", "ETH", "BTC")) feed.publish(symbol, 1, 2);
        var last = 0L;
        for (var round = 0; round < 2; round++) {
            try (var client = grpc("SubscribeQuotes")) {
                client.say("{\"symbols\":[\"BTC\"],\"after_id\":" + last + "}");
                assertThat(ids(client, 1)).containsExactly(last + 1);
                feed.publish("BTC", 1, 2);
                last = feed.newest();
                assertThat(ids(client, round == 0 ? 2 : 1)).endsWith(last);
                restart();
                assertThat(client.next("status").path("status").asInt()).isEqualTo(UNAVAILABLE);
            }
            feed.publish("BTC", 1, 2);
        }
    }

    @Test void the_work_for_grpc_js_ends_with_its_deadline_and_when_it_cancels() throws Exception {
        serve(7);
        feed.publish("BTC", 1, 2);
        try (var hasty = grpc("SubscribeQuotes", "1000"); var fickle = grpc("SubscribeQuotes")) {
            for (var client : List.of(hasty, fickle)) {
                client.say("{\"symbols\":[\"BTC\"]}");
                client.next("message");
            }
            assertThat(hasty.next("status").path("status").asInt()).isEqualTo(DEADLINE_EXCEEDED);
            fickle.say("cancel");
            assertThat(fickle.next("status").path("status").asInt()).isEqualTo(CANCELLED);
        }
        assertThat(Deadline.in(Deadline.SOON).poll(feed::listeners, count -> count == 0)).isZero();
    }

    @Test void grpc_js_uploads_trades_and_is_told_which_one_is_wrong() throws Exception {
        serve(8);
        var trades = IntStream.range(0, 3).mapToObj("""
            {"client_trade_id":"t%d","symbol":"BTC","quantity":2,"price":10.5,"side":"BUY"}"""
            ::formatted).toList();
        for (var accepted : List.of(3, 0))
            try (var client = grpc("UploadTrades", "20000")) {
                for (var trade : trades) client.say(trade);
                client.say("end");
                var confirmation = client.next("message").path("message");
                assertThat(confirmation.path("accepted").asInt()).isEqualTo(accepted);
                assertThat(confirmation.path("duplicates").asInt()).isEqualTo(3 - accepted);
                assertThat(confirmation.path("notional").asDouble()).isEqualTo(21.0 * accepted);
            }
        try (var client = grpc("UploadTrades", "20000")) {
            client.say(trades.getFirst());
            client.say(trades.getFirst().replace("2", "-2"));
            var end = client.next("status");
            assertThat(end.path("status").asInt()).isEqualTo(INVALID_ARGUMENT);
            assertThat(end.path("details").asText()).contains("1").contains("quantity");
        }
    }

    @Test void grpc_js_is_told_of_a_fill_before_and_after_its_half_close() throws Exception {
        serve(9);
        feed.publish("BTC", 90, 100);
        try (var client = grpc("TradeStream")) {
            client.say(order("now", 100));
            assertThat(client.next("message").at("/message/accepted/order_id").asText())
                .isEqualTo("now");
            assertThat(client.next("message").at("/message/filled/quote_id").asInt()).isEqualTo(1);
            client.say(order("later", 80));
            assertThat(client.next("message").at("/message/accepted/order_id").asText())
                .isEqualTo("later");
            client.say("end");
            feed.publish("BTC", 70, 80);
            var filled = client.next("message").at("/message/filled");
            assertThat(filled.path("order_id").asText()).isEqualTo("later");
            assertThat(filled.path("price").asDouble()).isEqualTo(80);
            assertThat(client.next("status").path("status").asInt()).isZero();
        }
    }

    private static String order(String id, int limit) {
        return """
            {"order_id":"%s","symbol":"BTC","quantity":5,"side":"BUY","limit":%d}"""
            .formatted(id, limit);
    }

    @Test void buf_curl_finds_the_service_by_reflection_and_gets_quotes_and_statuses()
            throws Exception {
        serve(7);
        feed.publish("BTC", 1, 2);
        assertThat(buf("GetQuote", "{\"id\":1}")).contains("\"symbol\": \"BTC\"");
        assertThat(buf("SubscribeQuotes", "{}")).contains("invalid_argument");
        assertThat(buf("SubscribeQuotes", "{\"symbols\":[\"XXX\"]}"))
            .contains("not_found").contains("XXX");
    }

    @Test void buf_curl_uploads_trades_and_trades() throws Exception {
        serve(8);
        assertThat(buf("UploadTrades", """
            {"client_trade_id":"a","symbol":"BTC","quantity":2,"price":3,"side":"BUY"}
            {"client_trade_id":"b","symbol":"ETH","quantity":1,"price":4,"side":"SELL"}"""))
            .contains("\"accepted\": \"2\"").contains("\"notional\": 10");
        server.stop();
        serve(9);
        feed.publish("BTC", 90, 100);
        assertThat(buf("TradeStream", order("o", 100))).contains("accepted", "\"price\": 100");
    }

    /// What `buf curl` prints.
    private String buf(String method, String messages) throws Exception {
        try (var buf = ForeignClient.start("node_modules/@bufbuild/buf/bin/buf", "curl",
                "--http2-prior-knowledge", "--protocol", "grpc", "-d", messages,
                url("/market.v1.MarketData/" + method))) {
            return buf.output();
        }
    }

    private ForeignClient grpc(String method, String... deadline) throws Exception {
        return ForeignClient.start("grpc.mjs", Stream.concat(
            Stream.of("127.0.0.1:" + server.port(), method), Stream.of(deadline))
            .toArray(String[]::new));
    }

    private static List<Long> ids(ForeignClient client, int count) throws Exception {
        var ids = new ArrayList<Long>();
        while (ids.size() < count)
            ids.add(client.next("message").at("/message/id").asLong());
        return ids;
    }

    private static String chromium() { return ForeignClient.program("chromium", "chromium"); }
}
