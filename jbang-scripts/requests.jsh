//JAVA 25+

import module java.base;
import module java.net.http;

/// # HTTP as the consoles show it
/// The labs' quotes are published with it, also where they are delivered otherwise.

HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

/// The server that is asked.
URI base = URI.create("http://127.0.0.1:7001");

/// The last answer.
HttpResponse<String> answer;

/// Headers that say nothing here.
Set<String> NOISE = Set.of("connection", "content-length", "date", "server", "transfer-encoding");

/// `java.net.http` doesn't tell the reason phrase.
Map<Integer, String> REASONS = Map.ofEntries(Map.entry(200, "OK"), Map.entry(201, "Created"),
    Map.entry(202, "Accepted"), Map.entry(204, "No Content"), Map.entry(304, "Not Modified"),
    Map.entry(400, "Bad Request"), Map.entry(404, "Not Found"),
    Map.entry(405, "Method Not Allowed"), Map.entry(409, "Conflict"), Map.entry(410, "Gone"),
    Map.entry(412, "Precondition Failed"), Map.entry(413, "Content Too Large"),
    Map.entry(428, "Precondition Required"), Map.entry(429, "Too Many Requests"),
    Map.entry(500, "Internal Server Error"), Map.entry(503, "Service Unavailable"));

/// One message in lines: its headers beside its start where they fit, its body below.
String lines(String start, List<String> headers, String body) {
    var beside = start + String.join("", headers.stream().map("   "::concat).toList());
    var head = beside.length() <= 100 ? beside : start + "\n  " + String.join("\n  ", headers);
    return body.isEmpty() ? head : head + "\n  " + body.stripTrailing().replace("\n", "\n  ");
}

String lines(HttpResponse<String> answer) {
    var headers = answer.headers().map().entrySet().stream()
        .filter(header -> !NOISE.contains(header.getKey().toLowerCase()))
        .flatMap(header -> header.getValue().stream().map(value -> header.getKey() + ": " + value))
        .toList();
    var status = answer.statusCode();
    return lines("< " + status + " " + REASONS.getOrDefault(status, ""), headers, answer.body());
}

/// The name and the value of a header like `Accept: a/b`.
List<String> field(String line) {
    var parts = line.split(": ?", 2);
    if (parts.length == 2) return List.of(parts);
    throw new IllegalArgumentException(
        "'" + line + "' is no header, it must be like 'Accept: a/b'");
}

/// A request, which it shows. Null where it can't be one, and then it says why.
HttpRequest request(String method, String path, String body, String... headers) {
    try {
        var request = HttpRequest.newBuilder(base.resolve(path)).timeout(Duration.ofSeconds(60))
            .method(method, HttpRequest.BodyPublishers.ofString(body));
        for (var line : headers) request.header(field(line).getFirst(), field(line).getLast());
        say(lines("> " + method + " " + path, List.of(headers), body));
        return request.build();
    } catch (IllegalArgumentException wrong) {
        say("! " + wrong.getMessage());
        return null;
    }
}

void failed(Throwable cause) {
    if (cause instanceof ConnectException) refused(base.getPort(), 1);
    else say("! no answer: " + cause);
}

void ask(HttpRequest request) throws InterruptedException {
    if (request == null) return;
    try {
        answer = http.send(request, HttpResponse.BodyHandlers.ofString());
        say(lines(answer));
    } catch (IOException cause) {
        failed(cause);
    }
}

/// From now on the server at this port is asked.
void at(int port) { base = URI.create("http://127.0.0.1:" + port); }

void get(String path, String... headers) throws InterruptedException {
    ask(request("GET", path, "", headers));
}

void head(String path, String... headers) throws InterruptedException {
    ask(request("HEAD", path, "", headers));
}

void post(String path, String body, String... headers) throws InterruptedException {
    ask(request("POST", path, body, headers));
}

void put(String path, String body, String... headers) throws InterruptedException {
    ask(request("PUT", path, body, headers));
}

void delete(String path, String... headers) throws InterruptedException {
    ask(request("DELETE", path, "", headers));
}

/// Like [#get], but doesn't wait for the answer: `next()` shows it.
void hold(String path, String... headers) {
    var request = request("GET", path, "", headers);
    if (request == null) return;
    pending.incrementAndGet();
    http.sendAsync(request, HttpResponse.BodyHandlers.ofString()).handle((held, cause) ->
        came.add(new Came(cause == null ? lines(held) : "! no answer: " + cause, held, () -> {
            pending.decrementAndGet();
            answer = held;
        })));
}

void publish(String symbol, double bid, double ask) throws InterruptedException {
    post("/quotes", "{\"symbol\":\"%s\",\"bid\":%s,\"ask\":%s}".formatted(symbol, bid, ask));
}

void health() throws InterruptedException { get("/health"); }

/// The entity tag of the last answer.
String tag() { return answer == null ? "" : answer.headers().firstValue("ETag").orElse(""); }
