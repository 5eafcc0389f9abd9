package market;

import module java.base;

/// Publishes random-walk quotes of the known symbols at a steady rate, so that there is something
/// to watch.
public final class Ticker {
    private Ticker() {}

    /// @param perSecond quotes a second, above 0; it ends with the JVM
    public static void start(Feed feed, double perSecond) {
        var mids =
            new LinkedHashMap<>(Map.of("BTC", 64_000.0, "ETH", 3_100.0, "SOL", 150.0, "EUR", 1.0));
        var symbols = List.copyOf(mids.keySet());
        var random = new Random();
        Executors.newSingleThreadScheduledExecutor(Thread.ofPlatform().daemon().name("ticker")
            .factory())
            .scheduleAtFixedRate(() -> {
                var symbol = symbols.get(random.nextInt(symbols.size()));
                var mid = mids.merge(symbol, 0.001 * random.nextGaussian(),
                    (price, step) -> price * (1 + step));
                feed.publish(symbol, rounded(mid * 0.9999), rounded(mid * 1.0001));
            }, 0, Math.round(1e9 / perSecond), TimeUnit.NANOSECONDS);
    }

    private static double rounded(double price) { return Math.round(price * 10_000) / 10_000.0; }
}
