package wirelab;

import module java.base;
import io.javalin.Javalin;
import market.Feed;

/// What a lab hands over to the kit, in its last line:
/// `Lab.number(1).server(lab01::server).client(lab01::follow).main(args);`
public final class Lab {
    /// Where a caller wants the lab itself instead of having it run: see [#of].
    private static final ScopedValue<AtomicReference<Lab>> WANTED = ScopedValue.newInstance();

    /// What a client is told when it starts; each lab uses its part of it.
    ///
    /// @param base    the server
    /// @param after   the last id that is already known, 0 for none
    /// @param every   pause between two polls
    /// @param token   to authenticate with
    /// @param symbols to subscribe to
    public record Start(URI base, long after, Duration every, String token, List<String> symbols) {
        static final String TOKEN = "demo-token";
        static final List<String> SYMBOLS = List.of("BTC", "ETH", "SOL", "EUR");

        public Start(URI base, long after) {
            this(base, after, Duration.ofSeconds(1), TOKEN, SYMBOLS);
        }

        public Start every(Duration pause) {
            return new Start(base, after, pause, token, symbols);
        }

        public Start token(String other) { return new Start(base, after, every, other, symbols); }

        public Start symbols(String... others) {
            return new Start(base, after, every, token, List.of(others));
        }
    }

    /// A lab's client: gives what it receives to `sink` until its thread is interrupted.
    public interface Client<T> {
        void follow(Start start, Consumer<T> sink) throws Exception;
    }

    final int number;
    Function<Feed, Javalin> server;
    Client<Object> client;

    private Lab(int number) { this.number = number; }

    public static Lab number(int number) { return new Lab(number); }

    public Lab server(Function<Feed, Javalin> server) {
        this.server = server;
        return this;
    }

    @SuppressWarnings("unchecked")
    public <T> Lab client(Client<T> client) {
        this.client = (Client<Object>) client;
        return this;
    }

    /// Runs what `args` ask for; ends the JVM with 0 all passed, 1 a check failed, 2 wrong usage, 3
    /// a fault of the kit.
    public void main(String... args) {
        if (WANTED.isBound()) WANTED.get().set(this);
        else System.exit(LabCommand.run(this, args));
    }

    /// The name of its class: `lab01`.
    String name() { return "lab%02d".formatted(number); }

    /// The lab that a compiled lab class hands over.
    static Lab of(Class<?> labClass) throws ReflectiveOperationException {
        var constructor = labClass.getDeclaredConstructor();
        var main = labClass.getDeclaredMethod("main", String[].class);
        constructor.setAccessible(true);
        main.setAccessible(true);
        var lab = new AtomicReference<Lab>();
        var self = constructor.newInstance();
        ScopedValue.where(WANTED, lab).call(() -> main.invoke(self, (Object) new String[0]));
        return Objects.requireNonNull(lab.get(), labClass + " does not hand over to Lab.main");
    }
}
