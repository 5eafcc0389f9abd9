///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../grader/wirelab/Wirelab.java
//DEPS org.java-websocket:Java-WebSocket:1.6.0

import module java.base;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import market.*;
import org.eclipse.jetty.ee10.websocket.server.JettyWebSocketServletFactory;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.java_websocket.client.WebSocketClient;
import org.java_websocket.exceptions.WebsocketNotConnectedException;
import org.java_websocket.handshake.ServerHandshake;
import wirelab.Lab;

/// # Lab 06: WebSocket
/// One connection, both directions, and no requests to lean on: the server itself must track who
/// is connected, who has gone and who is too slow. Your job: admit nobody unauthenticated, keep
/// nobody who has left, and never let one client delay another.
///
/// Check it with `jbang lab06.java`. To play, run `jbang lab06.java serve`, and in another terminal
/// `jbang lab06.java client http://127.0.0.1:7006`. Or open http://127.0.0.1:7006/health in a
/// browser, and say in its console:
/// ```js
/// var ws = new WebSocket("ws://127.0.0.1:7006/quotes/socket");
/// ws.onmessage = event => console.log(event.data);
/// ws.onclose = event => console.log(event.code, event.reason);
/// ws.onopen = () => ws.send('{"type":"auth","token":"demo-token"}');
/// ws.send('{"type":"subscribe","symbols":["BTC"]}');       // when the welcome has come
/// ```
///
/// ## The server: `/quotes/socket`
/// Messages are JSON objects with a `type`, one in each text message (RFC 6455 §5.6).
///
/// | the client says | the server answers |
/// |---|---|
/// | `{"type":"auth","token":"demo-token"}` | `{"type":"welcome","clientId":"…"}` |
/// | `{"type":"subscribe","symbols":["BTC","ETH"]}` | from now on `{"type":"quote","quote":{…}}` |
/// | `{"type":"chat","text":"hello"}` | to all: `{"type":"chat","clientId":"…","text":"hello"}` |
/// | `{"type":"ping"}` | `{"type":"pong"}` |
///
/// - S1 · TODO 1 · The first message must be `auth`. To the right token the server says `welcome`,
///   before anything else, with an id that is random, so that nobody can guess it.
/// - S2 · TODO 1, 6 · Any other first message (another token, another type, not JSON, binary) → the
///   connection is closed with 4401, and nothing is answered.
/// - S3 · TODO 2 · No `auth` within `AUTH_TIMEOUT_MS` (a setting, default 10000) → closed with
///   4408. Pings of the protocol (RFC 6455 §5.5.2) don't count.
/// - S4 · TODO 3 · `subscribe` adds symbols, up to 100 in all. A client gets the quotes of its
///   symbols that are published from then on, in the order of their ids, and no others.
/// - S5 · TODO 3, 5 · From its first `subscribe` until it is gone, a client holds one of the feed's
///   listeners, which `/health` counts.
/// - S6 · given · The messages of one client are handled one after the other: when it gets a
///   `pong`, all that it said before is done.
/// - S7 · TODO 4 · A `chat` reaches everybody who was welcomed, the sender as well. All get all
///   chats in the same order, and those of one sender in the order in which they were sent.
/// - S8 · TODO 5 · When a client that was welcomed is gone, each of the others gets
///   `{"type":"leave","clientId":"…"}` exactly once, however the client went: with a close frame or
///   without, too slow, or silent. The `leave` has its place in the one order of chats.
/// - S9 · TODO 6 · A message that can't be served → `{"type":"error","detail":"…"}`, nothing is
///   done, and the connection stays. That is malformed JSON, an unknown type, a binary message, a
///   second `auth`, or a `text` that is not a text.
/// - S10 · TODO 3 · `symbols` that is not an array, is empty, holds anything but texts that are not
///   empty, or makes more than 100 → the same error, and none of these symbols is added.
/// - S11 · TODO 6 · The tenth such message in a row → closed with 1008. A good message starts the
///   count again.
/// - S12 · TODO 7 · A message may have 65,536 bytes, not characters, in all its fragments together
///   (RFC 6455 §5.4). A longer one → closed with 1009.
/// - S13 · TODO 8 · Each `PING_MS` (a setting, default 15000) a ping of the protocol goes to each
///   client that was welcomed, also to a silent one.
/// - S14 · TODO 8 · When the third ping is due and neither of the last two had a pong, the client
///   is dropped, with or without a close frame. A client that answers may be silent for as long as
///   it likes.
/// - S15 · TODO 9 · A client that doesn't read delays nobody. At most 256 messages wait for it.
/// - S16 · TODO 9 · One message more, and the client is evicted at once with 1013. You may drop the
///   waiting messages or still send them. If it does not accept the close frame within 5 s, cut the
///   connection.
/// - S17 · TODO 9 · Evict for nothing else: a client that reads must survive a burst of 200
///   messages.
/// - S18 · TODO 10 · A server that stops closes all connections with 1001.
/// - S19 · TODO 11 · A browser lets any page connect to any server, and names the page's origin in
///   the header `Origin` (RFC 6455 §10.2). Accept requests without it, or with the server's own
///   origin (`http://` or `https://` and the `Host` of the request); answer any other with 403
///   instead of the handshake.
/// - S20 · TODO 15 · Bonus: if `Sec-WebSocket-Version` is not 13 → 426 with `Connection: Upgrade`,
///   `Upgrade: websocket` (RFC 9110 §15.5.22, §7.8) and `Sec-WebSocket-Version: 13` (RFC 6455
///   §4.4). Jetty alone answers 405.
/// - S21 · TODO 15 · Bonus: if `Sec-WebSocket-Key` is missing, or not 16 bytes in base64 → 400
///   (RFC 6455 §4.2.1). Jetty alone answers 500, or accepts it.
///
/// `throw new Problem(403, "what is wrong")` refuses a handshake. `POST /quotes` and `GET /health`
/// are given; `POST /quotes` calls the feed's listeners while the feed is locked: never wait there.
///
/// ## The client: `follow(uri, token, symbols, sink)`, with Java-WebSocket
/// - C1 · TODO 12 · It connects, authenticates, subscribes when it is welcomed, and gives each
///   quote to `sink`, once and in order.
/// - C2 · TODO 12 · It ignores messages of types that it doesn't know.
/// - C3 · TODO 12 · If `sink` throws, the client ends with an IllegalStateException that has that
///   as its cause, and delivers no further quote.
/// - C4 · TODO 13 · When the connection ends or fails, for whatever reason, the client waits and
///   does all that again, one connection at a time, until its thread is interrupted.
/// - C5 · TODO 13 · Closed with 4401, it ends with an IllegalStateException: a further try with the
///   same token is useless.
/// - C6 · TODO 14 · It waits for a random time from 0 to min(5 s, 50 ms × 2^n). n is 0 after the
///   first connection and after each one that was welcomed; each further one without a welcome adds
///   1. Being connected is not enough.
/// - C7 · given · Quotes that are published while it is not connected are lost: this protocol has
///   no cursor. If you need one, add it, as `Last-Event-ID` does for server-sent events.
class lab06 {
    static final String PATH = "/quotes/socket";
    static final String TOKEN = "demo-token";
    /// Bytes of the longest message.
    static final int LONGEST = 64 * 1024;
    /// How many messages may wait for one client.
    static final int WAITING = 256;
    /// How many useless messages in a row end a connection.
    static final int FAULTS = 10;
    /// How many symbols one client may subscribe to.
    static final int SYMBOLS = 100;

