///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES Scripts.java

import module java.base;
import module jdk.management;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.MemberRefEntry;
import java.net.Proxy;
import java.security.MessageDigest;
import javax.tools.ToolProvider;

/// # doctor
/// Looks for what would keep the labs from running on this machine, and says how to fix it. It
/// needs nothing but a JDK, so that it runs when much else doesn't: without JBang, too, with
/// `java jbang-scripts/doctor.java`.
///
///     jbang doctor           says it to people
///     jbang doctor --json    says it to machines, a line each
///
/// Exits with 0 if all is fine, 1 if something must be fixed, 2 on wrong usage.
class doctor {
    /// The version that Wirelab is tested with.
    static final String JBANG = "0.132.1";
    static final String NO_PROXY = "127.0.0.1,localhost";
    /// MiB that must be free: for all dependencies, and as much again to work with.
    static final int SPACE = 300;
    /// Files that must be allowed to be open: a lab's checks open hundreds of connections.
    static final int FILES = 1024;

    /// A fact of no consequence for the labs is a note.
    enum State { FINE, MEND, NOTE }

    /// What was found out about one thing.
    ///
    /// @param remedy how to fix it, empty if it needn't
    record Finding(State state, String thing, String words, String remedy) {
        static Finding fine(String thing, String words) {
            return new Finding(State.FINE, thing, words, "");
        }

        static Finding mend(String thing, String words, String remedy) {
            return new Finding(State.MEND, thing, words, remedy);
        }

        static Finding note(String thing, String words) {
            return new Finding(State.NOTE, thing, words, "");
        }

        String line(boolean colour) {
            var mark = switch (state) {
                case FINE -> colour ? "\033[32m✔\033[0m" : "✔";
                case MEND -> colour ? "\033[31m✘\033[0m" : "✘";
                case NOTE -> "·";
            };
            var line = "  %s %-13s %s".formatted(mark, thing, words);
            return remedy.isEmpty() ? line : line + "\n" + " ".repeat(18) + "try: " + remedy;
        }

        String json() {
            return "{\"thing\":%s,\"state\":\"%s\",\"words\":%s,\"remedy\":%s}".formatted(
                quoted(thing), state.name().toLowerCase(Locale.ROOT), quoted(words),
                quoted(remedy));
        }

        private static String quoted(String text) {
            return text.chars().mapToObj(c -> c == '"' || c == '\\' ? "\\" + (char) c
                : c < ' ' ? "\\u%04x".formatted(c) : "" + (char) c)
                .collect(Collectors.joining("", "\"", "\""));
        }
    }

    // ---- Java and JBang

    static Finding jdk() {
        var version = Runtime.version();
        var words = version.feature() + "." + version.interim() + "." + version.update() + ", "
            + System.getProperty("java.vendor") + ", in " + System.getProperty("java.home");
        if (ToolProvider.getSystemJavaCompiler() == null)
            return Finding.mend("JDK", words + ": it has no compiler",
                "install a whole JDK 25, not a JRE");
        return Finding.fine("JDK", words);
    }

    static Finding jbang(Path root) {
        var answer = Scripts.jbang(root, "version");
        var version = answer.lines().filter(line -> line.matches("\\d+(\\.\\d+)+.*")).findFirst();
        if (version.isEmpty()) return Finding.mend("JBang", "it doesn't start: "
            + answer.complaint(), "install JBang or Maven, then: ./jbang version");
        return older(version.get(), JBANG) ? Finding.note("JBang", version.get() + ", older than "
            + JBANG + ", with which the labs are tested. If one fails: jbang version --update")
            : Finding.fine("JBang", version.get());
    }

    static boolean older(String version, String other) {
        return Arrays.compare(numbers(version), numbers(other)) < 0;
    }

    private static int[] numbers(String version) {
        return Pattern.compile("\\d+").matcher(version).results()
            .mapToInt(number -> Integer.parseInt(number.group())).limit(3).toArray();
    }

    /// Asks JBang itself to find all dependencies without a network, for one script of those that
    /// have the same.
    static Finding cache(Path root) throws IOException {
        var scripts = new LinkedHashMap<List<String>, Path>();
        for (var script : Scripts.all(root))
            scripts.putIfAbsent(Scripts.dependencies(script), script);
        scripts.remove(List.of());
        for (var script : scripts.values()) {
            var answer = Scripts.jbang(root, "--offline", "--verbose", "info", "classpath",
                script.toString());
            if (answer.code() == 0) continue;
            return Finding.mend("offline", root.relativize(script) + " needs " + missing(answer),
                "jbang prefetch, while there is a network");
        }
        return Finding.fine("offline", "all dependencies are here, the labs need no network");
    }

