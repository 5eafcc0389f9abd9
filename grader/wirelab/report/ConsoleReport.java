package wirelab.report;

import module java.base;
import wirelab.checkout.LabId;
import wirelab.checkout.Places;
import wirelab.time.Deadline;
import wirelab.verdict.*;

/// Shows outcomes to a student: what is kept, then the first broken promise in full, then one next
/// step.
public final class ConsoleReport {
    /// Whether a person reads the standard output.
    public static final boolean TERMINAL =
        System.console() != null && System.console().isTerminal();

    private static final int COLUMNS = 84;
    /// Of a rule that is quoted: its lines, and the characters in each.
    private static final int RULE_LINES = 4;
    private static final int RULE_WIDTH = 72;

    private final PrintStream out;
    /// Where a line goes: usually `out`.
    private PrintStream now;
    private final LabId lab;
    private final String title;
    private final Places places;
    private final boolean all;
    private final boolean trace;
    private final boolean colour;
    /// The number of the first claim that isn't kept.
    private int broken = Integer.MAX_VALUE;
    private int waiting;

    /// @param places where things stand in the student's file
    /// @param all    show every broken promise, not only the first
    /// @param trace  show the stack trace of a fault of the kit
    public ConsoleReport(PrintStream out, LabId lab, String title, Places places, boolean all,
            boolean trace) {
        this.out = out;
        this.now = out;
        this.lab = lab;
        this.title = title;
        this.places = places;
        this.all = all;
        this.trace = trace;
        this.colour = System.getenv("NO_COLOR") == null && (System.getenv("FORCE_COLOR") != null
            || TERMINAL);
    }

    public void title() { out.println("lab %s · %s".formatted(lab.digits(), title)); }

    public void show(Outcome outcome) {
        if (outcome.claim().number() > broken && !all) waiting++;
        else if (outcome.passed())
            out.println("  " + green("✔") + " " + title(outcome.claim()));
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
    /// @param passing takes these lines, which nobody needs later
    public void waits(Claim claim, Waiting check, boolean whole, PrintStream passing) {
        if (claim.number() > broken) return;
        now = passing;
        var promised = check.promised();
        if (whole && promised != Promise.NONE) {
            heading("…", claim);
            show(check.soFar());
            lookAt(claim);
        } else {
            line("  … " + title(claim));
            if (promised != Promise.NONE) detail("waits for " + promised.expected());
        }
        now = out;
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
                var saw = late.saw() + " within " + Deadline.seconds(late.waited());
                show(new Verdict.Fail(late.promise(), List.of(saw), late.transcript()));
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
        var promise = fail.promise();
        detail("expected  " + (promise.standard().isEmpty() ? promise.expected()
            : promise.expected() + padded(promise.expected()) + promise.standard()));
        labelled("saw", fail.saw());
        if (!promise.because().isEmpty()) detail("because   " + promise.because());
        promise.bullets().forEach(bullet -> labelled("rule", rule(bullet)));
    }

    /// `lab 06 §S7, lab06.java:76: A client that …`
    private List<String> rule(String bullet) {
        var cited = "lab %s §%s".formatted(lab.digits(), bullet);
        return places.rule(bullet).map(rule -> wrapped(cited + ", " + rule.place() + ": "
            + rule.text())).orElse(List.of(cited));
    }

    private static List<String> wrapped(String text) {
        var lines = new ArrayList<String>();
        var line = new StringJoiner(" ");
        for (var word : text.split(" ")) {
            if (line.length() + 1 + word.length() > RULE_WIDTH) {
                lines.add(line.toString());
                line = new StringJoiner(" ");
            }
            line.add(word);
        }
        lines.add(line.toString());
        if (lines.size() <= RULE_LINES) return lines;
        var cut = new ArrayList<>(lines.subList(0, RULE_LINES));
        cut.add(cut.removeLast() + " …");
        return cut;
    }

    private void labelled(String label, List<String> lines) {
        var before = label;
        for (var line : lines) {
            detail("%-10s%s".formatted(before, line));
            before = "";
        }
    }

    private void lookAt(Claim claim) {
        var lines = places.todo(claim.todo());
        if (!lines.isEmpty()) detail("look at   " + String.join(", ", lines));
    }

    private static String padded(String expected) {
        return " ".repeat(Math.max(2, 52 - expected.length()));
    }

    private void detail(String line) { line("      " + line); }

    private void line(String line) { now.println(line); }

    /// The closing lines.
    ///
    /// @param again what checks again, in words
    public void summary(Score score, Duration took, String again) {
        if (waiting > 0) out.println("  · " + waiting + " more wait for this one");
        out.println(score.kept() + " of " + score.total()
            + (score.bonus() > 0 ? " + " + score.bonus() + " bonus" : "")
            + " · " + Deadline.seconds(took) + " · " + next(score, again)
            + (score.withoutClient() > 0
                ? " · " + score.withoutClient() + " about a client don't count" : ""));
    }

    private static String next(Score score, String again) {
        var first = score.firstBroken();
        if (first.isPresent() && !first.get().bonus())
            return "next: fix TODO " + first.get().todo() + ", then " + again;
        if (score.skipped() > 0) return score.skipped() + " skipped";
        var left = score.broken().map(claim -> "" + claim.todo()).distinct().toList();
        return "all kept" + (left.isEmpty() ? "" : ", bonus left: TODO " + String.join(", ", left));
    }

    private String green(String text) { return colour ? "\033[32m" + text + "\033[0m" : text; }

    private String red(String text) { return colour ? "\033[31m" + text + "\033[0m" : text; }
}
