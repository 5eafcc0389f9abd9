package market.rpc;

import module java.base;
import io.grpc.*;
import market.Market;

/// Tells a client of an exception that a lab's code threw, with the line that it comes from. gRPC
/// alone says UNKNOWN and no more.
final class Faults implements ServerInterceptor {
    @Override public <Q, R> ServerCall.Listener<Q> interceptCall(ServerCall<Q, R> call,
            Metadata headers, ServerCallHandler<Q, R> next) {
        return new ForwardingServerCallListener<Q>() {
            private ServerCall.Listener<Q> listener = new ServerCall.Listener<>() {};
            {
                guard(() -> listener = next.startCall(call, headers));
            }

            @Override protected ServerCall.Listener<Q> delegate() { return listener; }

            @Override public void onMessage(Q message) { guard(() -> super.onMessage(message)); }

            @Override public void onHalfClose() { guard(super::onHalfClose); }

            @Override public void onCancel() { guard(super::onCancel); }

            @Override public void onComplete() { guard(super::onComplete); }

            @Override public void onReady() { guard(super::onReady); }

            private void guard(Runnable callback) {
                try {
                    callback.run();
                } catch (RuntimeException fault) {
                    end(call, Status.UNKNOWN.withDescription(Market.where(fault)).withCause(fault));
                }
            }
        };
    }

    private static void end(ServerCall<?, ?> call, Status status) {
        try {
            call.close(status, new Metadata());
        } catch (IllegalStateException alreadyClosed) {
            // The client has its status; a second one can't be sent.
        }
    }
}
