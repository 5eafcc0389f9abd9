package wirelab.wire;

import module java.base;
import wirelab.wire.Message.Header;

/// What crossed the wire, as a person reads it.
public final class Transcript {
    private static final int SHOWN = 3;
    private static final int WIDTH = 110;
    /// How many events or frames are shown of the beginning and of the end of a stream.
    private static final int FIRST = 3;
    private static final int LAST = 4;
    private static final Set<String> NOISE =
        Set.of("host", "date", "connection", "content-length", "user-agent", "transfer-encoding",
            "upgrade", "sec-websocket-key", "sec-websocket-accept", "accept-encoding", "server");

    private Transcript() {}

    /// The last few exchanges as a person reads them: `>` what went to the server, `<` what came
    /// back.
    public static List<String> of(List<Exchange> exchanges) {
        return lines(exchanges, _ -> false);
    }

    /// The same, with the requests that the subject's server sent itself.
    ///
    /// @param outbound of the subject's server with servers that it calls: `»`, `«`
    public static List<String> of(List<Exchange> exchanges, List<Exchange> outbound) {
        if (outbound.isEmpty()) return of(exchanges);
        var all = Stream.concat(exchanges.stream(), outbound.stream())
            .sorted(Comparator.comparingLong(Exchange::requestedAt)).toList();
        var lines = new ArrayList<>(List.of("(> to your server, » from your server)"));
        lines.addAll(lines(all, outbound::contains));
        return lines;
    }

    private static List<String> lines(List<Exchange> exchanges, Predicate<Exchange> outbound) {
        var groups = new ArrayDeque<List<Exchange>>();
        for (var exchange : exchanges) {
            if (!groups.isEmpty() && groups.getLast().getLast().looksLike(exchange))
                groups.getLast().add(exchange);
            else groups.add(new ArrayList<>(List.of(exchange)));
        }
        var lines = new ArrayList<String>();
        var hidden = Math.max(0, groups.size() - SHOWN);
        if (hidden > 0) lines.add("… " + hidden + " earlier");
        for (var group : groups.stream().skip(hidden).toList()) {
            var called = outbound.test(group.getFirst());
            lines(group).stream().map(line -> !called ? line
                : line.replaceFirst("^> ", "» ").replaceFirst("^< ", "« ")).forEach(lines::add);
        }
        return lines;
    }

    private static List<String> lines(List<Exchange> group) {
        var last = group.getLast();
        var times = group.size() > 1 ? "   × " + group.size() : "";
        var request = last.request().start().replaceFirst(" HTTP/1.1$", "") + times;
        if (group.size() > 1 && last.request().method().equals("POST"))
            return List.of("> " + request, "< " + last.answer().start().substring(9) + "   each");
        var lines = new ArrayList<>(lines("> ", request, last.request()));
        if (last.answer() == null) lines.add("< (nothing came back)");
        else lines.addAll(lines("< ", last.answer().start()
            .replaceFirst("^HTTP/1.1 ", ""), last.answer()));
        lines.addAll(abridged(last.frames().stream()
            .map(frame -> (last.sent().contains(frame) ? "> " : "< ") + frame).toList()));
        return lines;
    }

    private static List<String> lines(String arrow, String start, Message message) {
        var headers = message.headers().stream()
            .filter(header -> !NOISE.contains(header.name().toLowerCase())).map(Header::toString)
            .filter(header -> !header.equalsIgnoreCase("Sec-WebSocket-Version: 13")).toList();
        var line = arrow + start + String.join("", headers.stream().map("   "::concat).toList());
        var lines = new ArrayList<String>();
        if (line.length() <= WIDTH) lines.add(clipped(line));
        else {
            lines.add(clipped(arrow + start));
            headers.forEach(header -> lines.add("  " + clipped(header)));
        }
        var text = new String(message.body(), StandardCharsets.UTF_8);
        var events = message.header("Content-Type").orElse("").startsWith("text/event-stream");
        if (events) lines.addAll(abridged(events(text)));
        else if (!text.isEmpty()) lines.add("  " + clipped(text));
        if (!message.complete() && !events) lines.add("  (cut off here)");
        return lines;
    }

    /// A stream of events, each on one line up to its blank line; ⏎ is an end of a line.
    private static List<String> events(String text) {
        return Stream.of(text.split("(?<=(\\n\\n|\\r\\r|\\r\\n\\r\\n))"))
            .filter(part -> !part.isEmpty())
            .map(part -> "< " + part.replaceAll("\\r\\n|\\r|\\n", "⏎ ").strip()).toList();
    }

    /// The first and the last few lines.
    static List<String> abridged(List<String> lines) {
        var hidden = lines.size() - FIRST - LAST;
        var shown = IntStream.range(0, lines.size())
            .filter(i -> hidden <= 1 || i < FIRST || i >= FIRST + hidden)
            .mapToObj(i -> "  " + clipped(lines.get(i)))
            .collect(Collectors.toCollection(ArrayList::new));
        if (hidden > 1) shown.add(FIRST, "  … " + hidden + " more");
        return shown;
    }

    /// Control characters are shown as pictures (U+2400…), so that no answer can move the reader's
    /// cursor.
    private static String clipped(String line) {
        var visible = line.codePoints()
            .map(c -> c < 0x20 ? 0x2400 + c : Character.isISOControl(c)
                || Character.getType(c) == Character.FORMAT ? '�' : c)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
        return visible.length() <= WIDTH ? visible : visible.substring(0, WIDTH) + "… ("
            + line.length() + " characters)";
    }
}
