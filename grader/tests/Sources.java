package wirelab;

import module java.base;
import wirelab.check.Room;
import wirelab.checkout.LabFiles;
import wirelab.checkout.LabId;
import wirelab.source.Compiler;
import wirelab.subject.Handover;
import wirelab.subject.InJvm;

/// Labs for tests.
public final class Sources {
    private Sources() {}

    public static Room room(int number) { return Room.of(new LabId(number)); }

    /// A lab's solution, compiled, with some of its text replaced: what, by what, what, by what…
    public static Compiler.Classes solution(int number, String... replacements)
            throws IOException {
        var lab = new LabId(number);
        var source = Files.readString(new LabFiles(lab).solution());
        for (var i = 0; i < replacements.length; i += 2) {
            if (!source.contains(replacements[i]))
                throw new IllegalStateException(lab + " has no " + replacements[i]);
            source = source.replace(replacements[i], replacements[i + 1]);
        }
        return switch (Compiler.compile(lab.name(), source)) {
            case Compiler.Classes classes -> classes;
            case Compiler.Errors errors -> throw new IllegalStateException("" + errors.lines());
        };
    }

    /// The same as a subject in this JVM, with the settings that it is examined with.
    public static InJvm subject(int number, String... replacements) throws IOException {
        return new InJvm(Handover.of(solution(number, replacements)), room(number).brisk());
    }
}
