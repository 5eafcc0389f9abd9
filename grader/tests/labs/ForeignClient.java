package wirelab.labs;

import static org.assertj.core.api.Assertions.*;

import com.fasterxml.jackson.databind.JsonNode;
import market.Market;
import org.junit.jupiter.api.Assumptions;

import module java.base;
import wirelab.checkout.Checkout;

/// A client that we didn't write: a script in grader/tests/clients/, run by Node.js with the
/// packages that package-lock.json pins. It prints lines of JSON.
public final class ForeignClient implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    /// How long npm may take to fetch what is pinned.
    private static final Duration INSTALLATION = Duration.ofMinutes(5);

    private final Process process;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final Thread reader = Thread.ofPlatform().daemon().unstarted(this::read);

    private ForeignClient(Process process) {
        this.process = process;
        reader.start();
    }

    private void read() {
        try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line; (line = reader.readLine()) != null; ) lines.add(line);
        } catch (IOException killed) {
            // Its output ends with it.
        }
    }

    static ForeignClient start(String script, String... args) throws Exception {
        var folder = installed();
        // What it warns of would stand between the lines of JSON.
        var command = Stream.concat(
            Stream.of(program("node", "nodejs"), "--no-warnings", script), Stream.of(args));
        return new ForeignClient(new ProcessBuilder(command.toList()).directory(folder.toFile())
            .redirectErrorStream(true).start());
    }

    /// The path of a program. Without it the test is skipped, but in CI it fails.
    public static String program(String name, String debianPackage) {
        var found = Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .map(folder -> Path.of(folder, name)).filter(Files::isExecutable).findFirst();
        var missing = name + " not installed, apt-get install " + debianPackage;
        if (System.getenv("CI") != null) assertThat(found).as(missing).isPresent();
        Assumptions.assumeTrue(found.isPresent(), missing);
        return found.orElseThrow().toString();
    }

    /// The folder of the scripts, after npm has put their packages there.
    private static synchronized Path installed() throws Exception {
        var folder = Checkout.root().resolve("grader/tests/clients");
        var stamp = folder.resolve("node_modules/.package-lock.json");
        var lock = folder.resolve("package-lock.json");
        if (Files.exists(stamp) && Files.getLastModifiedTime(stamp)
                .compareTo(Files.getLastModifiedTime(lock)) >= 0) return folder;
        var npm = new ProcessBuilder(program("npm", "npm"), "ci").directory(folder.toFile())
            .redirectErrorStream(true).start();
        npm.onExit().orTimeout(INSTALLATION.toSeconds(), TimeUnit.SECONDS)
            .exceptionally(_ -> npm.destroyForcibly());
        var printed = new String(npm.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(npm.waitFor()).as(printed).isZero();
        return folder;
    }

    void say(String line) throws IOException {
        process.outputWriter(StandardCharsets.UTF_8).write(line + "\n");
        process.outputWriter(StandardCharsets.UTF_8).flush();
    }

    /// The next line that has this field; those before it are dropped.
    JsonNode next(String field) throws Exception {
        while (true) {
            var line = lines.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            assertThat(line).as("a line with '" + field + "' from the client").isNotNull();
            assertThat(line).as("a line of JSON").startsWith("{");
            var json = Market.JSON.readTree(line);
            if (json.has(field)) return json;
        }
    }

    /// This many values of a field, in order.
    List<String> next(String field, int count) throws Exception {
        var values = new ArrayList<String>();
        while (values.size() < count) values.add(next(field).path(field).asText());
        return values;
    }

    /// All that it prints until it ends by itself.
    String output() throws Exception {
        assertThat(reader.join(PATIENCE)).as("the client ends").isTrue();
        return String.join("\n", lines);
    }

    /// Its standard input ends, so it ends by itself, and cleans up; what does not is killed.
    @Override public void close() {
        var family = Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
        try {
            process.outputWriter(StandardCharsets.UTF_8).close();
            process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (IOException gone) {
            // It ended before.
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
        family.forEach(ProcessHandle::destroyForcibly);
    }
}
