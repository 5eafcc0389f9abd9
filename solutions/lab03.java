///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import module java.net.http;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.http.Context;
import java.net.http.HttpResponse.BodyHandlers;
import market.*;
import wirelab.Lab;

/// # Lab 03: conditional GET
/// Most polls bring what the client already has. An entity tag names one state of the list, so a
/// reader can say *send it only if it has changed*, and a writer *replace it only if it has not*.
/// Your job: send nothing twice, and lose no update.
///
/// Check it with `jbang lab03.java`; play with `jbang lab03.java serve` and
/// `curl -i http://127.0.0.1:7003/instruments`; then again with `-H 'If-None-Match: "…"'`, or with
/// `-X PUT -H 'If-Match: "…"' -d '[{"symbol":"BTC","name":"Bitcoin","tick":0.5}]'`.
///
/// ## The server: `GET /instruments`
/// - S1 · given · 200 and a JSON array of `{"symbol":"BTC","name":"Bitcoin","tick":0.5}`.
/// - S2 · TODO 1 · `ETag`: a strong tag, in double quotes (RFC 9110 §8.8.3). It stays as long as
///   the list does, also after a `POST /quotes`; any other list has another tag, however similar.
/// - S3 · TODO 3 · `Cache-Control: no-cache` (RFC 9111 §5.2.2.4): a cache may keep a copy, but must
///   ask before each use.
/// - S4 · TODO 2 · If `If-None-Match` matches the current tag → 304 (RFC 9110 §15.4.5), and nothing
///   comes after the headers. `If-Modified-Since` together with it is ignored (§13.1.3).
/// - S5 · TODO 3 · A 304 repeats ETag, Cache-Control and Vary as a 200 would have them. It has no
///   `Content-Length: 0`: in a 304 that header says how long the content of a 200 is (§8.6).
/// - S6 · TODO 4 · `W/"v1"` matches `"v1"`: the comparison is weak here (§13.1.2, §8.8.3.2).
/// - S7 · TODO 5 · `If-None-Match` may list tags, in one line or several (§5.2), with white space
///   or nothing between two commas (§5.6.1.2); one that matches suffices. A tag may contain commas:
///   `"a,b"` is one tag.
/// - S8 · TODO 6 · `*` matches whatever the list is; `"*"` is a tag like any other.
/// - S9 · TODO 7 · `HEAD` gets the status and headers of a GET, and no content (§9.3.2).
///
/// ## The server: `PUT /instruments`
/// - S10 · TODO 8 · 204 (or 200), and the array in the body is the new list. The answer has the new
///   `ETag`, which is allowed because the server keeps the body byte by byte (§9.3.4).
/// - S11 · TODO 8 · Without a precondition → 428 (RFC 6585 §3): nobody overwrites a list unseen.
/// - S12 · TODO 8 · If `If-Match` is neither `*` nor matches a tag of the list → 412 (§13.1.1,
///   §15.5.13). The comparison is strong here: a weak tag matches nothing.
/// - S13 · TODO 8 · If `If-None-Match` matches → 412, too (§13.1.2): 304 answers only GET and HEAD.
/// - S14 · TODO 8 · Of several PUTs at the same moment with the same tag exactly one succeeds; the
///   others get 412.
/// - S15 · TODO 8 · If the body is not a JSON array of objects with `symbol` (text, not empty, each
///   once), `name` (text, not empty) and `tick` (finite number above 0) → 400, before all of these.
/// - S16 · TODO 8 · A PUT that is refused changes nothing.
///
/// `throw new Problem(412, "what is wrong")` answers with that status, as JSON that says why.
/// `POST /quotes` and `GET /health` are given.
///
/// ## The server: bonus
/// - S17 · given · `Last-Modified` in a 200 says since when the list is as it is (§8.8.2).
/// - S18 · TODO 9 · GET, HEAD and PUT obey all four preconditions in the order of §13.2.2:
///   `If-Match` false → 412; without it `If-Unmodified-Since` false → 412, also where it is the
///   only precondition of a PUT; then `If-None-Match`; without it, for GET and HEAD,
///   `If-Modified-Since` false → 304.
/// - S19 · TODO 9 · A date counts in whole seconds. A text that is not a date is ignored (§13.1.3,
///   §13.1.4).
/// - S20 · TODO 10 · `Accept-Encoding: gzip` gets the content compressed, with `Content-Encoding:
///   gzip` and a tag of its own: a strong tag stands for the same bytes (§8.8.3.3). `gzip;q=0`
///   forbids that (§12.4.2, §12.5.3).
/// - S21 · TODO 10 · Each 200 and 304 says `Vary: Accept-Encoding` (§12.5.5).
///
/// ## The client: `follow(base, every, sink)`
/// - C1 · given · It polls, gives the list to `sink`, waits `every`, and polls again, until its
///   thread is interrupted.
/// - C2 · TODO 11 · It keeps the last list with its tag, and sends the tag in `If-None-Match`, as
///   it came. It asks without a condition for a list that came without a tag.
/// - C3 · TODO 11 · After a 304 it gives the kept list to `sink` once more; a list that comes with
///   200 takes its place.
/// - C4 · given · After 429, 500 and above, or no answer at all, it neither gives up nor forgets:
///   `sink` gets nothing, and the next poll is as the last one. Any other status: an
///   IllegalStateException.
class lab03 {
    /// The list that a server starts with.
    static final List<Instrument> INSTRUMENTS = List.of(
        new Instrument("BTC", "Bitcoin", 0.5), new Instrument("ETH", "Ether", 0.05),
        new Instrument("SOL", "Solana", 0.01), new Instrument("EUR", "Euro", 0.0001));

