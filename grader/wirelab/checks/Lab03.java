package wirelab.checks;

import module java.base;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import market.Instrument;
import market.Market;
import mockwebserver3.*;
import org.junit.jupiter.api.*;
import wirelab.Answer;
import wirelab.Checks;
import wirelab.Follower;

@DisplayName("conditional GET")
public class Lab03 extends Checks {
    private static final String PATH = "/instruments";

    private Answer list(String... headers) { return get(PATH, headers); }

    private Answer put(String json, String... headers) { return send("PUT", PATH, json, headers); }

    private Answer closing(String method, String... headers) {
        return sendAndReadToTheEnd(method, PATH, headers);
    }

    @Test @Order(1) @Tag("TODO-1")
    void the_ETag_is_strong_and_quoted_and_changes_exactly_when_the_list_does() {
        keep();
        var before = list();
        assertThat(before).as(promise("ETag: \"…\", in double quotes and without W/",
            "RFC 9110 §8.8.3", "the quotes belong to the tag")).hasStatus(200)
            .hasHeaderLike("ETag", "\"[!#-~\\x80-\\xff]*\"");
        publish();
        assertThat(list()).as(promise("the same ETag as before, also after POST /quotes",
            "RFC 9110 §8.8.3", "a tag that changes by itself costs every client its copy"))
            .hasHeader("ETag", tag(before));

        // Texts with the same hashCode(), written within the same second.
        var stem = fresh();
        var tags = Stream.of("AaAa", "AaBB", "BBAa", "BBBB")
            .map(end -> replaced(array(stem + end))).map(this::tag).toList();
        assertThat(tags).as(promise("4 lists after one another, 4 tags", "RFC 9110 §8.8.1",
            "a tag that comes again for another list tells a client to keep the wrong one"))
            .overridingErrorMessage("ETags %s", String.join(" ", tags)).doesNotHaveDuplicates();
    }

    @Test @Order(2) @Tag("TODO-2")
    void who_has_the_current_list_gets_304_and_nothing_after_the_headers() {
        var tag = tag(list());
        assertThat(closing("GET", "If-None-Match", tag))
            .as(promise("304, and nothing after the headers", "RFC 9110 §15.4.5",
                "the client has it, and takes what follows a 304 for the next answer"))
            .hasStatus(304).hasNoBody();

        var other = list("If-None-Match", "\"" + fresh() + "\"");
        assertThat(other).as(promise("200 and the list: the client has another one",
            "RFC 9110 §13.1.2")).hasStatus(200).hasHeader("ETag", tag);
        assertThat(instruments(other)).isEqualTo(instruments(list()));
    }

