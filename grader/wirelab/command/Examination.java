package wirelab.command;

import module java.base;
import wirelab.check.Room;
import wirelab.checkout.Places;
import wirelab.checkout.Progress;
import wirelab.report.ConsoleReport;
import wirelab.report.JsonReport;
import wirelab.run.Runner;
import wirelab.subject.Subject;
import wirelab.verdict.*;

/// All claims of one lab put to one subject, and the report of it.
public final class Examination {
    private final Room room;
    private final Subject subject;

    public Examination(Room room, Subject subject) {
        this.room = room;
        this.subject = subject;
    }

    /// @param source the student's file, if there is one
    /// @param again  the command that runs this examination again
    Score run(boolean all, boolean json, boolean trace, Optional<Path> source, String again) {
        var report = report(System.out, source, all, trace);
        var start = System.nanoTime();
        // To load the server's libraries takes as long as to load JUnit: do both at once.
        Thread.ofVirtual().name("early start").start(this::startEarly);
        if (!json) report.title();
        var score = new Score(Runner.run(room, room.claims(), subject, !all && !json,
            json ? _ -> {} : ConsoleReport.TERMINAL ? new Teller(report, 1_000, 0, System.out)
                : report::show));
        var took = Duration.ofNanos(System.nanoTime() - start);
        if (json) System.out.println(JsonReport.of(room.lab(), room.title(), score, took));
        else report.summary(score, took, again);
        // Afterwards: nobody waits for it.
        source.ifPresent(file -> Progress.keep(room.lab(), file, score));
        return score;
    }

    /// The same as [#run] where a person waits for it again and again.
    ///
    /// @param begin   the number of the claim that is examined first, since somebody works on it;
    ///                then come those after it, then those before it
    /// @param passing takes lines that are of interest only until the next one of `out`
    /// @return the outcomes by the claims' numbers
    public Score watch(PrintStream out, PrintStream passing, Path source, int begin) {
        var report = report(out, Optional.of(source), false, false);
        var start = System.nanoTime();
        report.title();
        var claims = room.claims();
        var order = Stream.concat(claims.stream().filter(claim -> claim.number() >= begin),
            claims.stream().filter(claim -> claim.number() < begin)).toList();
        var outcomes = Runner.run(room, order, subject, true,
            new Teller(report, 150, begin, passing));
        var score = new Score(outcomes.stream()
            .sorted(Comparator.comparing(outcome -> outcome.claim().number())).toList());
        report.summary(score, Duration.ofNanos(System.nanoTime() - start),
            "save it, or press h for a hint");
        return score;
    }

    private ConsoleReport report(PrintStream out, Optional<Path> source, boolean all,
            boolean trace) {
        return new ConsoleReport(out, room.lab(), room.title(), Places.of(room.lab(), source), all,
            trace);
    }

    /// Tells a person, also what a check waits for.
    ///
    /// @param worked  the number of the claim that somebody works on: all of it is told at once
    /// @param passing takes the lines that nobody needs later
    private record Teller(ConsoleReport report, int patience, int worked, PrintStream passing)
            implements Listener {
        @Override public void hear(Outcome outcome) { report.show(outcome); }

        @Override public void waits(Claim claim, Waiting check) {
            report.waits(claim, check, claim.number() == worked, passing);
        }
    }

    private void startEarly() {
        try {
            subject.url();
        } catch (Subject.Died _) {
            // The first check that needs it meets the same end, and reports it.
        }
    }
}
