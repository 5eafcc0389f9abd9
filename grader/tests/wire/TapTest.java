package wirelab.wire;

import static org.assertj.core.api.Assertions.*;
import static org.assertj.core.api.InstanceOfAssertFactories.DURATION;

import module java.base;
import mockwebserver3.*;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import org.junit.jupiter.api.*;
import wirelab.time.Deadline;
import wirelab.time.IdleMachine;
import wirelab.time.Patience;

@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class TapTest {
    private final MockWebServer server = new MockWebServer();

    @BeforeEach void start() throws IOException {
        server.start(InetAddress.getLoopbackAddress(), 0);
    }

    @AfterEach void stop() { server.close(); }

    private Tap tap() { return new Tap(server.url("/").uri()); }

    private static Answer get(Tap tap, String path) {
        try (var http = new HttpConnection(tap.url(), Duration.ofSeconds(5))) {
            http.send(HttpConnection.request("GET", path, null, "If-None-Match", "\"v1\""));
            return http.answer("GET", Deadline.in(Duration.ofSeconds(5)), false);
        }
    }

    @Test void the_transcript_shows_what_crossed_in_both_directions() {
        server.enqueue(new MockResponse.Builder().setHeader("ETag", "\"v2\"").body("[1]").build());
        try (var tap = tap()) {
            get(tap, "/instruments");

            assertThat(Transcript.of(tap.exchanges())).containsExactly(
                "> GET /instruments   If-None-Match: \"v1\"",
                "< 200 OK   ETag: \"v2\"",
                "  [1]");
        }
    }

    @Test void a_request_without_an_answer_is_shown_too() {
        server.enqueue(new MockResponse.Builder().onResponseStart(new SocketEffect.CloseSocket())
            .build());
        try (var tap = tap()) {
            assertThatThrownBy(() -> get(tap, "/quotes")).isInstanceOf(NoAnswer.class);

            assertThat(Transcript.of(tap.exchanges())).contains("< (nothing came back)");
        }
    }

    @Test void control_characters_can_not_move_the_cursor_of_the_terminal() {
        server.enqueue(new MockResponse.Builder().body("\033[2J\r\u202e" + "x".repeat(500))
            .build());
        try (var tap = tap()) {
            get(tap, "/quotes");

            assertThat(Transcript.of(tap.exchanges()).getLast())
                .startsWith("  ␛[2J␍�x").endsWith("… (506 characters)")
                    .doesNotContain("\033", "\r");
        }
    }

    @Test void a_delay_makes_answers_late_and_loses_nothing() {
        server.enqueue(new MockResponse.Builder().body("x".repeat(100_000)).build());
        try (var tap = tap().delay(Duration.ofMillis(50))) {
            var answer = get(tap, "/quotes");

            assertThat(answer.message().body()).hasSize(100_000);
            assertThat(answer.took()).isGreaterThanOrEqualTo(Duration.ofMillis(50));
        }
    }

    @Test void a_tap_that_is_cut_breaks_off_the_connection() {
        server.enqueue(new MockResponse.Builder().headersDelay(1, TimeUnit.HOURS).build());
        try (var tap = tap(); var http = new HttpConnection(tap.url(), Duration.ofSeconds(5))) {
            http.send(HttpConnection.request("GET", "/quotes", null));
            while (tap.exchanges().isEmpty()) Deadline.pause();
            tap.cut();

            assertThatThrownBy(() -> http.answer("GET", Deadline.in(Duration.ofSeconds(5)), false))
                .isInstanceOf(NoAnswer.class).extracting("waited").isNull();
        }
    }

    @Test void a_stalled_tap_swallows_answers_and_a_deadline_ends_the_wait() {
        server.enqueue(new MockResponse.Builder().body("[]").build());
        try (var tap = tap(); var http = new HttpConnection(tap.url(), Duration.ofSeconds(5))) {
            tap.stall();
            http.send(HttpConnection.request("GET", "/quotes", null));

            assertThatThrownBy(() -> http.answer("GET", Deadline.in(Duration.ofMillis(100)), false))
                .isInstanceOf(NoAnswer.class).extracting("waited",
                    as(DURATION)).isBetween(Duration.ofMillis(100), Duration.ofSeconds(5));
        }
    }

    @Test void it_counts_the_bytes_that_came_back() {
        server.enqueue(new MockResponse.Builder().body("x".repeat(1000)).build());
        try (var tap = tap()) {
            get(tap, "/quotes");

            assertThat(tap.bytesReceived()).isBetween(1000L, 1200L);
        }
    }

    @Test void a_stream_of_events_is_shown_event_by_event() {
        server.enqueue(new MockResponse.Builder().setHeader("Content-Type", "text/event-stream")
            .chunkedBody("retry: 100\n\nid: 7\ndata: {}\n\n: idle\n\ndata: open", 9).build());
        try (var tap = tap()) {
            get(tap, "/quotes/stream");

            assertThat(Transcript.of(tap.exchanges())).endsWith(
                "  < retry: 100⏎ ⏎", "  < id: 7⏎ data: {}⏎ ⏎", "  < : idle⏎ ⏎", "  < data: open");
        }
    }

    @Test void the_frames_of_a_WebSocket_are_shown_in_both_directions() {
        server.enqueue(new MockResponse.Builder().webSocketUpgrade(new Echo()).build());
        try (var tap = tap(); var peer = new WebSocketPeer(upgraded(tap),
                Patience.with(new IdleMachine()))) {
            peer.send("{\"n\":1}");
            assertThat(peer.receive().path("n").asInt()).isEqualTo(1);
            peer.close(1000);
            assertThat(peer.closeCode()).hasValue(4000);

            assertThat(Transcript.of(tap.exchanges())).contains(
                "  > text 7 bytes {\"n\":1}", "  < text 7 bytes {\"n\":1}", "  > close 1000",
                "  < close 4000 \"bye\"");
        }
    }

    @Test void of_a_long_stream_the_beginning_and_the_end_are_shown() {
        server.enqueue(new MockResponse.Builder().webSocketUpgrade(new Echo()).build());
        try (var tap = tap(); var peer = new WebSocketPeer(upgraded(tap),
                Patience.with(new IdleMachine()))) {
            for (var i = 0; i < 50; i++) {
                peer.send("" + i);
                peer.receive();
            }

            assertThat(Transcript.of(tap.exchanges())).contains("  … 93 more")
                .endsWith("  > text 2 bytes 49", "  < text 2 bytes 49");
        }
    }

    @Test void what_the_subject_s_server_sends_itself_has_arrows_of_its_own() {
        server.enqueue(new MockResponse.Builder().code(200).build());
        try (var tap = tap()) {
            get(tap, "/hook");

            assertThat(Transcript.of(List.of(), tap.exchanges())).containsExactly(
                "(> to your server, » from your server)",
                "» GET /hook   If-None-Match: \"v1\"", "« 200 OK");
        }
    }

    @Test void answers_are_cut_where_it_is_told_as_often_as_it_is_told() {
        for (var i = 0; i < 3; i++) server.enqueue(new MockResponse.Builder().body("0123456789")
            .build());
        try (var tap = tap().cutAnswers(2, () -> 30)) {
            assertThatThrownBy(() -> get(tap, "/")).isInstanceOf(NoAnswer.class);
            assertThatThrownBy(() -> get(tap, "/")).isInstanceOf(NoAnswer.class);
            assertThat(tap.bytesReceived()).isEqualTo(60);

            assertThat(get(tap, "/").text()).isEqualTo("0123456789");
            assertThat(tap.cutsLeft()).isZero();
        }
    }

    private static HttpConnection upgraded(Tap tap) {
        var http = new HttpConnection(tap.url(), Duration.ofSeconds(5));
        http.send(HttpConnection.request("GET", "/", null, "Connection", "Upgrade",
            "Upgrade", "websocket",
            "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="));
        assertThat(http.answer("GET", Deadline.in(Duration.ofSeconds(5)), false).message()
            .header("Sec-WebSocket-Accept")).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        return http;
    }

    private static final class Echo extends WebSocketListener {
        @Override public void onMessage(WebSocket socket, String text) { socket.send(text); }

        @Override public void onClosing(WebSocket socket, int code, String reason) {
            socket.close(4000, "bye");
        }
    }
}
