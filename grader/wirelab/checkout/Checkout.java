package wirelab.checkout;

import module java.base;

/// Where things are in a checkout of Wirelab.
public final class Checkout {
    private Checkout() {}

    /// The folder with labs/ and grader/, here or above.
    public static Path root() {
        for (var folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent())
            if (Files.isDirectory(folder.resolve("grader/wirelab"))
                && Files.isDirectory(folder.resolve("labs"))) return folder;
        throw new Usage("No Wirelab checkout here or above, a folder with labs/ and grader/. "
            + "Go into it and try again.");
    }

    /// The labs that have a starter, by number.
    public static List<LabId> labs() {
        try (var files = Files.list(root().resolve("labs"))) {
            return files.map(file -> file.getFileName().toString().replaceFirst("\\.java$", ""))
                .flatMap(name -> LabId.named(name).stream()).distinct().sorted().toList();
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// The file that a running lab was compiled from. JBang doesn't tell, so it is the one whose
    /// `main` stands on the line that the running `main` stands on. Empty if there is none.
    ///
    /// It looks at the stack: call it on the thread that runs `main`.
    public static Optional<Path> source(LabId lab) {
        var line = StackWalker.getInstance().walk(frames -> frames
            .filter(frame -> frame.getClassName().equals(lab.name())
                && frame.getMethodName().equals("main"))
            .findFirst().map(StackWalker.StackFrame::getLineNumber));
        if (line.isEmpty()) return Optional.empty();
        return Stream.of("", "labs", "solutions", "../labs", "../solutions")
            .map(folder -> Path.of(folder, lab.name() + ".java"))
            .filter(Files::isReadable).filter(file -> handsOver(file, line.get())).findFirst();
    }

    /// Whether the statement that ends on this line hands over to the kit.
    private static boolean handsOver(Path file, int line) {
        try (var lines = Files.lines(file)) {
            return lines.skip(Math.max(0, line - 4)).limit(4)
                .anyMatch(text -> text.contains("Lab.number("));
        } catch (IOException | UncheckedIOException unreadable) {
            return false;
        }
    }
}
