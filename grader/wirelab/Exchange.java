package wirelab;

import module java.base;
import wirelab.Message.Header;

/// A request that crossed the tap, and what came back.
///
/// @param answer      null when nothing came back
/// @param requestedAt when the request's first byte crossed, System.nanoTime()
/// @param answeredAt  when the answer's first byte crossed, System.nanoTime()
public record Exchange(Message request, Message answer, long requestedAt, long answeredAt) {
    private static final int SHOWN = 3;
    private static final int WIDTH = 110;
    private static final Set<String> NOISE =
        Set.of("host", "date", "connection", "content-length", "user-agent", "transfer-encoding");

    /// Whether an answer with this status came.
    public boolean answered(int status) {
        return answer != null && answer.start().contains(" " + status + " ");
    }

    /// The last few exchanges as a person reads them: `>` what went to the server, `<` what came
    /// back.
    static List<String> transcript(List<Exchange> exchanges) {
        var groups = new ArrayDeque<List<Exchange>>();
        for (var exchange : exchanges) {
            if (!groups.isEmpty() && groups.getLast().getLast().looksLike(exchange))
                groups.getLast().add(exchange);
            else groups.add(new ArrayList<>(List.of(exchange)));
        }
        var lines = new ArrayList<String>();
        var hidden = Math.max(0, groups.size() - SHOWN);
        if (hidden > 0) lines.add("… " + hidden + " earlier");
        groups.stream().skip(hidden).forEach(group -> lines.addAll(lines(group)));
        return lines;
    }

    /// Many publications, or the same question with the same answer again and again, are one line.
    private boolean looksLike(Exchange next) {
        if (!next.request.start().equals(request.start()) || answer == null || next.answer == null)
            return false;
        if (!answer.start().equals(next.answer.start())) return false;
        return request.method().equals("POST")
            || request.headers().equals(next.request.headers())
            && Arrays.equals(answer.body(), next.answer.body());
    }

    private static List<String> lines(List<Exchange> group) {
        var last = group.getLast();
        var times = group.size() > 1 ? "   × " + group.size() : "";
        var request = last.request.start().replaceFirst(" HTTP/1.1$", "") + times;
        if (group.size() > 1 && last.request.method().equals("POST"))
            return List.of("> " + request, "< " + last.answer.start().substring(9) + "   each");
        var lines = new ArrayList<>(lines("> ", request, last.request));
        if (last.answer == null) lines.add("< (nothing came back)");
        else lines.addAll(lines("< ", last.answer.start()
            .replaceFirst("^HTTP/1.1 ", ""), last.answer));
        return lines;
    }

    private static List<String> lines(String arrow, String start, Message message) {
        var headers = message.headers().stream()
            .filter(header -> !NOISE.contains(header.name().toLowerCase())).map(Header::toString)
            .toList();
        var line = arrow + start + String.join("", headers.stream().map("   "::concat).toList());
        var lines = new ArrayList<String>();
        if (line.length() <= WIDTH) lines.add(clipped(line));
        else {
            lines.add(clipped(arrow + start));
            headers.forEach(header -> lines.add("  " + clipped(header)));
        }
        if (message.body().length > 0)
            lines.add("  " + clipped(new String(message.body(), StandardCharsets.UTF_8)));
        if (!message.complete()) lines.add("  (cut off here)");
        return lines;
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
