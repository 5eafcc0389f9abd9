package wirelab.checkout;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

/// Where a message sends a student.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class PlacesTest {
    private static final LabId LAB = new LabId(1);

    private static String starter() throws Exception { return new LabFiles(LAB).starter(); }

    private static Places places(String text) {
        return new Places(LAB, "lab01.java", text.lines().toList(), true);
    }

    /// The number of the first line with this text.
    private static String line(String source, String text) {
        return "lab01.java:" + (1 + source.lines().toList().indexOf(source.lines()
            .filter(line -> line.contains(text)).findFirst().orElseThrow()));
    }

    @Test void a_TODO_is_where_its_comments_stand() throws Exception {
        var starter = starter();

        assertThat(places(starter).todo(3)).containsExactly(line(starter, "// TODO 3:"));
        assertThat(places(starter).todo(5)).hasSize(2);
    }

    @Test void without_its_comment_a_TODO_is_the_method_that_it_stood_in() throws Exception {
        var worked = "// one line more\n" + starter().replaceAll("// TODO 3", "// done: 3");

        assertThat(places(worked).todo(3)).containsExactly(
            line(worked, "static void poll(Context ctx"));
    }

    @Test void a_TODO_of_several_bodies_is_all_of_them() throws Exception {
        var worked = starter().replace("// TODO 5", "//");

        assertThat(places(worked).todo(5)).containsExactly(
            line(worked, "static void follow("), line(worked, "static long deliver("));
    }

    @Test void where_nothing_is_to_be_done_nothing_is_named() throws Exception {
        assertThat(places(starter()).todo(99)).isEmpty();
        assertThat(new Places(LAB, "lab01.java", starter().lines().toList(), false).todo(3))
            .isEmpty();
    }

    @Test void a_bullet_is_a_place_and_a_text_in_one_line() {
        var rules = places("""
            /// # Lab
            /// - S1 · given · `GET /health` answers.
            /// - S12 · TODO 3, 14 · A client that reads nothing
            ///   delays nobody.
            ///
            /// Something else.
            """).rules();

        assertThat(rules).containsExactly(
            new Places.Rule("S1", Set.of(), "lab01.java:2", "`GET /health` answers."),
            new Places.Rule("S12", Set.of(3, 14), "lab01.java:3",
                "A client that reads nothing delays nobody."));
    }
}
