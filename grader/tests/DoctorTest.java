package wirelab;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

/// `jbang doctor` on a machine where much is wrong, and `jbang prefetch` on one without a network.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class DoctorTest {
    private record Run(int code, String out) {
        /// What the doctor says about this, with the remedy.
        String about(String thing) {
            return out.lines().dropWhile(line -> !line.matches("  [✔✘·] " + thing + "  .*"))
                .limit(2).collect(Collectors.joining("\n")).strip();
        }
    }

    private static Run run(Map<String, String> environment, String... command) throws Exception {
        var builder = new ProcessBuilder(command).directory(Project.root().toFile());
        var environs = builder.environment();
        environs.keySet().removeIf(name -> name.toLowerCase(Locale.ROOT).endsWith("_proxy"));
        environs.putAll(environment);
        var process = builder.redirectErrorStream(true).start();
        process.outputWriter().close();
        var out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), out);
    }

    /// Without JBang: it must run where that doesn't.
    private static Run doctor(Map<String, String> environment, String... args) throws Exception {
        return run(environment, Stream.concat(Stream.of(Project.java(),
            "-XX:TieredStopAtLevel=1", "jbang-scripts/doctor.java"), Stream.of(args))
            .toArray(String[]::new));
    }

    /// On a machine with each of these faults: one run shows them all.
    private static Run ill;

    @BeforeAll static void examineIllMachine() throws Exception {
        var empty = Files.createTempDirectory("wirelab-");
        // Whoever has it, it isn't free.
        try (var _ = occupied(7005)) {
            ill = doctor(Map.of("http_proxy", "http://user:secret@proxy.invalid:3128",
                "JAVA_TOOL_OPTIONS", "-Dhttp.proxyHost=proxy.invalid -Dhttp.nonProxyHosts=",
                "JBANG_CACHE_DIR", empty.resolve("cache").toString(),
                "JBANG_REPO", empty.resolve("repository").toString()));
        }
    }

    private static ServerSocket occupied(int port) throws IOException {
        var server = new ServerSocket();
        try {
            server.bind(new InetSocketAddress("127.0.0.1", port));
        } catch (BindException taken) {
            // By somebody else, which does as well.
        }
        return server;
    }

    @Test void a_port_that_is_taken_is_named_with_the_way_round_it() {
        assertThat(ill.about("ports")).startsWith("✘").contains("7005")
            .contains("try: ").contains("--port 0");
    }

    @Test void a_proxy_that_would_get_what_is_meant_for_a_lab_is_named_without_its_password() {
        assertThat(ill.about("proxy")).startsWith("✘").contains("http_proxy")
            .contains("try: export NO_PROXY=127.0.0.1,localhost");
        assertThat(ill.out).doesNotContain("secret");
    }

    @Test void a_proxy_that_Java_uses_for_127_0_0_1_is_found() {
        assertThat(ill.about("Java's proxy")).startsWith("✘").contains("JAVA_TOOL_OPTIONS");
    }

    @Test void what_the_labs_need_and_is_not_here_is_named_with_the_command_that_fetches_it() {
        assertThat(ill.about("offline")).startsWith("✘").contains("lab01.java", "io.javalin:")
            .contains("try: jbang prefetch");
    }

    @Test void what_is_in_order_is_said_beside_what_is_not() {
        assertThat(ill.about("JDK")).startsWith("✔").contains("25");
        assertThat(ill.about("JBang")).startsWith("✔");
        assertThat(ill.about("loopback")).startsWith("✔");
    }

    @Test void what_the_labs_do_not_need_is_no_fault() {
        for (var thing : List.of("Node.js", "npm", "Chromium", "bubblewrap"))
            assertThat(ill.about(thing)).startsWith("·").contains("not needed for the labs");
    }

    @Test void something_to_mend_ends_with_1_and_wrong_usage_with_2() throws Exception {
        assertThat(ill.code).isEqualTo(1);
        assertThat(doctor(Map.of(), "--wrong").code).isEqualTo(2);
    }

    @Test void what_is_prefetched_runs_where_there_is_no_network() throws Exception {
        var alone = new String[] {"unshare", "--map-root-user", "--net", "sh", "-c",
            "ip link set lo up && exec \"$@\"", "alone"};
        var fetched = run(Map.of(), "./jbang", "prefetch", "solutions/lab01.java");
        assertThat(fetched.out).contains("✔ solutions/lab01.java", "1 of 1 ready");
        assertThat(fetched.code).isZero();

        // Not every machine permits namespaces: there --offline takes the network away.
        var lab = run(Map.of(), possible(alone) ? Stream.concat(Stream.of(alone),
            Stream.of("./jbang", "solutions/lab01.java")).toArray(String[]::new)
            : new String[] {"./jbang", "--offline", "solutions/lab01.java"});

        assertThat(lab.out).contains("11 of 11 + 2 bonus");
    }

    private static boolean possible(String... alone) throws Exception {
        try {
            return run(Map.of(), Stream.concat(Stream.of(alone), Stream.of("true"))
                .toArray(String[]::new)).code == 0;
        } catch (IOException missing) {
            return false;
        }
    }
}
