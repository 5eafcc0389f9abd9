package wirelab.verdict;

import module java.base;

/// One claim and its verdict.
///
/// @param took how long the check ran
public record Outcome(Claim claim, Verdict verdict, Duration took) {
    public boolean passed() { return verdict instanceof Verdict.Pass; }
}
