package wirelab.run;

import module java.base;
import wirelab.verdict.*;

/// How far a run has come, and whether to go on.
final class Run {
    /// @param after the number of the claim after which nothing runs
    private record Stop(int after, String because) {}

    private final boolean stopAtFirst;
    final Listener listener;
    private final CountDownLatch begun = new CountDownLatch(1);
    private volatile Stop stopped;
    private volatile boolean cancelled;

    /// @param stopAtFirst skip what comes after the first claim that isn't kept
    /// @param listener    gets each outcome as soon as it is known, from any thread
    Run(boolean stopAtFirst, Listener listener) {
        this.stopAtFirst = stopAtFirst;
        this.listener = listener;
    }

    /// Why this claim should not be examined any more.
    Optional<String> stopped(Claim claim) {
        var reason = stopped;
        return Optional.ofNullable(reason).filter(one -> claim.number() > one.after)
            .map(Stop::because);
    }

    /// All checks are skipped from now on, for this reason.
    void stop(String because) { stopped = new Stop(0, because); }

    /// Nobody wants to know any more.
    void cancel() {
        cancelled = true;
        stop("the run was cancelled");
    }

    boolean cancelled() { return cancelled; }

    /// Claims after a broken one are skipped; those before it, which may still run, are not.
    private synchronized void stopAfter(Claim broken) {
        if (stopped == null || broken.number() < stopped.after)
            stopped = new Stop(broken.number(), broken.title());
    }

    void report(Outcome outcome) {
        var counts = !outcome.passed() && !outcome.claim().bonus();
        if (stopAtFirst && counts && !(outcome.verdict() instanceof Verdict.Skipped))
            stopAfter(outcome.claim());
        listener.hear(outcome);
        firstOutcomeIsKnown();
    }

    /// Reports that this claim wasn't examined.
    void skip(Claim claim) {
        report(new Outcome(claim, new Verdict.Skipped(stopped.because), Duration.ZERO));
    }

    void firstOutcomeIsKnown() { begun.countDown(); }

    void awaitFirstOutcome() {
        try {
            begun.await();
        } catch (InterruptedException cancelled) {
            Thread.currentThread().interrupt();
        }
    }
}