    /// A message that can't be served. Its detail goes back to the client.
    static final class Fault extends Exception {
        Fault(String detail) { super(detail, null, false, false); }
    }

    /// What goes to one client: a message, or the close frame.
    interface Outgoing {
        void send(Session session, Callback sent);
    }

    static Javalin server(Feed feed) {
        var policy = Policy.fromSettings();
        var room = new Room();
        return Javalin.create(config -> {
            Market.routes(config, feed);
            config.routes.wsBeforeUpgrade(PATH, ctx -> {
                checkHandshake(ctx);
                checkOrigin(ctx);
            });
            // Javalin's own handlers don't see pongs, so Jetty's listener takes their place.
            config.routes.ws(PATH, _ -> {});
            config.routes.get(PATH, lab06::checkHandshake);
            config.jetty.modifyWebSocketServletFactory(sockets -> {
                sockets.addMapping(PATH + "/*", (_, _) -> new Client(feed, room, policy));
                // Pings show which clients are gone. Jetty would end a silent one after 30 s.
                sockets.setIdleTimeout(Duration.ZERO);
                limit(sockets);
            });
            // Javalin begins an HTTP session with each handshake: no cookie, and soon forgotten.
            config.jetty.modifyServletContextHandler(handler -> {
                handler.getSessionHandler().setUsingCookies(false);
                handler.getSessionHandler().setMaxInactiveInterval(1);
            });
            sayGoodbye(config);
            // Otherwise every close is broadcast to those still connected, until their queues
            // overflow.
            config.events.serverStopping(room::empty);
        });
    }

