package wirelab.check;

import module java.base;
import wirelab.verdict.Promise;
import wirelab.wire.Answer;
import wirelab.wire.EventStream;
import wirelab.wire.RpcCall;
import wirelab.wire.WebSocketPeer;

/// Holds a promise against what was seen; each failure is a [Broken] that says both.
///
/// Made by [Checks#promise]: `promise("304, no body", "S4 · RFC 9110 §15.4.5").of(answer)
/// .hasStatus(304)`.
public final class PromiseAssert {
    /// Characters of a text that are shown.
    private static final int SHOWN = 200;

    private final Promise promise;

    PromiseAssert(Promise promise) { this.promise = promise; }

    public AnswerAssert of(Answer answer) { return new AnswerAssert(this, answer); }

    public EventsAssert of(EventStream stream) { return new EventsAssert(this, stream); }

    public PeerAssert of(WebSocketPeer peer) { return new PeerAssert(this, peer); }

    public <R> CallAssert<R> of(RpcCall<?, R> call) { return new CallAssert<>(this, call); }

    public FollowerAssert of(Follower client) { return new FollowerAssert(this, client); }

    /// @param ids of quotes, in the order in which they came
    public IdsAssert ofIds(List<Long> ids) { return new IdsAssert(this, ids); }

    /// Any value, which a failure shows as it is.
    public <T> ValueAssert<T> that(T seen) { return new ValueAssert<>(this, seen, shown(seen)); }

    /// Any value, which a failure shows in these words.
    ///
    /// @param format of [String#formatted]
    public <T> ValueAssert<T> that(T seen, String format, Object... arguments) {
        return new ValueAssert<>(this, seen, format.formatted(arguments));
    }

    /// Whether it is kept is known already.
    ///
    /// @param format what was seen instead, of [String#formatted]
    public void holds(boolean kept, String format, Object... arguments) {
        if (!kept) throw broken(format.formatted(arguments));
    }

    /// @param saw what was seen instead; may have several lines
    public Broken broken(String saw) { return new Broken(promise, saw); }

    /// A value as one text of bearable length.
    public static String shown(Object value) {
        var text = value instanceof Collection<?> all ? all.stream().map(String::valueOf)
            .collect(Collectors.joining(", ")) : String.valueOf(value);
        return text.length() <= SHOWN ? text
            : text.substring(0, SHOWN) + "… (" + text.length() + " characters)";
    }
}
