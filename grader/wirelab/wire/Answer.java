package wirelab.wire;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import market.Market;
import market.Quote;

/// A server's answer.
///
/// @param message what was on the wire
/// @param tail    what followed the message on a connection that was to be closed; empty if it
///                wasn't
/// @param took    from the request's last byte to the answer's last byte
/// @param at      when it was complete, System.nanoTime()
public record Answer(Message message, byte[] tail, Duration took, long at) {
    /// The status code; 0 when the status line is malformed (RFC 9112 §4).
    public int status() {
        var parts = message.start().split(" ", 3);
        return parts.length > 1 && parts[1].matches("[1-5][0-9][0-9]") ? Integer.parseInt(parts[1])
            : 0;
    }

    public Optional<String> header(String name) { return message.header(name); }

    /// The values of all headers with this name, in any case.
    public List<String> headers(String name) { return message.headers(name).toList(); }

    public String text() { return new String(message.body(), StandardCharsets.UTF_8); }

    /// The body as JSON; a missing node when it is not JSON.
    public JsonNode json() {
        try {
            return Market.JSON.readTree(message.body());
        } catch (IOException malformed) {
            return MissingNode.getInstance();
        }
    }

    /// The ids of the quotes in the body, in its order; a body that is not an array of quotes is a
    /// broken promise.
    public List<Long> ids() { return quotes().stream().map(Quote::id).toList(); }

    public List<Quote> quotes() {
        try {
            return List.of(Market.JSON.readValue(message.body(), Quote[].class));
        } catch (IOException | NullPointerException malformed) {
            throw new AssertionError("a body that is not a JSON array of quotes: " + text());
        }
    }

    /// One line for a message: `200 with 412 bytes`.
    @Override public String toString() {
        return status()
            + (message.body().length == 0 ? " without a body" : " with " + message.body().length
                + " bytes");
    }
}
