package labs.lab07;

import module java.base;
import io.grpc.*;
import market.v1.*;
import wirelab.check.*;
import wirelab.wire.RpcCall;

/// The vocabulary of the checks of the server: clients that subscribe, and what becomes of them.
abstract class Streams extends RpcChecks {
    /// What Health said before this check's first stream; null until then.
    private HealthReply before;

    /// What Health says from here on is compared with what it says now.
    final void waitForQuiet() {
        quiet();
        before = health();
    }

    /// How many listeners there are more than before.
    final int held() { return listeners() - before.getListeners(); }

    final RpcCall<?, Quote> subscribe(long after, String... symbols) {
        return subscribe(connection(), CallOptions.DEFAULT, true, after, symbols);
    }

    /// By a client that asks for nothing.
    final RpcCall<?, Quote> unread(long after, String... symbols) {
        return subscribe(connection(), CallOptions.DEFAULT, false, after, symbols);
    }

    /// By a client that reads, on this connection.
    final RpcCall<?, Quote> subscribe(Channel connection, long after, String symbol) {
        return subscribe(connection, CallOptions.DEFAULT, true, after, symbol);
    }

    /// @param reads whether the client reads; if not, its connection should be one of its own,
    ///              since what isn't read fills the window of all its calls
    final RpcCall<?, Quote> subscribe(Channel connection, CallOptions options, boolean reads,
            long after, String... symbols) {
        if (before == null) waitForQuiet();
        return call(connection, MarketDataGrpc.getSubscribeQuotesMethod(), options, reads)
            .send(SubscribeRequest.newBuilder().addAllSymbols(List.of(symbols)).setAfterId(after)
                .build()).halfClose();
    }

    static List<RpcCall<?, Quote>> times(int count, Supplier<RpcCall<?, Quote>> stream) {
        return Stream.generate(stream).limit(count).toList();
    }

    static List<Long> ids(List<Quote> quotes) {
        return quotes.stream().map(Quote::getId).toList();
    }

    /// A symbol that no other check uses.
    static String symbol() {
        return "S" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
    }

    /// The quotes with exactly these ids are all that have come, as soon as they have.
    static void assertBrings(PromiseAssert promise, RpcCall<?, Quote> stream, List<Long> wanted) {
        var ids = ids(stream.replies(wanted.size()));
        if (stream.ended() && !ids.equals(wanted)) throw promise.broken(ids.size() + " of "
            + wanted.size() + " quotes, then status " + stream.said());
        promise.ofIds(ids).areExactly(wanted);
    }

    /// Each of these streams has a listener when this returns them.
    final List<RpcCall<?, Quote>> assertListens(List<RpcCall<?, Quote>> streams) {
        var held = eventually(this::held,
            n -> n == streams.size() || streams.stream().anyMatch(RpcCall::ended));
        var ended = streams.stream().filter(RpcCall::ended).findFirst()
            .map(stream -> ", and status " + stream.said()).orElse("");
        promise("listeners: " + streams.size() + " in Health, one for each open stream", "S2",
            "a server that doesn't listen has to look for news again and again")
            .that(held, "listeners: %d%s", held, ended).is(streams.size());
        return streams;
    }

    /// Nobody listens any more, and publishing goes well.
    final void assertForgotten(String when) {
        var left = eventually(this::held, n -> n <= 0);
        promise("0 listeners in Health, after streams that " + when, "S9",
            "each listener that is left costs time with every quote, forever")
            .that(left, "listeners: %d", left).isAtMost(0);
        publish("BTC");
    }

    /// A stream is refused at once; the description begins so, and these names follow.
    final void assertRefused(Status.Code code, String beginning, List<?> names, String bullet,
            String because, long after, String... symbols) {
        var words = names.stream().map(name -> " " + name + " …").collect(Collectors.joining());
        var promise = promise("%s \"%s…%s\" to after_id %d and symbols %s".formatted(code,
            beginning, words, after, PromiseAssert.shown(String.join(", ", symbols))),
            bullet + " · gRPC status codes: " + code, because);
        var stream = subscribe(after, symbols);
        promise.of(stream).endsWith(code).describing("(?s)^" + beginning + names.stream()
            .map(name -> "(?=.*\\b" + name + "\\b)").collect(Collectors.joining()) + ".");
        promise.holds(stream.count() == 0, "%d quotes, then %s", stream.count(), stream.said());
    }

    /// Nothing waits in the server's memory.
    final void assertNothingIsQueued(String when, String rule) {
        var most = eventually(Duration.ofMillis(30),
            () -> health().getQueued() - before.getQueued(), number -> number > 0);
        promise("queued: 0 in Health, " + when, rule, "what is handed to gRPC while isReady() is "
            + "false piles up in the server's memory").that(most, "queued: %d", most).is(0L);
    }
}
