package wirelab;

import module java.base;

/// A TCP proxy between a check and its subject: records every byte in both directions and can disturb the answers.
/// Each connection has a thread a direction; all of it ends with [#close].
public final class Tap implements AutoCloseable {
    /// What is recorded of one direction of one connection; more passes through but isn't kept.
    private static final int KEPT = 4 * 1024 * 1024;

    private final ServerSocket door;
    private final URI target;
    private final List<Link> links = new CopyOnWriteArrayList<>();
    private volatile Duration delay = Duration.ZERO;
    private volatile int bytesPerSecond;
    private volatile boolean stalled;

    /// @param target the http URL to pass connections on to
    public Tap(URI target) {
        this.target = target;
        try {
            door = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress());
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
        Thread.ofVirtual().name("tap").start(this::accept);
    }

    /// Where to connect instead of the target.
    public URI url() { return URI.create("http://127.0.0.1:" + door.getLocalPort()); }

    /// Each answer's bytes arrive this much later.
    public Tap delay(Duration delay) { this.delay = delay; return this; }

    /// Answers drip: at most this many bytes a second on each connection, 0 = as fast as they come.
    public Tap throttle(int bytesPerSecond) { this.bytesPerSecond = bytesPerSecond; return this; }

    /// From now on answers are swallowed, connections stay open.
    public void stall() { stalled = true; }

    /// Closes the connections that are open now; new ones are welcome.
    public void cut() { links.forEach(Link::close); }

    /// The requests that crossed, in the order of their first byte, each with its answer.
    public List<Exchange> exchanges() {
        return links.stream().flatMap(link -> link.exchanges().stream())
            .sorted(Comparator.comparingLong(Exchange::requestedAt)).toList();
    }

    /// How many bytes the subject has sent.
    public long bytesReceived() { return links.stream().mapToLong(link -> link.received.total()).sum(); }

    @Override public void close() {
        quietly(door);
        cut();
    }

    private void accept() {
        while (!door.isClosed()) {
            try {
                var client = door.accept();
                Thread.ofVirtual().name("tap").start(() -> connect(client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void connect(Socket client) {
        try {
            var server = new Socket(target.getHost(), target.getPort());
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
            var link = new Link(client, server);
            links.add(link);
            if (door.isClosed()) link.close();
            Thread.ofVirtual().name("tap").start(() -> link.pump(client, server, link.sent, false));
            link.pump(server, client, link.received, true);
        } catch (IOException refused) {
            quietly(client);
        }
    }

    private static void quietly(Closeable closeable) {
        try {
            closeable.close();
        } catch (IOException alreadyGone) {
            // Closing is all that was wanted.
        }
    }

    private final class Link {
        private final Socket client;
        private final Socket server;
        private final Recording sent = new Recording();
        private final Recording received = new Recording();

        Link(Socket client, Socket server) {
            this.client = client;
            this.server = server;
        }

        void pump(Socket from, Socket to, Recording recording, boolean answers) {
            var buffer = new byte[16 * 1024];
            try {
                for (int count; (count = from.getInputStream().read(buffer)) >= 0; ) {
                    recording.add(buffer, count);
                    if (answers) disturb(to, buffer, count);
                    else to.getOutputStream().write(buffer, 0, count);
                }
                to.shutdownOutput();
            } catch (IOException | InterruptedException over) {
                close();
            }
        }

        private void disturb(Socket to, byte[] buffer, int count) throws IOException, InterruptedException {
            if (stalled) return;
            // Time itself is what these two are about.
            if (delay.isPositive()) Thread.sleep(delay);
            if (bytesPerSecond == 0) to.getOutputStream().write(buffer, 0, count);
            else for (var i = 0; i < count; i++) {
                to.getOutputStream().write(buffer[i]);
                Thread.sleep(Duration.ofSeconds(1).dividedBy(bytesPerSecond));
            }
        }

        void close() {
            quietly(client);
            quietly(server);
        }

        List<Exchange> exchanges() {
            var requests = sent.read();
            var answers = received.read();
            var exchanges = new ArrayList<Exchange>();
            try {
                for (Message request; ; ) {
                    var requestedAt = sent.nanoTime(requests);
                    if ((request = Message.request(requests)) == null) return exchanges;
                    var answeredAt = received.nanoTime(answers);
                    exchanges.add(new Exchange(request, Message.answer(answers, request.method()), requestedAt, answeredAt));
                }
            } catch (IOException notHttp) {
                return exchanges;
            }
        }
    }

    /// The bytes of one direction, and when each piece of them came.
    private static final class Recording {
        private record Piece(int offset, long nanoTime) {}

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final List<Piece> pieces = new ArrayList<>();
        private long total;

        synchronized void add(byte[] buffer, int count) {
            total += count;
            if (bytes.size() + count > KEPT) return;
            pieces.add(new Piece(bytes.size(), System.nanoTime()));
            bytes.write(buffer, 0, count);
        }

        synchronized long total() { return total; }

        synchronized ByteArrayInputStream read() { return new ByteArrayInputStream(bytes.toByteArray()); }

        /// When the byte came that `rest` would read next, System.nanoTime().
        synchronized long nanoTime(ByteArrayInputStream rest) {
            var offset = bytes.size() - rest.available();
            return pieces.stream().filter(piece -> piece.offset <= offset)
                .reduce((_, later) -> later).map(Piece::nanoTime).orElse(0L);
        }
    }
}
