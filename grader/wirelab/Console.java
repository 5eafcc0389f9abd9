package wirelab;

import module java.base;

/// Shows outcomes to a student: what is kept, then the first broken promise in full, then one next
/// step.
final class Console {
    private static final int COLUMNS = 84;
    /// Whether a person reads the standard output.
    static final boolean TERMINAL = System.console() != null && System.console().isTerminal();

    private final PrintStream out;
    private final String labTitle;
    private final int number;
    private final Path source;
    private final boolean all;
    private final boolean trace;
    private final boolean colour;
    /// The number of the first claim that isn't kept.
    private int broken = Integer.MAX_VALUE;
    private String beginning = "";
    private int waiting;
    private int kept;
    private int bonus;

    /// @param source the student's file, to find its TODOs; null when there is none
    /// @param all    show every broken promise, not only the first
    /// @param trace  show the stack trace of a fault of the kit
    Console(PrintStream out, int number, String labTitle, Path source, boolean all, boolean trace) {
        this.out = out;
        this.number = number;
        this.labTitle = labTitle;
        this.source = source;
        this.all = all;
        this.trace = trace;
        this.colour = System.getenv("NO_COLOR") == null && (System.getenv("FORCE_COLOR") != null
            || TERMINAL);
    }

    void title() { out.println("lab %02d · %s".formatted(number, labTitle)); }

    void show(Outcome outcome) {
        if (outcome.claim().number() > broken && !all) waiting++;
        else if (outcome.passed()) showKept(outcome);
        else if (outcome.verdict() instanceof Verdict.Skipped skipped)
            out.println("  · " + title(outcome.claim()) + "   skipped: " + skipped.because());
        else {
            showBroken(outcome);
            if (!outcome.claim().bonus()) broken = outcome.claim().number();
        }
    }

    /// What a check waits for that takes its time.
    ///
    /// @param whole   all that would be said if it ended now
    /// @param passing begins each line: nobody needs them later
    void waits(Claim claim, Checks check, boolean whole, String passing) {
        if (claim.number() > broken) return;
        beginning = passing;
        if (whole && !check.promised().isEmpty()) {
            heading("…", claim);
            show(check.fail(List.of("nothing of it yet")));
            lookAt(claim);
        } else {
            line("  … " + title(claim));
            if (!check.promised().isEmpty()) detail("waits for " + check.promised());
        }
        beginning = "";
    }

    private void showKept(Outcome outcome) {
        out.println("  " + green("✔") + " " + title(outcome.claim()));
        if (outcome.claim().bonus()) bonus++;
        else kept++;
    }

    private static String title(Claim claim) {
        return (claim.bonus() ? "+ " : "") + claim.title();
    }

    private void heading(String mark, Claim claim) {
        var title = title(claim);
        line("  " + mark + " " + title + " ".repeat(Math.max(2, COLUMNS - 10 - title.length()))
            + "TODO " + claim.todo());
    }

    private void showBroken(Outcome outcome) {
        heading(red("✘"), outcome.claim());
        switch (outcome.verdict()) {
            case Verdict.Fail fail -> show(fail);
            case Verdict.TimedOut late -> {
                late.transcript().forEach(this::detail);
                detail("expected  " + late.waitedFor());
                detail("saw       nothing of it within " + seconds(late.waited()));
            }
            case Verdict.Crashed crashed -> {
                crashed.transcript().forEach(this::detail);
                crashed.how().forEach(line -> detail("crashed   " + line));
            }
            case Verdict.KitFault fault -> {
                detail("A fault of Wirelab, not of your code. Please report it with this line:");
                detail(fault.what());
                if (trace) fault.trace().forEach(this::detail);
            }
            case Verdict.Pass _,
                Verdict.Skipped _ -> throw new IllegalStateException("not broken: " + outcome);
        }
        lookAt(outcome.claim());
    }

