package wirelab.subject;

import module java.base;
import market.Feed;
import wirelab.checkout.LabId;
import wirelab.source.Compiler;

/// What a lab hands over to the kit.
///
/// @param server starts its server
/// @param client null if it has none
/// @param code   the loader of the lab's classes: what they are told, see [market.Told]
public record Handover(LabId lab, Launch server, Client client, ClassLoader code) {
    /// Starts a lab's server on 127.0.0.1.
    public interface Launch {
        /// @param port 0 = any
        Running start(Feed feed, int port) throws IOException;
    }

    /// A server that has been started.
    public interface Running {
        int port();

        /// Ends it, and returns when it has ended.
        void stop();
    }

    /// A lab's client: gives what it receives to `sink` until its thread is interrupted.
    public interface Client {
        void follow(ClientStart start, Consumer<Object> sink) throws Exception;
    }

    /// Where a caller wants the lab itself instead of having it run: see [#of].
    private static final ScopedValue<AtomicReference<Handover>> WANTED = ScopedValue.newInstance();

    /// Gives this to a caller of [#of] that waits for it; false if none does.
    public boolean taken() {
        if (WANTED.isBound()) WANTED.get().set(this);
        return WANTED.isBound();
    }

    /// What compiled classes hand over: loads them by a loader of their own and runs `main`, which
    /// ends in `Lab.main`.
    public static Handover of(Compiler.Classes classes) {
        try {
            return of(classes.load());
        } catch (ReflectiveOperationException cause) {
            throw new IllegalStateException(classes.main() + " can't be loaded: " + cause, cause);
        }
    }

    public static Handover of(Class<?> lab) throws ReflectiveOperationException {
        var constructor = lab.getDeclaredConstructor();
        var main = lab.getDeclaredMethod("main", String[].class);
        constructor.setAccessible(true);
        main.setAccessible(true);
        var taken = new AtomicReference<Handover>();
        var self = constructor.newInstance();
        ScopedValue.where(WANTED, taken).call(() -> main.invoke(self, (Object) new String[0]));
        return Objects.requireNonNull(taken.get(), lab + " does not hand over to Lab.main");
    }
}
