//JAVA 25+

import module java.base;

/// # What the consoles share
/// What a server sends by itself waits here until `next()` shows it.
///
/// For whoever writes a console: jshell stumbles over a name that an earlier line uses for
/// something else, like a variable `stream` where `list.stream()` came before.

/// @param line  as it is shown
/// @param value what `last` becomes
/// @param then  what is done when it has been shown
record Came(String line, Object value, Runnable then) {}

LinkedBlockingQueue<Came> came = new LinkedBlockingQueue<>();

/// What `next()` has shown last.
Object last;

/// How long `next()` waits, and whatever else waits for a server.
Duration patience = Duration.ofSeconds(5);

String within() {
    return "within " + (patience.toMillis() / 1000.0 + " s").replace(".0 ", " ");
}

/// How many streams, connections or requests may still bring something.
AtomicInteger pending = new AtomicInteger();

/// What to do when none may.
String remedy = "";

void say(String line) { System.out.println(line); }

void next() throws InterruptedException {
    var none = pending.get() == 0 && came.isEmpty();
    var one = none ? null : came.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
    if (none) say("! nothing is open. Try: " + remedy);
    else if (one == null) say("! nothing came " + within());
    else {
        say(one.line());
        last = one.value();
        one.then().run();
    }
}

/// Forgets what a former connection has brought.
void reset() {
    came.clear();
    pending.set(0);
}

/// Where nothing listens.
///
/// @param lab the lab that this console is for
void refused(int port, int lab) {
    var known = port > 7000 && port < 7010;
    say("! nothing listens on 127.0.0.1:" + port + ". Start it in another terminal: jbang "
        + "solutions/lab0" + (known ? port - 7000 : lab) + ".java serve"
        + (known ? "" : " --port " + port));
}
