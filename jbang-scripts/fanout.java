///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS info.picocli:picocli:4.7.7

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.*;

/// # fanout
/// Opens thousands of idle connections to the servers of labs 05 and 06 and to Node.js servers that
/// do the same, one server after the other, and measures what a connection costs, and how long it
/// takes until one quote has reached everybody. One client, one machine: compare the rows of a run.
@Command(name = "fanout", mixinStandardHelpOptions = true,
    description = "Measures what idle connections cost and how fast one quote reaches all.")
class fanout implements Callable<Integer> {
    static final Duration PATIENCE = Duration.ofSeconds(120);

    @Option(names = "--connections", paramLabel = "N", defaultValue = "10000",
        description = "1 to 25000 a server. Default: 10000.")
    int connections;
    @Option(names = "--quotes", paramLabel = "N", defaultValue = "20",
        description = "Quotes that are published one after another, 1 to 1000. Default: 20.")
    int quotes;
    @Option(names = "--json", description = "Print the results as JSON, a line each.")
    boolean json;

    /// How a client speaks to a server.
    enum Protocol { SSE, WEBSOCKET }

    /// A server to measure.
    record Subject(String name, Protocol protocol, List<String> command) {}

    /// What was measured. Times in milliseconds, memory in KiB for each connection.
    ///
    /// @param resident what the process grew by
    /// @param heap     what is live on its heap, negative where that can't be known
    /// @param median   from publishing a quote to a client's having it
    /// @param last     to the last client's having it, median of the quotes
    record Result(String name, double resident, double heap, double median, double p99,
            double last) {
        String row() {
            return "%-22s %9.1f %9s %11.1f %9.1f %9.1f".formatted(name, resident,
                heap < 0 ? "–" : "%.1f".formatted(heap), median, p99, last);
        }

        String json() {
            return ("{\"server\":\"%s\",\"residentKiB\":%.1f,\"heapKiB\":%.1f,\"medianMs\":%.1f,"
                + "\"p99Ms\":%.1f,\"lastMs\":%.1f}").formatted(name, resident, heap, median, p99,
                last);
        }
    }

    @Override public Integer call() throws Exception {
        if (connections < 1 || connections > 25_000 || quotes < 1 || quotes > 1_000) {
            System.err.println("--connections: 1 to 25000, --quotes: 1 to 1000.");
            return 2;
        }
        if (openFiles() < connections + 200) {
            System.err.println("Too few open files are allowed: " + openFiles() + ", needed are "
                + (connections + 200) + ". Try: ulimit -n " + (connections + 1_000));
            return 2;
        }
        if (!json) System.out.println("""
            %d idle connections, %d quotes, one after another
                                         KiB a connection      ms until a client has a quote
            server                  resident      heap      median       p99  the last"""
            .formatted(connections, quotes));
        for (var subject : subjects()) {
            var result = measure(subject);
            System.out.println(json ? result.json() : result.row());
        }
        return 0;
    }

    static long openFiles() {
        var system = (com.sun.management.UnixOperatingSystemMXBean)
            java.lang.management.ManagementFactory.getOperatingSystemMXBean();
        return system.getMaxFileDescriptorCount();
    }

    /// The checkout that this is part of.
    static Path root() {
        for (var folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent())
            if (Files.isDirectory(folder.resolve("solutions"))) return folder;
        throw new IllegalStateException("No folder with solutions/ here or above.");
    }

    static List<Subject> subjects() {
        var clients = root().resolve("grader/tests/clients");
        if (!Files.isDirectory(clients.resolve("node_modules/ws")))
            throw new IllegalStateException("No ws in " + clients + ". There: npm ci");
        var node = List.of("node", clients.resolve("fanout-server.mjs").toString());
        return List.of(
            new Subject("lab 05, SSE", Protocol.SSE, lab("05")),
            new Subject("Node.js, SSE", Protocol.SSE, with(node, "sse")),
            new Subject("lab 06, WebSocket", Protocol.WEBSOCKET, lab("06")),
            new Subject("Node.js ws, WebSocket", Protocol.WEBSOCKET, with(node, "websocket")));
    }

    /// A solution with the JVM's usual compilers: it runs for long, unlike a student's checks.
    static List<String> lab(String number) {
        return List.of(root().resolve("jbang").toString(), "-R=-XX:TieredStopAtLevel=4",
            root().resolve("solutions/lab" + number + ".java").toString(),
            "serve", "--port", "0", "--ticker", "0");
    }

    static List<String> with(List<String> command, String argument) {
        return Stream.concat(command.stream(), Stream.of(argument)).toList();
    }

