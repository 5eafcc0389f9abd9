package wirelab;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.Market;

/// The subject's client at work, and what it delivered to its sink.
public final class Follower implements AutoCloseable {
    private final List<String> delivered = new ArrayList<>();
    private final Set<Long> refuseOnce = ConcurrentHashMap.newKeySet();
    private final Subject.Following following;
    private boolean held;

    Follower(Subject subject, Lab.Start start) {
        following = subject.follow(start, this::take);
    }

    private synchronized boolean take(String json) {
        if (refuseOnce.remove(parse(json).path("id").asLong(-1))) return false;
        delivered.add(json);
        notifyAll();
        while (held) await();
        return true;
    }

    /// From now on the sink doesn't return, until [#goOn].
    public synchronized void hold() { held = true; }

    public synchronized void goOn() {
        held = false;
        notifyAll();
    }

    private void await() {
        try {
            wait(20);
        } catch (InterruptedException cancelled) {
            throw new CancellationException("interrupted");
        }
    }

    /// The sink fails the first time that it gets this id.
    public void refuseOnce(long id) { refuseOnce.add(id); }

    /// What was delivered, once it is at least `count` values; fails if they don't come, or if the
    /// client ends.
    public synchronized List<JsonNode> values(int count) {
        var limit = delivered.isEmpty() ? Checks.SOON.plus(following.startup()) : Checks.SOON;
        var deadline = Deadline.in(limit);
        while (delivered.size() < count) {
            if (following.ended().isPresent() || deadline.passed())
                throw new AssertionError(following.ended().map(how -> String.join("\n", how) + "\n")
                    .orElse("")
                    + delivered.size() + " of " + count + " delivered"
                        + (deadline.passed() ? " after " + limit.toSeconds() + " s" : ""));
            await();
        }
        return delivered.stream().map(Follower::parse).toList();
    }

    public List<Long> ids(int count) {
        return values(count).stream().map(value -> value.path("id").asLong()).toList();
    }

    /// How long the first that is seen of it may take: its start is no promise of the lab's.
    public Duration patience() { return Checks.SOON.plus(following.startup()); }

    /// How it ended, if it did by itself.
    public Optional<List<String>> ended() { return following.ended(); }

    private static JsonNode parse(String json) {
        try {
            return Market.JSON.readTree(json);
        } catch (IOException malformed) {
            throw new AssertionError("the client delivered what is not JSON: " + json);
        }
    }

    @Override public void close() {
        goOn();
        following.close();
    }
}
