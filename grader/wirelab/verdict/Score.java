package wirelab.verdict;

import module java.base;

/// What a run is worth: the one place where outcomes are counted, for the console, the JSON, the
/// exit code and the progress.
///
/// Bonus claims are counted apart. Claims about a client do not count where the subject is only a
/// server. Any other claim counts, and one that was skipped is not kept.
///
/// @param outcomes one for each claim
public record Score(List<Outcome> outcomes) {
    /// The verdict about the client of a subject that is only a server.
    public static final Verdict NO_CLIENT = new Verdict.Skipped("this subject has no client");

    private Stream<Outcome> counted() {
        return outcomes.stream().filter(outcome -> !outcome.claim().bonus())
            .filter(outcome -> !outcome.verdict().equals(NO_CLIENT));
    }

    /// How many claims count.
    public int total() { return (int) counted().count(); }

    /// How many of these are kept.
    public int kept() { return (int) counted().filter(Outcome::passed).count(); }

    /// How many bonus claims are kept.
    public int bonus() {
        return (int) outcomes.stream()
            .filter(outcome -> outcome.claim().bonus() && outcome.passed()).count();
    }

    /// How many claims were not examined although they count, or as a bonus would.
    public int skipped() {
        return (int) outcomes.stream().filter(outcome -> skipped(outcome)
            && !outcome.verdict().equals(NO_CLIENT)).count();
    }

    /// How many claims are about a client that the subject does not have.
    public int withoutClient() {
        return (int) outcomes.stream().filter(one -> one.verdict().equals(NO_CLIENT)).count();
    }

    /// Whether all that counts is kept, and something does.
    public boolean passed() { return total() > 0 && kept() == total(); }

    /// The exit code: 3 if the kit is at fault, 0 if passed, else 1.
    public int code() {
        if (outcomes.stream().anyMatch(outcome -> outcome.verdict() instanceof Verdict.KitFault))
            return 3;
        return passed() ? 0 : 1;
    }

    /// What to fix next: the first broken claim that counts, or else the first broken bonus.
    public Optional<Claim> firstBroken() {
        return broken().min(Comparator.comparing(Claim::bonus).thenComparing(Claim::number));
    }

    /// The claims that are not kept, but for those that were skipped.
    public Stream<Claim> broken() {
        return outcomes.stream().filter(outcome -> !outcome.passed() && !skipped(outcome))
            .map(Outcome::claim);
    }

    private static boolean skipped(Outcome outcome) {
        return outcome.verdict() instanceof Verdict.Skipped;
    }
}