    Result measure(Subject subject) throws Exception {
        try (var server = new Server(subject.command);
             var crowd = new Crowd(server.port, subject.protocol)) {
            // A few first, and a quote for them: a server that has never run loads its classes.
            crowd.grow(20);
            crowd.publish();
            var before = server.memory();
            crowd.grow(connections);
            var after = server.memory();
            var times = new ArrayList<long[]>();
            crowd.publish();
            for (var i = 0; i < quotes; i++) times.add(crowd.publish());
            var added = connections - 20;
            var each = times.stream().flatMapToLong(Arrays::stream).sorted().toArray();
            var last = times.stream().mapToLong(one -> Arrays.stream(one).max().orElseThrow())
                .sorted().toArray();
            return new Result(subject.name, (after.resident - before.resident) / 1024.0 / added,
                after.heap < 0 ? -1 : (after.heap - before.heap) / 1024.0 / added,
                each[each.length / 2] / 1e6, each[each.length * 99 / 100] / 1e6,
                last[last.length / 2] / 1e6);
        }
    }

    /// @param resident bytes of the process in memory
    /// @param heap     bytes of its live objects, -1 if it is no JVM
    record Memory(long resident, long heap) {}

    /// A server in a process of its own, without heartbeats.
    static final class Server implements AutoCloseable {
        private final Process process;
        final int port;

        Server(List<String> command) throws IOException {
            var builder = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
            for (var name : List.of("HEARTBEAT_MS", "PING_MS", "AUTH_TIMEOUT_MS"))
                builder.environment().put(name, "3600000");
            process = builder.start();
            port = port();
        }

        private int port() throws IOException {
            var said = Pattern.compile("listening on http://127.0.0.1:(\\d+)");
            for (String line; (line = process.inputReader().readLine()) != null; ) {
                var matcher = said.matcher(line);
                if (matcher.find()) return Integer.parseInt(matcher.group(1));
            }
            throw new IllegalStateException("The server ended with " + process.exitValue());
        }

        private Stream<ProcessHandle> family() {
            return Stream.concat(Stream.of(process.toHandle()), process.descendants());
        }

        /// Of the largest process in the family: the others only started it.
        Memory memory() throws IOException, InterruptedException {
            var pid = family().map(ProcessHandle::pid)
                .max(Comparator.comparingLong(fanout::resident)).orElseThrow();
            var heap = heap(pid);
            return new Memory(resident(pid), heap);
        }

        @Override public void close() {
            family().toList().forEach(ProcessHandle::destroyForcibly);
        }
    }

    static long resident(long pid) {
        try (var lines = Files.lines(Path.of("/proc/" + pid + "/status"))) {
            return lines.filter(line -> line.startsWith("VmRSS:")).findFirst()
                .map(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).orElse(0L);
        } catch (IOException | UncheckedIOException gone) {
            return 0;
        }
    }

    /// The live objects of a JVM, after a collection.
    static long heap(long pid) throws IOException, InterruptedException {
        var jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        var process = new ProcessBuilder(jcmd, "" + pid, "GC.class_histogram")
            .redirectErrorStream(true).start();
        var total = process.inputReader().lines().filter(line -> line.startsWith("Total"))
            .map(line -> line.trim().split("\\s+")[2]).findFirst();
        process.waitFor();
        return total.map(Long::parseLong).orElse(-1L);
    }

    /// Many clients of one server, read by one thread.
    static final class Crowd implements AutoCloseable {
        /// As many connect at a time: fewer than a server lets wait.
        private static final int WAVE = 200;

        private final Protocol protocol;
        private final InetSocketAddress address;
        private final java.nio.channels.Selector selector = java.nio.channels.Selector.open();
        private final List<Member> members = new ArrayList<>();
        private final java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocateDirect(64 * 1024);
        private int published;

        Crowd(int port, Protocol protocol) throws IOException {
            this.protocol = protocol;
            address = new InetSocketAddress("127.0.0.1", port);
        }

        /// Connects until there are so many, each ready to get quotes.
        void grow(int size) throws IOException {
            while (members.size() < size) {
                var wave = new ArrayList<Member>();
                while (wave.size() < Math.min(WAVE, size - members.size()))
                    wave.add(new Member(protocol, address, selector));
                await(wave, Member::ready);
                wave.forEach(member -> member.messages = published);
                members.addAll(wave);
            }
        }

        /// Publishes a quote; how long it took to reach each, nanoseconds.
        long[] publish() throws IOException {
            published++;
            var start = System.nanoTime();
            post();
            await(members, member -> member.messages >= published);
            return members.stream().mapToLong(member -> member.at - start).toArray();
        }

        private void post() throws IOException {
            var body = "{\"symbol\":\"BTC\",\"bid\":64210.5,\"ask\":64211.0}";
            // Not closed before its answer has come: a server may give up a request whose client
            // is gone.
            poster = new Socket(address.getAddress(), address.getPort());
            poster.getOutputStream().write(("POST /quotes HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                + "Content-Type: application/json\r\nConnection: close\r\nContent-Length: "
                + body.length() + "\r\n\r\n" + body).getBytes());
        }

