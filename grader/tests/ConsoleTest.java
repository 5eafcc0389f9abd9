package wirelab;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ConsoleTest {
    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

    private static Outcome outcome(int number, Verdict verdict) {
        var claim = new Claim(number, "claim " + number, number, number > 8, false, "claim_"
            + number);
        return new Outcome(claim, verdict, Duration.ofMillis(5));
    }

    private static final Verdict FAIL = new Verdict.Fail("304, no body", "RFC 9110 §15.4.5",
        List.of("200 with 412 bytes"), List.of("> GET /instruments"), "a copy is a copy");

    private int show(boolean all, Verdict... verdicts) {
        var out = new PrintStream(printed, true, StandardCharsets.UTF_8);
        var console = new Console(out, 3, "conditional GET", null, all, false);
        var outcomes = IntStream.range(0, verdicts.length)
            .mapToObj(i -> outcome(i + 1, verdicts[i])).toList();
        console.title();
        outcomes.forEach(console::show);
        return console.summary(outcomes, Duration.ofMillis(420), "`jbang lab03.java`");
    }

    private String text() { return printed.toString(StandardCharsets.UTF_8); }

    @Test void a_student_sees_the_first_broken_claim_in_full_and_one_next_step() {
        assertThat(show(false, new Verdict.Pass(), FAIL, FAIL, new Verdict.Pass())).isEqualTo(1);

        assertThat(text().replaceAll(" +\n", "\n")).isEqualTo("""
            lab 03 · conditional GET
              ✔ claim 1
              ✘ claim 2                                                                   TODO 2
                  > GET /instruments
                  expected  304, no body                                        RFC 9110 §15.4.5
                  saw       200 with 412 bytes
                  because   a copy is a copy
              · 2 more wait for this one
            1 of 4 · 0.4 s · next: fix TODO 2, then `jbang lab03.java`
            """);
    }

    @Test void all_shows_every_broken_claim() {
        show(true, FAIL, FAIL);

        assertThat(text()).contains("✘ claim 1", "✘ claim 2").doesNotContain("wait for this one");
    }

    @Test void exit_code_0_means_that_every_claim_is_kept() {
        assertThat(show(false, new Verdict.Pass(), new Verdict.Pass())).isZero();
        assertThat(text()).endsWith("2 of 2 · 0.4 s · all kept\n");
    }

    @Test void a_skipped_claim_is_not_kept() {
        assertThat(show(true, new Verdict.Pass(), new Verdict.Skipped("no luck"))).isEqualTo(1);
        assertThat(text()).contains("· claim 2   skipped: no luck");
    }

    @Test void a_crash_and_a_time_out_are_not_kept_and_say_what_happened() {
        assertThat(show(true, new Verdict.Crashed(List.of("it exited with code 0"), List.of()),
            new Verdict.TimedOut("an answer", Duration.ofSeconds(5), List.of()))).isEqualTo(1);
        assertThat(text())
            .contains("crashed   it exited with code 0", "saw       nothing of it within 5.0 s");
    }

    @Test void a_fault_of_the_kit_is_not_the_student_s() {
        assertThat(show(true, new Verdict.KitFault("boom", List.of("at x")), new Verdict.Pass()))
            .isEqualTo(3);
        assertThat(text()).contains("not of your code", "boom").doesNotContain("at x");
    }

    @Test void an_empty_run_keeps_nothing() {
        assertThat(Console.code(List.of())).isNotZero();
    }

    @Test void the_machine_s_report_holds_the_same() throws IOException {
        var json = market.Market.JSON.readTree(Json.of(3, "conditional GET",
            List.of(outcome(1, new Verdict.Pass()), outcome(2, FAIL)), Duration.ofMillis(420)));

        assertThat(json.path("passed").asInt()).isEqualTo(1);
        assertThat(json.path("total").asInt()).isEqualTo(2);
        assertThat(json.path("claims").path(1).path("verdict").asText()).isEqualTo("fail");
        assertThat(json.path("claims").path(1).path("transcript").path(0).asText())
            .isEqualTo("> GET /instruments");
    }
}
