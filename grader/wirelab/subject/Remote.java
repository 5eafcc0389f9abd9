package wirelab.subject;

import module java.base;

/// A server that somebody else started, in any language: `--url`.
///
/// @param settings what it was told, as far as we know
public record Remote(URI url, Settings settings) implements Subject {
    @Override public boolean isElsewhere() { return true; }

    @Override public void restart(Settings wanted) {
        // It keeps the settings that it has.
    }

    @Override public Optional<List<String>> died() { return Optional.empty(); }

    @Override public OptionalInt platformThreads() { return OptionalInt.empty(); }

    @Override public boolean hasClient() { return false; }

    @Override public Following follow(ClientStart start, Predicate<String> sink) {
        throw new UnsupportedOperationException("a URL has no client");
    }

    @Override public boolean canStop() { return false; }

    @Override public void stop() {
        // Not ours to stop.
    }
}
