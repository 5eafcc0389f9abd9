package wirelab.command;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.*;
import wirelab.check.Room;
import wirelab.checkout.Checkout;
import wirelab.subject.Handover;
import wirelab.subject.InJvm;

/// What a lab file does: check itself, serve, or follow a server as a client.
@Command(name = "lab",
    description = "Without a command: runs this lab's checks against the code in this file.",
    exitCodeListHeading = "Exit codes:%n", exitCodeList = {
        "0:every promise is kept", "1:a promise is broken", "2:wrong usage",
        "3:a fault of Wirelab itself"})
public final class LabCommand implements Callable<Integer> {
    private final Handover lab;

    @Option(names = "--all", description = "Go on after the first broken promise.")
    boolean all;
    @Option(names = "--json",
        description = "Print the outcomes as JSON, for machines; implies --all.")
    boolean json;
    @Option(names = "--trace", description = "Show stack traces.")
    boolean trace;

    private LabCommand(Handover lab) { this.lab = lab; }

    public static int run(Handover lab, String... args) {
        var checks = new LabCommand(lab);
        // What a student types all day needs no parser, which takes 0.1 s to load.
        if (args.length == 0) return Cli.execute(checks);
        var command = new CommandLine(checks).setCommandName(lab.lab().name() + ".java")
            .addSubcommand(new Serve(lab)).addSubcommand(new Hint(lab))
            .addSubcommand(new Solution(lab.lab())).addSubcommand(new Reset(lab.lab()));
        if (lab.client() != null) command.addSubcommand(new Follow(lab));
        return Cli.execute(command, args);
    }

    @Override public Integer call() {
        var room = Room.of(lab.lab());
        try (var subject = new InJvm(lab, room.brisk())) {
            return new Examination(room, subject).run(all, json, trace,
                Checkout.source(lab.lab()),
                "`jbang %1$s.java`, or `jbang %1$s.java hint`".formatted(lab.lab().name())).code();
        }
    }
}
