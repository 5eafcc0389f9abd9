///usr/bin/env jbang -i "$0" "$@" ; exit $?
//JAVA 25+
//DEPS com.squareup.okhttp3:okhttp-sse:5.5.1
//SOURCES console.jsh
//SOURCES requests.jsh
//RUNTIME_OPTIONS -Dstdout.encoding=UTF-8

import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.sse.EventSource;
import okhttp3.sse.EventSourceListener;
import okhttp3.sse.EventSources;

/// # A console for server-sent events: lab 05
/// Start it with `jbang -i jbang-scripts/sse.jsh`, while `jbang solutions/lab05.java serve
/// --ticker 0` runs in another terminal; `help()` tells all that there is to call. `retry` and
/// comments are for the client, which keeps them to itself: `curl -N` shows them.
/// ```
/// jshell> next()
/// ! nothing is open. Try: open(7005)
/// jshell> open(7005)
/// > GET /quotes/stream   Accept: text/event-stream
/// < 200 OK
///   Cache-Control: no-store
///   Content-Type: text/event-stream;charset=utf-8
///   X-Accel-Buffering: no
/// jshell> resume()
/// ! no event with an id yet. Try: next()
/// jshell> publish("BTC", 1, 2)
/// > POST /quotes
///   {"symbol":"BTC","bid":1.0,"ask":2.0}
/// < 201 Created   content-type: application/json   location: /quotes/1
///   {"id":1,"symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":…}
/// jshell> next()
/// < id: 1⏎ event: quote⏎ data: {"id":1,"symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":…}⏎ ⏎
/// jshell> health()
/// > GET /health
/// < 200 OK   content-type: application/json
///   {"status":"ok","listeners":1}
/// jshell> notice("lunch\nat noon")
/// > POST /notices
///   lunch
///   at noon
/// < 202 Accepted   content-type: application/json
/// jshell> next()
/// < event: notice⏎ data: lunch⏎ data: at noon⏎ ⏎
/// jshell> close()
/// > (hung up)
/// jshell> publish("ETH", 3, 4)
/// > POST /quotes
///   {"symbol":"ETH","bid":3.0,"ask":4.0}
/// < 201 Created   content-type: application/json   location: /quotes/2
///   {"id":2,"symbol":"ETH","bid":3.0,"ask":4.0,"timestampMs":…}
/// jshell> resume()
/// > GET /quotes/stream   Accept: text/event-stream   Last-Event-ID: 1
/// < 200 OK
///   Cache-Control: no-store
///   Content-Type: text/event-stream;charset=utf-8
///   X-Accel-Buffering: no
/// jshell> next()
/// < id: 2⏎ event: quote⏎ data: {"id":2,"symbol":"ETH","bid":3.0,"ask":4.0,"timestampMs":…}⏎ ⏎
/// jshell> resume(42)
/// > GET /quotes/stream   Accept: text/event-stream   Last-Event-ID: 42
/// < 200 OK
///   Cache-Control: no-store
///   Content-Type: text/event-stream;charset=utf-8
///   X-Accel-Buffering: no
/// jshell> next()
/// < id: 0⏎ event: reset⏎ data: {"oldest":1,"newest":2}⏎ ⏎
/// jshell> next()
/// < id: 1⏎ event: quote⏎ data: {"id":1,"symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":…}⏎ ⏎
/// jshell> lastId
/// lastId ==> "1"
/// jshell> resume("x")
/// > GET /quotes/stream   Accept: text/event-stream   Last-Event-ID: x
/// < 200 OK
///   Cache-Control: no-store
///   Content-Type: text/event-stream;charset=utf-8
///   X-Accel-Buffering: no
/// jshell> next()
/// < id: 0⏎ event: reset⏎ data: {"oldest":1,"newest":2}⏎ ⏎
/// jshell> open(1)
/// > GET /quotes/stream   Accept: text/event-stream
/// ! nothing listens on 127.0.0.1:1. Start it in another terminal: jbang solutions/lab05.java…
/// ```

