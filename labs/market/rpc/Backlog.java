package market.rpc;

import module java.base;
import io.grpc.*;

/// Counts the messages that a server handed to gRPC while the client was not ready for them: they
/// wait in the server's memory. `Health` reports the number.
final class Backlog implements ServerInterceptor {
    private final AtomicLong messages = new AtomicLong();

    long messages() { return messages.get(); }

    @Override public <Q, R> ServerCall.Listener<Q> interceptCall(ServerCall<Q, R> call,
            Metadata headers, ServerCallHandler<Q, R> next) {
        var waiting = new AtomicLong();
        var counted = new ForwardingServerCall.SimpleForwardingServerCall<Q, R>(call) {
            @Override public void sendMessage(R message) {
                if (!isReady()) {
                    waiting.incrementAndGet();
                    messages.incrementAndGet();
                }
                super.sendMessage(message);
            }
        };
        return new ForwardingServerCallListener.SimpleForwardingServerCallListener<>(
            next.startCall(counted, headers)) {
            @Override public void onReady() {
                // It may come late, when the call is no longer ready.
                if (call.isReady()) sent();
                super.onReady();
            }

            @Override public void onCancel() {
                sent();
                super.onCancel();
            }

            @Override public void onComplete() {
                sent();
                super.onComplete();
            }

            /// Ready again, or over: nothing of this call waits any more.
            private void sent() { messages.addAndGet(-waiting.getAndSet(0)); }
        };
    }
}
