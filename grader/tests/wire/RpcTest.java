package wirelab.wire;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import io.grpc.*;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import market.Feed;
import market.rpc.Farewell;
import market.rpc.MarketService;
import market.v1.*;
import org.junit.jupiter.api.*;
import wirelab.subject.ClientJson;
import wirelab.time.Deadline;
import wirelab.time.IdleMachine;
import wirelab.time.Patience;

/// What the gRPC labs are given, and how a call is shown.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class RpcTest {
    static {
        Netty.quiet();
    }

    private final List<RpcRecorder> calls = new CopyOnWriteArrayList<>();
    private final Feed feed = new Feed(2);
    private final Service service = new Service(feed);
    private Server server;
    private ManagedChannel channel;

    /// Streams as many quotes as it is told, ready or not, and then waits.
    private static final class Service extends MarketService {
        private final Set<StreamObserver<Quote>> open = ConcurrentHashMap.newKeySet();
        private volatile int count = 1;

        Service(Feed feed) { super(feed); }

        @Override public void subscribeQuotes(SubscribeRequest request,
                StreamObserver<Quote> quotes) {
            if (count < 0) throw new IllegalStateException("count: " + count);
            for (var id = 1; id <= count; id++)
                quotes.onNext(Quote.newBuilder().setId(id).setSymbol("x".repeat(100)).build());
            open.add(quotes);
        }

        void stop() {
            for (var quotes : open) quotes.onError(Status.UNAVAILABLE.asRuntimeException());
        }
    }

    @BeforeEach void start() throws IOException {
        server = new Farewell(service.on(0).build(), service::stop).start();
        channel = NettyChannelBuilder.forAddress("127.0.0.1", server.getPort()).usePlaintext()
            .flowControlWindow(65_535).intercept(new RpcRecorder.Client(calls::add)).build();
    }

    @AfterEach void stop() {
        channel.shutdownNow();
        server.shutdownNow();
    }

    private MarketDataGrpc.MarketDataBlockingStub unary() {
        return MarketDataGrpc.newBlockingStub(channel);
    }

    private static Quote quote(String symbol, double bid, double ask) {
        return Quote.newBuilder().setSymbol(symbol).setBid(bid).setAsk(ask).build();
    }

    private RpcCall<SubscribeRequest, Quote> subscribe(boolean reads) {
        return new RpcCall<>(channel.newCall(MarketDataGrpc.getSubscribeQuotesMethod(),
            CallOptions.DEFAULT), reads, Patience.with(new IdleMachine()))
            .send(SubscribeRequest.getDefaultInstance()).halfClose();
    }

    @Test void a_published_quote_gets_an_id_and_can_be_got() {
        var published = unary().publishQuote(quote("BTC", 1, 2));

        assertThat(published.getId()).isEqualTo(1);
        assertThat(published.getTimestampMs()).isPositive();
        assertThat(unary().getQuote(QuoteRequest.newBuilder().setId(1).build()))
            .isEqualTo(published);
    }

    @Test void a_quote_that_is_none_is_refused_by_the_name_of_its_field() {
        var wrong = Map.of("symbol", quote(" ", 1, 2), "bid", quote("A", Double.NaN, 2),
            "ask", quote("A", 2, 1));
        wrong.forEach((field, quote) -> assertThatThrownBy(() -> unary().publishQuote(quote))
            .hasMessageStartingWith("INVALID_ARGUMENT: " + field + ":"));

        assertThat(feed.newest()).isZero();
    }

    @Test void a_quote_that_is_not_kept_is_not_found() {
        for (var i = 0; i < 3; i++) unary().publishQuote(quote("BTC", 1, 2));

        for (var id : List.of(-1L, 0L, 1L, 4L, Long.MAX_VALUE))
            assertThatThrownBy(() -> unary().getQuote(QuoteRequest.newBuilder().setId(id).build()))
                .hasMessage("NOT_FOUND: id: " + id + ", kept are quotes from 2 to 3");
    }

    @Test void health_tells_what_waits_for_clients_that_are_not_ready() {
        service.count = 5_000;
        try (var unread = subscribe(false)) {
            var queued = Deadline.in(Deadline.SOON).poll(this::queued, number -> number > 3_000);
            assertThat(queued).isBetween(3_000L, 5_000L);
            unread.readOn();
            assertThat(unread.replies(5_000)).hasSize(5_000);

            assertThat(Deadline.in(Deadline.SOON).poll(this::queued, number -> number == 0))
                .isZero();
        }
    }

    private long queued() { return unary().health(HealthRequest.getDefaultInstance()).getQueued(); }

    @Test void what_waited_for_a_client_that_is_gone_is_forgotten() {
        service.count = 5_000;
        try (var unread = subscribe(false)) {
            Deadline.in(Deadline.SOON).poll(this::queued, number -> number > 0);
        }

        assertThat(Deadline.in(Deadline.SOON).poll(this::queued, number -> number == 0)).isZero();
    }

    @Test void a_server_that_shuts_down_ends_its_streams() {
        var call = subscribe(true);
        call.replies(1);
        server.shutdown();

        assertThat(call.status().orElseThrow().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    }

    @Test void an_exception_in_a_service_is_told_with_its_place() {
        service.count = -1;

        assertThat(subscribe(true).said())
            .startsWith("UNKNOWN \"java.lang.IllegalStateException: count: -1");
    }

    @Test void the_transcript_shows_messages_as_JSON_and_the_status() {
        unary().withDeadlineAfter(1, TimeUnit.HOURS).publishQuote(quote("BTC", 1, 2));
        subscribe(true).replies(1);

        assertThat(RpcRecorder.transcript(calls)).satisfiesExactly(
            line -> assertThat(line).startsWith("> PublishQuote   deadline in 3"),
            line -> assertThat(line).isEqualTo("  > {\"symbol\":\"BTC\",\"bid\":1.0,\"ask\":2.0}"),
            line -> assertThat(line).startsWith("  < {\"id\":\"1\",\"symbol\":\"BTC\""),
            line -> assertThat(line).isEqualTo("  < status OK"),
            line -> assertThat(line).isEqualTo("> SubscribeQuotes   no deadline"),
            line -> assertThat(line).isEqualTo("  > {}"),
            line -> assertThat(line).startsWith("  < {\"id\":\"1\",\"symbol\":\"xxx"));
    }

    @Test void many_publications_are_one_line() {
        for (var i = 0; i < 20; i++) unary().publishQuote(quote("BTC", 1, 2));

        assertThat(RpcRecorder.transcript(calls)).containsExactly(
            "> PublishQuote   no deadline   × 20");
    }

    @Test void a_message_prints_as_the_record_of_the_HTTP_labs_does() {
        var record = new market.Quote(7, "BTC", 0, 2.5, 3);

        assertThat(ClientJson.json(MarketService.message(record)))
            .isEqualTo(ClientJson.json(record));
        assertThat(ClientJson.json(TradeEvent.newBuilder()
            .setAccepted(Accepted.newBuilder().setOrderId("a")).build()))
            .isEqualTo("{\"accepted\":{\"orderId\":\"a\"}}");
    }
}
