package labs.lab05;

import module java.base;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import market.*;
import org.junit.jupiter.api.*;
import wirelab.check.*;
import wirelab.subject.Setting;
import wirelab.wire.*;
import wirelab.wire.EventStream.Event;

@DisplayName("Server-Sent Events")
public class Lab05 extends Checks {
    public static final List<Setting> SETTINGS = List.of(
        new Setting("HEARTBEAT_MS", "15000"), new Setting("RETRY_MS", "1000"));
    public static final List<Class<? extends Checks>> PARTS = List.of(Lab05Client.class);

    private static final String PATH = "/quotes/stream";
    private static final String LAST_EVENT_ID = "Last-Event-ID";
    /// As long as a notice may be, in bytes.
    private static final int LONGEST = 64 * 1024;
    private static final List<String> TEXTS = List.of("lunch", "one\ntwo", "a\r\nb\rc\n\nd", "\n\n",
        "ends with a line\n", " one space\n  two", "", ":no comment",
        "data: x\n\nid: 7\nevent: quote\nretry: 1", "1\u20282\u20293\u00854\u000b5\f6", "Ünï 💶",
        "x".repeat(LONGEST));

    private static String after(long id) { return PATH + "?after=" + id; }

    private List<EventStream> streams(int count, String path) {
        return Stream.generate(() -> stream(path)).limit(count).toList();
    }

    private Answer post(String notice) {
        return send("POST", "/notices", notice, "Content-Type", "text/plain; charset=utf-8");
    }

