///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES Benchmark.java
//SOURCES Scripts.java
//DEPS info.picocli:picocli:4.7.7

import module java.base;
import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// # fanout
/// Opens thousands of idle connections to the servers of labs 05 and 06 and to Node.js servers that
/// do the same, one server after the other, and measures what a connection costs, and how long it
/// takes until one quote has reached everybody. The clients take their share of the same machine,
/// so compare the rows of one run, and nothing else.
@Command(name = "fanout",
    description = "Measures what idle connections cost and how fast one quote reaches all.")
class fanout extends Benchmark {
    /// These come first, and are not measured: a server that has never run loads its classes.
    static final int PIONEERS = 20;

    @Option(names = "--connections", paramLabel = "N", defaultValue = "10000",
        description = "To each server, 100 to 25000. Default: 10000.")
    int connections;
    @Option(names = "--quotes", paramLabel = "N", defaultValue = "20",
        description = "Published one after another, each when all have the one before, "
            + "1 to 1000. Default: 20.")
    int quotes;
    @Option(names = "--history", paramLabel = "N", defaultValue = "10000",
        description = "Published before anybody is connected, 0 to 100000: a server that has run "
            + "for a while has a full log. Default: 10000.")
    int history;
    @Option(names = "--only", paramLabel = "NAME", defaultValue = "",
        description = "Servers with this in their name, like 'SSE' or 'lab 06'.")
    String only;
    @Option(names = "--json", description = "Print the results as JSON, a line each.")
    boolean json;

    /// How a client speaks to a server.
    enum Protocol { SSE, WEBSOCKET }

    /// A server to measure.
    record Subject(String name, Protocol protocol, List<String> command) {}

    /// What was measured: memory in KiB for each connection, times in milliseconds since a quote
    /// was posted.
    ///
    /// @param resident   what the process grew by
    /// @param heap       what the live objects of a JVM grew by, else NaN
    /// @param median     until a client has it, of all clients and quotes
    /// @param p99        the same: 99 of 100 were not later
    /// @param lastMedian until the last client has it, of all quotes
    /// @param lastWorst  the same: no quote took longer
    /// @param cpu        what the server's threads worked for a quote: of all these numbers the one
    ///                   that depends least on what else the machine does
    record Result(String name, double resident, double heap, double median, double p99,
            double lastMedian, double lastWorst, double cpu) {
        static final String HEAD = """
                                  KiB a connection   ms to a client     ms to the last   CPU ms
            server                resident    heap   median     p99   median     worst  a quote
            """;

        String row() {
            return "%-21s %8.1f %7s %8.1f %7.1f %8.1f %9.1f %8.1f".formatted(name, resident,
                Double.isNaN(heap) ? "–" : "%.1f".formatted(heap), median, p99, lastMedian,
                lastWorst, cpu);
        }

        String json() {
            return ("{\"server\":\"%s\",\"residentKiB\":%.2f,\"heapKiB\":%s,\"medianMs\":%.2f,"
                + "\"p99Ms\":%.2f,\"lastMedianMs\":%.2f,\"lastWorstMs\":%.2f,"
                + "\"cpuMs\":%.2f}").formatted(name.strip(), resident,
                Double.isNaN(heap) ? null : "%.2f".formatted(heap), median, p99, lastMedian,
                lastWorst, cpu);
        }

        /// How many times as much as the other.
        Result over(Result other) {
            return new Result("  ÷ " + other.name, resident / other.resident, Double.NaN,
                median / other.median, p99 / other.p99, lastMedian / other.lastMedian,
                lastWorst / other.lastWorst, cpu / other.cpu);
        }
    }

    @Override public Integer call() throws Exception {
        check("--connections", connections, 100, 25_000);
        check("--quotes", quotes, 1, 1_000);
        check("--history", history, 0, 100_000);
        checkMachine();
        var subjects = subjects();
        if (!json) System.out.printf("%d idle connections, %d quotes, %d in the log before%n%n%s",
            connections, quotes, history, Result.HEAD);
        var nodes = new EnumMap<Protocol, Result>(Protocol.class);
        for (var subject : subjects) {
            var result = measure(subject);
            print(result);
            var node = nodes.putIfAbsent(subject.protocol, result);
            if (node != null) print(result.over(node));
        }
        return 0;
    }

    private void print(Result result) {
        System.out.println(json ? result.json() : result.row());
    }

