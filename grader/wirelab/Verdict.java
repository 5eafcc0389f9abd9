package wirelab;

import module java.base;

/// What a check found out about one claim.
public sealed interface Verdict {
    /// The subject keeps the promise.
    record Pass() implements Verdict {}

    /// The subject breaks the promise.
    ///
    /// @param expected   what the wire should have shown
    /// @param section    the rule: section of a standard, or of the lab's own text
    /// @param saw        what it showed instead, lines
    /// @param transcript what crossed the wire, lines
    /// @param help       why it matters, or where such faults come from; may be empty
    record Fail(String expected, String section, List<String> saw, List<String> transcript,
        String help) implements Verdict {}

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
    /// @param waitedFor  what should have come
    /// @param waited     how long the check waited
    /// @param transcript what crossed the wire until then, lines
    record TimedOut(String waitedFor, Duration waited, List<String> transcript)
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
