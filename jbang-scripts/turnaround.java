///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES Benchmark.java
//SOURCES Scripts.java
//DEPS info.picocli:picocli:4.7.7
//DEPS io.github.java-diff-utils:java-diff-utils:4.16

import module java.base;
import com.github.difflib.DiffUtils;
import com.github.difflib.patch.Patch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// # turnaround
/// Measures how long a student waits from a save to the verdict: with `jbang watch`, with `jbang
/// labNN.java`, and with `mvn -o -q test` in a project that has the same class path and one test
/// that runs the same checks. All of them in turn, with the same edits, in one copy of this
/// checkout.
///
/// Under `jbang watch` the file goes a student's way: from the starter, TODO by TODO, to the
/// solution. On each step it is saved with the next TODO done, then again and again without it
/// getting any better. The verdict is the first line about a promise: the one that the student
/// works on is broken still, or kept now. On the last step it is that all are kept. The first word
/// may come sooner: what a check waits for that waits for seconds, since it can't come.
@Command(name = "turnaround", description = {
    "Measures how long it takes from a save to the verdict: jbang watch, jbang labNN.java and "
    + "Maven."})
class turnaround extends Benchmark {
    @Option(names = "--labs", paramLabel = "NN", split = ",", defaultValue = "3,7",
        description = "Labs, parted by commas. Default: 3,7.")
    List<Integer> labs;
    @Option(names = "--saves", paramLabel = "N", defaultValue = "3",
        description = "How often each text is saved under jbang watch, in both ways, after the "
            + "first time, 1 to 1000. Default: 3.")
    int saves;
    @Option(names = "--runs", paramLabel = "N", defaultValue = "7",
        description = "How often jbang labNN.java and Maven run, 0 to 100. Default: 7.")
    int runs;

    /// How a text gets into the file.
    enum Save {
        /// Written over what was there, as nano and IntelliJ IDEA's "safe write" off do.
        IN_PLACE("written in place"),
        /// Written to another file, which then takes the name, as vim and many others do.
        RENAMED("renamed");

        private final String words;

        Save(String words) { this.words = words; }
    }

    /// A copy of what is needed of this checkout, so that nobody's work is touched.
    private Path copy;
    private int edits;

    @Override public Integer call() throws Exception {
        check("--saves", saves, 1, 1_000);
        check("--runs", runs, 0, 100);
        for (var lab : labs) if (!Files.exists(root().resolve("labs").resolve(name(lab) + ".java")))
            throw new Unusable("--labs " + lab + ": there is no labs/" + name(lab) + ".java.");
        if (runs > 0 && Scripts.ask("mvn", "-v").code() != 0)
            throw new Unusable("Maven is missing. Put mvn on the PATH.");
        copy = Files.createTempDirectory("wirelab-");
        // For Ctrl-C.
        var deletion = new Thread(this::delete);
        Runtime.getRuntime().addShutdownHook(deletion);
        try {
            for (var part : List.of("labs", "solutions", "proto", "grader", "jbang", "jbang.cmd",
                "jbang.properties", "jbang-catalog.json")) copy(part);
            System.out.printf("seconds from a save to the verdict%n%n"
                + "%-6s %-16s %-32s %5s %6s %6s%n",
                "lab", "verdict", "with", "saves", "p50", "p95");
            for (var lab : labs) measure(lab);
            return 0;
        } finally {
            delete();
            Runtime.getRuntime().removeShutdownHook(deletion);
        }
    }

