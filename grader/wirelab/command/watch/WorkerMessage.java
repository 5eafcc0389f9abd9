package wirelab.command.watch;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonSubTypes.Type;
import com.fasterxml.jackson.annotation.JsonTypeInfo;

/// What a [Worker] says, a line of JSON each on its stdout.
@JsonTypeInfo(use = JsonTypeInfo.Id.SIMPLE_NAME, property = "type")
@JsonSubTypes({@Type(WorkerMessage.Begin.class), @Type(WorkerMessage.Line.class),
    @Type(WorkerMessage.Passing.class), @Type(WorkerMessage.End.class),
    @Type(WorkerMessage.Leftovers.class)})
sealed interface WorkerMessage {
    /// The answer to the next order begins. What came before it was said when that order had not
    /// been read.
    record Begin() implements WorkerMessage {}

    /// A line of the report.
    record Line(String text) implements WorkerMessage {}

    /// A line that is of interest only until the next [Line].
    record Passing(String text) implements WorkerMessage {}

    /// The report is complete.
    ///
    /// @param code    the exit code that the run would have, or [Worker#UNCOMPILED]
    /// @param broken  the number of the first broken claim, 0 if none is
    /// @param kept    how many of the claims that count are kept
    /// @param counted how many count
    record End(int code, int broken, int kept, int counted) implements WorkerMessage {}

    /// After [End]: something of this run goes on, so a new JVM is better for the next one.
    record Leftovers() implements WorkerMessage {}
}
