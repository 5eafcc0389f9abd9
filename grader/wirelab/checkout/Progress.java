package wirelab.checkout;

import module java.base;
import wirelab.verdict.Claim;
import wirelab.verdict.Score;

/// How far the labs beside it have come: `labs/progress.properties`, plain text, for example
/// `lab02.kept=5`, `lab01.passed=2026-11-21`, `lab03.hints.4=2`.
public final class Progress {
    private final Path file;

    public Progress(Path file) { this.file = file; }

    public static Progress here() {
        return new Progress(Checkout.root().resolve("labs/progress.properties"));
    }

    /// Keeps the result of a run. A lab that was passed stays passed.
    public void record(LabId lab, Score score) {
        record(lab, score.kept(), score.total(), score.firstBroken().map(Claim::todo).orElse(0));
    }

    /// @param todo of the first broken claim, 0 if none is
    public void record(LabId lab, int kept, int counted, int todo) {
        change(known -> {
            known.setProperty(lab.name() + ".kept", "" + kept);
            known.setProperty(lab.name() + ".of", "" + counted);
            known.setProperty(lab.name() + ".todo", "" + todo);
            if (kept == counted)
                known.putIfAbsent(lab.name() + ".passed", "" + LocalDate.now());
        });
    }

    /// Keeps what a run has shown, if it was a run of the file in labs/.
    public static void keep(LabId lab, Path source, Score score) {
        try {
            if (Files.isSameFile(source, new LabFiles(lab).file())) here().record(lab, score);
        } catch (IOException | Usage unwritable) {
            System.err.println("Your progress is not kept: " + unwritable.getMessage());
        }
    }

    public boolean passed(LabId lab) { return read().containsKey(lab.name() + ".passed"); }

    /// How many hints for a TODO have been shown.
    public int hints(LabId lab, int todo) { return number(lab.name() + ".hints." + todo); }

    public void showed(LabId lab, int todo, int hints) {
        change(known -> known.setProperty(lab.name() + ".hints." + todo, "" + hints));
    }

    /// The TODO that the last run stopped at; 0 if there was none.
    public int todo(LabId lab) { return number(lab.name() + ".todo"); }

    /// In words: `passed 2026-11-21`, `5 of 13 kept, next is TODO 3`, `not begun`.
    public String state(LabId lab) {
        var known = read();
        var passed = known.getProperty(lab.name() + ".passed");
        if (passed != null) return "passed " + passed;
        return known.containsKey(lab.name() + ".kept") ? "%s of %s kept, next is TODO %s".formatted(
            known.getProperty(lab.name() + ".kept"), known.getProperty(lab.name() + ".of"),
            known.getProperty(lab.name() + ".todo")) : "not begun";
    }

    private int number(String name) {
        try {
            return Integer.parseInt(read().getProperty(name, "0"));
        } catch (NumberFormatException edited) {
            return 0;
        }
    }

    private Properties read() {
        var known = new Properties();
        if (Files.exists(file)) try (var reader = Files.newBufferedReader(file)) {
            known.load(reader);
        } catch (IOException | IllegalArgumentException unreadable) {
            throw new Usage(file + ": can't be read: " + unreadable.getMessage()
                + ". Fix it, or delete it to begin again.");
        }
        return known;
    }

    /// Writes a new file and renames it, so that nobody ever reads half of it.
    private void change(Consumer<Properties> change) {
        var known = read();
        change.accept(known);
        try {
            // Not Properties.store and createTempFile: to load a calendar for the one and a random
            // generator for the other costs each run of a lab 60 ms.
            var lines = new ArrayList<String>();
            lines.add("# What has been done; delete it to begin again.");
            known.stringPropertyNames().stream().sorted()
                .forEach(name -> lines.add(name + "=" + known.getProperty(name)));
            var fresh = file.resolveSibling("progress." + ProcessHandle.current().pid() + ".new");
            Files.write(fresh, lines);
            Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException unwritable) {
            throw new Usage(file + ": can't be written: " + unwritable.getMessage());
        }
    }
}
