package wirelab.check;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import wirelab.wire.WebSocketPeer;

/// A promise about a WebSocket. Each method waits for what it asserts.
public final class PeerAssert {
    private final PromiseAssert promise;
    private final WebSocketPeer peer;

    PeerAssert(PromiseAssert promise, WebSocketPeer peer) {
        this.promise = promise;
        this.peer = peer;
    }

    /// The server closes with this status (RFC 6455 §7.4).
    public void closesWith(int code) { closesWith(code, Duration.ZERO); }

    /// The same for a server that should close after this time.
    public void closesWith(int code, Duration pause) {
        var closed = peer.closeCodeAfter(pause);
        promise.holds(closed.equals(OptionalInt.of(code)), "%s", closing(closed));
    }

    /// The server closes with this status without a message before.
    public void closesFirstWith(int code) {
        var first = peer.awaitFirst();
        promise.holds(first.isEmpty(), "%s", first.map(PromiseAssert::shown).orElse(""));
        closesWith(code);
    }

    private static String closing(OptionalInt closed) {
        if (closed.isEmpty()) return "no close frame, and the connection goes on";
        return switch (closed.getAsInt()) {
            case 1006 -> "the end of the connection, without a close frame";
            case 1005 -> "a close frame without a code";
            default -> "closed with " + closed.getAsInt();
        };
    }

    /// The next message has one of these types; it.
    public JsonNode hearsNext(String... types) {
        var message = receive(() -> peer.receive());
        promise.holds(List.of(types).contains(message.path("type").asText()), "%s",
            PromiseAssert.shown(message));
        return message;
    }

    /// A message of this type comes, perhaps after others; it.
    public JsonNode hears(String type) { return receive(() -> peer.receive(type)); }

    private JsonNode receive(Supplier<JsonNode> next) {
        try {
            return next.get();
        } catch (Broken broken) {
            throw broken;
        } catch (AssertionError none) {
            throw promise.broken(none.getMessage());
        }
    }
}