    /// What Maven's resolver didn't find.
    static String missing(Scripts.Answer answer) {
        var artifact = Pattern.compile("could not be resolved: (\\S+:\\S+)")
            .matcher(answer.printed());
        return artifact.find() ? artifact.group(1) + ", which isn't here"
            : "what isn't here: " + answer.complaint();
    }

    /// Looks for labs whose jar JBang has kept, since their text has not changed, although it calls
    /// what the newest kit there no longer has.
    static Finding jars(Path root) throws IOException {
        var cache = cache(System.getenv()).resolve("jars");
        var kit = new HashMap<String, ClassModel>();
        for (var name : List.of("Wirelab", "Market", "MarketService"))
            newest(cache, name).ifPresent(jar -> classes(jar).forEach(type ->
                kit.put(type.thisClass().asInternalName(), type)));
        for (var script : Scripts.all(root)) {
            var jar = jar(cache, script);
            if (kit.isEmpty() || Files.notExists(jar)) continue;
            var missing = classes(jar).flatMap(doctor::calls)
                .filter(call -> call.owner().asInternalName().matches("(wirelab|market)/.*"))
                .filter(call -> !has(kit, call.owner().asInternalName(), call)).findFirst();
            if (missing.isPresent()) return Finding.mend("built labs", root.relativize(script)
                + " was built against another kit, which had " + name(missing.get()),
                "jbang --fresh " + root.relativize(script));
        }
        return Finding.fine("built labs", "fit the kit");
    }

