package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine.*;
import wirelab.checkout.LabFiles;
import wirelab.checkout.LabId;
import wirelab.checkout.Progress;
import wirelab.checkout.Usage;

/// `jbang labNN.java solution`
@Command(name = "solution", description = "Shows what the reference does differently.")
final class Solution implements Callable<Integer> {
    private final LabId lab;

    @Option(names = "--spoil", description = "Also when the lab has not been passed.")
    boolean spoil;

    Solution(LabId lab) { this.lab = lab; }

    @Override public Integer call() throws IOException {
        var progress = Progress.here();
        if (!spoil && !progress.passed(lab))
            throw new Usage("Lab %s is not passed: %s. Try: jbang %3$s.java hint, or: jbang "
                .formatted(lab.digits(), progress.state(lab), lab.name())
                + "%s.java solution --spoil".formatted(lab.name()));
        new LabFiles(lab).difference().forEach(System.out::println);
        return 0;
    }
}
