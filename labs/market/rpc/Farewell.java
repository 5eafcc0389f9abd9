package market.rpc;

import module java.base;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;

/// A server that says goodbye: gRPC's own shutdown takes no new calls and then waits for those that
/// are open, so a stream without end would hold it up forever. This one first tells the service,
/// which can end its streams.
public final class Farewell extends Server {
    private final Server server;
    private final Runnable stopping;
    private final AtomicBoolean told = new AtomicBoolean();

    /// @param stopping is run once, when [#shutdown] or [#shutdownNow] is called: it ends the open
    ///                 streams, with `Status.UNAVAILABLE`, and refuses those that are just opened
    public Farewell(Server server, Runnable stopping) {
        this.server = server;
        this.stopping = stopping;
    }

    private void tell() {
        if (told.compareAndSet(false, true)) stopping.run();
    }

    @Override public Server shutdown() {
        // New calls are refused first, else one could slip in after the others have been ended.
        server.shutdown();
        tell();
        return this;
    }

    @Override public Server shutdownNow() {
        tell();
        server.shutdownNow();
        return this;
    }

    @Override public Server start() throws IOException {
        server.start();
        return this;
    }

    @Override public int getPort() { return server.getPort(); }

    @Override public List<? extends SocketAddress> getListenSockets() {
        return server.getListenSockets();
    }

    @Override public List<ServerServiceDefinition> getServices() { return server.getServices(); }

    @Override public boolean isShutdown() { return server.isShutdown(); }

    @Override public boolean isTerminated() { return server.isTerminated(); }

    @Override public boolean awaitTermination(long timeout, TimeUnit unit)
        throws InterruptedException {
        return server.awaitTermination(timeout, unit);
    }

    @Override public void awaitTermination() throws InterruptedException {
        server.awaitTermination();
    }
}
