package market;

/// Something that is traded.
///
/// @param symbol short name, for example `BTC`
/// @param name   name for people, for example `Bitcoin`
/// @param tick   smallest step of its price, in euros, above 0
public record Instrument(String symbol, String name, double tick) {}
