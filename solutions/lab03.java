///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../labs/market/Market.java
//DEPS ../grader/wirelab/Wirelab.java

import module java.base;
import module java.net.http;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.http.Context;
import market.*;
import wirelab.Lab;

class lab03 {
    /// The list that a new server starts with.
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

    /// The list as it is sent.
    ///
    /// @param coding the content coding of its bytes (RFC 9110 §8.4.1): `identity` or `gzip`
    record Representation(String coding, byte[] content, EntityTag tag) {
        static Representation of(String coding, byte[] content) {
            return new Representation(coding, content, tag(content));
        }
    }

    /// One state of the list, never changed: a PUT makes the next one.
    record Version(Representation plain, Representation gzip, Instant modified) {
        static Version of(byte[] json) {
            var plain = Representation.of("identity", json);
            return new Version(plain, Representation.of("gzip", lab03.gzip(json)), Instant.now());
        }

        List<EntityTag> tags() { return List.of(plain.tag, gzip.tag); }
    }

    /// The preconditions of a request (RFC 9110 §13.1); empty: not sent, or to be ignored.
    ///
    /// @param ifMatch     the field's lines as they came
    /// @param ifNoneMatch the field's lines as they came
    record Conditions(List<String> ifMatch, List<String> ifNoneMatch,
            Optional<Instant> ifModifiedSince, Optional<Instant> ifUnmodifiedSince) {
        static Conditions of(Context ctx) {
            return new Conditions(lines(ctx, "If-Match"), lines(ctx, "If-None-Match"),
                date(ctx, "If-Modified-Since"), date(ctx, "If-Unmodified-Since"));
        }
    }

    enum Decision { PROCEED, NOT_MODIFIED, FAILED }

    /// A strong tag for these bytes: others get another one, in this run of the server and the next.
    static EntityTag tag(byte[] content) {
        try {
            var hash = MessageDigest.getInstance("SHA-256").digest(content);
            var text = Base64.getUrlEncoder().encodeToString(Arrays.copyOf(hash, 12));
            return new EntityTag(false, '"' + text + '"');
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has SHA-256", impossible);
        }
    }

    /// What the preconditions say, in the order of RFC 9110 §13.2.2.
    ///
    /// @param reads whether the method is GET or HEAD
    /// @param tags  of the list as it is now
    static Decision decide(boolean reads, Conditions sent, List<EntityTag> tags, Instant modified) {
        // A tag beats a date: dates can't tell two changes within one second apart.
        var asExpected = sent.ifMatch.isEmpty() ? unmodified(sent, modified)
            : matches(sent.ifMatch, tags, lab03::strongly);
        var news = sent.ifNoneMatch.isEmpty() ? !reads || modified(sent, modified)
            : !matches(sent.ifNoneMatch, tags, lab03::weakly);
        if (asExpected && news) return Decision.PROCEED;
        // 304 says "use your copy". To a PUT that would mean nothing.
        return asExpected && reads ? Decision.NOT_MODIFIED : Decision.FAILED;
    }

    /// Answers GET and HEAD; Jetty leaves the content out where the method is HEAD.
    static void get(Context ctx, Version current) throws IOException {
        var selected = select(current, lines(ctx, "Accept-Encoding"));
        // Before the decision: a 304 repeats these fields of the 200, for caches to update (§15.4.5).
        ctx.header("ETag", selected.tag.toString());
        ctx.header("Cache-Control", "no-cache");
        ctx.header("Vary", "Accept-Encoding");
        switch (decide(true, Conditions.of(ctx), List.of(selected.tag), current.modified)) {
            case PROCEED -> {
                ctx.res().setDateHeader("Last-Modified", current.modified.toEpochMilli());
                send(ctx, selected);
            }
            case NOT_MODIFIED -> {
                ctx.res().setContentType(null);
                // Not ctx.status(304): at its end Javalin would add Content-Length: 0, which would
                // be the length of the content that a 200 has (§8.6).
                ctx.res().setStatus(304);
                ctx.res().flushBuffer();
            }
            case FAILED -> throw new Problem(412, "the list is not the one that you expect");
        }
    }

    static void send(Context ctx, Representation selected) {
        if (!selected.coding.equals("identity")) ctx.header("Content-Encoding", selected.coding);
        ctx.contentType("application/json").result(selected.content);
    }

    static boolean strongly(EntityTag one, EntityTag other) {
        return !one.weak && one.equals(other);
    }

    static boolean weakly(EntityTag one, EntityTag other) {
        return one.opaque.equals(other.opaque);
    }

