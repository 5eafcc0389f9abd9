package market;

import module java.base;

/// The market's quotes: an append-only log that keeps the newest `capacity` of them.
/// Read it after a cursor, listen for what comes next. Safe to use from any number of threads.
public final class Feed {
    public static final int CAPACITY = 10_000;

    private final int capacity;
    /// The quote with id n is at place (n - 1) % capacity.
    private final List<Quote> log = new ArrayList<>();
    private final CopyOnWriteArrayList<Listener> listeners = new CopyOnWriteArrayList<>();
    private long newest;

    public Feed() { this(CAPACITY); }

    /// @param capacity how many quotes are kept, from 1
    public Feed(int capacity) {
        if (capacity < 1)
            throw new IllegalArgumentException("capacity: " + capacity + ", must be from 1");
        this.capacity = capacity;
    }

    /// Appends a quote, gives it the next id, then calls each listener with it.
    public synchronized Quote publish(String symbol, double bid, double ask) {
        var quote = new Quote(++newest, symbol, bid, ask, System.currentTimeMillis());
        if (log.size() < capacity) log.add(quote);
        else log.set(place(newest), quote);
        for (var listener : listeners) listener.heard.accept(quote);
        return quote;
    }

    /// The kept quotes with an id above `cursor`, oldest first, at most `limit` of them.
    public synchronized List<Quote> after(long cursor, int limit) {
        if (cursor >= newest) return List.of();
        var first = Math.max(cursor + 1, oldest());
        return LongStream.rangeClosed(first, newest).limit(limit)
            .mapToObj(id -> log.get(place(id))).toList();
    }

    private int place(long id) { return (int) ((id - 1) % capacity); }

    /// Whether some quote after `cursor` is no longer kept: whoever reads on from there has lost
    /// it.
    public synchronized boolean forgot(long cursor) { return cursor < oldest() - 1; }

    /// The id of the oldest quote that is kept; `newest() + 1` while there is none.
    public synchronized long oldest() { return newest - log.size() + 1; }

    /// The id of the newest quote, 0 while there is none.
    public synchronized long newest() { return newest; }

    /// The ids of the oldest and the newest quote that are kept at one moment. While there is none,
    /// `oldest` is `newest + 1`.
    public record Kept(long oldest, long newest) {}

    /// Which quotes are kept. Unlike [#oldest] and then [#newest], between which a publisher may
    /// be.
    public synchronized Kept kept() { return new Kept(oldest(), newest); }

    /// Calls `heard` with every quote published from now on, in order, until the listener is
    /// closed.
    /// It is called on the publisher's thread while the feed is locked, so it must neither block
    /// nor throw.
    /// Use it with try-with-resources: a listener that is never closed is a leak, and `GET /health`
    /// shows it.
    public Listener listen(Consumer<Quote> heard) {
        var listener = new Listener(heard);
        listeners.add(listener);
        return listener;
    }

    /// How many listeners are open.
    public int listeners() { return listeners.size(); }

    public final class Listener implements AutoCloseable {
        private final Consumer<Quote> heard;

        private Listener(Consumer<Quote> heard) { this.heard = heard; }

        /// Stops listening. Closing twice does no harm.
        @Override public void close() { listeners.remove(this); }
    }
}
