package wirelab;

import module java.base;
import org.assertj.core.api.AbstractAssert;

/// Assertions about the ids of quotes, whose messages name what is missing rather than print two
/// lists.
public final class IdsAssert extends AbstractAssert<IdsAssert, List<Long>> {
    IdsAssert(List<Long> actual) { super(actual, IdsAssert.class); }

    /// The same ids, each once, in the same order.
    public IdsAssert areExactly(List<Long> wanted) {
        if (!actual.equals(wanted)) failWithMessage("%s", difference(actual, wanted));
        return this;
    }

    private static String difference(List<Long> found, List<Long> wanted) {
        var parts = new ArrayList<String>();
        name(parts, "missing", wanted.stream().filter(id -> !found.contains(id)));
        name(parts, "not asked for", found.stream().filter(id -> !wanted.contains(id)).distinct());
        name(parts, "more than once", found.stream().distinct()
            .filter(id -> Collections.frequency(found, id) > 1));
        if (parts.isEmpty()) name(parts, "in another order", found.stream());
        return String.join(" · ", parts);
    }

    private static void name(List<String> parts, String what, Stream<Long> ids) {
        var all = ids.toList();
        if (all.isEmpty()) return;
        var shown = all.stream().limit(6).map(String::valueOf).collect(Collectors.joining(" "));
        parts.add(what + ": " + shown + (all.size() > 6 ? " … (" + all.size() + ")" : ""));
    }
}
