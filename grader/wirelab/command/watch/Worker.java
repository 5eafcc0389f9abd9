package wirelab.command.watch;

import module java.base;
import java.lang.management.ManagementFactory;
import market.Market;
import wirelab.check.Room;
import wirelab.checkout.LabId;
import wirelab.command.Examination;
import wirelab.source.Compiler;
import wirelab.subject.Handover;
import wirelab.subject.InJvm;
import wirelab.verdict.Claim;

/// The JVM in which `jbang watch` runs a student's code, time after time: whatever that code does,
/// it does it here. It reads each [WorkerOrder] from stdin, and answers with a
/// [WorkerMessage.Begin], the report, and a [WorkerMessage.End]. An order that comes during a run
/// ends that run.
final class Worker {
    /// The exit code where the code did not compile.
    static final int UNCOMPILED = 4;
    /// The exit code of this JVM when a run could not be ended: the next one needs another JVM.
    static final int HURRIED = 75;

    /// How long a run that is interrupted may take to end, milliseconds.
    private static final int HURRY = 300;
    private static final int THREADS = 40;

    private final PrintStream out;
    private final int threads = threads();

    private Worker(PrintStream out) { this.out = out; }

    static void main() throws Exception {
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), true,
            StandardCharsets.UTF_8);
        // What a student's code prints must not look like a report.
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.err), true,
            StandardCharsets.UTF_8));
        System.setErr(System.out);
        // What is cancelled ends with an exception that is nobody's fault.
        Thread.setDefaultUncaughtExceptionHandler((_, failure) -> {
            if (!(failure instanceof CancellationException)) failure.printStackTrace();
        });
        new Worker(out).work();
    }

    private void work() throws Exception {
        Thread run = null;
        Turn turn = null;
        try (var orders = new BufferedReader(new InputStreamReader(System.in,
            StandardCharsets.UTF_8))) {
            for (String line; (line = orders.readLine()) != null; ) {
                if (run != null && !ended(run)) Runtime.getRuntime().halt(HURRIED);
                if (turn != null) turn.over = true;
                var order = Market.JSON.readValue(line, WorkerOrder.class);
                var next = turn = new Turn(order.quiet());
                say(new WorkerMessage.Begin());
                run = Thread.ofPlatform().name("run").start(() -> run(order, next));
            }
        }
        // Not exit: what a student's code has left behind could hold it up.
        Runtime.getRuntime().halt(0);
    }

    private void say(WorkerMessage message) {
        try {
            out.println(Market.JSON.writeValueAsString(message));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    private static boolean ended(Thread run) throws InterruptedException {
        var ended = !run.isAlive();
        // Again and again: what a check closes may swallow one, and so may JUnit.
        for (var waited = 0; !ended && waited < HURRY; waited += 20) {
            run.interrupt();
            ended = run.join(Duration.ofMillis(20));
        }
        return ended;
    }

    private void run(WorkerOrder order, Turn turn) {
        try {
            turn.say(check(order, turn));
        } catch (CancellationException cancelled) {
            return;
        } catch (Exception | LinkageError fault) {
            turn.say(new WorkerMessage.Line("A fault of Wirelab, not of your code: " + fault));
            turn.say(new WorkerMessage.End(3, 0, 0, 0));
        }
        if (leftovers()) turn.say(new WorkerMessage.Leftovers());
    }

    private WorkerMessage.End check(WorkerOrder order, Turn turn) throws IOException {
        var lab = LabId.named(order.file().getFileName().toString().replace(".java", ""))
            .orElseThrow();
        return switch (Compiler.compile(lab.name(), Files.readString(order.file()))) {
            case Compiler.Errors errors -> {
                turn.say(new WorkerMessage.Line("lab " + lab.digits() + " does not compile"));
                errors.lines().forEach(line -> turn.say(new WorkerMessage.Line("  ✘ " + line)));
                yield new WorkerMessage.End(UNCOMPILED, 0, 0, 0);
            }
            case Compiler.Classes classes -> examine(classes, Room.of(lab), order, turn);
        };
    }

    private WorkerMessage.End examine(Compiler.Classes classes, Room room, WorkerOrder order,
            Turn turn) {
        try (var subject = new InJvm(Handover.of(classes), room.brisk())) {
            var score = new Examination(room, subject).watch(turn.lines(WorkerMessage.Line::new),
                turn.lines(WorkerMessage.Passing::new), order.file(), order.begin());
            return new WorkerMessage.End(score.code(),
                score.firstBroken().map(Claim::number).orElse(0), score.kept(), score.total());
        }
    }

    /// What one run may say until the next begins.
    private final class Turn {
        private final boolean quiet;
        volatile boolean over;

        Turn(boolean quiet) { this.quiet = quiet; }

        synchronized void say(WorkerMessage message) {
            if (!over && !quiet) Worker.this.say(message);
        }

        /// Makes a message of each line that is printed.
        PrintStream lines(Function<String, WorkerMessage> message) {
            var line = new ByteArrayOutputStream() {
                @Override public void flush() {
                    var text = toString(StandardCharsets.UTF_8);
                    if (!text.endsWith("\n")) return;
                    reset();
                    text.lines().forEach(one -> say(message.apply(one)));
                }
            };
            return new PrintStream(line, true, StandardCharsets.UTF_8);
        }
    }

    /// Whether threads go on, or work goes on, a moment after a run, or memory runs out.
    private boolean leftovers() {
        var runtime = Runtime.getRuntime();
        var used = runtime.totalMemory() - runtime.freeMemory();
        if (threads() > threads + THREADS || used > runtime.maxMemory() / 2) return true;
        var before = cpu();
        try {
            // Nobody waits for this. The kit's own threads have ended by then.
            Thread.sleep(500);
        } catch (InterruptedException next) {
            return false;
        }
        return cpu() - before > 250_000_000;
    }

    private static int threads() { return ManagementFactory.getThreadMXBean().getThreadCount(); }

    /// How long all threads have worked, nanoseconds.
    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean)
            ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }
}
