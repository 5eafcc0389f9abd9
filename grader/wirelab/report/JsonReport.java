package wirelab.report;

import module java.base;
import com.fasterxml.jackson.core.JsonProcessingException;
import market.Market;
import wirelab.checkout.LabId;
import wirelab.verdict.*;

/// Outcomes as one JSON document for machines.
public final class JsonReport {
    private JsonReport() {}

    /// `{"lab":1,"title":…,"passed":9,"total":10,"bonus":1,"code":1,"seconds":0.9,"claims":[…]}`:
    /// how many of those that count are passed, and the exit code; a claim is
    /// `{"number":1,"title":…,"verdict":"fail",…}`.
    public static String of(LabId lab, String title, Score score, Duration took) {
        var document = new LinkedHashMap<String, Object>();
        document.put("lab", lab.number());
        document.put("title", title);
        document.put("passed", score.kept());
        document.put("total", score.total());
        document.put("bonus", score.bonus());
        document.put("code", score.code());
        document.put("seconds", took.toMillis() / 1000.0);
        document.put("claims", score.outcomes().stream().map(one -> claim(lab, one)).toList());
        try {
            return Market.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(document);
        } catch (JsonProcessingException cause) {
            throw new IllegalStateException("no JSON for the outcomes", cause);
        }
    }

    private static Map<String, Object> claim(LabId lab, Outcome outcome) {
        var claim = new LinkedHashMap<String, Object>();
        claim.put("number", outcome.claim().number());
        claim.put("title", outcome.claim().title());
        claim.put("bonus", outcome.claim().bonus());
        claim.put("todo", outcome.claim().todo());
        claim.put("verdict", outcome.verdict().word());
        claim.put("seconds", outcome.took().toMillis() / 1000.0);
        switch (outcome.verdict()) {
            case Verdict.Pass _ -> {}
            case Verdict.Fail fail -> {
                put(claim, lab, fail.promise());
                claim.put("saw", fail.saw());
                claim.put("transcript", fail.transcript());
            }
            case Verdict.Skipped skipped -> claim.put("because", skipped.because());
            case Verdict.Crashed crashed -> {
                claim.put("how", crashed.how());
                claim.put("transcript", crashed.transcript());
            }
            case Verdict.TimedOut late -> {
                put(claim, lab, late.promise());
                claim.put("saw", List.of(late.saw()));
                claim.put("waitedSeconds", late.waited().toMillis() / 1000.0);
                claim.put("transcript", late.transcript());
            }
            case Verdict.KitFault fault -> {
                claim.put("what", fault.what());
                claim.put("trace", fault.trace());
            }
        }
        return claim;
    }

    private static void put(Map<String, Object> claim, LabId lab, Promise promise) {
        claim.put("expected", promise.expected());
        claim.put("section", Stream.concat(Stream.of(promise.standard()), promise.bullets().stream()
            .map(bullet -> "lab %s §%s".formatted(lab.digits(), bullet)))
            .filter(rule -> !rule.isEmpty()).collect(Collectors.joining(" · ")));
        claim.put("help", promise.because());
    }
}