    private void delete() {
        try (var files = Files.walk(copy)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) Files.delete(file);
        } catch (IOException cause) {
            System.err.println(copy + " is left: " + cause);
        }
    }

    private static String name(int lab) { return "lab%02d".formatted(lab); }

    private void copy(String part) throws IOException {
        try (var files = Files.walk(root().resolve(part))) {
            for (var file : files.filter(one -> !one.toString().contains("node_modules")
                && !one.endsWith("progress.properties")).toList())
                Files.copy(file, copy.resolve(root().relativize(file)),
                    StandardCopyOption.COPY_ATTRIBUTES);
        }
    }

    private void measure(int lab) throws Exception {
        var file = copy.resolve("labs/" + name(lab) + ".java");
        var starter = Files.readString(file);
        var solution = Files.readString(copy.resolve("solutions/" + name(lab) + ".java"));
        for (var verdict : watch(lab, file, steps(starter, solution)).entrySet())
            verdict.getValue().forEach((save, seconds) -> print(lab, verdict.getKey(),
                "jbang watch, " + save.words, seconds));
        Files.writeString(file, starter);
        if (runs == 0) return;
        var maven = maven(lab);
        for (var text : List.of(starter, solution)) {
            var verdict = text.equals(starter) ? Verdict.BROKEN : Verdict.ALL_KEPT;
            print(lab, verdict, "jbang " + name(lab) + ".java", timed(() -> save(file, text,
                Save.IN_PLACE), copy.resolve("jbang").toString(), file.toString()));
            var source = maven.resolve("src/main/java/" + name(lab) + ".java");
            print(lab, verdict, "mvn -o -q test", timed(() -> save(source, text, Save.IN_PLACE),
                "mvn", "-o", "-q", "-f", maven.resolve("pom.xml").toString(), "test"));
        }
        Files.writeString(file, starter);
    }

    /// The starter, then with one more TODO done each, up to the solution.
    private static List<String> steps(String starter, String solution) throws Exception {
        var lines = starter.lines().toList();
        var changes = DiffUtils.diff(lines, solution.lines().toList()).getDeltas();
        var todos = changes.stream().map(change -> todo(lines, change.getSource().last()))
            .collect(Collectors.toCollection(TreeSet::new));
        var steps = new ArrayList<>(List.of(starter));
        for (var last : todos) {
            var done = new Patch<String>();
            for (var change : changes)
                if (todo(lines, change.getSource().last()) <= last) done.addDelta(change);
            steps.add(String.join("\n", DiffUtils.patch(lines, done)) + "\n");
        }
        return steps;
    }

    /// The TODO that stands in this line or last before it.
    private static int todo(List<String> lines, int line) {
        for (var at = Math.min(line, lines.size() - 1); at >= 0; at--) {
            var mark = TODO.matcher(lines.get(at));
            if (mark.find()) return Integer.parseInt(mark.group(1));
        }
        return 0;
    }

    private static final Pattern TODO = Pattern.compile("// TODO (\\d+)");

    private static void print(int lab, Verdict verdict, String with, List<Double> seconds) {
        var sorted = seconds.stream().sorted().toList();
        System.out.printf("%-6s %-16s %-32s %5d %6.2f %6.2f%n", name(lab), verdict.words, with,
            sorted.size(), sorted.get(sorted.size() / 2),
            sorted.get((sorted.size() * 95 - 1) / 100));
    }

    private interface Edit {
        void make() throws IOException;
    }

    /// Saves a text that this file has not had before.
    private void save(Path file, String text, Save how) throws IOException {
        var edited = text + "// edit " + ++edits + "\n";
        if (how == Save.IN_PLACE) Files.writeString(file, edited);
        else Files.move(Files.writeString(file.resolveSibling(file.getFileName() + "~"), edited),
            file, StandardCopyOption.ATOMIC_MOVE);
    }

    /// Edits and runs a command to its end, again and again, once for nothing.
    private List<Double> timed(Edit edit, String... command) throws IOException {
        var seconds = new ArrayList<Double>();
        for (var run = 0; run <= runs; run++) {
            edit.make();
            var begin = System.nanoTime();
            var answer = Scripts.ask(command);
            if (answer.code() > 1) throw new IllegalStateException(String.join(" ", command)
                + " ends with " + answer.code() + ":\n" + answer.printed());
            if (run > 0) seconds.add((System.nanoTime() - begin) / 1e9);
        }
        return seconds;
    }

    /// Saves each of these texts again and again under `jbang watch`.
    private Map<Verdict, Map<Save, List<Double>>> watch(int lab, Path file, List<String> steps)
            throws Exception {
        var seconds = new EnumMap<Verdict, Map<Save, List<Double>>>(Verdict.class);
        try (var watch = new Watch(lab)) {
            watch.until(Set.of(Verdict.BROKEN), 0);
            for (var i = 0; i < WARM_UP; i++) watch.save(file, steps.getFirst(), Save.IN_PLACE,
                Verdict.BROKEN);
            for (var text : steps) {
                var better = text.equals(steps.getFirst()) ? Verdict.BROKEN : Verdict.MENDED;
                var again = text.equals(steps.getLast()) ? Verdict.ALL_KEPT : Verdict.BROKEN;
                for (var i = 0; i <= saves; i++) for (var how : Save.values()) {
                    var verdict = i == 0 && how == Save.IN_PLACE ? better : again;
                    var waits = watch.save(file, text, how, verdict);
                    for (var told : List.of(Verdict.FIRST_WORD, verdict))
                        seconds.computeIfAbsent(told, _ -> new EnumMap<>(Save.class))
                            .computeIfAbsent(how, _ -> new ArrayList<>()).add(waits.get(told));
                }
            }
        }
        return seconds;
    }

    /// How many saves count for nothing.
    private static final int WARM_UP = 5;

    /// What the student waits for.
    enum Verdict {
        /// Anything about a promise: a verdict, or what its check waits for.
        FIRST_WORD("first word", "✔✘…"),
        /// The promise that the student works on is broken, as it was before.
        BROKEN("still broken", "✘"),
        /// One more TODO is done: it is kept now, or broken in another way.
        MENDED("one TODO done", "✔✘"),
        ALL_KEPT("all kept", "all kept");

        private final String words;
        private final String told;

        Verdict(String words, String told) {
            this.words = words;
            this.told = told;
        }

        boolean in(String line) {
            return this == ALL_KEPT ? line.contains(told)
                : line.length() > 2 && told.indexOf(line.charAt(2)) >= 0;
        }
    }

    /// A line and when it came, nanoseconds.
    private record Line(String text, long at) {}

    /// `jbang watch` without a terminal.
    private final class Watch implements AutoCloseable {
        private final Process process;
        private final BlockingQueue<Line> lines = new LinkedBlockingQueue<>();

        Watch(int lab) throws IOException {
            process = new ProcessBuilder(copy.resolve("jbang").toString(), "watch", "" + lab)
                .directory(copy.toFile()).redirectErrorStream(true).start();
            Thread.ofPlatform().daemon().start(() -> {
                try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
                    for (String line; (line = reader.readLine()) != null; )
                        lines.add(new Line(line, System.nanoTime()));
                } catch (IOException closed) {
                    // Nobody waits for more.
                }
            });
        }

        /// How many seconds pass from a save to this verdict, and to the first word.
        Map<Verdict, Double> save(Path file, String text, Save how, Verdict verdict)
                throws Exception {
            // What went on after the last verdict: progress, the next lab, warming up.
            quiet();
            var begin = System.nanoTime();
            turnaround.this.save(file, text, how);
            var seconds = new EnumMap<Verdict, Double>(Verdict.class);
            until(Set.of(Verdict.FIRST_WORD, verdict), begin)
                .forEach((told, at) -> seconds.put(told, (at - begin) / 1e9));
            return seconds;
        }

        /// When the first line with each of these verdicts came that is newer than `begin`.
        Map<Verdict, Long> until(Set<Verdict> verdicts, long begin) throws InterruptedException {
            var came = new EnumMap<Verdict, Long>(Verdict.class);
            while (came.size() < verdicts.size()) {
                var line = lines.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                if (line == null) throw new IllegalStateException("jbang watch doesn't say '"
                    + verdicts + "'");
                if (line.text.endsWith("does not compile"))
                    throw new IllegalStateException(line.text);
                if (line.at >= begin) verdicts.stream().filter(one -> one.in(line.text))
                    .forEach(one -> came.putIfAbsent(one, line.at));
            }
            return came;
        }

        /// Waits until it has said nothing for a while.
        void quiet() throws InterruptedException {
            while (lines.poll(1, TimeUnit.SECONDS) != null) { }
        }

        @Override public void close() {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().onExit().join();
        }
    }

    // ---- the same as a Maven project

    /// A project with the lab's file, the class path that JBang gives it, and a test that runs the
    /// lab's checks.
    private Path maven(int lab) throws IOException {
        Scripts.jbang(copy, "build", "labs/" + name(lab) + ".java");
        var path = Scripts.jbang(copy, "info", "classpath", "labs/" + name(lab) + ".java");
        var project = copy.resolve("maven-" + name(lab));
        Files.createDirectories(project.resolve("src/main/java"));
        Files.createDirectories(project.resolve("src/test/java/wirelab"));
        Files.writeString(project.resolve("pom.xml"), pom(path.lines().toList().getLast()));
        Files.writeString(project.resolve("src/test/java/wirelab/LabTest.java"),
            TEST.replace("NN", "" + lab).replace("LAB", name(lab)));
        Files.copy(copy.resolve("solutions/" + name(lab) + ".java"),
            project.resolve("src/main/java/" + name(lab) + ".java"));
        // Online, since it may be the first time that Maven needs its plugins.
        var built = Scripts.ask("mvn", "-q", "-f", project.resolve("pom.xml").toString(), "test");
        if (built.code() != 0) throw new IllegalStateException("mvn test:\n" + built.printed());
        return project;
    }

    private static final String TEST = """
        package wirelab;

        import org.junit.jupiter.api.*;

        class LabTest {
            @Test void keepsItsPromises() throws Exception {
                var checks = Examination.checks(NN);
                var subject = new InJvm(Lab.of(Class.forName("LAB")));
                try (subject) {
                    for (var outcome : Runner.run(checks, Claim.of(checks), subject, true, _ -> {}))
                        Assertions.assertTrue(outcome.passed(), () -> "" + outcome.verdict());
                }
            }
        }
        """;

    /// @param path the class path; without the lab itself, which this project is to compile, and
    ///             JUnit, which comes by its name, so that Surefire finds it
    private static String pom(String path) {
        var jars = new StringBuilder();
        var number = 0;
        for (var jar : path.split(File.pathSeparator)) {
            if (jar.matches(".*/(lab..\\.jar|(junit-|opentest4j|apiguardian)[^/]*)")) continue;
            jars.append("""
                <dependency><groupId>path</groupId><artifactId>jar%d</artifactId>
                <version>1</version><scope>system</scope><systemPath>%s</systemPath></dependency>
                """.formatted(number++, jar));
        }
        return """
            <project xmlns="http://maven.apache.org/POM/4.0.0">
            <modelVersion>4.0.0</modelVersion>
            <groupId>wirelab</groupId><artifactId>lab</artifactId><version>1</version>
            <properties>
            <maven.compiler.release>25</maven.compiler.release>
            <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
            </properties>
            <dependencies>
            <dependency><groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId>
            <version>6.1.3</version></dependency>
            <dependency><groupId>org.junit.platform</groupId>
            <artifactId>junit-platform-launcher</artifactId><version>6.1.3</version></dependency>
            %s</dependencies>
            <build><plugins>
            <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.14.1</version></plugin>
            <plugin><artifactId>maven-surefire-plugin</artifactId><version>3.5.4</version></plugin>
            </plugins></build>
            </project>
            """.formatted(jars);
    }

    void main(String... args) { run(args); }
}