    /// Sets how long a message may be.
    static void limit(JettyWebSocketServletFactory sockets) {
        // TODO 7: for now a message may be as long as it likes: -1 is no limit.
        sockets.setMaxTextMessageSize(-1);
        sockets.setMaxBinaryMessageSize(-1);
    }

    /// Lets a server that stops tell so.
    static void sayGoodbye(JavalinConfig config) {
        // TODO 10: Jetty closes each WebSocket with 1001 if it has the time: setStopTimeout(…) in
        // config.jetty.modifyServer(server -> …). For now it has none.
    }

    /// Refuses a request that is not a handshake of RFC 6455.
    static void checkHandshake(Context ctx) {
        // TODO 15 (bonus): 426 for another version than 13, 400 without a good key. For now Jetty
        // decides.
    }

    /// Refuses pages of other servers.
    static void checkOrigin(Context ctx) {
        // TODO 11: refuse with 403 what comes from another server's page: see ctx.header("Origin")
        // and ctx.host(). For now any page may use a visitor's connection.
    }

    /// The clients that were welcomed, and one order for all that they are told.
    static final class Room {
        private final Set<Client> members = new LinkedHashSet<>();

        /// Welcomes a client: it hears all that is said from then on.
        synchronized void join(Client client) {
            client.tell(message("welcome", "clientId", client.id));
            members.add(client);
        }

        /// Tells the others that this client is gone, if it was a member.
        synchronized void leave(Client client) {
            // TODO 5: tell the others, exactly once, however often this is called.
            members.remove(client);
        }

        /// Nobody is told anything any more.
        synchronized void empty() { members.clear(); }

        /// Queues a message for each member.
        synchronized void broadcast(String text) {
            // TODO 4: tell everybody, in one order for all. What becomes of the set when a client
            // without room has to leave? For now nobody hears anything.
        }
    }

    /// One connection. Jetty calls the methods of a listener one after the other, and only if the
    /// class is public.
    public static final class Client implements Session.Listener.AutoDemanding {
        final String id = UUID.randomUUID().toString();
        private final Feed feed;
        private final Room room;
        private final Policy policy;
        private final BlockingQueue<Outgoing> outbox = new ArrayBlockingQueue<>(WAITING);
        private final Set<String> symbols = ConcurrentHashMap.newKeySet();
        /// False when the time for it is over.
        private final CompletableFuture<Boolean> authenticated = new CompletableFuture<>();
        private final AtomicBoolean closed = new AtomicBoolean();
        private final AtomicInteger unanswered = new AtomicInteger();
        private final CountDownLatch over = new CountDownLatch(1);
        private volatile Session session;
        private volatile Feed.Listener quotes;
        private int faults;

        Client(Feed feed, Room room, Policy policy) {
            this.feed = feed;
            this.room = room;
            this.policy = policy;
        }

        @Override public void onWebSocketOpen(Session opened) {
            session = opened;
            Thread.ofVirtual().name("sender").start(this::sendAll);
            Thread.ofVirtual().name("keeper").start(this::keep);
        }

        @Override public void onWebSocketText(String text) {
            if (closed.get()) return;
            try {
                var message = parse(text);
                if (authenticated.getNow(false)) handle(message);
                else authenticate(message);
                faults = 0;
            } catch (Fault fault) {
                refuse(fault);
            }
        }

        @Override public void onWebSocketBinary(ByteBuffer payload, Callback callback) {
            if (!closed.get()) refuse(new Fault("binary messages: must be text"));
            callback.succeed();
        }

        @Override public void onWebSocketPong(ByteBuffer payload) { unanswered.set(0); }

        @Override public void onWebSocketError(Throwable cause) { gone(); }

        @Override public void onWebSocketClose(int code, String reason, Callback callback) {
            gone();
            callback.succeed();
        }

        /// Handles the first message.
        private void authenticate(JsonNode message) {
            // TODO 1: welcome a client with the right token, close(4401, …) for any other message.
            // For now all are welcome.
            authenticated.complete(true);
            room.join(this);
        }

