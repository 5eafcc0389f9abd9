package wirelab.scripts;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.checkout.Checkout;
import wirelab.subject.Subject;
import wirelab.wire.Exchange;

/// The consoles in jbang-scripts/: the session at the top of each goes as it stands there, in a
/// jshell that is started as `jbang -i` starts it, with the solutions as servers.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ConsoleSessionTest {
    private static final Path FOLDER = Checkout.root().resolve("jbang-scripts");
    private static final String PROMPT = "jshell> ";
    /// For the JVM to start, to compile a console, and to run its session.
    private static final Duration SESSION = Duration.ofMinutes(5);
    /// Of a lab's server.
    private static final Pattern PORT = Pattern.compile("\\b700\\d\\b");
    /// Typed before the session, for slow machines: what it waits for comes.
    private static final String PATIENCE = "patience = Duration.ofMinutes(1)";

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

        /// What is shown without what was typed, or the beginning of it: jshell may repeat what it
        /// reads from a pipe.
        List<String> unechoed(String really, List<String> went) {
            if (went.isEmpty()) return went;
            var first = went.getFirst();
            if (shown.isEmpty() && really.startsWith(first)) return List.of();
            return IntStream.rangeClosed(0, really.length())
                .filter(i -> !shown.isEmpty() && first.startsWith(really.substring(0, i))
                    && matches(shown.getFirst(), first.substring(i)))
                .mapToObj(i -> Stream.concat(Stream.of(first.substring(i)),
                    went.stream().skip(1)).toList()).findFirst().orElse(went);
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
        var servers = new TreeMap<String, Subject>();
        try {
            for (var exchange : session)
                for (var port : PORT.matcher(exchange.typed).results().toList())
                    servers.computeIfAbsent(port.group(), ConsoleSessionTest::solution);
            var typed = session.stream().map(exchange -> PORT.matcher(exchange.typed)
                .replaceAll(port -> "" + servers.get(port.group()).url().getPort())).toList();
            var shown = jshell(sources(console, lines), typed);

            assertThat(shown).as("one output for each line").hasSameSizeAs(session);
            assertThat(text(IntStream.range(0, shown.size()).mapToObj(i -> session.get(i).open(
                session.get(i).unechoed(typed.get(i), shown.get(i)))).toList()))
                .isEqualTo(text(session));
        } finally {
            servers.values().forEach(Subject::close);
        }
    }

    private static String text(List<Exchange> session) {
        return session.stream().map(Exchange::toString).collect(Collectors.joining("\n"));
    }

    private static Subject solution(String port) {
        try {
            var number = Character.digit(port.charAt(3), 10);
            var server = Sources.subject(number);
            server.restart(Sources.room(number).promised().with(Map.of("AUTH_TIMEOUT_MS", "300000",
                "PING_MS", "300000")));
            return server;
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
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

    /// What jshell shows after each line that is typed.
    private static List<List<String>> jshell(Stream<Path> files, List<String> typed)
        throws Exception {
        var classpath = System.getProperty("java.class.path");
        var home = Files.createTempDirectory("wirelab-");
        var command = Stream.concat(Stream.of(
            Path.of(System.getProperty("java.home"), "bin", "jshell").toString(),
            "-J-XX:TieredStopAtLevel=1", "-J-Dstdout.encoding=UTF-8",
            // Whoever runs this test may have settings and a history of their own.
            "-J-Djava.util.prefs.userRoot=" + home,
            "--execution=local", "-J--add-modules=ALL-SYSTEM", "--class-path=" + classpath,
            "-J--class-path=" + classpath, "--startup=DEFAULT"), files.map(Path::toString));
        var in = Files.writeString(home.resolve("in"), PATIENCE + "\n"
            + String.join("\n", typed) + "\n");
        var out = home.resolve("out");
        var err = home.resolve("err");
        var process = new ProcessBuilder(command.toList()).redirectInput(in.toFile())
            .redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        try {
            assertThat(process.waitFor(SESSION.toSeconds(), TimeUnit.SECONDS)).as("ends").isTrue();
            assertThat(Files.readString(err)).as("while the files are loaded")
                .doesNotContain("Error:", "Warning:", "Exception");
            var shown = List.of(Files.readString(out).split("(^|\n)" + PROMPT, -1));
            // Before the first prompt it welcomes, then comes the patience; at the end nothing.
            return shown.subList(2, shown.size() - 1).stream()
                .map(text -> text.isBlank() ? List.<String>of()
                    : text.stripTrailing().lines().toList())
                .toList();
        } finally {
            process.destroyForcibly();
        }
    }
}
