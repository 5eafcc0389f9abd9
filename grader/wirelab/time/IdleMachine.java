package wirelab.time;

import module java.base;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/// Watches how busy this machine is, all processors and processes together.
public final class IdleMachine {
    /// Long enough to count what the processors did, nanoseconds.
    private static final long WINDOW = 50_000_000;

    private long lookedAt = System.nanoTime();
    private long idle;

    /// How long it has been idle so far, nanoseconds. Only watched time counts: a wait asks again
    /// every few milliseconds.
    public synchronized long idle() {
        var now = System.nanoTime();
        var window = now - lookedAt;
        if (window < WINDOW) return idle;
        lookedAt = now;
        // Nobody was waiting until now, or was held up: nothing is known of that time.
        if (window >= 3 * WINDOW) return idle;
        // Below 0 where it is not known. A thread that computes makes it 1 and more.
        var busy = Processors.LOAD.getCpuLoad() * Runtime.getRuntime().availableProcessors();
        if (busy >= 0 && busy < 0.6) idle += window;
        return idle;
    }

    /// Loaded at the first wait: a run in which all goes well does not wait.
    private static final class Processors {
        private static final OperatingSystemMXBean LOAD =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    }
}
