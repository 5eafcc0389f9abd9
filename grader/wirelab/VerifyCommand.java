package wirelab;

import module java.base;
import com.github.difflib.patch.PatchFailedException;
import java.util.concurrent.Callable;
import market.Market;
import picocli.CommandLine.*;

/// Proves the labs honest.
@Command(name = "verify", description = {
    "Proves the labs honest: the starter breaks every claim, the solution keeps all, every mistake "
    + "is caught by the check that it names, starter and solution differ only in their TODOs, and "
    + "who does what the last line of a run says, TODO by TODO, gets from the one to the other."})
public final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "NN", description = "Numbers of labs; none = all.")
    List<Integer> numbers = List.of();
    @Option(names = "--json", description = "Print each lab's report as JSON, for machines.")
    boolean json;

    @Override public Integer call() throws Exception {
        var problems = new ArrayList<String>();
        verify(numbers.isEmpty() ? Project.labs() : numbers, report -> {
            System.out.println(json ? json(report) : report.text());
            problems.addAll(report.problems);
        });
        var style = style();
        if (!json) style.forEach(problem -> System.out.println("    " + problem));
        return problems.isEmpty() && style.isEmpty() ? 0 : 1;
    }

    /// Examines labs, each in a process of its own, as many at a time as there are processors: most
    /// of the time is deadlines of mistakes that never answer.
    ///
    /// @param each gets the reports in the order of the numbers
    static void verify(List<Integer> numbers, Consumer<Report> each) throws Exception {
        if (numbers.size() == 1) {
            each.accept(verify(numbers.getFirst()));
            return;
        }
        // One more than processors: most of the time a lab waits for what a mistake never answers.
        try (var processes = Executors.newFixedThreadPool(
                Runtime.getRuntime().availableProcessors() + 1)) {
            // The later labs take longer: they come first, so that nobody waits for them alone.
            var reports = numbers.reversed().stream()
                .map(number -> processes.submit(() -> verifyApart(number))).toList();
            for (var report : reports.reversed()) each.accept(report.get());
        }
    }

    private static String json(Report report) {
        try {
            return Market.JSON.writeValueAsString(report);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    private static Report verifyApart(int number) throws Exception {
        var process = new ProcessBuilder(Project.java(), "-cp",
            System.getProperty("java.class.path"), Wirelab.class.getName(), "verify", "--json",
            "" + number).redirectErrorStream(true).start();
        process.outputWriter().close();
        var printed = process.inputReader(StandardCharsets.UTF_8).lines().toList();
        process.waitFor();
        for (var line : printed.reversed())
            if (line.startsWith("{\"lab\"")) return Market.JSON.readValue(line, Report.class);
        throw new IllegalStateException("verify " + number + " ended with " + process.exitValue()
            + ":\n" + String.join("\n", printed));
    }

    /// @param caught   mistakes that the named check caught
    /// @param problems what is wrong with the lab; empty if it is honest
    /// @param tookMs   milliseconds
    public record Report(int lab, int claims, int mistakes, int caught, List<String> problems,
        long tookMs) {
        /// What a person reads: a line, then one for each problem.
        String text() {
            return Stream.concat(Stream.of(line()), problems.stream().map("    "::concat))
                .collect(Collectors.joining("\n"));
        }

        private String line() {
            return "%s lab %02d · %s · %d claims · %d of %d mistakes caught · %.1f s".formatted(
                problems.isEmpty() ? "✔" : "✘",
                lab, Examination.title(lab), claims, caught, mistakes, tookMs / 1000.0);
        }
    }

    /// Examines one lab.
    public static Report verify(int number) throws IOException {
        var start = System.nanoTime();
        var lab = "lab%02d".formatted(number);
        var starter = Reference.lab(lab);
        var solution = Reference.solution(lab);
        var claims = Claim.of(Examination.checks(number));
        var problems = new ArrayList<String>();
        for (var file : List.of(starter, solution)) Style.header(file).ifPresent(problems::add);
        Bodies.difference(Files.readString(starter), Files.readString(solution))
            .ifPresent(difference -> problems.add("outside the TODOs: " + difference));
        todos(Files.readString(starter), claims, problems);
        hints(lab, claims, problems);
        restored(lab, Files.readString(starter), problems);
        solution(number, Files.readString(solution), problems);
        starter(number, Files.readString(starter), problems);
        advice(number, Files.readString(starter), Files.readString(solution), problems);
        var mistakes = Mistake.of(lab);
        var caught = 0;
        for (var mistake : mistakes) {
            var problem = missed(number, mistake, Files.readString(solution));
            problem.ifPresent(problems::add);
            if (problem.isEmpty()) caught++;
        }
        return new Report(number, claims.size(), mistakes.size(), caught, problems,
            (System.nanoTime() - start) / 1_000_000);
    }

    /// Each claim belongs to a TODO that the starter has, each TODO to a claim.
    private static void todos(String starter, List<Claim> claims, List<String> problems) {
        var marked = Bodies.TODO.matcher(starter).results()
            .map(mark -> Integer.parseInt(mark.group(1)))
                .collect(Collectors.toCollection(TreeSet::new));
        var claimed = claimed(claims);
        if (!marked.equals(claimed))
            problems.add("TODOs of the starter " + marked + ", of the claims " + claimed);
    }

    private static SortedSet<Integer> claimed(List<Claim> claims) {
        return claims.stream().map(Claim::todo).collect(Collectors.toCollection(TreeSet::new));
    }

    /// Each TODO has a ladder of two to four hints.
    private static void hints(String lab, List<Claim> claims, List<String> problems) {
        var ladders = Hints.of(lab);
        var todos = claimed(claims);
        if (!ladders.keySet().equals(todos))
            problems.add("TODOs with hints " + ladders.keySet() + ", of the claims " + todos);
        ladders.forEach((todo, hints) -> {
            if (hints.size() < 2 || hints.size() > 4)
                problems.add("TODO " + todo + " has " + hints.size() + " hints, must be 2 to 4");
        });
    }

    /// `reset` restores the starter.
    private static void restored(String lab, String starter, List<String> problems)
        throws IOException {
        var diff = "grader/starters/" + lab + ".diff";
        var remedy = "; try: diff -u solutions/" + lab + ".java labs/" + lab + ".java > " + diff;
        try {
            if (!Reference.starter(lab).equals(starter))
                problems.add(diff + " makes another starter than labs/" + lab + ".java" + remedy);
        } catch (PatchFailedException stale) {
            problems.add(diff + ": " + stale.getMessage() + remedy);
        }
    }

    private static void solution(int number, String source, List<String> problems) {
        for (var outcome : examine(number, source, Claim.of(Examination.checks(number)), false,
            problems))
            if (!outcome.passed())
                problems.add("the solution breaks '" + outcome.claim()
                    .title() + "': " + outcome.verdict());
    }

    /// A starter must break every claim, and for a reason that a student can read.
    private static void starter(int number, String source, List<String> problems) {
        for (var outcome : examine(number, source, Claim.of(Examination.checks(number)), false,
            problems))
            switch (outcome.verdict()) {
                case Verdict.Fail _, Verdict.TimedOut _ -> {}
                default -> problems.add("the starter should fail '" + outcome.claim()
                    .title() + "', but: " + outcome.verdict());
            }
    }

    /// Who does the TODO that a run ends with, then that of the next run, and so on, passes: no
    /// claim asks for a TODO that is done.
    static void advice(int number, String starter, String solution,
            List<String> problems) {
        var claims = Claim.of(Examination.checks(number));
        var done = new TreeSet<Integer>();
        for (;;) {
            var outcomes = examine(number, Bodies.done(starter, solution, done), claims, true,
                problems);
            var broken = Console.firstBroken(outcomes);
            if (broken.isEmpty()) return;
            if (!done.add(broken.get().todo())) {
                problems.add("with TODOs " + done + " done as in the solution, '"
                    + broken.get().title() + "' is still broken, and asks for TODO "
                    + broken.get().todo());
                return;
            }
        }
    }

    /// Why a mistake was not caught by its check; empty if it was.
    private static Optional<String> missed(int number, Mistake mistake, String solution) {
        var claim = Claim.of(Examination.checks(number)).stream()
            .filter(one -> one.method().equals(mistake.check())).toList();
        if (claim.isEmpty())
            return Optional.of(mistake.name() + " names no check: " + mistake.check());
        var problems = new ArrayList<String>();
        try {
            for (var outcome : examine(number, mistake.applyTo(solution), claim, false,
                problems))
                switch (outcome.verdict()) {
                    case Verdict.Fail _, Verdict.TimedOut _, Verdict.Crashed _ -> {}
                    default -> problems.add("not caught by '" + outcome.claim()
                        .title() + "': " + outcome.verdict().word());
                }
        } catch (PatchFailedException stale) {
            problems.add("does not apply to the solution: " + stale.getMessage());
        }
        return problems.stream().findFirst().map(problem -> mistake.name() + " " + problem);
    }

    private static List<Outcome> examine(int number, String source, List<Claim> claims,
        boolean stopAtFirst, List<String> problems) {
        return switch (Compiler.compile("lab%02d".formatted(number), source)) {
            case Compiler.Errors errors -> {
                problems.add("does not compile: " + errors.lines());
                yield List.of();
            }
            case Compiler.Classes classes -> {
                try (var subject = new InJvm(classes.lab())) {
                    yield Runner.run(Examination.checks(number), claims, subject, stopAtFirst,
                        _ -> {});
                }
            }
        };
    }

    /// Line lengths and dependency versions of all Java files.
    static List<String> style() throws IOException {
        try (var files = Files.walk(Project.root())) {
            var generated = Project.root().resolve("proto/market");
            var sources = files.filter(file -> file.toString().matches(".*\\.(java|jsh)"))
                .filter(file -> !file.startsWith(generated)).sorted().toList();
            var problems = new ArrayList<>(Style.versions(sources));
            for (var source : sources) problems.addAll(Style.problems(source));
            return problems;
        }
    }
}
