package wirelab.proof;

import module java.base;
import wirelab.check.Room;
import wirelab.checkout.Checkout;
import wirelab.subject.Setting;
import wirelab.source.Style;
import wirelab.verdict.Claim;

/// Proves what concerns no single lab: the look of all sources, and the tables of the README.
public final class Documents {
    /// The most lines of a file of checks.
    private static final int LINES = 400;

    private Documents() {}

    /// What is wrong; empty if all is well.
    public static List<String> problems() throws IOException {
        var problems = new ArrayList<String>();
        var root = Checkout.root();
        try (var files = Files.walk(root)) {
            var generated = root.resolve("proto/market");
            var sources = files.filter(file -> file.toString().matches(".*\\.(java|jsh)"))
                .filter(file -> !file.startsWith(generated)).sorted().toList();
            problems.addAll(Style.versions(sources));
            for (var source : sources) {
                problems.addAll(Style.problems(source));
                if (source.startsWith(root.resolve("grader/labs")))
                    Style.longer(source, LINES).ifPresent(problems::add);
            }
        }
        problems.addAll(readme(Files.readString(root.resolve("README.md"))));
        return problems;
    }

    /// The README has a row for each lab and each setting, as the checks know them.
    static List<String> readme(String text) {
        var rooms = Checkout.labs().stream().map(Room::of).toList();
        var settings = Stream.concat(Stream.of(row(Setting.FEED_CAPACITY, "all")),
            rooms.stream().flatMap(room -> room.settings().stream()
                .map(setting -> row(setting, room.lab().digits()))));
        return Stream.concat(rooms.stream().map(Documents::row), settings)
            .filter(row -> text.lines().noneMatch(line -> line.matches(row)))
            .map(row -> "README.md has no line like "
                + row.replaceAll("\\(\\?i\\)|\\\\[QE]", "")).toList();
    }

    /// `| [05](labs/lab05.java) | Server-Sent Events: … | 16 + 1 bonus |`
    private static String row(Room room) {
        var bonus = room.claims().stream().filter(Claim::bonus).count();
        var claims = room.claims().size() - bonus + (bonus > 0 ? " + " + bonus + " bonus" : "");
        return "(?i)" + Pattern.quote("| [%s](labs/%s.java) | %s".formatted(room.lab().digits(),
            room.lab().name(), room.title())) + ".* " + Pattern.quote("| " + claims + " |");
    }

    /// `| HEARTBEAT_MS | 15000 | 05 |`, with the name in backquotes.
    private static String row(Setting setting, String labs) {
        return Pattern.quote("| `%s` | %s | %s |".formatted(setting.name(), setting.promised(),
            labs));
    }
}