    @Test @Order(3) @Tag("TODO-3")
    void a_304_repeats_what_a_200_says_about_the_list() {
        var full = list("Accept-Encoding", "gzip");
        promise("Cache-Control: no-cache with a 200", "RFC 9111 §5.2.2.4",
            "without it a cache may use its copy for a while without asking");
        assertThat(full).hasStatus(200).hasToken("Cache-Control", "no-cache");
        var same = list("Accept-Encoding", "gzip", "If-None-Match", tag(full));

        promise("304 with the same ETag, Cache-Control and Vary", "RFC 9110 §15.4.5",
            "caches take them from a 304, too");
        assertThat(same).hasStatus(304).hasHeader("ETag", tag(full))
            .hasToken("Cache-Control", "no-cache");
        assertThat("Vary: " + same.header("Vary").orElse("none"))
            .isEqualTo("Vary: " + full.header("Vary").orElse("none"));
        var length = "" + full.message().body().length;
        promise("no Content-Length in a 304, or " + length + ", as in a 200", "RFC 9110 §8.6",
            "it is about the content that isn't there; Javalin's ctx.status(304) makes it 0");
        assertThat("Content-Length: " + same.header("Content-Length").orElse(length))
            .isEqualTo("Content-Length: " + length);
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_weak_tag_matches_the_strong_one_when_reading() {
        var tag = tag(list());

        assertThat(list("If-None-Match", "W/" + tag)).as(promise("304: the comparison is weak here",
            "RFC 9110 §13.1.2", "caches on the way may have made the tag weak")).hasStatus(304);
        assertThat(list("If-None-Match", "W/\"" + fresh() + "\""))
            .as(promise("200: that is another tag", "RFC 9110 §8.8.3.2")).hasStatus(200);
    }

    @Test @Order(5) @Tag("TODO-5")
    void several_tags_may_be_listed_in_one_line_or_more_and_may_contain_commas() {
        var tag = tag(list());
        var text = tag.replace("\"", "");
        promise("304: one of the listed tags is current", "RFC 9110 §13.1.2",
            "a client may have kept several states");
        assertThat(list("If-None-Match", "\"a\", " + tag)).hasStatus(304);
        assertThat(list("If-None-Match", ", \"a\" ,," + tag + "\t, W/\"b\"")).hasStatus(304);
        promise("304: several lines are one list", "RFC 9110 §5.2");
        assertThat(list("If-None-Match", "\"a\"", "If-None-Match", tag)).hasStatus(304);
        assertThat(list("If-None-Match", tag, "If-None-Match", "\"a\"")).hasStatus(304);

        promise("200: this is one tag, and not the current one", "RFC 9110 §8.8.3",
            "commas may stand inside a tag; it is equal as a whole or not at all");
        for (var one : List.of("a," + text + ",b", "a, " + text, text + ",", "a,*,b", text + text))
            assertThat(list("If-None-Match", "\"" + one + "\"")).hasStatus(200);
    }

    @Test @Order(6) @Tag("TODO-6")
    void an_asterisk_matches_whatever_the_list_is() {
        assertThat(list("If-None-Match", "*")).as(promise("304: * stands for any state",
            "RFC 9110 §13.1.2")).hasStatus(304);
        assertThat(list("If-None-Match", "\"*\"")).as(promise("200: in quotes it is a tag",
            "RFC 9110 §8.8.3")).hasStatus(200);
    }

    @Test @Order(7) @Tag("TODO-7")
    void HEAD_gets_the_status_and_headers_of_GET_and_no_content() {
        var whole = list();
        var head = closing("HEAD");
        assertThat(head).as(promise("200 with the headers of a GET, nothing after them",
            "RFC 9110 §9.3.2", "without a route of its own Javalin answers HEAD past your code"))
            .hasStatus(200).hasHeader("ETag", tag(whole)).hasToken("Cache-Control", "no-cache")
            .hasNoBody();
        var length = "" + whole.message().body().length;
        promise("Content-Length: " + length + " as in a GET, or none", "RFC 9110 §8.6");
        assertThat(head.header("Content-Length").orElse(length)).isEqualTo(length);

        assertThat(closing("HEAD", "If-None-Match", tag(whole)))
            .as(promise("304 to a HEAD with the current tag", "RFC 9110 §13.1.2"))
            .hasStatus(304).hasHeader("ETag", tag(whole)).hasNoBody();
    }

    @Test @Order(8) @Tag("TODO-8")
    void a_PUT_replaces_the_list_only_if_it_is_the_one_that_the_writer_saw() {
        keep();
        var stale = tag(list());
        var json = array(fresh());
        var done = put(json, "If-Match", stale);
        var now = list();
        assertThat(done).as(promise("204 or 200: the list still had this tag",
            "RFC 9110 §13.1.1")).hasStatus(204, 200);
        promise("the new list from then on", "RFC 9110 §9.3.4");
        assertThat(instruments(now)).isEqualTo(instruments(json));
        var tag = tag(now);
        assertThat(done).as(promise("ETag: " + tag + " with that answer", "lab text",
            "it is the new list's: the writer can go on without a GET")).hasHeader("ETag", tag);

        writes(412, "it has changed since: an update would be lost", "If-Match", stale);
        writes(412, "a weak tag is too weak to write", "If-Match", "W/" + tag);
        writes(412, "304 would say: use your copy", "If-None-Match", tag);
        writes(412, "there is a list, whatever its state", "If-None-Match", "*");
        unchanged(now);
        writes(204, "one of the listed tags is current", "If-Match", stale + ", " + tag);
        writes(204, "there is a list, whatever its state", "If-Match", "*");
    }

    private void unchanged(Answer before) {
        assertThat(instruments(list())).as(promise("the list as it was: that PUT was refused",
            "RFC 9110 §13.2.1")).isEqualTo(instruments(before));
    }

    @Test @Order(9) @Tag("TODO-8")
    void of_several_PUTs_with_the_same_tag_exactly_one_succeeds() {
        keep();
        var now = list();
        for (var round = 0; round < 60; round++) {
            var lists = Stream.generate(() -> array(fresh())).limit(3).toList();
            var answers = together("PUT", PATH, lists, "If-Match", haystack(tag(now)));
            var won = IntStream.range(0, 3).filter(i -> answers.get(i).status() / 100 == 2)
                .mapToObj(lists::get).toList();
            var lost = answers.stream().filter(answer -> answer.status() == 412).count();
            assertThat(won.size() == 1 && lost == 2).as(promise(
                "204 or 200 to one of three, 412 to the others", "RFC 9110 §13.1.1",
                "check and write must be one step: else two find the tag that both replace"))
                .overridingErrorMessage("%d succeed, %d get 412", won.size(), lost).isTrue();
            promise("the list of the PUT that succeeded", "RFC 9110 §9.3.4");
            now = list();
            assertThat(instruments(now)).isEqualTo(instruments(won.getFirst()));
        }
    }

    /// A list of tags that takes its time to read, so that checks overlap; the tag comes last.
    private static String haystack(String tag) {
        return IntStream.range(0, 400).mapToObj(i -> "\"" + i + "\", ")
            .collect(Collectors.joining()) + tag;
    }

    @Test @Order(10) @Tag("TODO-8")
    void a_PUT_without_a_precondition_or_with_a_bad_body_is_refused_and_changes_nothing() {
        keep();
        var before = list();
        assertThat(put(array(fresh()))).as(promise("428: a PUT needs a precondition",
            "RFC 6585 §3", "who overwrites unseen destroys what others wrote")).hasStatus(428);
        unchanged(before);

        var good = "{\"symbol\":\"A\",\"name\":\"a\",\"tick\":1}";
        for (var bad : List.of("", "x", "{}", good, "[" + good, "[1]", "[null]",
                "[" + good + "," + good + "]", "[" + good.replace("\"A\"", "\"\"") + "]",
                "[" + good.replace("\"A\"", "1") + "]", "[" + good.replace("name", "nom") + "]",
                "[" + good.replace("\"a\"", "\"\"") + "]", "[" + good.replace("1}", "0}") + "]",
                "[" + good.replace("1}", "-1}") + "]", "[" + good.replace("1}", "1e999}") + "]",
                "[" + good.replace("1}", "\"1\"}") + "]")) {
            promise("400 to this body", "RFC 9110 §15.5.1", "it is not a list of instruments");
            assertThat(put(bad, "If-Match", tag(before))).hasStatus(400);
            unchanged(before);
        }
    }

    @Test @Order(11) @Tag("TODO-2")
    void a_tag_beats_a_date_when_reading() {
        var now = list();
        var since = now.header("Last-Modified").orElseGet(() -> date(Instant.now()));
        promise("200: another tag, so the client's list is another one", "RFC 9110 §13.1.3",
            "If-Modified-Since is for those who don't know tags: ignored beside If-None-Match");
        assertThat(list("If-None-Match", "\"" + fresh() + "\"", "If-Modified-Since", since))
            .hasStatus(200);

        promise("304: the same tag, whatever the date says", "RFC 9110 §13.1.3",
            "If-Modified-Since is for those who don't know tags: ignored beside If-None-Match");
        assertThat(list("If-None-Match", tag(now), "If-Modified-Since",
            "Sat, 01 Jan 2000 00:00:00 GMT")).hasStatus(304);
    }

    @Test @Order(12) @Tag("TODO-11") @Tag("client")
    void the_client_sends_the_tag_of_its_copy_and_uses_the_copy_after_a_304() throws IOException {
        var first = array(fresh());
        var second = array(fresh());
        var third = array(fresh());
        var origin = new Origin();
        origin.state = new State(first, "\"a,1\"");
        try (var client = follow(serve(origin), 0, Duration.ofMillis(5))) {
            assertDelivers(client, first);
            assertAsks(origin.last(), "\"a,1\"",
                "only with the tag of its copy, as it came, can the server answer 304");
            origin.state = new State(second, "W/\"2\"");
            assertDelivers(client, second);
            assertAsks(origin.last(), "W/\"2\"", "the ETag of the newer list");
            var before = origin.asked.size();
            origin.fail();
            assertDelivers(client, second);
            assertAsks(origin.asked.stream().skip(before).toList(), "W/\"2\"",
                "a 503 or a broken connection says nothing about the copy");
            origin.state = new State(third, null);
            assertDelivers(client, third);
            assertAsks(origin.last(), "none", "the list came without an ETag");
        }
    }

    private void assertAsks(List<String> asked, String wanted, String because) {
        assertThat(asked).as(promise("If-None-Match: " + wanted, "RFC 9110 §13.1.2", because))
            .overridingErrorMessage("If-None-Match: %s", String.join(", then ", asked))
            .containsOnly(wanted);
    }

    /// The client gives this list to its sink at each poll, but for one that is under way now.
    private void assertDelivers(Follower client, String json) {
        var before = client.values(0).size();
        var values = eventually(SOON, () -> client.values(0),
            seen -> seen.size() >= before + 3 || client.ended().isPresent());
        var later = values.stream().skip(before + 1).toList();
        assertThat(later.size() > 1 && later.stream().allMatch(tree(json)::equals))
            .as(promise("the list of " + symbols(tree(json)) + " at each poll", "lab text",
                "after a 304 it is the kept one: drop it, and nothing is left to give"))
            .overridingErrorMessage("%sdelivered %d, the last of them the list of %s",
                client.ended().map(how -> String.join(" ", how) + "; ").orElse(""),
                values.size() - before, values.isEmpty() ? "none" : symbols(values.getLast()))
            .isTrue();
    }

    private static String symbols(JsonNode list) {
        return list.isEmpty() ? "nothing" : String.join(", ", list.findValuesAsText("symbol"));
    }

    @Test @Order(13) @Tag("TODO-9") @Tag("bonus")
    void all_four_preconditions_count_in_the_order_of_the_standard() {
        keep();
        var now = replaced(array(fresh()));
        var tag = tag(now);
        var other = "\"" + fresh() + "\"";
        assertThat(now).as(promise("Last-Modified with a 200", "RFC 9110 §8.8.2"))
            .hasHeaderLike("Last-Modified", "\\w{3}, \\d\\d \\w{3} \\d{4} [\\d:]{8} GMT");
        var since = now.header("Last-Modified").orElseThrow();
        var earlier = date(Instant.from(HTTP_DATE.parse(since)).minusSeconds(1));

        reads(304, "not changed since; dates have whole seconds", "If-Modified-Since", since);
        reads(200, "changed since", "If-Modified-Since", earlier);
        reads(200, "what is not a date is ignored", "If-Modified-Since", "yesterday");
        reads(200, "not changed since", "If-Unmodified-Since", since);
        reads(412, "changed since", "If-Unmodified-Since", earlier);
        reads(200, "If-Match beats the date", "If-Match", tag, "If-Unmodified-Since", earlier);
        reads(412, "If-Match beats the date", "If-Match", other, "If-Unmodified-Since", since);
        reads(304, "If-Match holds, then it", "If-Match", tag, "If-None-Match", tag);
        reads(412, "If-Match comes first", "If-Match", other, "If-None-Match", tag);
        reads(412, "it comes before If-None-Match", "If-Unmodified-Since", earlier,
            "If-None-Match", tag);
        writes(412, "changed since", "If-Unmodified-Since", earlier);
        writes(428, "what is not a date is ignored", "If-Unmodified-Since", "yesterday");
        writes(428, "that one is for reading", "If-Modified-Since", earlier);
        unchanged(now);
        writes(204, "not changed since; the other is for reading", "If-Unmodified-Since", since,
            "If-Modified-Since", since);
    }

    private void reads(int status, String because, String... headers) {
        assertThat(list(headers)).as(promise(status + " to GET with " + shown(headers),
            "RFC 9110 §13.2.2", because)).hasStatus(status);
    }

    /// @param status 204 stands for 200 as well
    private void writes(int status, String because, String... headers) {
        promise(status + " to PUT with " + shown(headers),
            status == 428 ? "RFC 6585 §3" : "RFC 9110 §13.2.2", because);
        assertThat(put(array(fresh()), headers)).hasStatus(status, status == 204 ? 200 : status);
    }

    private static String shown(String... headers) {
        return IntStream.range(0, headers.length / 2)
            .mapToObj(i -> headers[2 * i] + ": " + headers[2 * i + 1])
            .collect(Collectors.joining(" and "));
    }

    @Test @Order(14) @Tag("TODO-10") @Tag("bonus")
    void each_coding_has_its_own_tag_and_Vary_says_so() throws IOException {
        var plain = list();
        var packed = list("Accept-Encoding", "identity;q=0.5, gzip;q=0.8");
        assertThat(packed).as(promise("200 with Content-Encoding: gzip", "RFC 9110 §12.5.3"))
            .hasStatus(200).hasHeader("Content-Encoding", "gzip");
        promise("the same list, compressed with gzip", "RFC 9110 §8.4.1.3");
        assertThat(instruments(unpacked(packed.message().body()))).isEqualTo(instruments(plain));
        assertThat(tag(packed)).as(promise("two tags for two codings", "RFC 9110 §8.8.3.3",
            "a strong tag promises the same bytes")).isNotEqualTo(tag(plain));
        promise("Vary: Accept-Encoding, compressed or not", "RFC 9110 §12.5.5",
            "else a cache hands gzip to clients that can't read it");
        assertThat(plain).hasToken("Vary", "Accept-Encoding");
        assertThat(packed).hasToken("Vary", "Accept-Encoding");

        var same = list("Accept-Encoding", "gzip", "If-None-Match", tag(packed));
        assertThat(same).as(promise("304 with ETag and Vary: the client has these bytes",
            "RFC 9110 §15.4.5")).hasStatus(304).hasHeader("ETag", tag(packed))
            .hasToken("Vary", "Accept-Encoding");
        assertThat(list("Accept-Encoding", "gzip", "If-None-Match", tag(plain)))
            .as(promise("200: the tag is of the other coding", "RFC 9110 §13.1.2")).hasStatus(200);
        for (var none : List.of("gzip;q=0", "identity, gzip; q=0.000", "identity"))
            assertThat(list("Accept-Encoding", none).header("Content-Encoding").orElse("none"))
                .as(promise("no gzip with Accept-Encoding: " + none, "RFC 9110 §12.5.3",
                    "a weight of 0 means: not acceptable")).isEqualTo("none");
    }

    // ---- lists of instruments

    private static final DateTimeFormatter HTTP_DATE = DateTimeFormatter
        .ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH).withZone(ZoneOffset.UTC);

