//JAVA 25+
//DEPS ../Market.java
//DEPS ../../../proto/MarketProto.java
//SOURCES *.java

package market.rpc;

import module java.base;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.StreamObserver;
import market.Feed;
import market.v1.*;

/// What every gRPC lab is given: the unary rpcs `PublishQuote`, `GetQuote` and `Health`.
public abstract class MarketService extends MarketDataGrpc.MarketDataImplBase {
    private static final Set<String> KNOWN = Set.of("BTC", "ETH", "SOL", "EUR");

    protected final Feed feed;
    private final Backlog backlog = new Backlog();
    private final Set<String> published = ConcurrentHashMap.newKeySet();

    protected MarketService(Feed feed) { this.feed = feed; }

    /// A server for this service on 127.0.0.1 with what each server should have: reflection and the
    /// standard health service. An exception in the service ends the call with UNKNOWN and the line
    /// that it comes from.
    ///
    /// @param port 0 = any
    public NettyServerBuilder on(int port) {
        return NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port))
            .addService(this).intercept(backlog).intercept(new Faults())
            .addService(ProtoReflectionServiceV1.newInstance())
            .addService(new HealthStatusManager().getHealthService());
    }

    /// Whether a symbol is one of BTC, ETH, SOL, EUR, or has ever been published.
    protected boolean knows(String symbol) {
        return KNOWN.contains(symbol) || published.contains(symbol);
    }

    /// A quote of the feed as a message.
    public static Quote message(market.Quote quote) {
        return Quote.newBuilder().setId(quote.id()).setSymbol(quote.symbol()).setBid(quote.bid())
            .setAsk(quote.ask()).setTimestampMs(quote.timestampMs()).build();
    }

    @Override public void publishQuote(Quote draft, StreamObserver<Quote> answer) {
        var wrong = wrong(draft);
        if (wrong != null) {
            answer.onError(Status.INVALID_ARGUMENT.withDescription(wrong).asRuntimeException());
            return;
        }
        published.add(draft.getSymbol());
        answer.onNext(message(feed.publish(draft.getSymbol(), draft.getBid(), draft.getAsk())));
        answer.onCompleted();
    }

    private static String wrong(Quote draft) {
        if (draft.getSymbol().isBlank()) return "symbol: must not be empty, for example \"BTC\"";
        if (!Double.isFinite(draft.getBid())) return "bid: must be a finite number";
        if (!Double.isFinite(draft.getAsk())) return "ask: must be a finite number";
        return draft.getAsk() < draft.getBid() ? "ask: must not be below bid" : null;
    }

    @Override public void getQuote(QuoteRequest request, StreamObserver<Quote> answer) {
        var id = request.getId();
        var found = id < 1 ? List.<market.Quote>of() : feed.after(id - 1, 1);
        if (found.isEmpty() || found.getFirst().id() != id) {
            var kept = feed.kept();
            answer.onError(Status.NOT_FOUND.withDescription("id: " + id + ", kept are quotes from "
                + kept.oldest() + " to " + kept.newest()).asRuntimeException());
        } else {
            answer.onNext(message(found.getFirst()));
            answer.onCompleted();
        }
    }

    @Override public void health(HealthRequest request, StreamObserver<HealthReply> answer) {
        answer.onNext(HealthReply.newBuilder().setListeners(feed.listeners())
            .setQueued(backlog.messages()).build());
        answer.onCompleted();
    }
}
