package wirelab.subject;

import module java.base;

/// What is examined. The checks reach it only over the wire; this starts it, and tells when it
/// died.
public sealed interface Subject extends AutoCloseable permits InJvm, Forked, Remote {
    /// How long a subject may take to start.
    Duration START = Duration.ofSeconds(20);

    /// The subject could not be started, or ended by itself.
    final class Died extends RuntimeException {
        private final transient List<String> how;

        Died(List<String> how) {
            super(String.join("\n", how));
            this.how = how;
        }

        /// Its exit code or exception, and the last that it printed; lines.
        public List<String> how() { return how; }
    }

    Settings settings();

    /// Whether it runs on another machine, as far as we know: then this one may be idle while it
    /// works.
    default boolean isElsewhere() { return false; }

    /// Starts the server anew with other settings, where that is possible; [#settings] tells.
    void restart(Settings wanted);

    /// Gives its server up, which may hang, where it is ours; the next [#url] starts a new one.
    default void renew() { restart(settings()); }

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
    Following follow(ClientStart start, Predicate<String> sink);

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

        /// How long it may take to begin, which is no promise of the lab's.
        default Duration startup() { return Duration.ZERO; }

        @Override void close();
    }
}