        private static boolean isToken(String text) {
            // TODO 1 too: equals() takes longer, the more of the text is right, so that it can be
            // guessed bit by bit. MessageDigest.isEqual(…) doesn't.
            return text.equals(TOKEN);
        }

        /// Ends a connection that doesn't authenticate in time; sends pings to it if it does.
        private void keep() {
            // TODO 2: wait for `authenticated` no longer than policy.authTimeout, then
            // close(4408, …): see CompletableFuture.completeOnTimeout. For now it just waits.
            try {
                if (authenticated.get()) heartbeat();
            } catch (InterruptedException | ExecutionException impossible) {
                throw new IllegalStateException(impossible);
            }
        }

        /// Sends pings, and drops a client that doesn't answer.
        private void heartbeat() throws InterruptedException {
            // TODO 8: session.sendPing(…) each policy.ping ms; onWebSocketPong sets `unanswered` to
            // 0. session.disconnect() ends a connection without waiting. over.await(…) returns when
            // it ended by itself. For now nobody is missed.
        }

        private void handle(JsonNode message) throws Fault {
            switch (message.path("type").asText()) {
                case "subscribe" -> subscribe(message.path("symbols"));
                case "chat" -> chat(message.path("text"));
                case "ping" -> tell(message("pong"));
                case "auth" -> throw new Fault("auth: you are in already");
                default -> throw new Fault("type: must be subscribe, chat or ping");
            }
        }

        private void subscribe(JsonNode wanted) throws Fault {
            // TODO 3: remember these symbols, or throw new Fault("symbols: …") and remember none.
            // Listen to the feed once only, however often a client subscribes, and not at all if it
            // is `closed` by then.
            if (quotes == null) quotes = feed.listen(this::quote);
        }

        /// Called for each quote, while the feed is locked.
        private void quote(Quote quote) {
            // TODO 3 too: for now everybody gets everything.
            tell(message("quote", "quote", quote));
        }

        private void chat(JsonNode text) throws Fault {
            if (!text.isTextual()) throw new Fault("text: must be a text");
            room.broadcast(message("chat", "clientId", id, "text", text.textValue()));
        }

        /// Answers a message that can't be served.
        private void refuse(Fault fault) {
            // TODO 6: close(4401, …) before authentication, else answer with an error; the tenth in
            // a row closes with 1008. For now Jetty makes a 1011 of it: the server is to blame.
            throw new IllegalStateException(fault);
        }

        private void tell(String text) {
            if (!offer(text)) evict();
        }

        private void evict() { close(1013, "too slow"); }

        /// Queues a message. False if the outbox is full.
        private boolean offer(String text) {
            // TODO 9: put it into the outbox, never wait here. For now whoever tells a client
            // something waits until that client has taken it.
            var sent = new Callback.Completable();
            session.sendText(text, sent);
            sent.exceptionally(_ -> null).join();
            return true;
        }

        /// Queues the close frame behind the messages that wait; in their place if it has no room.
        private void close(int code, String reason) {
            // TODO 9 too: messages that wait in the outbox come first; if it is full, this replaces
            // them. A client that doesn't take it within 5 s is cut off: session.disconnect().
            if (!closed.compareAndSet(false, true)) return;
            leave();
            session.close(code, reason, Callback.NOOP);
        }

        /// Sends the queued messages one after the other. Only this thread waits for this client.
        private void sendAll() {
            // TODO 9 too: send what is in the outbox, one after the other.
            // Callback.Completable.with(sent -> …).get() waits until it is sent.
        }

        private void leave() {
            room.leave(this);
            if (quotes != null) quotes.close();
        }

        private void gone() {
            closed.set(true);
            // Jetty may call this from within sendText(): a broadcast that sends ends first.
            Thread.startVirtualThread(this::leave);
            // Both threads end by themselves. An interrupt in the middle of a write would close the
            // connection before Jetty has answered a close frame.
            over.countDown();
            authenticated.complete(false);
            outbox.clear();
            outbox.offer((_, sent) -> sent.fail(new EOFException()));
        }
    }

    // Given for the server.

    /// The times of the contract, milliseconds.
    ///
    /// @param authTimeout how long a client may take to authenticate
    /// @param ping        from one ping to the next
    record Policy(int authTimeout, int ping) {
        static Policy fromSettings() {
            return new Policy(Market.setting("AUTH_TIMEOUT_MS", 10_000),
                Market.setting("PING_MS", 15_000));
        }
    }

