package wirelab.wire;

import module java.base;
import io.grpc.*;
import wirelab.time.Deadline;
import wirelab.time.Patience;

/// One gRPC call as a client: sends what it is told, and remembers what comes.
///
/// @param <Q> the request's message
/// @param <R> the reply's message
public final class RpcCall<Q, R> implements AutoCloseable {
    /// A reply, and when it came, System.nanoTime().
    public record Reply<R>(R message, long at) {}

    private final ClientCall<Q, R> call;
    private final Patience patience;
    private final List<Reply<R>> replies = new ArrayList<>();
    private boolean reads;
    private Status status;
    private Metadata trailers = new Metadata();
    private long endedAt;

    /// @param reads whether it asks for each next reply by itself; else see [#read]
    public RpcCall(ClientCall<Q, R> call, boolean reads, Patience patience) {
        this.call = call;
        this.patience = patience;
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

    public RpcCall<Q, R> send(Q message) {
        call.sendMessage(message);
        return this;
    }

    /// Whether what is sent goes out, rather than waits in this client's memory.
    public boolean isReady() { return call.isReady(); }

    public RpcCall<Q, R> halfClose() {
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

    /// All replies so far, as soon as they are `count`; fewer if no more come or the call ends.
    public synchronized List<R> replies(int count) {
        var deadline = patience.soon();
        while (replies.size() < count && status == null && !deadline.passed(replies.size()))
            Deadline.await(this);
        return messages();
    }

    /// How many replies have come so far.
    public synchronized int count() { return replies.size(); }

    public synchronized List<R> messages() { return replies.stream().map(Reply::message).toList(); }

    /// All replies so far, with the moments when they came.
    public synchronized List<Reply<R>> replies() { return List.copyOf(replies); }

    /// The status, as soon as the call has ended; empty if it does not end.
    public Optional<Status> status() { return statusAfter(Duration.ZERO); }

    /// The same for a call that should end after this time.
    public synchronized Optional<Status> statusAfter(Duration pause) {
        var deadline = patience.soonAfter(pause);
        while (status == null && !deadline.passed(replies.size())) Deadline.await(this);
        return Optional.ofNullable(status);
    }

    /// The status in one line, as soon as the call has ended: `OK`, `NOT_FOUND "symbol: …"`.
    public String said() {
        return status().map(RpcCall::line).orElse("no status");
    }

    /// `NOT_FOUND "symbol: …"`.
    public static String line(Status status) {
        return status.getCode() + (status.getDescription() == null ? ""
            : " \"" + status.getDescription() + "\"");
    }

    public synchronized boolean ended() { return status != null; }

    /// When the status came, System.nanoTime(); 0 if it did not.
    public synchronized long endedAt() {
        status();
        return endedAt;
    }

    /// Those that came with the status; empty if none came.
    public synchronized Metadata trailers() {
        status();
        return trailers;
    }

    @Override public void close() { cancel(); }
}
