package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import market.Feed;
import market.Market;
import market.Ticker;
import picocli.CommandLine.*;
import wirelab.checkout.Usage;
import wirelab.subject.Handover;

/// `jbang labNN.java serve`
@Command(name = "serve", description = "Serves this lab on 127.0.0.1 until Ctrl-C.")
final class Serve implements Callable<Integer> {
    private final Handover lab;

    @Option(names = "--port", paramLabel = "P",
        description = "TCP port, 0 to 65535; 0 = any. Default: environment variable PORT, "
            + "else 7000 + the lab's number.")
    Integer port;
    @Option(names = "--ticker", paramLabel = "N", defaultValue = "2",
        description = "Random-walk quotes a second, 0 to 10000; 0 = none. Default: 2.")
    double ticker;

    Serve(Handover lab) { this.lab = lab; }

    @Override public Integer call() throws InterruptedException {
        if (!(ticker >= 0 && ticker <= 10_000))
            throw new Usage("--ticker " + ticker
                + ": must be from 0 to 10000 quotes a second.");
        var chosen = port != null ? port : setting("PORT", lab.lab().port());
        if (chosen < 0 || chosen > 65_535)
            throw new Usage("port " + chosen + ": must be from 0 to 65535. Try: --port 0");
        var feed = new Feed(Math.max(1, setting("FEED_CAPACITY", Feed.CAPACITY)));
        var server = start(feed, chosen);
        if (ticker > 0) Ticker.start(feed, ticker);
        System.out.println("listening on http://127.0.0.1:" + server.port());
        Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
        Thread.currentThread().join();
        return 0;
    }

    private Handover.Running start(Feed feed, int port) {
        try {
            return lab.server().start(feed, port);
        } catch (io.javalin.util.JavalinBindException | IOException taken) {
            throw new Usage("Port " + port
                + " is in use. Stop what listens there, or try: --port 0");
        }
    }

    private static int setting(String name, int otherwise) {
        try {
            return Market.setting(name, otherwise);
        } catch (IllegalArgumentException malformed) {
            throw new Usage(malformed.getMessage());
        }
    }
}
