package wirelab.proof;

import module java.base;

/// What was proved of one lab.
///
/// @param lab      its number
/// @param caught   mistakes that the named check caught
/// @param problems what is wrong with the lab; empty if it is honest
/// @param tookMs   milliseconds
public record Report(int lab, String title, int claims, int mistakes, int caught,
        List<String> problems, long tookMs) {
    /// What a person reads: a line, then one for each problem.
    public String text() {
        return Stream.concat(Stream.of(line()), problems.stream().map("    "::concat))
            .collect(Collectors.joining("\n"));
    }

    private String line() {
        return "%s lab %02d · %s · %d claims · %d of %d mistakes caught · %.1f s".formatted(
            problems.isEmpty() ? "✔" : "✘", lab, title, claims, caught, mistakes,
            tookMs / 1000.0);
    }
}
