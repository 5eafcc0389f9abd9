package wirelab;

import module java.base;

/// A subject in processes of its own: a lab's compiled class, or any command that serves on `PORT`.
final class Forked implements Subject {
    private static final Pattern LISTENING = Pattern.compile("listening on (http://\\S+)");

    private final List<String> server;
    private final List<String> client;
    private final Map<String, String> told;
    private Settings settings;
    private Child child;
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
    static Forked lab(String name, String classpath) {
        var java = List.of(Project.java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
            classpath, name);
        return new Forked(with(java, "serve", "--port", "0", "--ticker", "0"), with(java, "client"),
            Map.of(), Settings.BRISK);
    }

    /// A command of the shell: it must serve on 127.0.0.1 at `PORT`.
    ///
    /// @param told settings for its environment that differ from what is promised
    static Forked command(String command, Map<String, String> told) {
        var windows = System.getProperty("os.name").startsWith("Windows");
        return new Forked(List.of(windows ? "cmd" : "sh", windows ? "/c" : "-c", command), null,
            told, Settings.PROMISED.with(told));
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
        child = new Child(server, environment, _ -> {});
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
        try (var tasks = Files.list(Path.of("/proc/" + child.process.pid() + "/task"))) {
            return OptionalInt.of((int) tasks.count());
        } catch (IOException notLinux) {
            return OptionalInt.empty();
        }
    }

    @Override public boolean hasClient() { return client != null; }

    @Override public Following follow(Lab.Start start, Predicate<String> sink) {
        var command = with(client, start.base().toString(), "--after", "" + start.after(),
            "--every", "" + start.every().toMillis(), "--token", start.token(),
            "--symbols", String.join(",", start.symbols()), "--count", "" + start.count(), "--ack");
        var started = new AtomicReference<Child>();
        // The sink's answer goes to the client's stdin, line by line: see the option --ack.
        var following = new Child(command, Map.of(), line -> {
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

    /// A process whose output is read to its end, however much it prints, and whose descendants die
    /// with it.
    private static final class Child {
        private static final int KEPT = 8_000;

        /// How long its last words may take to be read. What it has started may hold its output
        /// open for ever.
        private static final Duration LAST_WORDS = Duration.ofSeconds(1);

        private final Process process;
        private final Thread reader;
        private final StringBuilder printed = new StringBuilder();

        Child(List<String> command, Map<String, String> variables, Consumer<String> line) {
            this(command, variables, line, new AtomicReference<>());
        }

        Child(List<String> command, Map<String, String> variables, Consumer<String> line,
            AtomicReference<Child> self) {
            self.set(this);
            var builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().putAll(variables);
            try {
                process = builder.start();
            } catch (IOException cause) {
                throw new Died(List.of("it can't be started: " + cause.getMessage()));
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
}
