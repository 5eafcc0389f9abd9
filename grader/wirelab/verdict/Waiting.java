package wirelab.verdict;

/// A check that has not come to its verdict yet.
public interface Waiting {
    /// What it waits for; [Promise#NONE] if it has not said.
    Promise promised();

    /// The verdict if it ended now.
    Verdict.Fail soFar();
}