        private Socket poster;

        /// Reads until all of these are so far.
        private void await(List<Member> wanted, Predicate<Member> soFar) throws IOException {
            var deadline = System.nanoTime() + PATIENCE.toNanos();
            var missing = new HashSet<>(wanted);
            missing.removeIf(soFar);
            while (!missing.isEmpty()) {
                if (System.nanoTime() > deadline)
                    throw new IllegalStateException(missing.size() + " clients of "
                        + wanted.size() + " wait in vain for " + PATIENCE.toSeconds() + " s");
                selector.select(key -> {
                    var member = (Member) key.attachment();
                    member.read(buffer);
                    if (soFar.test(member)) missing.remove(member);
                }, 1_000);
            }
            if (poster != null) poster.close();
        }

        @Override public void close() throws IOException {
            for (var member : members) member.channel.close();
            selector.close();
        }
    }

    /// One client. It counts the messages that came: all are small, so one arrives as a whole or
    /// is completed by the next read.
    static final class Member {
        private final Protocol protocol;
        final java.nio.channels.SocketChannel channel;
        private final ByteArrayOutputStream head = new ByteArrayOutputStream();
        private boolean open;
        private boolean afterNewline;
        /// Bytes of a frame that are still to come.
        private int rest;
        int messages;
        /// When the last message came.
        long at;

        Member(Protocol protocol, InetSocketAddress address,
                java.nio.channels.Selector selector) throws IOException {
            this.protocol = protocol;
            channel = java.nio.channels.SocketChannel.open(address);
            channel.socket().setTcpNoDelay(true);
            write((protocol == Protocol.SSE ? """
                GET /quotes/stream HTTP/1.1
                Host: 127.0.0.1
                Accept: text/event-stream

                """ : """
                GET /quotes/socket HTTP/1.1
                Host: 127.0.0.1
                Connection: Upgrade
                Upgrade: websocket
                Sec-WebSocket-Version: 13
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

                """).replace("\n", "\r\n").getBytes());
            channel.configureBlocking(false);
            channel.register(selector, java.nio.channels.SelectionKey.OP_READ, this);
        }

        private void write(byte[] bytes) throws IOException {
            channel.write(java.nio.ByteBuffer.wrap(bytes));
        }

        /// Whether it would get quotes: after the first event, or after welcome and pong.
        boolean ready() { return messages >= (protocol == Protocol.SSE ? 1 : 2); }

        void read(java.nio.ByteBuffer buffer) {
            try {
                buffer.clear();
                if (channel.read(buffer) < 0)
                    throw new IllegalStateException("the server hung up");
                buffer.flip();
                while (!open && buffer.hasRemaining()) readHead(buffer.get());
                while (buffer.hasRemaining())
                    if (protocol == Protocol.SSE) readStream(buffer.get());
                    else readFrames(buffer);
            } catch (IOException broken) {
                throw new UncheckedIOException(broken);
            }
        }

        private void readHead(byte octet) throws IOException {
            head.write(octet);
            if (!head.toString(java.nio.charset.StandardCharsets.US_ASCII).endsWith("\r\n\r\n"))
                return;
            open = true;
            head.reset();
            if (protocol == Protocol.WEBSOCKET) {
                say("{\"type\":\"auth\",\"token\":\"demo-token\"}");
                say("{\"type\":\"subscribe\",\"symbols\":[\"BTC\"]}");
                say("{\"type\":\"ping\"}");
            }
        }

        /// A text frame with a mask of zeros (RFC 6455 §5.2).
        private void say(String text) throws IOException {
            var frame = new ByteArrayOutputStream();
            frame.writeBytes(new byte[] {(byte) 0x81, (byte) (0x80 | text.length()), 0, 0, 0, 0});
            frame.writeBytes(text.getBytes());
            write(frame.toByteArray());
        }

        /// A blank line ends an event; in the chunked coding \r\n stands between the chunks.
        private void readStream(byte octet) {
            if (octet == '\n' && afterNewline) count();
            afterNewline = octet == '\n';
        }

        /// Frames of up to 65,535 bytes; a header is never split, or it would not be small.
        private void readFrames(java.nio.ByteBuffer buffer) {
            if (rest == 0) {
                buffer.get();
                var length = buffer.get() & 0x7f;
                rest = length == 126 ? buffer.getShort() & 0xffff : length;
            }
            var step = Math.min(rest, buffer.remaining());
            buffer.position(buffer.position() + step);
            rest -= step;
            if (rest == 0) count();
        }

        private void count() {
            messages++;
            at = System.nanoTime();
        }
    }

    void main(String... args) {
        var command = new CommandLine(this).setExecutionExceptionHandler((failure, line, _) -> {
            line.getErr().println(failure.getMessage());
            return 3;
        });
        System.exit(command.execute(args));
    }
}
