package wirelab;

import module java.base;

/// What is examined. The checks reach it only over the wire; this starts it, and tells when it
/// died.
public sealed interface Subject extends AutoCloseable permits InJvm, Forked, Remote {
    /// The settings that a subject runs with, see [market.Market#setting].
    ///
    /// @param feedCapacity how many quotes its feed keeps
    /// @param longestWait  to what it clamps `wait` in lab 02
    record Settings(int feedCapacity, Duration longestWait) {
        /// What the labs promise.
        static final Settings PROMISED = new Settings(10_000, Duration.ofSeconds(30));
        /// A smaller log, so that it is full within milliseconds.
        static final Settings BRISK = new Settings(1_000, PROMISED.longestWait);

        Map<String, String> variables() {
            return Map.of("FEED_CAPACITY", "" + feedCapacity, "MAX_WAIT_MS", ""
                + longestWait.toMillis());
        }
    }

    /// How long a subject may take to start.
    Duration START = Duration.ofSeconds(20);

    /// The subject could not be started, or ended by itself.
    final class Died extends RuntimeException {
        final List<String> how;

        Died(List<String> how) {
            super(String.join("\n", how));
            this.how = how;
        }
    }

    Settings settings();

    /// Starts the server anew with other settings, where that is possible; [#settings] tells.
    void restart(Settings wanted);

    /// Where its server listens; starts it first if it isn't running.
    URI url();

    /// How the server ended, if it did by itself.
    Optional<List<String>> died();

    /// How many threads of the operating system it has; empty when that can't be known.
    OptionalInt platformThreads();

    /// Whether it has a client to examine.
    boolean hasClient();

    /// Starts its client; each value that the client delivers is offered to `sink` as JSON, false
    /// refuses it.
    Following follow(URI base, long after, Duration every, Predicate<String> sink);

    /// Whether [#stop] ends the server, as its user would: with SIGTERM, or `Javalin.stop()`.
    boolean canStop();

    /// Ends the server, gently for a second, then by force; the next [#url] starts a new one.
    void stop();

    @Override default void close() { stop(); }

    /// A client at work. Closing ends it.
    interface Following extends AutoCloseable {
        /// How it ended, if it did by itself: its exception or exit code, and the last that it
        /// printed.
        Optional<List<String>> ended();

        @Override void close();
    }
}