    private void checkMachine() {
        if (resident(ProcessHandle.current().pid()) == 0)
            throw new Unusable("No /proc here: Linux is needed to measure memory.");
        var system = (UnixOperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        var needed = connections + 200;
        // The JVM has already raised the soft limit to the hard one; its children inherit it.
        if (system.getMaxFileDescriptorCount() < needed)
            throw new Unusable("%d files may be open, %d are needed. As root: ulimit -n %d, or try "
                .formatted(system.getMaxFileDescriptorCount(), needed, needed + 1_000)
                + "--connections " + (system.getMaxFileDescriptorCount() - 200));
    }

    /// Node.js before the lab that is compared with it.
    private List<Subject> subjects() {
        var all = List.of(
            new Subject("Node.js, SSE", Protocol.SSE, node("sse")),
            new Subject("lab 05, SSE", Protocol.SSE, lab("05")),
            new Subject("Node.js, ws", Protocol.WEBSOCKET, node("websocket")),
            new Subject("lab 06, WebSocket", Protocol.WEBSOCKET, lab("06")));
        var wanted = all.stream().filter(subject -> subject.name.contains(only)).toList();
        if (wanted.isEmpty())
            throw new Unusable("--only '" + only + "': there are " + all.stream()
                .map(Subject::name).collect(Collectors.joining("; ")) + ".");
        return wanted;
    }

    private static List<String> node(String protocol) {
        return Benchmark.node("fanout-server.mjs", "ws", protocol);
    }

    private Result measure(Subject subject) throws Exception {
        try (var server = new Server(subject.command, QUIET);
             var market = new Market(server.port);
             var crowd = new Crowd(server.port, subject.protocol)) {
            for (var i = 0; i < history; i++) market.publish();
            crowd.grow(PIONEERS, market.newest);
            crowd.time(market);
            var before = server.memory();
            crowd.grow(connections, market.newest);
            var after = server.memory();
            crowd.time(market);
            var times = new ArrayList<long[]>();
            var worked = server.cpu();
            for (var i = 0; i < quotes; i++) times.add(crowd.time(market));
            return result(subject.name, after.minus(before), times, server.cpu().minus(worked));
        }
    }

    private Result result(String name, Memory grown, List<long[]> times, Duration worked) {
        var each = times.stream().flatMapToLong(Arrays::stream).sorted().toArray();
        var last = times.stream().mapToLong(one -> Arrays.stream(one).max().orElseThrow()).sorted()
            .toArray();
        var added = (connections - PIONEERS) * 1024.0;
        return new Result(name, grown.resident() / added, grown.heap() / added,
            each[each.length / 2] / 1e6, each[each.length * 99 / 100] / 1e6,
            last[last.length / 2] / 1e6, last[last.length - 1] / 1e6,
            worked.toNanos() / 1e6 / quotes);
    }

    /// Which sends nothing while it has nothing to say.
    private static final Map<String, String> QUIET = Map.of("HEARTBEAT_MS", "3600000",
        "PING_MS", "3600000", "AUTH_TIMEOUT_MS", "3600000");

    /// Publishes quotes.
    static final class Market implements AutoCloseable {
        private final HttpClient http = HttpClient.newHttpClient();
        private final HttpRequest request;
        /// The id of the quote that was published last.
        long newest;

        Market(int port) {
            request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/quotes"))
                .version(HttpClient.Version.HTTP_1_1).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(
                    "{\"symbol\":\"BTC\",\"bid\":64210.5,\"ask\":64211.0}")).build();
        }

        void publish() { start().orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join(); }

        /// Publishes the next, and doesn't wait for the answer.
        CompletableFuture<?> start() {
            newest++;
            return http.sendAsync(request, HttpResponse.BodyHandlers.discarding());
        }

        @Override public void close() { http.shutdownNow(); }
    }

    /// Many clients of one server, read by one thread.
    static final class Crowd implements AutoCloseable {
        /// As many connect at a time: fewer than a server lets wait.
        private static final int WAVE = 200;

        private final Protocol protocol;
        private final InetSocketAddress address;
        private final Selector selector = Selector.open();
        private final List<Member> members = new ArrayList<>();
        private final ByteBuffer buffer = ByteBuffer.allocateDirect(64 * 1024);

        Crowd(int port, Protocol protocol) throws IOException {
            this.protocol = protocol;
            address = new InetSocketAddress("127.0.0.1", port);
        }

        /// Connects until there are so many, each ready to get the quotes after the newest.
        void grow(int size, long newest) throws IOException {
            while (members.size() < size) {
                var wave = new ArrayList<Member>();
                while (wave.size() < Math.min(WAVE, size - members.size()))
                    wave.add(new Member(protocol, address, newest, selector));
                await(wave, member -> member.ready);
                members.addAll(wave);
            }
        }

