package wirelab.run;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.check.Room;
import wirelab.subject.Forked;
import wirelab.subject.Remote;
import wirelab.subject.Subject;
import wirelab.verdict.Claim;
import wirelab.verdict.Outcome;
import wirelab.verdict.Verdict;
import wirelab.wire.Tap;

/// Subjects that misbehave: the check that meets it says so, alone, and the rest goes on.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class SubjectTest {
    private static final Room ROOM = Sources.room(1);
    private static final List<Claim> SERVER = ROOM.claims().stream()
        .filter(claim -> !claim.client() && !claim.bonus()).toList();
    private static final String NODE = "exec node grader/fixtures/lab01.js";
    private static final int BAD_CURSOR = 6;

    private static List<Outcome> examine(Subject subject, List<Claim> claims) {
        try (subject) {
            return Runner.run(ROOM, claims, subject, false, _ -> {});
        }
    }

    private static Map<Integer, String> words(List<Outcome> outcomes) {
        return outcomes.stream().collect(Collectors.toMap(outcome -> outcome.claim().number(),
            outcome -> outcome.verdict().word()));
    }

    private static void onlyBadCursorIs(String word, List<Outcome> outcomes) {
        var words = words(outcomes);
        assertThat(words.remove(BAD_CURSOR)).as("" + outcomes.get(BAD_CURSOR - 1)).isEqualTo(word);
        assertThat(words.values()).as("" + outcomes).containsOnly("pass");
    }

    private static void allPass(List<Outcome> outcomes) {
        assertThat(words(outcomes).values()).as("" + outcomes).containsOnly("pass");
    }

    /// The solution, which does this with a malformed cursor.
    private static Subject withBadCursor(String statement) throws IOException {
        return Sources.subject(1, "throw new Problem(400, \"after: '\"",
            statement + "\n        throw new Problem(400, \"after: '\"");
    }

    @Test void one_that_never_answers_fails_that_check_alone() throws IOException {
        onlyBadCursorIs("timed out", examine(withBadCursor(
            "try { new CountDownLatch(1).await(); } catch (InterruptedException stopped) {}"),
                SERVER));
    }

    @Test void one_that_drips_a_byte_a_second_is_held_to_the_deadline_of_the_whole_answer()
        throws Exception {
        try (var fast = Sources.subject(1);
             var tap = new Tap(fast.url()).throttle(1)) {
            var start = System.nanoTime();
            var outcomes = examine(new Remote(tap.url(), ROOM.promised()), SERVER.subList(0, 1));

            assertThat(words(outcomes)).containsEntry(1, "timed out");
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                .isLessThan(Duration.ofSeconds(30));
        }
    }

    @Test void one_that_exits_in_the_middle_has_crashed_and_the_next_check_gets_a_new_one()
        throws IOException {
        var classes = Sources.solution(1, "throw new Problem(400, \"after: '\"",
            "if (true) Runtime.getRuntime().halt(0);\n        throw new Problem(400, \"after: '\"");
        var folder = classes.unpack();
        var subject = Forked.lab(ROOM.lab(), folder + File.pathSeparator
            + System.getProperty("java.class.path"), ROOM.brisk());
        var outcomes = examine(subject, SERVER);

        onlyBadCursorIs("crashed", outcomes);
        assertThat(outcomes.get(BAD_CURSOR - 1).verdict()).asString()
            .contains("it exited with code 0");
    }

    @Test void one_that_never_starts_is_said_once_and_the_rest_is_skipped() {
        var outcomes = examine(Forked.command("echo no such thing; exit 7", Map.of(),
            ROOM.promised()), SERVER);

        assertThat(outcomes.getFirst().verdict()).isInstanceOf(Verdict.Crashed.class).asString()
            .contains("it exited with code 7", "no such thing");
        assertThat(words(outcomes.subList(1, outcomes.size())).values()).containsOnly("skipped");
    }

    @Test void one_that_throws_at_its_start_says_where() throws IOException {
        var outcomes =
            examine(Sources.subject(1, "var allowance = new Allowance(100);",
            "Allowance allowance = null; allowance.toString();"), SERVER);

        assertThat(outcomes.getFirst().verdict()).asString().contains("NullPointerException")
            .contains("lab01.java:");
    }

    @Test void the_first_broken_claim_in_order_is_found_whatever_breaks_beside_it()
            throws IOException {
        var broken = Sources.subject(1,
            "ctx.header(\"Next-After\", \"\" + page.next());", "",
            "if (answer.statusCode() == 200)", "if (answer.statusCode() == 299)");
        try (var subject = broken) {
            var outcomes = Runner.run(ROOM, ROOM.claims(), subject, true, _ -> {});

            assertThat(outcomes.subList(0, 4)).extracting(outcome -> outcome.verdict().word())
                .containsExactly("pass", "pass", "pass", "fail");
            assertThat(outcomes.subList(4, 8)).extracting(outcome -> outcome.verdict().word())
                .containsOnly("skipped");
        }
    }

    @Test void claims_in_another_order_pass_too() throws Exception {
        // The last one uses up what the server allows to a client.
        var claims = ROOM.claims().stream()
            .filter(claim -> !claim.client()).toList();
        var order = Stream.concat(Stream.of(claims.getLast()),
            claims.stream().limit(claims.size() - 1)).toList();

        var outcomes = examine(Sources.subject(1), order);
        allPass(outcomes);
        assertThat(outcomes).extracting(Outcome::claim).isEqualTo(order);
    }

    @Test void one_that_prints_megabytes_to_stdout_passes() {
        var noise = "yes 'Tests passed' | head -c 20000000; head -c 9000000 /dev/zero; ";
        allPass(examine(Forked.command(noise + NODE, Map.of(), ROOM.promised()), SERVER));
    }

    @Test void one_that_starts_after_3_seconds_passes() {
        allPass(examine(Forked.command("sleep 3; " + NODE, Map.of(), ROOM.promised()), SERVER));
    }

    @Test void one_that_answers_200_ms_late_passes() throws Exception {
        try (var fast = Sources.subject(1)) {
            fast.restart(ROOM.promised());
            try (var tap = new Tap(fast.url()).delay(Duration.ofMillis(200))) {
                allPass(examine(new Remote(tap.url(), ROOM.promised()), SERVER));
            }
        }
    }

    @Test void a_long_poll_that_answers_200_ms_late_passes() throws Exception {
        var room = Sources.room(2);
        var claims = room.claims().stream()
            .filter(claim -> List.of(1, 3, 4, 6, 7, 8, 9, 10).contains(claim.number())).toList();
        try (var fast = Sources.subject(2);
             var tap = new Tap(fast.url()).delay(Duration.ofMillis(200))) {
            allPass(Runner.run(room, claims,
                new Remote(tap.url(), room.promised()), false, _ -> {}));
        }
    }

    @Test void nothing_of_a_subject_is_left_when_it_is_stopped() {
        var subject = Forked.command("node grader/fixtures/lab01.js & wait", Map.of(),
            ROOM.promised());
        subject.url();
        var family = ProcessHandle.current().descendants().toList();
        assertThat(family).hasSizeGreaterThanOrEqualTo(2);
        subject.stop();

        for (var process : family)
            assertThat(process.onExit()).succeedsWithin(Duration.ofSeconds(5));
    }
}
