///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../../labs/market/Market.java
//DEPS ../../labs/market/rpc/MarketService.java
//DEPS ../../proto/MarketProto.java
//DEPS ../wirelab/Wirelab.java
//DEPS org.assertj:assertj-core:3.27.7
//SOURCES *.java
//SOURCES **/*.java

package wirelab;

import module java.base;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.*;
import org.junit.platform.launcher.core.*;
import wirelab.checkout.Checkout;
import wirelab.command.VerifyCommand;
import wirelab.proof.Documents;
import wirelab.proof.Report;

/// All that CI runs: the kit's own tests, then every lab verified. Ends with `N passed, N failed`,
/// and how many were skipped, if any: in CI (environment variable `CI`) those have failed.
/// `jbang test NAME` runs one class of tests alone. Every class beside or below this one whose name
/// ends with `Test` is one.
final class AllTests {
    private AllTests() {}

    static void main(String... args) throws Exception {
        var tests = new Tally();
        var all = classes();
        var wanted = all.stream().filter(test -> args.length == 0
            || List.of(args).contains(test.getSimpleName())).toList();
        if (wanted.isEmpty()) {
            System.err.println("No such tests. There are: "
                + all.stream().map(Class::getSimpleName).collect(Collectors.joining(" ")));
            System.exit(2);
        }
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true,
            StandardCharsets.UTF_8));
        LauncherFactory.create().execute(LauncherDiscoveryRequestBuilder.request()
            .selectors(wanted.stream().map(DiscoverySelectors::selectClass).toList()).build(),
            tests);
        if (args.length == 0) VerifyCommand.verify(Checkout.labs(), tests::add);
        if (args.length == 0) tests.add(Documents.problems());
        System.out.println(tests.passed + " passed, " + tests.failed + " failed"
            + (tests.skipped > 0 ? ", " + tests.skipped + " skipped" : ""));
        System.exit(tests.failed == 0 && tests.passed > 0 ? 0 : 1);
    }

    /// The classes of tests that were compiled together with this one, by name.
    static List<Class<?>> classes() throws Exception {
        var home = Path.of(AllTests.class.getProtectionDomain().getCodeSource().getLocation()
            .toURI());
        try (var jar = Files.isDirectory(home) ? null : FileSystems.newFileSystem(home)) {
            var root = jar == null ? home : jar.getPath("/");
            try (var files = Files.walk(root)) {
                var names = files.map(file -> root.relativize(file).toString().replace('\\', '/'))
                    .filter(name -> name.matches("[^$]*Test\\.class")).sorted()
                    .map(name -> name.replace(".class", "").replace('/', '.')).toList();
                var classes = new ArrayList<Class<?>>();
                for (var name : names) classes.add(Class.forName(name));
                return classes;
            }
        }
    }

    /// Prints each test as it ends, and counts.
    private static final class Tally implements TestExecutionListener {
        private int passed;
        private int failed;
        private int skipped;

        @Override public void executionStarted(TestIdentifier test) {
            if (test.isContainer() && test.getParentId().isPresent())
                System.out.println(test.getDisplayName());
        }

        @Override public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            var broken = result.getThrowable();
            if (result.getStatus() == TestExecutionResult.Status.ABORTED) {
                executionSkipped(test, broken.map(Throwable::getMessage).orElse(""));
                return;
            }
            if (!test.isTest() && broken.isEmpty()) return;
            System.out.println((broken.isEmpty() ? "  ✔ " : "  ✘ ") + test.getDisplayName());
            if (broken.isEmpty()) passed++;
            else {
                failed++;
                broken.get().printStackTrace(System.out);
            }
        }

        /// A skipped test is no success.
        @Override public void executionSkipped(TestIdentifier test, String reason) {
            var counts = System.getenv("CI") != null;
            System.out.println((counts ? "  ✘ " : "  · ") + test.getDisplayName() + ", skipped: "
                + reason.replace("Assumption failed: ", ""));
            if (counts) failed++;
            else skipped++;
        }

        /// Counts the starter's and the solution's claims and the mistakes of a lab.
        void add(Report report) {
            System.out.println(report.text());
            failed += report.problems().size();
            passed += Math.max(0, 2 * report.claims() + report.mistakes()
                - report.problems().size());
        }

        void add(List<String> problems) {
            System.out.println((problems.isEmpty() ? "✔" : "✘")
                + " style of all source files, and the tables of the README");
            problems.forEach(problem -> System.out.println("    " + problem));
            failed += problems.size();
            if (problems.isEmpty()) passed++;
        }
    }
}