    /// Names one state of a representation (RFC 9110 §8.8.3).
    ///
    /// @param opaque with its quotes: `"v1"`
    record EntityTag(boolean weak, String opaque) {
        /// Reads one tag as it stands in a header: `"v1"` or `W/"v1"`.
        static EntityTag parse(String text) {
            var weak = text.startsWith("W/");
            return new EntityTag(weak, weak ? text.substring(2) : text);
        }

        @Override public String toString() { return (weak ? "W/" : "") + opaque; }
    }

    /// The list as it crosses the wire.
    ///
    /// @param coding the content coding of the bytes (RFC 9110 §8.4.1): `identity` or `gzip`
    record Representation(String coding, byte[] content, EntityTag tag) {
        static Representation of(String coding, byte[] content) {
            return new Representation(coding, content, strongTag(content));
        }
    }

    /// One state of the list. It never changes: a PUT makes the next one.
    record Version(Representation plain, Representation gzip, Instant modified) {
        static Version of(byte[] json) {
            return new Version(Representation.of("identity", json),
                Representation.of("gzip", gzipped(json)), Instant.now());
        }

        List<EntityTag> tags() { return List.of(plain.tag, gzip.tag); }
    }

    /// The preconditions of a request (RFC 9110 §13.1); one that it doesn't have is empty.
    ///
    /// @param ifMatch     the lines of that header, as they came
    /// @param ifNoneMatch the lines of that header, as they came
    record Conditions(List<String> ifMatch, List<String> ifNoneMatch,
            Optional<Instant> ifModifiedSince, Optional<Instant> ifUnmodifiedSince) {
        static Conditions of(Context ctx) {
            return new Conditions(lines(ctx, "If-Match"), lines(ctx, "If-None-Match"),
                date(ctx, "If-Modified-Since"), date(ctx, "If-Unmodified-Since"));
        }

        /// Whether there is one that a PUT obeys; If-Modified-Since is for reading.
        boolean guardPut() {
            return !ifMatch.isEmpty() || !ifNoneMatch.isEmpty() || ifUnmodifiedSince.isPresent();
        }
    }

    /// What becomes of a request: do it, 304, or 412.
    enum Decision { PROCEED, NOT_MODIFIED, FAILED }

    /// A strong tag for these bytes.
    static EntityTag strongTag(byte[] content) {
        // From the content alone: it survives a restart, and two servers agree on it.
        var hash = Arrays.copyOf(sha256(content), 12);
        return new EntityTag(false, '"' + Base64.getUrlEncoder().encodeToString(hash) + '"');
    }

    /// What the preconditions say.
    ///
    /// @param reads    whether the method is GET or HEAD
    /// @param tags     of the list as it is now
    /// @param modified since when the list is so
    static Decision decide(boolean reads, Conditions sent, List<EntityTag> tags, Instant modified) {
        // RFC 9110 §13.2.2. A tag beats a date, which can't tell two changes in one second apart.
        var expected = sent.ifMatch.isEmpty() ? unmodified(sent, modified)
            : matches(sent.ifMatch, tags, lab03::strongly);
        if (!expected) return Decision.FAILED;
        var news = sent.ifNoneMatch.isEmpty() ? !reads || modified(sent, modified)
            : !matches(sent.ifNoneMatch, tags, lab03::weakly);
        if (news) return Decision.PROCEED;
        // 304 means: use your copy. A client that sends a PUT asks for something else.
        return reads ? Decision.NOT_MODIFIED : Decision.FAILED;
    }

