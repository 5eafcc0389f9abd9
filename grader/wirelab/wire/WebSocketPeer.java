package wirelab.wire;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.Market;
import wirelab.time.Deadline;
import wirelab.time.Patience;

/// A WebSocket client that sends what it is told to the letter, and reads in the background
/// (RFC 6455).
public final class WebSocketPeer implements AutoCloseable {
    private final HttpConnection http;
    private final Patience patience;
    private final List<Frame> frames = new ArrayList<>();
    private final List<String> texts = new ArrayList<>();
    private final ByteArrayOutputStream message = new ByteArrayOutputStream();
    private Predicate<JsonNode> overheard = _ -> false;
    private int received;
    private boolean answersPings = true;
    private boolean deaf;
    private boolean ended;

    /// @param http a connection on which the server has just answered 101
    public WebSocketPeer(HttpConnection http, Patience patience) {
        this.http = http;
        this.patience = patience;
        Thread.ofVirtual().name("websocket peer").start(this::read);
    }

    private void read() {
        try {
            var in = http.input(Deadline.in(Deadline.CHECK));
            for (Frame frame; (frame = next(in)) != null; ) take(frame);
        } catch (IOException | InterruptedException broken) {
            // What end() says is all that there is to say.
        } finally {
            end();
        }
    }

    private Frame next(InputStream in) throws IOException, InterruptedException {
        synchronized (this) {
            while (deaf) wait();
        }
        return Frame.read(in, System::nanoTime);
    }

    private void take(Frame frame) {
        var answers = remember(frame);
        try {
            if (frame.opcode() == Frame.PING && answers) send(true, Frame.PONG, frame.payload());
            if (frame.opcode() == Frame.CLOSE && answers) send(true, Frame.CLOSE, frame.payload());
        } catch (NoAnswer gone) {
            // The next read tells.
        }
    }

    private synchronized boolean remember(Frame frame) {
        frames.add(frame);
        if (frame.opcode() <= Frame.TEXT) {
            message.writeBytes(frame.payload());
            if (frame.fin()) {
                texts.add(message.toString(StandardCharsets.UTF_8));
                message.reset();
            }
        }
        notifyAll();
        return answersPings;
    }

    private synchronized void end() {
        ended = true;
        notifyAll();
    }

    /// Sends text messages, each in one frame.
    public WebSocketPeer send(String... texts) {
        for (var text : texts) send(true, Frame.TEXT, text.getBytes(StandardCharsets.UTF_8));
        return this;
    }

    public void send(boolean fin, int opcode, byte[] payload) {
        write(Frame.bytes(fin, opcode, payload, true));
    }

    private void write(byte[] bytes) {
        synchronized (http) {
            http.send(bytes);
        }
    }

    /// Messages that this holds for are passed over, as if they had not come.
    public synchronized WebSocketPeer ignoring(Predicate<JsonNode> overheard) {
        this.overheard = overheard;
        return this;
    }

    /// The next message that was not received yet, as JSON.
    public JsonNode receive() {
        while (true) {
            var message = json(next());
            if (!overheard.test(message)) return message;
        }
    }

    private static JsonNode json(String text) {
        try {
            return Market.JSON.readTree(text);
        } catch (IOException malformed) {
            throw new AssertionError("a message that is not JSON: " + text);
        }
    }

    /// The next message of this type; those before it are dropped.
    public JsonNode receive(String type) {
        var dropped = new ArrayList<String>();
        try {
            while (true) {
                var message = receive();
                if (message.path("type").asText().equals(type)) return message;
                dropped.add(message.path("type").asText());
            }
        } catch (AssertionError none) {
            throw dropped.isEmpty() ? none : new AssertionError(none.getMessage()
                + ", after messages of type " + String.join(", ", dropped));
        }
    }

    private synchronized String next() {
        var deadline = patience.soon();
        while (texts.size() == received) {
            if (ended || closed().isPresent() || deadline.passed(frames.size()))
                throw new AssertionError("no message" + closed().map(frame -> ", but " + frame)
                    .orElse(ended ? ", but the end of the connection"
                        : " within " + deadline.after()));
            Deadline.await(this);
        }
        return texts.get(received++);
    }

    private Optional<Frame> closed() {
        return frames.stream().filter(frame -> frame.opcode() == Frame.CLOSE).findFirst();
    }

    /// The first message of all, as soon as it comes; empty if the connection ends before, or
    /// nothing comes.
    public synchronized Optional<JsonNode> awaitFirst() {
        var deadline = patience.soon();
        while (messages().isEmpty() && !ended() && !deadline.passed(frames.size()))
            Deadline.await(this);
        return messages().stream().findFirst();
    }

    /// All text messages so far, as JSON.
    public synchronized List<JsonNode> messages() {
        return texts.stream().map(WebSocketPeer::json).filter(overheard.negate()).toList();
    }

    /// Those of these types.
    public List<JsonNode> messages(String... types) {
        return messages().stream()
            .filter(one -> List.of(types).contains(one.path("type").asText())).toList();
    }

    /// All frames so far with this opcode: [Frame#PING], …
    public List<Frame> frames(int opcode) {
        return frames().stream().filter(frame -> frame.opcode() == opcode).toList();
    }

    /// All frames so far.
    public synchronized List<Frame> frames() { return List.copyOf(frames); }

    /// The status in the server's close frame, as soon as it comes; 1005 if it has none, 1006 if
    /// the connection ends without a close frame (RFC 6455 §7.1.5). Empty if neither comes.
    public OptionalInt closeCode() { return closeCodeAfter(Duration.ZERO); }

    /// The same for a server that should close after this time.
    public synchronized OptionalInt closeCodeAfter(Duration pause) {
        var deadline = patience.soonAfter(pause);
        while (!ended() && !deadline.passed(frames.size())) Deadline.await(this);
        if (!ended()) return OptionalInt.empty();
        return OptionalInt.of(closed().map(Frame::closeCode).orElse(1006));
    }

    /// Whether a close frame, or the end of the connection, has come.
    public synchronized boolean ended() { return ended || closed().isPresent(); }

    /// From now on it answers neither pings nor a close frame.
    public synchronized WebSocketPeer withoutPong() {
        answersPings = false;
        return this;
    }

    /// From the next frame on it reads nothing.
    public synchronized void deaf() { deaf = true; }

    /// Reads again.
    public synchronized void readOn() {
        deaf = false;
        notifyAll();
    }

    /// Closes as a client should.
    public void close(int code) {
        send(true, Frame.CLOSE, new byte[] {(byte) (code >> 8), (byte) code});
    }

    /// Ends the connection without a close frame.
    public void hangUp() { http.close(); }

    @Override public void close() {
        readOn();
        hangUp();
    }
}
