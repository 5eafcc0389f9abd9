package wirelab;

import module java.base;
import org.junit.jupiter.api.*;

/// A promise of a lab's protocol: one test method of its checks.
///
/// @param number its number in the lab; bonus claims come last
/// @param title  the test's name as a sentence
/// @param todo   the TODO of the starter that it belongs to, from 1
/// @param bonus  graded apart, never in the way of passing
/// @param client it examines the lab's client, which runs beside the server's checks
/// @param method the name of the test method
public record Claim(int number, String title, int todo, boolean bonus, boolean client,
    String method) {
    /// The claims of these checks, by number.
    static List<Claim> of(Class<? extends Checks> checks) {
        return Stream.of(checks.getDeclaredMethods())
            .filter(method -> method.isAnnotationPresent(Test.class))
            .map(Claim::of).sorted(Comparator.comparingInt(Claim::number)).toList();
    }

    private static Claim of(java.lang.reflect.Method method) {
        var tags = Stream.of(method.getAnnotationsByType(Tag.class)).map(Tag::value)
            .collect(Collectors.toSet());
        var todo = tags.stream().filter(tag -> tag.startsWith("TODO-")).findFirst()
            .orElseThrow(() -> new IllegalStateException(method + " has no @Tag(\"TODO-n\")"));
        return new Claim(method.getAnnotation(Order.class).value(), method.getName()
            .replace('_', ' '),
            Integer.parseInt(todo.substring(5)), tags.contains("bonus"), tags.contains("client"),
                method.getName());
    }
}
