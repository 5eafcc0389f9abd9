package wirelab.check;

import module java.base;
import wirelab.verdict.Promise;

/// A promise that was not kept.
public final class Broken extends AssertionError {
    private final transient Promise promise;
    private final transient List<String> saw;

    Broken(Promise promise, String saw) {
        super(saw);
        this.promise = promise;
        this.saw = saw.lines().map(String::strip).filter(line -> !line.isEmpty()).limit(8).toList();
    }

    public Promise promise() { return promise; }

    /// What was seen instead, lines.
    public List<String> saw() { return saw; }
}
