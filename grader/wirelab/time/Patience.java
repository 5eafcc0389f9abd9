package wirelab.time;

import module java.base;

/// How long the checks of one run wait for what a healthy subject does at once.
///
/// On a busy machine that may take seconds: a wait is [Deadline#SOON]. As long as something new
/// comes it goes on, up to a bound. But if the machine is idle and nothing changes all the same,
/// there is nothing to wait for: such a wait is over after 1.5 s of that.
public final class Patience {
    /// How long nothing may change while the machine has nothing to do. Longer than the second
    /// after which TCP sends its handshake again (RFC 6298 §2.1).
    private static final Duration STILL = Duration.ofMillis(1_500);

    private final LongSupplier idle;

    private Patience(LongSupplier idle) { this.idle = idle; }

    /// For a subject on this machine.
    public static Patience with(IdleMachine machine) { return new Patience(machine::idle); }

    /// For a subject elsewhere, which may be busy while this machine is idle: each wait has all
    /// its time.
    public static Patience withAnotherMachine() { return new Patience(() -> 0); }

    /// For something that a healthy subject does at once. Not for a client that may be asleep
    /// between two tries: see [Deadline#afterProgress].
    public Deadline soon() { return soonAfter(Duration.ZERO); }

    /// For something that a healthy subject does after this time.
    public Deadline soonAfter(Duration pause) {
        var limit = pause.plus(Deadline.SOON);
        return new Deadline(limit, pause.plus(Deadline.PROGRESS), pause.plus(STILL), idle);
    }
}
