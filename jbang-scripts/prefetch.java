///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS info.picocli:picocli:4.7.7
//SOURCES Scripts.java

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// # prefetch
/// Has JBang build every lab, solution and tool, so that all they depend on is fetched, once.
/// From then on they run, and an edited lab is compiled, without a network.
@Command(name = "prefetch", sortOptions = false,
    description = "Fetches and builds everything, for a room without a network.",
    exitCodeListHeading = "Exit codes:%n", exitCodeList = {"0:all is there",
        "1:something can't be fetched or built", "2:wrong usage"})
class prefetch implements Callable<Integer> {
    @Parameters(paramLabel = "FILE", arity = "0..*",
        description = "These alone, like labs/lab01.java. Default: all labs, solutions, tools.")
    List<Path> only = List.of();
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    boolean help;

    /// What was done for one script.
    ///
    /// @param fetched bytes that came into Maven's local repository
    /// @param built   bytes of jars that JBang made of it
    record Item(Scripts.Answer answer, long fetched, long built, Duration took) {
        boolean failed() { return answer.code() != 0; }

        String words() {
            if (failed()) return "failed: " + answer.complaint();
            if (fetched + built == 0) return "was there";
            return fetched == 0 ? "built " + amount(built)
                : "fetched " + amount(fetched) + ", built " + amount(built);
        }
    }

    static String amount(long bytes) {
        return bytes < 100_000 ? (bytes + 999) / 1000 + " kB"
            : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }

    static String seconds(Duration time) {
        return String.format(Locale.ROOT, "%.1f s", time.toMillis() / 1e3);
    }

    /// The folders that JBang fills: the one this was compiled into, and the one that its own
    /// dependency comes from. It knows settings that we needn't.
    private static Path folder(String jar, int levels) {
        var path = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(Path::of).filter(file -> file.getFileName().toString().startsWith(jar))
            .findFirst().orElseThrow(() -> new IllegalStateException(
                "JBang must start this: jbang prefetch"));
        for (var i = 0; i < levels; i++) path = path.getParent();
        return path;
    }

    /// Bytes of all files below.
    private static long size(Path folder) throws IOException {
        var sum = new LongAdder();
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override public FileVisitResult visitFile(Path file, BasicFileAttributes is) {
                sum.add(is.size());
                return FileVisitResult.CONTINUE;
            }
        });
        return sum.sum();
    }

    private final boolean terminal = System.console() != null && System.console().isTerminal();
    private final Path repository = folder("picocli-", 5);
    private final Path jars = folder("prefetch.jar", 2);
    private long fetched;
    private long built;

    prefetch() throws IOException {
        fetched = size(repository);
        built = size(jars);
    }

    private Item build(Path root, Path script) throws IOException {
        var start = System.nanoTime();
        // A .jsh isn't compiled, so to build it fetches nothing: it must be asked for.
        var answer = script.toString().endsWith(".jsh")
            ? Scripts.jbang(root, "info", "classpath", script.toString())
            : Scripts.jbang(root, "build", script.toString());
        var took = Duration.ofNanos(System.nanoTime() - start);
        var before = fetched;
        var builtBefore = built;
        // A look at the whole repository takes its time: only if there may be something new.
        if (answer.printed().contains("Resolving")) fetched = size(repository);
        built = size(jars);
        return new Item(answer, fetched - before, built - builtBefore, took);
    }

    @Override public Integer call() throws IOException {
        var root = Scripts.root().orElse(null);
        if (root == null) return refuse("No Wirelab checkout here or above, a folder with labs/ "
            + "and solutions/. Go into it and try again.");
        for (var file : only)
            if (!Files.isRegularFile(file)) return refuse("No file " + file + ". Try: jbang "
                + "prefetch, for all, or a path like labs/lab01.java");
        var scripts = only.isEmpty() ? Scripts.all(root)
            : only.stream().map(Path::toAbsolutePath).toList();
        var items = new ArrayList<Item>();
        for (var script : scripts) {
            var name = root.relativize(script);
            if (terminal) System.out.print("  · " + name + " …\r");
            var item = build(root, script);
            items.add(item);
            System.out.println("  %s %-32s %-36s %7s".formatted(item.failed() ? "✘" : "✔",
                name, item.words(), seconds(item.took)));
        }
        return conclude(items);
    }

    private static int refuse(String why) {
        System.err.println(why);
        return 2;
    }

    private static int conclude(List<Item> items) {
        var failed = items.stream().filter(Item::failed).count();
        System.out.println("%d of %d ready · fetched %s, built %s · %s".formatted(
            items.size() - failed, items.size(),
            amount(items.stream().mapToLong(Item::fetched).sum()),
            amount(items.stream().mapToLong(Item::built).sum()),
            seconds(items.stream().map(Item::took).reduce(Duration.ZERO, Duration::plus))));
        System.out.println(failed == 0 ? "They need no network any more. Try: jbang --offline lab01"
            : "Is there a network? Then run it again: it goes on where it failed.");
        return failed == 0 ? 0 : 1;
    }

    static void main(String... args) throws IOException {
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true,
            StandardCharsets.UTF_8));
        System.exit(new CommandLine(new prefetch()).execute(args));
    }
}
