package wirelab.checkout;

import module java.base;
import com.github.difflib.patch.PatchFailedException;
import wirelab.source.MethodBodies;

/// Where things stand in a lab's file: the bullets of its contract and what is to be done.
///
/// @param name    of the file, as people are told it
/// @param lines   of the file
/// @param student whether it is what a student has written, rather than what the lab says
public record Places(LabId lab, String name, List<String> lines, boolean student) {
    /// A bullet of a lab's contract: `/// - S7 · TODO 9 · A client that doesn't read …`.
    private static final Pattern BULLET =
        Pattern.compile("/// - ([SC]\\d+) · (?:TODO (\\d+(?:, \\d+)*)|given) · (.*)");

    /// @param id    `S7`
    /// @param todos that it is about; none if what it says is given
    /// @param place `lab06.java:76`
    /// @param text  in one line, in the file's Markdown
    public record Rule(String id, Set<Integer> todos, String place, String text) {}

    /// Of a student's file; or, where there is none, of the lab's own for what its contract says.
    /// Outside a checkout nothing has a place.
    public static Places of(LabId lab, Optional<Path> source) {
        try {
            var file = source.orElseGet(() -> new LabFiles(lab).file());
            return new Places(lab, file.getFileName().toString(), Files.readAllLines(file),
                source.isPresent());
        } catch (IOException | Usage unreadable) {
            return new Places(lab, "", List.of(), false);
        }
    }

    /// The bullets of the contract, in their order.
    public List<Rule> rules() {
        var rules = new ArrayList<Rule>();
        for (var i = 0; i < lines.size(); i++) {
            var bullet = BULLET.matcher(lines.get(i).strip());
            if (bullet.matches()) rules.add(new Rule(bullet.group(1), numbers(bullet.group(2)),
                name + ":" + (i + 1), bullet.group(3) + more(i + 1)));
        }
        return rules;
    }

    public Optional<Rule> rule(String id) {
        return rules().stream().filter(rule -> rule.id.equals(id)).findFirst();
    }

    private static Set<Integer> numbers(String list) {
        return list == null ? Set.of() : Stream.of(list.split(", ")).map(Integer::parseInt)
            .collect(Collectors.toCollection(TreeSet::new));
    }

    /// The lines that go on with a bullet: they are indented.
    private String more(int first) {
        return lines.stream().skip(first).map(String::strip)
            .takeWhile(line -> line.startsWith("///   ")).map(line -> " " + line.substring(6))
            .collect(Collectors.joining());
    }

    /// Each place where this TODO is to be done: where its comment stands, or else, since whoever
    /// writes a body deletes the comment, the methods whose bodies it stood in at first.
    public List<String> todo(int number) {
        if (!student) return List.of();
        var comments = IntStream.range(0, lines.size())
            .filter(i -> lines.get(i).matches(".*// TODO " + number + "\\b.*")).map(i -> i + 1);
        var found = comments.boxed().toList();
        return (found.isEmpty() ? methods(number) : found).stream()
            .map(line -> name + ":" + line).toList();
    }

    private List<Integer> methods(int todo) {
        try {
            var members = MethodBodies.withTodo(new LabFiles(lab).starter(), todo);
            var text = String.join("\n", lines) + "\n";
            return members.stream().flatMap(member -> MethodBodies.line(text, member).stream()
                .boxed()).toList();
        } catch (IOException | PatchFailedException | Usage noStarter) {
            // Outside a checkout nobody knows how the file was at first.
            return List.of();
        }
    }
}
