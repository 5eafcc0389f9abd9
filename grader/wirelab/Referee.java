package wirelab;

import module java.base;
import java.lang.reflect.Method;
import org.junit.jupiter.api.extension.*;
import org.opentest4j.TestAbortedException;

/// Forms the verdict of each check: runs it under a limit, and tells a broken promise from a dead
/// subject,
/// from one that doesn't answer, and from a fault of the kit.
final class Referee implements InvocationInterceptor {
    /// For one check, all its waits together.
    static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Verdict CANCELLED = new Verdict.Skipped("the run was cancelled");

    @Override public void interceptTestMethod(Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> context, ExtensionContext extension) {
        var checks = (Checks) context.getTarget().orElseThrow();
        var claim = Claim.of(checks.getClass()).stream()
            .filter(one -> one.method().equals(context.getExecutable().getName())).findFirst()
                .orElseThrow();
        var bench = checks.bench;
        if (bench.stopped(claim).isPresent()) {
            invocation.skip();
            bench.skip(claim);
            return;
        }
        var start = System.nanoTime();
        var verdict = judge(invocation, checks, claim);
        bench.report(new Outcome(claim, verdict, Duration.ofNanos(System.nanoTime() - start)));
        // A server that hangs takes its time to stop: nobody should wait for that verdict.
        checks.close();
        if (verdict instanceof Verdict.Crashed || verdict instanceof Verdict.TimedOut)
            bench.subject.renew();
    }

    private static Verdict judge(Invocation<Void> invocation, Checks checks, Claim claim) {
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
            return new Verdict.TimedOut(checks.promised(), LIMIT, checks.transcript());
        } catch (InterruptedException cancelled) {
            // Either this check is not wanted any more, or the whole run.
            if (checks.bench.stopped(claim).isEmpty()) checks.bench.cancel();
            return CANCELLED;
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        } finally {
            thread.interrupt();
        }
    }

    private static Verdict result(CompletableFuture<Verdict> result, Checks checks, Claim claim)
            throws ExecutionException, InterruptedException, TimeoutException {
        var listener = checks.bench.listener;
        try {
            return result.get(listener.patience(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException slow) {
            listener.waits(claim, checks);
            return result.get(LIMIT.toMillis() - listener.patience(), TimeUnit.MILLISECONDS);
        }
    }

    private static Verdict verdict(Throwable thrown, Checks checks) {
        if (thrown instanceof Subject.Died died) {
            if (checks.transcript().isEmpty()) checks.bench.stop(died.how.getFirst());
            return new Verdict.Crashed(died.how, checks.transcript());
        }
        return switch (thrown) {
            case AssertionError broken -> checks.died(Duration.ZERO)
                .orElseGet(() -> checks.fail(lines(broken, checks.promised())));
            case Http.NoAnswer none when none.waited != null ->
                new Verdict.TimedOut(none.getMessage(), none.waited, checks.transcript());
            case Http.NoAnswer none -> checks.died(Duration.ofMillis(250))
                .orElseGet(() -> checks.fail(List.of(none.getMessage())));
            case TestAbortedException aborted -> new Verdict.Skipped(aborted.getMessage());
            case CancellationException _ -> CANCELLED;
            default -> new Verdict.KitFault(thrown.toString(), Stream.of(thrown.getStackTrace())
                .map(Object::toString).toList());
        };
    }

    /// What was seen, from an assertion's message: without the description that AssertJ puts before
    /// it, and without the expected value, which the promise has named already.
    private static List<String> lines(AssertionError broken, String description) {
        var message = Objects.toString(broken.getMessage(), "");
        var before = "[" + description + "]";
        if (message.startsWith(before)) message = message.substring(before.length());
        var seen = message.replaceFirst("(?s)^\\s*expected:.*?\\n but was: ?", "");
        return seen.lines().map(String::strip).filter(line -> !line.isEmpty()).limit(8).toList();
    }
}
