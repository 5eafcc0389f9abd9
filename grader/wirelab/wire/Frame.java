package wirelab.wire;

import module java.base;

/// One WebSocket frame as it crossed the wire (RFC 6455 §5.2).
///
/// @param opcode  0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong
/// @param payload without the mask
/// @param at      when its first byte came, System.nanoTime()
public record Frame(boolean fin, int opcode, byte[] payload, boolean masked, long at) {
    public static final int CONTINUATION = 0;
    public static final int TEXT = 1;
    public static final int BINARY = 2;
    public static final int CLOSE = 8;
    public static final int PING = 9;
    public static final int PONG = 10;

    private static final int LONGEST = 64 * 1024 * 1024;

    /// Reads a frame; null at the end of the stream, also in the middle of a frame.
    ///
    /// @param at tells what [#at] becomes, when the first byte has come
    static Frame read(InputStream in, LongSupplier at) throws IOException {
        var first = in.read();
        var came = at.getAsLong();
        var second = in.read();
        if (second < 0) return null;
        var length = length(in, second & 0x7f);
        var mask = in.readNBytes(second >= 0x80 ? 4 : 0);
        if (length < 0 || length > LONGEST)
            throw new ProtocolException("a frame of " + length + " bytes");
        var payload = in.readNBytes((int) length);
        if (payload.length < length) return null;
        apply(mask, payload);
        return new Frame(first >= 0x80, first & 0x0f, payload, second >= 0x80, came);
    }

    private static long length(InputStream in, int length) throws IOException {
        if (length < 126) return length;
        var bytes = in.readNBytes(length == 126 ? 2 : 8);
        return bytes.length == 0 ? 0 : new BigInteger(bytes).signum() < 0 && bytes.length == 8 ? -1
            : new BigInteger(1, bytes).longValue();
    }

    /// RFC 6455 §5.3.
    private static void apply(byte[] mask, byte[] payload) {
        if (mask.length == 4)
            for (var i = 0; i < payload.length; i++) payload[i] ^= mask[i % 4];
    }

    /// The bytes of a frame from a client to a server.
    ///
    /// @param mask a client's frame must have one (RFC 6455 §5.1)
    static byte[] bytes(boolean fin, int opcode, byte[] payload, boolean mask) {
        var out = new ByteArrayOutputStream(payload.length + 14);
        var data = new DataOutputStream(out);
        var masked = mask ? 0x80 : 0;
        var copy = payload.clone();
        var key = new byte[mask ? 4 : 0];
        ThreadLocalRandom.current().nextBytes(key);
        apply(key, copy);
        try {
            data.writeByte((fin ? 0x80 : 0) | opcode);
            if (copy.length < 126) data.writeByte(masked | copy.length);
            else if (copy.length < 65_536) {
                data.writeByte(masked | 126);
                data.writeShort(copy.length);
            } else {
                data.writeByte(masked | 127);
                data.writeLong(copy.length);
            }
            data.write(key);
            data.write(copy);
        } catch (IOException inMemory) {
            throw new UncheckedIOException(inMemory);
        }
        return out.toByteArray();
    }

    public String text() { return new String(payload, StandardCharsets.UTF_8); }

    /// The status of a close frame, 1005 if it has none (RFC 6455 §5.5.1, §7.1.5).
    public int closeCode() {
        return payload.length < 2 ? 1005 : (payload[0] & 0xff) << 8 | payload[1] & 0xff;
    }

    /// One line for people: `text 17 bytes {"type":"pong"}`, `close 1013 "too slow"`.
    @Override public String toString() {
        var part = fin ? "" : ", more to come";
        var bytes = " " + payload.length + " bytes";
        return switch (opcode) {
            case CONTINUATION -> "continued" + bytes + part + " " + text();
            case TEXT -> "text" + bytes + part + " " + text();
            case BINARY -> "binary" + bytes + part;
            case CLOSE -> "close " + closeCode() + (payload.length <= 2 ? "" : " \""
                + new String(payload, 2, payload.length - 2, StandardCharsets.UTF_8) + "\"");
            case PING -> "ping" + bytes;
            case PONG -> "pong" + bytes;
            default -> "opcode " + opcode + bytes;
        };
    }
}