    static Path cache(Map<String, String> environment) {
        if (environment.containsKey("JBANG_CACHE_DIR"))
            return Path.of(environment.get("JBANG_CACHE_DIR"));
        var home = environment.get("JBANG_DIR");
        return (home == null || home.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".jbang") : Path.of(home)).resolve("cache");
    }

    /// Where JBang keeps what it makes of a script without further sources: under the hash of its
    /// text.
    static Path jar(Path cache, Path script) throws IOException {
        var name = script.getFileName().toString();
        try {
            var hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(script));
            return cache.resolve(name + "." + HexFormat.of().formatHex(hash))
                .resolve(name.replaceFirst("\\.\\w+$", ".jar"));
        } catch (NoSuchAlgorithmException cause) {
            throw new IllegalStateException("every Java has SHA-256", cause);
        }
    }

    private static Optional<Path> newest(Path cache, String name) throws IOException {
        if (Files.notExists(cache)) return Optional.empty();
        try (var folders = Files.list(cache)) {
            return folders.filter(one -> one.getFileName().toString().startsWith(name + ".java."))
                .map(one -> one.resolve(name + ".jar")).filter(Files::exists)
                .max(Comparator.comparingLong(jar -> jar.toFile().lastModified()));
        }
    }

    private static Stream<ClassModel> classes(Path jar) {
        try (var file = new JarFile(jar.toFile())) {
            var classes = new ArrayList<ClassModel>();
            for (var entry : Collections.list(file.entries()))
                if (entry.getName().endsWith(".class")) classes.add(ClassFile.of()
                    .parse(file.getInputStream(entry).readAllBytes()));
            return classes.stream();
        } catch (IOException unreadable) {
            return Stream.empty();
        }
    }

    /// The fields and methods that a class uses.
    private static Stream<MemberRefEntry> calls(ClassModel type) {
        return StreamSupport.stream(type.constantPool().spliterator(), false)
            .filter(MemberRefEntry.class::isInstance).map(MemberRefEntry.class::cast);
    }

    /// Whether a class of the kit, or what it extends, has such a member. What extends a class
    /// outside of the kit may inherit anything.
    private static boolean has(Map<String, ClassModel> kit, String owner, MemberRefEntry member) {
        var type = kit.get(owner);
        if (type == null) return !owner.matches("(wirelab|market)/.*");
        var name = member.name().stringValue();
        var shape = member.type().stringValue();
        return type.methods().stream().anyMatch(method -> method.methodName().equalsString(name)
                && method.methodType().equalsString(shape))
            || type.fields().stream().anyMatch(field -> field.fieldName().equalsString(name)
                && field.fieldType().equalsString(shape))
            || Stream.concat(type.superclass().stream(), type.interfaces().stream())
                .map(ClassEntry::asInternalName)
                .filter(parent -> !parent.equals("java/lang/Object"))
                .anyMatch(parent -> has(kit, parent, member));
    }

    /// `wirelab.Lab.number`.
    private static String name(MemberRefEntry member) {
        return member.owner().asInternalName().replace('/', '.') + "."
            + member.name().stringValue();
    }

    // ---- the network of this machine

    static InetAddress address(String literal) {
        try {
            return InetAddress.getByName(literal);
        } catch (UnknownHostException impossible) {
            throw new IllegalArgumentException(literal, impossible);
        }
    }

    static boolean free(InetAddress address, int port) {
        try (var _ = new ServerSocket(port, 1, address)) {
            return true;
        } catch (IOException taken) {
            return false;
        }
    }

    /// Whether the ports on which the labs serve are free. What listens on ::1 takes none of them,
    /// but it gets the requests that are meant for a lab and sent to `localhost`.
    static Finding ports(Path root) throws IOException {
        var labs = labs(root);
        var addresses = Stream.of(address("127.0.0.1"), address("::1"))
            .filter(address -> free(address, 0)).toList();
        var taken = labs.stream().mapToInt(lab -> 7000 + Integer.parseInt(lab.substring(3)))
            .filter(port -> !addresses.stream().allMatch(address -> free(address, port)))
            .mapToObj(Integer::toString).toList();
        if (taken.isEmpty())
            return Finding.fine("ports", "7001 to " + (7000 + labs.size()) + " are free");
        var first = "lab" + taken.getFirst().substring(2);
        return Finding.mend("ports", String.join(", ", taken) + ": something listens there",
            "stop it, or choose another port: jbang %s.java serve --port 0".formatted(first));
    }

    /// The names of the labs, by number.
    private static List<String> labs(Path root) throws IOException {
        try (var files = Files.list(root.resolve("labs"))) {
            return files.map(file -> file.getFileName().toString())
                .filter(name -> name.matches("lab\\d\\d\\.java"))
                .map(name -> name.replace(".java", "")).sorted().toList();
        }
    }

    /// Says a byte to itself over TCP.
    static Finding loopback() {
        try (var server = new ServerSocket(0, 1, address("127.0.0.1"));
             var client = new Socket(Proxy.NO_PROXY)) {
            client.connect(server.getLocalSocketAddress(), 2_000);
            server.setSoTimeout(2_000);
            try (var accepted = server.accept()) {
                accepted.setSoTimeout(2_000);
                client.getOutputStream().write('!');
                if (accepted.getInputStream().read() == '!')
                    return Finding.fine("loopback", "127.0.0.1 answers");
            }
            return Finding.mend("loopback", "what is sent to 127.0.0.1 arrives changed",
                "look for a firewall or a virus scanner that interferes");
        } catch (IOException broken) {
            return Finding.mend("loopback", "127.0.0.1 doesn't answer: " + broken.getMessage(),
                "bring the interface up (ip link set lo up), or look for a firewall");
        }
    }

    /// What `localhost` is here, in the order in which programs try it.
    static Finding localhost() {
        try {
            var addresses = List.of(InetAddress.getAllByName("localhost"));
            return localhost(addresses);
        } catch (UnknownHostException unknown) {
            return Finding.mend("localhost", "this name is unknown here", "a line '127.0.0.1 "
                + "localhost' in the file hosts, or type 127.0.0.1 as the labs' texts do");
        }
    }

    static Finding localhost(List<InetAddress> addresses) {
        var text = addresses.stream().map(InetAddress::getHostAddress)
            .map(address -> address.replaceFirst("^0(:0){6}:1", "::1"))
            .collect(Collectors.joining(", then "));
        if (!addresses.stream().allMatch(InetAddress::isLoopbackAddress))
            return Finding.mend("localhost", "is " + text, "fix it in the file hosts, or type "
                + "127.0.0.1 as the labs' texts do");
        if (addresses.getFirst() instanceof Inet6Address)
            return Finding.note("localhost", "is " + text
                + ", but the labs listen on 127.0.0.1 alone: type that");
        return Finding.fine("localhost", "is " + text);
    }

    /// Proxies that would get what is meant for a lab. Their values are not shown: they may hold
    /// passwords.
    static List<Finding> proxies(Map<String, String> environment, ProxySelector java) {
        var findings = new ArrayList<Finding>();
        var names = Stream.of("http_proxy", "https_proxy", "all_proxy")
            .flatMap(name -> Stream.of(name, name.toUpperCase(Locale.ROOT)))
            .filter(name -> !environment.getOrDefault(name, "").isBlank()).distinct().toList();
        if (!names.isEmpty() && !exempts(environment))
            findings.add(Finding.mend("proxy", "by " + String.join(", ", names) + " curl "
                + "would look for the labs there: NO_PROXY lacks 127.0.0.1", "export NO_PROXY="
                + (environment.containsKey("NO_PROXY") ? "\"$NO_PROXY," + NO_PROXY + '"'
                    : NO_PROXY)));
        var caught = Stream.of("http", "https", "socket")
            .map(scheme -> URI.create(scheme + "://127.0.0.1:7001/"))
            .anyMatch(uri -> !java.select(uri).equals(List.of(Proxy.NO_PROXY)));
        if (caught) findings.add(Finding.mend("Java's proxy", options(environment)
            + " a proxy even for 127.0.0.1",
            "leave -Dhttp.nonProxyHosts= and -DsocksNonProxyHosts= out of it"));
        if (findings.isEmpty()) findings.add(Finding.fine("proxy", names.isEmpty()
            ? "none" : "127.0.0.1 is exempt"));
        return findings;
    }

    private static boolean exempts(Map<String, String> environment) {
        return Stream.of("no_proxy", "NO_PROXY")
            .flatMap(name -> Stream.of(environment.getOrDefault(name, "").split("[,\\s]+")))
            .anyMatch(host -> host.matches("\\*|127\\.0\\.0\\.1|127\\.0\\.0\\.0/8"));
    }

    private static String options(Map<String, String> environment) {
        return Stream.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
            .filter(environment::containsKey).findFirst().map(name -> name + " makes Java use")
            .orElse("Java uses");
    }

    // ---- room to work

    static Finding space() throws IOException {
        var home = Path.of(System.getProperty("user.home"));
        var free = Files.getFileStore(home).getUsableSpace() >> 20;
        if (free >= SPACE) return Finding.fine("disk", free + " MiB free");
        return Finding.mend("disk", "%d MiB free, %d needed".formatted(free, SPACE),
            "make room in " + home);
    }

    /// The JVM has already raised its limit as far as it may.
    static Finding files() {
        var limit = ManagementFactory.getOperatingSystemMXBean()
            instanceof UnixOperatingSystemMXBean unix ? unix.getMaxFileDescriptorCount() : FILES;
        if (limit >= FILES) return Finding.fine("open files", "up to " + limit);
        return Finding.mend("open files", "up to " + limit, "ulimit -n " + FILES);
    }

    // ---- what only `jbang test` and the grader want

    /// A program that the labs don't need.
    static Finding program(String thing, String name, String use, boolean saysVersion) {
        var file = Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
            .flatMap(folder -> Stream.of("", ".exe", ".cmd")
                .map(end -> Path.of(folder, name + end)))
            .filter(Files::isExecutable).findFirst();
        var version = file.filter(_ -> saysVersion)
            .flatMap(path -> Scripts.ask(path.toString(), "--version").lines().findFirst());
        return Finding.note(thing, (file.isEmpty() ? "none" : version.orElse("here"))
            + "; not needed for the labs, " + use);
    }

    // ---- the whole

    private final boolean colour = System.console() != null && System.console().isTerminal()
        && System.getenv("NO_COLOR") == null;
    private boolean healthy = true;
    private boolean json;

    void show(Finding finding) {
        healthy &= finding.state != State.MEND;
        System.out.println(json ? finding.json() : finding.line(colour));
    }

    void examine(Path root) throws IOException {
        show(jdk());
        show(jbang(root));
        show(loopback());
        show(localhost());
        show(ports(root));
        proxies(System.getenv(), ProxySelector.getDefault()).forEach(this::show);
        show(space());
        show(files());
        show(program("Node.js", "node", "only for `jbang test`", true));
        show(program("npm", "npm", "only for `jbang test`", true));
        show(program("Chromium", "chromium", "only for `jbang test`", false));
        show(program("bubblewrap", "bwrap", "only to grade what others wrote", true));
        show(cache(root));
        show(jars(root));
    }

    void main(String... args) throws IOException {
        // Java would sort IPv4 first. Must be set before anything asks for an address.
        System.setProperty("java.net.preferIPv6Addresses", "system");
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true,
            StandardCharsets.UTF_8));
        json = List.of(args).equals(List.of("--json"));
        if (args.length > 0 && !json) {
            var help = List.of("-h", "--help").contains(args[0]);
            (help ? System.out : System.err).println("Usage: jbang doctor [--json]");
            System.exit(help ? 0 : 2);
        }
        var root = Scripts.root();
        if (root.isEmpty()) {
            System.err.println("No Wirelab checkout here or above, a folder with labs/ and "
                + "solutions/. Go into it and try again.");
            System.exit(2);
        }
        examine(root.get());
        if (!json) System.out.println(healthy ? "Nothing to fix."
            : "Fix what is marked ✘, then run it again.");
        System.exit(healthy ? 0 : 1);
    }
}
