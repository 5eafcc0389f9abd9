package wirelab;

import module java.base;
import java.lang.management.ManagementFactory;

/// The JVM in which `jbang watch` runs a student's code, time after time: whatever that code does,
/// it does it here. It reads orders from stdin, a line each: the number of the claim to begin with,
/// a blank, and the path of a lab's file. It writes to stdout a line [#BEGIN], the report, then a
/// line that begins with [#END]. An order that comes during a run ends that run.
final class Worker {
    /// The line before a report: the answer to the next order begins. What comes before it was
    /// said when that order had not been read.
    static final String BEGIN = "\u0007";
    /// Begins the line after a report: the exit code, the number of the first broken claim or 0,
    /// how many claims are kept and how many count.
    static final String END = "\u0004";
    /// The exit code where the code did not compile.
    static final int UNCOMPILED = 4;
    /// Begins a line that is of interest only until the next one without it.
    static final String PASSING = "\u0001";
    /// Follows [#END] when something of this run goes on: a new JVM is better for the next one.
    static final String LEFTOVERS = "\u0005";

    /// Before an order: no report is wanted.
    static final String QUIET = "\u0006";

    /// The exit code when a run could not be ended: the next one needs another JVM.
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
            for (String order; (order = orders.readLine()) != null; ) {
                if (run != null && !ended(run)) Runtime.getRuntime().halt(HURRIED);
                if (turn != null) turn.over = true;
                var next = turn = new Turn(out, order.startsWith(QUIET));
                out.println(BEGIN);
                var words = order.replace(QUIET, "").split(" ", 2);
                run = Thread.ofPlatform().name("run").start(() ->
                    run(Path.of(words[1]), Integer.parseInt(words[0]), next));
            }
        }
        // Not exit: what a student's code has left behind could hold it up.
        Runtime.getRuntime().halt(0);
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

    private void run(Path file, int begin, Turn turn) {
        var report = new PrintStream(turn, true, StandardCharsets.UTF_8);
        try {
            check(file, begin, report);
        } catch (CancellationException cancelled) {
            return;
        } catch (Exception | LinkageError fault) {
            report.println("A fault of Wirelab, not of your code: " + fault);
            report.println(END + "3 0 0 0");
        }
        if (leftovers()) report.println(LEFTOVERS);
    }

    private static void check(Path file, int begin, PrintStream report) throws IOException {
        var name = file.getFileName().toString().replace(".java", "");
        switch (Compiler.compile(name, Files.readString(file))) {
            case Compiler.Errors errors -> {
                report.println("lab " + name.substring(3) + " does not compile");
                errors.lines().forEach(line -> report.println("  ✘ " + line));
                report.println(END + UNCOMPILED + " 0 0 0");
            }
            case Compiler.Classes classes -> examine(classes.lab(), file, begin, report);
        }
    }

    private static void examine(Lab lab, Path file, int begin, PrintStream report) {
        try (var subject = new InJvm(lab)) {
            var outcomes = new Examination(lab.number, subject).watch(report, file, begin);
            var broken = Console.firstBroken(outcomes).map(Claim::number).orElse(0);
            report.println(END + Console.code(outcomes) + " " + broken + " "
                + Console.kept(outcomes) + " " + Console.counted(outcomes).size());
        }
    }

    /// What one run may say until the next begins.
    private static final class Turn extends FilterOutputStream {
        private final boolean quiet;
        volatile boolean over;

        Turn(OutputStream out, boolean quiet) {
            super(out);
            this.quiet = quiet;
        }

        @Override public void write(byte[] bytes, int from, int count) throws IOException {
            if (!over && !quiet) out.write(bytes, from, count);
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
