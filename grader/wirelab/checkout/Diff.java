package wirelab.checkout;

import module java.base;
import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import com.github.difflib.patch.Patch;
import com.github.difflib.patch.PatchFailedException;

/// Unified diffs of texts, as `diff -u` writes and `patch` reads them.
public final class Diff {
    private Diff() {}

    /// @param context how many equal lines stand around each change
    public static List<String> between(String oldName, String oldText, String newName,
            String newText, int context) {
        var old = oldText.lines().toList();
        return UnifiedDiffUtils.generateUnifiedDiff(oldName, newName, old,
            DiffUtils.diff(old, newText.lines().toList()), context);
    }

    /// Changes a text, also where the lines before the change have become more or fewer.
    ///
    /// @throws PatchFailedException if the lines that it changes, or those around, are others
    static String apply(List<String> diff, String text) throws PatchFailedException {
        var hunks = UnifiedDiffUtils.parseUnifiedDiff(diff).getDeltas();
        if (hunks.isEmpty()) throw new PatchFailedException("it has no hunk");
        var lines = text.lines().toList();
        // From the last to the first, each alone: java-diff-utils 4.16 looks for a hunk too late
        // in a text that the hunk before has made shorter.
        for (var hunk : hunks.reversed()) {
            var one = new Patch<String>();
            one.addDelta(hunk);
            // Fuzz 0: any place, but no line of context may differ.
            lines = one.applyFuzzy(lines, 0);
        }
        return String.join("\n", lines) + "\n";
    }
}
