package wirelab;

import module java.base;
import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import com.github.difflib.patch.PatchFailedException;

/// Something that a student gets wrong: a unified diff against the solution, and the check that
/// must
/// catch it. Its first line is `# caught by <test method>`, then comes what is wrong, `# …`.
///
/// @param name  the file's name without `.diff`, for people
/// @param check the method of the check
/// @param diff  its lines
record Mistake(String name, String check, List<String> diff) {
    private static final String CAUGHT_BY = "# caught by ";

    /// The mistakes of a lab, by name.
    static List<Mistake> of(String lab) throws IOException {
        var folder = Project.root().resolve("grader/mistakes").resolve(lab);
        try (var files = Files.list(folder)) {
            var mistakes = new ArrayList<Mistake>();
            for (var file : files.sorted().toList()) mistakes.add(read(file));
            return mistakes;
        }
    }

    private static Mistake read(Path file) throws IOException {
        var lines = Files.readAllLines(file);
        var name = file.getFileName().toString().replaceFirst("\\.diff$", "");
        if (lines.isEmpty() || !lines.getFirst().startsWith(CAUGHT_BY))
            throw new Usage(file + ": its first line must be '" + CAUGHT_BY + "<test method>'.");
        return new Mistake(name, lines.getFirst().substring(CAUGHT_BY.length()).strip(), lines);
    }

    /// The solution with this mistake in it.
    ///
    /// @throws PatchFailedException if the solution has changed where the diff applies
    String applyTo(String solution) throws PatchFailedException {
        var patch = UnifiedDiffUtils.parseUnifiedDiff(
            diff.stream().filter(line -> !line.startsWith("#")).toList());
        if (patch.getDeltas().isEmpty()) throw new PatchFailedException("it has no hunk");
        return String.join("\n", DiffUtils.patch(solution.lines().toList(), patch)) + "\n";
    }
}
