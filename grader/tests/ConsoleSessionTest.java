package wirelab;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

/// The consoles in jbang-scripts/: the session at the top of each goes as it stands there, in a
/// jshell that is started as `jbang -i` starts it, with the solutions as servers.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ConsoleSessionTest {
    private static final Path FOLDER = Project.root().resolve("jbang-scripts");
    private static final String PROMPT = "jshell> ";
    /// For the JVM to start, to compile a console, and to run its session.
    private static final Duration SESSION = Duration.ofMinutes(3);

    /// What is typed, and what is shown then, a line each; … is any text without a line's end.
    private record Exchange(String typed, List<String> shown) {
        @Override public String toString() {
            return PROMPT + typed + "\n" + String.join("\n", shown);
        }

        /// The same as it went, but for what this one leaves open.
        Exchange open(List<String> went) {
            return new Exchange(typed, IntStream.range(0, went.size()).mapToObj(i ->
                i < shown.size() && matches(shown.get(i), went.get(i)) ? shown.get(i) : went.get(i))
                .toList());
        }

        private static boolean matches(String pattern, String line) {
            return line.matches(Stream.of(pattern.split("…", -1)).map(Pattern::quote)
                .collect(Collectors.joining(".*")));
        }
    }

    @Test void http_goes_as_its_file_says() throws Exception { replay("http"); }

    @Test void sse_goes_as_its_file_says() throws Exception { replay("sse"); }

    @Test void ws_goes_as_its_file_says() throws Exception { replay("ws"); }

    @Test void grpc_goes_as_its_file_says() throws Exception { replay("grpc"); }

    private static void replay(String console) throws Exception {
        var lines = Files.readAllLines(FOLDER.resolve(console + ".jsh"));
        var session = session(lines);
        var typed = session.stream().map(exchange -> exchange.typed + "\n")
            .collect(Collectors.joining());
        var servers = new ArrayList<Subject>();
        try {
            for (var port : Pattern.compile("\\b700\\d\\b").matcher(typed).results()
                    .map(MatchResult::group).distinct().toList()) {
                servers.add(solution("lab0" + port.charAt(3)));
                typed = typed.replaceAll("\\b" + port + "\\b",
                    "" + servers.getLast().url().getPort());
            }
            var went = jshell(sources(console, lines), typed);

            assertThat(went).as("one output for each of what is typed").hasSameSizeAs(session);
            assertThat(IntStream.range(0, went.size()).mapToObj(i ->
                "" + session.get(i).open(went.get(i))).collect(Collectors.joining("\n")))
                .isEqualTo(session.stream().map(Exchange::toString)
                    .collect(Collectors.joining("\n")));
        } finally {
            servers.forEach(Subject::close);
        }
    }

    private static Subject solution(String lab) throws Exception {
        var server = new InJvm(Sources.solution(lab).lab());
        server.restart(Settings.PROMISED);
        return server;
    }

    /// The session in the first code block of a file.
    private static List<Exchange> session(List<String> file) {
        var session = new ArrayList<Exchange>();
        file.stream().dropWhile(line -> !line.equals("/// ```")).skip(1)
            .takeWhile(line -> !line.equals("/// ```")).map(line -> line.substring(4))
            .forEach(line -> {
                if (line.startsWith(PROMPT))
                    session.add(new Exchange(line.substring(PROMPT.length()), new ArrayList<>()));
                else session.getLast().shown.add(line);
            });
        return session;
    }

    /// The files that make a console, in the order in which JBang loads them.
    private static Stream<Path> sources(String console, List<String> file) {
        return Stream.concat(file.stream().filter(line -> line.startsWith("//SOURCES "))
            .map(line -> line.substring(10)), Stream.of(console + ".jsh")).map(FOLDER::resolve);
    }

    /// What jshell shows after each line, which it reads from a pipe and doesn't repeat.
    private static List<List<String>> jshell(Stream<Path> files, String typed) throws Exception {
        var classpath = System.getProperty("java.class.path");
        var home = Files.createTempDirectory("wirelab-");
        var command = Stream.concat(Stream.of(
            Path.of(System.getProperty("java.home"), "bin", "jshell").toString(),
            "-J-XX:TieredStopAtLevel=1", "-J-Dstdout.encoding=UTF-8",
            // Whoever runs this test may have settings and a history of their own.
            "-J-Djava.util.prefs.userRoot=" + home,
            "--execution=local", "-J--add-modules=ALL-SYSTEM", "--class-path=" + classpath,
            "-J--class-path=" + classpath, "--startup=DEFAULT"), files.map(Path::toString));
        var err = home.resolve("err");
        var process = new ProcessBuilder(command.toList()).redirectError(err.toFile()).start();
        try {
            var out = CompletableFuture.supplyAsync(() ->
                process.inputReader(StandardCharsets.UTF_8).lines()
                    .collect(Collectors.joining("\n")));
            try (var in = process.outputWriter(StandardCharsets.UTF_8)) {
                in.write(typed);
            }
            var all = out.get(SESSION.toSeconds(), TimeUnit.SECONDS);

            assertThat(Files.readString(err)).as("while the files are loaded")
                .doesNotContain("Error:", "Warning:", "Exception");
            var shown = List.of(all.split("(^|\n)" + PROMPT, -1));
            return shown.subList(1, shown.size() - 1).stream()
                .map(text -> text.strip().isEmpty() ? List.<String>of()
                    : text.stripTrailing().lines().toList())
                .toList();
        } finally {
            process.destroyForcibly();
        }
    }
}
