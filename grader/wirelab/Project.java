package wirelab;

import module java.base;

/// Where things are in a checkout of Wirelab.
final class Project {
    private Project() {}

    /// The folder with labs/ and grader/, here or above.
    static Path root() {
        for (var folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent())
            if (Files.isDirectory(folder.resolve("grader/wirelab"))
                && Files.isDirectory(folder.resolve("labs"))) return folder;
        throw new Usage("No Wirelab checkout here or above, a folder with labs/ and grader/. "
            + "Go into it and try again.");
    }

    /// The program `java` that runs this.
    static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /// The numbers of the labs that have a starter.
    static List<Integer> labs() {
        try (var files = Files.list(root().resolve("labs"))) {
            return files.map(file -> file.getFileName().toString())
                .filter(name -> name.matches("lab\\d\\d\\.java"))
                .map(name -> Integer.parseInt(name.substring(3, 5))).sorted().toList();
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// The file that a running lab was compiled from. JBang doesn't tell, so it is the one whose
    /// `main` stands on the line that the running `main` stands on. Null when there is none.
    static Path source(String name) {
        var line = StackWalker.getInstance().walk(frames -> frames
            .filter(frame -> frame.getClassName().equals(name) && frame.getMethodName()
                .equals("main"))
            .findFirst().map(StackWalker.StackFrame::getLineNumber));
        if (line.isEmpty()) return null;
        return Stream.of("", "labs", "solutions", "../labs", "../solutions")
            .map(folder -> Path.of(folder, name + ".java"))
            .filter(Files::isReadable).filter(file -> handsOver(file, line.get())).findFirst()
                .orElse(null);
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
