package wirelab.check;

import module java.base;

/// A promise about one value.
public final class ValueAssert<T> {
    private final PromiseAssert promise;
    private final T seen;
    private final String shown;

    ValueAssert(PromiseAssert promise, T seen, String shown) {
        this.promise = promise;
        this.seen = seen;
        this.shown = shown;
    }

    public ValueAssert<T> is(T wanted) { return satisfies(value -> value.equals(wanted)); }

    public ValueAssert<T> isNot(T unwanted) {
        return satisfies(value -> !value.equals(unwanted));
    }

    @SafeVarargs
    public final ValueAssert<T> isOneOf(T... wanted) {
        return satisfies(List.of(wanted)::contains);
    }

    /// For lists and other collections.
    public ValueAssert<T> isEmpty() {
        return satisfies(value -> ((Collection<?>) value).isEmpty());
    }

    /// For collections: no value is in it twice.
    public ValueAssert<T> hasNoDuplicates() {
        return satisfies(value -> Set.copyOf((Collection<?>) value).size()
            == ((Collection<?>) value).size());
    }

    /// Numbers, durations: at least this.
    public ValueAssert<T> isAtLeast(T least) { return satisfies(value -> compare(least) >= 0); }

    public ValueAssert<T> isAtMost(T most) { return satisfies(value -> compare(most) <= 0); }

    public ValueAssert<T> isAbove(T bound) { return satisfies(value -> compare(bound) > 0); }

    public ValueAssert<T> isBelow(T bound) { return satisfies(value -> compare(bound) < 0); }

    @SuppressWarnings("unchecked")
    private int compare(T other) { return ((Comparable<T>) seen).compareTo(other); }

    /// For texts.
    public ValueAssert<T> startsWith(String prefix) {
        return satisfies(value -> ((String) value).startsWith(prefix));
    }

    /// For texts.
    public ValueAssert<T> contains(String part) {
        return satisfies(value -> ((String) value).contains(part));
    }

    /// For texts.
    ///
    /// @param pattern a regular expression for all of it
    public ValueAssert<T> matches(String pattern) {
        return satisfies(value -> ((String) value).matches(pattern));
    }

    public ValueAssert<T> satisfies(Predicate<T> wanted) {
        if (seen == null || !wanted.test(seen)) throw promise.broken(shown);
        return this;
    }
}