    private void show(Verdict.Fail fail) {
        fail.transcript().forEach(this::detail);
        detail("expected  " + fail.expected() + padded(fail.expected()) + fail.section());
        var label = "saw       ";
        for (var line : fail.saw()) {
            detail(label + line);
            label = "          ";
        }
        if (!fail.help().isEmpty()) detail("because   " + fail.help());
    }

    private void lookAt(Claim claim) {
        var line = todoLine(claim.todo());
        if (line.isPresent()) detail("look at   " + source.getFileName() + ":" + line.getAsInt());
    }

    private static String padded(String expected) {
        return " ".repeat(Math.max(2, 52 - expected.length()));
    }

    private void detail(String line) { line("      " + line); }

    private void line(String line) { out.println(beginning + line); }

    /// The line of the student's file where this TODO still stands.
    private OptionalInt todoLine(int todo) {
        if (source == null) return OptionalInt.empty();
        try {
            var lines = Files.readAllLines(source);
            return IntStream.range(0, lines.size())
                .filter(i -> lines.get(i).matches(".*\\bTODO " + todo + "\\b.*")).map(i -> i + 1)
                    .findFirst();
        } catch (IOException unreadable) {
            return OptionalInt.empty();
        }
    }

    /// The closing lines, and the exit code: 0 all passed, 1 a claim is broken, 3 a fault of the
    /// kit.
    ///
    /// @param again what checks again, in words
    int summary(List<Outcome> outcomes, Duration took, String again) {
        var all = outcomes.stream().filter(outcome -> !outcome.claim().bonus()).count();
        if (waiting > 0) out.println("  · " + waiting + " more wait for this one");
        out.println(kept + " of " + all + (bonus > 0 ? " + " + bonus + " bonus" : "")
            + " · " + seconds(took) + " · " + next(outcomes, again));
        return code(outcomes);
    }

    private static String next(List<Outcome> outcomes, String again) {
        var first = firstBroken(outcomes);
        if (first.isPresent() && !first.get().bonus())
            return "next: fix TODO " + first.get().todo() + ", then " + again;
        var skipped = outcomes.stream()
            .filter(outcome -> outcome.verdict() instanceof Verdict.Skipped).count();
        if (skipped > 0) return skipped + " skipped";
        var left = outcomes.stream().filter(Console::broken)
            .map(outcome -> "" + outcome.claim().todo()).distinct().toList();
        return "all kept" + (left.isEmpty() ? "" : ", bonus left: TODO " + String.join(", ", left));
    }

    private static boolean broken(Outcome outcome) {
        return !outcome.passed() && !(outcome.verdict() instanceof Verdict.Skipped);
    }

    /// 3 if the kit is at fault, 1 if a claim that counts isn't kept, else 0.
    static int code(List<Outcome> outcomes) {
        if (outcomes.stream().anyMatch(outcome -> outcome.verdict() instanceof Verdict.KitFault))
            return 3;
        var counted = counted(outcomes);
        return !counted.isEmpty() && counted.stream().allMatch(Outcome::passed) ? 0 : 1;
    }

    /// Claims of a client that the subject doesn't have don't count; all else that was skipped
    /// does.
    static List<Outcome> counted(List<Outcome> outcomes) {
        return outcomes.stream().filter(outcome -> !outcome.claim().bonus())
            .filter(outcome -> !outcome.verdict().equals(Runner.NO_CLIENT)).toList();
    }

    static int kept(List<Outcome> outcomes) {
        return (int) counted(outcomes).stream().filter(Outcome::passed).count();
    }

    /// What to mend next: the first broken claim that counts, or else the first broken bonus.
    static Optional<Claim> firstBroken(List<Outcome> outcomes) {
        return outcomes.stream().filter(Console::broken).map(Outcome::claim)
            .min(Comparator.comparing(Claim::bonus).thenComparing(Claim::number));
    }

    static String seconds(Duration duration) {
        return "%.1f s".formatted(duration.toMillis() / 1000.0);
    }

    private String green(String text) { return colour ? "\033[32m" + text + "\033[0m" : text; }

    private String red(String text) { return colour ? "\033[31m" + text + "\033[0m" : text; }
}
