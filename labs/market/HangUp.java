package market;

import module java.base;
import io.javalin.http.Context;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.util.Callback;

/// Notices that a client closed its connection while the server still holds its request.
///
/// HTTP/1.1 has no message for "never mind": all that a server gets is the end of the TCP stream, and a server
/// that doesn't read doesn't see it. Jetty reads a connection only between two requests, so this asks Jetty's
/// selector to tell when the connection becomes readable while nothing is there to read: that is its end.
public final class HangUp implements AutoCloseable {
    private final AbstractEndPoint connection;
    private boolean over;

    private HangUp(AbstractEndPoint connection) { this.connection = connection; }

    /// Calls `action` once if the client hangs up before this is closed, and never afterwards.
    /// ```java
    /// try (var _ = HangUp.watch(ctx, Thread.currentThread()::interrupt)) { … }
    /// ```
    public static HangUp watch(Context ctx, Runnable action) {
        var request = ServletContextRequest.getServletContextRequest(ctx.req());
        var hangUp = new HangUp((AbstractEndPoint) request.getConnectionMetaData().getConnection().getEndPoint());
        hangUp.connection.tryFillInterested(Callback.from(() -> hangUp.readable(action), _ -> {}));
        return hangUp;
    }

    private synchronized void readable(Runnable action) {
        if (!over && ended()) action.run();
    }

    /// Whether the stream is at its end. Bytes to read would be the client's next request, sent early (RFC 9112 §9.3.2).
    private boolean ended() {
        try {
            return !(connection.getTransport() instanceof SocketChannel channel)
                || channel.socket().getInputStream().available() == 0;
        } catch (IOException broken) {
            return true;
        }
    }

    /// Gives the connection back to Jetty, which reads the next request from it.
    @Override public synchronized void close() {
        over = true;
        connection.getFillInterest().onFail(new CancellationException());
    }
}