    @Test @Order(1) @Tag("TODO-1")
    void the_head_and_the_first_bytes_come_at_once() {
        var stream = stream(after(publish().id()), "Accept", "*/*", "Accept-Encoding", "gzip");

        promise("200 before there is any event", "S2 · WHATWG HTML §9.2.3",
            "until then its client is in the dark").of(stream.head()).hasStatus(200);
        promise("Content-Type: text/event-stream", "S1 · WHATWG HTML §9.2.3",
            "a client gives up forever when it finds another type")
            .of(stream.head()).hasHeaderLike("Content-Type", "(?i)text/event-stream *(;.*)?");
        promise("Cache-Control: no-store", "S1 · RFC 9111 §5.2.2.5", "a stream is not a document")
            .of(stream.head()).hasToken("Cache-Control", "no-store");
        promise("Content-Encoding: none, although the client accepts gzip", "S1",
            "a compressor waits for more before it lets anything out")
            .that(stream.head().header("Content-Encoding").orElse("none"))
            .isOneOf("none", "identity");
        var line = "retry: " + settings().text("RETRY_MS");
        var like = Pattern.compile("(?m)^\ufeff?" + line.replace(" ", " ?") + "$\\v").asPredicate();
        var retry = promise("the line " + line, "S2 · WHATWG HTML §9.2.6",
            "without it each client comes back when it likes");
        var text = eventually(stream::text, seen -> like.test(seen) || stream.ended());
        retry.holds(like.test(text), "%s", text.isEmpty() ? "no byte of the stream" : text);
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_quote_is_one_event_and_a_blank_line_ends_it() throws IOException {
        var before = publish().id();
        var quotes = List.of(publish("BTC"), publish("ETH"), publish("Ünï 💶"));
        var stream = stream(after(before));

        var events = promise("three events, one for each quote", "S3 · WHATWG HTML §9.2.6",
            "the blank line after an event dispatches it").of(stream).hasEvents(3);
        for (var i = 0; i < 3; i++) assertIs(quotes.get(i), events.get(i));
        var text = stream.text();
        promise("the line retry: once in the stream, before the first event", "S2")
            .holds(text.lines().filter(line -> line.matches("\ufeff?retry.*")).count() == 1
                && text.indexOf("retry") < text.indexOf("data"), "%s", text);
    }

    private void assertIs(Quote quote, Event event) throws IOException {
        var json = Market.JSON.writeValueAsString(quote);
        promise("id: %d, event: quote, data: %s in one line".formatted(quote.id(), json),
            "S3 · WHATWG HTML §9.2.5", "the id is what a client comes back with")
            .holds(id(event).equals("id: " + quote.id()) && event.type().equals("quote")
                && event.json().equals(Market.JSON.readTree(json))
                && event.data().lines().count() == 1,
                "%s, event: %s, data: %s", id(event), event.type(), event.data());
    }

    private static String id(Event event) {
        return event.id() == null ? "no id" : "id: " + event.id();
    }

    @Test @Order(3) @Tag("TODO-3")
    void each_event_goes_out_when_it_happens() {
        var last = publish().id();
        var streams = streams(2, after(last));
        var late = new ArrayList<Long>();
        for (var i = 1; i <= 6; i++) {
            var published = System.nanoTime();
            var ids = ids(last + 1, publish().id());
            var atOnce = promise("quote %d to both clients before the next is published".formatted(
                ids.getLast()), "S4", "a quote that waits in a buffer is no longer news");
            for (var stream : streams) atOnce.of(stream).hasQuotes(ids);
            late.add(streams.stream().mapToLong(stream -> stream.events().getLast().at()).max()
                .orElseThrow() - published);
        }

        // A busy machine makes some late. A server that looks every now and then makes all of them
        // late, since each is published right after the last has come.
        var soonest = late.stream().sorted().toList().get(1) / 1_000_000;
        promise("each quote within 150 ms after its POST", "S4",
            "a server that looks every now and then is a poll in disguise")
            .that(soonest, "all but one after %d ms or more", soonest).isBelow(150L);
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_notice_reaches_every_client_as_it_was_written() throws IOException {
        var last = publish().id();
        var streams = streams(2, after(last - 1));
        var begun = promise("quote %d to both clients, before any notice".formatted(last), "S5");
        for (var stream : streams) begun.of(stream).hasEvents(1);
        for (var text : TEXTS)
            promise("202 to POST /notices", "S16").of(post(text)).hasStatus(202, 204);

        for (var stream : streams)
            for (var i = 0; i < TEXTS.size(); i++) assertNotice(stream, i, last);
        promise("413 to a notice of %d bytes".formatted(LONGEST + 1), "S16 · RFC 9110 §15.5.14")
            .of(post("x".repeat(LONGEST + 1))).hasStatus(413);
    }

    private void assertNotice(EventStream stream, int number, long last) throws IOException {
        var text = TEXTS.get(number).replaceAll("\r\n?", "\n");
        var notice = promise("event: notice with the text " + visible(text),
            "S17 · S18 · WHATWG HTML §9.2.5",
            "each \\n, \\r and \\r\\n, and nothing else, begins a new line of data");
        var event = notice.of(stream).hasEvents(number + 2).get(number + 1);
        notice.holds(event.type().equals("notice") && event.data().equals(text),
            "event: %s with the text %s", event.type(), visible(event.data()));
        promise("no id with a notice: the last event id stays " + last,
            "S17 · WHATWG HTML §9.2.6", "a notice is not in the log: nobody can go on after it")
            .that(id(event)).is("id: " + last);
    }

    /// As JSON in ASCII: on one line, with all that may be the end of one escaped.
    private static String visible(String text) throws IOException {
        return PromiseAssert.shown(Market.JSON.writer().with(JsonWriteFeature.ESCAPE_NON_ASCII)
            .writeValueAsString(text));
    }

    @Test @Order(5) @Tag("TODO-5")
    void a_stream_begins_after_the_id_that_the_client_names() {
        var first = publish(6).getFirst();
        var third = "" + (first + 2);
        var streams = List.of(stream(PATH, LAST_EVENT_ID, third), stream(after(first + 2)),
            stream(after(first), LAST_EVENT_ID, third),
            stream(after(first + 5), "last-event-id", third),
            stream(after(first + 2), LAST_EVENT_ID, ""));

        var replay = promise("exactly the quotes after %s: %d–%d".formatted(third, first + 3,
            first + 5), "S6 · WHATWG HTML §9.2.4", "the client has seen those before");
        for (var stream : streams) replay.of(stream).hasQuotes(ids(first + 3, first + 5));
        var next = publish().id();
        var live = promise("then quote %d, which was published later".formatted(next), "S5");
        for (var stream : streams) live.of(stream).hasQuotes(ids(first + 3, next));

        var last = publish(520).getLast();
        var oldest = Math.max(1, last - settings().number("FEED_CAPACITY") + 1);
        assertBegins(promise("all quotes that are kept, from " + oldest, "S7",
            "a client that names no id knows nothing yet"), stream(PATH), ids(oldest, last));

        for (var bad : List.of("", "-1", "1.5", "x", "%2B1", "99999999999999999999"))
            promise("400 to after=" + (bad.isEmpty() ? " (empty)" : bad), "S8 · RFC 9110 §15.5.1")
                .of(stream(PATH + "?after=" + bad).head()).hasStatus(400);
    }

    /// The stream has exactly these quotes, with no other event before them.
    private static void assertBegins(PromiseAssert promise, EventStream stream, List<Long> ids) {
        promise.of(stream).hasQuotes(ids);
        var first = stream.events().getFirst().type();
        promise.that(first, "event: %s before them", first).is("quote");
    }

    @Test @Order(6) @Tag("TODO-3")
    void no_quote_is_lost_or_repeated_while_they_pour_in() {
        var before = publish().id();
        // 300 quotes; the last of all ids.
        var pouring = beside(() -> Stream.generate(() -> publish(10)).limit(30).toList().getLast()
            .getLast());
        var steady = streams(2, after(before));
        var once = promise("each quote once, to clients that hang up and come back while they "
            + "pour in", "S5", "if replay and live are two steps, a quote published between them "
            + "arrives twice or never");
        var clients = Stream.generate(() -> new ArrayList<>(List.of(before))).limit(5).toList();
        atOnce(clients.stream().map(seen -> () -> {
            while (!pouring.isDone()) resume(seen, 0, once);
            while (seen.getLast() < result(pouring)) resume(seen, 1, once);
        }));

        var last = result(pouring);
        for (var seen : clients) once.ofIds(seen).areExactly(ids(before, last));
        var all = promise("each quote once, to clients that stay while they pour in", "S5",
            "several may come at once, and more while they are written");
        for (var stream : steady) all.of(stream).hasQuotes(ids(before + 1, last));
    }

    /// A client comes back after the last id that it has seen, waits for `least` quotes, and hangs
    /// up after a moment at random, in the replay or later.
    private void resume(List<Long> seen, int least, PromiseAssert once) {
        try (var stream = stream(PATH, LAST_EVENT_ID, "" + seen.getLast())) {
            var wanted = ThreadLocalRandom.current().nextInt(1, 20);
            eventually(Duration.ofMillis(4), stream::events, events -> events.size() >= wanted);
            var ids = stream.ids(least);
            once.holds(ids.size() >= least, "nothing after quote %d", seen.getLast());
            seen.addAll(ids);
        }
    }

    @Test @Order(7) @Tag("TODO-6")
    void an_id_that_is_not_in_the_log_gets_a_reset_first() {
        restartWith("FEED_CAPACITY", "20");
        var capacity = settings().number("FEED_CAPACITY");
        if (capacity == 20) assertReset(1, 0, PATH, LAST_EVENT_ID, "57");
        var dropped = publish().id();
        var newest = publish(capacity).getLast();
        var oldest = dropped + 1;

        for (var id : List.of("" + (oldest - 2), "" + (newest + 1), "x", "-1", "1.5", "0x7",
            "99999999999999999999"))
            assertReset(oldest, newest, PATH, LAST_EVENT_ID, id);
        for (var id : List.of(oldest - 2, newest + 1)) assertReset(oldest, newest, after(id));
        assertBegins(promise("no reset after quote %d: nothing after it is lost".formatted(dropped),
            "S9"), stream(PATH, LAST_EVENT_ID, "" + dropped), ids(oldest, newest));
        var next = stream(PATH, LAST_EVENT_ID, "" + newest);
        next.head();
        var id = publish().id();
        assertBegins(promise("no reset after quote %d: it is the newest".formatted(newest), "S9"),
            next, ids(id, id));
    }

    private void assertReset(long oldest, long newest, String path, String... headers) {
        var stream = stream(path, headers);
        var promise = promise("""
            first event: reset, id: %d, data: {"oldest":%d,"newest":%d} to %s""".formatted(
            oldest - 1, oldest, newest, headers.length == 0 ? path : String.join(": ", headers)),
            "S9 · S10", "otherwise quotes are lost, and nobody knows");
        var first = promise.of(stream).hasEvents(1).getFirst();
        promise.holds(first.type().equals("reset") && id(first).equals("id: " + (oldest - 1))
            && ("" + first.json().path("oldest")).equals("" + oldest)
            && ("" + first.json().path("newest")).equals("" + newest),
            "event: %s, %s, data: %s", first.type(), id(first), first.data());
        promise("after the reset all quotes that are kept, from %d to %d, if any".formatted(oldest,
            newest), "S10").of(stream).hasQuotes(ids(oldest, newest));
    }

    @Test @Order(8) @Tag("TODO-7")
    void silence_is_broken_by_a_comment() {
        var heartbeat = shorten("HEARTBEAT_MS", 40);
        var last = publish().id();
        var promise = promise("a line that begins with a colon after each %d ms of silence"
            .formatted(heartbeat.toMillis()), "S11 · WHATWG HTML §9.2.7",
            "a proxy cuts a connection that looks dead");
        var begun = System.nanoTime();
        var stream = stream(after(last));
        var text = eventuallyAfter(heartbeat.multipliedBy(3), stream::text,
            seen -> comments(seen) >= 2 && System.nanoTime() - begun > 3 * heartbeat.toNanos()
                || stream.ended());
        var took = (System.nanoTime() - begun) / 1_000_000;

        promise.holds(comments(text) >= 2 && comments(text) <= took / heartbeat.toMillis() + 1,
            "%d comments in %d ms%s", comments(text), took, stream.ended() ? ", then the end" : "");
        var events = stream.events().stream().map(Event::type).toList();
        promise("no event", "S11 · WHATWG HTML §9.2.6", "every application would get it")
            .that(events, "event: %s", String.join(", ", events)).isEmpty();
    }

    private static long comments(String text) {
        return text.lines().filter(line -> line.startsWith(":")).count();
    }

    @Test @Order(9) @Tag("TODO-8")
    void a_client_that_hangs_up_is_forgotten_at_once() {
        var before = quiet();
        var streams = streams(3, PATH);
        streams.forEach(EventStream::head);
        assertHeld(before, 3);
        streams.forEach(EventStream::hangUp);

        assertListeners(before, 0, promise("0 listeners after all 3 clients hung up", "S12",
            "the next heartbeat would find out, but in %d ms; see HangUp.watch"
                .formatted(settings().number("HEARTBEAT_MS"))));
    }

    private void assertHeld(int before, int streams) {
        assertListeners(before, streams,
            promise("one listener for each stream, %d in all".formatted(streams), "S12"));
    }

    private void assertListeners(int before, int wanted, PromiseAssert promise) {
        var held = eventually(this::listeners, all -> all == before + wanted) - before;
        promise.that(held, "listeners: %d", held).is(wanted);
    }

    @Test @Order(10) @Tag("TODO-9")
    void a_client_that_reads_no_notices_delays_nobody_and_is_dropped() {
        var last = publish().id();
        var before = quiet();
        var reader = stream(after(last));
        var stalled = unread(after(last));
        reader.head();
        assertHeld(before, 2);
        var text = "x".repeat(LONGEST);
        for (var i = 8; i <= 400 && listeners() >= before + 2; i += 8) {
            var atOnce = promise("202 at once, and notice %d to the client that reads".formatted(i),
                "S13", "one client that does not read must not hold up the others");
            for (var j = 0; j < 8; j++) atOnce.of(post(text)).hasStatus(202, 204);
            atOnce.of(reader).hasEvents(i);
        }

        assertListeners(before, 1, promise("1 listener: a client with more than 1 MiB of notices "
            + "to read is dropped", "S19", "whatever waits for it fills the memory"));
        stalled.readOn();
        eventually(stalled::bytes, _ -> stalled.ended());
        promise("the end of the stream of the client that did not read", "S19",
            "it must know that it missed something").holds(stalled.ended(), "no end of it");
        promise("no end of the stream of the client that reads", "S13")
            .holds(!reader.ended(), "its end");
    }

    @Test @Order(11) @Tag("TODO-9")
    void a_client_that_reads_no_quotes_delays_nobody_and_finds_them_in_the_log() {
        restartWith("FEED_CAPACITY", "70");
        var bounded = settings().number("FEED_CAPACITY") > 70 || isReset(60) || isReset(240);

        promise("reset: the log keeps 70 quotes, and twice as many came", "S14",
            "quotes that are kept for one client alone fill the memory")
            .holds(bounded, "all quotes, as if none were lost");
    }

    /// Two clients don't read: one is there before the quotes come, one goes on from before them.
    /// Whether both get a reset, or the end of the stream.
    ///
    /// @param large how many quotes of 90 kB; the system takes some megabytes before it makes a
    ///              server wait
    private boolean isReset(int large) {
        var last = publish().id();
        var before = quiet();
        var live = unread(after(last));
        assertHeld(before, 1);
        var atOnce = promise("201 at once to each POST /quotes, and the newest quote to a client "
            + "that reads", "S13", "a client that does not read must not hold up the others");
        for (var i = 0; i < large; i++) publish("LONG".repeat(22_500));
        var replayed = unread(after(last + large - 60));
        // Unless the server has ended the other stream already, as it may.
        eventually(Duration.ofSeconds(1), this::listeners, n -> n >= before + 2);
        var newest = publish(80).getLast();
        try (var reader = stream(after(newest - 1))) {
            atOnce.of(reader).hasQuotes(ids(newest, newest));
            return isReset(live, last, newest) & isReset(replayed, last + large - 60, newest);
        }
    }

    /// Each quote is the one after that before it, or the one that a reset announced.
    private boolean isReset(EventStream stalled, long last, long newest) {
        var whole = promise("each quote after %d up to %d, or a reset where some are lost"
            .formatted(last, newest), "S14", "a queue that is full must not lose quotes silently");
        stalled.readOn();
        var all = eventually(stalled::events, seen -> stalled.ended()
            || seen.stream().anyMatch(event -> id(event).equals("id: " + newest)));
        var ended = stalled.ended();
        var next = last + 1;
        for (var event : all)
            if (event.type().equals("reset")) next = event.json().path("oldest").asLong();
            else whole.holds(id(event).equals("id: " + next), "%s in place of id: %d", id(event),
                next++);
        whole.holds(ended || next == newest + 1, "nothing after quote %d", next - 1);
        stalled.hangUp();
        return ended || all.stream().anyMatch(event -> event.type().equals("reset"));
    }

    @Test @Order(17) @Tag("TODO-13") @Tag("bonus")
    void a_server_that_stops_says_goodbye() {
        var streams = streams(3, after(publish().id() - 1));
        streams.forEach(EventStream::head);
        stopOrSkip();

        var goodbye = promise("goodbye as the last event of each client", "S15",
            "otherwise the client takes a planned stop for a failure");
        for (var stream : streams) {
            var all = eventually(stream::events, _ -> stream.ended());
            goodbye.that(all.isEmpty() ? "no event" : "event: " + all.getLast().type())
                .is("event: goodbye");
        }
        var whole = exchanges().stream().filter(one -> one.request().start().contains(PATH))
            .filter(one -> one.answer() != null && one.answer().complete()).count();
        promise("the orderly end of all 3 streams: their last chunk", "S15 · RFC 9112 §7.1",
            "a connection that breaks off looks like a failure")
            .that(whole, "%d of 3 with their last chunk", whole).is(3L);
    }
}
