package wirelab.wire;

import module java.base;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import io.grpc.*;

/// One call as a person reads it: what gRPC sent and received, in the order in which this side of
/// the wire saw it. The bytes alone are compressed and split into HTTP/2 frames.
public final class RpcRecorder {
    private static final JsonFormat.Printer JSON =
        JsonFormat.printer().omittingInsignificantWhitespace();
    private static final int FIRST = 3;
    private static final int LAST = 4;

    private final String method;
    /// Written only for whoever reads them: a message costs more to print than to send.
    private final List<Supplier<String>> lines = new ArrayList<>();

    private RpcRecorder(MethodDescriptor<?, ?> method, io.grpc.Deadline deadline) {
        this.method = method.getBareMethodName();
        add("> " + this.method + (deadline == null ? "   no deadline"
            : "   deadline in %.1f s".formatted(
                deadline.timeRemaining(TimeUnit.MILLISECONDS) / 1000.0)));
    }

    private void add(String line) { add(() -> line); }

    private void add(String arrow, Object message) { add(() -> arrow + json(message)); }

    private synchronized void add(Supplier<String> line) { lines.add(line); }

    private synchronized List<Supplier<String>> copy() { return List.copyOf(lines); }

    List<String> lines() { return copy().stream().map(Supplier::get).toList(); }

    private static String json(Object message) {
        try {
            return JSON.print((MessageOrBuilder) message);
        } catch (InvalidProtocolBufferException unknownType) {
            return "" + message;
        }
    }

    private static String line(Status status, Metadata trailers) {
        var names = trailers.keys().stream().filter(name -> !name.startsWith("grpc-")
            && !name.equals("content-type")).sorted().toList();
        return "status " + RpcCall.line(status) + (names.isEmpty() ? ""
                : "   trailers " + names);
    }

    /// The last few calls: `>` to the server, `<` from it.
    public static List<String> transcript(List<RpcRecorder> calls) {
        var groups = new ArrayDeque<Map.Entry<List<String>, Integer>>();
        for (var call : calls) {
            var lines = call.lines();
            var same = !groups.isEmpty() && groups.getLast().getKey().size() == lines.size()
                && groups.getLast().getKey().getFirst().equals(lines.getFirst())
                && call.method.equals("PublishQuote");
            groups.add(Map.entry(lines, same ? groups.removeLast().getValue() + 1 : 1));
        }
        var shown = new ArrayList<String>();
        var hidden = Math.max(0, groups.size() - FIRST);
        if (hidden > 0) shown.add("… " + hidden + " calls earlier");
        groups.stream().skip(hidden).forEach(group -> {
            shown.add(group.getKey().getFirst() + (group.getValue() > 1
                ? "   × " + group.getValue() : ""));
            if (group.getValue() == 1) shown.addAll(Transcript.abridged(
                group.getKey().subList(1, group.getKey().size())));
        });
        return shown;
    }

    /// Records the calls of a client of ours.
    public static final class Client implements ClientInterceptor {
        private final Consumer<RpcRecorder> calls;

        public Client(Consumer<RpcRecorder> calls) { this.calls = calls; }

        @Override public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method,
                CallOptions options, Channel next) {
            var rpc = new RpcRecorder(method, options.getDeadline());
            calls.accept(rpc);
            return new ForwardingClientCall.SimpleForwardingClientCall<>(
                next.newCall(method, options)) {
                @Override public void start(Listener<R> listener, Metadata headers) {
                    super.start(recording(listener, rpc), headers);
                }

                @Override public void sendMessage(Q message) {
                    rpc.add("> ", message);
                    super.sendMessage(message);
                }

                @Override public void halfClose() {
                    if (!method.getType().clientSendsOneMessage()) rpc.add("> half-close");
                    super.halfClose();
                }

                @Override public void cancel(String message, Throwable cause) {
                    rpc.add("> cancel");
                    super.cancel(message, cause);
                }
            };
        }

        private static <R> ClientCall.Listener<R> recording(ClientCall.Listener<R> listener,
                RpcRecorder rpc) {
            return new ForwardingClientCallListener.SimpleForwardingClientCallListener<>(listener) {
                @Override public void onMessage(R message) {
                    rpc.add("< ", message);
                    super.onMessage(message);
                }

                @Override public void onClose(Status status, Metadata trailers) {
                    rpc.add("< " + line(status, trailers));
                    super.onClose(status, trailers);
                }
            };
        }
    }

    /// Records the calls of the subject's client to a server of ours.
    public static final class Server implements ServerInterceptor {
        private final Consumer<RpcRecorder> calls;

        public Server(Consumer<RpcRecorder> calls) { this.calls = calls; }

        @Override public <Q, R> ServerCall.Listener<Q> interceptCall(ServerCall<Q, R> call,
                Metadata headers, ServerCallHandler<Q, R> next) {
            var rpc = new RpcRecorder(call.getMethodDescriptor(), Context.current().getDeadline());
            calls.accept(rpc);
            var recorded = new ForwardingServerCall.SimpleForwardingServerCall<Q, R>(call) {
                @Override public void sendMessage(R message) {
                    rpc.add("< ", message);
                    super.sendMessage(message);
                }

                @Override public void close(Status status, Metadata trailers) {
                    rpc.add("< " + line(status, trailers));
                    super.close(status, trailers);
                }
            };
            return new ForwardingServerCallListener.SimpleForwardingServerCallListener<>(
                next.startCall(recorded, headers)) {
                @Override public void onMessage(Q message) {
                    rpc.add("> ", message);
                    super.onMessage(message);
                }

                @Override public void onHalfClose() {
                    if (!call.getMethodDescriptor().getType().clientSendsOneMessage())
                        rpc.add("> half-close");
                    super.onHalfClose();
                }

                @Override public void onCancel() {
                    rpc.add("> cancel");
                    super.onCancel();
                }
            };
        }
    }
}
