package labs.lab06;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import market.*;
import wirelab.check.*;
import wirelab.wire.WebSocketPeer;

/// What the checks share: messages, strangers, and members.
abstract class SocketChecks extends Checks {
    static final String PATH = "/quotes/socket";
    static final String AUTH = message("auth", "token", "demo-token");
    static final String PING = message("ping");

    /// A peer that was welcomed.
    record Member(WebSocketPeer peer, String id) {
        void chat(String text) { peer.send(message("chat", "text", text)); }

        /// This field of each message of this type so far.
        List<String> heard(String type, String field) {
            return peer.messages(type).stream().map(one -> one.path(field).asText()).toList();
        }
    }

    /// The ids of the members that this check knows.
    private final Set<String> members = ConcurrentHashMap.newKeySet();

    /// `message("chat", "text", "hello")` is `{"type":"chat","text":"hello"}`.
    static String message(String type, Object... fields) {
        var json = Market.JSON.createObjectNode().put("type", type);
        for (var i = 0; i < fields.length; i += 2)
            json.set("" + fields[i], Market.JSON.valueToTree(fields[i + 1]));
        return json.toString();
    }

    static String type(JsonNode message) { return message.path("type").asText(); }

    static byte[] utf8(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    /// The numbers from `first` up to, and without, `end`: texts of chats.
    static List<String> numbers(int first, int end) {
        return IntStream.range(first, end).mapToObj(String::valueOf).toList();
    }

    /// Opens a connection and says these.
    WebSocketPeer stranger(String... messages) { return socket(PATH).send(messages); }

    Member enter() { return enter(stranger()); }

    List<Member> enter(int count) { return Stream.generate(this::enter).limit(count).toList(); }

    Member enter(WebSocketPeer peer) {
        return welcomed("S1", peer.ignoring(this::isOfAnEarlierCheck).send(AUTH));
    }

    /// On a busy machine a server notices only now that a peer of an earlier check has hung up.
    private boolean isOfAnEarlierCheck(JsonNode message) {
        return type(message).equals("leave")
            && !members.contains(message.path("clientId").asText());
    }

    Member welcomed(String rule, WebSocketPeer peer) {
        var promise = promise("welcome, with a clientId, to the right token", rule);
        var welcome = promise.of(peer).hearsNext("welcome");
        var id = welcome.path("clientId");
        promise.holds(id.isTextual() && !id.asText().isEmpty(), "%s", welcome);
        members.add(id.asText());
        return new Member(peer, id.asText());
    }

    /// A member that gets the quotes of these symbols.
    Member subscriber(String... symbols) { return subscribe(enter(), symbols); }

    Member subscribe(Member member, String... symbols) {
        member.peer.send(message("subscribe", "symbols", symbols));
        return settle(member);
    }

    /// Waits until all that this member said before is done.
    Member settle(Member member) {
        promise("pong to ping, after all that the client said before", "S6")
            .of(member.peer.send(PING)).hears("pong");
        return member;
    }

    /// The quotes that have come to this member, as soon as they are as wanted.
    List<Quote> quotes(Member member, Predicate<List<Quote>> wanted) {
        return eventually(() -> member.peer.messages("quote").stream().map(this::quote).toList(),
            quotes -> wanted.test(quotes) || member.peer.ended());
    }

    private Quote quote(JsonNode message) {
        try {
            // Of anything but an object there is nothing to read.
            return Market.JSON.readValue(message.path("quote") instanceof ObjectNode quote
                ? "" + quote : "", Quote.class);
        } catch (IOException malformed) {
            throw promise("{\"type\":\"quote\",\"quote\":{…}}", "S4").broken("" + message);
        }
    }
}
