///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES Benchmark.java
//SOURCES Scripts.java
//DEPS info.picocli:picocli:4.7.7
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import wirelab.checkout.LabFiles;
import wirelab.checkout.LabId;
import wirelab.source.MethodBodies;

/// # turnaround
/// Measures how long a student waits from a save to the verdict: with `jbang watch`, with `jbang
/// labNN.java`, and with `mvn -o -q test` in a project that has the same class path and one test
/// that runs the same checks. All of them in turn, with the same edits, in one copy of this
/// checkout.
///
/// Under `jbang watch` the file goes a student's way: from the starter to the solution, by the TODO
/// that each run names as the next. On each step it is saved with that TODO done, then again and
/// again without getting any better. The verdict is the first line about a promise: the one that
/// the student works on is still broken, or kept now. On the last step it is that all are kept.
/// Where a check waits for seconds for what can't come, the first word is what it waits for.
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
        // Also after Ctrl-C.
        Runtime.getRuntime().addShutdownHook(new Thread(this::delete));
        for (var part : List.of("labs", "solutions", "proto", "grader", "jbang", "jbang.cmd",
            "jbang.properties", "jbang-catalog.json")) copy(part);
        // That the kit is to be compiled first, has no part in any turnaround.
        Scripts.jbang(copy, "build", copy.resolve("grader/wirelab/Wirelab.java").toString());
        System.out.printf("seconds from a save to the verdict%n%n"
            + "%-6s %-16s %-32s %5s %6s %6s%n", "lab", "verdict", "with", "saves", "p50", "p95");
        for (var lab : labs) measure(lab);
        return 0;
    }

    private void delete() {
        try (var files = Files.walk(copy)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) Files.delete(file);
        } catch (IOException cause) {
            System.err.println(copy + " is left: " + cause);
        }
    }

    private static String name(int lab) { return new LabId(lab).name(); }

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
        // Not the file in labs/: somebody may have worked on it.
        var starter = new LabFiles(new LabId(lab)).starter();
        Files.writeString(file, starter);
        var solution = Files.readString(copy.resolve("solutions/" + name(lab) + ".java"));
        for (var verdict : watch(lab, file, starter, solution).entrySet())
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

    /// Saves a lab again and again under `jbang watch`, with one more TODO done each time that it
    /// has been saved often enough.
    private Map<Verdict, Map<Save, List<Double>>> watch(int lab, Path file, String starter,
            String solution) throws Exception {
        var seconds = new EnumMap<Verdict, Map<Save, List<Double>>>(Verdict.class);
        var done = new TreeSet<Integer>();
        try (var watch = new Watch(lab)) {
            for (var i = 0; i < WARM_UP; i++) watch.save(file, starter, Save.IN_PLACE);
            for (var todo = 0; ; done.add(todo)) {
                var text = MethodBodies.done(starter, solution, done);
                for (var i = 0; i <= saves; i++) for (var how : Save.values()) {
                    var run = watch.save(file, text, how);
                    var fixed = i == 0 && how == Save.IN_PLACE && !done.isEmpty();
                    var verdict = fixed ? Verdict.FIXED
                        : run.next == 0 ? Verdict.ALL_KEPT : Verdict.BROKEN;
                    todo = run.next;
                    add(seconds, Verdict.FIRST_WORD, how, run.word);
                    add(seconds, verdict, how, verdict == Verdict.ALL_KEPT ? run.end : run.verdict);
                }
                if (todo == 0) return seconds;
                if (done.contains(todo)) throw new IllegalStateException(
                    "TODO " + todo + " is done as in the solution, but asked for");
            }
        }
    }

    private static void add(Map<Verdict, Map<Save, List<Double>>> seconds, Verdict verdict,
            Save how, double wait) {
        seconds.computeIfAbsent(verdict, _ -> new EnumMap<>(Save.class))
            .computeIfAbsent(how, _ -> new ArrayList<>()).add(wait);
    }

    /// How many saves count for nothing.
    private static final int WARM_UP = 5;
    private static final Pattern NEXT = Pattern.compile("TODO (\\d+)");

    /// What the student waits for.
    enum Verdict {
        /// Anything about a promise: a verdict, or what its check waits for.
        FIRST_WORD("first word"),
        /// The promise that the student works on is broken, as it was before.
        BROKEN("still broken"),
        /// One more TODO is done: it is kept now, or broken in another way.
        FIXED("one TODO done"),
        ALL_KEPT("all kept");

        private final String words;

        Verdict(String words) { this.words = words; }
    }

    /// What came of a save, and how many seconds later.
    ///
    /// @param next the TODO that it names, 0 if there is none left
    private record Run(double word, double verdict, double end, int next) {}

    /// A line and when it came, nanoseconds.
    private record Line(String text, long at) {}

    /// `jbang watch` without a terminal.
    private final class Watch implements AutoCloseable {
        private final Process process;
        private final BlockingQueue<Line> lines = new LinkedBlockingQueue<>();
        /// Since the last save.
        private final List<String> said = new ArrayList<>();

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

        /// Saves a text, and hears what becomes of it.
        Run save(Path file, String text, Save how) throws Exception {
            // What went on after the last verdict: progress, the next lab, warming up.
            quiet();
            said.clear();
            var begin = System.nanoTime();
            turnaround.this.save(file, text, how);
            var word = until("  [✔✘…] .*");
            var verdict = word.text.startsWith("  …") ? until("  [✔✘] .*") : word;
            var end = until(".* · (next: fix|all kept).*");
            var next = NEXT.matcher(end.text);
            return new Run((word.at - begin) / 1e9, (verdict.at - begin) / 1e9,
                (end.at - begin) / 1e9, next.find() ? Integer.parseInt(next.group(1)) : 0);
        }

        /// The next line that looks so.
        Line until(String pattern) throws InterruptedException {
            for (;;) {
                var line = lines.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                if (line == null) throw new IllegalStateException("jbang watch doesn't say "
                    + pattern + " within " + PATIENCE.toSeconds() + " s. It said:\n"
                    + String.join("\n", said));
                said.add(line.text);
                if (line.text.endsWith("does not compile"))
                    throw new IllegalStateException(line.text);
                if (line.text.matches(pattern)) return line;
            }
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
        import wirelab.check.Room;
        import wirelab.checkout.LabId;
        import wirelab.run.Runner;
        import wirelab.subject.Handover;
        import wirelab.subject.InJvm;

        class LabTest {
            @Test void keepsItsPromises() throws Exception {
                var room = Room.of(new LabId(NN));
                try (var subject = new InJvm(Handover.of(Class.forName("LAB")), room.brisk())) {
                    for (var outcome : Runner.run(room, room.claims(), subject, true, _ -> {}))
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
