package wirelab.check;

import module java.base;
import market.Market;
import market.Quote;
import mockwebserver3.*;

/// HTTP servers of ours, for a subject that is a client.
public final class Servers {
    /// It warns of connections that a client doesn't use. Kept here: loggers are held weakly.
    private static final java.util.logging.Logger LOG =
        java.util.logging.Logger.getLogger(MockWebServer.class.getName());

    private Servers() {}

    /// A server on 127.0.0.1 that answers as `dispatcher` says.
    static MockWebServer start(Dispatcher dispatcher) throws IOException {
        LOG.setLevel(java.util.logging.Level.OFF);
        var server = new MockWebServer();
        server.setServerSocketFactory(new NoDelay());
        server.setDispatcher(dispatcher);
        server.start(InetAddress.getLoopbackAddress(), 0);
        return server;
    }

    /// What a server of ours says to a request.
    @FunctionalInterface
    public interface Answering {
        MockResponse answer(RecordedRequest request) throws InterruptedException;
    }

    public static Dispatcher answering(Answering answering) {
        return new Dispatcher() {
            @Override public MockResponse dispatch(RecordedRequest request)
                    throws InterruptedException {
                return answering.answer(request);
            }
        };
    }

    /// 200 with this value as JSON, not to be cached.
    public static MockResponse.Builder json(Object value) {
        try {
            return new MockResponse.Builder().setHeader("Content-Type", "application/json")
                .setHeader("Cache-Control", "no-store").body(Market.JSON.writeValueAsString(value));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// An empty answer with this status and the phrase of the standard (RFC 9110 §15).
    public static MockResponse.Builder status(int code) {
        return new MockResponse.Builder().status("HTTP/1.1 " + code + " "
            + io.javalin.http.HttpStatus.forStatus(code).getMessage());
    }

    /// Quotes with the ids from `first` to `last`.
    public static List<Quote> quotes(long first, long last) {
        return LongStream.rangeClosed(first, last)
            .mapToObj(id -> new Quote(id, "BTC", 64_000 + id, 64_001 + id, 1_718_000_000_000L))
            .toList();
    }

    /// MockWebServer writes head and body apart; with Nagle's algorithm the body would wait 40 ms
    /// for an acknowledgement.
    private static final class NoDelay extends javax.net.ServerSocketFactory {
        @Override public ServerSocket createServerSocket() throws IOException {
            return new ServerSocket() {
                @Override public Socket accept() throws IOException {
                    var socket = super.accept();
                    socket.setTcpNoDelay(true);
                    return socket;
                }
            };
        }

        @Override public ServerSocket createServerSocket(int port) {
            throw new UnsupportedOperationException();
        }

        @Override public ServerSocket createServerSocket(int port, int backlog) {
            throw new UnsupportedOperationException();
        }

        @Override public ServerSocket createServerSocket(int port, int backlog,
            InetAddress address) {
            throw new UnsupportedOperationException();
        }
    }
}
