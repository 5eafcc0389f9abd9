///usr/bin/env jbang -i "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../proto/MarketProto.java
//SOURCES console.jsh
//RUNTIME_OPTIONS -Dstdout.encoding=UTF-8

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import io.grpc.*;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import market.v1.*;

/// # A console for gRPC: labs 07 to 09
/// Start it with `jbang -i jbang-scripts/grpc.jsh`, while `jbang solutions/lab07.java serve
/// --ticker 0` runs in another terminal, and the same of labs 08 and 09; `help()` tells all that
/// there is to call.
/// ```
/// jshell> subscribe("BTC")
/// ! not connected. Try: connect(7007)
/// jshell> connect(7007)
/// > Health
/// > {}
/// < {}
/// jshell> next()
/// ! nothing is open. Try: subscribe("BTC"), upload() or trade()
/// jshell> subscribe("BTC")
/// > SubscribeQuotes   no deadline
/// > {"symbols":["BTC"]}
/// jshell> publish("BTC", 1, 2)
/// > PublishQuote
/// > {"symbol":"BTC","bid":1.0,"ask":2.0}
/// < {"id":"1","symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":"…"}
/// jshell> next()
/// < {"id":"1","symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":"…"}
/// jshell> last
/// last ==> id: 1
/// symbol: "BTC"
/// bid: 1.0
/// ask: 2.0
/// timestamp_ms: …
/// jshell> cancel()
/// > cancel
/// jshell> next()
/// < status CANCELLED "cancelled in the console"
/// jshell> subscribeAfter(42, "BTC")
/// > SubscribeQuotes   no deadline
/// > {"symbols":["BTC"],"afterId":"42"}
/// jshell> next()
/// < status OUT_OF_RANGE "after_id: 42, kept are quotes from 1 to 1: go on with after_id 0 fo…
/// jshell> connect(7008)
/// > Health
/// > {}
/// < {}
/// jshell> add("t1", "BTC", 2, 10.5)
/// ! upload is not open. Try: upload()
/// jshell> upload()
/// > UploadTrades   no deadline
/// jshell> add("t1", "BTC", 2, 10.5)
/// > {"clientTradeId":"t1","symbol":"BTC","quantity":"2","price":10.5,"side":"BUY"}
/// jshell> add("t1", "BTC", 2, 10.5)
/// > {"clientTradeId":"t1","symbol":"BTC","quantity":"2","price":10.5,"side":"BUY"}
/// jshell> halfClose()
/// > half-close
/// jshell> next()
/// < {"accepted":"1","duplicates":"1","notional":21.0}
/// jshell> next()
/// < status OK
/// jshell> connect(7009)
/// > Health
/// > {}
/// < {}
/// jshell> trade()
/// > TradeStream   no deadline
/// jshell> buy("o1", "BTC", 5, 100)
/// > {"orderId":"o1","symbol":"BTC","quantity":"5","side":"BUY","limit":100.0}
/// jshell> next()
/// < {"accepted":{"orderId":"o1"}}
/// jshell> publish("BTC", 98, 99)
/// > PublishQuote
/// > {"symbol":"BTC","bid":98.0,"ask":99.0}
/// < {"id":"1","symbol":"BTC","bid":98.0,"ask":99.0,"timestampMs":"…"}
/// jshell> next()
/// < {"filled":{"orderId":"o1","quantity":"5","price":99.0,"quoteId":"1"}}
/// jshell> sell("o2", "BTC", 0, 100)
/// > {"orderId":"o2","symbol":"BTC","side":"SELL","limit":100.0}
/// jshell> next()
/// < {"rejected":{"orderId":"o2","reason":"quantity: 0, must be a whole number from 1"}}
/// jshell> halfClose()
/// > half-close
/// jshell> next()
/// < status OK
/// jshell> publish("", 1, 2)
/// > PublishQuote
/// > {"bid":1.0,"ask":2.0}
/// < status INVALID_ARGUMENT "symbol: must not be empty, for example "BTC""
/// jshell> connect(1)
/// > Health
/// > {}
/// < status UNAVAILABLE "io exception"
/// ! nothing listens on 127.0.0.1:1. Start it in another terminal: jbang solutions/lab07.java…
/// ```

// What gRPC logs is what the status of a call says. Java warns of Netty's native transport.
java.util.logging.Logger LOG = java.util.logging.Logger.getLogger("io.grpc");
LOG.setLevel(java.util.logging.Level.OFF);
System.setProperty("io.grpc.netty.shaded.io.netty.transport.noNative", "true");

int port;
ManagedChannel channel;

/// The streaming call that was begun last, and its method while it takes messages.
ClientCall<Object, Object> call;
MethodDescriptor<?, ?> open;

JsonFormat.Printer JSON = JsonFormat.printer().omittingInsignificantWhitespace();

String json(Object message) {
    try {
        return JSON.print((MessageOrBuilder) message);
    } catch (InvalidProtocolBufferException unknownType) {
        return "" + message;
    }
}

String line(Status status) {
    return "< status " + status.getCode()
        + (status.getDescription() == null ? "" : " \"" + status.getDescription() + "\"");
}

/// Puts what the server says where `next()` finds it, as long as its call is the last one.
class Replies extends ClientCall.Listener<Object> {
    final ClientCall<Object, Object> mine;

    Replies(ClientCall<Object, Object> mine) { this.mine = mine; }

