package wirelab;

import module java.base;
import java.util.concurrent.Callable;
import market.*;
import picocli.CommandLine;
import picocli.CommandLine.*;

/// What a lab file does: check itself, serve, or follow a server as a client.
@Command(name = "lab",
    description = "Without a command: runs this lab's checks against the code in this file.",
    exitCodeListHeading = "Exit codes:%n", exitCodeList = {
        "0:every promise is kept", "1:a promise is broken", "2:wrong usage",
        "3:a fault of Wirelab itself"})
final class LabCommand implements Callable<Integer> {
    private final Lab lab;

    @Option(names = "--all", description = "Go on after the first broken promise.")
    boolean all;
    @Option(names = "--json",
        description = "Print the outcomes as JSON, for machines; implies --all.")
    boolean json;
    @Option(names = "--trace", description = "Show stack traces.")
    boolean trace;

    private LabCommand(Lab lab) { this.lab = lab; }

    static int run(Lab lab, String... args) {
        var checks = new LabCommand(lab);
        // What a student types all day needs no parser, which takes 0.1 s to load.
        if (args.length == 0) return Usage.execute(checks);
        var command = new CommandLine(checks).setCommandName(lab.name() + ".java")
            .addSubcommand(new Serve(lab)).addSubcommand(new Hint(lab))
            .addSubcommand(new Solution(lab)).addSubcommand(new Reset(lab));
        if (lab.client != null) command.addSubcommand(new Client(lab));
        return Usage.execute(command, args);
    }

    @Override public Integer call() {
        try (var subject = new InJvm(lab)) {
            return new Examination(lab.number, subject).run(all, json, trace,
                Project.source(lab.name()),
                "`jbang %1$s.java`, or `jbang %1$s.java hint`".formatted(lab.name()));
        }
    }

    @Command(name = "hint", description = "Shows the next hint for the first broken promise.")
    static final class Hint implements Callable<Integer> {
        private final Lab lab;

        @Parameters(paramLabel = "N", arity = "0..1",
            description = "For this TODO. Default: that of the first broken promise.")
        Integer todo;

        Hint(Lab lab) { this.lab = lab; }

        @Override public Integer call() {
            var chosen = todo == null ? firstBroken() : todo;
            var known = Hints.of(lab.name()).keySet();
            if (chosen == 0) System.out.println("All promises are kept: nothing to hint at.");
            else if (!known.contains(chosen))
                throw new Usage("No TODO " + chosen + ". TODOs here: " + known + ".");
            else System.out.println(Hints.next(lab.name(), chosen, Progress.here()));
            return 0;
        }

        private int firstBroken() {
            try (var subject = new InJvm(lab)) {
                var checks = Examination.checks(lab.number);
                return Console.firstBroken(Runner.run(checks, Claim.of(checks), subject, true,
                    _ -> {})).map(Claim::todo).orElse(0);
            }
        }
    }

    @Command(name = "solution", description = "Shows what the reference does differently.")
    static final class Solution implements Callable<Integer> {
        private final Lab lab;

        @Option(names = "--spoil", description = "Also when the lab has not been passed.")
        boolean spoil;

        Solution(Lab lab) { this.lab = lab; }

        @Override public Integer call() throws IOException {
            var progress = Progress.here();
            if (!spoil && !progress.passed(lab.name()))
                throw new Usage("Lab %02d is not passed: %s. Try: jbang %s.java hint, or: jbang "
                    .formatted(lab.number, progress.state(lab.name()), lab.name()) + lab.name()
                    + ".java solution --spoil");
            Reference.difference(lab.name()).forEach(System.out::println);
            return 0;
        }
    }

    @Command(name = "reset", description = "Restores the file as it was at first; keeps yours.")
    static final class Reset implements Callable<Integer> {
        private final Lab lab;

        Reset(Lab lab) { this.lab = lab; }

        @Override public Integer call() throws Exception {
            var backup = Reference.reset(lab.name());
            System.out.println("labs/" + lab.name() + ".java is as it was at first; yours is labs/"
                + backup.getFileName());
            return 0;
        }
    }

    @Command(name = "serve", description = "Serves this lab on 127.0.0.1 until Ctrl-C.")
    static final class Serve implements Callable<Integer> {
        private final Lab lab;

