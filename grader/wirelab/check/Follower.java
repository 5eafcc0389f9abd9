package wirelab.check;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.Market;
import wirelab.subject.ClientStart;
import wirelab.subject.Subject;
import wirelab.time.Deadline;

/// The subject's client at work, and what it delivered to its sink.
public final class Follower implements AutoCloseable {
    private final List<String> delivered = new ArrayList<>();
    private final Set<Long> refuseOnce = ConcurrentHashMap.newKeySet();
    private final Subject.Following following;
    private boolean held;

    Follower(Subject subject, ClientStart start) { following = subject.follow(start, this::take); }

    private synchronized boolean take(String json) {
        if (refuseOnce.remove(parse(json).path("id").asLong(-1))) return false;
        delivered.add(json);
        notifyAll();
        while (held) Deadline.await(this);
        return true;
    }

    /// From now on the sink doesn't return, until [#goOn].
    public synchronized void hold() { held = true; }

    public synchronized void goOn() {
        held = false;
        notifyAll();
    }

    /// The sink fails the first time that it gets this id.
    public void refuseOnce(long id) { refuseOnce.add(id); }

    /// What was delivered so far, as soon as it is `count` values; fewer if no more come or the
    /// client ends.
    public synchronized List<JsonNode> values(int count) {
        var deadline = Deadline.afterProgress(delivered.isEmpty() ? patience() : Deadline.SOON);
        while (delivered.size() < count && following.ended().isEmpty()
            && !deadline.passed(delivered.size())) Deadline.await(this);
        return delivered.stream().map(Follower::parse).toList();
    }

    /// The same, of each value its id.
    public List<Long> ids(int count) {
        return values(count).stream().map(value -> value.path("id").asLong()).toList();
    }

    /// How long the first that is seen of it may take: its start is not a promise of the lab's.
    public Duration patience() { return Deadline.SOON.plus(following.startup()); }

    /// How it ended, if it did by itself.
    public Optional<List<String>> ended() { return following.ended(); }

    /// How it ended, as soon as it does; empty if it goes on.
    Optional<List<String>> awaitEnd() {
        var deadline = Deadline.in(patience());
        while (ended().isEmpty() && !deadline.passed()) Deadline.pause();
        return ended();
    }

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
