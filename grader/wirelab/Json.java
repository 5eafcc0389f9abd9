package wirelab;

import module java.base;
import com.fasterxml.jackson.core.JsonProcessingException;
import market.Market;

/// Outcomes as one JSON document for machines.
final class Json {
    private Json() {}

    /// `{"lab":1,"title":…,"passed":9,"total":10,"seconds":0.9,"claims":[…]}`, a claim being
    /// `{"number":1,"title":…,"verdict":"fail",…}`.
    static String of(int number, String title, List<Outcome> outcomes, Duration took) {
        var regular = outcomes.stream().filter(outcome -> !outcome.claim().bonus()).toList();
        var document = new LinkedHashMap<String, Object>();
        document.put("lab", number);
        document.put("title", title);
        document.put("passed", regular.stream().filter(Outcome::passed).count());
        document.put("total", regular.size());
        document.put("seconds", took.toMillis() / 1000.0);
        document.put("claims", outcomes.stream().map(Json::claim).toList());
        try {
            return Market.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(document);
        } catch (JsonProcessingException cause) {
            throw new IllegalStateException("no JSON for the outcomes", cause);
        }
    }

    private static Map<String, Object> claim(Outcome outcome) {
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
                claim.put("expected", fail.expected());
                claim.put("section", fail.section());
                claim.put("saw", fail.saw());
                claim.put("transcript", fail.transcript());
                claim.put("help", fail.help());
            }
            case Verdict.Skipped skipped -> claim.put("because", skipped.because());
            case Verdict.Crashed crashed -> {
                claim.put("how", crashed.how());
                claim.put("transcript", crashed.transcript());
            }
            case Verdict.TimedOut late -> {
                claim.put("expected", late.waitedFor());
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
}
