package wirelab.subject;

import module java.base;

/// A process whose output is read to its end, however much it prints, and whose descendants die
/// with it.
public final class ChildProcess {
    /// The program `java` that runs this.
    public static final String JAVA =
        Path.of(System.getProperty("java.home"), "bin", "java").toString();

    private static final int KEPT = 8_000;

    /// How long its last words may take to be read. What it has started may hold its output
    /// open forever.
    private static final Duration LAST_WORDS = Duration.ofSeconds(1);

    private final Process process;
    private final Thread reader;
    private final StringBuilder printed = new StringBuilder();

    ChildProcess(List<String> command, Map<String, String> variables, Consumer<String> line) {
        this(command, variables, line, new AtomicReference<>());
    }

    ChildProcess(List<String> command, Map<String, String> variables, Consumer<String> line,
        AtomicReference<ChildProcess> self) {
        self.set(this);
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(variables);
        try {
            process = builder.start();
        } catch (IOException cause) {
            throw new Subject.Died(List.of("it can't be started: " + cause.getMessage()));
        }
        // Reading a pipe keeps a virtual thread's carrier, and many clients are read at once.
        reader = Thread.ofPlatform().daemon().name("output").start(() -> read(line));
    }

    private void read(Consumer<String> line) {
        // Not BufferedReader.readLine: one endless line must not fill the memory.
        try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
            var current = new StringBuilder();
            for (int c; (c = reader.read()) >= 0; ) {
                if (c != '\n' && current.length() < 1_000_000) current.append((char) c);
                else {
                    keep(current + "\n");
                    line.accept(current.toString());
                    current.setLength(0);
                }
            }
            keep(current.toString());
        } catch (IOException killed) {
            // Its output ends with it.
        }
    }

    /// The first and the last of it; the line that tells the port is among the first.
    private synchronized void keep(String text) {
        printed.append(text);
        if (printed.length() > 4 * KEPT) printed.delete(KEPT, printed.length() - KEPT);
    }

    long pid() { return process.pid(); }

    synchronized String printed() { return printed.toString(); }

    void say(String answer) {
        try {
            process.outputWriter(StandardCharsets.UTF_8).write(answer + "\n");
            process.outputWriter(StandardCharsets.UTF_8).flush();
        } catch (IOException gone) {
            // ended() tells how.
        }
    }

    Optional<List<String>> ended() {
        if (process.isAlive()) return Optional.empty();
        try {
            reader.join(LAST_WORDS);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
        var how = new ArrayList<>(List.of("it exited with code " + process.exitValue()));
        printed().lines().toList().reversed().stream().filter(line -> !line.isBlank()).limit(3)
            .map(line -> "printed: "
                + (line.length() > 200 ? line.substring(0, 200) + "…" : line))
            .forEach(line -> how.add(1, line));
        return Optional.of(how);
    }

    /// SIGTERM to it and its descendants, a second to obey, then SIGKILL.
    void end() {
        var family = Stream.concat(process.descendants(), Stream.of(process.toHandle()))
            .toList();
        family.forEach(ProcessHandle::destroy);
        try {
            process.waitFor(1, TimeUnit.SECONDS);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
        family.forEach(ProcessHandle::destroyForcibly);
    }

    void kill() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
