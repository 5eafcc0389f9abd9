package wirelab.proof;

import module java.base;
import wirelab.check.Room;
import wirelab.checkout.LabFiles;
import wirelab.checkout.Places;
import wirelab.subject.Setting;
import wirelab.verdict.Claim;

/// Compares the contract in a lab's text with its checks and its settings.
///
/// @param starter the lab's text
record Contract(Room room, String starter) {
    /// A rule of a promise that begins with a bullet: `"S7"`, `"S7 · RFC 6455 §7.4.1"`.
    private static final Pattern CITED = Pattern.compile("\"([SC]\\d+(?: · [SC]\\d+)*)(?: ·|\")");
    /// Says that no check can be made of a bullet, and why.
    private static final String UNCHECKED = "(Not checked";

    List<String> problems() throws IOException {
        var rules = new Places(room.lab(), "", starter.lines().toList(), true).rules();
        var problems = new ArrayList<>(todos(rules));
        problems.addAll(citations(rules));
        problems.addAll(settings());
        return problems;
    }

    /// The bullets name each TODO of the claims, and no other.
    private List<String> todos(List<Places.Rule> rules) {
        var named = rules.stream().flatMap(rule -> rule.todos().stream())
            .collect(Collectors.toCollection(TreeSet::new));
        var claimed = room.claims().stream().map(Claim::todo)
            .collect(Collectors.toCollection(TreeSet::new));
        return named.equals(claimed) ? List.of()
            : List.of("TODOs of the contract's bullets " + named + ", of the claims " + claimed);
    }

    /// The checks cite each bullet that asks for something, and no other.
    private List<String> citations(List<Places.Rule> rules) throws IOException {
        var cited = cited();
        var known = rules.stream().map(Places.Rule::id).toList();
        var twice = known.stream().filter(id -> Collections.frequency(known, id) > 1).distinct();
        return Stream.of(
            twice.map(id -> "two bullets are " + id),
            cited.stream().filter(id -> !known.contains(id))
                .map(id -> "the checks cite " + id + ", which is no bullet of the contract"),
            rules.stream().filter(rule -> !rule.todos().isEmpty() && !cited.contains(rule.id())
                && !rule.text().contains(UNCHECKED))
                .map(rule -> "no check cites " + rule.id() + " of the contract"))
            .flatMap(stream -> stream).toList();
    }

    private SortedSet<String> cited() throws IOException {
        var cited = new TreeSet<String>();
        try (var files = Files.list(new LabFiles(room.lab()).room())) {
            for (var file : files.filter(one -> one.toString().endsWith(".java")).toList())
                CITED.matcher(Files.readString(file)).results()
                    .forEach(rule -> cited.addAll(List.of(rule.group(1).split(" · "))));
        }
        return cited;
    }

    /// The text names each setting with its default: `` `PING_MS` (a setting, default 15000) ``.
    private List<String> settings() {
        var text = starter.lines().filter(line -> line.startsWith("///"))
            .map(line -> line.substring(3).strip()).collect(Collectors.joining(" "));
        return room.settings().stream().map(Contract::words).filter(words -> !text.contains(words))
            .map(words -> "the contract does not say: " + words).toList();
    }

    private static String words(Setting setting) {
        return "`%s` (a setting, default %s)".formatted(setting.name(), setting.promised());
    }
}
