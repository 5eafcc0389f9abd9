package wirelab;

import module java.base;
import io.javalin.Javalin;
import market.Feed;

/// What a lab hands over to the kit, in its last line:
/// `Lab.number(1).server(lab01::server).client(lab01::follow).main(args);`
public final class Lab {
    /// Kept here: loggers are held weakly.
    private static final java.util.logging.Logger RPC_LOG =
        java.util.logging.Logger.getLogger("io.grpc");

    /// Where a caller wants the lab itself instead of having it run: see [#of].
    private static final ScopedValue<AtomicReference<Lab>> WANTED = ScopedValue.newInstance();

    /// What a client is told when it starts; each lab uses its part of it.
    ///
    /// @param base    the server
    /// @param after   the last id that is already known, 0 for none
    /// @param every   pause between two polls
    /// @param token   to authenticate with
    /// @param symbols to subscribe to
    /// @param count   of what it sends
    public record Start(URI base, long after, Duration every, String token, List<String> symbols,
            int count) {
        static final String TOKEN = "demo-token";
        static final List<String> SYMBOLS = List.of("BTC", "ETH", "SOL", "EUR");

        public Start(URI base, long after) {
            this(base, after, Duration.ofSeconds(1), TOKEN, SYMBOLS, 1_000);
        }

        public Start every(Duration pause) {
            return new Start(base, after, pause, token, symbols, count);
        }

        public Start token(String other) {
            return new Start(base, after, every, other, symbols, count);
        }

        public Start count(int other) {
            return new Start(base, after, every, token, symbols, other);
        }

        public Start symbols(String... others) {
            return new Start(base, after, every, token, List.of(others), count);
        }
    }

    /// A lab's client: gives what it receives to `sink` until its thread is interrupted.
    public interface Client<T> {
        void follow(Start start, Consumer<T> sink) throws Exception;
    }

    /// Starts a lab's server on 127.0.0.1.
    interface Launch {
        /// @param port 0 = any
        Running start(Feed feed, int port) throws IOException;
    }

    /// A server that has been started.
    interface Running {
        int port();

        /// Ends it, and returns when it has ended.
        void stop();
    }

    /// A gRPC server that has not been started yet.
    public interface RpcServer {
        /// @param port on 127.0.0.1, 0 = any
        io.grpc.Server on(Feed feed, int port);
    }

    final int number;
    Launch server;
    Client<Object> client;

    private Lab(int number) { this.number = number; }

    public static Lab number(int number) { return new Lab(number); }

    public Lab server(Function<Feed, Javalin> server) {
        this.server = (feed, port) -> running(server.apply(feed).start("127.0.0.1", port));
        return this;
    }

    public Lab rpcServer(RpcServer server) {
        quietNetty();
        this.server = (feed, port) -> running(server.on(feed, port).start());
        return this;
    }

    /// Netty's native transport is no faster on loopback, and Java warns of its loading. What gRPC
    /// logs is what the status of a call says, or that a client is gone.
    static void quietNetty() {
        RPC_LOG.setLevel(java.util.logging.Level.OFF);
        System.setProperty("io.grpc.netty.shaded.io.netty.transport.noNative", "true");
    }

    private static Running running(Javalin server) {
        return new Running() {
            @Override public int port() { return server.port(); }

            @Override public void stop() { server.stop(); }
        };
    }

    private static Running running(io.grpc.Server server) {
        return new Running() {
            @Override public int port() { return server.getPort(); }

            @Override public void stop() {
                server.shutdown();
                try {
                    if (!server.awaitTermination(1, TimeUnit.SECONDS)) server.shutdownNow();
                } catch (InterruptedException hurry) {
                    server.shutdownNow();
                    Thread.currentThread().interrupt();
                }
            }
        };
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
