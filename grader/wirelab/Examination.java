package wirelab;

import module java.base;
import org.junit.jupiter.api.DisplayName;

/// All claims of one lab put to one subject, and the report of it.
final class Examination {
    private final int number;
    private final Subject subject;
    private final Class<? extends Checks> checks;

    Examination(int number, Subject subject) {
        this.number = number;
        this.subject = subject;
        this.checks = checks(number);
    }

    /// The checks of a lab: class `wirelab.checks.Lab01` for lab 1.
    static Class<? extends Checks> checks(int number) {
        try {
            return Class.forName("wirelab.checks.Lab%02d".formatted(number))
                .asSubclass(Checks.class);
        } catch (ClassNotFoundException none) {
            throw new Usage("No lab " + number + ". Labs here: "
                + Project.labs().stream().map("%02d"::formatted)
                    .collect(Collectors.joining(" ")) + ".");
        }
    }

    static String title(int number) {
        return checks(number).getAnnotation(DisplayName.class).value();
    }

    /// @param source the student's file, null when there is none
    /// @param again  the command that runs this examination again
    /// @return the exit code
    int run(boolean all, boolean json, boolean trace, Path source, String again) {
        var console = new Console(System.out, number, title(number), source, all, trace);
        var start = System.nanoTime();
        // To load the server's libraries takes as long as to load JUnit: do both at once.
        Thread.ofVirtual().name("early start").start(this::startEarly);
        if (!json) console.title();
        var outcomes = Runner.run(checks, Claim.of(checks), subject, !all && !json, json ? _ -> {}
            : Console.TERMINAL ? new Teller(console, 1_000, 0, "") : console::show);
        var took = Duration.ofNanos(System.nanoTime() - start);
        if (json) System.out.println(Json.of(number, title(number), outcomes, took));
        else console.summary(outcomes, took, again);
        // Afterwards: nobody waits for it.
        if (source != null) Progress.keep(source, outcomes);
        return Console.code(outcomes);
    }

    /// The same as [#run] where a person waits for it again and again.
    ///
    /// @param begin the number of the claim that is examined first, since somebody works on it;
    ///              then come those after it, then those before it
    /// @return by the claims' numbers
    List<Outcome> watch(PrintStream out, Path source, int begin) {
        var console = new Console(out, number, title(number), source, false, false);
        var start = System.nanoTime();
        console.title();
        var claims = Claim.of(checks);
        var order = Stream.concat(claims.stream().filter(claim -> claim.number() >= begin),
            claims.stream().filter(claim -> claim.number() < begin)).toList();
        var outcomes = new ArrayList<>(Runner.run(checks, order, subject, true,
            new Teller(console, 150, begin, Worker.PASSING)));
        outcomes.sort(Comparator.comparing(outcome -> outcome.claim().number()));
        console.summary(outcomes, Duration.ofNanos(System.nanoTime() - start),
            "save it, or press h for a hint");
        return outcomes;
    }

    /// Tells a person, also what a check waits for.
    ///
    /// @param worked  the number of the claim that somebody works on: all of it is told at once
    /// @param passing begins the lines that nobody needs later
    private record Teller(Console console, int patience, int worked, String passing)
            implements Runner.Listener {
        @Override public void hear(Outcome outcome) { console.show(outcome); }

        @Override public void waits(Claim claim, Checks check) {
            console.waits(claim, check, claim.number() == worked, passing);
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
