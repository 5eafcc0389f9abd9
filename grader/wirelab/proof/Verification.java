package wirelab.proof;

import module java.base;
import com.github.difflib.patch.PatchFailedException;
import wirelab.check.Room;
import wirelab.checkout.Hints;
import wirelab.checkout.LabFiles;
import wirelab.checkout.LabId;
import wirelab.checkout.Mistake;
import wirelab.run.Runner;
import wirelab.source.Compiler;
import wirelab.source.MethodBodies;
import wirelab.source.Style;
import wirelab.subject.Handover;
import wirelab.subject.InJvm;
import wirelab.verdict.*;

/// Proves one lab honest. Each step returns what is wrong; nothing if all is well.
public final class Verification {
    private final Room room;
    private final LabFiles files;
    private final List<Claim> claims;
    private final String starter;
    private final String solution;

    private Verification(LabId lab) throws IOException {
        room = Room.of(lab);
        files = new LabFiles(lab);
        claims = room.claims();
        starter = Files.readString(files.file());
        solution = Files.readString(files.solution());
    }

    public static Report of(LabId lab) throws IOException {
        return new Verification(lab).report();
    }

    private Report report() throws IOException {
        var start = System.nanoTime();
        var problems = new ArrayList<String>();
        for (var file : List.of(files.file(), files.solution()))
            Style.header(file).ifPresent(problems::add);
        MethodBodies.difference(starter, solution)
            .ifPresent(difference -> problems.add("outside the TODOs: " + difference));
        problems.addAll(todos());
        problems.addAll(hints());
        problems.addAll(new Contract(room, starter).problems());
        problems.addAll(reset());
        problems.addAll(solutionKeepsAll());
        problems.addAll(starterBreaksAll());
        problems.addAll(advice(room, starter, solution));
        var mistakes = Mistake.of(room.lab());
        var missed = mistakes.stream().flatMap(mistake -> missed(mistake).stream()).toList();
        problems.addAll(missed);
        return new Report(room.lab().number(), room.title(), claims.size(), mistakes.size(),
            mistakes.size() - missed.size(), problems, (System.nanoTime() - start) / 1_000_000);
    }

    /// Each claim belongs to a TODO that the starter has, each TODO to a claim.
    private List<String> todos() {
        var marked = MethodBodies.TODO.matcher(starter).results()
            .map(mark -> Integer.parseInt(mark.group(1)))
            .collect(Collectors.toCollection(TreeSet::new));
        return marked.equals(claimed()) ? List.of()
            : List.of("TODOs of the starter " + marked + ", of the claims " + claimed());
    }

    private SortedSet<Integer> claimed() {
        return claims.stream().map(Claim::todo).collect(Collectors.toCollection(TreeSet::new));
    }

    /// Each TODO has a ladder of two to four hints.
    private List<String> hints() {
        var ladders = Hints.of(room.lab());
        var problems = new ArrayList<String>();
        if (!ladders.keySet().equals(claimed()))
            problems.add("TODOs with hints " + ladders.keySet() + ", of the claims " + claimed());
        ladders.forEach((todo, hints) -> {
            if (hints.size() < 2 || hints.size() > 4)
                problems.add("TODO " + todo + " has " + hints.size() + " hints, must be 2 to 4");
        });
        return problems;
    }

    /// `reset` restores the starter.
    private List<String> reset() throws IOException {
        var remedy = "; try: jbang verify --rebase " + room.lab().number();
        try {
            return files.starter().equals(starter) ? List.of() : List.of(
                "starter.diff makes another starter than labs/" + room.lab().name() + ".java"
                + remedy);
        } catch (PatchFailedException stale) {
            return List.of("starter.diff: " + stale.getMessage() + remedy);
        }
    }

    private List<String> solutionKeepsAll() {
        return examine(room, solution, claims, false).problems(outcome -> outcome.passed()
            ? Optional.empty() : Optional.of("the solution breaks '" + outcome.claim().title()
                + "': " + outcome.verdict()));
    }

    /// A starter must break every claim, and for a reason that a student can read.
    private List<String> starterBreaksAll() {
        return examine(room, starter, claims, false).problems(outcome ->
            switch (outcome.verdict()) {
                case Verdict.Fail _, Verdict.TimedOut _ -> Optional.empty();
                default -> Optional.of("the starter should fail '" + outcome.claim().title()
                    + "', but: " + outcome.verdict());
            });
    }

    /// Doing the TODO that a run ends with, then that of the next run, and so on, leads to a pass:
    /// no claim asks for a TODO that is done.
    static List<String> advice(Room room, String starter, String solution) {
        var done = new TreeSet<Integer>();
        for (;;) {
            var result = examine(room, MethodBodies.done(starter, solution, done), room.claims(),
                true);
            if (!result.errors.isEmpty()) return result.errors;
            var broken = new Score(result.outcomes).firstBroken();
            if (broken.isEmpty()) return List.of();
            if (!done.add(broken.get().todo()))
                return List.of("with TODOs " + done + " done as in the solution, '"
                    + broken.get().title() + "' is still broken, and asks for TODO "
                    + broken.get().todo());
        }
    }

    /// Why a mistake was not caught by its check; empty if it was.
    private Optional<String> missed(Mistake mistake) {
        var claim = claims.stream().filter(one -> one.method().equals(mistake.check())).toList();
        if (claim.isEmpty())
            return Optional.of(mistake.name() + " names no check: " + mistake.check());
        try {
            return examine(room, mistake.applyTo(solution), claim, false)
                .problems(Verification::uncaught).stream().findFirst()
                .map(problem -> mistake.name() + " " + problem);
        } catch (PatchFailedException stale) {
            return Optional.of(mistake.name() + " does not apply to the solution: "
                + stale.getMessage() + "; try: jbang verify --rebase " + room.lab().number());
        }
    }

    private static Optional<String> uncaught(Outcome outcome) {
        return switch (outcome.verdict()) {
            case Verdict.Fail _, Verdict.TimedOut _, Verdict.Crashed _ -> Optional.empty();
            default -> Optional.of("not caught by '" + outcome.claim().title() + "': "
                + outcome.verdict().word());
        };
    }

    /// What came of a text.
    ///
    /// @param errors of the compiler; then there are no outcomes
    private record Result(List<Outcome> outcomes, List<String> errors) {
        List<String> problems(Function<Outcome, Optional<String>> problem) {
            return Stream.concat(errors.stream(),
                outcomes.stream().flatMap(outcome -> problem.apply(outcome).stream())).toList();
        }
    }

    private static Result examine(Room room, String source, List<Claim> claims,
            boolean stopAtFirst) {
        return switch (Compiler.compile(room.lab().name(), source)) {
            case Compiler.Errors errors ->
                new Result(List.of(), List.of("does not compile: " + errors.lines()));
            case Compiler.Classes classes -> {
                try (var subject = new InJvm(Handover.of(classes), room.brisk())) {
                    yield new Result(Runner.run(room, claims, subject, stopAtFirst, _ -> {}),
                        List.of());
                }
            }
        };
    }
}
