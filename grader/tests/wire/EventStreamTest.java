package wirelab.wire;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.time.Deadline;
import wirelab.time.IdleMachine;
import wirelab.time.Patience;
import wirelab.wire.EventStream.Event;

/// Reading as WHATWG HTML §9.2.6 says, with its examples.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class EventStreamTest {
    private static final Patience PATIENCE = Patience.with(new IdleMachine());

    private final MockWebServer server = new MockWebServer();

    @BeforeEach void start() throws IOException {
        server.start(InetAddress.getLoopbackAddress(), 0);
    }

    @AfterEach void stop() { server.close(); }

    private List<Event> events(String body) {
        server.enqueue(new MockResponse.Builder().chunkedBody(body, 3).build());
        try (var stream = new EventStream(new HttpConnection(server.url("/").uri(), Deadline.SOON),
                PATIENCE, "/")) {
            stream.readOn();
            assertThat(stream.head().status()).isEqualTo(200);
            var deadline = Deadline.in(Deadline.SOON);
            while (!stream.ended() && !deadline.passed()) Deadline.pause();
            assertThat(stream.text()).isEqualTo(body);
            return stream.events();
        }
    }

    @Test void lines_of_data_are_joined() {
        assertThat(events("data: YHOO\ndata: +2\ndata: 10\n\n")).extracting(Event::data)
            .containsExactly("YHOO\n+2\n10");
    }

    @Test void one_space_after_the_colon_is_dropped() {
        assertThat(events("data:test\n\ndata: test\n\ndata:  test\n\n")).extracting(Event::data)
            .containsExactly("test", "test", " test");
    }

    @Test void a_comment_is_no_event_and_the_id_stays_in_force() {
        var events = events(": test stream\n\ndata: first\nid: 1\n\ndata:second\nid\n\n"
            + "data:  third\n\n");

        assertThat(events).extracting(Event::data).containsExactly("first", "second", " third");
        assertThat(events).extracting(Event::id).containsExactly("1", "", "");
    }

    @Test void an_event_without_its_blank_line_is_none() {
        assertThat(events("data\n\ndata\ndata\n\ndata:")).extracting(Event::data)
            .containsExactly("", "\n");
    }

    @Test void every_kind_of_line_end_ends_a_line() {
        assertThat(events("event: a\rdata: 1\r\revent: b\r\ndata: 2\r\n\r\ndata: 3\n\n"))
            .extracting(event -> event.type() + event.data())
            .containsExactly("a1", "b2", "message3");
    }

    @Test void an_event_without_data_is_dropped_with_its_type() {
        assertThat(events("event: a\nid: 5\n\ndata: x\n\n"))
            .extracting(event -> event.type() + event.id()).containsExactly("message5");
    }

    @Test void a_byte_order_mark_at_the_start_is_ignored() {
        assertThat(events("\ufeffdata: x\n\n")).extracting(Event::data).containsExactly("x");
    }
}
