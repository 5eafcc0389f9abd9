package wirelab;

import module java.base;
import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import com.github.difflib.patch.PatchFailedException;

/// What belongs to a lab's file: the solution, and how it looked at first.
final class Reference {
    private Reference() {}

    static Path lab(String lab) { return Project.root().resolve("labs/" + lab + ".java"); }

    static Path solution(String lab) {
        return Project.root().resolve("solutions/" + lab + ".java");
    }

    /// What the solution does differently, as a unified diff.
    static List<String> difference(String lab) throws IOException {
        var mine = Files.readAllLines(lab(lab));
        var theirs = Files.readAllLines(solution(lab));
        return UnifiedDiffUtils.generateUnifiedDiff("labs/" + lab + ".java",
            "solutions/" + lab + ".java", mine, DiffUtils.diff(mine, theirs), 1);
    }

    /// The lab's file as it was at first: the solution without what a student writes, which
    /// `grader/starters/labNN.diff` takes away.
    static String starter(String lab) throws IOException, PatchFailedException {
        var diff = Project.root().resolve("grader/starters/" + lab + ".diff");
        var patch = UnifiedDiffUtils.parseUnifiedDiff(Files.readAllLines(diff));
        return String.join("\n", DiffUtils.patch(Files.readAllLines(solution(lab)), patch)) + "\n";
    }

    /// Restores the starter.
    ///
    /// @return where the old text is kept
    static Path reset(String lab) throws IOException, PatchFailedException {
        var file = lab(lab);
        var fresh = starter(lab);
        var backup = IntStream.iterate(1, n -> n + 1)
            .mapToObj(n -> file.resolveSibling(lab + ".java." + n + ".bak"))
            .filter(Files::notExists).findFirst().orElseThrow();
        Files.copy(file, backup);
        Files.writeString(file, fresh);
        return backup;
    }
}
