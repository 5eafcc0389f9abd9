package wirelab;

import module java.base;

/// A server that somebody else started, in any language: `--url`.
record Remote(URI url) implements Subject {
    @Override public Settings settings() { return Settings.PROMISED; }

    @Override public void restart(Settings wanted) {
        // It keeps the settings that it has.
    }

    @Override public Optional<List<String>> died() { return Optional.empty(); }

    @Override public OptionalInt platformThreads() { return OptionalInt.empty(); }

    @Override public boolean hasClient() { return false; }

    @Override public Following follow(URI base, long after, Duration every,
        Predicate<String> sink) {
        throw new UnsupportedOperationException("a URL has no client");
    }

    @Override public boolean canStop() { return false; }

    @Override public void stop() {
        // Not ours to stop.
    }
}
