package wirelab.command.watch;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;
import wirelab.checkout.LabId;
import wirelab.checkout.Mistake;
import wirelab.labs.ForeignClient;
import wirelab.subject.ChildProcess;
import wirelab.time.Deadline;

/// Lab 03 from its starter to a pass, as a person sees it: `jbang watch` in a terminal.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class JourneyTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Path checkout = WatchTest.checkout();
    private final Path lab = checkout.resolve("labs/lab03.java");
    private final String solution = read("solutions/lab03.java");
    private final String socket = "wirelab-" + ProcessHandle.current().pid();

    private static String read(String file) {
        try {
            return Files.readString(Checkout.root().resolve(file));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// What tmux answers. It is the terminal, with a keyboard and a screen that can be read.
    private String tmux(String... args) throws IOException {
        var command = Stream.concat(Stream.of(ForeignClient.program("tmux", "tmux"), "-L", socket,
            "-f", "/dev/null"), Stream.of(args)).toList();
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @AfterEach void close() throws Exception {
        tmux("kill-server");
        WatchTest.delete(checkout);
    }

    private void press(String key) throws IOException { tmux("send-keys", key); }

    /// The screen, as soon as all these texts are on it.
    private String screen(String... texts) throws IOException {
        var end = Deadline.in(PATIENCE);
        String screen;
        do {
            screen = tmux("capture-pane", "-p", "-J");
        } while (!Stream.of(texts).allMatch(screen::contains) && !end.passed());
        assertThat(screen).contains(texts);
        // `jbang test JourneyTest` with JOURNEY=1 shows what a person sees.
        if (System.getenv("JOURNEY") != null) System.out.println("─".repeat(100) + "\n"
            + screen.strip());
        return screen;
    }

    private void save(String text) throws IOException { Files.writeString(lab, text); }

    /// The solution with a typical mistake.
    private String mistaken(String name) throws Exception {
        return Mistake.of(new LabId(3)).stream().filter(one -> one.name().equals(name)).findFirst()
            .orElseThrow().applyTo(solution);
    }

    @Test void from_the_starter_over_three_wrong_turns_to_the_next_lab() throws Exception {
        tmux("new-session", "-d", "-x", "110", "-y", "45", "-c", checkout.toString(),
            ChildProcess.JAVA, "-XX:TieredStopAtLevel=1", "-cp",
            System.getProperty("java.class.path"), "wirelab.Wirelab", "watch", "3");
        screen("saw       ETag: v1", "next: fix TODO 1");
        press("h");
        screen("TODO 1, hint 1 of ");

        // First wrong turn: a quote that is missing.
        var starter = read("labs/lab03.java");
        save(starter.replace("\"v1\"", "\"v1"));
        screen("does not compile", "unclosed string literal");

        // Second wrong turn: quoted, and still the same for each list.
        save(starter.replace("\"v1\"", "\"\\\"v1\\\"\""));
        assertThat(screen("changes exactly when the list does", "next: fix TODO 1"))
            .doesNotContain("does not compile");

        // Third wrong turn: two people read the same list, both write, one of them for nothing.
        save(mistaken("check-and-write-apart"));
        screen("of several PUTs with the same tag exactly one succeeds", "saw       ");

        save(solution);
        screen("Lab 03 is passed.", "labs/lab04.java", "lab 04 · webhooks", "next: fix TODO 1");
        press("l");
        screen("03  conditional GET                passed ");
        press("q");
        var end = Deadline.in(PATIENCE);
        while (tmux("list-sessions").contains("1 windows") && !end.passed()) Deadline.pause();
        assertThat(tmux("list-sessions")).as("what still runs").doesNotContain("1 windows");
    }
}
