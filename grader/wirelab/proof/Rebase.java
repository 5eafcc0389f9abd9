package wirelab.proof;

import module java.base;
import com.github.difflib.patch.PatchFailedException;
import wirelab.checkout.Checkout;
import wirelab.checkout.Diff;
import wirelab.checkout.LabFiles;
import wirelab.checkout.LabId;
import wirelab.checkout.Mistake;

/// Writes a lab's diffs anew after its solution has moved.
///
/// A diff that no longer applies is carried over by a three-way merge (`git merge-file`): between
/// the solution of the newest commit, that solution with the mistake, and the solution of today.
public final class Rebase {
    private final LabFiles files;
    private final String solution;
    private final String committed;

    private Rebase(LabId lab) throws IOException {
        files = new LabFiles(lab);
        solution = Files.readString(files.solution());
        committed = git("show", "HEAD:solutions/" + lab.name() + ".java").orElse(solution);
    }

    /// @return what it could not carry over, a line each
    public static List<String> of(LabId lab) throws IOException {
        return new Rebase(lab).write();
    }

    private List<String> write() throws IOException {
        var stuck = new ArrayList<String>();
        for (var mistake : Mistake.of(files.lab())) {
            var wrong = applied(mistake);
            if (wrong.isPresent()) Files.write(mistake.file(),
                mistake.asChangeTo(files.lab(), solution, wrong.get()));
            else stuck.add(mistake.name() + " conflicts with the solution: "
                + "write it anew, or delete it.");
        }
        Files.write(files.starterDiff(), Diff.between("solutions/" + files.lab().name() + ".java",
            solution, "labs/" + files.lab().name() + ".java", Files.readString(files.file()), 3));
        return stuck;
    }

    private Optional<String> applied(Mistake mistake) throws IOException {
        try {
            return Optional.of(mistake.applyTo(solution));
        } catch (PatchFailedException moved) {
            return merged(mistake);
        }
    }

    private Optional<String> merged(Mistake mistake) throws IOException {
        try {
            var folder = Files.createTempDirectory("wirelab-");
            var ours = Files.writeString(folder.resolve("ours"), solution);
            var base = Files.writeString(folder.resolve("base"), committed);
            var theirs = Files.writeString(folder.resolve("theirs"), mistake.applyTo(committed));
            return git("merge-file", "-p", "" + ours, "" + base, "" + theirs);
        } catch (PatchFailedException staleBefore) {
            return Optional.empty();
        }
    }

    /// What git prints; empty if it fails, or there is none.
    private static Optional<String> git(String... arguments) throws IOException {
        var process = new ProcessBuilder(Stream.concat(Stream.of("git"), Stream.of(arguments))
            .toList()).directory(Checkout.root().toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD).start();
        var printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            return process.waitFor() == 0 ? Optional.of(printed) : Optional.empty();
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
