package wirelab.proof;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.checkout.LabFiles;
import wirelab.checkout.Mistake;
import wirelab.source.MethodBodies;
import wirelab.source.Style;
import wirelab.checkout.LabId;

/// What `verify` must notice.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class VerifyTest {
    private static final String SOLUTION = """
        class lab01 {
            static int one() {
                return 1;
            }

            static int two() { return 2; }
        }
        """;

    @Test void a_starter_may_differ_in_bodies_with_a_TODO() {
        var starter = SOLUTION.replace("return 1;", "// TODO 1: one\n        return 0;");

        assertThat(MethodBodies.difference(starter, SOLUTION)).isEmpty();
    }

    @Test void a_starter_may_differ_nowhere_else() {
        assertThat(MethodBodies.difference(SOLUTION.replace("return 1;", "return 0;"), SOLUTION))
            .isPresent();
        assertThat(MethodBodies.difference(SOLUTION.replace("int one()", "long one()")
            .replace("return 1;", "// TODO 1: one\n        return 0;"), SOLUTION)).isPresent();
        assertThat(MethodBodies.difference(SOLUTION + "// more\n", SOLUTION)).isPresent();
    }

    @Test void some_TODOs_are_done_and_others_are_not() {
        var starter = SOLUTION.replace("return 1;", "// TODO 1: one\n        return 0;")
            .replace("{ return 2; }", "{\n        // TODO 2: two\n        return 0;\n    }");

        assertThat(MethodBodies.done(starter, SOLUTION, Set.of())).isEqualTo(starter);
        assertThat(MethodBodies.done(starter, SOLUTION, Set.of(1))).contains("return 1;", "TODO 2")
            .doesNotContain("TODO 1", "return 2;");
        assertThat(MethodBodies.done(starter, SOLUTION, Set.of(1, 2))).isEqualTo(SOLUTION);
    }

    @Test void a_claim_that_asks_for_another_TODO_than_it_needs_is_found() throws Exception {
        var room = Sources.room(3);
        var starter = Files.readString(new LabFiles(room.lab()).file());
        var solution = Files.readString(new LabFiles(room.lab()).solution());

        assertThat(Verification.advice(room, starter, solution)).isEmpty();
        assertThat(Verification.advice(room, starter.replace("// TODO 4", "// TODO 40"), solution))
            .singleElement().asString()
            .contains("[1, 2, 3, 4]", "a weak tag matches", "asks for TODO 4");
    }

    @Test void a_mistake_applies_only_where_the_solution_is_what_it_was() throws Exception {
        var mistake = new Mistake(Path.of("two.diff"), "check", """
            # caught by check
            # Answers two.
            --- solutions/lab01.java
            +++ solutions/lab01.java
            @@ -1,4 +1,4 @@
             class lab01 {
                 static int one() {
            -        return 1;
            +        return 2;
                 }
            """.lines().toList());

        assertThat(mistake.applyTo(SOLUTION)).contains("return 2;\n    }\n")
            .doesNotContain("return 1;");
        assertThatThrownBy(() -> mistake.applyTo(SOLUTION.replace("return 1", "return 7")))
            .isInstanceOf(com.github.difflib.patch.PatchFailedException.class);
    }

    @Test void a_mistake_applies_below_a_line_that_is_new() throws Exception {
        var lab = new LabId(1);
        var solution = "// one line more\n" + Files.readString(new LabFiles(lab).solution());

        for (var mistake : Mistake.of(lab))
            assertThat(mistake.applyTo(solution)).as(mistake.name())
                .startsWith("// one line more\n").isNotEqualTo(solution);
    }

    @Test void a_mistake_is_written_anew_where_the_solution_has_moved() throws Exception {
        var lab = new LabId(1);
        var solution = "// one line more\n" + Files.readString(new LabFiles(lab).solution());
        var mistake = Mistake.of(lab).getFirst();
        var wrong = mistake.applyTo(solution);
        var rebased = new Mistake(mistake.file(), mistake.check(),
            mistake.asChangeTo(lab, solution, wrong));

        assertThat(rebased.lines()).startsWith(mistake.lines().get(0), mistake.lines().get(1))
            .isNotEqualTo(mistake.lines());
        assertThat(rebased.applyTo(solution)).isEqualTo(wrong);
    }

    @Test void a_starter_need_not_say_that_a_method_is_synchronized() {
        var solution = SOLUTION.replace("static int one()", "static synchronized int one()");
        var starter = SOLUTION.replace("return 1;", "// TODO 1: one\n        return 0;");

        assertThat(MethodBodies.difference(starter, solution)).isEmpty();
        assertThat(MethodBodies.done(starter, solution, Set.of(1))).isEqualTo(solution);
    }

    @Test void two_versions_of_one_dependency_are_named() throws IOException {
        var folder = Files.createTempDirectory("wirelab-");
        var files = List.of(Files.writeString(folder.resolve("A.java"), "//DEPS g:a:1\n"),
            Files.writeString(folder.resolve("B.java"), "//DEPS g:a:2\n"));

        assertThat(Style.versions(files)).singleElement().asString()
            .contains("g:a", "A.java", "B.java");
    }

    @Test void a_long_line_a_tab_and_a_missing_newline_are_found() throws IOException {
        var file = Files.writeString(Files.createTempDirectory("wirelab-").resolve("A.java"),
            "é".repeat(100) + "\n" + "x".repeat(101) + "\n\tx");

        assertThat(Style.problems(file)).hasSize(3).first().asString().contains("A.java:2", "101");
    }

    @Test void a_header_out_of_order_is_found() throws IOException {
        var file = Files.writeString(Files.createTempDirectory("wirelab-").resolve("A.java"),
            "//DEPS g:a:1\n//JAVA 25+\n");

        assertThat(Style.header(file)).isPresent();
    }
}
