package wirelab;

import module java.base;

/// What the checks of one run share: the subject, and whether to go on.
final class Bench {
    /// The bench of the checks that run in this scope.
    static final ScopedValue<Bench> CURRENT = ScopedValue.newInstance();

    final Subject subject;
    private final boolean stopAtFirst;
    private final Consumer<Outcome> report;
    private final CountDownLatch begun = new CountDownLatch(1);
    private volatile String stopped;

    /// @param stopAtFirst skip what comes after the first claim that isn't kept
    /// @param report      gets each outcome as soon as it is known, from any thread
    Bench(Subject subject, boolean stopAtFirst, Consumer<Outcome> report) {
        this.subject = subject;
        this.stopAtFirst = stopAtFirst;
        this.report = report;
    }

    /// Why no check should run any more.
    Optional<String> stopped() { return Optional.ofNullable(stopped); }

    /// Further checks are skipped, for this reason.
    void stop(String because) { stopped = because; }

    void report(Outcome outcome) {
        var counts = !outcome.passed() && !outcome.claim().bonus();
        if (stopAtFirst && counts && stopped == null) stop(outcome.claim().title());
        report.accept(outcome);
        firstOutcomeIsKnown();
    }

    /// Reports that this claim wasn't examined.
    void skip(Claim claim) {
        report(new Outcome(claim, new Verdict.Skipped(stopped), Duration.ZERO));
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