    /// Answers GET and HEAD; for HEAD the server leaves the content out by itself.
    static void get(Context ctx, Version current) throws IOException {
        var selected = select(current, lines(ctx, "Accept-Encoding"));
        var sent = Conditions.of(ctx);
        var decision = decide(true, sent, List.of(selected.tag), current.modified);
        if (decision == Decision.FAILED)
            throw new Problem(412, "the list is not in the state that you expect");
        // With 200 and 304 alike: caches take these from a 304, too.
        ctx.header("ETag", selected.tag.toString());
        ctx.header("Cache-Control", "no-cache");
        ctx.header("Vary", "Accept-Encoding");
        if (decision == Decision.PROCEED) send(ctx, selected, current.modified);
        else sendNotModified(ctx);
    }

    /// Answers 304, with the headers that are set so far.
    static void sendNotModified(Context ctx) throws IOException {
        ctx.res().setContentType(null);
        ctx.res().setStatus(304);
        // Flushed now, the headers stay as they are: at the end of the request Jetty adds
        // Content-Length: 0 to an answer without content.
        ctx.res().flushBuffer();
    }

    /// Weak comparison (RFC 9110 §8.8.3.2).
    static boolean weakly(EntityTag one, EntityTag other) {
        return one.opaque.equals(other.opaque);
    }

    /// Strong comparison (RFC 9110 §8.8.3.2).
    static boolean strongly(EntityTag one, EntityTag other) {
        return !one.weak && one.equals(other);
    }

    /// The tags that these header lines list.
    static List<EntityTag> tags(List<String> lines) {
        // Not split(","), which cuts tags in two. \G: each tag begins where the last one ended.
        var tag = Pattern.compile("\\G[ \t,]*((?:W/)?\"[^\"]*\")[ \t]*(?=,|$)");
        return lines.stream().flatMap(line -> tag.matcher(line).results())
            .map(found -> EntityTag.parse(found.group(1))).toList();
    }

    /// Whether these header lines name one of the current tags.
    static boolean matches(List<String> lines, List<EntityTag> current,
            BiPredicate<EntityTag, EntityTag> comparison) {
        if (lines.equals(List.of("*"))) return true;
        return tags(lines).stream()
            .anyMatch(one -> current.stream().anyMatch(other -> comparison.test(one, other)));
    }

    static Javalin server(Feed feed) {
        var list = new AtomicReference<>(Version.of(json(INSTRUMENTS)));
        return Javalin.create(config -> {
            Market.routes(config, feed);
            // Javalin would compress by itself, with one strong tag for both codings.
            config.http.compressionStrategy = CompressionStrategy.NONE;
            config.routes.get("/instruments", ctx -> get(ctx, list.get()));
            // Left alone, Javalin answers HEAD with an empty 200 that has none of get()'s headers.
            config.routes.head("/instruments", ctx -> get(ctx, list.get()));
            config.routes.put("/instruments", ctx -> put(ctx, list));
        });
    }

    /// Answers PUT.
    static void put(Context ctx, AtomicReference<Version> list) {
        var next = Version.of(valid(ctx.bodyAsBytes()));
        var sent = Conditions.of(ctx);
        if (!sent.guardPut())
            throw new Problem(428, "If-Match: is missing, must be the tag of the list to replace");
        // Check and write are one step: if the list changes meanwhile, it is checked again.
        list.updateAndGet(current -> {
            var decision = decide(false, sent, current.tags(), current.modified);
            if (decision == Decision.PROCEED) return next;
            throw new Problem(412, "the list is not in the state that you expect: GET it again");
        });
        ctx.status(204).header("ETag", next.plain.tag.toString());
    }

    /// What If-Unmodified-Since says; true without it.
    static boolean unmodified(Conditions sent, Instant modified) {
        // The date that a client sends back has lost its fraction of a second.
        var since = modified.truncatedTo(ChronoUnit.SECONDS);
        return sent.ifUnmodifiedSince.isEmpty() || !since.isAfter(sent.ifUnmodifiedSince.get());
    }

    /// What If-Modified-Since says; true without it.
    static boolean modified(Conditions sent, Instant modified) {
        var since = modified.truncatedTo(ChronoUnit.SECONDS);
        return sent.ifModifiedSince.isEmpty() || since.isAfter(sent.ifModifiedSince.get());
    }

    /// The representation that this client gets.
    static Representation select(Version current, List<String> acceptEncoding) {
        // gzip, and perhaps its weight; (?!…) refuses a weight of 0, 0.0, 0.00 and 0.000.
        var gzip = Pattern.compile("gzip([ \t]*;[ \t]*q=(?!0(\\.0*)?$)[01](\\.\\d*)?)?",
            Pattern.CASE_INSENSITIVE).asMatchPredicate();
        return acceptEncoding.stream().flatMap(line -> Stream.of(line.split(",")))
            .map(String::strip).anyMatch(gzip) ? current.gzip : current.plain;
    }

