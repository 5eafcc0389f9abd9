package wirelab.verdict;

import module java.base;

/// What a check found out about one claim.
public sealed interface Verdict {
    /// The subject keeps the promise.
    record Pass() implements Verdict {}

    /// The subject breaks the promise.
    ///
    /// @param promise    what the wire should have shown
    /// @param saw        what it showed instead, lines
    /// @param transcript what crossed the wire, lines
    record Fail(Promise promise, List<String> saw, List<String> transcript) implements Verdict {}

    /// The check didn't run.
    ///
    /// @param because the title of the claim that failed first, or another reason in words
    record Skipped(String because) implements Verdict {}

    /// The subject ended while the check was talking to it.
    ///
    /// @param how        its exit code or exception, and the last that it printed; lines
    /// @param transcript what crossed the wire until then, lines
    record Crashed(List<String> how, List<String> transcript) implements Verdict {}

    /// The subject did not do what the check waited for.
    ///
    /// @param promise    what should have come
    /// @param saw        what did not come, in words
    /// @param waited     how long the check waited
    /// @param transcript what crossed the wire until then, lines
    record TimedOut(Promise promise, String saw, Duration waited, List<String> transcript)
        implements Verdict {}

    /// The check itself is broken; the subject is not to blame.
    ///
    /// @param what  the exception
    /// @param trace its stack trace, lines
    record KitFault(String what, List<String> trace) implements Verdict {}

    /// The word for this verdict in reports.
    default String word() {
        return switch (this) {
            case Pass _ -> "pass";
            case Fail _ -> "fail";
            case Skipped _ -> "skipped";
            case Crashed _ -> "crashed";
            case TimedOut _ -> "timed out";
            case KitFault _ -> "kit fault";
        };
    }
}