        @Option(names = "--port", paramLabel = "P",
            description = "TCP port, 0 to 65535; 0 = any. Default: environment variable PORT, "
                + "else 7000 + the lab's number.")
        Integer port;
        @Option(names = "--ticker", paramLabel = "N", defaultValue = "2",
            description = "Random-walk quotes a second, 0 to 10000; 0 = none. Default: 2.")
        double ticker;

        Serve(Lab lab) { this.lab = lab; }

        @Override public Integer call() throws InterruptedException {
            if (!(ticker >= 0 && ticker <= 10_000))
                throw new Usage("--ticker " + ticker
                    + ": must be from 0 to 10000 quotes a second.");
            var chosen = port != null ? port : setting("PORT", 7000 + lab.number);
            if (chosen < 0 || chosen > 65_535)
                throw new Usage("port " + chosen + ": must be from 0 to 65535. Try: --port 0");
            var feed = new Feed(Math.max(1, setting("FEED_CAPACITY", Feed.CAPACITY)));
            var server = start(feed, chosen);
            if (ticker > 0) Ticker.start(feed, ticker);
            System.out.println("listening on http://127.0.0.1:" + server.port());
            Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
            Thread.currentThread().join();
            return 0;
        }

        private Lab.Running start(Feed feed, int port) {
            try {
                return lab.server.start(feed, port);
            } catch (io.javalin.util.JavalinBindException | IOException taken) {
                throw new Usage("Port " + port
                    + " is in use. Stop what listens there, or try: --port 0");
            }
        }

        private static int setting(String name, int otherwise) {
            try {
                return Market.setting(name, otherwise);
            } catch (IllegalArgumentException malformed) {
                throw new Usage(malformed.getMessage());
            }
        }
    }

    @Command(name = "client",
        description = "Follows a server and prints what it delivers, a line of JSON each.")
    static final class Client implements Callable<Integer> {
        private final Lab lab;

        @Parameters(paramLabel = "URL",
            description = "The server, for example http://127.0.0.1:7001")
        URI url;
        @Option(names = "--after", paramLabel = "ID", defaultValue = "0",
            description = "The last id that you already have. Default: 0.")
        long after;
        @Option(names = "--every", paramLabel = "MS", defaultValue = "1000",
            description = "Pause between two polls in milliseconds, 1 to 3600000, where the lab "
                + "polls. Default: 1000.")
        long every;
        @Option(names = "--token", paramLabel = "T", defaultValue = Lab.Start.TOKEN,
            description = "What it authenticates with, where the lab asks for it. "
                + "Default: " + Lab.Start.TOKEN + ".")
        String token;
        @Option(names = "--symbols", paramLabel = "S", split = ",",
            description = "What it subscribes to, where the lab has a choice, like BTC,ETH. "
                + "Default: the known ones.")
        List<String> symbols = Lab.Start.SYMBOLS;
        @Option(names = "--count", paramLabel = "N", defaultValue = "1000",
            description = "How much it sends, 0 to 100000000, where the lab sends. Default: 1000.")
        int count;
        @Option(names = "--ack",
            description = "After each line wait for one on stdin: `ok` takes it, anything else "
                + "makes the sink fail.")
        boolean ack;

        Client(Lab lab) { this.lab = lab; }

        @Override public Integer call() throws Exception {
            if (!"http".equals(url.getScheme()) || url.getHost() == null)
                throw new Usage("URL '" + url + "': must be like http://127.0.0.1:"
                    + (7000 + lab.number));
            if (after < 0) throw new Usage("--after " + after + ": must be from 0.");
            if (every < 1 || every > 3_600_000)
                throw new Usage("--every " + every + ": must be from 1 to 3600000 ms.");
            if (count < 0 || count > 100_000_000)
                throw new Usage("--count " + count + ": must be from 0 to 100000000.");
            var stdin = new BufferedReader(new InputStreamReader(System.in));
            try {
                lab.client.follow(
                    new Lab.Start(url, after, Duration.ofMillis(every), token, symbols, count),
                    value -> print(value, stdin));
            } catch (IllegalStateException | UnsupportedOperationException | IOException ended) {
                System.err.println("The client ended: " + ended.getClass().getSimpleName() + ": "
                    + ended.getMessage());
                return 1;
            }
            return 0;
        }

        private void print(Object value, BufferedReader stdin) {
            try {
                System.out.println(Values.json(value));
                if (ack && !"ok".equals(stdin.readLine()))
                    throw new IllegalStateException("the sink refuses " + value);
            } catch (IOException cause) {
                throw new UncheckedIOException(cause);
            }
        }
    }
}
