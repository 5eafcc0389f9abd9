package wirelab;

import module java.base;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.Callable;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import picocli.CommandLine.*;

/// Checks a lab each time its file is saved. The student's code runs in a JVM of its own that stays
/// warm ([Worker]); a second one waits in case the code ends or spoils the first.
@Command(name = "watch", description = {
    "Checks a lab each time its file is saved, and goes on to the next one when it passes. "
    + "Whichever lab you save is the one that is checked.",
    "Keys: h hint, l list, r run again, n next open lab, q quit."})
public final class WatchCommand implements Callable<Integer> {
    /// How many lines of what the student's code prints are shown for a run.
    private static final int PRINTED = 50;
    /// How many lines of the difference to the solution are shown.
    private static final int DIFFERENCE = 24;

    @Parameters(paramLabel = "NN", arity = "0..1",
        description = "The lab's number. Default: the first that has not been passed.")
    Integer number;
    @Option(names = "--poll", paramLabel = "MS", defaultValue = "10",
        description = "How often to look whether the file has changed, 5 to 10000 ms. It needs no "
            + "file events, so it works on network and shared folders, too. Default: 10.")
    int poll;

    private sealed interface Event {}

    private record Saved(int lab) implements Event {}

    private record Key(int key) implements Event {}

    /// @param line null when it has ended
    private record Said(Jvm jvm, String line) implements Event {}

    private record Printed(Jvm jvm, String line) implements Event {}

    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private Progress progress;
    private Terminal terminal;
    private Jvm jvm;
    private Jvm spare;
    private boolean running;
    /// Whether a hint is wanted when this run is over.
    private boolean asked;
    private int printed;
    /// How many lines stand at the end that the next one replaces.
    private int passing;
    /// The first claim that each lab was last seen to break, by the lab's number: somebody works on
    /// it, so it is the first to be examined.
    private final Map<Integer, Claim> broken = new HashMap<>();

    @Override public Integer call() throws Exception {
        if (poll < 5 || poll > 10_000)
            throw new Usage("--poll " + poll + ": must be from 5 to 10000 ms.");
        progress = Progress.here();
        choose(number == null ? open(0).orElse(Project.labs().getLast()) : number);
        terminal = Console.TERMINAL ? TerminalBuilder.builder().system(true).build() : null;
        if (terminal != null) terminal.enterRawMode();
        Thread.ofPlatform().daemon().name("keys").start(this::readKeys);
        jvm = new Jvm();
        spare = new Jvm();
        var files = Project.labs().stream().map(Looked::new).toList();
        Thread.ofPlatform().daemon().name("files").start(() -> look(files));
        check();
        try {
            while (handle(events.take())) { }
        } finally {
            jvm.close();
            spare.close();
            if (terminal != null) terminal.close();
        }
        return 0;
    }

    /// The next lab after this one that has not been passed; after the last comes the first.
    private Optional<Integer> open(int lab) {
        var labs = Project.labs();
        return Stream.concat(labs.stream().filter(other -> other > lab), labs.stream())
            .filter(other -> !progress.passed(name(other))).findFirst();
    }

    private static String name(int lab) { return "lab%02d".formatted(lab); }

    private String lab() { return name(number); }

    private void choose(int lab) {
        Examination.checks(lab);
        number = lab;
    }

    /// @return false to end
    private boolean handle(Event event) throws IOException {
        switch (event) {
            case Saved(var lab) -> {
                choose(lab);
                check();
            }
            case Key(var key) when key == 'q' || key == 3 || key == 4 -> { return false; }
            case Key(var key) -> press(key);
            case Printed(var from, var line) when from == jvm && running -> show(line);
            case Printed _ -> { }
            case Said(var from, var line) when from == jvm -> hear(line);
            case Said(var from, var line) when from == spare -> {
                if (line == null) spare = new Jvm();
                else if (line.equals(Worker.BEGIN)) spare.begun++;
            }
            case Said _ -> { }
        }
        return true;
    }

    private void press(int key) throws IOException {
        switch (key) {
            case 'r' -> check();
            case 'l' -> say(list(progress));
            case 'h' -> {
                // What is broken may be on the screen already, and its run not over.
                asked = running && !broken.containsKey(number);
                if (!asked) hint();
            }
            case 'n' -> {
                open(number).ifPresent(this::choose);
                check();
            }
            default -> { }
        }
    }

