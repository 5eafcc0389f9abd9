package wirelab.wire;

import module java.base;
import wirelab.time.Deadline;

/// A plain HTTP/1.1 connection. It sends what it is told to the letter, and a server that drips or
/// never answers can't hold it longer than its deadline.
public final class HttpConnection implements AutoCloseable {
    private final URI server;
    private final Socket socket = new Socket();
    private final InputStream in;
    private volatile Deadline deadline;
    private int received;

    /// @param server where to connect
    /// @param limit  for connecting
    public HttpConnection(URI server, Duration limit) { this(server, limit, 0); }

    /// @param window how many bytes the system may receive before somebody reads; 0 = as usual
    public HttpConnection(URI server, Duration limit, int window) {
        this.server = server;
        try {
            if (window > 0) socket.setReceiveBufferSize(window);
            socket.connect(new InetSocketAddress(server.getHost(), server.getPort()),
                (int) limit.toMillis());
            socket.setTcpNoDelay(true);
            in = new BufferedInputStream(new Deadlined(socket.getInputStream()));
        } catch (IOException cause) {
            throw new NoAnswer("a connection to " + server + ": " + cause.getMessage(), null);
        }
    }

    /// A request's bytes. `Host` and, with a body, `Content-Length` are added.
    ///
    /// @param headers name, value, name, value, …
    public static byte[] request(String method, String path, byte[] body, String... headers) {
        var text = new StringBuilder(method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        for (var i = 0; i < headers.length; i += 2)
            text.append(headers[i] + ": " + headers[i + 1] + "\r\n");
        var typed = Stream.of(headers).anyMatch("Content-Type"::equalsIgnoreCase);
        if (body != null && !typed) text.append("Content-Type: application/json\r\n");
        if (body != null) text.append("Content-Length: " + body.length + "\r\n");
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
        if (body != null) bytes.writeBytes(body);
        return bytes.toByteArray();
    }

    public void send(byte[] bytes) {
        try {
            socket.getOutputStream().write(bytes);
        } catch (IOException broken) {
            throw new NoAnswer("the server closed the connection before it had the request", null);
        }
    }

    /// Reads one answer.
    ///
    /// @param until for all of it, however slowly it drips
    /// @param rest  read on until the connection is closed, into [Answer#tail]
    public Answer answer(String method, Deadline until, boolean rest) {
        deadline = until;
        try {
            var message = Message.answer(in, method);
            if (message == null || !message.complete())
                throw new NoAnswer("the connection was closed before the answer was complete",
                    null);
            var tail = rest ? in.readAllBytes() : new byte[0];
            return new Answer(message, tail, until.waited(), System.nanoTime());
        } catch (SocketTimeoutException late) {
            throw new NoAnswer("a complete answer to " + method, until.waited());
        } catch (ProtocolException malformed) {
            throw new NoAnswer("HTTP that can be parsed: " + malformed.getMessage(), null);
        } catch (IOException broken) {
            throw new NoAnswer("the connection broke off: " + broken.getMessage(), null);
        }
    }

    /// What comes, to be read by somebody else.
    ///
    /// @param until for all of it
    InputStream input(Deadline until) {
        deadline = until;
        return in;
    }

    /// Hangs up.
    @Override public void close() {
        try {
            socket.close();
        } catch (IOException alreadyGone) {
            // Closing is all that was wanted.
        }
    }

    /// Gives each read only the time that is left until the deadline.
    private final class Deadlined extends FilterInputStream {
        Deadlined(InputStream in) { super(in); }

        @Override public int read() throws IOException {
            var one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override public int read(byte[] buffer, int offset, int length) throws IOException {
            while (!deadline.passed(received)) {
                socket.setSoTimeout((int) deadline.step());
                try {
                    var count = super.read(buffer, offset, length);
                    received += count;
                    return count;
                } catch (SocketTimeoutException notYet) {
                    // Another look at the deadline.
                }
            }
            throw new SocketTimeoutException("deadline");
        }
    }
}
