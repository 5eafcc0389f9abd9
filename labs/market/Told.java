package market;

import module java.base;

/// Settings that code was told by whoever runs it, in place of the environment. So two labs in one
/// JVM can have different ones.
public final class Told {
    private static final StackWalker CALLERS =
        StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);
    private static final Map<ClassLoader, Map<String, String>> SETTINGS =
        Collections.synchronizedMap(new WeakHashMap<>());

    private Told() {}

    /// Tells all code of one class loader, on whichever thread it runs.
    public static void settings(ClassLoader code, Map<String, String> settings) {
        SETTINGS.put(code, settings);
    }

    /// What the code that asks was told; empty if nothing.
    static Optional<String> setting(String name) {
        return CALLERS.walk(frames -> frames
            .map(frame -> SETTINGS.get(frame.getDeclaringClass().getClassLoader()))
            .filter(settings -> settings != null && settings.containsKey(name))
            .map(settings -> settings.get(name)).findFirst());
    }
}
