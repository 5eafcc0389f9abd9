///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES Benchmark.java
//SOURCES Scripts.java
//DEPS info.picocli:picocli:4.7.7

import module java.base;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// # turnaround
/// Measures how long a student waits from a save to the verdict: with `jbang watch`, with `jbang
/// labNN.java`, and with `mvn -o -q test` in a project that has the same class path and one test
/// that runs the same checks. All of them in turn, with the same edits, in one copy of this
/// checkout. The starter's verdict is its first broken claim, the solution's that all are kept.
@Command(name = "turnaround", description = {
    "Measures how long it takes from a save to the verdict: jbang watch, jbang labNN.java and "
    + "Maven."})
class turnaround extends Benchmark {
    @Option(names = "--labs", paramLabel = "NN", split = ",", defaultValue = "3,7",
        description = "Labs, parted by commas. Default: 3,7.")
    List<Integer> labs;
    @Option(names = "--saves", paramLabel = "N", defaultValue = "40",
        description = "How often each text is saved under jbang watch, 5 to 1000. Default: 40.")
    int saves;
    @Option(names = "--runs", paramLabel = "N", defaultValue = "7",
        description = "How often jbang labNN.java and Maven run, 1 to 100. Default: 7.")
    int runs;

    /// How a text gets into the file.
    enum Save {
        /// Written over what was there, as nano and IntelliJ IDEA's "safe write" off do.
        IN_PLACE,
        /// Written to another file, which then takes the name, as vim and many others do.
        RENAMED
    }

    /// A copy of what is needed of this checkout, so that nobody's work is touched.
    private Path copy;
    private int edits;

    @Override public Integer call() throws Exception {
        check("--saves", saves, 5, 1_000);
        check("--runs", runs, 1, 100);
        for (var lab : labs) if (!Files.exists(root().resolve("labs").resolve(name(lab) + ".java")))
            throw new Unusable("--labs " + lab + ": there is no labs/" + name(lab) + ".java.");
        if (Scripts.ask("mvn", "-v").code() != 0)
            throw new Unusable("Maven is missing. Put mvn on the PATH.");
        copy = Files.createTempDirectory("wirelab-");
        try {
            for (var part : List.of("labs", "solutions", "proto", "grader", "jbang", "jbang.cmd",
                "jbang.properties", "jbang-catalog.json")) copy(part);
            System.out.printf("seconds from a save to the verdict%n%n%-8s %-9s %-34s %6s %6s%n",
                "lab", "text", "with", "p50", "p95");
            for (var lab : labs) measure(lab);
            return 0;
        } finally {
            try (var files = Files.walk(copy)) {
                for (var file : files.sorted(Comparator.reverseOrder()).toList())
                    Files.delete(file);
            }
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
        var maven = maven(lab);
        for (var text : List.of(starter, solution)) {
            var what = text.equals(starter) ? "starter" : "solution";
            var seconds = watch(lab, file, text, text.equals(starter) ? " · next: " : "all kept");
            print(lab, what, "jbang watch, written in place", seconds.get(Save.IN_PLACE));
            print(lab, what, "jbang watch, renamed", seconds.get(Save.RENAMED));
            print(lab, what, "jbang " + name(lab) + ".java", timed(() -> save(file, text,
                Save.IN_PLACE), copy.resolve("jbang").toString(), file.toString()));
            var source = maven.resolve("src/main/java/" + name(lab) + ".java");
            print(lab, what, "mvn -o -q test", timed(() -> save(source, text, Save.IN_PLACE),
                "mvn", "-o", "-q", "-f", maven.resolve("pom.xml").toString(), "test"));
        }
        Files.writeString(file, starter);
    }

    private static void print(int lab, String text, String with, List<Double> seconds) {
        var sorted = seconds.stream().sorted().toList();
        System.out.printf("%-8s %-9s %-34s %6.2f %6.2f%n", name(lab), text, with,
            sorted.get(sorted.size() / 2), sorted.get((sorted.size() * 95 - 1) / 100));
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

    /// Saves a text again and again under `jbang watch`, which has seen it a few times before.
    ///
    /// @param verdict what it prints then
    private Map<Save, List<Double>> watch(int lab, Path file, String text, String verdict)
            throws Exception {
        var seconds = new EnumMap<Save, List<Double>>(Save.class);
        try (var watch = new Watch(lab)) {
            watch.until("lab %02d · ".formatted(lab), 0);
            watch.until(" · next: ", 0);
            for (var i = -WARM_UP; i < saves; i++) for (var how : Save.values()) {
                // What went on after the last verdict: progress, the next lab, warming up.
                watch.quiet();
                var begin = System.nanoTime();
                save(file, text, how);
                var end = watch.until(verdict, begin);
                if (i >= 0) seconds.computeIfAbsent(how, _ -> new ArrayList<>())
                    .add((end - begin) / 1e9);
            }
        }
        return seconds;
    }

    /// How many saves count for nothing.
    private static final int WARM_UP = 5;

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

        /// When the first line with this text came that is newer than `begin`.
        long until(String text, long begin) throws InterruptedException {
            for (;;) {
                var line = lines.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                if (line == null) throw new IllegalStateException("jbang watch doesn't say '"
                    + text + "'");
                if (line.at >= begin && line.text.contains(text)) return line.at;
            }
        }

        /// Waits until it has said nothing for as long as somebody needs for the next edit.
        void quiet() throws InterruptedException {
            while (lines.poll(1_500, TimeUnit.MILLISECONDS) != null) { }
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
