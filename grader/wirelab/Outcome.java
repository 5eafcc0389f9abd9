package wirelab;

import module java.base;

/// One claim and its verdict.
///
/// @param took how long the check ran
public record Outcome(Claim claim, Verdict verdict, Duration took) {
    boolean passed() { return verdict instanceof Verdict.Pass; }
}
