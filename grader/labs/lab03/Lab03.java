package labs.lab03;

import static wirelab.check.Servers.*;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.*;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.wire.Answer;

@DisplayName("conditional GET")
public class Lab03 extends Checks {
    private static final String PATH = "/instruments";
    private static final String OTHER = "\"another-list\"";
    private static final String ORDER = "S18 · RFC 9110 §13.2.2";
    private static final String DATES = "S19 · RFC 9110 §13.2.2";
    /// As a header has it (RFC 9110 §5.6.7).
    private static final DateTimeFormatter HTTP_DATE = DateTimeFormatter
        .ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH).withZone(ZoneOffset.UTC);

    private Answer list(String... headers) { return get(PATH, headers); }

    private Answer put(Object json, String... more) { return send("PUT", PATH, "" + json, more); }

    @Test @Order(1) @Tag("TODO-1")
    void the_ETag_is_strong_and_quoted_and_changes_exactly_when_the_list_does() {
        keep();
        var before = list();
        promise("ETag: \"…\", in double quotes and without W/", "S2 · RFC 9110 §8.8.3",
            "the quotes belong to the tag")
            .of(before).hasStatus(200).hasHeaderLike("ETag", "\"[!#-~\\x80-\\xff]*\"");
        publish();
        promise("the same ETag as before, also after POST /quotes", "S2 · RFC 9110 §8.8.3",
            "a tag that changes by itself costs every client its copy")
            .of(list()).hasHeader("ETag", tag(before));

        // Texts with the same hashCode(), written within the same second.
        var stem = fresh();
        var tags = Stream.of("AaAa", "AaBB", "BBAa", "BBBB")
            .map(end -> tag(replaced(array(stem + end)))).toList();
        promise("4 lists after one another, 4 tags", "S2 · RFC 9110 §8.8.1",
            "a tag that comes again for another list tells a client to keep the wrong one")
            .that(tags, "ETags %s", String.join(" ", tags)).hasNoDuplicates();
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_client_that_has_the_current_list_gets_304_and_nothing_after_the_headers() {
        var now = list();

        promise("304, and nothing after the headers", "S4 · RFC 9110 §15.4.5",
            "the client has the list, and takes what follows a 304 for the next answer")
            .of(sendAndReadToTheEnd("GET", PATH, "If-None-Match", tag(now)))
            .hasStatus(304).hasNoBody();
        promise("200 and the list to a client that has another one", "S4 · RFC 9110 §13.1.2")
            .of(list("If-None-Match", OTHER)).hasStatus(200).hasHeader("ETag", tag(now))
            .hasBody(now.text().strip());
    }

    @Test @Order(3) @Tag("TODO-3")
    void a_304_repeats_what_a_200_says_about_the_list() {
        var full = list("Accept-Encoding", "gzip");
        promise("Cache-Control: no-cache with a 200", "S3 · RFC 9111 §5.2.2.4",
            "without it a cache may use its copy for a while without asking")
            .of(full).hasStatus(200).hasToken("Cache-Control", "no-cache");

        var same = list("Accept-Encoding", "gzip", "If-None-Match", tag(full));
        var promise = promise("304 with the same ETag, Cache-Control and Vary",
            "S5 · RFC 9110 §15.4.5", "caches take them from a 304, too");
        promise.of(same).hasStatus(304).hasHeader("ETag", tag(full))
            .hasToken("Cache-Control", "no-cache");
        promise.that(same.header("Vary"), "Vary: %s", same.header("Vary").orElse("none"))
            .is(full.header("Vary"));
        hasLengthOf(full, same, "S5 · RFC 9110 §8.6");
    }

    private void hasLengthOf(Answer full, Answer empty, String rule) {
        var length = "" + full.message().body().length;
        var said = empty.header("Content-Length").orElse(length);
        promise("no Content-Length, or " + length + " as in a 200 to GET", rule,
            "it is about the content that isn't there; left alone, Javalin makes it 0")
            .that(said, "Content-Length: %s", said).is(length);
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_weak_tag_matches_the_strong_one_when_reading() {
        reads(304, "S6 · RFC 9110 §13.1.2", "caches on the way may have made the tag weak",
            "If-None-Match", "W/" + tag(list()));
        reads(200, "S6 · RFC 9110 §8.8.3.2", "it is another tag", "If-None-Match", "W/" + OTHER);
    }

    @Test @Order(5) @Tag("TODO-5")
    void several_tags_may_be_listed_in_one_line_or_more_and_may_contain_commas() {
        var tag = tag(list());
        var text = tag.replace("\"", "");

        for (var listed : List.of("\"a\", " + tag, ", \"a\" ,," + tag + "\t, W/\"b\""))
            reads(304, "S7 · RFC 9110 §13.1.2", "one of the states that a client kept is current",
                "If-None-Match", listed);
        for (var lines : List.of(List.of("\"a\"", tag), List.of(tag, "\"a\"")))
            reads(304, "S7 · RFC 9110 §5.2", "several lines are one list",
                "If-None-Match", lines.getFirst(), "If-None-Match", lines.getLast());
        for (var one : List.of("a," + text + ",b", "a, " + text, text + ",", "a,*,b", text + text))
            reads(200, "S7 · RFC 9110 §8.8.3", "a tag may contain commas, and is equal as a whole",
                "If-None-Match", "\"" + one + "\"");
    }

    @Test @Order(6) @Tag("TODO-6")
    void an_asterisk_matches_whatever_the_list_is() {
        reads(304, "S8 · RFC 9110 §13.1.2", "* stands for any state", "If-None-Match", "*");
        reads(200, "S8 · RFC 9110 §8.8.3", "in quotes it is a tag", "If-None-Match", "\"*\"");
    }

    @Test @Order(7) @Tag("TODO-7")
    void HEAD_gets_the_status_and_headers_of_GET_and_no_content() {
        var whole = list();
        var head = sendAndReadToTheEnd("HEAD", PATH);

        promise("200 to HEAD with the headers of a GET, nothing after them",
            "S9 · RFC 9110 §9.3.2", "without its own route Javalin answers HEAD past your code")
            .of(head).hasStatus(200).hasHeader("ETag", tag(whole))
            .hasToken("Cache-Control", "no-cache").hasNoBody();
        hasLengthOf(whole, head, "S9 · RFC 9110 §8.6");
        promise("304 to HEAD with the current tag", "S9 · RFC 9110 §13.1.2")
            .of(sendAndReadToTheEnd("HEAD", PATH, "If-None-Match", tag(whole)))
            .hasStatus(304).hasHeader("ETag", tag(whole)).hasNoBody();
    }

    @Test @Order(8) @Tag("TODO-8")
    void a_PUT_replaces_the_list_only_if_it_is_the_one_that_the_writer_saw() {
        keep();
        var stale = tag(list());
        var next = array(fresh());
        var done = put(next, "If-Match", stale);
        var now = list();
        var tag = tag(now);

        promise("204 or 200 to PUT with the current tag", "S12 · RFC 9110 §13.1.1",
            "the list is still the one that the writer saw").of(done).hasStatus(204, 200);
        has(promise("the new list from then on", "S10 · RFC 9110 §9.3.4"), now, next);
        promise("ETag: " + tag + " in the answer to the PUT", "S10",
            "with the tag of the new list the writer can go on without a GET")
            .of(done).hasHeader("ETag", tag);
        writes(412, "S12", "it has changed since: an update would be lost", "If-Match", stale);
        writes(412, "S12", "a weak tag is too weak to write", "If-Match", "W/" + tag);
        writes(412, "S13", "304 would say: use your copy", "If-None-Match", tag);
        writes(412, "S13", "there is a list, whatever its state", "If-None-Match", "*");
        isUnchanged(now);
        writes(204, "S12", "one of the listed tags is current", "If-Match", stale + ", " + tag);
        writes(204, "S12", "there is a list, whatever its state", "If-Match", "*");
    }

    @Test @Order(9) @Tag("TODO-8")
    void of_several_PUTs_with_the_same_tag_exactly_one_succeeds() {
        keep();
        // A list of tags takes its time to read, so that the checks of several PUTs overlap.
        var haystack = "\"hay\", ".repeat(400);
        for (var round = 0; round < 60; round++) {
            var lists = Stream.generate(() -> array(fresh())).limit(3).toList();
            var bodies = lists.stream().map(JsonNode::toString).toList();
            var answers = together("PUT", PATH, bodies, "If-Match", haystack + tag(list()));
            var won = IntStream.range(0, 3).filter(i -> answers.get(i).status() / 100 == 2)
                .mapToObj(lists::get).toList();
            var lost = answers.stream().filter(answer -> answer.status() == 412).count();
            promise("204 or 200 to one of three PUTs, 412 to two", "S14 · RFC 9110 §13.1.1",
                "check and write must be one step: else two find the tag that both replace")
                .holds(won.size() == 1 && lost == 2, "%d succeed, %d get 412", won.size(), lost);
            has(promise("the list of the PUT that succeeded", "S14 · RFC 9110 §9.3.4"), list(),
                won.getFirst());
        }
    }

    /// One a line; the first is empty.
    private static final String BAD_BODIES = """

        x
        {}
        {"symbol":"A","name":"a","tick":1}
        [{"symbol":"A","name":"a","tick":1}
        [1]
        [null]
        [{"symbol":"A","name":"a","tick":1},{"symbol":"A","name":"a","tick":1}]
        [{"symbol":"","name":"a","tick":1}]
        [{"symbol":1,"name":"a","tick":1}]
        [{"symbol":"A","nom":"a","tick":1}]
        [{"symbol":"A","name":"","tick":1}]
        [{"symbol":"A","name":"a","tick":0}]
        [{"symbol":"A","name":"a","tick":-1}]
        [{"symbol":"A","name":"a","tick":1e999}]
        [{"symbol":"A","name":"a","tick":"1"}]
        """;

    @Test @Order(10) @Tag("TODO-8")
    void a_PUT_without_a_precondition_or_with_a_bad_body_is_refused_and_changes_nothing() {
        keep();
        var before = list();
        promise("428: a PUT needs a precondition", "S11 · RFC 6585 §3",
            "a client that overwrites the list unseen destroys what others wrote")
            .of(put(array(fresh()))).hasStatus(428);
        isUnchanged(before);

        for (var body : BAD_BODIES.lines().toList()) {
            promise("400 to the body " + (body.isEmpty() ? "(empty)" : body),
                "S15 · RFC 9110 §15.5.1", "it is not a list of instruments")
                .of(put(body, "If-Match", tag(before))).hasStatus(400);
            isUnchanged(before);
        }
    }

    @Test @Order(11) @Tag("TODO-2")
    void a_tag_beats_a_date_when_reading() {
        var now = list();
        var since = now.header("Last-Modified").orElseGet(() -> HTTP_DATE.format(Instant.now()));

        reads(200, "S4 · RFC 9110 §13.1.3", "If-Modified-Since is for clients without tags",
            "If-None-Match", OTHER, "If-Modified-Since", since);
        reads(304, "S4 · RFC 9110 §13.1.3", "the tag is the same, whatever the date says",
            "If-None-Match", tag(now), "If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT");
    }

    @Test @Order(12) @Tag("TODO-11") @Tag("client")
    void the_client_sends_the_tag_of_its_copy_and_uses_the_copy_after_a_304() throws IOException {
        var asked = new CopyOnWriteArrayList<String>();
        var failures = new ConcurrentLinkedQueue<MockResponse.Builder>();
        var state = new AtomicReference<>(new State(array(fresh()), "none"));
        var server = serve(answering(request -> {
            var tag = Objects.requireNonNullElse(request.getHeaders().get("If-None-Match"), "none");
            asked.add(tag);
            return Objects.requireNonNullElseGet(failures.poll(), () -> state.get().answer(tag))
                .build();
        }));
        try (var client = follow(server, 0, Duration.ofMillis(5))) {
            for (var tag : List.of("\"a,1\"", "W/\"2\"", "none")) {
                var list = array(fresh());
                state.set(new State(list, tag));
                delivers(client, list, "C3", "without its copy it has nothing to give after a 304");
                asked.clear();
                failures.add(status(503));
                failures.add(status(503).onResponseStart(new SocketEffect.CloseSocket()));
                delivers(client, list, "C4", "503 or a broken connection says nothing about it");
                var tags = asked.stream().distinct().toList();
                promise("If-None-Match: " + tag + ", also after a 503 and a broken connection",
                    "C2 · C4 · RFC 9110 §13.1.2",
                    "the tag of its copy, as it came, tells the server what the client has")
                    .that(tags, "If-None-Match: %s", String.join(", then ", tags))
                    .is(List.of(tag));
            }
        }
    }

    /// What a correct server has.
    ///
    /// @param tag its ETag, or `none`
    private record State(JsonNode list, String tag) {
        MockResponse.Builder answer(String asked) {
            if (tag.equals("none")) return json(list);
            return (asked.equals(tag) ? status(304).removeHeader("Content-Length") : json(list))
                .setHeader("Cache-Control", "no-cache").setHeader("ETag", tag);
        }
    }

    /// The client gives this list to its sink at each poll, but for one that is under way now.
    private void delivers(Follower client, JsonNode list, String rule, String because) {
        var before = client.values(0).size();
        var promise = promise("to the sink, at each poll: " + list, rule, because);
        promise.of(client).delivers(before + 3).stream().skip(before + 1)
            .forEach(given -> promise.that(given).is(list));
    }

    @Test @Order(13) @Tag("TODO-9") @Tag("bonus")
    void all_four_preconditions_count_in_the_order_of_the_standard() {
        keep();
        var now = replaced(array(fresh()));
        var tag = tag(now);
        promise("Last-Modified with a 200", "S17 · RFC 9110 §8.8.2").of(now)
            .hasHeaderLike("Last-Modified", "\\w{3}, \\d\\d \\w{3} \\d{4} [\\d:]{8} GMT");
        var since = now.header("Last-Modified").orElseThrow();
        var earlier = HTTP_DATE.format(Instant.from(HTTP_DATE.parse(since)).minusSeconds(1));

        reads(304, DATES, "not changed since, in whole seconds", "If-Modified-Since", since);
        reads(200, ORDER, "changed since", "If-Modified-Since", earlier);
        reads(200, DATES, "not a date: ignored", "If-Modified-Since", "yesterday");
        reads(200, ORDER, "not changed since", "If-Unmodified-Since", since);
        reads(412, ORDER, "changed since", "If-Unmodified-Since", earlier);
        reads(200, ORDER, "a tag beats a date", "If-Match", tag, "If-Unmodified-Since", earlier);
        reads(412, ORDER, "a tag beats a date", "If-Match", OTHER, "If-Unmodified-Since", since);
        reads(304, ORDER, "both count, If-Match first", "If-Match", tag, "If-None-Match", tag);
        reads(412, ORDER, "If-Match comes first", "If-Match", OTHER, "If-None-Match", tag);
        reads(412, ORDER, "the date comes before If-None-Match",
            "If-Unmodified-Since", earlier, "If-None-Match", tag);
        writes(412, "S18", "changed since", "If-Unmodified-Since", earlier);
        writes(428, "S19", "not a date: ignored", "If-Unmodified-Since", "yesterday");
        writes(428, "S18", "If-Modified-Since is for reading", "If-Modified-Since", earlier);
        isUnchanged(now);
        writes(204, "S18", "not changed since; If-Modified-Since is for reading",
            "If-Unmodified-Since", since, "If-Modified-Since", since);
    }

    @Test @Order(14) @Tag("TODO-10") @Tag("bonus")
    void each_coding_has_its_own_tag_and_Vary_says_so() {
        var plain = list();
        var packed = list("Accept-Encoding", "identity;q=0.5, gzip;q=0.8");
        promise("200 with Content-Encoding: gzip", "S20 · RFC 9110 §12.5.3")
            .of(packed).hasStatus(200).hasHeader("Content-Encoding", "gzip");
        promise("the same list, compressed with gzip", "S20 · RFC 9110 §8.4.1.3")
            .that(unpacked(packed)).is(plain.json());
        promise("two tags for two codings", "S20 · RFC 9110 §8.8.3.3",
            "a strong tag promises the same bytes").that(tag(packed)).isNot(tag(plain));
        for (var one : List.of(plain, packed))
            promise("Vary: Accept-Encoding, compressed or not", "S21 · RFC 9110 §12.5.5",
                "without it a cache hands gzip to clients that can't read it")
                .of(one).hasToken("Vary", "Accept-Encoding");

        promise("304 with ETag and Vary: the client has these bytes", "S21 · RFC 9110 §15.4.5")
            .of(list("Accept-Encoding", "gzip", "If-None-Match", tag(packed))).hasStatus(304)
            .hasHeader("ETag", tag(packed)).hasToken("Vary", "Accept-Encoding");
        reads(200, "S20 · RFC 9110 §13.1.2", "the tag is of the other coding",
            "Accept-Encoding", "gzip", "If-None-Match", tag(plain));
        for (var none : List.of("gzip;q=0", "identity, gzip; q=0.000", "identity"))
            promise("no gzip with Accept-Encoding: " + none, "S20 · RFC 9110 §12.5.3",
                "a weight of 0 means: not acceptable")
                .of(list("Accept-Encoding", none)).hasNoHeader("Content-Encoding");
    }

    private static JsonNode unpacked(Answer packed) {
        try (var gzip = new GZIPInputStream(new ByteArrayInputStream(packed.message().body()))) {
            return Market.JSON.readTree(gzip);
        } catch (IOException malformed) {
            throw new AssertionError("a body that is not gzip: " + malformed.getMessage());
        }
    }

    private void reads(int status, String rule, String because, String... headers) {
        promise(status + " to GET with " + shown(headers), rule, because)
            .of(list(headers)).hasStatus(status);
    }

    /// @param status 204 stands for 200 as well
    private void writes(int status, String bullet, String because, String... headers) {
        promise(status + " to PUT with " + shown(headers),
            bullet + (status == 428 ? " · RFC 6585 §3" : " · RFC 9110 §13.2.2"), because)
            .of(put(array(fresh()), headers)).hasStatus(status, status == 204 ? 200 : status);
    }

    private static String shown(String... headers) {
        return IntStream.range(0, headers.length / 2)
            .mapToObj(i -> headers[2 * i] + ": " + headers[2 * i + 1])
            .collect(Collectors.joining(" and "));
    }

    /// A symbol that nobody can guess.
    private static String fresh() { return "X" + ThreadLocalRandom.current().nextLong(1L << 50); }

    /// A list of one instrument.
    private static JsonNode array(String symbol) {
        return Market.JSON.valueToTree(List.of(new Instrument(symbol, "Test", 0.25)));
    }

    /// The server gets its list back when this check is over.
    private void keep() {
        var json = list().text();
        watch(() -> put(json, "If-Match", "*"));
    }

    /// The list, after it was replaced by this one.
    private Answer replaced(JsonNode next) {
        promise("204 or 200 to PUT with the current tag", "S12 · RFC 9110 §13.1.1")
            .of(put(next, "If-Match", tag(list()))).hasStatus(204, 200);
        return list();
    }

    private String tag(Answer answer) {
        return answer.header("ETag").orElseThrow(() -> promise("an ETag with the list",
            "S2 · RFC 9110 §8.8.3").broken(answer + ", no ETag"));
    }

    private static void has(PromiseAssert promise, Answer answer, JsonNode list) {
        promise.that(answer.json(), "%s %s", answer, PromiseAssert.shown(answer.text()))
            .satisfies(json -> json.isArray() && json.size() == list.size()
                && IntStream.range(0, list.size()).allMatch(i -> has(json.get(i), list.get(i))));
    }

    /// An instrument may have more members than those that are asked for.
    private static boolean has(JsonNode instrument, JsonNode wanted) {
        return wanted.properties().stream().allMatch(member ->
            member.getValue().equals(instrument.get(member.getKey())));
    }

    private void isUnchanged(Answer before) {
        has(promise("the list as it was: that PUT was refused", "S16 · RFC 9110 §13.2.1"), list(),
            before.json());
    }
}
