package wirelab;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import java.lang.reflect.*;
import java.lang.reflect.Method;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;

/// What a lab sees of the kit and of what is given: `wirelab.Lab` and package `market`. JBang keeps
/// the jar of a lab whose text has not changed, whatever becomes of the kit. So nothing that such a
/// jar may call may go or change.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class DoorTest {
    private static final Path KNOWN = Checkout.root().resolve("grader/tests/door.txt");

    /// The public members of a class, as a class file names them: without generics.
    private static Stream<String> members(Class<?> type) {
        var fields = Stream.of(type.getFields()).map(field -> field.getType().getTypeName() + " "
            + field.getName());
        var constructors = Stream.of(type.getConstructors())
            .map(constructor -> "new" + parameters(constructor));
        var methods = Stream.of(type.getMethods())
            .filter(method -> !method.getDeclaringClass().getName().startsWith("java."))
            .filter(method -> !method.isBridge())
            .map(method -> result(method) + " " + method.getName() + parameters(method));
        return Stream.of(fields, constructors, methods).flatMap(all -> all)
            .map(member -> type.getName() + ": " + member);
    }

    private static String result(Method method) {
        return (Modifier.isStatic(method.getModifiers()) ? "static " : "")
            + method.getReturnType().getTypeName();
    }

    private static String parameters(Executable executable) {
        return Stream.of(executable.getParameterTypes()).map(Class::getTypeName)
            .collect(Collectors.joining(", ", "(", ")"));
    }

    /// All public classes of the door.
    private static List<Class<?>> classes() throws Exception {
        var classes = new ArrayList<Class<?>>(List.of(Lab.class));
        classes.addAll(List.of(Lab.class.getClasses()));
        for (var file : List.of("market", "market/rpc"))
            try (var sources = Files.list(Checkout.root().resolve("labs").resolve(file))) {
                for (var source : sources.toList()) {
                    if (!source.toString().endsWith(".java")) continue;
                    var type = Class.forName(file.replace('/', '.') + "."
                        + source.getFileName().toString().replace(".java", ""));
                    if (!Modifier.isPublic(type.getModifiers())) continue;
                    classes.add(type);
                    classes.addAll(List.of(type.getClasses()));
                }
            }
        return classes;
    }

    @Test void nothing_that_a_lab_may_call_has_gone_or_changed() throws Exception {
        var now = classes().stream().flatMap(DoorTest::members).distinct().sorted().toList();

        assertThat(now).as("Add what is new to grader/tests/door.txt; never take a line away: "
            + "a lab that was compiled before calls it").isEqualTo(Files.readAllLines(KNOWN));
    }
}
