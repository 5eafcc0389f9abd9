package wirelab.subject;

import module java.base;
import wirelab.checkout.LabId;
import wirelab.time.Deadline;

/// A subject in processes of its own: a lab's compiled class, or any command that serves on `PORT`.
public final class Forked implements Subject {
    private static final Pattern LISTENING = Pattern.compile("listening on (http://\\S+)");

    private final List<String> server;
    private final List<String> client;
    private final Map<String, String> told;
    private Settings settings;
    private ChildProcess child;
    private URI url;

    private Forked(List<String> server, List<String> client, Map<String, String> told,
        Settings settings) {
        this.server = server;
        this.client = client;
        this.told = told;
        this.settings = settings;
    }

    /// A lab that is already compiled.
    ///
    /// @param classpath where its class and all that it needs is found
    /// @param settings  to begin with
    public static Forked lab(LabId lab, String classpath, Settings settings) {
        var java = List.of(ChildProcess.JAVA, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
            classpath, lab.name());
        return new Forked(with(java, "serve", "--port", "0", "--ticker", "0"), with(java, "client"),
            Map.of(), settings);
    }

    /// A command of the shell: it must serve on 127.0.0.1 at `PORT`.
    ///
    /// @param told     settings for its environment that differ from what is promised
    /// @param settings what is promised
    public static Forked command(String command, Map<String, String> told,
            Settings settings) {
        var windows = System.getProperty("os.name").startsWith("Windows");
        return new Forked(List.of(windows ? "cmd" : "sh", windows ? "/c" : "-c", command), null,
            told, settings.with(told));
    }

    private static List<String> with(List<String> command, String... more) {
        return Stream.concat(command.stream(), Stream.of(more)).toList();
    }

    @Override public Settings settings() { return settings; }

    /// A foreign server needn't know the settings: it keeps what is promised.
    @Override public synchronized void restart(Settings wanted) {
        if (client == null) return;
        stop();
        settings = wanted;
    }

    @Override public void renew() { stop(); }

    @Override public synchronized URI url() {
        if (url == null) start();
        return url;
    }

    private void start() {
        var port = client == null ? freePort() : 0;
        var environment = new HashMap<>(client == null ? told : settings.variables());
        environment.put("PORT", "" + port);
        child = new ChildProcess(server, environment, _ -> {});
        var deadline = Deadline.in(START);
        while (url == null) {
            if (child.ended().isPresent()) throw new Died(child.ended().get());
            if (deadline.passed()) {
                stop();
                throw new Died(List.of("it did not listen within " + START.toSeconds() + " s"));
            }
            var said = LISTENING.matcher(child.printed());
            if (said.find()) url = URI.create(said.group(1));
            else if (port != 0 && accepts(port)) url = URI.create("http://127.0.0.1:" + port);
            else Deadline.pause();
        }
    }

    private static boolean accepts(int port) {
        try (var _ = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return true;
        } catch (IOException notYet) {
            return false;
        }
    }

    /// A foreign server must be told its port. One outside the ephemeral range can't be taken by a
    /// connection.
    private static int freePort() {
        while (true) {
            var port = ThreadLocalRandom.current().nextInt(20_000, 32_000);
            try (var _ = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                return port;
            } catch (IOException taken) {
                // Try another one.
            }
        }
    }

    @Override public synchronized Optional<List<String>> died() {
        return child == null ? Optional.empty() : child.ended();
    }

    @Override public synchronized OptionalInt platformThreads() {
        if (child == null) return OptionalInt.empty();
        try (var tasks = Files.list(Path.of("/proc/" + child.pid() + "/task"))) {
            return OptionalInt.of((int) tasks.count());
        } catch (IOException notLinux) {
            return OptionalInt.empty();
        }
    }

    @Override public boolean hasClient() { return client != null; }

    @Override public Following follow(ClientStart start, Predicate<String> sink) {
        var command = with(client, start.base().toString(), "--after", "" + start.after(),
            "--every", "" + start.every().toMillis(), "--token", start.token(),
            "--symbols", String.join(",", start.symbols()), "--count", "" + start.count(), "--ack");
        var started = new AtomicReference<ChildProcess>();
        // The sink's answer goes to the client's stdin, line by line: see the option --ack.
        var following = new ChildProcess(command, Map.of(), line -> {
            if (line.startsWith("{") || line.startsWith("["))
                started.get().say(sink.test(line) ? "ok" : "no");
        }, started);
        return new Following() {
            @Override public Optional<List<String>> ended() { return following.ended(); }

            @Override public Duration startup() { return START; }

            @Override public void close() { following.kill(); }
        };
    }

    @Override public boolean canStop() { return true; }

    @Override public synchronized void stop() {
        if (child != null) child.end();
        child = null;
        url = null;
    }
}
