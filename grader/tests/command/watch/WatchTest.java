package wirelab.command.watch;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;
import wirelab.checkout.LabId;
import wirelab.checkout.Mistake;
import wirelab.source.Compiler;
import wirelab.subject.ChildProcess;

/// The loop of a person alone: save, verdict, hint, reset; in a checkout of its own.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
public class WatchTest {
    private static final int PATIENCE = 60;

    private final Path checkout = checkout();
    private final Path lab = checkout.resolve("labs/lab03.java");

    /// A copy of what a student edits, beside the rest of this checkout.
    static Path checkout() {
        try {
            var folder = Files.createTempDirectory("wirelab-");
            for (var shared : List.of("grader", "solutions"))
                Files.createSymbolicLink(folder.resolve(shared), Checkout.root().resolve(shared));
            Files.createDirectory(folder.resolve("labs"));
            for (var file : List.of("labs/lab03.java", "labs/lab04.java"))
                Files.copy(Checkout.root().resolve(file), folder.resolve(file));
            return folder;
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    @AfterEach void delete() throws IOException { delete(checkout); }

    public static void delete(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) Files.delete(file);
        }
    }

    private static ProcessBuilder java(Path folder, String... command) {
        return new ProcessBuilder(Stream.concat(Stream.of(ChildProcess.JAVA,
            "-XX:TieredStopAtLevel=1"), Stream.of(command)).toList()).directory(folder.toFile())
                .redirectErrorStream(true);
    }

    /// `jbang watch`, with a pipe in place of the keyboard.
    private final class Watch implements AutoCloseable {
        private final Process process;
        private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

        Watch(String... args) throws IOException {
            process = java(checkout, Stream.concat(Stream.of("-cp",
                System.getProperty("java.class.path"), "wirelab.Wirelab", "watch"),
                Stream.of(args)).toArray(String[]::new)).start();
            Thread.ofPlatform().daemon().start(this::read);
        }

