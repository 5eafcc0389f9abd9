package wirelab;

import module java.base;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.LockSupport;

/// The end of a wait.
///
/// What a healthy subject does at once may take seconds on a busy machine: [#soon] waits that long.
/// But where nobody computes anything and nothing changes all the same, there is nothing to wait
/// for: such a wait is over after [#STILL] of that.
final class Deadline {
    /// How long nothing may change while the machine has nothing to do. Longer than the second
    /// after which TCP sends its handshake again (RFC 6298 §2.1).
    private static final Duration STILL = Duration.ofMillis(1_500);

    private static final LongSupplier UNWATCHED = () -> 0;

    private final long begin = System.nanoTime();
    private final long limit;
    private final long still;
    private final LongSupplier idle;
    private long stillSince;
    private Object seen;

    /// @param idle how long the machine has been idle so far, nanoseconds
    Deadline(Duration limit, Duration still, LongSupplier idle) {
        this.limit = limit.toNanos();
        this.still = still.toNanos();
        this.idle = idle;
        stillSince = idle.getAsLong();
    }

    static Deadline in(Duration wait) { return new Deadline(wait, wait, UNWATCHED); }

    /// For something that a healthy subject does at once. Not for a client that may be asleep
    /// between two tries.
    static Deadline soon() { return soonAfter(Duration.ZERO); }

    /// For something that a healthy subject does after this time.
    static Deadline soonAfter(Duration pause) {
        return new Deadline(pause.plus(Checks.SOON), pause.plus(STILL), Machine::idle);
    }

    boolean passed() { return passed(null); }

    /// @param now what there is by now; as long as that changes, [#STILL] begins afresh
    boolean passed(Object now) {
        var idleNow = idle.getAsLong();
        if (!Objects.equals(now, seen)) stillSince = idleNow;
        seen = now;
        return waited().toNanos() >= limit || idleNow - stillSince >= still;
    }

    /// How long it has been.
    Duration waited() { return Duration.ofNanos(System.nanoTime() - begin); }

    /// The same in words.
    String after() { return Console.seconds(waited()); }

    /// How long to sleep at most until [#passed] is to be asked again, milliseconds, above 0.
    long step() {
        var left = Math.max(1, (limit - waited().toNanos()) / 1_000_000);
        return idle == UNWATCHED ? left : Math.min(left, 20);
    }

    /// A few milliseconds between two looks at something that can't announce itself, such as
    /// another process.
    static void pause() {
        LockSupport.parkNanos(3_000_000);
        if (Thread.currentThread().isInterrupted()) throw new CancellationException("interrupted");
    }

    /// A subject on another machine may be busy while this one is idle: from now on, each wait is
    /// as long as its limit.
    static void elsewhere() { Machine.everything = false; }

    /// Watches how busy this machine is, all processors and processes together.
    static final class Machine {
        /// Long enough to count what the processors did, nanoseconds.
        private static final long WINDOW = 50_000_000;
        /// Whether this machine is all that takes part.
        private static volatile boolean everything = true;
        private static long lookedAt;
        private static long idle;

        /// How long it has been idle so far, nanoseconds. Only what is watched counts: whoever
        /// waits asks again every few milliseconds.
        static synchronized long idle() {
            var now = System.nanoTime();
            var window = now - lookedAt;
            if (window < WINDOW) return idle;
            lookedAt = now;
            // Nobody was waiting until now, or was held up: nothing is known of that time.
            if (window >= 3 * WINDOW || !everything) return idle;
            // Below 0 where it is not known. A thread that computes makes it 1 and more.
            var busy = Processors.LOAD.getCpuLoad() * Runtime.getRuntime().availableProcessors();
            if (busy >= 0 && busy < 0.6) idle += window;
            return idle;
        }

        /// Loaded when somebody waits for the first time, and that is not when all goes well.
        private static final class Processors {
            private static final OperatingSystemMXBean LOAD =
                (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        }
    }
}
