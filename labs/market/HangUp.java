package market;

import module java.base;
import io.javalin.http.Context;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;

/// Notices that a client closed its connection while the server still holds its request.
///
/// HTTP/1.1 has no message for "never mind": all that a server gets is the end of the TCP stream,
/// and a server that doesn't read doesn't see it. Jetty reads a connection only between two
/// requests, so this asks Jetty's selector to tell when there is something to read meanwhile:
/// the end of the stream, or the client's next request, sent early.
public final class HangUp implements AutoCloseable {
    private final Context ctx;
    private final Runnable action;
    private final AbstractEndPoint connection;
    private boolean over;
    private boolean stolen;

    private HangUp(Context ctx, Runnable action) {
        this.ctx = ctx;
        this.action = action;
        var request = ServletContextRequest.getServletContextRequest(ctx.req());
        connection = (AbstractEndPoint) request.getConnectionMetaData().getConnection()
            .getEndPoint();
    }

    /// Calls `action` once if the client hangs up before this is closed, and never afterwards.
    /// ```java
    /// try (var _ = HangUp.watch(ctx, Thread.currentThread()::interrupt)) { … }
    /// ```
    public static HangUp watch(Context ctx, Runnable action) {
        var hangUp = new HangUp(ctx, action);
        hangUp.watch();
        return hangUp;
    }

    private void watch() { connection.tryFillInterested(Callback.from(this::readable, _ -> {})); }

    private synchronized void readable() {
        if (over || requestWaits()) return;
        switch (read()) {
            case -1 -> action.run();
            // A selector may wake without a cause.
            case 0 -> watch();
            default -> stolen = true;
        }
    }

    /// Whether bytes are there to read: the client sent its next request early (RFC 9112 §9.3.2).
    /// They are Jetty's to read, after the answer.
    private boolean requestWaits() {
        try {
            return connection.getTransport() instanceof SocketChannel channel
                && channel.socket().getInputStream().available() > 0;
        } catch (IOException broken) {
            return false;
        }
    }

    private int read() {
        try {
            return connection.fill(BufferUtil.allocate(1));
        } catch (IOException broken) {
            return -1;
        }
    }

    /// Gives the connection back to Jetty, which reads the next request from it.
    @Override public synchronized void close() {
        over = true;
        connection.getFillInterest().onFail(new CancellationException());
        // An early request came in the very moment between the two looks, and its first byte is
        // gone:
        // after this answer the client must send it again on another connection (RFC 9112 §9.3.1).
        if (stolen) ctx.header("Connection", "close");
    }
}
