import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// What the benchmarks share: servers in processes of their own, and how they fail.
@Command(sortOptions = false, exitCodeListHeading = "Exit codes:%n", exitCodeList = {
    "0:measured", "2:wrong usage, or something is not installed", "3:a server failed"})
abstract class Benchmark implements Callable<Integer> {
    /// How long a server may take for one step.
    static final Duration PATIENCE = Duration.ofSeconds(120);

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    boolean help;

    /// What the caller can fix.
    static final class Unusable extends RuntimeException {
        Unusable(String what) { super(what); }
    }

    /// Runs it as a command, and exits.
    void run(String... args) {
        System.exit(new CommandLine(this).setExecutionExceptionHandler((failure, line, _) -> {
            line.getErr().println(failure.getMessage());
            return failure instanceof Unusable ? 2 : 3;
        }).execute(args));
    }

    static void check(String option, int value, int least, int most) {
        if (value < least || value > most)
            throw new Unusable("%s %d: must be from %d to %d.".formatted(option, value, least,
                most));
    }

    /// The checkout that this is part of.
    static Path root() {
        return Scripts.root().orElseThrow(() -> new Unusable(
            "No folder with labs/ and solutions/ here or above. Go into a checkout."));
    }

    /// A server on Node.js.
    ///
    /// @param script     in grader/tests/clients
    /// @param dependency the npm package that it needs
    static List<String> node(String script, String dependency, String... args) {
        var clients = root().resolve("grader/tests/clients");
        if (!Files.isDirectory(clients.resolve("node_modules").resolve(dependency)))
            throw new Unusable("npm " + dependency + " is not installed. Try: npm ci --prefix "
                + clients);
        return Stream.concat(Stream.of("node", clients.resolve(script).toString()),
            Stream.of(args)).toList();
    }

    /// A solution with all of the JVM's compilers: it runs for long, unlike a student's checks.
    static List<String> lab(String number) {
        return List.of(root().resolve("jbang").toString(), "-R=-XX:TieredStopAtLevel=4",
            root().resolve("solutions/lab" + number + ".java").toString(),
            "serve", "--port", "0", "--ticker", "0");
    }

    /// Memory in bytes.
    ///
    /// @param resident of the process
    /// @param heap     of its live objects, NaN if it is no JVM
    record Memory(double resident, double heap) {
        Memory minus(Memory other) {
            return new Memory(resident - other.resident, heap - other.heap);
        }
    }

    /// A server in a process of its own.
    static final class Server implements AutoCloseable {
        private static final Pattern LISTENING = Pattern.compile(
            "listening on http://127.0.0.1:(\\d+)");

        private final Process process;
        private final Deque<String> printed = new ConcurrentLinkedDeque<>();
        private final CompletableFuture<Integer> listening = new CompletableFuture<>();
        private final Thread killer = new Thread(this::kill);
        final int port;

        Server(List<String> command, Map<String, String> environment) throws IOException {
            var builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().putAll(environment);
            process = builder.start();
            Runtime.getRuntime().addShutdownHook(killer);
            // Reading a pipe holds the carrier of a virtual thread, and there are few.
            Thread.ofPlatform().daemon().start(this::read);
            port = listening.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                .exceptionally(_ -> fail(command)).join();
        }

        /// All that it prints: a full pipe would stop it.
        private void read() {
            try (var reader = process.inputReader()) {
                for (String line; (line = reader.readLine()) != null; ) {
                    var said = LISTENING.matcher(line);
                    if (said.find()) listening.complete(Integer.parseInt(said.group(1)));
                    printed.add(line);
                    if (printed.size() > 10) printed.removeFirst();
                }
                listening.completeExceptionally(new EOFException());
            } catch (IOException killed) {
                listening.completeExceptionally(killed);
            }
        }

        private int fail(List<String> command) {
            close();
            throw new IllegalStateException(String.join(" ", command) + " does not listen after "
                + PATIENCE.toSeconds() + " s. It printed:\n" + String.join("\n", printed));
        }

        /// The process and those that it started: one of them is the server.
        private Stream<ProcessHandle> family() {
            return Stream.concat(Stream.of(process.toHandle()), process.descendants());
        }

        /// Of its family: the others only started it.
        private ProcessHandle largest() {
            return family().max(Comparator.comparingLong(one -> resident(one.pid()))).orElseThrow();
        }

        /// How long its threads have worked.
        Duration cpu() { return largest().info().totalCpuDuration().orElse(Duration.ZERO); }

        Memory memory() throws IOException {
            var pid = largest().pid();
            // In this order: it begins with a collection, which gives memory back.
            var heap = heap(pid);
            return new Memory(resident(pid), heap);
        }

        private void kill() { family().toList().forEach(ProcessHandle::destroyForcibly); }

        @Override public void close() {
            kill();
            Runtime.getRuntime().removeShutdownHook(killer);
        }
    }

    /// Bytes of a process in memory; 0 if it is gone.
    static long resident(long pid) {
        try (var lines = Files.lines(Path.of("/proc/" + pid + "/status"))) {
            return lines.filter(line -> line.startsWith("VmRSS:")).findFirst()
                .map(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).orElse(0L);
        } catch (IOException | UncheckedIOException gone) {
            return 0;
        }
    }

    /// Bytes of the live objects of a JVM, after a collection.
    static double heap(long pid) throws IOException {
        var jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        var process = new ProcessBuilder(jcmd, "" + pid, "GC.class_histogram")
            .redirectErrorStream(true).start();
        process.onExit().orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
            .whenComplete((_, _) -> process.destroyForcibly());
        try (var reader = process.inputReader()) {
            return reader.lines().filter(line -> line.startsWith("Total"))
                .mapToDouble(line -> Double.parseDouble(line.trim().split("\\s+")[2]))
                .findFirst().orElse(Double.NaN);
        }
    }
}
