///usr/bin/env jbang -i "$0" "$@" ; exit $?
//JAVA 25+
//DEPS org.java-websocket:Java-WebSocket:1.6.0
//DEPS org.slf4j:slf4j-nop:2.0.18
//SOURCES console.jsh
//SOURCES requests.jsh
//RUNTIME_OPTIONS -Dstdout.encoding=UTF-8

import java.nio.ByteBuffer;
import org.java_websocket.client.WebSocketClient;
import org.java_websocket.exceptions.WebsocketNotConnectedException;
import org.java_websocket.handshake.ServerHandshake;

/// # A console for WebSocket: lab 06
/// Start it with `jbang -i jbang-scripts/ws.jsh`, while `jbang solutions/lab06.java serve
/// --ticker 0` runs in another terminal; `help()` tells all that there is to call.
/// ```
/// jshell> next()
/// ! nothing is open. Try: connect(7006)
/// jshell> connect(7006)
/// > GET /quotes/socket
/// < 101 Switching Protocols
/// jshell> auth("demo-token")
/// > text 36 bytes {"type":"auth","token":"demo-token"}
/// jshell> next()
/// < text 68 bytes {"type":"welcome","clientId":"…"}
/// jshell> subscribe("BTC", "ETH")
/// > text 44 bytes {"type":"subscribe","symbols":["BTC","ETH"]}
/// jshell> ping()
/// > text 15 bytes {"type":"ping"}
/// jshell> next()
/// < text 15 bytes {"type":"pong"}
/// jshell> publish("BTC", 1, 2)
/// > POST /quotes
///   {"symbol":"BTC","bid":1.0,"ask":2.0}
/// < 201 Created   content-type: application/json   location: /quotes/1
///   {"id":1,"symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":…}
/// jshell> next()
/// < text 96 bytes {"type":"quote","quote":{"id":1,"symbol":"BTC","bid":1.0,"ask":2.0,"timest…
/// jshell> chat("hello")
/// > text 30 bytes {"type":"chat","text":"hello"}
/// jshell> next()
/// < text 80 bytes {"type":"chat","clientId":"…","text":"hello"}
/// jshell> last
/// last ==> "{\"type\":\"chat\",\"clientId\":\"…\",\"text\":\"hello\"}"
/// jshell> send("hello")
/// > text 5 bytes hello
/// jshell> next()
/// < text … bytes {"type":"error","detail":"malformed JSON: …
/// jshell> close()
/// > close 1000
/// jshell> next()
/// < close 1000
/// jshell> chat("still there?")
/// ! not connected. Try: connect(7006)
/// jshell> connect(7006, "Origin: http://elsewhere.example")
/// > GET /quotes/socket   Origin: http://elsewhere.example
/// < 403 Forbidden
/// jshell> connect(7006)
/// > GET /quotes/socket
/// < 101 Switching Protocols
/// jshell> auth("guess")
/// > text 31 bytes {"type":"auth","token":"guess"}
/// jshell> next()
/// < close 4401 "wrong token"
/// jshell> connect(1)
/// > GET /quotes/socket
/// ! nothing listens on 127.0.0.1:1. Start it in another terminal: jbang solutions/lab06.java…
/// jshell> connect(7006)
/// > GET /quotes/socket
/// < 101 Switching Protocols
/// jshell> patience = Duration.ofMillis(200)
/// patience ==> PT0.2S
/// jshell> next()
/// ! nothing came within 0.2 s
/// ```

/// The connection.
WebSocketClient ws;

/// Puts what the server says where `next()` finds it, as long as it is the connection.
class Connection extends WebSocketClient {
    /// How the handshake was answered, or why it failed.
    final CompletableFuture<String> answered = new CompletableFuture<>();

    Connection(URI server, Map<String, String> headers) {
        super(server, headers);
        setConnectionLostTimeout(0);
    }

    void take(String line, Object value, Runnable then) {
        if (this == ws) came.add(new Came("< " + line, value, then));
    }

