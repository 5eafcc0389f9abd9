package wirelab;

import module java.base;

/// A request that crossed the tap, and what came back.
///
/// @param answer      null when nothing came back
/// @param requestedAt when the request's first byte crossed, System.nanoTime()
/// @param answeredAt  when the answer's first byte crossed, System.nanoTime()
public record Exchange(Message request, Message answer, long requestedAt, long answeredAt) {
    private static final int SHOWN = 4;
    private static final int WIDTH = 110;
    private static final Set<String> NOISE =
        Set.of("host", "date", "connection", "content-length", "user-agent", "accept-encoding", "transfer-encoding");

    /// The last few exchanges as a person reads them: `>` what went to the server, `<` what came back.
    static List<String> transcript(List<Exchange> exchanges) {
        var groups = new ArrayDeque<List<Exchange>>();
        for (var exchange : exchanges) {
            if (!groups.isEmpty() && groups.getLast().getLast().looksLike(exchange)) groups.getLast().add(exchange);
            else groups.add(new ArrayList<>(List.of(exchange)));
        }
        var lines = new ArrayList<String>();
        var hidden = Math.max(0, groups.size() - SHOWN);
        if (hidden > 0) lines.add("… " + hidden + " earlier");
        groups.stream().skip(hidden).forEach(group -> lines.addAll(lines(group)));
        return lines;
    }

    /// Many publications in a row are one line.
    private boolean looksLike(Exchange next) {
        return request.method().equals("POST") && next.request.start().equals(request.start())
            && answer != null && next.answer != null && next.answer.start().equals(answer.start());
    }

    private static List<String> lines(List<Exchange> group) {
        var last = group.getLast();
        if (group.size() > 1) return List.of(
            "> " + last.request.start().replaceFirst(" HTTP/1.1$", "") + "   × " + group.size(),
            "< " + last.answer.start().substring(9) + "   each");
        var lines = new ArrayList<String>();
        lines.addAll(lines("> ", last.request.start().replaceFirst(" HTTP/1.1$", ""), last.request));
        if (last.answer == null) lines.add("< (nothing came back)");
        else lines.addAll(lines("< ", last.answer.start().replaceFirst("^HTTP/1.1 ", ""), last.answer));
        return lines;
    }

    private static List<String> lines(String arrow, String start, Message message) {
        var headers = message.headers().stream()
            .filter(header -> !NOISE.contains(header.name().toLowerCase()))
            .map(header -> "   " + header).collect(Collectors.joining());
        var lines = new ArrayList<>(List.of(clipped(arrow + start + headers)));
        if (message.body().length > 0) lines.add(clipped("  " + new String(message.body(), StandardCharsets.UTF_8)));
        if (!message.complete()) lines.add("  (cut off here)");
        return lines;
    }

    /// Control characters are shown as pictures (U+2400…), so that no answer can move the reader's cursor.
    private static String clipped(String line) {
        var visible = line.codePoints()
            .map(c -> c < 0x20 ? 0x2400 + c : Character.isISOControl(c) || Character.getType(c) == Character.FORMAT ? '�' : c)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        return visible.length() <= WIDTH ? visible : visible.substring(0, WIDTH) + "… (" + line.length() + " characters)";
    }
}
