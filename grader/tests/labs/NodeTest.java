package wirelab.labs;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.check.Room;
import wirelab.run.Runner;
import wirelab.subject.Forked;
import wirelab.subject.Remote;
import wirelab.subject.Subject;
import wirelab.time.Deadline;
import wirelab.verdict.Score;

/// A server in another language, and a client that we didn't write, agree with the labs.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class NodeTest {
    private static final Room ROOM = Sources.room(1);

    private static void keepsAll(Subject subject) {
        for (var outcome : Runner.run(ROOM, ROOM.claims(), subject, false, _ -> {}))
            assertThat(outcome.passed() || outcome.verdict().equals(Score.NO_CLIENT))
                .as("" + outcome).isTrue();
    }

    @Test void lab_01_in_Node_js_keeps_all_claims_when_it_is_started_by_us() {
        try (var node = Forked.command("exec node grader/fixtures/lab01.js", Map.of(),
                ROOM.promised())) {
            keepsAll(node);
        }
    }

    @Test void lab_01_in_Node_js_keeps_all_claims_when_it_runs_already() {
        try (var node = Forked.command("exec node grader/fixtures/lab01.js", Map.of(),
                ROOM.promised())) {
            keepsAll(new Remote(node.url(), ROOM.promised()));
        }
    }

    @Test void curl_gets_a_304_with_nothing_after_the_headers() throws Exception {
        try (var server = Sources.subject(3)) {
            var url = server.url() + "/instruments";
            var tag = Pattern.compile("(?i)etag: (\"\\S+\")").matcher(curl("-i", url));
            assertThat(tag.find()).isTrue();
            var copy = curl("-i", url, "-H", "If-None-Match: W/\"x\", " + tag.group(1));

            assertThat(copy).startsWith("HTTP/1.1 304").doesNotContainIgnoringCase("content-length")
                .endsWith("\r\n\r\n");
        }
    }

    @Test void curl_waits_for_the_next_quote() throws Exception {
        try (var server = Sources.subject(2)) {
            var waiting =
                CompletableFuture.supplyAsync(() ->
                    curl("-s", server.url() + "/quotes?after=0&wait=30"));
            while (!curl("-s", server.url() + "/health").contains("\"listeners\":1"))
                Deadline.pause();
            curl("-s", server.url() + "/quotes", "-d", "{\"symbol\":\"BTC\",\"bid\":1,\"ask\":2}");

            assertThat(waiting.get(10, TimeUnit.SECONDS)).startsWith("[{\"id\":1,");
        }
    }

    private static String curl(String... args) {
        try {
            var process =
                new ProcessBuilder(Stream.concat(Stream.of("curl", "-s", "-m", "20"),
                    Stream.of(args)).toList()).start();
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException missing) {
            throw new UncheckedIOException("curl: apt-get install curl", missing);
        }
    }
}