        /// Publishes a quote; how long it took to reach each, nanoseconds.
        long[] time(Market market) throws IOException {
            var start = System.nanoTime();
            var answer = market.start();
            await(members, member -> member.newest == market.newest);
            answer.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
            return members.stream().mapToLong(member -> member.at - start).toArray();
        }

        /// Reads until all of these are so far.
        private void await(List<Member> wanted, Predicate<Member> soFar) throws IOException {
            var deadline = System.nanoTime() + PATIENCE.toNanos();
            var missing = new HashSet<>(wanted);
            while (!missing.isEmpty()) {
                if (System.nanoTime() > deadline)
                    throw new IllegalStateException("%d of %d clients wait in vain for %d s"
                        .formatted(missing.size(), wanted.size(), PATIENCE.toSeconds()));
                selector.select(key -> {
                    var member = (Member) key.attachment();
                    member.read(buffer);
                    if (soFar.test(member)) missing.remove(member);
                }, 1_000);
            }
        }

        @Override public void close() throws IOException {
            for (var member : members) member.channel.close();
            selector.close();
        }
    }

    /// One client. It doesn't read protocols: it looks for what comes in quotes only.
    static final class Member {
        private final Protocol protocol;
        private final SocketChannel channel;
        private final Needle head = new Needle("\r\n\r\n");
        private final Needle pong = new Needle("\"pong\"");
        private final Needle id = new Needle("\"id\":");
        private boolean open;
        /// The id that is being read; -1 between two.
        private long current = -1;
        private boolean digits;
        /// Whether it gets what is published from now on.
        boolean ready;
        /// The id of the quote that came last, and when all of it was there.
        long newest;
        long at;

        Member(Protocol protocol, InetSocketAddress address, long newest, Selector selector)
                throws IOException {
            this.protocol = protocol;
            this.newest = newest;
            channel = SocketChannel.open(address);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            write((protocol == Protocol.SSE ? """
                GET /quotes/stream?after=%d HTTP/1.1
                Host: 127.0.0.1
                Accept: text/event-stream

                """.formatted(newest) : """
                GET /quotes/socket HTTP/1.1
                Host: 127.0.0.1
                Connection: Upgrade
                Upgrade: websocket
                Sec-WebSocket-Version: 13
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

                """).replace("\n", "\r\n").getBytes());
            channel.configureBlocking(false);
            channel.register(selector, SelectionKey.OP_READ, this);
        }

        private void write(byte[] bytes) throws IOException {
            channel.write(ByteBuffer.wrap(bytes));
        }

        void read(ByteBuffer buffer) {
            try {
                buffer.clear();
                if (channel.read(buffer) < 0) throw new EOFException("the server hung up");
                buffer.flip();
                while (!open && buffer.hasRemaining())
                    if (head.ends(buffer.get())) enter();
                while (buffer.hasRemaining()) look(buffer.get());
            } catch (IOException broken) {
                throw new UncheckedIOException(broken);
            }
        }

        /// Does what comes after the head of the answer.
        private void enter() throws IOException {
            open = true;
            ready = protocol == Protocol.SSE;
            if (ready) return;
            say("{\"type\":\"auth\",\"token\":\"demo-token\"}");
            say("{\"type\":\"subscribe\",\"symbols\":[\"BTC\"]}");
            say("{\"type\":\"ping\"}");
        }

        /// A text frame of up to 125 bytes with a mask of zeros (RFC 6455 §5.2).
        private void say(String text) throws IOException {
            var frame = new ByteArrayOutputStream();
            frame.writeBytes(new byte[] {(byte) 0x81, (byte) (0x80 | text.length()), 0, 0, 0, 0});
            frame.writeBytes(text.getBytes());
            write(frame.toByteArray());
        }

        private void look(byte octet) {
            ready = ready || pong.ends(octet);
            digits = digits && octet >= '0' && octet <= '9';
            if (digits) current = 10 * current + octet - '0';
            else if (id.ends(octet)) {
                digits = true;
                current = 0;
            } else if (octet == '}' && current >= 0) got(current);
        }

        private void got(long quote) {
            if (quote != newest + 1)
                throw new IllegalStateException("quote " + quote + " came after " + newest);
            newest = quote;
            at = System.nanoTime();
            current = -1;
        }
    }

    /// Finds a text in what passes by. It is one whose beginning doesn't come again within it.
    static final class Needle {
        private final String text;
        private int found;

        Needle(String text) { this.text = text; }

        /// Whether this byte completes it.
        boolean ends(byte octet) {
            if (octet != text.charAt(found)) found = octet == text.charAt(0) ? 1 : 0;
            else if (++found == text.length()) {
                found = 0;
                return true;
            }
            return false;
        }
    }

    void main(String... args) { run(args); }
}