    /// As a header has it (RFC 9110 §5.6.7).
    private static String date(Instant instant) { return HTTP_DATE.format(instant); }

    /// A symbol that nobody can guess.
    private static String fresh() {
        var random = ThreadLocalRandom.current().nextLong(1L << 40, 1L << 50);
        return Long.toString(random, 36).toUpperCase(Locale.ROOT);
    }

    /// A list of one instrument, as JSON.
    private static String array(String symbol) {
        return "[{\"symbol\":\"%s\",\"name\":\"Test\",\"tick\":0.25}]".formatted(symbol);
    }

    /// The server gets its list back when this check is over.
    private void keep() {
        var json = list().text();
        watch(() -> put(json, "If-Match", "*"));
    }

    /// Replaces the list, and gets it.
    private Answer replaced(String json) {
        var tag = tag(list());
        assertThat(put(json, "If-Match", tag)).as(promise("204 or 200: the list has this tag",
            "RFC 9110 §13.1.1")).hasStatus(204, 200);
        return list();
    }

    private String tag(Answer answer) {
        if (answer.header("ETag").isEmpty()) promise("an ETag with the list", "RFC 9110 §8.8.3");
        return answer.header("ETag").orElseThrow(() -> new AssertionError(answer + ", no ETag"));
    }

    private static List<Instrument> instruments(Answer answer) {
        return instruments(answer.text());
    }

