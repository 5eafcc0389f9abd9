package wirelab.wire;

import module java.base;

/// One HTTP/1.1 message as it crossed the wire (RFC 9112 §2.1).
///
/// @param start    its first line: `GET /quotes HTTP/1.1` or `HTTP/1.1 200 OK`
/// @param headers  in the order of the wire
/// @param body     after removal of the chunked coding
/// @param complete false when the bytes ended before the message did
public record Message(String start, List<Header> headers, byte[] body, boolean complete) {
    private static final int LONGEST_LINE = 64 * 1024;

    public record Header(String name, String value) {
        @Override public String toString() { return name + ": " + value; }
    }

    /// Reads a request; null at the end of the stream.
    static Message request(InputStream in) throws IOException {
        var head = head(in);
        return head == null || !head.complete ? head : withBody(head, in, null);
    }

    /// Reads the final answer to a request with this method; null at the end of the stream.
    static Message answer(InputStream in, String method) throws IOException {
        var head = answerHead(in);
        return head == null || !head.complete ? head : withBody(head, in, method);
    }

    /// The same without its body, which [#body] reads. It is past any interim answer
    /// (RFC 9110 §15.2), but 101 is final: another protocol begins after it.
    static Message answerHead(InputStream in) throws IOException {
        var head = head(in);
        while (head != null && head.complete && head.start.matches("HTTP/1\\.1 1(?!01)\\d\\d.*"))
            head = head(in);
        return head;
    }

    /// The value of the first header with this name, in any case; empty when there is none.
    public Optional<String> header(String name) { return headers(name).findFirst(); }

    public Stream<String> headers(String name) {
        return headers.stream().filter(header -> header.name.equalsIgnoreCase(name))
            .map(Header::value);
    }

    String method() { return start.substring(0, Math.max(0, start.indexOf(' '))); }

    private static Message head(InputStream in) throws IOException {
        var start = line(in);
        if (start == null) return null;
        var headers = new ArrayList<Header>();
        for (String line; !"".equals(line = line(in)); ) {
            if (line == null) return new Message(start, headers, new byte[0], false);
            var colon = line.indexOf(':');
            headers.add(colon < 0 ? new Header(line, "")
                : new Header(line.substring(0, colon), line.substring(colon + 1).strip()));
        }
        return new Message(start, headers, new byte[0], true);
    }

    private static Message withBody(Message head, InputStream in, String answeredMethod)
        throws IOException {
        var body = head.body(in, answeredMethod);
        var content = body.readNBytes(Body.LONGEST);
        return new Message(head.start, head.headers, content, body.complete());
    }

    /// The body that follows this head. How long it is: RFC 9112 §6.3.
    ///
    /// @param answeredMethod of the request that this head answers; null if it is a request itself
    Body body(InputStream in, String answeredMethod) throws IOException {
        var answer = answeredMethod != null;
        var bodyless = answer && (answeredMethod.equals("HEAD")
            || start.matches("HTTP/1\\.[01] (1..|204|304).*"));
        if (bodyless) return Body.of(in, 0);
        if (header("Transfer-Encoding").filter("chunked"::equalsIgnoreCase).isPresent())
            return Body.chunked(in);
        if (header("Content-Length").isPresent())
            return Body.of(in, Body.length(header("Content-Length").get(), 10));
        return answer ? Body.untilClosed(in) : Body.of(in, 0);
    }

    /// One line without its end; null at the end of the stream.
    static String line(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream(64);
        for (int octet; (octet = in.read()) != '\n'; line.write(octet)) {
            if (octet < 0) return null;
            if (line.size() > LONGEST_LINE)
                throw new ProtocolException("a line longer than " + LONGEST_LINE + " bytes");
        }
        var text = line.toString(StandardCharsets.ISO_8859_1);
        return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
    }
}
