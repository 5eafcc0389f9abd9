package wirelab;

import module java.base;
import java.util.concurrent.locks.LockSupport;

/// A moment to wait until.
record Deadline(long nanoTime) {
    static Deadline in(Duration wait) { return new Deadline(System.nanoTime() + wait.toNanos()); }

    boolean passed() { return System.nanoTime() - nanoTime >= 0; }

    /// A few milliseconds between two looks at something that can't announce itself, such as
    /// another process.
    static void pause() {
        LockSupport.parkNanos(3_000_000);
        if (Thread.currentThread().isInterrupted()) throw new CancellationException("interrupted");
    }
}