    void take(String line, Object value, Runnable then) {
        if (mine == call) came.add(new Came(line, value, then));
    }

    /// Asks for the next one when this one is shown: what nobody reads waits at the server.
    @Override public void onMessage(Object message) {
        take("< " + json(message), message, () -> mine.request(1));
    }

    @Override public void onClose(Status status, Metadata trailers) {
        take(line(status), status, () -> {
            pending.set(0);
            open = null;
        });
    }
}

boolean connected() {
    if (channel == null) say("! not connected. Try: connect(7007)");
    return channel != null;
}

/// A call with one answer, for which it waits.
<Q, R> void ask(MethodDescriptor<Q, R> method, Q request) {
    if (!connected()) return;
    say("> " + method.getBareMethodName() + "\n> " + json(request));
    var options = CallOptions.DEFAULT.withDeadlineAfter(patience);
    try {
        say("< " + json(ClientCalls.blockingUnaryCall(channel, method, options, request)));
    } catch (StatusRuntimeException refused) {
        say(line(refused.getStatus()));
        if (refused.getCause() instanceof ConnectException) refused(port, 7);
    }
}

/// Gives up the former call.
void hangUp() {
    var former = call;
    call = null;
    open = null;
    reset();
    if (former != null) former.cancel("another one begins", null);
}

void health() { ask(MarketDataGrpc.getHealthMethod(), HealthRequest.getDefaultInstance()); }

/// Gives up the former channel, and asks whether somebody is there.
void connect(int other) {
    hangUp();
    if (channel != null) channel.shutdownNow();
    port = other;
    channel = NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
    remedy = "subscribe(\"BTC\"), upload() or trade()";
    health();
}

/// Begins a streaming call.
@SuppressWarnings("unchecked")
void begin(MethodDescriptor<?, ?> method) {
    if (!connected()) return;
    hangUp();
    say("> " + method.getBareMethodName() + "   no deadline");
    call = channel.newCall((MethodDescriptor<Object, Object>) method, CallOptions.DEFAULT);
    call.start(new Replies(call), new Metadata());
    call.request(1);
    pending.set(1);
    open = method;
}

/// Sends a message in the call of this method, or says what to do first.
void send(MethodDescriptor<?, ?> method, Object message, String first) {
    if (open != method) say("! " + first.replace("()", "") + " is not open. Try: " + first);
    else {
        call.sendMessage(message);
        say("> " + json(message));
    }
}

void subscribeAfter(long id, String... symbols) {
    begin(MarketDataGrpc.getSubscribeQuotesMethod());
    if (open == null) return;
    send(open, SubscribeRequest.newBuilder().setAfterId(id).addAllSymbols(List.of(symbols)).build(),
        "");
    call.halfClose();
    open = null;
}

void subscribe(String... symbols) { subscribeAfter(0, symbols); }

void upload() { begin(MarketDataGrpc.getUploadTradesMethod()); }

void add(String id, String symbol, long quantity, double price) {
    send(MarketDataGrpc.getUploadTradesMethod(), Trade.newBuilder().setClientTradeId(id)
        .setSymbol(symbol).setQuantity(quantity).setPrice(price).setSide(Side.BUY).build(),
        "upload()");
}

void trade() { begin(MarketDataGrpc.getTradeStreamMethod()); }

void order(Side side, String id, String symbol, long quantity, double limit) {
    send(MarketDataGrpc.getTradeStreamMethod(), TradeOrder.newBuilder().setOrderId(id)
        .setSymbol(symbol).setQuantity(quantity).setSide(side).setLimit(limit).build(), "trade()");
}

void buy(String id, String symbol, long quantity, double limit) {
    order(Side.BUY, id, symbol, quantity, limit);
}

void sell(String id, String symbol, long quantity, double limit) {
    order(Side.SELL, id, symbol, quantity, limit);
}

/// Says that nothing more will be sent.
void halfClose() {
    if (open == null) say("! no call takes messages. Try: upload() or trade()");
    else {
        open = null;
        say("> half-close");
        call.halfClose();
    }
}

void cancel() {
    if (pending.get() == 0) say("! no call is open. Try: " + remedy);
    else {
        open = null;
        say("> cancel");
        call.cancel("cancelled in the console", null);
    }
}

void publish(String symbol, double bid, double ask) {
    ask(MarketDataGrpc.getPublishQuoteMethod(), Quote.newBuilder().setSymbol(symbol).setBid(bid)
        .setAsk(ask).build());
}

void quote(long id) {
    ask(MarketDataGrpc.getGetQuoteMethod(), QuoteRequest.newBuilder().setId(id).build());
}

void help() {
    say("""
        connect(7007)          connects to the server at this port; the same for 7008 and 7009
        subscribe("BTC")       subscribeAfter(42, "BTC", "ETH")                   lab 07
        upload()               then add("t1", "BTC", 2, 10.5), halfClose()        lab 08
        trade()                then buy("o1", "BTC", 5, 100), sell(…), halfClose()   lab 09
        next()                 shows what came, and waits for it if need be; asks the server for
                               one message more, so what you leave unread waits there
        cancel()               cancels the call; a further call cancels the one before
        publish("BTC", 1, 2)   quote(1)    health()
        channel  call  last  patience   what gRPC has of it, the last message or status, how long
                               it waits for a server
        """.stripTrailing());
}

remedy = "connect(7007)";
say("help() tells what there is. Begin with: connect(7007)");