        private void read() {
            try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line; (line = reader.readLine()) != null; ) lines.add(line);
            } catch (IOException destroyed) {
                // Nobody waits for a line any more.
            }
        }

        /// What it prints, up to a line with this text.
        List<String> until(String text) throws InterruptedException {
            var seen = new ArrayList<String>();
            do {
                var line = lines.poll(PATIENCE, TimeUnit.SECONDS);
                assertThat(line).as("no '" + text + "' after " + seen).isNotNull();
                seen.add(line);
            } while (!seen.getLast().contains(text));
            return seen;
        }

        void press(char key) throws IOException {
            process.outputWriter().write(key);
            process.outputWriter().flush();
        }

        /// When it has ended: until then it may write to the checkout.
        @Override public void close() {
            process.destroyForcibly().onExit().orTimeout(PATIENCE, TimeUnit.SECONDS).join();
        }
    }

    private String starter() throws IOException {
        return Files.readString(Checkout.root().resolve("labs/lab03.java"));
    }

    private String solution() throws IOException {
        return Files.readString(Checkout.root().resolve("solutions/lab03.java"));
    }

    /// The solution with a line at the beginning of the method that makes the server.
    private String spoiled(String line) throws IOException {
        var source = solution();
        var body = source.indexOf('{', source.indexOf("static Javalin server(")) + 1;
        return source.substring(0, body) + "\n" + line + source.substring(body);
    }

    @Test void each_save_is_checked_and_a_pass_is_told_and_kept() throws Exception {
        try (var watch = new Watch("3")) {
            assertThat(watch.until("next: fix TODO 1")).anyMatch(line -> line.contains("✘"));
            Files.writeString(lab, starter().replace("class lab03", "clas lab03"));
            assertThat(watch.until("does not compile")).isNotEmpty();
            watch.until("class, interface, annotation type, enum, record");
            // As many editors save: a new file that takes the old one's name.
            var fresh = Files.writeString(checkout.resolve("labs/lab03.java~"), solution());
            Files.move(fresh, lab, StandardCopyOption.REPLACE_EXISTING);
            watch.until("all kept");
            watch.until("Lab 03 is passed");
            watch.until("labs/lab04.java");
            watch.until("lab 04 · webhooks");
            watch.until("next: fix TODO 1");
            watch.press('l');
            watch.until("03  conditional GET                passed 20");
            watch.press('q');
            assertThat(watch.process.waitFor(PATIENCE, TimeUnit.SECONDS)).isTrue();
            assertThat(watch.process.exitValue()).isZero();
        }
        assertThat(checkout.resolve("labs/progress.properties")).content()
            .contains("lab03.passed=20", "lab03.kept=12");
    }

    @Test void the_promise_that_was_broken_is_examined_first() throws Exception {
        var broken = "of several PUTs with the same tag exactly one succeeds";
        var unguarded = Mistake.of(new LabId(3)).stream()
            .filter(mistake -> mistake.name().equals("check-and-write-apart")).findFirst()
                .orElseThrow().applyTo(solution());
        Files.writeString(lab, unguarded);
        try (var watch = new Watch("3")) {
            assertThat(watch.until("next: fix TODO 8")).anyMatch(line -> line.contains("✔"));
            Files.writeString(lab, unguarded + "// saved\n");
            watch.until("lab 03 · conditional GET");
            assertThat(watch.until("TODO 8").getLast()).contains("✘ " + broken);
            watch.until("next: fix TODO 8");
            Files.writeString(lab, solution());
            watch.until("lab 03 · conditional GET");
            assertThat(watch.until("✔").getLast()).endsWith("✔ " + broken);
            watch.until("all kept");
        }
    }

    @Test void a_hint_that_is_asked_for_during_the_first_run_comes_after_it() throws Exception {
        try (var watch = new Watch("3")) {
            watch.press('h');
            watch.until("next: fix TODO 1");
            watch.until("TODO 1, hint 1 of");
        }
    }

    @Test void a_check_that_takes_its_time_says_what_it_waits_for() throws Exception {
        try (var watch = new Watch("3")) {
            watch.until("next: fix TODO 1");
            Files.writeString(lab, spoiled("java.util.concurrent.locks.LockSupport"
                + ".parkNanos(1_000_000_000L);"));
            watch.until("  … the ETag is strong and quoted");
            watch.until("all kept");
        }
    }

    @Test void code_that_ends_the_JVM_or_goes_on_for_ever_does_not_end_it() throws Exception {
        try (var watch = new Watch("3", "--poll", "20")) {
            watch.until("next: fix TODO 1");
            Files.writeString(lab, spoiled("System.exit(7);"));
            watch.until("ended the JVM, exit code 7");
            Files.writeString(lab, spoiled("for (var n = 0L; ; n++) if (n < 0) break;"));
            watch.until("lab 03 · conditional GET");
            // While that still runs.
            Files.writeString(lab, solution());
            watch.until("all kept");
        }
    }

    @Test void whichever_lab_is_saved_is_the_one_that_is_checked() throws Exception {
        try (var watch = new Watch("3")) {
            watch.until("next: fix TODO 1");
            var other = checkout.resolve("labs/lab04.java");
            Files.writeString(other, Files.readString(other) + "// saved\n");
            watch.until("lab 04 · webhooks");
            watch.until("next: fix TODO 1");
            Files.writeString(lab, starter() + "// saved\n");
            watch.until("lab 03 · conditional GET");
        }
    }

    @Test void wrong_usage_says_what_is_allowed() throws Exception {
        try (var watch = new Watch("17")) {
            watch.until("No lab 17. Labs here: 03 04.");
        }
        try (var watch = new Watch("3", "--poll", "1")) {
            watch.until("--poll 1: must be from 5 to 10000 ms.");
        }
    }

    /// What a lab's command prints in this checkout.
    private String lab(String... args) throws Exception {
        var classes = (Compiler.Classes) Compiler.compile("lab03", Files.readString(lab));
        var process = java(checkout, Stream.concat(Stream.of("-cp", classes.unpack()
            + File.pathSeparator + System.getProperty("java.class.path"), "lab03"),
            Stream.of(args)).toArray(String[]::new)).start();
        process.outputWriter().close();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test void hints_come_one_by_one_for_what_is_broken_first() throws Exception {
        var first = lab("hint");
        assertThat(first).startsWith("TODO 1, hint 1 of ").doesNotContain("hint 2 of");
        assertThat(lab("hint")).startsWith(first.strip()).contains("TODO 1, hint 2 of ");
        assertThat(lab("hint", "2")).startsWith("TODO 2, hint 1 of ");
        assertThat(lab("hint", "99")).contains("No TODO 99. TODOs here: [1, 2");
    }

    @Test void the_solution_opens_after_a_pass_or_when_asked_to_spoil() throws Exception {
        assertThat(lab("solution")).contains("Lab 03 is not passed: not begun", "--spoil");
        assertThat(lab("solution", "--spoil")).contains("+++ solutions/lab03.java");
    }

    @Test void reset_restores_the_starter_and_keeps_what_was_there() throws Exception {
        Files.writeString(lab, solution());
        assertThat(lab("reset")).contains("lab03.java.1.bak");
        assertThat(lab).hasContent(starter());
        assertThat(checkout.resolve("labs/lab03.java.1.bak")).hasContent(solution());
    }
}
