package wirelab.check;

import module java.base;
import wirelab.time.Deadline;
import wirelab.time.Patience;
import wirelab.wire.Answer;
import wirelab.wire.HttpConnection;
import wirelab.wire.NoAnswer;

/// A request under way.
public final class Pending implements AutoCloseable {
    private final HttpConnection http;
    private final Patience patience;
    private final long sentAt;
    private final CompletableFuture<Answer> answer = new CompletableFuture<>();

    Pending(HttpConnection http, Patience patience, String path, String... headers) {
        this.http = http;
        this.patience = patience;
        http.send(HttpConnection.request("GET", path, null, headers));
        sentAt = System.nanoTime();
        Thread.ofVirtual().name("pending").start(() -> {
            try {
                answer.complete(http.answer("GET", Deadline.in(Deadline.CHECK), false));
            } catch (RuntimeException none) {
                answer.completeExceptionally(none);
            }
        });
    }

    /// Whether nothing has come back yet.
    public boolean waits() { return !answer.isDone(); }

    public Answer answer() { return answerAfter(Duration.ZERO); }

    /// The answer that a healthy server gives after this time.
    public Answer answerAfter(Duration pause) {
        return NoAnswer.await(answer, patience.soonAfter(pause),
            "an answer to the request that waits");
    }

    /// From sending the request to its answer, which has come.
    public Duration took() { return Duration.ofNanos(answer().at() - sentAt); }

    /// After the answer: a further GET on the same connection.
    public Pending then(String path) {
        answer();
        return new Pending(http, patience, path);
    }

    public void hangUp() { http.close(); }

    @Override public void close() { hangUp(); }
}
