package market;

/// One price of the feed.
///
/// @param id          position in the feed: 1, 2, 3… without gaps
/// @param symbol      what is priced, for example `BTC`
/// @param bid         what a buyer offers, in euros
/// @param ask         what a seller wants, in euros; never below `bid`
/// @param timestampMs when it was published, milliseconds since 1970-01-01T00:00Z; several quotes
///                    may share one
public record Quote(long id, String symbol, double bid, double ask, long timestampMs) {}
