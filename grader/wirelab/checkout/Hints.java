package wirelab.checkout;

import module java.base;

/// The hint ladders of a lab, `grader/labs/labNN/hints.md`: from a question to nearly the code.
public final class Hints {
    private Hints() {}

    /// The hints for each TODO, in their order.
    public static SortedMap<Integer, List<String>> of(LabId lab) {
        var ladders = new TreeMap<Integer, List<String>>();
        for (var line : lines(new LabFiles(lab).hints())) {
            if (line.startsWith("## TODO "))
                ladders.put(Integer.parseInt(line.substring(8).strip()), new ArrayList<>());
            else if (ladders.isEmpty() || line.isBlank()) continue;
            else if (line.matches("\\d\\. .*")) ladders.lastEntry().getValue()
                .add(line.substring(3));
            else ladders.lastEntry().getValue().add(
                ladders.lastEntry().getValue().removeLast() + "\n" + line);
        }
        return ladders;
    }

    /// The next hint for a TODO that has not been seen, after those that have.
    public static String next(LabId lab, int todo, Progress progress) {
        var ladder = of(lab).getOrDefault(todo, List.of());
        if (ladder.isEmpty())
            return "There is no hint for TODO %d of %s.".formatted(todo, lab.name());
        var seen = Math.min(progress.hints(lab, todo) + 1, ladder.size());
        progress.showed(lab, todo, seen);
        return IntStream.range(0, seen).mapToObj(i -> "TODO %d, hint %d of %d: %s".formatted(todo,
            i + 1, ladder.size(), ladder.get(i))).collect(Collectors.joining("\n"));
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException missing) {
            throw new Usage("There are no hints for this lab.");
        }
    }
}
