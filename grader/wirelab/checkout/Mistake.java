package wirelab.checkout;

import module java.base;
import com.github.difflib.patch.PatchFailedException;

/// Something that a student gets wrong: a unified diff against the solution, and the check that
/// must catch it. Its first line is `# caught by <test method>`, then comes what is wrong, `# …`.
///
/// @param file  where it stands
/// @param check the method of the check
/// @param lines of the file
public record Mistake(Path file, String check, List<String> lines) {
    private static final String CAUGHT_BY = "# caught by ";

    /// The mistakes of a lab, by name.
    public static List<Mistake> of(LabId lab) throws IOException {
        try (var files = Files.list(new LabFiles(lab).mistakes())) {
            var mistakes = new ArrayList<Mistake>();
            for (var file : files.sorted().toList()) mistakes.add(read(file));
            return mistakes;
        }
    }

    private static Mistake read(Path file) throws IOException {
        var lines = Files.readAllLines(file);
        if (lines.isEmpty() || !lines.getFirst().startsWith(CAUGHT_BY))
            throw new Usage(file + ": its first line must be '" + CAUGHT_BY + "<test method>'.");
        return new Mistake(file, lines.getFirst().substring(CAUGHT_BY.length()).strip(), lines);
    }

    /// For people: its file without `.diff`.
    public String name() { return file.getFileName().toString().replaceFirst("\\.diff$", ""); }

    /// The solution with this mistake in it.
    ///
    /// @throws PatchFailedException if the solution has changed where the diff applies
    public String applyTo(String solution) throws PatchFailedException {
        return Diff.apply(lines.stream().filter(line -> !isHead(line)).toList(), solution);
    }

    /// The lines of the file, its diff written anew.
    ///
    /// @param wrong the solution with this mistake in it
    public List<String> asChangeTo(LabId lab, String solution, String wrong) {
        var path = "solutions/" + lab.name() + ".java";
        return Stream.concat(lines.stream().takeWhile(Mistake::isHead),
            Diff.between(path, solution, path, wrong, 3).stream()).toList();
    }

    private static boolean isHead(String line) { return line.startsWith("#"); }
}
