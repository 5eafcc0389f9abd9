package wirelab.check;

import module java.base;
import wirelab.wire.EventStream;

/// A promise about a stream of server-sent events. Each method waits for what it asserts.
public final class EventsAssert {
    private final PromiseAssert promise;
    private final EventStream stream;

    EventsAssert(PromiseAssert promise, EventStream stream) {
        this.promise = promise;
        this.stream = stream;
    }

    /// At least so many come; all that have come, in order.
    public List<EventStream.Event> hasEvents(int count) {
        var events = stream.events(count);
        promise.holds(events.size() >= count, "%d of %d events%s", events.size(), count, end());
        return events;
    }

    /// The quotes with exactly these ids are all the quotes that come, in this order.
    public EventsAssert hasQuotes(List<Long> ids) {
        var seen = stream.ids(ids.size());
        promise.holds(seen.equals(ids), "%s%s", IdsAssert.difference(seen, ids), end());
        return this;
    }

    private String end() { return stream.ended() ? ", then the stream ended" : ""; }
}
