package wirelab.scripts;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;
import wirelab.subject.ChildProcess;

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
        var builder = new ProcessBuilder(command).directory(Checkout.root().toFile());
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
        return run(environment, Stream.concat(Stream.of(ChildProcess.JAVA,
            "-XX:TieredStopAtLevel=1", "jbang-scripts/doctor.java"), Stream.of(args))
            .toArray(String[]::new));
    }

    /// On a machine with each of these faults: one run shows them all.
    private static Run ill;

    @BeforeAll static void examineIllMachine() throws Exception {
        var empty = Files.createTempDirectory("wirelab-");
        buildAgainstAnotherKit(empty.resolve("cache/jars"));
        // Whoever has it, it isn't free.
        try (var _ = occupied(7005)) {
            ill = doctor(Map.of("http_proxy", "http://user:secret@proxy.invalid:3128",
                "JAVA_TOOL_OPTIONS", "-Dhttp.proxyHost=proxy.invalid -Dhttp.nonProxyHosts=",
                "JBANG_CACHE_DIR", empty.resolve("cache").toString(),
                "JBANG_REPO", empty.resolve("repository").toString()));
        }
    }

    /// What JBang would keep of lab 01 if it had been built while `Lab` still had a method `gone`.
    private static void buildAgainstAnotherKit(Path jars) throws Exception {
        var hash = HexFormat.of().formatHex(java.security.MessageDigest.getInstance("SHA-256")
            .digest(Files.readAllBytes(Checkout.root().resolve("labs/lab01.java"))));
        var work = Files.createTempDirectory("wirelab-");
        var lab = Files.writeString(work.resolve("lab01.java"),
            "class lab01 { void main() { wirelab.Lab.number(1).gone(); } }");
        jar(jars.resolve("lab01.java." + hash + "/lab01.jar"), "lab01.class", lab,
            kit(work, "public Lab gone() { return this; }"));
        jar(jars.resolve("Wirelab.java.0/Wirelab.jar"), "wirelab/Lab.class", kit(work, ""));
    }

    private static Path kit(Path folder, String member) throws IOException {
        return Files.writeString(folder.resolve("Lab.java"), "package wirelab; public class Lab { "
            + "public static Lab number(int n) { return new Lab(); } " + member + " }");
    }

    /// Compiles these files, and puts one of the classes into a jar.
    private static void jar(Path jar, String name, Path... sources) throws IOException {
        var classes = Files.createTempDirectory("wirelab-");
        assertThat(javax.tools.ToolProvider.getSystemJavaCompiler().run(null, null, null,
            Stream.concat(Stream.of("-d", classes.toString()), Stream.of(sources)
                .map(Path::toString)).toArray(String[]::new))).isZero();
        Files.createDirectories(jar.getParent());
        try (var out = new java.util.jar.JarOutputStream(Files.newOutputStream(jar))) {
            out.putNextEntry(new java.util.zip.ZipEntry(name));
            Files.copy(classes.resolve(name), out);
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

    @Test void a_lab_that_was_built_against_another_kit_is_named_with_what_is_missing() {
        assertThat(ill.about("built labs")).startsWith("✘")
            .contains("labs/lab01.java", "wirelab.Lab.gone", "try: jbang --fresh labs/lab01.java");
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

    @Test void something_to_fix_ends_with_1_and_wrong_usage_with_2() throws Exception {
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
