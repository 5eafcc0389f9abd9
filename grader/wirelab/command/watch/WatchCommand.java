package wirelab.command.watch;

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine.*;
import wirelab.check.Room;
import wirelab.checkout.*;
import wirelab.command.ListCommand;
import wirelab.verdict.Claim;

/// Checks a lab each time its file is saved. The student's code runs in a JVM of its own that stays
/// warm ([HotJvm]); a second one waits in case the code ends or spoils the first.
///
/// ```
///            save, r, n: order a run
///   idle ───────────────────────────▶ running ──┐ save: order another;
///    ▲  ▲                              │  │  ▲   │ the old run is of no interest
///    │  └── End: keep the progress ◀───┘  │  └───┘
///    │      (a pass: go on to the next    │
///    │      lab, and run that)            │ the JVM ends
///    │                                    ▼
///    └── the code ended it ◀── the spare takes over ──▶ a run could not be ended: run again
/// ```
@Command(name = "watch", description = {
    "Checks a lab each time its file is saved, and goes on to the next one when it passes. "
    + "Whichever lab you save is the one that is checked.",
    "Keys: h hint, l list, r run again, n next open lab, q quit."})
public final class WatchCommand implements Callable<Integer> {
    /// How many lines of what the student's code prints are shown for a run.
    private static final int PRINTED = 50;
    /// How many lines of the difference to the solution are shown.
    private static final int DIFFERENCE = 24;
    private static final int CTRL_C = 3;
    private static final int CTRL_D = 4;

    @Parameters(paramLabel = "NN", arity = "0..1",
        description = "The lab's number. Default: the first that has not been passed.")
    Integer number;
    @Option(names = "--poll", paramLabel = "MS", defaultValue = "10",
        description = "How often to look whether the file has changed, 5 to 10000 ms. It needs no "
            + "file events, so it works on network and shared folders, too. Default: 10.")
    int poll;

    private sealed interface Event {}

    private record Saved(LabId lab) implements Event {}

    private record Key(int key) implements Event {}

    private record Said(HotJvm jvm, WorkerMessage message) implements Event {}

    private record Printed(HotJvm jvm, String line) implements Event {}

    private record Ended(HotJvm jvm) implements Event {}

    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private Progress progress;
    private Screen screen;
    private LabId lab;
    private HotJvm jvm;
    private HotJvm spare;
    private boolean running;
    /// Whether a hint is wanted when this run is over.
    private boolean asked;
    private int printed;
    /// The first claim that each lab was last seen to break: somebody works on it, so it is the
    /// first to be examined.
    private final Map<LabId, Claim> broken = new HashMap<>();

    @Override public Integer call() throws Exception {
        if (poll < 5 || poll > 10_000)
            throw new Usage("--poll " + poll + ": must be from 5 to 10000 ms.");
        progress = Progress.here();
        choose(number != null ? new LabId(number)
            : open(new LabId(0)).orElse(Checkout.labs().getLast()));
        screen = new Screen();
        Thread.ofPlatform().daemon().name("keys")
            .start(() -> screen.readKeys(key -> events.add(new Key(key))));
        jvm = start();
        spare = start();
        var files = new FileWatch(Checkout.labs());
        Thread.ofPlatform().daemon().name("files")
            .start(() -> files.look(poll, saved -> events.add(new Saved(saved))));
        check();
        try {
            while (handle(events.take())) { }
        } finally {
            jvm.close();
            spare.close();
            screen.close();
        }
        return 0;
    }

    private HotJvm start() {
        return new HotJvm(new HotJvm.Ear() {
            @Override public void said(HotJvm from, WorkerMessage message) {
                events.add(new Said(from, message));
            }

            @Override public void printed(HotJvm from, String line) {
                events.add(new Printed(from, line));
            }

            @Override public void ended(HotJvm from) { events.add(new Ended(from)); }
        }, screen.isTerminal() && System.getenv("NO_COLOR") == null);
    }

    /// The next lab after this one that has not been passed; after the last comes the first.
    private Optional<LabId> open(LabId after) {
        var labs = Checkout.labs();
        return Stream.concat(labs.stream().filter(other -> other.compareTo(after) > 0),
            labs.stream()).filter(other -> !progress.passed(other)).findFirst();
    }

    /// @throws Usage if there is no such lab
    private void choose(LabId chosen) { lab = Room.of(chosen).lab(); }

