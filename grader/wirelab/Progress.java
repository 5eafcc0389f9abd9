package wirelab;

import module java.base;

/// How far the labs beside it have come: `labs/progress.properties`, plain text, for example
/// `lab02.kept=5`, `lab01.passed=2026-11-21`, `lab03.hints.4=2`.
final class Progress {
    private final Path file;

    Progress(Path file) { this.file = file; }

    static Progress here() { return new Progress(Project.root().resolve(
        "labs/progress.properties")); }

    /// The result of a run. A lab that was passed stays passed.
    ///
    /// @param todo of the first broken claim, 0 if none is
    void record(String lab, int kept, int counted, int todo) {
        change(known -> {
            known.setProperty(lab + ".kept", "" + kept);
            known.setProperty(lab + ".of", "" + counted);
            known.setProperty(lab + ".todo", "" + todo);
            if (kept == counted) known.putIfAbsent(lab + ".passed", "" + LocalDate.now());
        });
    }

    /// Keeps what a run of a file in labs/ has shown.
    static void keep(Path source, List<Outcome> outcomes) {
        var lab = source.getFileName().toString().replace(".java", "");
        try {
            if (Files.isSameFile(source, Reference.lab(lab))) here().record(lab,
                Console.kept(outcomes), Console.counted(outcomes).size(),
                Console.firstBroken(outcomes).map(Claim::todo).orElse(0));
        } catch (IOException | Usage unwritable) {
            System.err.println("Your progress is not kept: " + unwritable.getMessage());
        }
    }

    boolean passed(String lab) { return read().containsKey(lab + ".passed"); }

    /// How many hints for a TODO have been shown.
    int hints(String lab, int todo) { return number(lab + ".hints." + todo); }

    void showed(String lab, int todo, int hints) {
        change(known -> known.setProperty(lab + ".hints." + todo, "" + hints));
    }

    /// The TODO that the last run stopped at; 0 if there was none.
    int todo(String lab) { return number(lab + ".todo"); }

    /// In words: `passed 2026-11-21`, `5 of 13 kept, next is TODO 3`, `not begun`.
    String state(String lab) {
        var known = read();
        var passed = known.getProperty(lab + ".passed");
        if (passed != null) return "passed " + passed;
        return known.containsKey(lab + ".kept") ? "%s of %s kept, next is TODO %s".formatted(
            known.getProperty(lab + ".kept"), known.getProperty(lab + ".of"),
            known.getProperty(lab + ".todo")) : "not begun";
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
                + ". Mend it, or delete it to begin afresh.");
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
            lines.add("# What has been done; delete it to begin afresh.");
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
