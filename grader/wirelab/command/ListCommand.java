package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import wirelab.check.Room;
import wirelab.checkout.Checkout;
import wirelab.checkout.Progress;

/// `jbang list`
@Command(name = "list", description = "Shows all labs and how far you have come.")
public final class ListCommand implements Callable<Integer> {
    @Override public Integer call() {
        System.out.println(list(Progress.here()));
        return 0;
    }

    /// The labs and how far they have come, a line each.
    public static String list(Progress progress) {
        return Checkout.labs().stream().map(lab -> "  %s  %-30s %s".formatted(lab.digits(),
            Room.of(lab).title(), progress.state(lab))).collect(Collectors.joining("\n"));
    }
}
