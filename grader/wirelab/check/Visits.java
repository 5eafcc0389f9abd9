package wirelab.check;

import module java.base;
import wirelab.time.Deadline;

/// The visits of the subject's client to a server of ours: its connections, streams or calls, in
/// the order in which they came.
public final class Visits<V extends Visits.Visit> {
    /// One of them.
    public interface Visit {
        /// When it began, System.nanoTime().
        long cameAt();

        /// When the server ended it, System.nanoTime(); 0 before.
        long endedAt();
    }

    private final List<V> all = new ArrayList<>();

    /// Adds the next one, made of its number from 0.
    public synchronized V add(IntFunction<V> visit) {
        all.add(visit.apply(all.size()));
        return all.getLast();
    }

    public synchronized int count() { return all.size(); }

    public synchronized List<V> all() { return List.copyOf(all); }

    /// The one with this number from 0, as soon as it comes.
    public V await(int number, Follower client) {
        Deadline.afterProgress(client.patience()).poll(this::count,
            count -> count > number || client.ended().isPresent());
        var came = all();
        if (came.size() > number) return came.get(number);
        throw new AssertionError((came.isEmpty() ? "it never came"
            : "it came %d× and not once more".formatted(came.size()))
            + client.ended().map(how -> ": " + String.join(" ", how)).orElse(""));
    }

    /// From the end of each to the beginning of the next, milliseconds.
    public List<Long> pauses() {
        var came = all();
        return IntStream.range(1, came.size()).mapToObj(i ->
            (came.get(i).cameAt() - came.get(i - 1).endedAt()) / 1_000_000).toList();
    }
}
