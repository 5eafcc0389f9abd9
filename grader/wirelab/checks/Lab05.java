package wirelab.checks;

import module java.base;
import com.fasterxml.jackson.databind.JsonNode;
import market.Market;
import market.Quote;
import mockwebserver3.*;
import okio.BufferedSink;
import org.junit.jupiter.api.*;
import wirelab.Answer;
import wirelab.Checks;
import wirelab.EventStream;
import wirelab.EventStream.Event;
import wirelab.Follower;
import wirelab.Lab;

@DisplayName("Server-Sent Events")
public class Lab05 extends Checks {
    private static final String PATH = "/quotes/stream";
    /// As long as a notice may be, in bytes.
    private static final int LONGEST = 64 * 1024;

    private static String after(long id) { return PATH + "?after=" + id; }

    private Answer notice(String text) {
        var answer = send("POST", "/notices", text, "Content-Type", "text/plain; charset=utf-8");
        if (answer.status() != 202 && answer.status() != 204) {
            promise("202 to POST /notices", "lab text");
            throw new AssertionError("" + answer);
        }
        return answer;
    }

    /// How many listeners there are once they are so many.
    private int listeners(int wanted) { return eventually(this::listeners, n -> n == wanted); }

    // ---- the stream

    @Test @Order(1) @Tag("TODO-1")
    void the_head_and_the_first_bytes_come_at_once() {
        var last = publish().id();
        promise("200 before there is any event", "WHATWG HTML §9.2.3",
            "a server that collects what it writes leaves its client in the dark");
        var stream = stream(after(last), "Accept", "*/*", "Accept-Encoding", "gzip");
        var head = stream.head();
        assertThat(head).hasStatus(200);
        promise("Content-Type: text/event-stream", "WHATWG HTML §9.2.3",
            "a client gives up for ever when it finds another type");
        assertThat(head).hasHeaderLike("Content-Type", "(?i)text/event-stream *(;.*)?");
        promise("Cache-Control: no-store", "RFC 9111 §5.2.2.5");
        assertThat(head).hasToken("Cache-Control", "no-store");
        assertThat(head.header("Content-Encoding").orElse("none"))
            .as(promise("no Content-Encoding, although the client takes gzip", "lab text",
                "a compressor waits for more before it lets anything out"))
            .isIn("none", "identity");

        var retry = settings().variables().getOrDefault("RETRY_MS", "1000");
        var line = Pattern.compile("(?m)^\ufeff?retry: ?" + retry + "$\\v");
        var text = eventually(stream::text, seen -> line.matcher(seen).find() || stream.ended());
        assertThat(line.matcher(text).find()).as(promise("the line retry: " + retry,
            "WHATWG HTML §9.2.6", "else each client comes back when it likes"))
            .overridingErrorMessage("%s", text.isEmpty() ? "no byte of the stream" : text).isTrue();
    }

    @Test @Order(2) @Tag("TODO-2")
    void a_quote_is_one_event_and_a_blank_line_ends_it() {
        var before = publish().id();
        var quotes = List.of(publish("BTC"), publish("ETH"), publish("Ünï 💶"));
        promise("three events, one for each quote", "WHATWG HTML §9.2.6",
            "an event is dispatched by the blank line after it");
        var stream = stream(after(before));
        var events = stream.events(3);

        for (var i = 0; i < 3; i++) {
            var quote = quotes.get(i);
            promise("id: " + quote.id() + " and event: quote", "WHATWG HTML §9.2.5",
                "the id is what a client comes back with");
            assertThat("id: " + events.get(i).id() + " and event: " + events.get(i).type())
                .isEqualTo("id: " + quote.id() + " and event: quote");
            promise("data: " + json(quote) + " in one line", "lab text");
            assertThat(events.get(i).json().equals(tree(quote)) && events.get(i).data().lines()
                .count() == 1).overridingErrorMessage("%s", events.get(i).data()).isTrue();
        }
        var text = stream.text();
        assertThat(text.lines().filter(line -> line.matches("\ufeff?retry.*")).count() == 1
            && text.indexOf("retry") < text.indexOf("data"))
            .as(promise("the line retry: once, before the first event", "lab text"))
            .overridingErrorMessage("%s", text).isTrue();
    }

