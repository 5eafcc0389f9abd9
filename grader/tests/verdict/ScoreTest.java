package wirelab.verdict;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ScoreTest {
    private static final Verdict PASS = new Verdict.Pass();
    private static final Verdict FAIL = new Verdict.Fail(Promise.NONE, List.of(), List.of());
    private static final Verdict SKIPPED = new Verdict.Skipped("a setting is too long");
    private static final Verdict FAULT = new Verdict.KitFault("boom", List.of());

    private static Outcome outcome(int number, boolean bonus, Verdict verdict) {
        return new Outcome(new Claim(number, "claim " + number, number, bonus, false, "claim"),
            verdict, Duration.ZERO);
    }

    private static Score score(Verdict... verdicts) {
        return new Score(IntStream.range(0, verdicts.length)
            .mapToObj(i -> outcome(i + 1, false, verdicts[i])).toList());
    }

    @Test void a_server_without_a_client_passes_with_the_claims_of_a_server() {
        var score = score(PASS, PASS, Score.NO_CLIENT);

        assertThat(score.kept()).isEqualTo(2);
        assertThat(score.total()).isEqualTo(2);
        assertThat(score.withoutClient()).isEqualTo(1);
        assertThat(score.skipped()).isZero();
        assertThat(score.passed()).isTrue();
        assertThat(score.code()).isZero();
    }

    @Test void a_claim_that_was_skipped_counts_and_is_not_kept() {
        var score = score(PASS, SKIPPED);

        assertThat(score.kept()).isEqualTo(1);
        assertThat(score.total()).isEqualTo(2);
        assertThat(score.skipped()).isEqualTo(1);
        assertThat(score.code()).isEqualTo(1);
        assertThat(score.firstBroken()).isEmpty();
    }

    @Test void a_bonus_is_counted_apart() {
        var score = new Score(List.of(outcome(1, false, PASS), outcome(2, true, PASS),
            outcome(3, true, FAIL)));

        assertThat(score.kept()).isEqualTo(1);
        assertThat(score.total()).isEqualTo(1);
        assertThat(score.bonus()).isEqualTo(1);
        assertThat(score.code()).isZero();
        assertThat(score.firstBroken()).map(Claim::number).hasValue(3);
    }

    @Test void the_first_broken_claim_that_counts_comes_before_a_bonus() {
        var score = new Score(List.of(outcome(1, true, FAIL), outcome(2, false, FAIL)));

        assertThat(score.firstBroken()).map(Claim::number).hasValue(2);
    }

    @Test void a_fault_of_the_kit_is_the_code_3() {
        assertThat(score(PASS, FAIL, FAULT).code()).isEqualTo(3);
    }

    @Test void nothing_is_no_pass() { assertThat(score().code()).isEqualTo(1); }
}
