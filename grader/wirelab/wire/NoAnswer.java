package wirelab.wire;

import module java.base;
import wirelab.time.Deadline;

/// The subject did not answer as HTTP asks.
public final class NoAnswer extends RuntimeException {
    private final transient Duration waited;

    /// @param waited how long it was waited for; null when the connection broke off
    public NoAnswer(String what, Duration waited) {
        super(what);
        this.waited = waited;
    }

    /// How long it was waited for; empty when the connection broke off.
    public Optional<Duration> waited() { return Optional.ofNullable(waited); }

    /// The result of `future`, as soon as it is there.
    ///
    /// @param what is waited for
    public static <T> T await(CompletableFuture<T> future, Deadline deadline, String what) {
        while (true) {
            try {
                return future.get(deadline.step(), TimeUnit.MILLISECONDS);
            } catch (TimeoutException late) {
                if (deadline.passed()) throw new NoAnswer(what, deadline.waited());
            } catch (ExecutionException broken) {
                throw (RuntimeException) broken.getCause();
            } catch (InterruptedException cancelled) {
                throw new CancellationException("interrupted");
            }
        }
    }
}
