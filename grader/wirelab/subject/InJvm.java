package wirelab.subject;

import module java.base;
import java.lang.management.ManagementFactory;
import market.Feed;
import market.Market;
import market.Told;

/// A lab's code in this JVM: the fastest way to check it, and a debugger can stop in it.
public final class InJvm implements Subject {
    /// How long a server may take to stop.
    private static final Duration STOP = Duration.ofSeconds(5);

    private final Handover lab;
    private Settings settings;
    private Handover.Running running;

    /// @param settings to begin with
    public InJvm(Handover lab, Settings settings) {
        this.lab = lab;
        this.settings = settings;
    }

    @Override public Settings settings() { return settings; }

    /// Doesn't wait for the old server, which may take seconds to stop.
    @Override public synchronized void restart(Settings wanted) {
        beginToStop();
        settings = wanted;
    }

    @Override public synchronized URI url() {
        if (running == null) running = start();
        return URI.create("http://127.0.0.1:" + running.port());
    }

    private Handover.Running start() {
        Told.settings(lab.code(), settings.variables());
        try {
            var feed = new Feed(settings.number("FEED_CAPACITY"));
            return lab.server().start(feed, 0);
        } catch (IOException | RuntimeException | LinkageError cause) {
            throw new Died(describe("the server does not start", cause));
        }
    }

    @Override public Optional<List<String>> died() { return Optional.empty(); }

    @Override public OptionalInt platformThreads() {
        return OptionalInt.of(ManagementFactory.getThreadMXBean().getThreadCount());
    }

    @Override public boolean hasClient() { return lab.client() != null; }

    @Override public Following follow(ClientStart start, Predicate<String> sink) {
        var end = new CompletableFuture<List<String>>();
        var thread = Thread.ofVirtual().name("client").start(() -> {
            try {
                lab.client().follow(start, value -> offer(value, sink));
                end.complete(List.of("follow returned"));
            } catch (Exception | LinkageError cause) {
                end.complete(describe("follow ended", cause));
            }
        });
        return new Following() {
            @Override public Optional<List<String>> ended() {
                return Optional.ofNullable(end.getNow(null));
            }

            @Override public void close() { thread.interrupt(); }
        };
    }

    private static void offer(Object value, Predicate<String> sink) {
        var json = ClientJson.json(value);
        if (!sink.test(json)) throw new IllegalStateException("the sink refuses " + json);
    }

    private static List<String> describe(String what, Throwable cause) {
        return List.of(what + ": " + Market.where(cause));
    }

    /// Doesn't wait: what a student's server still holds may take its time.
    @Override public void close() { Thread.ofVirtual().name("stop").start(this::stop); }

    @Override public boolean canStop() { return true; }

    @Override public synchronized void stop() {
        try {
            // A lock that the student's code holds forever would hold this, too. What is left
            // then ends with this JVM.
            beginToStop().join(STOP);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }

    private Thread beginToStop() {
        var stopping = running;
        running = null;
        return Thread.ofVirtual().name("stop").start(() -> stopQuietly(stopping));
    }

    /// @param stopping null for none
    private static void stopQuietly(Handover.Running stopping) {
        try {
            if (stopping == null) return;
            stopping.stop();
        } catch (RuntimeException unwilling) {
            // What it still holds is the student's; it ends with this JVM.
        }
    }
}
