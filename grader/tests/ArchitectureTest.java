package wirelab;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreeScanner;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;
import wirelab.source.SourceText;

/// The packages of the kit stand above one another, and none knows one above it.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ArchitectureTest {
    /// From bottom to top. Those that are reserved have no files yet.
    private static final List<String> FLOORS = List.of("time", "verdict", "source", "checkout",
        "wire", "subject", "report", "check", "run", "labs", "sandbox", "gradebook", "deck",
        "spectrum", "classroom", "proof", "command", "command/watch", "door");
    private static final Set<String> RESERVED =
        Set.of("sandbox", "gradebook", "deck", "spectrum", "classroom");

    /// That a file of one room uses a type of another.
    record Arrow(String from, String to) {}

    /// The arrows between rooms.
    ///
    /// @param rooms the room of each file
    static Set<Arrow> arrows(Map<Path, String> rooms) throws IOException {
        var homes = new HashMap<String, String>();
        rooms.forEach((file, room) -> homes.put(name(file), room));
        var arrows = new TreeSet<Arrow>(Comparator.comparing(Arrow::toString));
        for (var file : rooms.keySet())
            for (var used : identifiers(Files.readString(file))) {
                var room = homes.get(used);
                if (room != null && !room.equals(rooms.get(file)))
                    arrows.add(new Arrow(rooms.get(file), room));
            }
        return arrows;
    }

    private static String name(Path file) {
        return file.getFileName().toString().replace(".java", "");
    }

    /// All names in the code: not in its comments and texts.
    private static Set<String> identifiers(String source) throws IOException {
        var task = (JavacTask) javax.tools.ToolProvider.getSystemJavaCompiler()
            .getTask(Writer.nullWriter(), null, _ -> {}, List.of(), null,
                List.of(new SourceText("File", source)));
        var names = new HashSet<String>();
        new TreeScanner<Void, Void>() {
            @Override public Void visitIdentifier(IdentifierTree tree, Void none) {
                names.add(tree.getName().toString());
                return null;
            }
        }.scan(task.parse(), null);
        return names;
    }

    /// The room of each file of the kit and the labs: its folder.
    private static Map<Path, String> rooms() throws IOException {
        var kit = Checkout.root().resolve("grader/wirelab");
        var labs = Checkout.root().resolve("grader/labs");
        try (var files = Files.walk(kit); var checks = Files.walk(labs)) {
            return Stream.concat(files, checks).filter(file -> file.toString().endsWith(".java"))
                .collect(Collectors.toMap(file -> file, file -> file.startsWith(labs) ? "labs"
                    : file.getParent().equals(kit) ? "door"
                    : kit.relativize(file.getParent()).toString().replace('\\', '/')));
        }
    }

    @Test void each_room_has_its_floor() throws IOException {
        var rooms = Set.copyOf(rooms().values());

        assertThat(FLOORS).containsAll(rooms);
        assertThat(rooms).containsAll(FLOORS.stream().filter(room -> !RESERVED.contains(room))
            .toList());
    }

    @Test void no_arrow_runs_upward() throws IOException {
        var arrows = arrows(rooms());

        assertThat(arrows).hasSizeGreaterThan(20);
        assertThat(arrows).filteredOn(arrow ->
            FLOORS.indexOf(arrow.from) < FLOORS.indexOf(arrow.to)).isEmpty();
    }

    @Test void an_arrow_upward_is_found() throws IOException {
        var folder = Files.createTempDirectory("wirelab-");
        var low = Files.writeString(folder.resolve("Low.java"),
            "/** See High. */ class Low { Object high = new High(\"High\"); }");
        var high = Files.writeString(folder.resolve("High.java"), "class High { }");

        assertThat(arrows(Map.of(low, "time", high, "run")))
            .containsExactly(new Arrow("time", "run"));
    }
}
