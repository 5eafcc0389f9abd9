package wirelab.source;

import module java.base;

/// What every source file of the project must look like, so that no formatter is needed.
public final class Style {
    private static final int COLUMNS = 100;
    private static final Pattern DEPENDENCY = Pattern.compile("//DEPS ([^\\s:]+:[^\\s:]+):(\\S+)");
    private static final List<String> HEADER =
        List.of("///usr/bin/env jbang", "//JAVA 25+", "//DEPS", "//SOURCES", "import ");

    private Style() {}

    /// What is wrong with the file, each with its line.
    public static List<String> problems(Path file) throws IOException {
        var problems = new ArrayList<String>();
        var lines = Files.readAllLines(file);
        for (var i = 0; i < lines.size(); i++) {
            var place = file.getFileName() + ":" + (i + 1) + ": ";
            var length = lines.get(i).codePointCount(0, lines.get(i).length());
            if (length > COLUMNS) problems.add(place + length + " columns, at most " + COLUMNS);
            if (lines.get(i).contains("\t")) problems.add(place + "a tab");
        }
        if (!Files.readString(file).endsWith("\n"))
            problems.add(file.getFileName() + ": no newline at its end");
        return problems;
    }

    /// Whether the file has more lines than that.
    public static Optional<String> longer(Path file, int most) throws IOException {
        var lines = Files.readAllLines(file).size();
        return lines <= most ? Optional.empty()
            : Optional.of(file.getFileName() + ": " + lines + " lines, at most " + most);
    }

    /// Whether shebang, `//JAVA`, `//DEPS`, `//SOURCES`, imports come in this order.
    public static Optional<String> header(Path file) throws IOException {
        var seen = 0;
        for (var line : Files.readAllLines(file)) {
            var kind = IntStream.range(0, HEADER.size()).filter(i -> line.startsWith(HEADER.get(i)))
                .findFirst();
            if (kind.isEmpty()) continue;
            if (kind.getAsInt() < seen) return Optional.of(file.getFileName() + ": '" + line
                + "' comes too late; the order is shebang, //JAVA, //DEPS, //SOURCES, imports");
            seen = kind.getAsInt();
        }
        return Optional.empty();
    }

    /// Dependencies that two files name with different versions.
    public static List<String> versions(List<Path> files) throws IOException {
        var versions = new TreeMap<String, Map<String, Path>>();
        for (var file : files)
            for (var line : Files.readAllLines(file)) {
                var dependency = DEPENDENCY.matcher(line);
                if (dependency.lookingAt())
                    versions.computeIfAbsent(dependency.group(1), _ -> new TreeMap<>())
                    .put(dependency.group(2), file.getFileName());
            }
        return versions.entrySet().stream().filter(one -> one.getValue().size() > 1)
            .map(one -> one.getKey() + " has two versions: " + one.getValue()).toList();
    }
}
