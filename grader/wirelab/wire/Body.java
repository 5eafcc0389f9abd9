package wirelab.wire;

import module java.base;

/// The body of one HTTP/1.1 message, as it comes: without the chunked coding (RFC 9112 §6, §7.1).
final class Body extends InputStream {
    static final int LONGEST = 64 * 1024 * 1024;

    private static final int UNTIL_CLOSED = -1;

    private final InputStream in;
    private final boolean chunked;
    /// How much of this chunk, or of the body, is still to come.
    private long left;
    private boolean first = true;
    private boolean over;
    private boolean complete;

    private Body(InputStream in, boolean chunked, long left) {
        this.in = in;
        this.chunked = chunked;
        this.left = left;
    }

    static Body chunked(InputStream in) { return new Body(in, true, 0); }

    static Body untilClosed(InputStream in) { return new Body(in, false, UNTIL_CLOSED); }

    static Body of(InputStream in, long length) { return new Body(in, false, length); }

    /// Whether all of it has come; what ends with its connection is complete then.
    boolean complete() { return complete; }

    @Override public int read() throws IOException {
        var one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override public int read(byte[] buffer, int offset, int length) throws IOException {
        if (left == 0 && !over) {
            if (chunked) nextChunk();
            else end(true);
        }
        if (over) return -1;
        var wanted = left == UNTIL_CLOSED ? length : (int) Math.min(length, left);
        var count = in.read(buffer, offset, wanted);
        if (count < 0) end(left == UNTIL_CLOSED);
        else if (left > 0) left -= count;
        return count;
    }

    private void end(boolean asPromised) {
        over = true;
        complete = asPromised;
    }

    private void nextChunk() throws IOException {
        if (!first) Message.line(in);
        first = false;
        var size = Message.line(in);
        left = size == null ? 0 : length(size.replaceFirst(";.*", "").strip(), 16);
        if (left == 0) end(size != null && trailersEnd());
    }

    private boolean trailersEnd() throws IOException {
        for (String trailer; !"".equals(trailer = Message.line(in)); )
            if (trailer == null) return false;
        return true;
    }

    /// @throws ProtocolException if it isn't a number from 0 to 64 MiB
    static int length(String digits, int radix) throws IOException {
        try {
            var length = Integer.parseInt(digits, radix);
            if (length >= 0 && length <= LONGEST) return length;
        } catch (NumberFormatException malformed) {
            // The same answer as for a length that is out of range.
        }
        throw new ProtocolException("the length '" + digits + "' is not a number from 0 to "
            + LONGEST);
    }
}
