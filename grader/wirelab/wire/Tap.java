package wirelab.wire;

import module java.base;

/// A TCP proxy between a check and its subject: records every byte in both directions and can
/// disturb the answers.
/// Each connection has a thread a direction; all of it ends with [#close].
public final class Tap implements AutoCloseable {
    private final ServerSocket door;
    private final URI target;
    private final List<Link> links = new CopyOnWriteArrayList<>();
    private volatile Duration delay = Duration.ZERO;
    private volatile int bytesPerSecond;
    private volatile boolean stalled;
    private final Deque<Integer> cuts = new ConcurrentLinkedDeque<>();
    private final AtomicLong kept = new AtomicLong();
    private final int window;

    /// @param target the http URL to pass connections on to
    public Tap(URI target) { this(target, 0); }

    /// @param window how many bytes it takes from the target before its client reads; 0 = as usual
    public Tap(URI target, int window) {
        this.target = target;
        this.window = window;
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

    /// Cuts the next `times` connections, each after so many bytes from the target.
    public Tap cutAnswers(int times, IntSupplier afterBytes) {
        for (var i = 0; i < times; i++) cuts.add(afterBytes.getAsInt());
        return this;
    }

    /// How many of the cuts of [#cutAnswers] are still to come.
    public int cutsLeft() { return cuts.size(); }

    /// The requests that crossed, in the order of their first byte, each with its answer.
    public List<Exchange> exchanges() {
        return links.stream().flatMap(link -> link.exchanges().stream())
            .sorted(Comparator.comparingLong(Exchange::requestedAt)).toList();
    }

    /// How many bytes the subject has sent.
    public long bytesReceived() {
        return links.stream().mapToLong(link -> link.received.total()).sum();
    }

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
            var server = new Socket();
            if (window > 0) {
                server.setReceiveBufferSize(window);
                client.setSendBufferSize(window);
            }
            server.connect(new InetSocketAddress(target.getHost(), target.getPort()));
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
        private final Recording sent = new Recording(kept);
        private final Recording received = new Recording(kept);
        private final AtomicInteger ended = new AtomicInteger();

        Link(Socket client, Socket server) {
            this.client = client;
            this.server = server;
        }

        void pump(Socket from, Socket to, Recording recording, boolean answers) {
            var buffer = new byte[16 * 1024];
            try (var out = answers ? new Disturbed(to.getOutputStream()) : null) {
                var cut = answers ? cuts.poll() : null;
                for (int count; (count = from.getInputStream().read(buffer)) >= 0; ) {
                    if (cut != null && (cut -= count) < 0) count += cut;
                    recording.add(buffer, count);
                    if (answers) out.pass(Arrays.copyOf(buffer, count));
                    else to.getOutputStream().write(buffer, 0, count);
                    if (cut != null && cut < 0) throw new EOFException("cut on purpose");
                }
                if (answers) out.drain();
                to.shutdownOutput();
                if (ended.incrementAndGet() == 2) close();
            } catch (IOException | InterruptedException over) {
                close();
            }
        }

        void close() {
            quietly(client);
            quietly(server);
        }

        List<Exchange> exchanges() {
            var requests = sent.replay();
            var answers = received.replay();
            var exchanges = new ArrayList<Exchange>();
            try {
                for (Message request; ; ) {
                    var requestedAt = requests.nanoTime();
                    if ((request = Message.request(requests)) == null) return exchanges;
                    var answeredAt = answers.nanoTime();
                    var answer = Message.answer(answers, request.method());
                    var upgraded = answer != null && answer.start().startsWith("HTTP/1.1 101");
                    exchanges.add(new Exchange(request, answer,
                        upgraded ? frames(requests) : List.of(),
                        upgraded ? frames(answers) : List.of(), requestedAt, answeredAt));
                }
            } catch (IOException notHttp) {
                return exchanges;
            }
        }
    }

    /// What follows a 101.
    private static List<Frame> frames(Recording.Replay direction) {
        var frames = new ArrayList<Frame>();
        try {
            for (Frame frame; (frame = Frame.read(direction, direction::nanoTime)) != null; )
                frames.add(frame);
        } catch (IOException notWebSocket) {
            // What came before it is shown.
        }
        return frames;
    }

    /// Passes bytes on, in order: later by the delay, no faster than the rate, or not at all.
    private final class Disturbed implements AutoCloseable {
        private record Piece(byte[] bytes, long due) {}

        private final OutputStream out;
        private final BlockingQueue<Piece> late = new LinkedBlockingQueue<>();
        private final Thread later;

        Disturbed(OutputStream out) {
            this.out = out;
            later = delay.isZero() ? null : Thread.ofVirtual().name("tap, late")
                .start(this::passLate);
        }

        void pass(byte[] bytes) throws IOException, InterruptedException {
            if (stalled) return;
            if (later != null) late.add(new Piece(bytes, System.nanoTime() + delay.toNanos()));
            else if (bytesPerSecond == 0) out.write(bytes);
            else for (var octet : bytes) {
                // Time itself is what this is about.
                Thread.sleep(Duration.ofSeconds(1).dividedBy(bytesPerSecond));
                out.write(octet);
            }
        }

        private void passLate() {
            try {
                for (Piece piece; (piece = late.take()).bytes.length > 0; ) {
                    Thread.sleep(Duration.ofNanos(Math.max(0, piece.due - System.nanoTime())));
                    out.write(piece.bytes);
                }
            } catch (IOException | InterruptedException over) {
                // The connection is closed; nobody waits for the rest.
            }
        }

        /// Waits until all has been passed on.
        void drain() throws InterruptedException {
            if (later == null) return;
            late.add(new Piece(new byte[0], 0));
            later.join();
        }

        @Override public void close() {
            if (later != null) later.interrupt();
        }
    }
}
