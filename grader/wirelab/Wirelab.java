///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS ../../labs/market/Market.java
//DEPS ../../labs/market/rpc/MarketService.java
//DEPS ../../proto/MarketProto.java
//DEPS com.google.protobuf:protobuf-java:4.36.2
//DEPS org.junit:junit-bom:6.1.3@pom
//DEPS org.junit.jupiter:junit-jupiter
//DEPS org.junit.platform:junit-platform-launcher
//DEPS com.squareup.okhttp3:okhttp-bom:5.5.1@pom
//DEPS com.squareup.okhttp3:mockwebserver3
//DEPS com.squareup.okhttp3:okhttp-sse
//DEPS org.java-websocket:Java-WebSocket:1.6.0
//DEPS info.picocli:picocli:4.7.7
//DEPS io.github.java-diff-utils:java-diff-utils:4.16
//DEPS org.jline:jline-terminal-jni:3.30.9
//DEPS org.slf4j:slf4j-nop:2.0.18
//SOURCES *.java
//SOURCES **/*.java
//SOURCES ../labs/*/*.java

package wirelab;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import wirelab.command.Cli;
import wirelab.command.GradeCommand;
import wirelab.command.ListCommand;
import wirelab.command.VerifyCommand;
import wirelab.command.watch.WatchCommand;

/// The commands for instructors and authors: `jbang grade`, `jbang verify`.
@Command(name = "jbang", description = "Wirelab: hands-on labs for real-time APIs.",
    subcommands = {GradeCommand.class, VerifyCommand.class, WatchCommand.class,
        ListCommand.class})
public final class Wirelab {
    private Wirelab() {}

    static void main(String... args) {
        System.exit(Cli.execute(new CommandLine(new Wirelab()), args));
    }
}
