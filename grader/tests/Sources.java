package wirelab;

import module java.base;

/// Compiled labs for tests.
final class Sources {
    private Sources() {}

    /// A lab's solution with some of its text replaced: what, by what, what, by what…
    static Compiler.Classes solution(String lab, String... replacements) throws IOException {
        var source = Files.readString(Project.root().resolve("solutions").resolve(lab + ".java"));
        for (var i = 0; i < replacements.length; i += 2) {
            if (!source.contains(replacements[i]))
                throw new IllegalStateException(lab + " has no " + replacements[i]);
            source = source.replace(replacements[i], replacements[i + 1]);
        }
        return switch (Compiler.compile(lab, source)) {
            case Compiler.Classes classes -> classes;
            case Compiler.Errors errors -> throw new IllegalStateException("" + errors.lines());
        };
    }
}
