package wirelab;

import module java.base;

/// What a subject was told about its limits and times: environment variables, or system properties
/// in this JVM, see [market.Market#setting].
///
/// @param variables name and value of each
public record Settings(Map<String, String> variables) {
    /// What the labs promise when nobody says otherwise.
    static final Settings PROMISED = new Settings(Map.ofEntries(
        Map.entry("FEED_CAPACITY", "10000"),
        Map.entry("MAX_WAIT_MS", "30000"),
        Map.entry("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        Map.entry("RETRY_SCHEDULE_MS",
            "1000,5000,30000,300000,1800000,7200000,18000000,36000000,86400000"),
        Map.entry("DELIVERY_TIMEOUT_MS", "15000"),
        Map.entry("WORK_MS", "200"),
        Map.entry("ALLOW_LOOPBACK", "1"),
        Map.entry("HEARTBEAT_MS", "15000"),
        Map.entry("AUTH_TIMEOUT_MS", "10000"),
        Map.entry("PING_MS", "15000"),
        Map.entry("UPLOAD_TRADES", "100000"),
        Map.entry("REMEMBERED_TRADES", "1000000"),
        Map.entry("TRADE_WORK_MS", "0"),
        Map.entry("KEEPALIVE_MS", "10000")));
    /// What a lab is examined with: a log that is soon full, and retries within milliseconds. What
    /// ends or disturbs a healthy connection stays as promised; a check that is about such a time
    /// shortens it.
    static final Settings BRISK = PROMISED.with(Map.of(
        "FEED_CAPACITY", "1000",
        "RETRY_SCHEDULE_MS", "20,40,80",
        "WORK_MS", "100"));

    /// These, and on top of them `others`.
    Settings with(Map<String, String> others) {
        var all = new TreeMap<>(variables);
        all.putAll(others);
        return new Settings(Collections.unmodifiableMap(all));
    }

    public String text(String name) {
        return Objects.requireNonNull(variables.get(name), () -> "no setting " + name);
    }

    public int number(String name) { return Integer.parseInt(text(name)); }

    /// A setting in milliseconds.
    public Duration millis(String name) { return Duration.ofMillis(number(name)); }
}