    /// Reads a message.
    static JsonNode parse(String text) throws Fault {
        try {
            return Market.JSON.readTree(text);
        } catch (JsonProcessingException malformed) {
            throw new Fault("malformed JSON: " + malformed.getOriginalMessage());
        }
    }

    /// `message("leave", "clientId", id)` is `{"type":"leave","clientId":"…"}`.
    static String message(String type, Object... fields) {
        var json = new LinkedHashMap<>(Map.<String, Object>of("type", type));
        for (var i = 0; i < fields.length; i += 2) json.put("" + fields[i], fields[i + 1]);
        try {
            return Market.JSON.writeValueAsString(json);
        } catch (JsonProcessingException cause) {
            throw new IllegalStateException("no JSON for " + json, cause);
        }
    }

    /// Gives the quotes of these symbols to `sink` as they come, until interrupted.
    static void follow(URI uri, String token, List<String> symbols, Consumer<Quote> sink)
            throws InterruptedException {
        // TODO 13: connect again and again, unless the close code is 4401; wait for backOff(n) in
        // between. For now it connects once.
        new Connection(uri, token, symbols, sink).await(Duration.ofSeconds(10));
    }

    /// How long to wait after this many failures since the last welcome.
    static Duration backOff(int failures) {
        // TODO 14: a random time from 0 to 50 ms × 2^failures, at most 5 s. Count in follow().
        return Duration.ZERO;
    }

    /// One connection to the server, and what is said on it.
    static final class Connection extends WebSocketClient {
        private final String token;
        private final List<String> symbols;
        private final Consumer<Quote> sink;
        private final CompletableFuture<Integer> end = new CompletableFuture<>();
        volatile boolean welcomed;

        Connection(URI uri, String token, List<String> symbols, Consumer<Quote> sink) {
            super(uri);
            this.token = token;
            this.symbols = symbols;
            this.sink = sink;
            setDaemon(true);
            setTcpNoDelay(true);
            // It sends pings of its own, and ends after one and a half of these without a pong.
            setConnectionLostTimeout(15);
        }

        @Override public void onOpen(ServerHandshake answer) {
            // TODO 12: authenticate first, subscribe when you are welcomed, in onMessage(…).
            tell(message("subscribe", "symbols", symbols));
        }

        @Override public void onMessage(String text) {
            // TODO 12 too: treat each message by its type. What the sink throws must end it all:
            // end.completeExceptionally(…). Java-WebSocket would pass it to onError and go on.
            try {
                var message = Market.JSON.readTree(text);
                sink.accept(Market.JSON.treeToValue(message.path("quote"), Quote.class));
            } catch (JsonProcessingException | RuntimeException broken) {
                onError(new IllegalStateException(broken));
            }
        }

        private void subscribe() {
            // TODO 12 too: called when the server says welcome.
            welcomed = true;
        }

        @Override public void onClose(int code, String reason, boolean remote) {
            end.complete(code);
        }

        // Given for the client.

        /// Connects, and waits for the end of the connection.
        ///
        /// @param patience for the handshake: Java-WebSocket alone would wait forever
        /// @return the close code (RFC 6455 §7.1.5); below 1000 if it never connected
        /// @throws IllegalStateException what the sink threw, or a message that nobody understands
        int await(Duration patience) throws InterruptedException {
            try {
                connectBlocking(patience.toMillis(), TimeUnit.MILLISECONDS);
                return end.get();
            } catch (ExecutionException broken) {
                throw new IllegalStateException(broken.getCause());
            } finally {
                end.cancel(false);
                // Sends a close frame if it can, and doesn't wait for an answer.
                close();
                closeConnection(1000, "");
            }
        }

        private void tell(String message) {
            try {
                send(message);
            } catch (WebsocketNotConnectedException gone) {
                // onClose tells.
            }
        }

        /// Whatever it is, onClose comes next.
        @Override public void onError(Exception failure) {}
    }

    /// The address of the socket at this server: `http://…` becomes `ws://…`.
    static URI socket(URI base) {
        return URI.create("ws" + base.toString().substring(4)).resolve(PATH);
    }

    void main(String... args) {
        Lab.number(6).server(lab06::server).<Quote>client((start, sink) ->
            follow(socket(start.base()), start.token(), start.symbols(), sink)).main(args);
    }
}
