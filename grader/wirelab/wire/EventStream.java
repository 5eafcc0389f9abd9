package wirelab.wire;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.Market;
import wirelab.time.Deadline;
import wirelab.time.Patience;

/// A stream of server-sent events, read in the background as the standard says
/// (WHATWG HTML §9.2.5, §9.2.6).
public final class EventStream implements AutoCloseable {
    /// An event that a blank line dispatched.
    ///
    /// @param id   the last event id in force, null while there was none
    /// @param type `message` unless it said otherwise
    /// @param at   when its blank line came, System.nanoTime()
    public record Event(String id, String type, String data, long at) {
        /// The data as JSON.
        public JsonNode json() {
            try {
                return Market.JSON.readTree(data);
            } catch (IOException malformed) {
                throw new AssertionError("an event whose data is not JSON: " + data);
            }
        }
    }

    private final HttpConnection http;
    private final Patience patience;
    private final CompletableFuture<Answer> head = new CompletableFuture<>();
    private final CountDownLatch reading = new CountDownLatch(1);
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private final List<Event> events = new ArrayList<>();
    private StringJoiner data;
    private String id;
    private String type = "";
    private boolean first = true;
    private boolean afterReturn;
    private boolean ended;

    public EventStream(HttpConnection http, Patience patience, String path, String... headers) {
        this.http = http;
        this.patience = patience;
        http.send(HttpConnection.request("GET", path, null, headers));
        Thread.ofVirtual().name("event stream").start(this::read);
    }

    /// Begins to read, or goes on with it.
    public void readOn() { reading.countDown(); }

    private void read() {
        try {
            reading.await();
            var in = http.input(Deadline.in(Deadline.CHECK));
            var message = Message.answerHead(in);
            if (message == null || !message.complete())
                throw new NoAnswer("the connection was closed before the answer came", null);
            head.complete(new Answer(message, new byte[0], Duration.ZERO, System.nanoTime()));
            var stream = message.body(in, "GET");
            var buffer = new byte[16 * 1024];
            for (int count; (count = stream.read(buffer)) >= 0; ) take(buffer, count);
        } catch (IOException | InterruptedException broken) {
            head.completeExceptionally(
                new NoAnswer("the connection broke off: " + broken.getMessage(), null));
        } catch (NoAnswer none) {
            head.completeExceptionally(none);
        } finally {
            end();
        }
    }

    private synchronized void end() {
        ended = true;
        notifyAll();
    }

    private synchronized void take(byte[] buffer, int count) {
        body.write(buffer, 0, count);
        var begin = 0;
        for (var i = 0; i < count; i++) {
            var octet = buffer[i];
            if (octet != '\n' && octet != '\r') continue;
            line.write(buffer, begin, i - begin);
            begin = i + 1;
            // \r\n is one end of a line.
            if (octet == '\r' || !(i > 0 ? buffer[i - 1] == '\r' : afterReturn)) endLine();
        }
        line.write(buffer, begin, count - begin);
        afterReturn = count > 0 && buffer[count - 1] == '\r';
        notifyAll();
    }

    private void endLine() {
        process(line.toString(StandardCharsets.UTF_8));
        line.reset();
    }

    private void process(String raw) {
        var text = first && raw.startsWith("\ufeff") ? raw.substring(1) : raw;
        first = false;
        if (text.isEmpty()) {
            dispatch();
            return;
        }
        var colon = text.indexOf(':');
        var field = colon < 0 ? text : text.substring(0, colon);
        var value = colon < 0 ? "" : text.substring(colon + 1).replaceFirst("^ ", "");
        switch (field) {
            case "data" -> {
                if (data == null) data = new StringJoiner("\n");
                data.add(value);
            }
            case "event" -> type = value;
            case "id" -> { if (value.indexOf(0) < 0) id = value; }
            default -> { }
        }
    }

    private void dispatch() {
        if (data != null)
            events.add(new Event(id, type.isEmpty() ? "message" : type, data.toString(),
                System.nanoTime()));
        data = null;
        type = "";
    }

    /// Status line and headers, as soon as they have come.
    public Answer head() {
        return NoAnswer.await(head, patience.soon(), "status line and headers");
    }

    /// All events so far, as soon as they are `count`; fewer if no more come or the stream ends.
    public synchronized List<Event> events(int count) {
        await(count, events::size);
        return List.copyOf(events);
    }

    public synchronized List<Event> events() { return List.copyOf(events); }

    /// The ids of all events `quote` so far, as soon as they are `count`; fewer if no more come or
    /// the stream ends.
    public synchronized List<Long> ids(int count) {
        await(count, () -> quotes().size());
        return quotes().stream().map(event -> number(event.id)).toList();
    }

    private List<Event> quotes() {
        return events.stream().filter(event -> event.type.equals("quote")).toList();
    }

    private static long number(String id) {
        if (id != null && id.matches("[0-9]{1,18}")) return Long.parseLong(id);
        throw new AssertionError("a quote with " + (id == null ? "no id" : "id: " + id));
    }

    private void await(int count, IntSupplier size) {
        var deadline = patience.soon();
        while (size.getAsInt() < count && !ended && !deadline.passed(body.size()))
            Deadline.await(this);
    }

    /// The body so far: events, comments and all.
    public synchronized String text() { return body.toString(StandardCharsets.UTF_8); }

    /// How long the body is so far.
    public synchronized long bytes() { return body.size(); }

    /// Whether the server ended the stream.
    public synchronized boolean ended() { return ended; }

    public void hangUp() { http.close(); }

    @Override public void close() {
        readOn();
        hangUp();
    }
}