    private void hint() {
        var todo = Optional.ofNullable(broken.get(number)).map(Claim::todo)
            .orElseGet(() -> progress.todo(lab()));
        say(todo == 0 ? "No promise is known to be broken: press r."
            : Hints.next(lab(), todo, progress));
    }

    /// The labs and how far they have come.
    static String list(Progress progress) {
        return Project.labs().stream().map(lab -> "  %02d  %-30s %s".formatted(lab,
            Examination.title(lab), progress.state(name(lab)))).collect(Collectors.joining("\n"));
    }

    private void check() {
        clear();
        run();
    }

    private void run() {
        // What it still does for the text before is of no interest any more.
        running = true;
        asked = false;
        printed = 0;
        jvm.check(Reference.lab(lab()),
            Optional.ofNullable(broken.get(number)).map(Claim::number).orElse(1));
    }

    /// A line of the report.
    private void hear(String line) throws IOException {
        if (line == null) replace();
        else if (line.equals(Worker.BEGIN)) jvm.begun++;
        // It is about a text that has been saved again meanwhile.
        else if (jvm.begun < jvm.ordered) return;
        else if (line.equals(Worker.LEFTOVERS)) {
            if (!running) change();
        } else if (running) {
            if (line.startsWith(Worker.END)) end(line.substring(1).split(" "));
            else if (line.startsWith(Worker.PASSING)) sayInPassing(line.substring(1));
            else say(line);
        }
    }

    /// The JVM has ended, by itself or because of the student's code.
    private void replace() {
        var code = jvm.code();
        change();
        if (!running) return;
        if (code == Worker.HURRIED) run();
        else {
            running = false;
            say("  ✘ this code ended the JVM, exit code " + code
                + ": is there a System.exit or halt?");
        }
    }

    /// The spare JVM takes over.
    private void change() {
        jvm.close();
        jvm = spare;
        spare = new Jvm();
    }

    /// @param result see [Worker#END]
    private void end(String... result) throws IOException {
        running = false;
        var code = Integer.parseInt(result[0]);
        var again = progress.passed(lab());
        if (code <= 1) record(result);
        if (asked) hint();
        if (code == 0) pass(again);
        if (running) return;
        jvm.warm(Reference.solution(lab()));
        spare.warm(Reference.solution(lab()));
    }

    private void record(String... result) {
        var first = Integer.parseInt(result[1]);
        broken.remove(number);
        Claim.of(Examination.checks(number)).stream().filter(claim -> claim.number() == first)
            .forEach(claim -> broken.put(number, claim));
        progress.record(lab(), Integer.parseInt(result[2]), Integer.parseInt(result[3]),
            first == 0 ? 0 : broken.get(number).todo());
    }

    /// @param again whether it had been passed before: then it stays open
    private void pass(boolean again) throws IOException {
        say("Lab %02d is passed. Well done.".formatted(number));
        var difference = Reference.difference(lab());
        if (!difference.isEmpty()) {
            say("What the reference does differently:");
            difference.stream().skip(2).limit(DIFFERENCE).forEach(this::say);
            if (difference.size() > DIFFERENCE + 2) say("… %d lines more: jbang %s.java solution"
                .formatted(difference.size() - DIFFERENCE - 2, lab()));
        }
        var next = open(number);
        if (next.isEmpty()) say("That was the last one: all labs are passed.");
        else if (again) say("Press n for lab %02d.".formatted(next.get()));
        else {
            choose(next.get());
            say("Here is the next: labs/%s.java\n".formatted(lab()));
            run();
        }
    }

    /// What the student's code printed.
    private void show(String line) {
        if (++printed <= PRINTED) say("  | " + line);
        if (printed == PRINTED) say("  | …");
    }

    private void say(String text) {
        forget();
        // A terminal in raw mode needs the carriage return.
        System.out.print(text.replace("\n", terminal == null ? "\n" : "\r\n")
            + (terminal == null ? "\n" : "\r\n"));
        System.out.flush();
    }

