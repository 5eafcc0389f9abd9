package wirelab.wire;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class MessageTest {
    private static InputStream wire(String text) {
        return new ByteArrayInputStream(text.replace("\n", "\r\n")
            .getBytes(StandardCharsets.UTF_8));
    }

    @Test void a_body_is_as_long_as_Content_Length_says() throws IOException {
        var answer = Message.answer(wire("""
            HTTP/1.1 200 OK
            content-length: 2

            []next"""), "GET");

        assertThat(answer.body()).asString().isEqualTo("[]");
        assertThat(answer.header("Content-Length")).contains("2");
    }

    @Test void chunks_are_put_together() throws IOException {
        var answer = Message.answer(wire("""
            HTTP/1.1 200 OK
            Transfer-Encoding: chunked

            2;note
            [1
            1
            ]
            0

            """), "GET");

        assertThat(answer.body()).asString().isEqualTo("[1]");
        assertThat(answer.complete()).isTrue();
    }

    @Test void a_304_and_an_answer_to_HEAD_have_no_body_whatever_their_length_says()
        throws IOException {
        var twice = wire("""
            HTTP/1.1 304 Not Modified
            Content-Length: 412

            HTTP/1.1 200 OK
            Content-Length: 412

            """);

        assertThat(Message.answer(twice, "GET").start()).endsWith("304 Not Modified");
        assertThat(Message.answer(twice, "HEAD").start()).endsWith("200 OK");
        assertThat(Message.answer(twice, "GET")).isNull();
    }

    @Test void an_interim_answer_is_passed_over() throws IOException {
        var answer = Message.answer(wire("""
            HTTP/1.1 102 Processing

            HTTP/1.1 204 No Content

            """), "GET");

        assertThat(answer.start()).isEqualTo("HTTP/1.1 204 No Content");
    }

    @Test void a_message_that_breaks_off_is_not_complete() throws IOException {
        assertThat(Message.answer(wire("HTTP/1.1 200 OK\nContent-Length: 9\n\nhalf"), "GET")
            .complete()).isFalse();
        assertThat(Message.answer(wire("HTTP/1.1 200 OK\nContent-Le"), "GET").complete()).isFalse();
        assertThat(
            Message.answer(wire("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nab"), "GET")
                .complete()).isFalse();
    }

    @Test void a_length_that_is_no_number_is_refused() {
        for (var length : List.of("x", "-1", "99999999999", "1,1"))
            assertThatThrownBy(() ->
                Message.answer(wire("HTTP/1.1 200 OK\nContent-Length: " + length + "\n\n"), "GET"))
                .isInstanceOf(ProtocolException.class).hasMessageContaining(length);
    }

    @Test void an_endless_header_line_is_cut_off() {
        var endless = new SequenceInputStream(wire("HTTP/1.1 200 OK\nX: "), new InputStream() {
            @Override public int read() { return 'x'; }
        });

        assertThatThrownBy(() -> Message.answer(endless, "GET"))
            .hasMessageContaining("longer than");
    }

    @Test void a_body_that_breaks_off_is_not_complete() throws IOException {
        assertThat(Message.answer(wire("HTTP/1.1 200 OK\nContent-Length: 9\n\n[]"), "GET")
            .complete()).isFalse();
        assertThat(Message.answer(wire("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\n[]\n"),
            "GET").complete()).isFalse();
        assertThat(Message.answer(wire("HTTP/1.1 200 OK\n\n[]"), "GET").complete()).isTrue();
    }

    @Test void an_answer_of_101_is_final_and_what_follows_belongs_to_another_protocol()
            throws IOException {
        var wire = wire("HTTP/1.1 100 Continue\n\nHTTP/1.1 101 Switching Protocols\n\nx");

        assertThat(Message.answer(wire, "GET").start()).contains(" 101 ");
        assertThat(wire.readAllBytes()).asString().isEqualTo("x");
    }
}
