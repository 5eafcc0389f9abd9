package wirelab.subject;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.time.Deadline;
import wirelab.wire.HttpConnection;

@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class SettingsTest {
    /// Answers with a setting that is read when the server starts, and one that is read later, on a
    /// thread of the server.
    private static InJvm server() throws IOException {
        return Sources.subject(1, "Market.routes(config, feed);", """
            Market.routes(config, feed);
                        var early = Market.setting("EARLY", 1);
                        config.routes.get("/told", ctx -> ctx.result(early + " "
                            + Market.setting("LATE", 1)));""");
    }

    private static String told(Subject subject) {
        try (var http = new HttpConnection(subject.url(), Deadline.SOON)) {
            http.send(HttpConnection.request("GET", "/told", null));
            return http.answer("GET", Deadline.in(Deadline.SOON), false).text();
        }
    }

    @Test void two_subjects_in_one_JVM_have_settings_of_their_own() throws IOException {
        try (var one = server(); var other = server()) {
            one.restart(one.settings().with(Map.of("EARLY", "2", "LATE", "3")));
            other.restart(other.settings().with(Map.of("EARLY", "4", "LATE", "5")));
            var first = told(one);

            assertThat(told(other)).isEqualTo("4 5");
            assertThat(first).isEqualTo("2 3");
            assertThat(told(one)).isEqualTo("2 3");
        }
    }

    @Test void nothing_of_it_is_left_in_this_JVM() throws IOException {
        try (var subject = server()) {
            subject.restart(subject.settings().with(Map.of("EARLY", "2")));
            told(subject);

            assertThat(System.getProperty("EARLY")).isNull();
        }
    }

    @Test void a_lab_knows_its_own_settings_and_how_many_quotes_are_kept() {
        var promised = Sources.room(6).promised();

        assertThat(promised.variables()).containsOnlyKeys("AUTH_TIMEOUT_MS", "FEED_CAPACITY",
            "PING_MS");
        assertThat(promised.millis("PING_MS")).isEqualTo(Duration.ofSeconds(15));
        assertThat(Sources.room(6).brisk().number("FEED_CAPACITY")).isLessThan(10_000);
    }
}
