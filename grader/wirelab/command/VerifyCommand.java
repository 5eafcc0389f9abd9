package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import market.Market;
import picocli.CommandLine.*;
import wirelab.checkout.Checkout;
import wirelab.checkout.LabId;
import wirelab.proof.Documents;
import wirelab.proof.Rebase;
import wirelab.proof.Report;
import wirelab.proof.Verification;
import wirelab.subject.ChildProcess;

/// Proves the labs honest.
@Command(name = "verify", description = {
    "Proves the labs honest: the starter breaks every claim, the solution keeps all, every mistake "
    + "is caught by the check that it names, starter and solution differ only in their TODOs, and "
    + "doing what the last line of a run says, TODO by TODO, leads from the one to the other."})
public final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "NN", description = "Numbers of labs; none = all.")
    List<Integer> numbers = List.of();
    @Option(names = "--json", description = "Print each lab's report as JSON, for machines.")
    boolean json;
    @Option(names = "--rebase", description = "Prove nothing: write the diffs of mistakes and "
        + "starters anew, after solutions have moved.")
    boolean rebase;

    @Override public Integer call() throws Exception {
        var labs = numbers.isEmpty() ? Checkout.labs()
            : numbers.stream().map(LabId::new).toList();
        if (rebase) return rebase(labs);
        var problems = new ArrayList<String>();
        verify(labs, report -> {
            System.out.println(json ? json(report) : report.text());
            problems.addAll(report.problems());
        });
        if (!json) problems.addAll(documents());
        return problems.isEmpty() ? 0 : 1;
    }

    private static List<String> documents() throws IOException {
        var problems = Documents.problems();
        problems.forEach(problem -> System.out.println("    " + problem));
        return problems;
    }

    private static int rebase(List<LabId> labs) throws IOException {
        var stuck = new ArrayList<String>();
        for (var lab : labs)
            Rebase.of(lab).forEach(problem -> stuck.add(lab.name() + ": " + problem));
        stuck.forEach(System.out::println);
        return stuck.isEmpty() ? 0 : 1;
    }

    /// Examines labs, each in a process of its own.
    ///
    /// @param each gets the reports in the order of the labs
    public static void verify(List<LabId> labs, Consumer<Report> each) throws Exception {
        if (labs.size() == 1) {
            each.accept(Verification.of(labs.getFirst()));
            return;
        }
        // One more than processors: most of the time a lab waits for what a mistake never answers.
        try (var processes = Executors.newFixedThreadPool(
                Runtime.getRuntime().availableProcessors() + 1)) {
            // The later labs take longer: they come first, so that nobody waits for them alone.
            var reports = labs.reversed().stream()
                .map(lab -> processes.submit(() -> verifyApart(lab))).toList();
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

    private static Report verifyApart(LabId lab) throws Exception {
        var process = new ProcessBuilder(ChildProcess.JAVA, "-cp",
            System.getProperty("java.class.path"), "wirelab.Wirelab", "verify", "--json",
            "" + lab.number()).redirectErrorStream(true).start();
        process.outputWriter().close();
        var printed = process.inputReader(StandardCharsets.UTF_8).lines().toList();
        process.waitFor();
        for (var line : printed.reversed())
            if (line.startsWith("{\"lab\"")) return Market.JSON.readValue(line, Report.class);
        throw new IllegalStateException("verify " + lab.number() + " ended with "
            + process.exitValue() + ":\n" + String.join("\n", printed));
    }
}
