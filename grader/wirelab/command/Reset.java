package wirelab.command;

import java.util.concurrent.Callable;
import picocli.CommandLine.*;
import wirelab.checkout.LabFiles;
import wirelab.checkout.LabId;

/// `jbang labNN.java reset`
@Command(name = "reset", description = "Restores the file as it was at first; keeps yours.")
final class Reset implements Callable<Integer> {
    private final LabId lab;

    Reset(LabId lab) { this.lab = lab; }

    @Override public Integer call() throws Exception {
        var backup = new LabFiles(lab).reset();
        System.out.println("labs/" + lab.name() + ".java is as it was at first; yours is labs/"
            + backup.getFileName());
        return 0;
    }
}
