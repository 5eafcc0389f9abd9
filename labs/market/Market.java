//JAVA 25+
//DEPS io.javalin:javalin:7.2.3
//DEPS com.fasterxml.jackson.core:jackson-databind:2.22.1
//SOURCES *.java

package market;

import module java.base;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.*;
import io.javalin.config.JavalinConfig;
import io.javalin.http.*;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.LifeCycle;

/// What every HTTP lab is given: `POST /quotes`, `GET /health`, and errors that say what went
/// wrong.
public final class Market {
    /// Reads and writes JSON; trailing garbage is an error.
    public static final ObjectMapper JSON = new ObjectMapper()
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private Market() {}

    /// Adds the given routes to a lab's server:
    /// - `POST /quotes` `{"symbol":"BTC","bid":1.0,"ask":2.0}` publishes a quote: 201, `Location`,
    ///   the quote;
    /// - `GET /health` answers `{"status":"ok","listeners":N}`, N being the feed's open listeners.
    ///
    /// A [Problem] that a handler throws becomes its `application/problem+json`; any other
    /// exception a 500 that names it.
    public static void routes(JavalinConfig config, Feed feed) {
        config.startup.showJavalinBanner = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.startup.startupWatcherEnabled = false;
        config.http.defaultContentType = "application/json";
        config.jetty.modifyServer(server -> server.addEventListener(new LifeCycle.Listener() {
            @Override public void lifeCycleStarting(LifeCycle starting) { widen(server); }
        }));
        config.routes.get("/health", ctx ->
            json(ctx, new Health("ok", feed.listeners())));
        config.routes.post("/quotes", ctx -> {
            var draft = draft(ctx.bodyAsBytes());
            var quote = feed.publish(draft.symbol, draft.bid, draft.ask);
            ctx.status(201).header("Location", "/quotes/" + quote.id());
            json(ctx, quote);
        });
        config.routes.exception(Exception.class, (failure, ctx) -> answer(ctx, failure));
    }

    /// Lets 1024 clients knock at once. With Java's 50 the others try again after a second, when
    /// hundreds come back in one moment, as they do after an outage.
    private static void widen(Server server) {
        for (var connector : server.getConnectors())
            if (connector instanceof ServerConnector tcp) tcp.setAcceptQueueSize(1024);
    }

    /// Answers with `value` as JSON (RFC 8259).
    public static void json(Context ctx, Object value) {
        try {
            ctx.contentType("application/json").result(JSON.writeValueAsBytes(value));
        } catch (JsonProcessingException cause) {
            throw new IllegalStateException("no JSON for " + value, cause);
        }
    }

    /// The setting `name`, a whole number: what this code was told ([Told]), else a system
    /// property, else an environment variable, else `otherwise`.
    public static int setting(String name, int otherwise) {
        var text = text(name, "" + otherwise);
        if (text.matches("[0-9]{1,9}")) return Integer.parseInt(text);
        throw new IllegalArgumentException(name + ": '" + text
            + "', must be a whole number from 0 to 999999999");
    }

    /// The setting `name`, a text: from the same places.
    public static String text(String name, String otherwise) {
        return Told.setting(name).orElseGet(() ->
            System.getProperty(name, System.getenv().getOrDefault(name, otherwise)));
    }

    /// An exception in one line, with the line of the lab that it came from.
    public static String where(Throwable failure) {
        var line = Stream.of(failure.getStackTrace())
            .filter(frame -> frame.getClassName().matches("lab\\d\\d(\\$.*)?"))
            .findFirst().map(frame -> " at " + frame.getFileName() + ":" + frame.getLineNumber());
        return failure + line.orElse("");
    }

    private record Health(String status, int listeners) {}

    private record Draft(String symbol, double bid, double ask) {}

    private static Draft draft(byte[] body) {
        var json = object(body);
        var symbol = json.path("symbol");
        if (!symbol.isTextual() || symbol.textValue().isBlank())
            throw new Problem(400, "symbol: must be a text that is not empty, for example \"BTC\"");
        var draft = new Draft(symbol.textValue(), price(json, "bid"), price(json, "ask"));
        if (draft.ask < draft.bid) throw new Problem(400, "ask: must not be below bid");
        return draft;
    }

    private static JsonNode object(byte[] body) {
        try {
            if (JSON.readTree(body) instanceof JsonNode json && json.isObject()) return json;
        } catch (IOException malformed) {
            // Not JSON at all: the same answer as for JSON of another shape.
        }
        throw new Problem(
            400, "body: must be a JSON object like {\"symbol\":\"BTC\",\"bid\":1.0,\"ask\":2.0}");
    }

    private static double price(JsonNode json, String field) {
        var number = json.path(field);
        if (number.isNumber() && Double.isFinite(number.doubleValue())) return number.doubleValue();
        throw new Problem(400, field + ": must be a finite number, for example 64210.5");
    }

    private static void answer(Context ctx, Exception failure) {
        var status = switch (failure) {
            case Problem problem -> problem.status;
            case HttpResponseException refused -> refused.getStatus();
            default -> 500;
        };
        // An error is no representation of the resource, so it has no entity tag. With one that
        // equals If-None-Match Javalin would even turn it into a 304.
        ctx.res().setHeader("ETag", null);
        ctx.status(status);
        json(ctx, Map.of(
            "title", HttpStatus.forStatus(status).getMessage(),
            "status", status,
            "detail", status == 500 ? where(failure) : "" + failure.getMessage()));
        ctx.contentType("application/problem+json");
    }
}
