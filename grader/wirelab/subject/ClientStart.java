package wirelab.subject;

import module java.base;

/// What a client is told when it starts; each lab uses its part of it. Immutable.
public class ClientStart {
    public static final String TOKEN = "demo-token";
    public static final List<String> SYMBOLS = List.of("BTC", "ETH", "SOL", "EUR");

    private URI base;
    private long after;
    private Duration every = Duration.ofSeconds(1);
    private String token = TOKEN;
    private List<String> symbols = SYMBOLS;
    private int count = 1_000;

    /// @param base  the server
    /// @param after the last id that is already known, 0 for none
    public ClientStart(URI base, long after) {
        this.base = base;
        this.after = after;
    }

    protected ClientStart(ClientStart other) {
        this(other.base, other.after);
        every = other.every;
        token = other.token;
        symbols = other.symbols;
        count = other.count;
    }

    private ClientStart with(Consumer<ClientStart> change) {
        var copy = new ClientStart(this);
        change.accept(copy);
        return copy;
    }

    public URI base() { return base; }

    public long after() { return after; }

    /// The pause between two polls.
    public Duration every() { return every; }

    /// To authenticate with.
    public String token() { return token; }

    /// To subscribe to.
    public List<String> symbols() { return symbols; }

    /// How many of what it sends.
    public int count() { return count; }

    public ClientStart every(Duration pause) { return with(copy -> copy.every = pause); }

    public ClientStart token(String other) { return with(copy -> copy.token = other); }

    public ClientStart symbols(List<String> others) { return with(copy -> copy.symbols = others); }

    public ClientStart symbols(String... others) { return symbols(List.of(others)); }

    public ClientStart count(int other) { return with(copy -> copy.count = other); }
}
