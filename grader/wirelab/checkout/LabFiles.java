package wirelab.checkout;

import module java.base;
import com.github.difflib.patch.PatchFailedException;

/// The files of one lab: what the student edits, the solution, and its room in `grader/labs/`.
public record LabFiles(LabId lab) {
    /// What the student edits.
    public Path file() { return Checkout.root().resolve("labs/" + lab.name() + ".java"); }

    public Path solution() { return Checkout.root().resolve("solutions/" + lab.name() + ".java"); }

    /// The folder with its checks, hints, mistakes, and the diff that makes its starter.
    public Path room() { return Checkout.root().resolve("grader/labs/" + lab.name()); }

    public Path hints() { return room().resolve("hints.md"); }

    public Path mistakes() { return room().resolve("mistakes"); }

    /// What makes the starter of the solution.
    public Path starterDiff() { return room().resolve("starter.diff"); }

    /// What the solution does differently, as a unified diff.
    public List<String> difference() throws IOException {
        return Diff.between("labs/" + lab.name() + ".java", Files.readString(file()),
            "solutions/" + lab.name() + ".java", Files.readString(solution()), 1);
    }

    /// The student's file as it was at first: the solution without what a student writes.
    public String starter() throws IOException, PatchFailedException {
        return Diff.apply(Files.readAllLines(starterDiff()), Files.readString(solution()));
    }

    /// Restores the starter.
    ///
    /// @return where the old text is kept
    public Path reset() throws IOException, PatchFailedException {
        var file = file();
        var fresh = starter();
        var backup = IntStream.iterate(1, n -> n + 1)
            .mapToObj(n -> file.resolveSibling(lab.name() + ".java." + n + ".bak"))
            .filter(Files::notExists).findFirst().orElseThrow();
        Files.copy(file, backup);
        Files.writeString(file, fresh);
        return backup;
    }
}