    @Override public void onOpen(ServerHandshake answer) {
        answered.complete("< " + answer.getHttpStatus() + " " + answer.getHttpStatusMessage());
    }

    @Override public void onMessage(String text) {
        take("text " + bytes(text) + " bytes " + text, text, () -> {});
    }

    @Override public void onMessage(ByteBuffer bytes) {
        take("binary " + bytes.remaining() + " bytes", bytes, () -> {});
    }

    @Override public void onClose(int code, String reason, boolean byServer) {
        answered.complete("< " + reason.replaceFirst(".*Status line: HTTP/1.1 ", ""));
        var line = code == 1006 ? "(cut off, without a close frame)" : "close " + code
            + (reason.isEmpty() ? "" : " \"" + reason + "\"");
        take(line, code, () -> pending.set(0));
    }

    @Override public void onError(Exception cause) { answered.completeExceptionally(cause); }
}

int bytes(String text) { return text.getBytes(StandardCharsets.UTF_8).length; }

/// Gives up the former connection. Nobody is authenticated yet.
///
/// @param headers of the handshake, like `Origin: http://elsewhere.example`
void connect(int port, String... headers) throws InterruptedException {
    at(port);
    var former = ws;
    try {
        var sent = Stream.of(headers).map(line -> field(line))
            .collect(Collectors.toMap(List::getFirst, List::getLast));
        var connection =
            new Connection(URI.create("ws://127.0.0.1:" + port + "/quotes/socket"), sent);
        ws = connection;
        if (former != null) former.closeConnection(1006, "");
        reset();
        say(lines("> GET /quotes/socket", List.of(headers), ""));
        // jshell waits for all threads that it finds in its group just after it began a line. If it
        // is slow, those of this connection are among them: they get another group.
        Thread.startVirtualThread(connection::connect).join();
        say(connection.answered.get(patience.toMillis(), TimeUnit.MILLISECONDS));
        if (ws.isOpen()) pending.set(1);
    } catch (IllegalArgumentException wrong) {
        say("! " + wrong.getMessage());
    } catch (ExecutionException cause) {
        if (cause.getCause() instanceof ConnectException) refused(port, 6);
        else say("! no answer: " + cause.getCause());
    } catch (TimeoutException late) {
        say("! no answer " + within());
    }
}

/// Sends a text as it is.
void send(String text) {
    try {
        if (ws == null) throw new WebsocketNotConnectedException();
        ws.send(text);
        say("> text " + bytes(text) + " bytes " + text);
    } catch (WebsocketNotConnectedException closed) {
        say("! not connected. Try: connect(7006)");
    }
}

void auth(String token) { send("{\"type\":\"auth\",\"token\":\"" + token + "\"}"); }

void subscribe(String... symbols) {
    send("{\"type\":\"subscribe\",\"symbols\":[\"" + String.join("\",\"", symbols) + "\"]}");
}

void chat(String text) { send("{\"type\":\"chat\",\"text\":\"" + text + "\"}"); }

void ping() { send("{\"type\":\"ping\"}"); }

void close() {
    if (ws == null || !ws.isOpen()) say("! not connected. Try: connect(7006)");
    else {
        say("> close 1000");
        ws.close(1000);
    }
}

void help() {
    say("""
        connect(7006)          connects to the server at this port
        connect(7006, "Origin: http://elsewhere.example")   with a header of your own
        auth("demo-token")     subscribe("BTC", "ETH")      chat("hello")      ping()
        send("…")              sends a text as it is
        next()                 shows what came, and waits for it if need be
        close()                closes the connection; next() shows the answer
        publish("BTC", 1, 2)   health()    get("/health")   over HTTP
        ws  last  patience     the WebSocketClient, what came last, how long it waits for a server
        """.stripTrailing());
}

remedy = "connect(7006)";
say("help() tells what there is. Begin with: connect(7006)");
