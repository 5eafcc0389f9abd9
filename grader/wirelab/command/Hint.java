package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine.*;
import wirelab.check.Room;
import wirelab.checkout.Hints;
import wirelab.checkout.Progress;
import wirelab.checkout.Usage;
import wirelab.run.Runner;
import wirelab.subject.Handover;
import wirelab.subject.InJvm;
import wirelab.verdict.Claim;
import wirelab.verdict.Score;

/// `jbang labNN.java hint [N]`
@Command(name = "hint", description = "Shows the next hint for the first broken promise.")
final class Hint implements Callable<Integer> {
    private final Handover lab;

    @Parameters(paramLabel = "N", arity = "0..1",
        description = "For this TODO. Default: that of the first broken promise.")
    Integer todo;

    Hint(Handover lab) { this.lab = lab; }

    @Override public Integer call() {
        var chosen = todo == null ? firstBroken() : todo;
        var known = Hints.of(lab.lab()).keySet();
        if (chosen == 0) System.out.println("All promises are kept: nothing to hint at.");
        else if (!known.contains(chosen))
            throw new Usage("No TODO " + chosen + ". TODOs here: " + known + ".");
        else System.out.println(Hints.next(lab.lab(), chosen, Progress.here()));
        return 0;
    }

    private int firstBroken() {
        var room = Room.of(lab.lab());
        try (var subject = new InJvm(lab, room.brisk())) {
            return new Score(Runner.run(room, room.claims(), subject, true, _ -> {}))
                .firstBroken().map(Claim::todo).orElse(0);
        }
    }
}
