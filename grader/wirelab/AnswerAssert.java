package wirelab;

import module java.base;
import org.assertj.core.api.AbstractAssert;

/// Assertions about an [Answer], whose messages speak of the wire.
public final class AnswerAssert extends AbstractAssert<AnswerAssert, Answer> {
    AnswerAssert(Answer actual) { super(actual, AnswerAssert.class); }

    public AnswerAssert hasStatus(int... statuses) {
        if (IntStream.of(statuses).noneMatch(status -> status == actual.status()))
            failWithMessage("%s", actual);
        return this;
    }

    /// @param value the exact value of the only header with this name
    public AnswerAssert hasHeader(String name, String value) {
        var values = actual.message().headers(name).toList();
        if (!values.equals(List.of(value)))
            failWithMessage("%s", values.isEmpty() ? "no " + name : name + ": "
                + String.join(" and ", values));
        return this;
    }

    /// @param pattern a regular expression for the whole value
    public AnswerAssert hasHeaderLike(String name, String pattern) {
        var value = actual.header(name);
        if (value.filter(text -> text.matches(pattern)).isEmpty())
            failWithMessage("%s", value.map(text -> name + ": " + text).orElse("no " + name));
        return this;
    }

    /// The list of tokens in this header contains `token`, in any case (RFC 9110 §5.6.1).
    public AnswerAssert hasToken(String name, String token) {
        var tokens = actual.message().headers(name).flatMap(value -> Stream.of(value.split(",")))
            .map(String::strip);
        if (tokens.noneMatch(token::equalsIgnoreCase))
            failWithMessage("%s", actual.header(name).map(text -> name + ": " + text)
                .orElse("no " + name));
        return this;
    }

    /// Nothing follows the headers on the wire, not even bytes that no Content-Length announced.
    public AnswerAssert hasNoBody() {
        var bytes = actual.message().body().length + actual.tail().length;
        if (bytes > 0)
            failWithMessage("%d with %d bytes after the headers", actual.status(), bytes);
        return this;
    }

    /// @param ids the ids of the quotes in the body, in order
    public AnswerAssert hasQuotes(List<Long> ids) {
        new IdsAssert(actual.ids()).areExactly(ids);
        return this;
    }
}
