package wirelab.verdict;

/// A promise of a lab's protocol: one test method of its checks.
///
/// @param number its number in the lab; bonus claims come last
/// @param title  the test's name as a sentence
/// @param todo   the TODO of the starter that it belongs to, from 1
/// @param bonus  graded apart, never in the way of passing
/// @param client it examines the lab's client, which runs beside the server's checks
/// @param method the name of the test method
public record Claim(int number, String title, int todo, boolean bonus, boolean client,
    String method) {}
