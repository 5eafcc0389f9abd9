package wirelab.checkout;

import module java.base;

/// Which lab: its number, and all that follows from it.
public record LabId(int number) implements Comparable<LabId> {
    private static final Pattern NAME = Pattern.compile("lab(\\d\\d)");

    /// The lab with this name (`lab05`), if it is one.
    public static Optional<LabId> named(String name) {
        var matcher = NAME.matcher(name);
        return matcher.matches() ? Optional.of(new LabId(Integer.parseInt(matcher.group(1))))
            : Optional.empty();
    }

    /// The name of its class, and of its files without `.java`: `lab05`.
    public String name() { return "lab" + digits(); }

    /// `05`.
    public String digits() { return "%02d".formatted(number); }

    /// Where it serves unless told otherwise.
    public int port() { return 7000 + number; }

    /// The class of its checks: `labs.lab05.Lab05`.
    public String checks() { return "labs.%s.Lab%s".formatted(name(), digits()); }

    @Override public int compareTo(LabId other) { return Integer.compare(number, other.number); }
}
