package wirelab;

import module java.base;
import io.grpc.*;

/// One gRPC call as a client: sends what it is told, and remembers what comes.
///
/// @param <Q> the request's message
/// @param <R> the reply's message
public final class Call<Q, R> implements AutoCloseable {
    /// A reply, and when it came, System.nanoTime().
    public record Reply<R>(R message, long at) {}

    private final ClientCall<Q, R> call;
    private final List<Reply<R>> replies = new ArrayList<>();
    private boolean reads;
    private Status status;
    private Metadata trailers;
    private long endedAt;

    /// @param reads whether it asks for each next reply by itself; else see [#read]
    Call(ClientCall<Q, R> call, boolean reads) {
        this.call = call;
        this.reads = reads;
        call.start(new Listener(), new Metadata());
        if (reads) call.request(1);
    }

    private final class Listener extends ClientCall.Listener<R> {
        @Override public void onMessage(R message) {
            if (remember(message)) call.request(1);
        }

        @Override public void onClose(Status status, Metadata trailers) { end(status, trailers); }
    }

    private synchronized boolean remember(R message) {
        replies.add(new Reply<>(message, System.nanoTime()));
        notifyAll();
        return reads;
    }

    private synchronized void end(Status status, Metadata trailers) {
        this.status = status;
        this.trailers = trailers;
        endedAt = System.nanoTime();
        notifyAll();
    }

    public Call<Q, R> send(Q message) {
        call.sendMessage(message);
        return this;
    }

    /// Whether what is sent goes out, rather than waits in this client's memory.
    public boolean isReady() { return call.isReady(); }

    public Call<Q, R> halfClose() {
        call.halfClose();
        return this;
    }

    public void cancel() { call.cancel("the check cancels", null); }

    /// Takes this many replies more.
    public void read(int count) { call.request(count); }

    /// From now on it takes whatever comes.
    public void readOn() {
        synchronized (this) {
            reads = true;
        }
        call.request(1);
    }

    /// All replies so far, once they are at least `count`; fails if they don't come.
    public synchronized List<R> replies(int count) {
        var deadline = Deadline.soon();
        while (replies.size() < count) {
            if (status != null || deadline.passed(replies.size()))
                throw new AssertionError(replies.size() + " of " + count + " messages"
                    + (status != null ? ", then status " + said()
                        : " after " + deadline.after()));
            await();
        }
        return messages();
    }

    /// How many replies have come so far.
    public synchronized int count() { return replies.size(); }

    public synchronized List<R> messages() { return replies.stream().map(Reply::message).toList(); }

    /// All replies so far, with the moments when they came.
    public synchronized List<Reply<R>> replies() { return List.copyOf(replies); }

    /// The status, as soon as the call has ended; fails if it doesn't end.
    public synchronized Status status() {
        var deadline = Deadline.soon();
        while (status == null) {
            if (deadline.passed(replies.size()))
                throw new AssertionError("no status within " + deadline.after());
            await();
        }
        return status;
    }

    /// The status in one line: `NOT_FOUND "symbol: …"`.
    public synchronized String said() {
        return status().getCode() + (status.getDescription() == null ? ""
            : " \"" + status.getDescription() + "\"");
    }

    public synchronized boolean ended() { return status != null; }

    /// When the status came, System.nanoTime().
    public synchronized long endedAt() {
        status();
        return endedAt;
    }

    public synchronized Metadata trailers() {
        status();
        return trailers;
    }

    private void await() {
        try {
            wait(20);
        } catch (InterruptedException cancelled) {
            throw new CancellationException("interrupted");
        }
    }

    @Override public void close() { cancel(); }
}
