package wirelab.wire;

import module java.base;
import wirelab.time.Deadline;
import wirelab.time.Patience;

/// An HTTP/2 connection that sends what it is told to the letter (RFC 9113), since no client
/// library would break the rules of the protocol. Its waits return what came.
public final class Http2 implements AutoCloseable {
    /// Names in SETTINGS (RFC 9113 §6.5.2).
    public static final int MAX_CONCURRENT_STREAMS = 3;
    public static final int INITIAL_WINDOW_SIZE = 4;

    // Types of frames (§6), a flag of theirs, an error code (§7).
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int PING = 6;
    private static final int GOAWAY = 7;
    private static final int ACK = 1;
    private static final int END_HEADERS = 4;
    private static final int ENHANCE_YOUR_CALM = 11;

    private final Socket socket;
    private final Patience patience;
    private int pongs;
    private int pings;
    /// Of the server; null before they came.
    private Map<Integer, Integer> settings;
    private String end;

    public Http2(URI server, Patience patience) {
        this.patience = patience;
        try {
            socket = new Socket(server.getHost(), server.getPort());
            socket.setTcpNoDelay(true);
            socket.getOutputStream().write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                .getBytes(StandardCharsets.US_ASCII));
        } catch (IOException cause) {
            throw new NoAnswer("a connection to " + server + ": " + cause.getMessage(), null);
        }
        send(SETTINGS, 0, 0, new byte[0]);
        Thread.ofVirtual().name("http/2").start(this::read);
    }

    /// What the server has closed tells [#end], not this.
    private synchronized void send(int type, int flags, int stream, byte[] payload) {
        var frame = ByteBuffer.allocate(9 + payload.length);
        frame.put((byte) 0).putShort((short) payload.length).put((byte) type)
            .put((byte) flags).putInt(stream).put(payload);
        try {
            socket.getOutputStream().write(frame.array());
        } catch (IOException gone) {
            // What came before the end says why.
        }
    }

    /// The first frame must be SETTINGS (RFC 9113 §3.4).
    private void read() {
        try (var in = new DataInputStream(new BufferedInputStream(socket.getInputStream()))) {
            for (var first = true; ; first = false) {
                var length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
                var type = in.readUnsignedByte();
                if (first && type != SETTINGS) end("a first frame that is not SETTINGS");
                var flags = in.readUnsignedByte();
                in.readInt();
                take(type, flags, ByteBuffer.wrap(in.readNBytes(length)));
            }
        } catch (IOException closed) {
            end("the connection closed");
        }
    }

    private synchronized void take(int type, int flags, ByteBuffer payload) {
        if (type == SETTINGS && flags != ACK) settings(payload);
        if (type == PING && flags == ACK) pongs++;
        if (type == PING && flags != ACK) send(PING, ACK, 0, payload.array());
        if (type == GOAWAY) {
            var code = payload.getInt(4);
            end("GOAWAY " + (code == ENHANCE_YOUR_CALM ? "ENHANCE_YOUR_CALM"
                : "with error code " + code) + " " + new String(payload.array(), 8,
                    payload.capacity() - 8, StandardCharsets.UTF_8));
        }
        notifyAll();
    }

    private void settings(ByteBuffer payload) {
        if (settings == null) settings = new HashMap<>();
        while (payload.remaining() >= 6)
            settings.put((int) payload.getShort(), payload.getInt());
        send(SETTINGS, ACK, 0, new byte[0]);
    }

    private synchronized void end(String how) {
        if (end == null) end = how;
        notifyAll();
    }

    /// Calls an rpc: opens a stream that stays open (headers as RFC 7541 §6.1, §6.2.2).
    ///
    /// @param path `/market.v1.MarketData/TradeStream`
    public void call(String path) {
        var block = new ByteArrayOutputStream();
        // :method POST, :scheme http, then :path, :authority, content-type, te as literals.
        block.write(0x83);
        block.write(0x86);
        block.write(0x04);
        text(block, path);
        block.write(0x01);
        text(block, "127.0.0.1");
        block.write(0x0f);
        block.write(0x10);
        text(block, "application/grpc");
        block.write(0x00);
        text(block, "te");
        text(block, "trailers");
        send(HEADERS, END_HEADERS, 1, block.toByteArray());
    }

    private static void text(ByteArrayOutputStream block, String text) {
        block.write(text.length());
        block.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    }

    /// Whether a PING is answered, and the connection goes on.
    public synchronized boolean ping() {
        var wanted = ++pings;
        send(PING, 0, 0, new byte[8]);
        await(() -> pongs >= wanted || end != null);
        return pongs >= wanted && end == null;
    }

    /// The value in the server's SETTINGS; empty if they don't come, or without it.
    ///
    /// @param name [#MAX_CONCURRENT_STREAMS], …
    public synchronized OptionalInt setting(int name) {
        await(() -> settings != null || end != null);
        return settings == null || !settings.containsKey(name) ? OptionalInt.empty()
            : OptionalInt.of(settings.get(name));
    }

    /// What the server said, if it said that this is the end: `GOAWAY ENHANCE_YOUR_CALM
    /// too_many_pings`.
    public synchronized String said() { return end == null ? "nothing" : end; }

    private void await(BooleanSupplier done) {
        var deadline = patience.soon();
        while (!done.getAsBoolean() && !deadline.passed(pongs)) Deadline.await(this);
    }

    @Override public void close() {
        try {
            socket.close();
        } catch (IOException alreadyGone) {
            // Closing is all that was wanted.
        }
    }
}
