package wirelab;

import module java.base;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.core.*;

/// Runs a lab's checks against a subject, the server's and the client's side by side.
final class Runner {
    /// The verdict about a client of a subject that is only a server.
    static final Verdict NO_CLIENT = new Verdict.Skipped("this subject has no client");

    /// Hears what becomes of the claims, in their order.
    @FunctionalInterface
    interface Listener {
        void hear(Outcome outcome);

        /// How long a check may run, milliseconds, until it is worth to say that it waits.
        default int patience() { return 1_000; }

        /// The check of the next claim takes its time.
        default void waits(Claim claim, Checks check) {}
    }

    private Runner() {}

    /// @param claims      in the order in which they are wanted
    /// @param stopAtFirst skip the claims with higher numbers than one that isn't kept
    /// @param listener    gets the outcomes in the order of the claims, each as soon as it and all
    ///                    before it are known
    /// @return one outcome for each claim, in their order
    /// @throws CancellationException if this thread was interrupted
    static List<Outcome> run(Class<? extends Checks> checks, List<Claim> claims, Subject subject,
            boolean stopAtFirst, Listener listener) {
        var outcomes = new Outcomes(claims, listener);
        var mute = claims.stream().filter(claim -> claim.client() && !subject.hasClient()).toList();
        mute.forEach(claim -> outcomes.hear(new Outcome(claim, NO_CLIENT, Duration.ZERO)));
        var bench = new Bench(subject, stopAtFirst, outcomes);
        var lanes = claims.stream().filter(claim -> !mute.contains(claim))
            .collect(Collectors.partitioningBy(Claim::client));
        // Client checks mostly wait, and share nothing: each has a server of its own. All others
        // begin after the first check of all: often that is where a student's run ends.
        var first = claims.isEmpty() ? null : claims.getFirst();
        var clients = lanes.get(true).stream().map(claim -> Thread.ofVirtual().name("client check")
            .start(() -> {
                if (claim != first) bench.awaitFirstOutcome();
                execute(checks, List.of(claim), bench);
            })).toList();
        if (lanes.get(true).contains(first)) bench.awaitFirstOutcome();
        for (var part : ascending(lanes.get(false))) {
            // The last checks leave little of a server to the first.
            if (part.getFirst() != lanes.get(false).getFirst()) subject.renew();
            execute(checks, part, bench);
        }
        bench.firstOutcomeIsKnown();
        for (var i = 0; i < clients.size(); i++)
            if (bench.stopped(lanes.get(true).get(i)).isPresent()) clients.get(i).interrupt();
        join(clients, bench);
        if (bench.cancelled()) throw new CancellationException("interrupted");
        return outcomes.all();
    }

    /// JUnit runs the claims of one request by number: a part for each step back.
    private static List<List<Claim>> ascending(List<Claim> claims) {
        var parts = new ArrayList<List<Claim>>();
        for (var claim : claims) {
            if (parts.isEmpty() || parts.getLast().getLast().number() > claim.number())
                parts.add(new ArrayList<>());
            parts.getLast().add(claim);
        }
        return parts;
    }

    private static void join(List<Thread> threads, Bench bench) {
        for (var thread : threads)
            while (thread.isAlive()) try {
                thread.join();
            } catch (InterruptedException cancelled) {
                bench.cancel();
                threads.forEach(Thread::interrupt);
            }
    }

    private static void execute(Class<? extends Checks> checks, List<Claim> claims, Bench bench) {
        if (claims.isEmpty()) return;
        if (claims.stream().allMatch(claim -> bench.stopped(claim).isPresent())) {
            claims.forEach(bench::skip);
            return;
        }
        var request = LauncherDiscoveryRequestBuilder.request().selectors(claims.stream()
            .map(claim -> DiscoverySelectors.selectMethod(checks, claim.method())).toList())
                .build();
        ScopedValue.where(Bench.CURRENT, bench).run(() -> {
            try (var session = session()) {
                session.getLauncher().execute(request);
            }
        });
    }

    /// JUnit with what the checks need and nothing else. If it finds Java Flight Recorder, through
    /// the context class loader, it takes 0.1 s to load events that nobody records.
    private static LauncherSession session() {
        var thread = Thread.currentThread();
        var usual = thread.getContextClassLoader();
        thread.setContextClassLoader(new ClassLoader(usual) {
            @Override public Class<?> loadClass(String name) throws ClassNotFoundException {
                if (name.startsWith("jdk.jfr.")) throw new ClassNotFoundException(name);
                return super.loadClass(name);
            }
        });
        try {
            return LauncherFactory.openSession(LauncherConfig.builder()
                .enableTestEngineAutoRegistration(false)
                .enableTestExecutionListenerAutoRegistration(false)
                .enableLauncherDiscoveryListenerAutoRegistration(false)
                .enableLauncherSessionListenerAutoRegistration(false)
                .enablePostDiscoveryFilterAutoRegistration(false)
                .addTestEngines(new JupiterTestEngine()).build());
        } finally {
            thread.setContextClassLoader(usual);
        }
    }

    /// Puts outcomes that come in any order into the order of their claims.
    private static final class Outcomes implements Listener {
        private final List<Claim> claims;
        private final Listener listener;
        private final Map<Claim, Outcome> known = new HashMap<>();
        private final Map<Claim, Checks> waiting = new HashMap<>();
        private int told;

        Outcomes(List<Claim> claims, Listener listener) {
            this.claims = claims;
            this.listener = listener;
        }

        @Override public synchronized void hear(Outcome outcome) {
            known.put(outcome.claim(), outcome);
            if (!outcome.claim().equals(next())) return;
            while (known.containsKey(next())) listener.hear(known.get(claims.get(told++)));
            tellWhoWaits();
        }

        @Override public int patience() { return listener.patience(); }

        @Override public synchronized void waits(Claim claim, Checks check) {
            waiting.put(claim, check);
            if (claim.equals(next())) tellWhoWaits();
        }

        private void tellWhoWaits() {
            if (waiting.containsKey(next())) listener.waits(next(), waiting.get(next()));
        }

        /// Null after the last.
        private Claim next() { return told < claims.size() ? claims.get(told) : null; }

        /// A check that left no outcome, as when JUnit itself failed, is the kit's fault, never a
        /// pass.
        synchronized List<Outcome> all() {
            for (var claim : claims) if (!known.containsKey(claim))
                hear(new Outcome(claim, new Verdict.KitFault("the check did not run", List.of()),
                    Duration.ZERO));
            return claims.stream().map(known::get).toList();
        }
    }
}
