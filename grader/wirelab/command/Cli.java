package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import wirelab.checkout.Usage;

/// Runs command lines, so that all of them end and explain themselves in the same way.
public final class Cli {
    private Cli() {}

    /// Runs a command line: wrong usage ends with 2, a fault of the kit with 3.
    public static int execute(CommandLine command, String... args) {
        speakUtf8();
        command.setOut(new PrintWriter(System.out, true)).setErr(new PrintWriter(System.err, true));
        addHelp(command);
        command.setParameterExceptionHandler((wrong, _) -> {
            var name = wrong.getCommandLine().getCommandSpec().qualifiedName();
            System.err.println(wrong.getMessage() + ". Try: " + name + " --help");
            return 2;
        });
        command.setExecutionExceptionHandler((failure, _, _) ->
            explain(failure, List.of(args).contains("--trace")));
        return command.execute(args);
    }

    /// Runs a command that has no arguments; the same exit codes.
    public static int execute(Callable<Integer> command) {
        speakUtf8();
        try {
            return command.call();
        } catch (Exception failure) {
            return explain(failure, false);
        }
    }

    private static int explain(Exception failure, boolean trace) {
        if (failure instanceof Usage) {
            System.err.println(failure.getMessage());
            return 2;
        }
        System.err.println("A fault of Wirelab, not of your code: " + failure);
        if (trace) failure.printStackTrace();
        return 3;
    }

    /// ✔ and ✘ also where no locale is set, as on many a CI machine.
    private static void speakUtf8() {
        System.setOut(utf8(FileDescriptor.out));
        System.setErr(utf8(FileDescriptor.err));
    }

    private static void addHelp(CommandLine command) {
        command.getCommandSpec().addOption(CommandLine.Model.OptionSpec.builder("-h", "--help")
            .usageHelp(true).description("Shows this help.").build());
        command.getSubcommands().values().forEach(Cli::addHelp);
    }

    private static PrintStream utf8(FileDescriptor descriptor) {
        return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
    }
}
