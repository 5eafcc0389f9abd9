package wirelab.command.watch;

import java.nio.file.Path;

/// What a [Worker] is to do, a line of JSON on its stdin.
///
/// @param file  the lab to examine
/// @param begin the number of the claim to begin with
/// @param quiet no report is wanted: it only warms the JVM
record WorkerOrder(Path file, int begin, boolean quiet) {}
