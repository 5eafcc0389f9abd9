package wirelab.command;

import module java.base;
import java.util.concurrent.Callable;
import picocli.CommandLine.*;
import wirelab.checkout.Usage;
import wirelab.subject.ClientJson;
import wirelab.subject.ClientStart;
import wirelab.subject.Handover;

/// `jbang labNN.java client URL`
@Command(name = "client",
    description = "Follows a server and prints what it delivers, a line of JSON each.")
final class Follow implements Callable<Integer> {
    private final Handover lab;

    @Parameters(paramLabel = "URL",
        description = "The server, for example http://127.0.0.1:7001")
    URI url;
    @Option(names = "--after", paramLabel = "ID", defaultValue = "0",
        description = "The last id that you already have. Default: 0.")
    long after;
    @Option(names = "--every", paramLabel = "MS", defaultValue = "1000",
        description = "Pause between two polls in milliseconds, 1 to 3600000, where the lab "
            + "polls. Default: 1000.")
    long every;
    @Option(names = "--token", paramLabel = "T", defaultValue = ClientStart.TOKEN,
        description = "What it authenticates with, where the lab asks for it. "
            + "Default: " + ClientStart.TOKEN + ".")
    String token;
    @Option(names = "--symbols", paramLabel = "S", split = ",",
        description = "What it subscribes to, where the lab has a choice, like BTC,ETH. "
            + "Default: the known ones.")
    List<String> symbols = ClientStart.SYMBOLS;
    @Option(names = "--count", paramLabel = "N", defaultValue = "1000",
        description = "How much it sends, 0 to 100000000, where the lab sends. Default: 1000.")
    int count;
    @Option(names = "--ack",
        description = "After each line wait for one on stdin: `ok` takes it, anything else "
            + "makes the sink fail.")
    boolean ack;

    Follow(Handover lab) { this.lab = lab; }

    @Override public Integer call() throws Exception {
        if (!"http".equals(url.getScheme()) || url.getHost() == null)
            throw new Usage("URL '" + url + "': must be like http://127.0.0.1:"
                + lab.lab().port());
        if (after < 0) throw new Usage("--after " + after + ": must be from 0.");
        if (every < 1 || every > 3_600_000)
            throw new Usage("--every " + every + ": must be from 1 to 3600000 ms.");
        if (count < 0 || count > 100_000_000)
            throw new Usage("--count " + count + ": must be from 0 to 100000000.");
        var stdin = new BufferedReader(new InputStreamReader(System.in));
        try {
            lab.client().follow(new ClientStart(url, after).every(Duration.ofMillis(every))
                .token(token).symbols(symbols).count(count), value -> print(value, stdin));
        } catch (IllegalStateException | UnsupportedOperationException | IOException ended) {
            System.err.println("The client ended: " + ended.getClass().getSimpleName() + ": "
                + ended.getMessage());
            return 1;
        }
        return 0;
    }

    private void print(Object value, BufferedReader stdin) {
        try {
            System.out.println(ClientJson.json(value));
            if (ack && !"ok".equals(stdin.readLine()))
                throw new IllegalStateException("the sink refuses " + value);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }
}
