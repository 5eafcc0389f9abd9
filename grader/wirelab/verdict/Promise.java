package wirelab.verdict;

import module java.base;

/// What a check expects, and by which rule.
///
/// @param expected what should be seen on the wire
/// @param rule     the rules that ask for it, with ` · ` between two: a bullet of the lab's
///                 contract (`S7` of the server, `C3` of the client), a section of a standard
/// @param because  why it matters, or where such a fault comes from; may be empty
public record Promise(String expected, String rule, String because) {
    /// While a check has promised nothing yet.
    public static final Promise NONE = new Promise("", "", "");

    private static final Pattern BULLET = Pattern.compile("[SC]\\d+");

    /// The bullets of the lab's contract that the rule names.
    public List<String> bullets() {
        return parts().filter(part -> BULLET.matcher(part).matches()).toList();
    }

    /// The rest of the rule: `RFC 9110 §15.4.5`; may be empty.
    public String standard() {
        return parts().filter(part -> !BULLET.matcher(part).matches())
            .collect(Collectors.joining(" · "));
    }

    private Stream<String> parts() {
        return Stream.of(rule.split(" · ")).filter(part -> !part.isEmpty());
    }
}