    /// @return false to end
    private boolean handle(Event event) throws IOException {
        switch (event) {
            case Saved(var saved) -> {
                choose(saved);
                check();
            }
            case Key(var key) when key == 'q' || key == CTRL_C || key == CTRL_D -> { return false; }
            case Key(var key) -> press(key);
            case Printed(var from, var line) when from == jvm && running -> show(line);
            case Printed _ -> { }
            case Said(var from, WorkerMessage.Begin _) -> from.begins();
            case Said(var from, var message) when from == jvm && !jvm.isBehind() -> hear(message);
            case Said _ -> { }
            case Ended(var from) when from == jvm -> replace();
            case Ended(var from) when from == spare -> spare = start();
            case Ended _ -> { }
        }
        return true;
    }

    private void press(int key) throws IOException {
        switch (key) {
            case 'r' -> check();
            case 'l' -> screen.say(ListCommand.list(progress));
            case 'h' -> {
                // What is broken may be on the screen already, and its run not over.
                asked = running && !broken.containsKey(lab);
                if (!asked) hint();
            }
            case 'n' -> {
                open(lab).ifPresent(this::choose);
                check();
            }
            default -> { }
        }
    }

    private void hint() {
        var todo = Optional.ofNullable(broken.get(lab)).map(Claim::todo)
            .orElseGet(() -> progress.todo(lab));
        screen.say(todo == 0 ? "No promise is known to be broken: press r."
            : Hints.next(lab, todo, progress));
    }

    private void check() {
        screen.clear();
        run();
    }

    private void run() {
        // What it still does for the text before is of no interest any more.
        running = true;
        asked = false;
        printed = 0;
        jvm.check(new LabFiles(lab).file(),
            Optional.ofNullable(broken.get(lab)).map(Claim::number).orElse(1));
    }

    private void hear(WorkerMessage message) throws IOException {
        switch (message) {
            case WorkerMessage.Leftovers _ -> { if (!running) change(); }
            case WorkerMessage.End end when running -> end(end);
            case WorkerMessage.Passing(var text) when running -> screen.sayInPassing(text);
            case WorkerMessage.Line(var text) when running -> screen.say(text);
            default -> { }
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
            screen.say("  ✘ this code ended the JVM, exit code " + code
                + ": is there a System.exit or halt?");
        }
    }

    /// The spare JVM takes over.
    private void change() {
        jvm.close();
        jvm = spare;
        spare = start();
    }

    private void end(WorkerMessage.End end) throws IOException {
        running = false;
        var again = progress.passed(lab);
        if (end.code() <= 1) record(end);
        if (asked) hint();
        if (end.code() == 0) pass(again);
        if (running) return;
        jvm.warm(new LabFiles(lab).solution());
        spare.warm(new LabFiles(lab).solution());
    }

    private void record(WorkerMessage.End end) {
        broken.remove(lab);
        Room.of(lab).claims().stream().filter(claim -> claim.number() == end.broken())
            .forEach(claim -> broken.put(lab, claim));
        progress.record(lab, end.kept(), end.counted(),
            Optional.ofNullable(broken.get(lab)).map(Claim::todo).orElse(0));
    }

    /// @param again whether it had been passed before: then it stays open
    private void pass(boolean again) throws IOException {
        screen.say("Lab %s is passed. Well done.".formatted(lab.digits()));
        var difference = new LabFiles(lab).difference();
        if (!difference.isEmpty()) {
            screen.say("What the reference does differently:");
            difference.stream().skip(2).limit(DIFFERENCE).forEach(screen::say);
            if (difference.size() > DIFFERENCE + 2) screen.say("… %d lines more: jbang %s.java "
                .formatted(difference.size() - DIFFERENCE - 2, lab.name()) + "solution");
        }
        var next = open(lab);
        if (next.isEmpty()) screen.say("That was the last one: all labs are passed.");
        else if (again) screen.say("Press n for lab %s.".formatted(next.get().digits()));
        else {
            choose(next.get());
            screen.say("Here is the next: labs/%s.java\n".formatted(lab.name()));
            run();
        }
    }

    /// What the student's code printed.
    private void show(String line) {
        if (++printed <= PRINTED) screen.say("  | " + line);
        if (printed == PRINTED) screen.say("  | …");
    }
}
