package wirelab.wire;

import java.util.logging.Level;
import java.util.logging.Logger;

/// How gRPC's network library behaves in this JVM.
public final class Netty {
    /// Kept here: loggers are held weakly.
    private static final Logger LOG = Logger.getLogger("io.grpc");

    private Netty() {}

    /// Netty's native transport is no faster on loopback, and Java warns when it is loaded. What
    /// gRPC logs is what the status of a call says, or that a client is gone.
    public static void quiet() {
        LOG.setLevel(Level.OFF);
        System.setProperty("io.grpc.netty.shaded.io.netty.transport.noNative", "true");
    }
}
