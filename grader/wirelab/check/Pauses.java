package wirelab.check;

import module java.base;

/// The pauses between a client's tries, milliseconds, and what can be told from them. A busy
/// machine makes a pause longer, never shorter.
public final class Pauses {
    private Pauses() {}

    /// Whether the client's back-off has just begun: four of the last five pauses are below
    /// 250 ms.
    public static boolean areShort(List<Long> pauses) {
        return pauses.reversed().stream().limit(5).filter(pause -> pause < 250).count() > 3;
    }

    /// Whether the last fifteen are all the same, and not by chance: of pauses at random within
    /// `range` milliseconds fifteen lie within a quarter of it once in ten million times.
    public static boolean areConstant(List<Long> pauses, long range) {
        if (pauses.size() < 15) return false;
        var last = pauses.subList(pauses.size() - 15, pauses.size());
        return Collections.max(last) - Collections.min(last) < range / 4;
    }

    /// The last few of them: `pauses of 21, 4, 30 ms`.
    public static String shown(List<Long> pauses) {
        var last = pauses.subList(Math.max(0, pauses.size() - 15), pauses.size());
        return "pauses of " + (last.size() < pauses.size() ? "… " : "") + last.stream()
            .map(String::valueOf).collect(Collectors.joining(", ")) + " ms";
    }

    /// The one in the middle, of an even number the upper one.
    public static long median(Collection<Long> pauses) {
        return pauses.stream().sorted().skip(pauses.size() / 2).findFirst().orElseThrow();
    }

    /// How far the half in the middle is spread: the rest may be late by chance.
    public static long spread(Collection<Long> pauses) {
        var sorted = pauses.stream().sorted().toList();
        return sorted.get(sorted.size() * 3 / 4 - 1) - sorted.get(sorted.size() / 4);
    }
}
