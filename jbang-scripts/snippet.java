///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES Scripts.java
//DEPS ../labs/market/Market.java
//DEPS ../labs/market/rpc/MarketService.java
//DEPS ../proto/MarketProto.java
//DEPS ../grader/wirelab/Wirelab.java
//DEPS com.squareup.okhttp3:okhttp-sse:5.5.1
//DEPS org.java-websocket:Java-WebSocket:1.6.0
//DEPS info.picocli:picocli:4.7.7

import module java.base;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import wirelab.source.Excerpt;

/// # snippet
/// Prints a piece of a solution as a file of its own: with its `//DEPS`, its imports, and whatever
/// else of the solution it needs. Without a name it lists the pieces.
@Command(name = "snippet",
    description = "Prints a piece of a solution that runs on its own; without a name, all names.")
class snippet implements Callable<Integer> {
    /// A piece of a solution.
    ///
    /// @param members names in the class of the lab; what they need comes by itself
    /// @param use     statements that show it at work; empty where a server would be needed
    record Piece(String name, int lab, String question, String members, String use) {}

    /// All there are.
    static final List<Piece> PIECES = List.of(
        new Piece("token-bucket", 1, "limit how often each client may ask", "Allowance", """
            var allowance = new Allowance(2);
            for (var poll = 1; poll <= 3; poll++)
                IO.println(poll + ": " + allowance.take("client", System.nanoTime()));"""),
        new Piece("short-polling-server", 1, "answer polls, as often as allowed", "server", """
            server(new Feed()).start("127.0.0.1", 7001);"""),
        new Piece("short-polling-client", 1, "poll a server and lose nothing", "follow", """
            follow(URI.create("http://127.0.0.1:7001"), 0, Duration.ofSeconds(1), IO::println);"""),
        new Piece("long-polling-client", 2, "ask a server that answers when there is news",
            "follow", """
            follow(URI.create("http://127.0.0.1:7002"), 0, IO::println);"""),
        new Piece("long-polling-server", 2, "answer when there is news", "server", """
            server(new Feed()).start("127.0.0.1", 7002);"""),
        new Piece("long-polling-wait", 2, "hold a request until there is news", "await", """
            var feed = new Feed();
            Thread.startVirtualThread(() -> feed.publish("BTC", 64210.5, 64211));
            IO.println(await(feed, 0, Duration.ofSeconds(5)));"""),
        new Piece("exponential-back-off", 2, "wait longer after each failure", "backOff", """
            for (var failures = 1; failures < 9; failures++) IO.println(backOff(failures));"""),
        new Piece("strong-etag", 3, "make an entity tag of some bytes", "strongTag", """
            IO.println(strongTag("[1,2,3]".getBytes(StandardCharsets.UTF_8)));"""),
        new Piece("if-none-match", 3, "parse If-None-Match or If-Match, and compare",
            "matches weakly strongly", """
            var sent = List.of("\\"a,b\\", W/\\"v1\\"");
            var current = List.of(EntityTag.parse("\\"v1\\""));
            IO.println("If-None-Match: " + matches(sent, current, IfNoneMatch::weakly));
            IO.println("If-Match: " + matches(sent, current, IfNoneMatch::strongly));"""),
        new Piece("preconditions", 3, "decide between 200, 304 and 412", "decide", """
            var now = Instant.now();
            var sent = new Conditions(List.of(), List.of("\\"v1\\""), Optional.empty(),
                Optional.empty());
            IO.println(decide(true, sent, List.of(EntityTag.parse("\\"v1\\"")), now));"""),
        new Piece("conditional-get-server", 3, "send nothing twice, and lose no update", "server",
            """
            server(new Feed()).start("127.0.0.1", 7003);"""),
        new Piece("conditional-get-client", 3, "poll, and download only what has changed", "follow",
            """
            follow(URI.create("http://127.0.0.1:7003"), Duration.ofSeconds(1), IO::println);"""),
        new Piece("webhook-signature", 4, "sign a webhook", "sign key request", """
            var key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
            var message = new Message("msg_1", "{}".getBytes(StandardCharsets.UTF_8));
            var url = URI.create("https://example.com/hooks");
            IO.println(request(message, url, key, Instant.now()).build().headers().map());"""),
        new Piece("webhook-verify", 4, "verify a webhook", "verified key", """
            var key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
            var body = "{}".getBytes(StandardCharsets.UTF_8);
            var time = "" + Instant.now().getEpochSecond();
            var sent = new Metadata("msg_1", time, sign(key, "msg_1", time, body));
            IO.println(verified(sent, body, key, Instant.now()));"""),
        new Piece("webhook-delivery", 4, "deliver webhooks, and again when that fails", "server",
            """
            server(new Feed()).start("127.0.0.1", 7004);"""),
        new Piece("idempotent-inbox", 4, "do a message once that comes twice", "Inbox", """
            var inbox = new Inbox(Duration.ZERO);
            IO.println(inbox.accept(new Received("msg_1", "quote.published")));
            IO.println(inbox.accept(new Received("msg_1", "quote.published")));"""),
        new Piece("retry-after", 4, "read Retry-After, seconds or a date", "quiet", """
            IO.println(quiet("120", Instant.now()));
            IO.println(quiet("Fri, 31 Dec 2027 23:59:59 GMT", Instant.now()));"""),
        new Piece("ssrf-guard", 4, "refuse URLs that lead into my own network", "permitted", """
            for (var address : List.of("10.0.0.1", "::1", "93.184.215.14"))
                IO.println(address + ": " + permitted(InetAddress.ofLiteral(address)));"""),
        new Piece("sse-event", 5, "write a server-sent event", "event", """
            IO.print(event("43", "notice", "two\\nlines"));"""),
        new Piece("sse-replay", 5, "replay missed events, then go on live", "step", """
            var feed = new Feed();
            feed.publish("BTC", 64210.5, 64211);
            IO.print(step(0, feed).text());"""),
        new Piece("sse-server", 5, "serve an SSE stream", "server", """
            server(new Feed()).start("127.0.0.1", 7005);"""),
        new Piece("sse-resume", 5, "resume an SSE stream", "follow", """
            follow(URI.create("http://127.0.0.1:7005"), 0, IO::println);"""),
        new Piece("full-jitter", 6, "reconnect with jitter", "backOff", """
            for (var failures = 0; failures < 8; failures++) IO.println(backOff(failures));"""),
        new Piece("websocket-origin", 6, "refuse WebSockets of other sites", "checkOrigin", """
            import module java.base;
            import io.javalin.Javalin;
            import java.net.http.HttpClient;
            import java.net.http.WebSocket.Listener;
            var server = Javalin.create(config -> {
                config.routes.wsBeforeUpgrade("/socket", ctx -> checkOrigin(ctx));
                config.routes.ws("/socket", _ -> {});
            }).start("127.0.0.1", 0);
            var host = "127.0.0.1:" + server.port();
            for (var origin : List.of("http://" + host, "https://elsewhere.example")) {
                var opening = HttpClient.newHttpClient().newWebSocketBuilder()
                    .header("Origin", origin)
                    .buildAsync(URI.create("ws://" + host + "/socket"), new Listener() {});
                IO.println(origin + ": " + opening.handle((_, refused) ->
                    refused == null ? "open" : "refused").join());
            }
            System.exit(0);"""),
        new Piece("websocket-server", 6, "serve WebSockets, some of them slow", "server", """
            server(new Feed()).start("127.0.0.1", 7006);"""),
        new Piece("websocket-reconnect", 6, "reconnect a WebSocket", "follow", """
            var uri = URI.create("ws://127.0.0.1:7006/quotes/socket");
            follow(uri, "demo-token", List.of("BTC", "ETH", "SOL", "EUR"), IO::println);"""),
        new Piece("grpc-server-streaming", 7, "stream from a gRPC server that respects isReady",
            "Subscription", ""),
        new Piece("grpc-resume", 7, "resume a gRPC stream, with deadlines", "follow", ""),
        new Piece("grpc-client-streaming", 8, "upload with gRPC as fast as the server reads",
            "upload", ""),
        new Piece("grpc-flow-control", 8, "ask a gRPC client for one message at a time",
            "Upload", ""),
        new Piece("grpc-bidirectional-server", 9, "answer on a gRPC stream from many threads",
            "Session", ""),
        new Piece("grpc-bidirectional-client", 9, "bound what is unanswered on a gRPC stream",
            "trade", ""),
        new Piece("grpc-keepalive", 9, "notice gRPC clients that are gone", "configure", """
            var server = configure(NettyServerBuilder.forPort(0), 10_000).build().start();
            IO.println(server.getPort());
            server.shutdownNow();"""));

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    boolean help;
    @Spec CommandSpec command;
    @Parameters(arity = "0..1", paramLabel = "NAME", description = "One of those listed.")
    String name;