    static List<EntityTag> tags(List<String> lines) {
        // Not split(","): a tag may contain commas. From tag to tag, up to the first malformed one.
        var tag = Pattern.compile("\\G[ \t,]*((?:W/)?\"[^\"]*\")[ \t]*(?=,|$)");
        return lines.stream().flatMap(line -> tag.matcher(line).results())
            .map(found -> EntityTag.parse(found.group(1))).toList();
    }

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
            config.http.compressionStrategy = CompressionStrategy.NONE;
            config.routes.get("/instruments", ctx -> get(ctx, list.get()));
            config.routes.head("/instruments", ctx -> get(ctx, list.get()));
            config.routes.put("/instruments", ctx -> put(ctx, list));
        });
    }

    static void put(Context ctx, AtomicReference<Version> list) {
        var next = Version.of(checked(ctx.bodyAsBytes()));
        var sent = Conditions.of(ctx);
        if (sent.ifMatch.isEmpty() && sent.ifNoneMatch.isEmpty() && sent.ifUnmodifiedSince.isEmpty())
            throw new Problem(428, "x");
        list.updateAndGet(current -> {
            if (decide(false, sent, current.tags(), current.modified) == Decision.PROCEED) return next;
            throw new Problem(412, "y");
        });
        ctx.status(204).header("ETag", next.plain.tag.toString());
    }

    static byte[] checked(byte[] json) {
        try {
            instruments(json);
            return json;
        } catch (IOException malformed) {
            throw new Problem(400, "body: " + malformed.getMessage());
        }
    }

    static List<Instrument> instruments(byte[] json) throws IOException {
        var array = Market.JSON.readTree(json);
        if (!array.isArray()) throw new IOException("must be a JSON array of instruments");
        var found = new LinkedHashMap<String, Instrument>();
        for (var one : array) {
            var symbol = one.path("symbol").textValue();
            var name = one.path("name").textValue();
            var tick = one.path("tick").isNumber() ? one.path("tick").doubleValue() : 0;
            if (symbol == null || symbol.isBlank() || found.containsKey(symbol))
                throw new IOException("symbol must be a text, not empty, each one once");
            if (name == null || name.isBlank())
                throw new IOException("name must be a text, not empty");
            if (!(tick > 0 && Double.isFinite(tick)))
                throw new IOException("tick must be a finite number above 0");
            found.put(symbol, new Instrument(symbol, name, tick));
        }
        return List.copyOf(found.values());
    }

    static byte[] json(List<Instrument> list) {
        try {
            return Market.JSON.writeValueAsBytes(list);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    static byte[] gzip(byte[] content) {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(content);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
        return bytes.toByteArray();
    }

    static List<String> lines(Context ctx, String field) {
        return Collections.list(ctx.req().getHeaders(field));
    }

    static Optional<Instant> date(Context ctx, String field) {
        try {
            return lines(ctx, field).size() == 1
                ? Optional.of(Instant.ofEpochMilli(ctx.req().getDateHeader(field))) : Optional.empty();
        } catch (IllegalArgumentException malformed) {
            return Optional.empty();
        }
    }

    record Copy(Optional<String> tag, List<Instrument> instruments) {}

    static void follow(URI base, Duration every, Consumer<List<Instrument>> sink)
            throws InterruptedException {
        try (var http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            for (var copy = new Copy(Optional.empty(), List.of());;) {
                try {
                    copy = poll(http, base, copy);
                    sink.accept(copy.instruments);
                } catch (IOException noAnswer) {
                    // A server that restarts is back soon; the copy is as good as before.
                }
                Thread.sleep(every);
            }
        }
    }

    static Copy poll(HttpClient http, URI base, Copy copy) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(base.resolve("/instruments")).timeout(Duration.ofSeconds(10));
        copy.tag.ifPresent(tag -> request.header("If-None-Match", tag));
        var answer = http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        return switch (answer.statusCode()) {
            case 304 -> copy;
            case 200 -> new Copy(answer.headers().firstValue("ETag"), instruments(answer.body()));
            default -> throw new IOException("the server answers " + answer.statusCode());
        };
    }

    static boolean unmodified(Conditions sent, Instant modified) {
        return sent.ifUnmodifiedSince
            .filter(date -> modified.truncatedTo(ChronoUnit.SECONDS).isAfter(date)).isEmpty();
    }

    static boolean modified(Conditions sent, Instant modified) {
        return sent.ifModifiedSince
            .filter(date -> !modified.truncatedTo(ChronoUnit.SECONDS).isAfter(date)).isEmpty();
    }

    static Representation select(Version current, List<String> acceptEncoding) {
        var gzip = acceptEncoding.stream().flatMap(line -> Stream.of(line.split(",")))
            .anyMatch(one -> one.strip().matches("(?i)gzip([ \t]*;[ \t]*q=(?!0(\\.0*)?$)[01][.0-9]*)?"));
        return gzip ? current.gzip : current.plain;
    }

    void main(String... args) {
        Lab.number(3).server(lab03::server)
            .<List<Instrument>>client((base, after, every, sink) -> follow(base, every, sink))
            .main(args);
    }
}
