///usr/bin/env jbang -i "$0" "$@" ; exit $?
//JAVA 25+
//SOURCES console.jsh
//SOURCES requests.jsh
//RUNTIME_OPTIONS -Dstdout.encoding=UTF-8

/// # A console for HTTP: labs 01 to 05
/// Start it with `jbang -i jbang-scripts/http.jsh`, while these run in other terminals:
/// `jbang solutions/lab02.java serve --ticker 0`, and the same of lab 03; `help()` tells all that
/// there is to call. `java.net.http` shows the names of an answer's headers in small letters.
/// ```
/// jshell> at(7003)
/// jshell> get("/instruments")
/// > GET /instruments
/// < 200 OK
///   cache-control: no-cache
///   content-type: application/json
///   etag: "…"
///   last-modified: …
///   vary: Accept-Encoding
///   [{"symbol":"BTC","name":"Bitcoin","tick":0.5},{"symbol":"ETH","name":"Ether","tick":0.05…
/// jshell> var first = tag()
/// first ==> "\"…\""
/// jshell> get("/instruments", "If-None-Match: " + first)
/// > GET /instruments   If-None-Match: "…"
/// < 304 Not Modified   cache-control: no-cache   etag: "…"   vary: Accept-Encoding
/// jshell> put("/instruments", "[]")
/// > PUT /instruments
///   []
/// < 428 Precondition Required   content-type: application/problem+json;charset=utf-8
///   {…}
/// jshell> put("/instruments", "[]", "If-Match: " + first)
/// > PUT /instruments   If-Match: "…"
///   []
/// < 204 No Content   content-type: application/json   etag: "…"
/// jshell> put("/instruments", "[]", "If-Match: " + first)
/// > PUT /instruments   If-Match: "…"
///   []
/// < 412 Precondition Failed   content-type: application/problem+json;charset=utf-8
///   {…}
/// jshell> answer.statusCode()
/// $… ==> 412
/// jshell> at(7002)
/// jshell> hold("/quotes?after=0&wait=30")
/// > GET /quotes?after=0&wait=30
/// jshell> publish("BTC", 1, 2)
/// > POST /quotes
///   {"symbol":"BTC","bid":1.0,"ask":2.0}
/// < 201 Created   content-type: application/json   location: /quotes/1
///   {"id":1,"symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":…}
/// jshell> next()
/// < 200 OK   cache-control: no-store   content-type: application/json
///   [{"id":1,"symbol":"BTC","bid":1.0,"ask":2.0,"timestampMs":…}]
/// jshell> next()
/// ! nothing is open. Try: hold("/quotes?after=0&wait=30")
/// jshell> get("/quotes", "Accept")
/// ! 'Accept' is no header, it must be like 'Accept: a/b'
/// jshell> at(1)
/// jshell> get("/quotes")
/// > GET /quotes
/// ! nothing listens on 127.0.0.1:1. Start it in another terminal: jbang solutions/lab01.java…
/// ```

void help() {
    say("""
        at(7003)           asks the server at this port from now on; it begins with 7001
        get("/quotes")     shows the request and its answer; also head and delete
        get("/instruments", "If-None-Match: " + tag())   with the last answer's entity tag
        post("/quotes", "…")                also put; headers may follow the body
        publish("BTC", 1, 2)   health()     what every lab is given
        hold("/quotes?after=0&wait=30")     doesn't wait for the answer
        next()             shows an answer that has come, and waits for it if need be
        answer  http  base  patience        the last answer, what asks whom, how long next() waits
        """.stripTrailing());
}

remedy = "hold(\"/quotes?after=0&wait=30\")";
say("help() tells what there is. Begin with: at(7001)");
