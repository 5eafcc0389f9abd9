package wirelab.command.watch;

import module java.base;
import market.Market;
import wirelab.checkout.Checkout;
import wirelab.subject.ChildProcess;

/// A JVM for the student's code that stays warm: a [Worker], seen from `jbang watch`.
final class HotJvm {
    /// Hears what comes from it, on threads of its own.
    interface Ear {
        void said(HotJvm from, WorkerMessage message);

        /// The student's code printed a line.
        void printed(HotJvm from, String line);

        void ended(HotJvm from);
    }

    private final Process process;
    private Path warmed;
    /// How many runs it was told to make, and how many it has begun.
    private int ordered;
    private int begun;

    HotJvm(Ear ear, boolean colour) {
        var builder = new ProcessBuilder(ChildProcess.JAVA, "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC", "-Xmx1g", "-cp", System.getProperty("java.class.path"),
            Worker.class.getName()).directory(Checkout.root().resolve("labs").toFile());
        if (colour) builder.environment().put("FORCE_COLOR", "1");
        try {
            process = builder.start();
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
        read(process.inputReader(StandardCharsets.UTF_8), line -> ear.said(this, message(line)),
            () -> ear.ended(this));
        read(process.errorReader(StandardCharsets.UTF_8), line -> ear.printed(this, line),
            () -> { });
    }

    private static void read(BufferedReader reader, Consumer<String> line, Runnable end) {
        Thread.ofPlatform().daemon().name("worker output").start(() -> {
            try (reader) {
                for (String text; (text = reader.readLine()) != null; ) line.accept(text);
            } catch (IOException killed) {
                // Told as its end.
            }
            end.run();
        });
    }

    private static WorkerMessage message(String line) {
        try {
            return Market.JSON.readValue(line, WorkerMessage.class);
        } catch (IOException malformed) {
            return new WorkerMessage.Line(line);
        }
    }

    /// @param begin the number of the claim to begin with
    void check(Path lab, int begin) { order(new WorkerOrder(lab, begin, false)); }

    /// Runs a solution once, of which nobody hears: what has run before runs faster.
    void warm(Path solution) {
        if (!solution.equals(warmed)) order(new WorkerOrder(solution, 1, true));
        warmed = solution;
    }

    private void order(WorkerOrder order) {
        ordered++;
        try {
            process.outputWriter().write(Market.JSON.writeValueAsString(order) + "\n");
            process.outputWriter().flush();
        } catch (IOException ended) {
            // It is replaced when its end is read.
        }
    }

    /// It has begun with its next order.
    void begins() { begun++; }

    /// Whether what it says now is about a text that has been saved again since.
    boolean isBehind() { return begun < ordered; }

    /// Its exit code, when it has ended.
    int code() {
        try {
            return process.waitFor();
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
            return -1;
        }
    }

    void close() { process.destroyForcibly(); }
}
