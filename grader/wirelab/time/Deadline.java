package wirelab.time;

import module java.base;
import java.util.concurrent.locks.LockSupport;

/// The end of a wait. [#in] is a time by the clock; [Patience] makes those for what a healthy
/// subject does at once.
public final class Deadline {
    /// For one answer, or anything that a healthy subject does at once. Long, because a busy
    /// machine is not a fault.
    public static final Duration SOON = Duration.ofSeconds(5);
    /// For one check, all its waits together.
    public static final Duration CHECK = Duration.ofSeconds(60);
    /// For one wait whose subject makes progress: 20 s, however often something new comes.
    static final Duration PROGRESS = Duration.ofSeconds(20);

    private static final LongSupplier UNWATCHED = () -> 0;

    private final long begin = System.nanoTime();
    private final long limit;
    private final long bound;
    private final long still;
    private final LongSupplier idle;
    private long changedAt = begin;
    private long stillSince;
    private Object seen;

    /// @param limit how long nothing may change
    /// @param bound for the whole wait, from `limit`
    /// @param still how long nothing may change while the machine is idle
    /// @param idle  how long the machine has been idle so far, nanoseconds
    Deadline(Duration limit, Duration bound, Duration still, LongSupplier idle) {
        this.limit = limit.toNanos();
        this.bound = bound.toNanos();
        this.still = still.toNanos();
        this.idle = idle;
        stillSince = idle.getAsLong();
    }

    /// Over after this time, whatever happens meanwhile.
    public static Deadline in(Duration wait) { return new Deadline(wait, wait, wait, UNWATCHED); }

    /// For a subject that may be asleep between two tries: over when nothing has changed for
    /// `wait`, and after 20 s (or `wait`, if longer) in any case.
    public static Deadline afterProgress(Duration wait) {
        return new Deadline(wait, longer(wait, PROGRESS), wait, UNWATCHED);
    }

    static Duration longer(Duration one, Duration other) {
        return one.compareTo(other) > 0 ? one : other;
    }

    public boolean passed() { return passed(null); }

    /// @param now what there is by now; each time that it changes, the wait begins again
    public boolean passed(Object now) {
        var idleNow = idle.getAsLong();
        if (!Objects.equals(now, seen)) {
            changedAt = System.nanoTime();
            stillSince = idleNow;
        }
        seen = now;
        return left() <= 0 || idleNow - stillSince >= still;
    }

    /// Nanoseconds.
    private long left() {
        var now = System.nanoTime();
        return Math.min(limit - (now - changedAt), bound - (now - begin));
    }

    /// How long it has been.
    public Duration waited() { return Duration.ofNanos(System.nanoTime() - begin); }

    /// The same in words: `5.0 s`.
    public String after() { return seconds(waited()); }

    /// In words, to a tenth: `5.0 s`.
    public static String seconds(Duration duration) {
        return "%.1f s".formatted(duration.toMillis() / 1000.0);
    }

    /// How long to sleep at most until [#passed] is to be asked again, milliseconds, above 0.
    public long step() {
        var left = Math.max(1, left() / 1_000_000);
        return idle == UNWATCHED ? left : Math.min(left, 20);
    }

    /// Asks again every few milliseconds until `wanted` holds or this has passed; the last value
    /// either way.
    public <T> T poll(Supplier<T> value, Predicate<T> wanted) {
        while (true) {
            var now = value.get();
            if (wanted.test(now) || passed(now)) return now;
            pause();
        }
    }

    /// A few milliseconds between two looks at something that can't announce itself, such as
    /// another process.
    public static void pause() {
        LockSupport.parkNanos(3_000_000);
        if (Thread.currentThread().isInterrupted()) throw new CancellationException("interrupted");
    }

    /// Waits for a `notifyAll` of this monitor, which this thread owns, for 20 ms at most.
    public static void await(Object monitor) {
        try {
            monitor.wait(20);
        } catch (InterruptedException cancelled) {
            throw new CancellationException("interrupted");
        }
    }
}
