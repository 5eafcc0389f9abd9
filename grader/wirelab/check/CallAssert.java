package wirelab.check;

import module java.base;
import io.grpc.Status;
import wirelab.wire.RpcCall;

/// A promise about a gRPC call. Each method waits for what it asserts.
public final class CallAssert<R> {
    private final PromiseAssert promise;
    private final RpcCall<?, R> call;

    CallAssert(PromiseAssert promise, RpcCall<?, R> call) {
        this.promise = promise;
        this.call = call;
    }

    /// At least so many replies come; all that have come, in order.
    public List<R> hasReplies(int count) {
        var replies = call.replies(count);
        promise.holds(replies.size() >= count, "%d of %d messages%s", replies.size(), count,
            call.ended() ? ", then status " + call.said() : "");
        return replies;
    }

    /// The call ends with this status.
    public CallAssert<R> endsWith(Status.Code code) { return endsWith(code, Duration.ZERO); }

    /// The same for a call that should end after this time.
    public CallAssert<R> endsWith(Status.Code code, Duration pause) {
        var status = call.statusAfter(pause);
        promise.holds(status.map(Status::getCode).equals(Optional.of(code)), "%s",
            status.map(RpcCall::line).orElse(call.count() + " messages, and no status"));
        return this;
    }

    /// The call ends with a description like this.
    ///
    /// @param pattern a regular expression that is found in it
    public CallAssert<R> describing(String pattern) {
        var description = call.status().map(Status::getDescription).orElse("");
        promise.holds(Pattern.compile(pattern).matcher(description).find(), "%s", call.said());
        return this;
    }
}
