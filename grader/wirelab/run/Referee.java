package wirelab.run;

import module java.base;
import java.lang.reflect.Method;
import org.junit.jupiter.api.extension.*;
import org.opentest4j.TestAbortedException;
import wirelab.check.Broken;
import wirelab.check.Checks;
import wirelab.subject.Subject;
import wirelab.time.Deadline;
import wirelab.verdict.*;
import wirelab.wire.NoAnswer;

/// Forms the verdict of each check: runs it under a limit, and tells a broken promise from a dead
/// subject, from one that doesn't answer, and from a fault of the kit.
final class Referee implements InvocationInterceptor {
    private static final Verdict CANCELLED = new Verdict.Skipped("the run was cancelled");

    private final Run run;
    private final Subject subject;
    private final Map<String, Claim> claims;

    /// @param claims that are examined in this run
    Referee(Run run, Subject subject, List<Claim> claims) {
        this.run = run;
        this.subject = subject;
        this.claims = claims.stream().collect(Collectors.toMap(Claim::method, claim -> claim));
    }

    @Override public void interceptTestMethod(Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> context, ExtensionContext extension) {
        var checks = (Checks) context.getTarget().orElseThrow();
        var claim = claims.get(context.getExecutable().getName());
        if (run.stopped(claim).isPresent()) {
            invocation.skip();
            run.skip(claim);
            return;
        }
        var start = System.nanoTime();
        var verdict = judge(invocation, checks, claim);
        run.report(new Outcome(claim, verdict, Duration.ofNanos(System.nanoTime() - start)));
        // A server that hangs takes its time to stop: nobody should wait for that verdict.
        checks.close();
        if (verdict instanceof Verdict.Crashed || verdict instanceof Verdict.TimedOut)
            subject.renew();
    }

    private Verdict judge(Invocation<Void> invocation, Checks checks, Claim claim) {
        var result = new CompletableFuture<Verdict>();
        var thread = Thread.ofVirtual().name("check").start(() -> {
            try {
                invocation.proceed();
                result.complete(new Verdict.Pass());
            } catch (Throwable thrown) {
                result.complete(verdict(thrown, checks));
            }
        });
        try {
            return result(result, checks, claim);
        } catch (TimeoutException late) {
            return new Verdict.TimedOut(checks.promised(), "nothing of it", Deadline.CHECK,
                checks.transcript());
        } catch (InterruptedException cancelled) {
            // Either this check is not wanted any more, or the whole run.
            if (run.stopped(claim).isEmpty()) run.cancel();
            return CANCELLED;
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        } finally {
            thread.interrupt();
        }
    }

    private Verdict result(CompletableFuture<Verdict> result, Checks checks, Claim claim)
            throws ExecutionException, InterruptedException, TimeoutException {
        var patience = run.listener.patience();
        try {
            return result.get(patience, TimeUnit.MILLISECONDS);
        } catch (TimeoutException slow) {
            run.listener.waits(claim, checks);
            return result.get(Deadline.CHECK.toMillis() - patience, TimeUnit.MILLISECONDS);
        }
    }

    private Verdict verdict(Throwable thrown, Checks checks) {
        return switch (thrown) {
            case Subject.Died died -> {
                if (checks.transcript().isEmpty()) run.stop(died.how().getFirst());
                yield new Verdict.Crashed(died.how(), checks.transcript());
            }
            case Broken broken -> checks.died(Duration.ZERO)
                .orElseGet(() -> checks.fail(broken.promise(), broken.saw()));
            // What a reader of the wire says of what came in place of what was promised.
            case AssertionError other -> checks.died(Duration.ZERO)
                .orElseGet(() -> checks.fail(checks.promised(), List.of("" + other.getMessage())));
            case NoAnswer none when none.waited().isPresent() -> late(none, checks);
            case NoAnswer none -> checks.died(Duration.ofMillis(250))
                .orElseGet(() -> checks.fail(checks.promised(), List.of(none.getMessage())));
            case TestAbortedException aborted -> new Verdict.Skipped(aborted.getMessage());
            case CancellationException _ -> CANCELLED;
            default -> new Verdict.KitFault(thrown.toString(), Stream.of(thrown.getStackTrace())
                .map(Object::toString).toList());
        };
    }

    private static Verdict late(NoAnswer none, Checks checks) {
        var promise = checks.promised() == Promise.NONE
            ? new Promise(none.getMessage(), "", "") : checks.promised();
        return new Verdict.TimedOut(promise, "no " + none.getMessage().replaceFirst("^an? ", ""),
            none.waited().orElseThrow(), checks.transcript());
    }
}
