package wirelab.run;

import module java.base;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.core.*;
import wirelab.check.Checks;
import wirelab.check.Room;
import wirelab.subject.Subject;
import wirelab.time.IdleMachine;
import wirelab.time.Patience;
import wirelab.verdict.*;

/// Runs a lab's checks against a subject, the server's and the client's side by side.
public final class Runner {
    private final Room room;
    private final Run run;
    private final Checks.Bench bench;

    private Runner(Room room, Run run, Checks.Bench bench) {
        this.room = room;
        this.run = run;
        this.bench = bench;
    }

    /// @param claims      in the order in which they are wanted
    /// @param stopAtFirst skip the claims with higher numbers than one that isn't kept
    /// @param listener    gets the outcomes in the order of the claims, each as soon as it and all
    ///                    before it are known
    /// @return one outcome for each claim, in their order
    /// @throws CancellationException if this thread was interrupted
    public static List<Outcome> run(Room room, List<Claim> claims, Subject subject,
            boolean stopAtFirst, Listener listener) {
        var outcomes = new Outcomes(claims, listener);
        var mute = claims.stream().filter(claim -> claim.client() && !subject.hasClient()).toList();
        mute.forEach(claim -> outcomes.hear(new Outcome(claim, Score.NO_CLIENT, Duration.ZERO)));
        var run = new Run(stopAtFirst, outcomes);
        var patience = subject.isElsewhere() ? Patience.withAnotherMachine()
            : Patience.with(new IdleMachine());
        new Runner(room, run, new Checks.Bench(subject, patience,
            new Referee(run, subject, claims))).examine(claims.stream()
                .filter(claim -> !mute.contains(claim)).toList());
        if (run.cancelled()) throw new CancellationException("interrupted");
        return outcomes.all();
    }

    private void examine(List<Claim> claims) {
        var lanes = claims.stream().collect(Collectors.partitioningBy(Claim::client));
        // Client checks mostly wait, and share nothing: each has a server of its own. All others
        // begin after the first check of all: often that is where a student's run ends.
        var first = claims.isEmpty() ? null : claims.getFirst();
        var clients = lanes.get(true).stream().map(claim -> Thread.ofVirtual().name("client check")
            .start(() -> {
                if (claim != first) run.awaitFirstOutcome();
                execute(List.of(claim));
            })).toList();
        if (lanes.get(true).contains(first)) run.awaitFirstOutcome();
        Claim last = null;
        for (var part : parts(lanes.get(false))) {
            // The last checks leave little of a server to the first.
            if (last != null && last.number() > part.getFirst().number()) bench.subject().renew();
            execute(part);
            last = part.getLast();
        }
        run.firstOutcomeIsKnown();
        for (var i = 0; i < clients.size(); i++)
            if (run.stopped(lanes.get(true).get(i)).isPresent()) clients.get(i).interrupt();
        join(clients);
    }

    /// JUnit runs the claims of one request class by class, and by number: a part for each step
    /// back, and for each change of the class.
    private List<List<Claim>> parts(List<Claim> claims) {
        var parts = new ArrayList<List<Claim>>();
        Claim last = null;
        for (var claim : claims) {
            if (last == null || last.number() > claim.number()
                || room.part(last) != room.part(claim)) parts.add(new ArrayList<>());
            parts.getLast().add(claim);
            last = claim;
        }
        return parts;
    }

    private void join(List<Thread> threads) {
        for (var thread : threads)
            while (thread.isAlive()) try {
                thread.join();
            } catch (InterruptedException cancelled) {
                run.cancel();
                threads.forEach(Thread::interrupt);
            }
    }

    private void execute(List<Claim> claims) {
        if (claims.isEmpty()) return;
        if (claims.stream().allMatch(claim -> run.stopped(claim).isPresent())) {
            claims.forEach(run::skip);
            return;
        }
        var request = LauncherDiscoveryRequestBuilder.request().selectors(claims.stream()
            .map(claim -> DiscoverySelectors.selectMethod(room.part(claim), claim.method()))
            .toList()).build();
        ScopedValue.where(Checks.BENCH, bench).run(() -> {
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
        private final Map<Claim, Waiting> waiting = new HashMap<>();
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

        @Override public synchronized void waits(Claim claim, Waiting check) {
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
