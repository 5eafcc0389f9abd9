package wirelab.check;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;

/// A promise about the subject's client. Each method waits for what it asserts.
public final class FollowerAssert {
    private static final String GOES_ON = "the client goes on";

    private final PromiseAssert promise;
    private final Follower client;

    FollowerAssert(PromiseAssert promise, Follower client) {
        this.promise = promise;
        this.client = client;
    }

    /// The values with exactly these ids are all that it delivers, in this order.
    public FollowerAssert delivers(List<Long> ids) {
        var seen = client.ids(ids.size());
        promise.holds(seen.equals(ids), "%s%s", IdsAssert.difference(seen, ids), end());
        return this;
    }

    /// It delivers at least so many values; all that it has delivered, in order.
    public List<JsonNode> delivers(int count) {
        var values = client.values(count);
        promise.holds(values.size() >= count, "%d of %d delivered%s", values.size(), count, end());
        return values;
    }

    private String end() {
        return client.ended().map(how -> "\n" + String.join("\n", how)).orElse("");
    }

    /// It ends with this exception.
    ///
    /// @param exception its simple name, like `IllegalStateException`
    /// @param words     that its message contains
    public FollowerAssert fails(String exception, String... words) {
        var how = ending();
        promise.holds(Stream.concat(Stream.of(exception), Stream.of(words)).allMatch(how::contains),
            "%s", how);
        return this;
    }

    /// It ends, and not with an exception: `follow` returns, or its process ends with 0, whatever
    /// that has printed.
    public FollowerAssert returns() {
        var how = ending();
        promise.holds(how.lines().findFirst().filter(Set.of("follow returned",
            "it exited with code 0")::contains).isPresent(), "%s", how);
        return this;
    }

    private String ending() {
        return client.awaitEnd().map(lines -> String.join("\n", lines)).orElse(GOES_ON);
    }
}