    private static List<Instrument> instruments(String json) {
        try {
            return List.of(Market.JSON.readerFor(Instrument[].class)
                .without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .readValue(json, Instrument[].class));
        } catch (IOException | NullPointerException malformed) {
            throw new AssertionError("a body that is not a JSON array of instruments: " + json);
        }
    }

    private static JsonNode tree(String json) {
        try {
            return Market.JSON.readTree(json);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    private static String unpacked(byte[] gzip) {
        try (var in = new GZIPInputStream(new ByteArrayInputStream(gzip))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException malformed) {
            throw new AssertionError("a body that is not gzip: " + malformed.getMessage());
        }
    }

    /// @param tag its ETag, null for none
    private record State(String json, String tag) {}

    /// A correct server for the client to poll.
    private static final class Origin extends Dispatcher {
        /// The If-None-Match of each request, or `none`.
        final List<String> asked = new CopyOnWriteArrayList<>();
        volatile State state;
        private final AtomicInteger failures = new AtomicInteger();

        List<String> last() { return List.of(asked.getLast()); }

        /// The next two requests get a 503 and a connection that breaks.
        void fail() { failures.set(2); }

        @Override public MockResponse dispatch(RecordedRequest request) {
            var tag = Objects.requireNonNullElse(request.getHeaders().get("If-None-Match"), "none");
            asked.add(tag);
            return switch (failures.getAndUpdate(left -> Math.max(0, left - 1))) {
                case 2 -> unavailable().build();
                case 1 -> new MockResponse.Builder()
                    .onResponseStart(new SocketEffect.CloseSocket()).build();
                default -> answer(tag, state);
            };
        }

        private static MockResponse answer(String tag, State now) {
            var answer = new MockResponse.Builder().setHeader("Cache-Control", "no-cache");
            if (tag.equals(now.tag))
                answer.status("HTTP/1.1 304 Not Modified").removeHeader("Content-Length");
            else answer.setHeader("Content-Type", "application/json").body(now.json);
            if (now.tag != null) answer.setHeader("ETag", now.tag);
            return answer.build();
        }
    }
}
