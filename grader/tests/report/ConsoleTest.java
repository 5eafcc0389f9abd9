package wirelab.report;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.checkout.LabId;
import wirelab.checkout.Places;
import wirelab.verdict.Claim;
import wirelab.verdict.Outcome;
import wirelab.verdict.Promise;
import wirelab.verdict.Score;
import wirelab.verdict.Verdict;

@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ConsoleTest {
    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

    private static Outcome outcome(int number, Verdict verdict) {
        var claim = new Claim(number, "claim " + number, number, number > 8, false, "claim_"
            + number);
        return new Outcome(claim, verdict, Duration.ofMillis(5));
    }

    private static final LabId LAB = new LabId(3);
    private static final Promise PROMISE = new Promise("304, no body", "S4 · RFC 9110 §15.4.5",
        "a copy is a copy");
    private static final Verdict FAIL = new Verdict.Fail(PROMISE, List.of("200 with 412 bytes"),
        List.of("> GET /instruments"));

    private static final Places PLACES = new Places(LAB, "lab03.java", """
        /// - S4 · TODO 2 · A tag in `If-None-Match` that matches → 304, and nothing after the
        ///   headers.
        class lab03 {
            // TODO 2: compare
        }
        """.lines().toList(), true);

    private int show(boolean all, Verdict... verdicts) {
        var out = new PrintStream(printed, true, StandardCharsets.UTF_8);
        var console = new ConsoleReport(out, LAB, "conditional GET", PLACES, all,
            false);
        var outcomes = IntStream.range(0, verdicts.length)
            .mapToObj(i -> outcome(i + 1, verdicts[i])).toList();
        console.title();
        outcomes.forEach(console::show);
        console.summary(new Score(outcomes), Duration.ofMillis(420), "`jbang lab03.java`");
        return new Score(outcomes).code();
    }

    private String text() { return printed.toString(StandardCharsets.UTF_8); }

    @Test void a_student_sees_the_first_broken_claim_in_full_and_one_next_step() {
        assertThat(show(false, new Verdict.Pass(), FAIL, FAIL, new Verdict.Skipped("claim 2")))
            .isEqualTo(1);

        assertThat(text().replaceAll(" +\n", "\n")).isEqualTo("""
            lab 03 · conditional GET
              ✔ claim 1
              ✘ claim 2                                                                   TODO 2
                  > GET /instruments
                  expected  304, no body                                        RFC 9110 §15.4.5
                  saw       200 with 412 bytes
                  because   a copy is a copy
                  rule      lab 03 §S4, lab03.java:1: A tag in `If-None-Match` that matches → 304,
                            and nothing after the headers.
                  look at   lab03.java:4
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
            new Verdict.TimedOut(PROMISE, "no answer", Duration.ofSeconds(5), List.of())))
            .isEqualTo(1);
        assertThat(text())
            .contains("crashed   it exited with code 0", "saw       no answer within 5.0 s");
    }

    @Test void a_fault_of_the_kit_is_not_the_student_s() {
        assertThat(show(true, new Verdict.KitFault("boom", List.of("at x")), new Verdict.Pass()))
            .isEqualTo(3);
        assertThat(text()).contains("not of your code", "boom").doesNotContain("at x");
    }

    @Test void an_empty_run_keeps_nothing() {
        assertThat(new Score(List.of()).code()).isNotZero();
    }

    @Test void the_machine_s_report_holds_the_same() throws IOException {
        var json = market.Market.JSON.readTree(JsonReport.of(LAB, "conditional GET",
            new Score(List.of(outcome(1, new Verdict.Pass()), outcome(2, FAIL))),
            Duration.ofMillis(420)));

        assertThat(json.path("passed").asInt()).isEqualTo(1);
        assertThat(json.path("total").asInt()).isEqualTo(2);
        assertThat(json.path("claims").path(1).path("verdict").asText()).isEqualTo("fail");
        assertThat(json.path("claims").path(1).path("transcript").path(0).asText())
            .isEqualTo("> GET /instruments");
    }
}