    // Given for the server.

    static void send(Context ctx, Representation selected, Instant modified) throws IOException {
        if (!selected.coding.equals("identity")) ctx.header("Content-Encoding", selected.coding);
        ctx.res().setDateHeader("Last-Modified", modified.toEpochMilli());
        ctx.contentType("application/json").res().setContentLength(selected.content.length);
        // Not ctx.result(…): Javalin makes a 304 of an answer that has the ETag of If-None-Match.
        ctx.res().getOutputStream().write(selected.content);
    }

    /// The lines of a request's header, as they came.
    static List<String> lines(Context ctx, String header) {
        return Collections.list(ctx.req().getHeaders(header));
    }

    /// The date in a request's header; empty when there is none, or a text that is not a date.
    static Optional<Instant> date(Context ctx, String header) {
        try {
            return lines(ctx, header).size() != 1 ? Optional.empty()
                : Optional.of(Instant.ofEpochMilli(ctx.req().getDateHeader(header)));
        } catch (IllegalArgumentException malformed) {
            return Optional.empty();
        }
    }

    static byte[] valid(byte[] json) {
        try {
            instruments(json);
            return json;
        } catch (IOException malformed) {
            throw new Problem(400, "body: must be a JSON array of instruments, each symbol once: "
                + "[{\"symbol\":\"BTC\",\"name\":\"Bitcoin\",\"tick\":0.5}]");
        }
    }

    static byte[] json(List<Instrument> instruments) {
        try {
            return Market.JSON.writeValueAsBytes(instruments);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    static byte[] gzipped(byte[] content) {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(content);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
        return bytes.toByteArray();
    }

    static byte[] sha256(byte[] content) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(content);
        } catch (NoSuchAlgorithmException cause) {
            throw new IllegalStateException("every Java has SHA-256", cause);
        }
    }

    /// What the client keeps between two polls.
    ///
    /// @param tag the ETag that the list came with
    record Copy(Optional<String> tag, List<Instrument> instruments) {}

    /// Gives the list to `sink` at each poll, until its thread is interrupted.
    static void follow(URI base, Duration every, Consumer<List<Instrument>> sink)
            throws InterruptedException {
        var copy = new Copy(Optional.empty(), List.of());
        try (var http = client()) {
            while (true) {
                try {
                    copy = poll(http, base, copy);
                    sink.accept(copy.instruments);
                } catch (IOException temporary) {
                    // The copy is as good as before; the next poll may succeed.
                }
                Thread.sleep(every);
            }
        }
    }

    /// Asks for the list once; returns the copy to keep.
    ///
    /// @throws IOException           if asking again may help
    /// @throws IllegalStateException if it won't: a person must look at it
    static Copy poll(HttpClient http, URI base, Copy copy)
            throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(base.resolve("/instruments"))
            .timeout(Duration.ofSeconds(10));
        // As it came, weak or not: only the server that made the tag knows what it means.
        copy.tag.ifPresent(tag -> request.header("If-None-Match", tag));
        var answer = http.send(request.build(), BodyHandlers.ofByteArray());
        if (answer.statusCode() == 304) return copy;
        refuse(answer);
        return new Copy(answer.headers().firstValue("ETag"), instruments(answer.body()));
    }

    // Given for the client.

    static HttpClient client() {
        return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }

    /// Throws unless the answer is 200.
    static void refuse(HttpResponse<?> answer) throws IOException {
        var status = answer.statusCode();
        if (status == 429 || status >= 500) throw new IOException("the server answers " + status);
        if (status != 200) throw new IllegalStateException(answer.uri() + " answers " + status);
    }

    /// The instruments in a JSON array. Members that an instrument doesn't have are ignored.
    ///
    /// @throws IOException if it is anything else
    static List<Instrument> instruments(byte[] json) throws IOException {
        var array = Market.JSON.readTree(json);
        if (!array.isArray()) throw new IOException("not a JSON array");
        var found = new LinkedHashMap<String, Instrument>();
        for (var one : array) {
            var symbol = one.path("symbol").textValue();
            var name = one.path("name").textValue();
            var tick = one.path("tick").isNumber() ? one.path("tick").doubleValue() : 0;
            if (symbol == null || symbol.isBlank() || name == null || name.isBlank()
                    || !(tick > 0 && Double.isFinite(tick)) || found.containsKey(symbol))
                throw new IOException("not an instrument, or a second one with its symbol: " + one);
            found.put(symbol, new Instrument(symbol, name, tick));
        }
        return List.copyOf(found.values());
    }

    void main(String... args) {
        Lab.number(3).server(lab03::server)
            .<List<Instrument>>client((start, sink) -> follow(start.base(), start.every(), sink))
            .main(args);
    }
}
