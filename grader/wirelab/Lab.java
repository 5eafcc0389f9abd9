package wirelab;

import module java.base;
import io.javalin.Javalin;
import market.Feed;
import wirelab.checkout.LabId;
import wirelab.command.LabCommand;
import wirelab.subject.ClientStart;
import wirelab.subject.Handover;
import wirelab.wire.Netty;

/// The door: all of the kit that a lab sees, in its last line:
/// `Lab.number(1).server(lab01::server).client(lab01::follow).main(args);`
///
/// This class, its nested types and package `market` are a stable API. JBang keeps a lab's jar for
/// as long as the lab's own text stays the same, whatever becomes of the kit: add to it, but never
/// remove or change anything (`DoorTest` compares).
public final class Lab {
    /// What a client is told when it starts; each lab uses its part of it.
    public static final class Start extends ClientStart {
        private Start(ClientStart start) { super(start); }
    }

    /// A lab's client: gives what it receives to `sink` until its thread is interrupted.
    public interface Client<T> {
        void follow(Start start, Consumer<T> sink) throws Exception;
    }

    /// A gRPC server that has not been started yet.
    public interface RpcServer {
        /// @param port on 127.0.0.1, 0 = any
        io.grpc.Server on(Feed feed, int port);
    }

    private final LabId lab;
    private Handover.Launch server;
    private Handover.Client client;
    private ClassLoader code;

    private Lab(LabId lab) { this.lab = lab; }

    public static Lab number(int number) { return new Lab(new LabId(number)); }

    public Lab server(Function<Feed, Javalin> server) {
        code = server.getClass().getClassLoader();
        this.server = (feed, port) -> running(server.apply(feed).start("127.0.0.1", port));
        return this;
    }

    public Lab rpcServer(RpcServer server) {
        Netty.quiet();
        code = server.getClass().getClassLoader();
        this.server = (feed, port) -> running(server.on(feed, port).start());
        return this;
    }

    private static Handover.Running running(Javalin server) {
        return new Handover.Running() {
            @Override public int port() { return server.port(); }

            @Override public void stop() { server.stop(); }
        };
    }

    private static Handover.Running running(io.grpc.Server server) {
        return new Handover.Running() {
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
        this.client = (start, sink) -> client.follow(new Start(start), (Consumer<T>) sink);
        return this;
    }

    /// Runs what `args` ask for; ends the JVM with 0 all passed, 1 a check failed, 2 wrong usage, 3
    /// a fault of the kit.
    public void main(String... args) {
        var handover = new Handover(lab, server, client, code);
        if (!handover.taken()) System.exit(LabCommand.run(handover, args));
    }
}