    @Override public Integer call() throws IOException {
        command.commandLine().getOut().print(name == null ? list() : text(piece()));
        command.commandLine().getOut().flush();
        return 0;
    }

    /// All pieces, by lab.
    static String list() {
        return PIECES.stream().map(one -> "%-50s %s%n".formatted(one.question, one.name))
            .collect(Collectors.joining());
    }

    private Piece piece() {
        return PIECES.stream().filter(one -> one.name.equals(name)).findFirst()
            .orElseThrow(() -> new CommandLine.ParameterException(command.commandLine(),
                "No snippet " + name + ". Did you mean " + String.join(", ", nearest(name))
                + "? All of them: jbang snippet"));
    }

    /// The three names that are most like this text.
    static List<String> nearest(String text) {
        return PIECES.stream().map(Piece::name)
            .sorted(Comparator.comparingInt(one -> -alike(one, text))).limit(3).toList();
    }

    /// How many pairs of neighbouring letters of one text are in the other.
    private static int alike(String one, String other) {
        return (int) IntStream.range(0, one.length() - 1)
            .filter(at -> other.contains(one.substring(at, at + 2))).count();
    }

    /// A piece as a file.
    private String text(Piece piece) throws IOException {
        var excerpt = new Excerpt(root(), "lab%02d.java".formatted(piece.lab), type(piece.name));
        for (var member : piece.members.split(" ")) excerpt.take(member);
        var title = piece.question.substring(0, 1).toUpperCase(Locale.ROOT)
            + piece.question.substring(1);
        return excerpt.text(title, piece.use);
    }

    /// `sse-resume` becomes `SseResume`.
    static String type(String name) {
        return Stream.of(name.split("-")).map(word -> word.substring(0, 1).toUpperCase(Locale.ROOT)
            + word.substring(1)).collect(Collectors.joining());
    }

    private Path root() {
        return Scripts.root().orElseThrow(() -> new CommandLine.ParameterException(
            command.commandLine(), "No Wirelab checkout here or above, a folder with labs/ and "
                + "solutions/. Go into it and try again."));
    }

    /// Does what the arguments ask for; returns the exit code.
    static int run(PrintWriter out, PrintWriter err, String... args) {
        return new CommandLine(new snippet()).setOut(out)
            .setParameterExceptionHandler((wrong, _) -> {
                err.println(wrong.getMessage());
                return 2;
            }).execute(args);
    }

    static void main(String... args) {
        System.exit(run(new PrintWriter(System.out, true, StandardCharsets.UTF_8),
            new PrintWriter(System.err, true, StandardCharsets.UTF_8), args));
    }
}
