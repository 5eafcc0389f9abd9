package wirelab.check;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;
import wirelab.checkout.LabId;
import wirelab.checkout.Usage;
import wirelab.subject.Setting;
import wirelab.subject.Settings;
import wirelab.verdict.Claim;

/// What a lab's checks say about the lab: title, claims, settings. They stand in
/// `grader/labs/labNN/`, in the class `LabNN` and those that its constant `PARTS` names.
///
/// @param checks the class `LabNN`
public record Room(LabId lab, Class<? extends Checks> checks) {
    /// @throws Usage if there is no such lab
    public static Room of(LabId lab) {
        try {
            return new Room(lab, Class.forName(lab.checks()).asSubclass(Checks.class));
        } catch (ClassNotFoundException none) {
            throw new Usage("No lab " + lab.number() + ". Labs here: " + Checkout.labs().stream()
                .map(LabId::digits).collect(Collectors.joining(" ")) + ".");
        }
    }

    public String title() { return checks.getAnnotation(DisplayName.class).value(); }

    /// The claims by number: each test method is one. A double underscore in its name is a hyphen.
    public List<Claim> claims() {
        return parts().flatMap(part -> Stream.of(part.getDeclaredMethods()))
            .filter(method -> method.isAnnotationPresent(Test.class))
            .map(Room::claim).sorted(Comparator.comparingInt(Claim::number)).toList();
    }

    /// The class of this claim's method.
    public Class<? extends Checks> part(Claim claim) {
        return parts().filter(part -> Stream.of(part.getDeclaredMethods())
            .anyMatch(method -> method.getName().equals(claim.method()))).findFirst().orElseThrow();
    }

    private Stream<? extends Class<? extends Checks>> parts() {
        List<Class<? extends Checks>> more = constant("PARTS");
        return Stream.concat(Stream.of(checks), more.stream());
    }

    private static Claim claim(java.lang.reflect.Method method) {
        var tags = Stream.of(method.getAnnotationsByType(Tag.class)).map(Tag::value)
            .collect(Collectors.toSet());
        var todo = tags.stream().filter(tag -> tag.startsWith("TODO-")).findFirst()
            .orElseThrow(() -> new IllegalStateException(method + " has no @Tag(\"TODO-n\")"));
        return new Claim(method.getAnnotation(Order.class).value(),
            method.getName().replace("__", "-").replace('_', ' '),
            Integer.parseInt(todo.substring(5)), tags.contains("bonus"), tags.contains("client"),
            method.getName());
    }

    /// The settings of its own, besides [Setting#FEED_CAPACITY].
    public List<Setting> settings() { return constant("SETTINGS"); }

    /// A list that the checks name; empty if they don't.
    @SuppressWarnings("unchecked")
    private <T> List<T> constant(String name) {
        try {
            return (List<T>) checks.getField(name).get(null);
        } catch (NoSuchFieldException none) {
            return List.of();
        } catch (IllegalAccessException hidden) {
            throw new IllegalStateException(checks + ": " + name + " must be public", hidden);
        }
    }

    /// What its server promises without being told.
    public Settings promised() { return Settings.promised(settings()); }

    /// What it is examined with, where it can be told.
    public Settings brisk() { return Settings.brisk(settings()); }
}
