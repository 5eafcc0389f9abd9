package wirelab;

import module java.base;

/// One HTTP/1.1 message as it crossed the wire (RFC 9112 §2.1).
///
/// @param start    its first line: `GET /quotes HTTP/1.1` or `HTTP/1.1 200 OK`
/// @param headers  in the order of the wire
/// @param body     after removal of the chunked coding
/// @param complete false when the bytes ended before the message did
public record Message(String start, List<Header> headers, byte[] body, boolean complete) {
    private static final int LONGEST_LINE = 64 * 1024;
    private static final int LONGEST_BODY = 64 * 1024 * 1024;

    public record Header(String name, String value) {
        @Override public String toString() { return name + ": " + value; }
    }

    /// Reads a request; null at the end of the stream.
    static Message request(InputStream in) throws IOException { return read(in, null); }

    /// Reads the final answer to a request with this method, past any 1xx (RFC 9110 §15.2); null at
    /// the end of the stream.
    static Message answer(InputStream in, String method) throws IOException {
        var message = read(in, method);
        while (message != null && message.complete && message.start.matches("HTTP/1\\.1 1\\d\\d.*"))
            message = read(in, method);
        return message;
    }

    /// The value of the first header with this name, in any case; empty when there is none.
    Optional<String> header(String name) { return headers(name).findFirst(); }

    Stream<String> headers(String name) {
        return headers.stream().filter(header -> header.name.equalsIgnoreCase(name))
            .map(Header::value);
    }

    String method() { return start.substring(0, Math.max(0, start.indexOf(' '))); }

    private static Message read(InputStream in, String answeredMethod) throws IOException {
        var start = line(in);
        if (start == null) return null;
        var headers = new ArrayList<Header>();
        for (String line; !"".equals(line = line(in)); ) {
            if (line == null) return new Message(start, headers, new byte[0], false);
            var colon = line.indexOf(':');
            headers.add(colon < 0 ? new Header(line, "")
                : new Header(line.substring(0, colon), line.substring(colon + 1).strip()));
        }
        return withBody(new Message(start, headers, new byte[0], true), in, answeredMethod);
    }

    /// How long the body is: RFC 9112 §6.3.
    private static Message withBody(Message head, InputStream in, String answeredMethod)
        throws IOException {
        var body = new ByteArrayOutputStream();
        var complete = true;
        var answer = answeredMethod != null;
        var bodyless = answer
            && (answeredMethod.equals("HEAD")
                || head.start.matches("HTTP/1\\.[01] (1..|204|304).*"));
        if (bodyless) return head;
        if (head.header("Transfer-Encoding").filter("chunked"::equalsIgnoreCase).isPresent())
            complete = chunks(in, body);
        else if (head.header("Content-Length").isPresent())
            complete = copy(in, length(head.header("Content-Length").get(), 10), body);
        else if (answer)
            copy(in, LONGEST_BODY, body);
        return new Message(head.start, head.headers, body.toByteArray(), complete);
    }

    private static boolean chunks(InputStream in, ByteArrayOutputStream body) throws IOException {
        while (true) {
            var size = line(in);
            if (size == null) return false;
            var length = length(size.replaceFirst(";.*", "").strip(), 16);
            if (!copy(in, length, body)) return false;
            if (length > 0) line(in);
            else for (String trailer; !"".equals(trailer = line(in));
                ) if (trailer == null) return false;
            if (length == 0) return true;
        }
    }

    private static int length(String digits, int radix) throws IOException {
        try {
            var length = Integer.parseInt(digits, radix);
            if (length >= 0 && length <= LONGEST_BODY) return length;
        } catch (NumberFormatException malformed) {
            // The same answer as for a length that is out of range.
        }
        throw new ProtocolException("the length '" + digits + "' is not a number from 0 to "
            + LONGEST_BODY);
    }

    private static boolean copy(InputStream in, int length, ByteArrayOutputStream body)
        throws IOException {
        var chunk = in.readNBytes(length);
        body.writeBytes(chunk);
        return chunk.length == length;
    }

    /// One line without its end; null at the end of the stream.
    private static String line(InputStream in) throws IOException {
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
