package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine.*;
import wirelab.check.Room;
import wirelab.checkout.LabId;
import wirelab.checkout.Usage;
import wirelab.source.Compiler;
import wirelab.subject.*;

/// Puts a lab's claims to a server in any language, or to one lab file in a process of its own.
@Command(name = "grade",
    description = "Grades a lab file, or with --url or --run a server in any language.",
    footer = {"", "Examples:",
        "  jbang grade 1 --url http://127.0.0.1:8080",
        "  jbang grade 1 --run 'node server.js'",
        "  jbang grade labs/lab01.java"})
public final class GradeCommand implements Callable<Integer> {
    @Parameters(paramLabel = "LAB|FILE",
        description = "The lab's number, or a file named labNN.java.")
    String what;
    @Option(names = "--url", paramLabel = "U",
        description = "A server that runs already. Its feed should hold nothing else meanwhile.")
    URI url;
    @Option(names = "--run", paramLabel = "CMD",
        description = "A shell command that serves on 127.0.0.1 at the environment variable PORT.")
    String command;
    @Option(names = "--setting", paramLabel = "NAME=VALUE",
        description = "What the server is told instead of its default, like HEARTBEAT_MS=200: "
            + "with --run in its environment; with --url you have told it.")
    Map<String, String> told = Map.of();
    @Option(names = "--json", description = "Print the outcomes as JSON, for machines.")
    boolean json;
    @Option(names = "--trace", description = "Show stack traces.")
    boolean trace;

    @Override public Integer call() throws IOException {
        if (url != null && command != null)
            throw new Usage("--url and --run exclude each other: one server at a time.");
        if (url == null && command == null && !told.isEmpty())
            throw new Usage("--setting goes with --url or --run.");
        var number = number();
        if (url == null && command == null) readable();
        var room = Room.of(new LabId(number));
        for (var name : told.keySet()) known(room, name);
        try (var subject = subject(room)) {
            if (!json && url == null)
                System.out.println("UNTRUSTED: without a sandbox the code runs with your rights.");
            return new Examination(room, subject).run(true, json, trace, Optional.empty(),
                "`jbang grade`").code();
        }
    }

    private static void known(Room room, String name) {
        var names = room.promised().variables().keySet();
        if (!names.contains(name)) throw new Usage("--setting " + name + ": unknown to lab "
            + room.lab().digits() + ". Its settings: " + String.join(" ", names) + ".");
    }

    private int number() {
        var name = Pattern.compile("(?:.*/)?(?:lab)?(\\d{1,2})(?:\\.java)?").matcher(what);
        if (name.matches()) return Integer.parseInt(name.group(1));
        throw new Usage("'" + what + "' is neither a lab's number nor a file named labNN.java. "
            + "Try: jbang grade 1 --url http://127.0.0.1:7001");
    }

    private void readable() {
        if (what.matches("\\d+"))
            throw new Usage("Lab %s: whose? Add --url or --run, or name a file: jbang grade "
                .formatted(what) + "labs/lab01.java");
        if (!Files.isReadable(Path.of(what)))
            throw new Usage("No file " + what + ". Try: jbang grade labs/lab01.java");
    }

    private Subject subject(Room room) throws IOException {
        if (command != null) return Forked.command(command, told, room.promised());
        return url == null ? compiled(room) : remote(room);
    }

    private Subject remote(Room room) {
        if (!"http".equals(url.getScheme()) || url.getHost() == null || url.getPort() <= 0)
            throw new Usage("--url " + url
                + ": must name scheme, host and port, like http://127.0.0.1:7001");
        return new Remote(url, room.promised().with(told));
    }

    private Subject compiled(Room room) throws IOException {
        var name = room.lab().name();
        var file = Path.of(what);
        return switch (Compiler.compile(name, Files.readString(file))) {
            case Compiler.Errors errors ->
                throw new Usage(file + " does not compile:\n" + String.join("\n", errors.lines()));
            case Compiler.Classes classes -> Forked.lab(room.lab(), classes.unpack()
                + File.pathSeparator + System.getProperty("java.class.path"), room.brisk());
        };
    }
}
