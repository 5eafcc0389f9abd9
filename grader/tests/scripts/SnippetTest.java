package wirelab.scripts;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.*;
import wirelab.Sources;
import wirelab.checkout.Checkout;
import wirelab.command.watch.WatchTest;
import wirelab.subject.ChildProcess;
import wirelab.subject.Handover;
import wirelab.time.Deadline;

/// What `jbang snippet` prints stands on its own: each text is compiled alone in its folder, with
/// what JBang finds for its `//DEPS`, and run in a process of its own.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class SnippetTest {
    private static final Pattern SERVES =
        Pattern.compile("(server\\(.*\\)\\.start\\(\"127\\.0\\.0\\.1\", )70\\d\\d\\)");
    private static final Pattern ASKS = Pattern.compile("(://127\\.0\\.0\\.1:)70\\d\\d");
    private static final String PLACEHOLDER = "// What follows stands for";
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static Path folder;
    private static Class<?> tool;
    private static Map<String, String> texts;
    private static final Map<String, String> CLASS_PATHS = new HashMap<>();

    private record Run(int code, String out, String err) {}

    @BeforeAll static void print() throws Exception {
        folder = Files.createTempDirectory("wirelab-");
        compile(System.getProperty("java.class.path"), folder,
            Checkout.root().resolve("jbang-scripts/snippet.java"),
            Checkout.root().resolve("jbang-scripts/Scripts.java"));
        tool = new URLClassLoader(new URL[] {folder.toUri().toURL()},
            SnippetTest.class.getClassLoader()).loadClass("snippet");
        texts = new LinkedHashMap<>();
        for (var line : snippet().out.lines().toList()) {
            var name = line.substring(line.lastIndexOf(' ') + 1);
            texts.put(name, snippet(name).out);
        }
    }

    @AfterAll static void delete() throws IOException { WatchTest.delete(folder); }

    private static Run snippet(String... args) throws ReflectiveOperationException {
        var out = new StringWriter();
        var err = new StringWriter();
        var run = tool.getDeclaredMethod("run", PrintWriter.class, PrintWriter.class,
            String[].class);
        run.setAccessible(true);
        var code = (int) run.invoke(null, new PrintWriter(out), new PrintWriter(err), args);
        return new Run(code, "" + out, "" + err);
    }

    private static void compile(String classPath, Path to, Path... sources) {
        var said = new ByteArrayOutputStream();
        var args = Stream.concat(Stream.of("-proc:none", "-nowarn", "--release", "25", "-cp",
            classPath, "-d", "" + to), Stream.of(sources).map(Path::toString));
        var code = ToolProvider.getSystemJavaCompiler().run(null, said, said,
            args.toArray(String[]::new));
        assertThat(code).as("" + said).isZero();
    }

    /// The class path of the `//DEPS` in a text, and no other.
    private static String classPath(String text) throws Exception {
        var lines = text.lines().filter(line -> line.startsWith("//DEPS "))
            .collect(Collectors.joining("\n"));
        if (lines.isEmpty()) return "";
        if (!CLASS_PATHS.containsKey(lines)) {
            var file = Files.writeString(folder.resolve("Deps.java"), lines + "\nvoid main() {}\n");
            var jbang = new ProcessBuilder("./jbang", "info", "classpath", "" + file)
                .directory(Checkout.root().toFile()).redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
            CLASS_PATHS.put(lines, new String(jbang.getInputStream().readAllBytes(),
                StandardCharsets.UTF_8).strip());
            assertThat(jbang.waitFor()).isZero();
        }
        return CLASS_PATHS.get(lines);
    }

    /// Compiles a text in a folder of its own, as a file with a name that it doesn't know.
    private static Path compile(String text) throws Exception {
        var own = Files.createTempDirectory(folder, "snippet");
        compile(classPath(text), own, Files.writeString(own.resolve("Pasted.java"), text));
        return own;
    }

    private static Process start(String text) throws Exception {
        var main = Pattern.compile("(?m)^class (\\w+) ").matcher(text);
        assertThat(main.find()).isTrue();
        return new ProcessBuilder(ChildProcess.JAVA, "-XX:TieredStopAtLevel=1", "-cp",
            compile(text) + File.pathSeparator + classPath(text), main.group(1))
            .redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }

    private static Stream<DynamicTest> each(Predicate<String> which,
            ThrowingConsumer<String> test) {
        return texts.entrySet().stream().filter(one -> which.test(one.getValue()))
            .map(one -> DynamicTest.dynamicTest(one.getKey(), () -> test.accept(one.getValue())));
    }

    private interface ThrowingConsumer<T> {
        void accept(T value) throws Exception;
    }

    private static boolean runs(String text) { return text.contains("    void main() "); }

    private static boolean serves(String text) { return SERVES.matcher(text).find(); }

    private static boolean asks(String text) { return ASKS.matcher(text).find(); }

    @TestFactory Stream<DynamicTest> it_compiles_from_its_text_alone() {
        return each(text -> !runs(text), SnippetTest::compile);
    }

    /// What calls a snippet that speaks gRPC, and prints what came of it. BASE is the URL of the
    /// lab's solution, with a quote of BTC in its feed.
    private static final Map<String, String> CALLERS = Map.of(
        "grpc-server-streaming", """
            var feed = new Feed();
            feed.publish("BTC", 1, 2);
            var stub = serve(new MarketDataGrpc.MarketDataImplBase() {
                @Override public void subscribeQuotes(SubscribeRequest request,
                        StreamObserver<Quote> client) {
                    var stream = new GrpcServerStreaming.Subscription(request, feed,
                        (ServerCallStreamObserver<Quote>) client);
                    stream.watch();
                    Thread.startVirtualThread(stream);
                }
            });
            var request = SubscribeRequest.newBuilder().addSymbols("BTC").build();
            IO.println(MarketDataGrpc.newBlockingStub(stub).subscribeQuotes(request).next());""",
        "grpc-flow-control", """
            var channel = serve(new MarketDataGrpc.MarketDataImplBase() {
                @Override public StreamObserver<Trade> uploadTrades(
                        StreamObserver<TradeConfirmation> client) {
                    var upload = new GrpcFlowControl.Upload(
                        (ServerCallStreamObserver<TradeConfirmation>) client,
                        new GrpcFlowControl.Book(10),
                        new GrpcFlowControl.Policy(10, 10, 0), _ -> {});
                    upload.begin(new Feed());
                    return upload;
                }
            });
            var call = MarketDataGrpc.newBlockingV2Stub(channel).uploadTrades();
            call.write(Trade.newBuilder().setClientTradeId("a").setSymbol("BTC").setQuantity(3)
                .setPrice(2).build());
            call.halfClose();
            IO.println(call.read());""",
        "grpc-bidirectional-server", """
            var feed = new Feed();
            feed.publish("BTC", 1, 2);
            var channel = serve(new MarketDataGrpc.MarketDataImplBase() {
                @Override public StreamObserver<TradeOrder> tradeStream(
                        StreamObserver<TradeEvent> client) {
                    var session = new GrpcBidirectionalServer.Session(
                        (ServerCallStreamObserver<TradeEvent>) client, "BTC"::equals, _ -> {});
                    session.watch();
                    session.follow(feed);
                    return session;
                }
            });
            var call = MarketDataGrpc.newBlockingV2Stub(channel).tradeStream();
            call.write(TradeOrder.newBuilder().setOrderId("a").setSymbol("BTC").setQuantity(3)
                .setSide(Side.BUY).setLimit(2).build());
            IO.println(call.read() + " " + call.read());""",
        "grpc-resume", """
            GrpcResume.follow(URI.create(BASE), List.of("BTC"), 0, quote -> {
                IO.println(quote);
                System.exit(0);
            });""",
        "grpc-client-streaming", """
            GrpcClientStreaming.upload(URI.create(BASE), 3, IO::println);""",
        "grpc-bidirectional-client", """
            GrpcBidirectionalClient.trade(URI.create(BASE), 3, event -> {
                IO.println(event);
                System.exit(0);
            });""");

    /// What must be in what they print.
    private static final Map<String, String> RESULTS = Map.of(
        "grpc-server-streaming", "symbol: \"BTC\"", "grpc-flow-control", "notional: 6",
        "grpc-bidirectional-server", "filled", "grpc-resume", "symbol: \"BTC\"",
        "grpc-client-streaming", "accepted: 3", "grpc-bidirectional-client", "accepted");

    private static String caller(String name, String base) {
        return """
            import module java.base;
            import io.grpc.*;
            import io.grpc.netty.shaded.io.grpc.netty.*;
            import io.grpc.stub.*;
            import market.v1.*;
            class Caller {
                static final String BASE = "%s";
                static Channel serve(BindableService service) throws IOException {
                    var server = NettyServerBuilder.forAddress(
                        new InetSocketAddress("127.0.0.1", 0)).addService(service).build().start();
                    return NettyChannelBuilder.forAddress("127.0.0.1", server.getPort())
                        .usePlaintext().build();
                }
                static void call() throws Exception {
                    %s
                }
                static void main() throws Exception {
                    call();
                    System.exit(0);
                }
            }
            """.formatted(base, CALLERS.get(name));
    }

    @TestFactory Stream<DynamicTest> it_runs_with_what_protoc_generates_in_its_place() {
        return each(text -> text.contains(PLACEHOLDER), text -> {
            var name = texts.entrySet().stream().filter(one -> one.getValue().equals(text))
                .findFirst().orElseThrow().getKey();
            var mine = text.substring(0, text.indexOf(PLACEHOLDER))
                .replaceFirst("\nimport ", "\nimport market.v1.*;\nimport ");
            var lab = Integer.parseInt(lab(text).replaceFirst(".*lab (\\d\\d).*", "$1"));
            var feed = new market.Feed();
            feed.publish("BTC", 1, 2);
            var server = Handover.of(Sources.solution(lab)).server().start(feed, 0);
            try {
                var own = Files.createTempDirectory(folder, "snippet");
                compile(System.getProperty("java.class.path"), own,
                    Files.writeString(own.resolve("Pasted.java"), mine),
                    Files.writeString(own.resolve("Caller.java"),
                        caller(name, "http://127.0.0.1:" + server.port())));
                var process = new ProcessBuilder(ChildProcess.JAVA,
                    "-XX:TieredStopAtLevel=1", "-cp", own + File.pathSeparator
                        + System.getProperty("java.class.path"), "Caller")
                    .redirectErrorStream(true).start();
                assertThat(new String(process.getInputStream().readAllBytes(),
                    StandardCharsets.UTF_8)).contains(RESULTS.get(name));
                assertThat(process.waitFor()).isZero();
            } finally {
                server.stop();
            }
        });
    }

    @TestFactory Stream<DynamicTest> it_runs_from_its_text_alone() {
        return each(text -> runs(text) && !serves(text) && !asks(text), text -> {
            var process = start(text);
            var printed = new String(process.getInputStream().readAllBytes(),
                StandardCharsets.UTF_8);

            assertThat(process.waitFor()).isZero();
            assertThat(printed).isNotBlank();
        });
    }

    @TestFactory Stream<DynamicTest> a_server_serves_and_its_client_gets_something() {
        return each(SnippetTest::serves, text -> {
            var port = SERVES.matcher(text).replaceFirst("IO.println($10).port())");
            var server = start(port);
            try {
                var base = "http://127.0.0.1:" + server.inputReader().readLine();
                assertThat(publish(base)).isEqualTo(201);
                for (var client : texts.values())
                    if (asks(client) && lab(client).equals(lab(text))) getsSomething(client, base);
            } finally {
                server.destroyForcibly().waitFor();
            }
        });
    }

    private static String lab(String text) {
        return text.lines().filter(line -> line.startsWith("/// From Wirelab")).findFirst()
            .orElseThrow();
    }

    private static void getsSomething(String text, String base) throws Exception {
        var client = start(ASKS.matcher(text).replaceFirst("$1" + URI.create(base).getPort()));
        try {
            var line = CompletableFuture.supplyAsync(() -> firstLine(client));
            // Until it has one: what comes before a WebSocket is open is not for it.
            for (var end = Deadline.in(Duration.ofSeconds(60)); !line.isDone() && !end.passed();
                    Deadline.pause()) publish(base);

            assertThat(line.getNow("nothing")).contains("symbol=");
        } finally {
            client.destroyForcibly().waitFor();
        }
    }

    private static String firstLine(Process process) {
        try {
            return "" + process.inputReader().readLine();
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    private static int publish(String base) throws Exception {
        return HTTP.send(HttpRequest.newBuilder(URI.create(base + "/quotes"))
            .POST(BodyPublishers.ofString("{\"symbol\":\"BTC\",\"bid\":1,\"ask\":2}")).build(),
            BodyHandlers.discarding()).statusCode();
    }

    @Test void every_client_has_a_server_to_ask() {
        var served = texts.values().stream().filter(SnippetTest::serves).map(SnippetTest::lab);

        assertThat(served).containsAll(texts.values().stream().filter(SnippetTest::asks)
            .map(SnippetTest::lab).toList());
    }

    @Test void it_imports_what_it_names_and_nothing_else() {
        texts.forEach((name, text) -> {
            var body = text.substring(text.indexOf("\nclass "));
            for (var one : Pattern.compile("(?m)^import [\\w.]+\\.(\\w+);").matcher(text).results()
                    .toList())
                assertThat(body).as(name).containsPattern("\\b" + one.group(1) + "\\b");
        });
        assertThat(texts.get("retry-after")).doesNotContain("//DEPS").contains("""

            import module java.base;

            /// # Read Retry-After, seconds or a date
            """);
    }

    @Test void it_points_to_nothing_that_is_not_in_it() {
        texts.forEach((name, text) -> assertThat(text).as(name)
            .doesNotContain("../").doesNotContain("wirelab").doesNotContainPattern("\\blab\\d\\d")
            .doesNotContain("import market"));
    }

    @Test void an_unknown_name_is_told_with_those_that_are_like_it() throws Exception {
        var run = snippet("websocket-reconect");

        assertThat(run.err).startsWith("No snippet websocket-reconect. Did you mean "
            + "websocket-reconnect, ").contains("jbang snippet");
        assertThat(run.out).isEmpty();
        assertThat(run.code).isEqualTo(2);
        assertThat(snippet("--wrong").code).isEqualTo(2);
    }
}
