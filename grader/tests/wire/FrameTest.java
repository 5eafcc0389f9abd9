package wirelab.wire;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

/// The examples of RFC 6455 §5.7.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class FrameTest {
    private static Frame read(String hex, byte... more) throws IOException {
        var bytes = HexFormat.ofDelimiter(" ").parseHex(hex);
        return Frame.read(new SequenceInputStream(new ByteArrayInputStream(bytes),
            new ByteArrayInputStream(more)), () -> 0);
    }

    @Test void a_text_without_and_with_a_mask() throws IOException {
        assertThat(read("81 05 48 65 6c 6c 6f").text()).isEqualTo("Hello");
        assertThat(read("81 85 37 fa 21 3d 7f 9f 4d 51 58").text()).isEqualTo("Hello");
        assertThat(read("81 85 37 fa 21 3d 7f 9f 4d 51 58").masked()).isTrue();
    }

    @Test void a_fragmented_text() throws IOException {
        assertThat(read("01 03 48 65 6c")).hasToString("text 3 bytes, more to come Hel");
        assertThat(read("80 02 6c 6f")).hasToString("continued 2 bytes lo");
    }

    @Test void lengths_of_two_and_of_eight_bytes() throws IOException {
        assertThat(read("82 7e 01 00", new byte[256])).hasToString("binary 256 bytes");
        assertThat(read("82 7f 00 00 00 00 00 01 00 00", new byte[65_536]).payload())
            .hasSize(65_536);
        assertThatThrownBy(() -> read("82 7f ff ff ff ff ff ff ff ff"))
            .isInstanceOf(ProtocolException.class);
    }

    @Test void a_close_says_why() throws IOException {
        assertThat(read("88 05 03 f5 62 79 65")).hasToString("close 1013 \"bye\"");
        assertThat(read("88 00").closeCode()).isEqualTo(1005);
    }

    @Test void what_is_written_can_be_read() throws IOException {
        for (var length : List.of(0, 125, 126, 65_535, 65_536)) {
            var payload = new byte[length];
            ThreadLocalRandom.current().nextBytes(payload);
            var bytes = Frame.bytes(true, Frame.BINARY, payload, true);
            var frame = Frame.read(new ByteArrayInputStream(bytes), () -> 0);

            assertThat(frame.payload()).isEqualTo(payload);
            assertThat(frame.masked()).isTrue();
        }
    }

    @Test void a_frame_that_breaks_off_is_none() throws IOException {
        assertThat(read("81 05 48 65")).isNull();
        assertThat(read("81")).isNull();
    }
}
