package wirelab.labs;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import market.*;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.subject.InJvm;
import wirelab.time.Deadline;
import wirelab.wire.Answer;
import wirelab.wire.HttpConnection;

/// What every HTTP lab is given: the feed, `POST /quotes`, `GET /health`.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class GivenTest {
    private static InJvm server;

    @BeforeAll static void start() throws IOException {
        server = Sources.subject(1);
    }

    @AfterAll static void stop() { server.stop(); }

    private static Answer send(String method, String path, String body) {
        try (var http = new HttpConnection(server.url(), Duration.ofSeconds(5))) {
            http.send(HttpConnection.request(method, path, body == null ? null
                : body.getBytes(StandardCharsets.UTF_8)));
            return http.answer(method, Deadline.in(Duration.ofSeconds(5)), false);
        }
    }

    @Test void ids_count_up_from_1_and_Location_names_the_quote() throws IOException {
        server.stop();
        var first = send("POST", "/quotes", "{\"symbol\":\"BTC\",\"bid\":64210.5,\"ask\":64211.0}");
        var second = send("POST", "/quotes", "{\"symbol\":\"XYZ\",\"bid\":1,\"ask\":1}");

        assertThat(first.status()).isEqualTo(201);
        assertThat(first.header("Location")).contains("/quotes/1");
        assertThat(first.text()).matches(
            "\\{\"id\":1,\"symbol\":\"BTC\",\"bid\":64210.5,\"ask\":64211.0,"
                + "\"timestampMs\":\\d{13}}");
        assertThat(second.header("Location")).contains("/quotes/2");
    }

    @Test void a_bad_quote_is_refused_with_the_name_of_its_field_and_nothing_is_stored() {
        var before = send("GET", "/quotes", null).ids();
        var bad = Map.ofEntries(
            Map.entry("", "body"), Map.entry("[]", "body"), Map.entry("{", "body"),
            Map.entry("{\"symbol\":\"BTC\",\"bid\":1,\"ask\":2} x", "body"),
            Map.entry("{\"bid\":1,\"ask\":2}", "symbol"),
            Map.entry("{\"symbol\":\"\",\"bid\":1,\"ask\":2}", "symbol"),
            Map.entry("{\"symbol\":7,\"bid\":1,\"ask\":2}", "symbol"),
            Map.entry("{\"symbol\":\"BTC\",\"ask\":2}", "bid"),
            Map.entry("{\"symbol\":\"BTC\",\"bid\":\"1\",\"ask\":2}", "bid"),
            Map.entry("{\"symbol\":\"BTC\",\"bid\":1,\"ask\":1e999}", "ask"),
            Map.entry("{\"symbol\":\"BTC\",\"bid\":1,\"ask\":NaN}", "body"),
            Map.entry("{\"symbol\":\"BTC\",\"bid\":2,\"ask\":1}", "ask"));
        bad.forEach((body, field) -> {
            var answer = send("POST", "/quotes", body);
            assertThat(answer.status()).as(body).isEqualTo(400);
            assertThat(answer.header("Content-Type").orElse(""))
                .startsWith("application/problem+json");
            assertThat(answer.json().path("detail").asText()).as(body).startsWith(field + ":");
            assertThat(answer.json().path("status").asInt()).isEqualTo(400);
        });

        assertThat(send("GET", "/quotes", null).ids()).isEqualTo(before);
    }

    @Test void the_feed_keeps_the_newest_and_tells_what_it_forgot() {
        var feed = new Feed(3);
        for (var i = 0; i < 5; i++) feed.publish("BTC", 1, 2);

        assertThat(feed.after(0, 10)).extracting(Quote::id).containsExactly(3L, 4L, 5L);
        assertThat(feed.after(3, 1)).extracting(Quote::id).containsExactly(4L);
        assertThat(feed.after(Long.MAX_VALUE, 10)).isEmpty();
        assertThat(feed.forgot(1)).isTrue();
        assertThat(feed.forgot(2)).isFalse();
        assertThat(new Feed(3).oldest()).isEqualTo(1);
    }

    @Test void a_listener_hears_what_comes_until_it_is_closed() {
        var feed = new Feed();
        var heard = new ArrayList<Long>();
        var listener = feed.listen(quote -> heard.add(quote.id()));
        feed.publish("BTC", 1, 2);
        assertThat(feed.listeners()).isEqualTo(1);
        listener.close();
        listener.close();
        feed.publish("BTC", 1, 2);

        assertThat(heard).containsExactly(1L);
        assertThat(feed.listeners()).isZero();
    }

    @Test void an_exception_of_the_lab_is_answered_with_its_line() throws IOException {
        try (var broken = Sources.subject(1,
                "var page = page(feed, after);", "Page page = null;");
             var http = new HttpConnection(broken.url(), Duration.ofSeconds(5))) {
            http.send(HttpConnection.request("GET", "/quotes", null));
            var answer = http.answer("GET", Deadline.in(Duration.ofSeconds(5)), false);

            assertThat(answer.status()).isEqualTo(500);
            assertThat(answer.json().path("detail").asText()).contains("NullPointerException")
                .contains("lab01.java:");
        }
    }

    @Test void an_error_has_no_entity_tag() throws IOException {
        try (var tagged = Sources.subject(1, "var page = page(feed, after);",
                "ctx.header(\"ETag\", \"\\\"v1\\\"\");\n"
                    + "if (after < 9) throw new Problem(412, \"x\");\n"
                    + "var page = page(feed, after);");
             var http = new HttpConnection(tagged.url(), Duration.ofSeconds(5))) {
            http.send(HttpConnection.request("GET", "/quotes", null, "If-None-Match", "\"v1\""));
            var answer = http.answer("GET", Deadline.in(Duration.ofSeconds(5)), false);

            assertThat(answer.status()).isEqualTo(412);
            assertThat(answer.header("ETag")).isEmpty();
        }
    }

    @Test void a_setting_that_is_no_number_is_refused() {
        System.setProperty("WIRELAB_TEST", "1s");
        try {
            assertThatThrownBy(() -> Market.setting("WIRELAB_TEST", 1))
                .hasMessageContaining("WIRELAB_TEST: '1s'");
        } finally {
            System.clearProperty("WIRELAB_TEST");
        }
    }

    @Test void a_full_feed_keeps_the_newest_and_knows_what_it_forgot() {
        var feed = new Feed(3);
        for (var i = 0; i < 8; i++) feed.publish("BTC", 1, 2);

        assertThat(feed.after(-1, 9)).extracting(Quote::id).containsExactly(6L, 7L, 8L);
        assertThat(feed.after(6, 1)).extracting(Quote::id).containsExactly(7L);
        assertThat(feed.after(8, 9)).isEmpty();
        assertThat(feed.after(Long.MAX_VALUE, 9)).isEmpty();
        assertThat(List.of(4L, 5L, Long.MAX_VALUE)).extracting(feed::forgot)
            .containsExactly(true, false, false);
    }
}
