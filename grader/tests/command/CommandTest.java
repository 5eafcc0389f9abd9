package wirelab.command;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;

/// The command lines, each in a process of its own as a user starts it.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class CommandTest {
    private record Run(int code, String out, String err) {}

    private static Run java(String main, String... args) throws Exception {
        return run(Map.of(), Stream.concat(Stream.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), main),
                Stream.of(args)));
    }

    private static Run run(Map<String, String> environment, Stream<String> command)
        throws Exception {
        var builder = new ProcessBuilder(command.toList()).directory(Checkout.root().toFile());
        builder.environment().putAll(environment);
        var process = builder.start();
        process.outputWriter().close();
        var err = CompletableFuture.supplyAsync(() -> process.errorReader(StandardCharsets.UTF_8)
            .lines()
            .collect(Collectors.joining("\n")));
        var out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), out, err.get());
    }

    private static Run grade(String... args) throws Exception {
        return java("wirelab.Wirelab", Stream.concat(Stream.of("grade"), Stream.of(args))
            .toArray(String[]::new));
    }

    @Test void wrong_usage_says_what_is_wrong_and_what_to_type() throws Exception {
        assertThat(grade("17", "--url", "http://127.0.0.1:1").err)
            .startsWith("No lab 17. Labs here: 01 02");
        assertThat(grade("1").err).contains("--url", "--run");
        assertThat(grade("labs/lab99.java").err).startsWith("No file labs/lab99.java");
        assertThat(grade("labs/market").err).contains("neither a lab's number nor a file");
        assertThat(grade("1", "--url", "ftp://x").err).contains("like http://127.0.0.1:7001");
        assertThat(grade("1", "--url", "http://127.0.0.1:1", "--run", "x").err)
            .contains("exclude each other");
        assertThat(grade("1", "--wrong").err).contains("--wrong", "--help");
        assertThat(grade("5", "--url", "http://127.0.0.1:1", "--setting", "HEARTBEAT=1").err)
            .contains("--setting HEARTBEAT: unknown to lab 05. Its settings: ", "HEARTBEAT_MS");
        assertThat(grade("5", "--url", "http://127.0.0.1:1", "--setting", "PING_MS=1").err)
            .contains("--setting PING_MS: unknown to lab 05.");
        assertThat(grade("labs/lab01.java", "--setting", "PING_MS=1").err).contains("--url");
    }

    @Test void wrong_usage_ends_with_2() throws Exception {
        assertThat(grade("17", "--url", "http://127.0.0.1:1").code).isEqualTo(2);
        assertThat(grade("1", "--wrong").code).isEqualTo(2);
    }

    @Test void help_names_every_command_and_exits_with_0() throws Exception {
        var help = java("wirelab.Wirelab", "--help");

        assertThat(help.out).contains("grade", "verify");
        assertThat(help.code).isZero();
    }

    @Test void a_file_that_does_not_compile_is_told_in_the_compiler_s_own_words() throws Exception {
        var folder = Files.createTempDirectory("wirelab-");
        var file = Files.writeString(folder.resolve("lab01.java"),
            "class lab01 {\n  int x = \"text\";\n}\n");
        var run = grade(file.toString());

        assertThat(run.err).contains("lab01.java:2: incompatible types");
        assertThat(run.code).isEqualTo(2);
    }

    @Test void a_submission_in_its_own_process_keeps_all_claims_of_server_and_client()
        throws Exception {
        var run = grade("solutions/lab01.java");

        assertThat(run.out).startsWith("UNTRUSTED").contains("11 of 11 + 2 bonus");
        assertThat(run.code).isZero();
    }

    @Test void a_perfect_server_without_a_client_is_counted_in_one_way() throws Exception {
        var run = grade("1", "--run", "exec node grader/fixtures/lab01.js");
        var json = market.Market.JSON.readTree(
            grade("1", "--run", "exec node grader/fixtures/lab01.js", "--json").out);

        assertThat(run.out).contains("8 of 8 + 1 bonus", "all kept", "4 about a client");
        assertThat(run.code).isZero();
        assertThat(json.path("passed").asInt()).isEqualTo(8);
        assertThat(json.path("total").asInt()).isEqualTo(8);
        assertThat(json.path("code").asInt()).isZero();
    }

    @Test void a_submission_that_exits_with_0_keeps_nothing() throws Exception {
        var source = Files.readString(Checkout.root().resolve("solutions/lab01.java"))
            .replace("class lab01 {", "class lab01 {\n    static { System.exit(0); }\n");
        var file = Files.writeString(Files.createTempDirectory("wirelab-")
            .resolve("lab01.java"), source);
        var run = grade(file.toString());

        assertThat(run.out).contains("it exited with code 0", "0 of 11");
        assertThat(run.code).isEqualTo(1);
    }

    @Test void jbang_says_in_one_sentence_what_is_missing() throws Exception {
        var folder = Files.createTempDirectory("wirelab-");
        var tools = Files.createDirectory(folder.resolve("bin"));
        for (var tool : List.of("sh", "readlink", "grep", "mktemp", "mkdir", "rm", "cat"))
            Files.createSymbolicLink(tools.resolve(tool), Path.of("/usr/bin", tool));
        var environment = Map.of("PATH", tools.toString(), "HOME",
            folder.toString(), "JBANG_DIR", "",
            "JAVA_HOME", System.getProperty("java.home"));
        var run = run(environment, Stream.of("./jbang", "--version"));

        assertThat(run.err.strip().lines()).hasSize(1);
        assertThat(run.err).contains("Maven");
        assertThat(run.code).isEqualTo(2);
    }
}