    private static String json(Quote quote) {
        try {
            return Market.JSON.writeValueAsString(quote);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    /// As it is read from its JSON.
    private static JsonNode tree(Quote quote) {
        try {
            return Market.JSON.readTree(json(quote));
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    @Test @Order(3) @Tag("TODO-3")
    void each_event_goes_out_when_it_happens() {
        var last = publish().id();
        var streams = List.of(stream(after(last)), stream(after(last)));
        var late = new ArrayList<Long>();
        for (var i = 1; i <= 6; i++) {
            var published = System.nanoTime();
            var id = publish().id();
            promise("quote " + id + " to both clients before the next is published", "lab text",
                "one that waits in a buffer for the next is no news any more");
            for (var stream : streams) assertIds(stream.ids(i)).areExactly(ids(last + 1, id));
            late.add(streams.stream().mapToLong(stream -> stream.events().getLast().at()).max()
                .orElseThrow() - published);
        }
        // A busy machine makes some late. A server that looks every now and then makes all of them
        // late, since each is published right after the last has come.
        var soonest = late.stream().sorted().toList().get(1) / 1_000_000;
        assertThat(soonest).as(promise("each within 150 ms", "lab text",
            "a server that looks every now and then is a poll in disguise"))
            .overridingErrorMessage("all but one %d ms later, or more", soonest).isLessThan(150);
    }

    @Test @Order(4) @Tag("TODO-4")
    void a_notice_reaches_every_client_as_it_was_written() {
        var last = publish().id();
        var streams = List.of(stream(after(last - 1)), stream(after(last - 1)));
        promise("quote " + last + ", then what comes, to both clients", "lab text");
        for (var stream : streams) stream.events(1);
        var texts = List.of("lunch", "one\ntwo", "a\r\nb\rc\n\nd", "\n\n", "ends with a line\n",
            " one space\n  two", "", ":no comment", "data: x\n\nid: 7\nevent: quote\nretry: 1",
            "1\u20282\u20293\u00854\u000b5\f6", "Ünï 💶", "x".repeat(LONGEST));
        texts.forEach(this::notice);

        for (var stream : streams) {
            for (var i = 0; i < texts.size(); i++) {
                var text = texts.get(i).replaceAll("\r\n?", "\n");
                promise("event: notice with the text " + visible(text), "WHATWG HTML §9.2.5",
                    "each \\n, \\r and \\r\\n, and nothing else, begins a new line of data");
                var event = stream.events(i + 2).get(i + 1);
                assertThat(event.type() + " " + visible(event.data()))
                    .isEqualTo("notice " + visible(text));
                promise("the last event id stays " + last, "WHATWG HTML §9.2.6",
                    "a notice is not in the log: nobody can go on after it");
                assertThat("" + event.id()).isEqualTo("" + last);
            }
        }
        promise("413 to a notice of " + (LONGEST + 1) + " bytes", "RFC 9110 §15.5.14");
        assertThat(send("POST", "/notices", "x".repeat(LONGEST + 1), "Content-Type", "text/plain"))
            .hasStatus(413);
    }

    /// On one line, with its control characters as Java writes them.
    private static String visible(String text) {
        var shown = text.length() <= 80 ? text : text.substring(0, 60) + "… (" + text.length()
            + " characters)";
        return "\"" + shown.codePoints().mapToObj(c -> switch (c) {
            case '\n' -> "\\n";
            case '\r' -> "\\r";
            default -> c < 0x20 || c == 0x85 || c == 0x2028 || c == 0x2029
                ? "\\u%04x".formatted(c) : Character.toString(c);
        }).collect(Collectors.joining()) + "\"";
    }

    @Test @Order(5) @Tag("TODO-5")
    void a_stream_begins_after_the_id_that_the_client_names() {
        var first = publish(6).getFirst();
        var third = "" + (first + 2);
        promise("quotes " + (first + 3) + "–" + (first + 5) + ", then what is published",
            "WHATWG HTML §9.2.4", "exactly those after the id that the client has seen");
        var streams = List.of(stream(PATH, "Last-Event-ID", third), stream(after(first + 2)),
            stream(after(first), "Last-Event-ID", third),
            stream(after(first + 5), "last-event-id", third),
            stream(after(first + 2), "Last-Event-ID", ""));
        for (var stream : streams) assertIds(stream.ids(3)).areExactly(ids(first + 3, first + 5));
        var next = publish().id();
        for (var stream : streams) assertIds(stream.ids(4)).areExactly(ids(first + 3, next));

        var last = publish(520).getLast();
        var oldest = Math.max(1, last - settings().number("FEED_CAPACITY") + 1);
        promise("all quotes that are kept, from " + oldest, "lab text",
            "whoever names no id knows nothing yet");
        var all = stream(PATH);
        assertIds(all.ids((int) (last - oldest + 1))).areExactly(ids(oldest, last));
        assertThat(all.events().getFirst().type()).isEqualTo("quote");

        for (var bad : List.of("", "-1", "1.5", "x", "%2B1", "99999999999999999999")) {
            promise("400 to after=" + (bad.isEmpty() ? " (empty)" : bad), "RFC 9110 §15.5.1");
            assertThat(stream(PATH + "?after=" + bad).head()).hasStatus(400);
        }
    }

    @Test @Order(6) @Tag("TODO-3")
    void no_quote_is_lost_or_repeated_while_they_pour_in() {
        var before = publish().id();
        var pouring = CompletableFuture.supplyAsync(() -> pour(30), Thread::startVirtualThread);
        var readers = Stream.generate(() -> new Resuming(before)).limit(5).toList();
        var steady = Stream.generate(() -> stream(after(before))).limit(2).toList();
        promise("each quote once, although the clients hang up and come back while they pour in",
            "lab text", "between replay and live is a moment: what comes just then, is in both, "
            + "or in neither, if they are two");
        while (!pouring.isDone()) come(readers, 0);
        var last = pouring.join();
        while (readers.stream().anyMatch(one -> one.last() < last))
            come(readers.stream().filter(one -> one.last() < last).toList(), 1);
        for (var one : readers) assertIds(one.seen).areExactly(ids(before + 1, last));
        promise("each quote once to clients that stay while they pour in", "lab text",
            "several may come at once, and more while they are written");
        for (var one : steady)
            assertIds(one.ids((int) (last - before))).areExactly(ids(before + 1, last));
    }

    /// @param least how many quotes each waits for
    private static void come(List<Resuming> readers, int least) {
        readers.forEach(Resuming::connect);
        readers.forEach(one -> one.read(least));
    }

    /// Publishes so many times ten; the last id.
    private long pour(int times) {
        return Stream.generate(() -> publish(10)).limit(times).reduce((_, ids) -> ids)
            .orElseThrow().getLast();
    }

    /// A client that comes back again and again, with the last id that it has seen.
    private final class Resuming {
        private final List<Long> seen = new ArrayList<>();
        private final long first;
        private EventStream stream;

        Resuming(long after) { first = after; }

        long last() { return seen.isEmpty() ? first : seen.getLast(); }

        void connect() { stream = stream(PATH, "Last-Event-ID", "" + last()); }

        /// Hangs up after a moment at random, in the replay or later.
        void read(int least) {
            var wanted = ThreadLocalRandom.current().nextInt(1, 20);
            eventually(Duration.ofMillis(4), () -> stream.events().size(), n -> n >= wanted);
            seen.addAll(stream.ids(least));
            stream.hangUp();
        }
    }

    @Test @Order(7) @Tag("TODO-6")
    void an_id_that_is_not_in_the_log_gets_a_reset_first() {
        restartWith("FEED_CAPACITY", "20");
        var capacity = settings().number("FEED_CAPACITY");
        if (capacity == 20) assertReset(1, 0, PATH, "Last-Event-ID", "57");
        var dropped = publish().id();
        var newest = publish(capacity).getLast();
        var oldest = dropped + 1;
        for (var id : List.of("" + (oldest - 2), "" + (newest + 1), "x", "-1", "1.5", "0x7",
            "99999999999999999999"))
            assertReset(oldest, newest, PATH, "Last-Event-ID", id);
        assertReset(oldest, newest, after(oldest - 2));
        assertReset(oldest, newest, after(newest + 1));

        promise("no reset: nothing after " + dropped + " is lost", "lab text");
        var whole = stream(PATH, "Last-Event-ID", "" + dropped);
        assertIds(whole.ids(capacity)).areExactly(ids(oldest, newest));
        assertThat(whole.events().getFirst().type()).isEqualTo("quote");
        promise("no reset: " + newest + " is the newest", "lab text");
        var next = stream(PATH, "Last-Event-ID", "" + newest);
        next.head();
        publish();
        assertThat(next.events(1).getFirst().type()).isEqualTo("quote");
    }

    private void assertReset(long oldest, long newest, String path, String... headers) {
        var sent = String.join(": ", headers.length == 0 ? new String[] {path} : headers);
        var wanted = "reset, id: %d, {\"oldest\":%d,\"newest\":%d}"
            .formatted(oldest - 1, oldest, newest);
        promise("first the event " + wanted + " to " + sent, "lab text",
            "else quotes are lost, and nobody knows");
        var stream = stream(path, headers);
        var first = stream.events(1).getFirst();
        assertThat(first.type()).isEqualTo("reset");
        assertThat("reset, id: %s, {\"oldest\":%s,\"newest\":%s}".formatted(first.id(),
            first.json().path("oldest"), first.json().path("newest"))).isEqualTo(wanted);
        promise("then the quotes that are kept, " + oldest + "–" + newest, "lab text");
        assertIds(stream.ids((int) (newest - oldest + 1))).areExactly(ids(oldest, newest));
    }

    @Test @Order(8) @Tag("TODO-7")
    void silence_is_broken_by_a_comment() {
        restartWith("HEARTBEAT_MS", "40");
        var heartbeat = settings().millis("HEARTBEAT_MS");
        Assumptions.assumeTrue(heartbeat.toSeconds() < 8,
            "two heartbeats take too long; start it with HEARTBEAT_MS=100 and tell with "
            + "--setting HEARTBEAT_MS=100");
        var last = publish().id();
        promise("a line that begins with a colon after each " + heartbeat.toMillis()
            + " ms of silence", "WHATWG HTML §9.2.7", "a proxy cuts what looks dead");
        var begun = System.nanoTime();
        var stream = stream(after(last));
        var text = eventuallyAfter(heartbeat.multipliedBy(3), stream::text,
            seen -> comments(seen) >= 2 && System.nanoTime() - begun > 3 * heartbeat.toNanos()
                || stream.ended());
        var took = (System.nanoTime() - begun) / 1_000_000;

        assertThat(comments(text) >= 2 && comments(text) <= took / heartbeat.toMillis() + 1)
            .overridingErrorMessage("%d of them in %d ms%s", comments(text), took,
                stream.ended() ? ", then the end" : "").isTrue();
        assertThat(stream.events().stream().map(Event::type).toList())
            .as(promise("no event", "WHATWG HTML §9.2.6", "every application would get it"))
            .isEmpty();
    }

    private static long comments(String text) {
        return text.lines().filter(line -> line.startsWith(":")).count();
    }

    @Test @Order(9) @Tag("TODO-8")
    void a_client_that_hangs_up_is_forgotten_at_once() {
        var before = quiet();
        var streams = Stream.generate(() -> stream(PATH)).limit(3).toList();
        for (var stream : streams) stream.head();
        assertHolds(before, 3);
        streams.forEach(EventStream::hangUp);

        var promised = promise("0 listeners after all 3 hung up", "lab text",
            "the next heartbeat would find out, but in " + settings().number("HEARTBEAT_MS")
                + " ms; see HangUp.watch");
        var left = listeners(before) - before;
        assertThat(left).as(promised)
            .overridingErrorMessage("listeners: %d", left).isZero();
    }

    private void assertHolds(int before, int streams) {
        var held = listeners(before + streams) - before;
        assertThat(held).as(promise("listeners: " + streams + ", one for each stream",
            "lab text")).overridingErrorMessage("listeners: %d", held).isEqualTo(streams);
    }

    @Test @Order(10) @Tag("TODO-9")
    void a_client_that_reads_no_notices_delays_nobody_and_is_dropped() {
        var last = publish().id();
        var before = quiet();
        var reader = stream(after(last));
        var stalled = unread(after(last));
        reader.head();
        assertHolds(before, 2);
        var text = "x".repeat(LONGEST);
        var dropped = false;
        for (var i = 8; i <= 400 && !dropped; i += 8) {
            promise("202 at once, and notice " + i + " to the client that reads", "lab text",
                "one client that doesn't read must not hold up the others");
            for (var j = 0; j < 8; j++) notice(text);
            reader.events(i);
            dropped = listeners() < before + 2;
        }
        var left = listeners(before + 1) - before;
        assertThat(left)
            .as(promise("1 listener: the client with more than 1 MiB of notices to read "
            + "is dropped", "lab text", "whatever waits for it fills the memory"))
            .overridingErrorMessage("listeners: %d", left).isEqualTo(1);
        stalled.readOn();
        assertThat(eventually(stalled::ended, ended -> ended)).as(promise("the end of its stream",
            "lab text", "it must know that it missed something")).isTrue();
        assertThat(reader.ended()).as(promise("the other stream goes on", "lab text")).isFalse();
    }

    @Test @Order(11) @Tag("TODO-9")
    void a_client_that_reads_no_quotes_delays_nobody_and_finds_them_in_the_log() {
        restartWith("FEED_CAPACITY", "70");
        var bounded = settings().number("FEED_CAPACITY") > 70 || isReset(60) || isReset(240);

        assertThat(bounded).as(promise("reset: the log keeps 70 quotes, and twice as many came",
            "lab text", "what is kept for one client alone fills the memory"))
            .overridingErrorMessage("all quotes, as if nothing were lost").isTrue();
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
        assertHolds(before, 1);
        promise("201 at once", "lab text",
            "a client that doesn't read must not hold up whoever publishes");
        for (var i = 0; i < large; i++) publish("LONG".repeat(22_500));
        var replayed = unread(after(last + large - 60));
        // Unless the server has ended the other stream already, as it may.
        eventually(Duration.ofSeconds(1), this::listeners, n -> n >= before + 2);
        promise("201 at once", "lab text",
            "a client that doesn't read must not hold up whoever publishes");
        var newest = publish(80).getLast();
        promise("quote " + newest + " to a client that reads", "lab text",
            "a client that doesn't read must not hold up the others");
        var reader = stream(after(newest - 1));
        assertIds(reader.ids(1)).areExactly(ids(newest, newest));
        var gotReset = isReset(live, last, newest) & isReset(replayed, last + large - 60, newest);
        reader.hangUp();
        return gotReset;
    }

    private boolean isReset(EventStream stalled, long last, long newest) {
        stalled.readOn();
        var all = eventually(stalled::events,
            seen -> stalled.ended() || seen.stream().anyMatch(one -> one.id() != null
                && one.id().equals("" + newest)));
        assertFollows(last, all);
        var ended = stalled.ended();
        var seen = all.isEmpty() ? "" + last : all.getLast().id();
        assertThat(ended || seen.equals("" + newest))
            .as(promise("all quotes to " + newest + ", or a reset", "lab text",
                "a queue that is full must not lose quotes silently"))
            .overridingErrorMessage("nothing after quote %s", seen).isTrue();
        stalled.hangUp();
        return ended || all.stream().anyMatch(one -> one.type().equals("reset"));
    }

    /// Each quote is the one after that before it, or the one that a reset announced.
    private void assertFollows(long last, List<Event> events) {
        var next = last + 1;
        for (var event : events) {
            promise("quote " + next + ", or a reset", "lab text",
                "a queue that is full must not lose quotes silently");
            if (event.type().equals("reset")) next = event.json().path("oldest").asLong();
            else assertThat("quote " + event.id()).isEqualTo("quote " + next++);
        }
    }

    // ---- the client

    @Test @Order(12) @Tag("TODO-10") @Tag("client")
    void the_client_gets_each_quote_once_although_its_connection_breaks_ten_times()
            throws IOException {
        var tap = tap(serve(asked -> events("retry: 5\n\n", asked.after() + 1, 65)));
        // In the middle of a head, of an event, of a line.
        tap.cutAnswers(1, () -> 300)
            .cutAnswers(9, () -> ThreadLocalRandom.current().nextInt(60, 700));
        try (var client = follow(new Lab.Start(tap.url(), 5))) {
            client.refuseOnce(8);
            promise("quotes 6–65 once each, across 10 broken connections and a failing sink",
                "WHATWG HTML §9.2.4", "it comes back with the id of the last event that was "
                + "delivered; half an event is none");
            for (var i = 1; i < 60; i++) client.ids(i);
            assertIds(client.ids(60)).areExactly(ids(6, 65));
        }
    }

    @Test @Order(13) @Tag("TODO-10") @Tag("client")
    void the_client_comes_back_with_the_last_event_id() throws IOException {
        var notice = "event: notice\ndata: lunch\ndata: at noon\n\n";
        var half = event(42).replaceFirst("\n\n$", "\n");
        var script = List.of(
            ended("retry: 5\n\n" + event(1) + event(2) + notice),
            ended("id: 40\nevent: reset\ndata: {\"oldest\":41,\"newest\":50}\n\n"),
            ended(": a comment\n" + event(41).replace("\n", "\r\n") + half),
            ended(notice));
        var asked = new CopyOnWriteArrayList<String>();
        var tap = tap(serve(request -> {
            asked.add(request.lastEventId());
            return asked.size() > script.size() ? held("") : script.get(asked.size() - 1);
        }));
        try (var client = follow(new Lab.Start(tap.url(), 0))) {
            var wanted = List.of("none", "2", "40", "41", "41");
            for (var i = 1; i < wanted.size(); i++) awaitRequests(asked, i, client);
            var seen = awaitRequests(asked, wanted.size(), client);
            assertThat(seen).as(promise("Last-Event-ID: " + String.join(", then ", wanted),
                "WHATWG HTML §9.2.6", "a notice has no id, a reset has one; an "
                + "event without its blank line never happened"))
                .overridingErrorMessage("Last-Event-ID: %s", String.join(", then ", seen))
                .isEqualTo(wanted);
            promise("quotes 1, 2 and 41", "lab text");
            assertIds(client.ids(3)).areExactly(List.of(1L, 2L, 41L));
        }
    }

    private static List<String> awaitRequests(List<String> asked, int count, Follower client) {
        return eventually(SOON, () -> List.copyOf(asked), all -> all.size() >= count
            || client.ended().isPresent());
    }

    @Test @Order(14) @Tag("TODO-11") @Tag("client")
    void the_client_waits_as_long_as_the_server_says_and_longer_after_each_failure()
            throws IOException {
        var script = List.of(ended("retry: 10\n\n" + event(1)), ended(event(2)), ended(event(3)),
            ended(event(4)), failure(503), failure(429), failure(500),
            ended("retry: 80\n\n" + event(5)), ended(event(6)));
        var least = List.of(10L, 10L, 10L, 10L, 20L, 40L, 80L, 80L, 80L);
        var number = new AtomicInteger();
        var tap = tap(serve(_ -> number.get() >= script.size() ? held("")
            : script.get(number.getAndIncrement())));
        try (var client = follow(new Lab.Start(tap.url(), 0))) {
            promise("quotes 1–6 in spite of 503, 429 and 500", "lab text");
            for (var i = 1; i < 6; i++) client.ids(i);
            assertIds(client.ids(6)).areExactly(ids(1, 6));
            var pauses = eventually(SOON, this::pauses, all -> all.size() >= least.size());
            var late = 0;
            for (var i = 0; i < least.size(); i++) {
                promise("at least %d ms before try %d".formatted(least.get(i), i + 2),
                    "WHATWG HTML §9.2.3", i < 4 || i > 6
                    ? "the server knows how many come back at once: retry says when"
                    : "a thousand clients that try again at once keep a server down");
                assertThat(pauses.size() > i && pauses.get(i) >= least.get(i))
                    .overridingErrorMessage("pauses of %s ms", pauses).isTrue();
                if (pauses.get(i) > least.get(i) + 2_000) late++;
            }
            assertThat(late).as(promise("no more than 2 s longer than that, but for one try",
                "WHATWG HTML §9.2.3", "who comes back too late misses what the log drops"))
                .overridingErrorMessage("pauses of %s ms", pauses).isLessThan(2);
            assertThat(pauses.subList(0, 4).stream().anyMatch(pause -> pause < 500))
                .as(promise("10–20 ms before each of the tries 2–5", "WHATWG HTML §9.2.3",
                    "the server wants its clients back soon: retry says when"))
                .overridingErrorMessage("pauses of %s ms", pauses).isTrue();
        }
    }

    @Test @Order(15) @Tag("TODO-11") @Tag("client")
    void the_pauses_of_clients_that_met_one_outage_differ_at_random() throws IOException {
        var server = serve(asked -> asked.lastEventId().equals("none")
            ? ended("retry: 400\n\n" + event(1)) : held(""));
        var pauses = Stream.generate(() -> pauses(server, 12)).limit(6)
            .filter(all -> spread(all) > 100 || all.getFirst() < 400).findFirst();

        assertThat(pauses.isPresent() && pauses.get().getFirst() >= 400)
            .as(promise("12 pauses between 400 and 800 ms, at random", "lab text",
                "clients that met one outage come back in step without jitter"))
            .overridingErrorMessage("%s", pauses.map(all -> "pauses of " + all + " ms")
                .orElse("6 times 12 clients came back in step")).isTrue();
    }

    /// How long each of so many clients waits before its second try, milliseconds; sorted.
    private List<Long> pauses(MockWebServer server, int clients) {
        var taps = Stream.generate(() -> tap(server)).limit(clients).toList();
        var started = taps.stream().map(tap -> follow(new Lab.Start(tap.url(), 0))).toList();
        var patience = started.getFirst().patience();
        var tries = taps.stream().map(tap -> eventually(patience, tap::exchanges,
            all -> all.size() > 1)).toList();
        started.forEach(Follower::close);
        promise("two tries of each of " + clients + " clients", "lab text");
        assertThat(tries.stream().filter(all -> all.size() > 1).count()).isEqualTo(clients);
        return tries.stream().map(all -> all.get(1).requestedAt() - all.get(0).answeredAt())
            .map(nanos -> nanos / 1_000_000).sorted().toList();
    }

    /// Of the half in the middle: a busy machine makes some late.
    private static long spread(List<Long> sorted) {
        return sorted.get(sorted.size() * 3 / 4 - 1) - sorted.get(sorted.size() / 4);
    }

    @Test @Order(16) @Tag("TODO-12") @Tag("client")
    void the_client_stops_when_the_server_says_that_there_is_no_more() throws IOException {
        promise("no further request after 204, and a client that returns", "WHATWG HTML §9.2.1",
            "this is how a server gets rid of a client");
        assertThat(last(failure(204))).doesNotContain("Exception");
        promise("an IllegalStateException after 404", "WHATWG HTML §9.2.3",
            "asking again won't help: somebody must look at it");
        assertThat(last(failure(404))).contains("IllegalStateException");
        promise("an IllegalStateException after 200 with text/html", "WHATWG HTML §9.2.3",
            "that is no stream of events");
        var page = new MockResponse.Builder().setHeader("Content-Type", "text/html")
            .body("<p>Log in first</p>").build();
        assertThat(last(page)).contains("IllegalStateException");
    }

    /// How a client ends that gets one quote and then this answer.
    private String last(MockResponse answer) throws IOException {
        var asked = new AtomicInteger();
        var tap = tap(serve(_ -> asked.incrementAndGet() == 1 ? ended("retry: 5\n\n" + event(1))
            : answer));
        try (var client = follow(new Lab.Start(tap.url(), 0))) {
            assertIds(client.ids(1)).areExactly(ids(1, 1));
            var end = eventually(SOON, client::ended, how -> how.isPresent() || asked.get() > 5);
            assertThat(end.isPresent() && asked.get() == 2)
                .overridingErrorMessage("%d requests%s", asked.get(), end.map(how -> ", then "
                    + String.join(" ", how)).orElse(" and no end")).isTrue();
            return String.join(" ", end.orElseThrow());
        }
    }

    @Test @Order(17) @Tag("TODO-13") @Tag("bonus")
    void a_server_that_stops_says_goodbye() {
        var streams = Stream.generate(() -> stream(after(publish().id()))).limit(3).toList();
        for (var stream : streams) stream.head();
        Assumptions.assumeTrue(stopServer(), "this server is not ours to stop");

        for (var stream : streams) {
            promise("the event goodbye to each client", "lab text",
                "else it takes a planned stop for a failure");
            var all = eventually(stream::events, seen -> stream.ended() || !seen.isEmpty()
                && seen.getLast().type().equals("goodbye"));
            assertThat(all.isEmpty() ? "no event" : all.getLast().type()).isEqualTo("goodbye");
            assertThat(eventually(stream::ended, ended -> ended))
                .as(promise("the end of the stream after it", "RFC 9112 §7.1")).isTrue();
        }
        var whole = exchanges().stream().filter(one -> one.request().start().contains(PATH))
            .filter(one -> one.answer() != null && one.answer().complete()).count();
        assertThat(whole).as(promise("3 streams with their last chunk", "RFC 9112 §7.1",
            "a connection that breaks off looks like a failure"))
            .overridingErrorMessage("%d of 3 with their last chunk", whole).isEqualTo(3);
    }

    // ---- servers for the client

    /// Ends the streams that are held.
    private final CountDownLatch over = new CountDownLatch(1);

    /// What the client asked for.
    ///
    /// @param lastEventId `none` if the header is not there
    private record Asked(String lastEventId, long after) {}

    private interface Answering {
        MockResponse answer(Asked asked);
    }

    private MockWebServer serve(Answering answering) throws IOException {
        var server = serve(new Dispatcher() {
            @Override public MockResponse dispatch(RecordedRequest request) {
                var id = request.getHeaders().get("Last-Event-ID");
                var after = request.getUrl().queryParameter("after");
                return answering.answer(new Asked(id == null ? "none" : id,
                    Long.parseLong(id == null ? after == null ? "0" : after : id)));
            }
        });
        // Before the server is closed, which waits for its answers.
        watch(over::countDown);
        return server;
    }

    private MockResponse events(String before, long first, long last) {
        return held(before + quotes(first, last).stream().map(quote -> event(quote.id()))
            .collect(Collectors.joining()));
    }

    private static String event(long id) {
        return "id: " + id + "\nevent: quote\ndata: " + json(quotes(id, id).getFirst()) + "\n\n";
    }

    private static MockResponse failure(int status) {
        return new MockResponse.Builder().code(status).build();
    }

    /// A stream that ends after this text.
    private static MockResponse ended(String text) {
        return new MockResponse.Builder().setHeader("Content-Type", "text/event-stream")
            .chunkedBody(text, 50).build();
    }

    /// A stream that begins with this text, and stays open until the check is over.
    private MockResponse held(String text) {
        return new MockResponse.Builder().body(new Held(text, over)).removeHeader("Content-Length")
            .setHeader("Content-Type", "text/event-stream")
            .setHeader("Transfer-Encoding", "chunked").build();
    }

    private record Held(String text, CountDownLatch over) implements MockResponseBody {
        @Override public long getContentLength() { return -1; }

        @Override public void writeTo(BufferedSink sink) throws IOException {
            if (!text.isEmpty()) {
                var bytes = text.getBytes(StandardCharsets.UTF_8);
                sink.writeUtf8(Integer.toHexString(bytes.length) + "\r\n").write(bytes)
                    .writeUtf8("\r\n");
            }
            sink.flush();
            try {
                over.await();
            } catch (InterruptedException cancelled) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
