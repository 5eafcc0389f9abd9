package wirelab.verdict;

/// Hears what becomes of the claims, in their order.
@FunctionalInterface
public interface Listener {
    void hear(Outcome outcome);

    /// How long a check may run, milliseconds, until it is worth saying that it waits.
    default int patience() { return 1_000; }

    /// The check of the next claim takes its time.
    default void waits(Claim claim, Waiting check) {}
}
