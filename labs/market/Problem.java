package market;

/// A request that can't be served: throw it, and the client gets `application/problem+json` (RFC
/// 9457 §3).
/// `throw new Problem(400, "after: must be a whole number from 0")`
public final class Problem extends RuntimeException {
    public final int status;

    /// @param status the HTTP status of the answer, 400–599
    /// @param detail what is wrong, what is allowed, in words for the person who sent the request
    public Problem(int status, String detail) {
        super(detail, null, false, false);
        this.status = status;
    }
}