    /// Says what the next [#say] takes back. A longer line would take two rows.
    private void sayInPassing(String line) {
        if (terminal == null) {
            say(line);
            return;
        }
        var columns = Math.max(20, terminal.getWidth() - 1);
        System.out.print((line.length() < columns ? line : line.substring(0, columns - 1) + "…")
            + "\r\n");
        System.out.flush();
        passing++;
    }

    private void forget() {
        if (passing > 0) System.out.print("\033[" + passing + "A\033[J");
        passing = 0;
    }

    private void clear() {
        passing = 0;
        if (terminal == null) say("");
        else System.out.print("\033[H\033[2J\033[3J");
    }

    private void readKeys() {
        try {
            for (int key; (key = terminal == null ? System.in.read() : terminal.reader().read())
                >= 0; ) events.add(new Key(key));
        } catch (IOException closed) {
            // Without keys Ctrl-C ends it.
        }
    }

    /// Tells of each lab with a new text, once its file has stopped changing.
    private void look(List<Looked> files) {
        try {
            for (;; Thread.sleep(poll))
                for (var file : files) if (file.saved()) events.add(new Saved(file.lab));
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    /// What has been seen of a lab's file.
    private static final class Looked {
        final int lab;
        private final Path file;
        private String stamp;
        private String settled;
        private String text;

        Looked(int lab) {
            this.lab = lab;
            file = Reference.lab(name(lab));
            stamp = settled = stamp();
            text = read(file);
        }

        /// Whether it has stopped changing, with a text that it has not had before.
        boolean saved() {
            var now = stamp();
            var still = now.equals(stamp);
            stamp = now;
            if (!still || now.equals(settled)) return false;
            settled = now;
            var read = read(file);
            if (read.isBlank() || read.equals(text)) return false;
            text = read;
            return true;
        }

        /// Changes when the file does; some editors write a new file and rename it.
        private String stamp() {
            try {
                var attributes = Files.readAttributes(file, BasicFileAttributes.class);
                return attributes.lastModifiedTime() + " " + attributes.size() + " "
                    + attributes.fileKey();
            } catch (IOException absent) {
                return "";
            }
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException absent) {
            return "";
        }
    }

    /// A JVM for the student's code.
    private final class Jvm {
        private final Process process;
        private Path warmed;
        /// How many runs it was told to make, and how many it has begun.
        private int ordered;
        private int begun;

        Jvm() {
            var builder = new ProcessBuilder(Project.java(), "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC", "-Xmx1g", "-cp", System.getProperty("java.class.path"),
                Worker.class.getName()).directory(Project.root().resolve("labs").toFile());
            if (terminal != null && System.getenv("NO_COLOR") == null)
                builder.environment().put("FORCE_COLOR", "1");
            try {
                process = builder.start();
            } catch (IOException cause) {
                throw new UncheckedIOException(cause);
            }
            read(process.inputReader(StandardCharsets.UTF_8), Said::new, true);
            read(process.errorReader(StandardCharsets.UTF_8), Printed::new, false);
        }

        private void read(BufferedReader reader, BiFunction<Jvm, String, Event> event,
                boolean tellEnd) {
            Thread.ofPlatform().daemon().start(() -> {
                try (reader) {
                    for (String line; (line = reader.readLine()) != null; )
                        events.add(event.apply(this, line));
                } catch (IOException killed) {
                    // Told as its end.
                }
                if (tellEnd) events.add(event.apply(this, null));
            });
        }

        /// @param begin the number of the claim to begin with
        void check(Path lab, int begin) { order(begin + " " + lab); }

        /// Runs a solution once, of which nobody hears: what has run before runs faster.
        void warm(Path solution) {
            if (!solution.equals(warmed)) order(Worker.QUIET + "1 " + solution);
            warmed = solution;
        }

        private void order(String line) {
            ordered++;
            try {
                process.outputWriter().write(line + "\n");
                process.outputWriter().flush();
            } catch (IOException ended) {
                // It is replaced when its end is read.
            }
        }

        int code() {
            try {
                return process.waitFor();
            } catch (InterruptedException hurry) {
                Thread.currentThread().interrupt();
                return -1;
            }
        }

        void close() { process.destroyForcibly(); }
    }
}
