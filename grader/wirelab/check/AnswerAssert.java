package wirelab.check;

import module java.base;
import wirelab.wire.Answer;

/// A promise about an [Answer]; what was seen is told in words of the wire.
public final class AnswerAssert {
    private final PromiseAssert promise;
    private final Answer answer;

    AnswerAssert(PromiseAssert promise, Answer answer) {
        this.promise = promise;
        this.answer = answer;
    }

    public AnswerAssert hasStatus(int... statuses) {
        promise.holds(IntStream.of(statuses).anyMatch(status -> status == answer.status()),
            "%s", answer);
        return this;
    }

    /// 2xx (RFC 9110 §15.3).
    public AnswerAssert isSuccessful() {
        promise.holds(answer.status() / 100 == 2, "%s", answer);
        return this;
    }

    /// @param value the exact value of the only header with this name
    public AnswerAssert hasHeader(String name, String value) {
        var values = answer.headers(name);
        promise.holds(values.equals(List.of(value)), "%s", header(name, values));
        return this;
    }

    /// @param pattern a regular expression for the whole value
    public AnswerAssert hasHeaderLike(String name, String pattern) {
        var values = answer.headers(name);
        promise.holds(!values.isEmpty() && values.getFirst().matches(pattern), "%s",
            header(name, values));
        return this;
    }

    public AnswerAssert hasNoHeader(String name) {
        var values = answer.headers(name);
        promise.holds(values.isEmpty(), "%s", header(name, values));
        return this;
    }

    /// The list of tokens in this header contains `token`, in any case (RFC 9110 §5.6.1).
    public AnswerAssert hasToken(String name, String token) {
        var values = answer.headers(name);
        promise.holds(values.stream().flatMap(value -> Stream.of(value.split(",")))
            .map(String::strip).anyMatch(token::equalsIgnoreCase), "%s", header(name, values));
        return this;
    }

    private static String header(String name, List<String> values) {
        return values.isEmpty() ? "no " + name : name + ": " + String.join(" and ", values);
    }

    /// Nothing follows the headers on the wire, not even bytes that no Content-Length announced.
    public AnswerAssert hasNoBody() {
        var bytes = answer.message().body().length + answer.tail().length;
        promise.holds(bytes == 0, "%d with %d bytes after the headers", answer.status(), bytes);
        return this;
    }

    /// @param body all of it, but for white space around it
    public AnswerAssert hasBody(String body) {
        promise.that(answer.text().strip(), "%s", answer.text().isBlank() ? answer
            : PromiseAssert.shown(answer.text())).is(body);
        return this;
    }

    /// @param ids the ids of the quotes in the body, in order
    public AnswerAssert hasQuotes(List<Long> ids) {
        promise.ofIds(answer.ids()).areExactly(ids);
        return this;
    }

    /// From the request's last byte to the answer's last.
    public AnswerAssert tookLessThan(Duration limit) {
        promise.holds(answer.took().compareTo(limit) < 0, "%s after %d ms", answer,
            answer.took().toMillis());
        return this;
    }
}
