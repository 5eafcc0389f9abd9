import module java.base;

/// The scripts of this checkout, and JBang, which runs them. For scripts that run where little
/// else does, so it needs nothing but the JDK.
final class Scripts {
    /// How long another program may take.
    static final Duration PATIENCE = Duration.ofMinutes(15);

    private Scripts() {}

    /// What a program printed, both its streams, and its exit code. The code is -1 if there is no
    /// such program, and -2 if it was killed when its time was over.
    record Answer(int code, String printed) {
        Stream<String> lines() { return printed.lines().map(String::strip); }

        /// What JBang says to people about a failure.
        String complaint() {
            return lines().filter(line -> line.contains("[ERROR]")).findFirst()
                .or(() -> lines().filter(line -> !line.isEmpty()).reduce((_, last) -> last))
                .orElse("exit code " + code).replaceFirst(".*\\[ERROR] ", "");
        }
    }

    /// The checkout: the folder with labs/ and solutions/, here or above.
    static Optional<Path> root() {
        var here = Path.of("").toAbsolutePath();
        return Stream.iterate(here, Objects::nonNull, Path::getParent)
            .filter(folder -> Files.isDirectory(folder.resolve("labs"))
                && Files.isDirectory(folder.resolve("solutions"))).findFirst();
    }

    /// All that can be run with JBang, in the order in which it is needed: labs first.
    static List<Path> all(Path root) throws IOException {
        var scripts = new ArrayList<Path>();
        for (var folder : List.of("labs", "solutions", "grader", "jbang-scripts"))
            try (var files = Files.walk(root.resolve(folder), 2)) {
                for (var file : files.sorted().toList()) if (isScript(file)) scripts.add(file);
            }
        return scripts;
    }

    private static boolean isScript(Path file) throws IOException {
        if (!file.toString().matches(".*\\.(java|jsh)")) return false;
        return Files.readString(file).startsWith("///usr/bin/env jbang");
    }

    /// What its header says that it needs.
    static List<String> dependencies(Path script) throws IOException {
        try (var lines = Files.lines(script)) {
            return lines.filter(line -> line.startsWith("//DEPS ")).toList();
        }
    }

    /// Runs JBang: the installed one, or else the one that the script `jbang` here fetches.
    static Answer jbang(Path root, String... args) {
        var windows = System.getProperty("os.name").startsWith("Windows");
        var jbang = root.resolve(windows ? "jbang.cmd" : "jbang").toString();
        return ask(Stream.concat(Stream.of(jbang), Stream.of(args)).toArray(String[]::new));
    }

    /// Runs a program to its end.
    static Answer ask(String... command) {
        try {
            var process = new ProcessBuilder(command).redirectErrorStream(true).start();
            process.outputWriter().close();
            var killed = new AtomicBoolean();
            process.onExit().orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                .exceptionally(_ -> {
                    killed.set(true);
                    process.descendants().forEach(ProcessHandle::destroyForcibly);
                    return process.destroyForcibly();
                });
            var printed = new String(process.getInputStream().readAllBytes(),
                StandardCharsets.UTF_8);
            var code = process.onExit().join().exitValue();
            return new Answer(killed.get() ? -2 : code, printed);
        } catch (IOException missing) {
            return new Answer(-1, missing.getMessage());
        }
    }
}