OkHttpClient okhttp = new OkHttpClient.Builder().readTimeout(Duration.ZERO).build();

/// The stream, and what listens to it.
EventSource sse;
EventSourceListener listener;

/// The id of the last event that `next()` has shown.
String lastId = "";

/// Puts what the server says where `next()` finds it, as long as it listens to the stream.
class Events extends EventSourceListener {
    /// How the request was answered, null if not at all.
    final CompletableFuture<Response> answered = new CompletableFuture<>();
    String id = "";

    void take(String line, Object value, Runnable then) {
        if (this == listener) came.add(new Came("< " + line, value, then));
    }

    @Override public void onOpen(EventSource source, Response answer) { answered.complete(answer); }

    /// An event without an id of its own comes with that of the one before.
    @Override public void onEvent(EventSource source, String id, String type, String data) {
        var isNew = id != null && !id.equals(this.id);
        if (isNew) this.id = id;
        var line = (isNew ? "id: " + id + "⏎ " : "")
            + (type == null ? "" : "event: " + type + "⏎ ")
            + "data: " + data.replace("\n", "⏎ data: ") + "⏎ ⏎";
        take(line, data, isNew ? () -> lastId = id : () -> {});
    }

    @Override public void onClosed(EventSource source) {
        take("(the stream ended)", null, () -> pending.set(0));
    }

    @Override public void onFailure(EventSource source, Throwable cause, Response answer) {
        if (!answered.complete(answer)) take("(cut off)", cause, () -> pending.set(0));
    }
}

String lines(Response answer) {
    var headers = answer.headers().names().stream()
        .filter(name -> !NOISE.contains(name.toLowerCase()))
        .map(name -> name + ": " + answer.header(name)).toList();
    return lines("< " + answer.code() + " " + answer.message(), headers, "");
}

void hangUp() {
    listener = null;
    if (sse != null) sse.cancel();
    sse = null;
    reset();
}

/// Gives up the former stream, and begins one.
///
/// @param headers that it asks with
void follow(String... headers) throws InterruptedException {
    hangUp();
    var request = new Request.Builder().url(base + "/quotes/stream");
    for (var line : headers) request.header(field(line).getFirst(), field(line).getLast());
    var events = new Events();
    listener = events;
    say(lines("> GET /quotes/stream   Accept: text/event-stream", List.of(headers), ""));
    sse = EventSources.createFactory(okhttp).newEventSource(request.build(), events);
    try {
        var answer = events.answered.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        if (answer == null) refused(base.getPort(), 5);
        else {
            say(lines(answer));
            pending.set(answer.isSuccessful() ? 1 : 0);
        }
    } catch (ExecutionException | TimeoutException late) {
        say("! no answer " + within());
    }
}

/// Follows the server at this port from the oldest quote that it keeps.
void open(int port) throws InterruptedException {
    at(port);
    lastId = "";
    follow();
}

/// Follows it again, after this id.
void resume(Object id) throws InterruptedException { follow("Last-Event-ID: " + id); }

/// Follows it again, after the last event that `next()` has shown.
void resume() throws InterruptedException {
    if (lastId.isEmpty()) say("! no event with an id yet. Try: next()");
    else resume(lastId);
}

void notice(String text) throws InterruptedException { post("/notices", text); }

void close() {
    say(sse == null ? "! nothing is open. Try: open(7005)" : "> (hung up)");
    hangUp();
}

void help() {
    say("""
        open(7005)             follows the server at this port, from its oldest quote
        next()                 shows what came, and waits for it if need be
        close()                hangs up
        resume(42)  resume()   follows it again, after this id or the last one shown
        publish("BTC", 1, 2)   notice("lunch at noon")      get("/quotes/stream?after=-1")
        health()
        sse  lastId  last      the EventSource, the last id shown, the data of the last event
        patience               how long it waits for a server
        """.stripTrailing());
}

remedy = "open(7005)";
say("help() tells what there is. Begin with: open(7005)");
