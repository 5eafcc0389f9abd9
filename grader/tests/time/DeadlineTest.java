package wirelab.time;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

/// How long a check waits for what should come at once.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class DeadlineTest {
    private static final long SECOND = 1_000_000_000;
    /// How long the machine has been idle, nanoseconds.
    private long idle;
    private final Deadline deadline = new Deadline(Deadline.SOON, Deadline.PROGRESS,
        Duration.ofSeconds(2), () -> idle);

    @Test void it_is_over_when_the_machine_was_idle_and_nothing_changed() {
        assertThat(deadline.passed("nothing")).isFalse();
        idle += SECOND;
        assertThat(deadline.passed("nothing")).isFalse();
        idle += SECOND;
        assertThat(deadline.passed("nothing")).isTrue();
    }

    @Test void whatever_changes_is_waited_for() {
        for (var i = 0; i < 20; i++) {
            idle += SECOND;
            assertThat(deadline.passed(i)).isFalse();
        }
    }

    @Test void a_wait_goes_on_while_something_new_comes() {
        var limit = Duration.ofMillis(30);
        var deadline = new Deadline(limit, limit.multipliedBy(5), limit, () -> 0);
        var end = Deadline.in(limit.multipliedBy(2));

        for (var i = 0; !end.passed(); i++) {
            assertThat(deadline.passed(i)).isFalse();
            Deadline.pause();
        }
        assertThat(lasts(deadline)).isGreaterThanOrEqualTo(limit.multipliedBy(3));
    }

    @Test void a_wait_has_a_bound_whatever_comes() {
        var bound = Duration.ofMillis(30);
        var deadline = new Deadline(bound, bound, bound, () -> 0);

        for (var i = 0; !deadline.passed(i); i++) Deadline.pause();
        assertThat(deadline.waited()).isGreaterThanOrEqualTo(bound);
    }

    @Test void a_busy_machine_has_the_whole_time() {
        var limit = Duration.ofMillis(20);
        assertThat(lasts(new Deadline(limit, limit, Duration.ofMillis(1), () -> idle)))
            .isGreaterThanOrEqualTo(limit);
    }

    @Test void a_limit_that_is_named_is_kept() {
        var limit = Duration.ofMillis(20);
        assertThat(lasts(Deadline.in(limit))).isGreaterThanOrEqualTo(limit);
    }

    private static Duration lasts(Deadline deadline) {
        while (!deadline.passed()) Deadline.pause();
        return deadline.waited();
    }

    @Test void a_machine_is_not_idle_while_one_thread_computes() {
        var done = new AtomicBoolean();
        var begun = new CountDownLatch(1);
        Thread.ofPlatform().start(() -> {
            for (var i = 0L; !done.get(); i++) if (i == 1_000_000) begun.countDown();
        });
        try {
            begun.await();
            var machine = new IdleMachine();
            machine.idle();
            // The first look after that still sees what was before.
            lasts(Deadline.in(Duration.ofMillis(60)));
            var before = machine.idle();
            var end = Deadline.in(Duration.ofMillis(500));
            while (!end.passed()) {
                assertThat(machine.idle()).isEqualTo(before);
                Deadline.pause();
            }
        } catch (InterruptedException cancelled) {
            throw new CancellationException();
        } finally {
            done.set(true);
        }
    }
}
