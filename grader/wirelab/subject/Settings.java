package wirelab.subject;

import module java.base;

/// What a subject was told about its limits and times, or what it promises without being told.
///
/// @param variables name and value of each
public record Settings(Map<String, String> variables) {
    /// What a lab promises when nobody says otherwise.
    public static Settings promised(List<Setting> all) { return of(all, Setting::promised); }

    /// What a lab is examined with: a log that is soon full, and retries within milliseconds.
    public static Settings brisk(List<Setting> all) { return of(all, Setting::brisk); }

    private static Settings of(List<Setting> all, Function<Setting, String> value) {
        return new Settings(Map.of()).with(Stream.concat(Stream.of(Setting.FEED_CAPACITY),
            all.stream()).collect(Collectors.toMap(Setting::name, value)));
    }

    /// These, and on top of them `others`.
    public Settings with(Map<String, String> others) {
        var all = new TreeMap<>(variables);
        all.putAll(others);
        return new Settings(Collections.unmodifiableMap(all));
    }

    public String text(String name) {
        return Objects.requireNonNull(variables.get(name), () -> "no setting " + name);
    }

    public int number(String name) { return Integer.parseInt(text(name)); }

    /// A setting in milliseconds.
    public Duration millis(String name) { return Duration.ofMillis(number(name)); }
}
