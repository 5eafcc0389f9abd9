package wirelab.check;

import module java.base;

/// A promise about the ids of quotes; what was seen names the ids that are missing or too many
/// rather than two lists.
public final class IdsAssert {
    private final PromiseAssert promise;
    private final List<Long> ids;

    IdsAssert(PromiseAssert promise, List<Long> ids) {
        this.promise = promise;
        this.ids = ids;
    }

    /// The same ids, each once, in the same order.
    public void areExactly(List<Long> wanted) {
        promise.holds(ids.equals(wanted), "%s", difference(ids, wanted));
    }

    static String difference(List<Long> found, List<Long> wanted) {
        var known = new HashSet<>(found);
        var asked = new HashSet<>(wanted);
        var once = new HashSet<Long>();
        var again = found.stream().filter(id -> !once.add(id)).distinct();
        var parts = new ArrayList<String>();
        name(parts, "missing", wanted.stream().filter(id -> !known.contains(id)));
        name(parts, "not asked for", found.stream().filter(id -> !asked.contains(id)).distinct());
        name(parts, "more than once", again);
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
