package wirelab.command.watch;

import module java.base;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import wirelab.report.ConsoleReport;

/// What the person at `jbang watch` sees, and the keys that are pressed: a terminal in raw mode, or
/// plain streams where there is none.
final class Screen implements AutoCloseable {
    /// Null where there is none.
    private final Terminal terminal;
    /// How many lines stand at the end that the next one replaces.
    private int passing;

    Screen() throws IOException {
        terminal = ConsoleReport.TERMINAL ? TerminalBuilder.builder().system(true).build() : null;
        if (terminal != null) terminal.enterRawMode();
    }

    boolean isTerminal() { return terminal != null; }

    void say(String text) {
        forget();
        // A terminal in raw mode needs the carriage return.
        System.out.print(text.replace("\n", terminal == null ? "\n" : "\r\n")
            + (terminal == null ? "\n" : "\r\n"));
        System.out.flush();
    }

    /// Says what the next [#say] takes back. A longer line would take two rows.
    void sayInPassing(String line) {
        if (terminal == null) {
            say(line);
            return;
        }
        var columns = Math.max(20, terminal.getWidth() - 1);
        System.out.print((line.length() < columns ? line : line.substring(0, columns - 1) + "…")
            + "\r\n");
        System.out.flush();
        passing++;
    }

    private void forget() {
        if (passing > 0) System.out.print("\033[" + passing + "A\033[J");
        passing = 0;
    }

    void clear() {
        passing = 0;
        if (terminal == null) say("");
        else System.out.print("\033[H\033[2J\033[3J");
    }

    /// Gives each key that is pressed to `pressed`, until there are no more.
    void readKeys(IntConsumer pressed) {
        try {
            for (int key; (key = terminal == null ? System.in.read() : terminal.reader().read())
                >= 0; ) pressed.accept(key);
        } catch (IOException closed) {
            // Without keys Ctrl-C ends it.
        }
    }

    @Override public void close() throws IOException {
        if (terminal != null) terminal.close();
    }
}
