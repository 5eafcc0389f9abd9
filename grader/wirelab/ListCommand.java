package wirelab;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/// Shows all labs and how far they have come.
@Command(name = "list", description = "Shows all labs and how far you have come.")
public final class ListCommand implements Callable<Integer> {
    @Override public Integer call() {
        System.out.println(WatchCommand.list(Progress.here()));
        return 0;
    }
}
