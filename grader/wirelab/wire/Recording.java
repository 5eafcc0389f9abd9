package wirelab.wire;

import module java.base;

/// The bytes of one direction, and when each piece of them came.
final class Recording {
    /// What is recorded of one direction of one connection, and of all of them, in bytes; more
    /// passes through but isn't kept.
    private static final int KEPT = 4 * 1024 * 1024;
    private static final long KEPT_IN_ALL = 64 * 1024 * 1024;

    private record Piece(int offset, long nanoTime) {}

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final List<Piece> pieces = new ArrayList<>();
    private final AtomicLong keptInAll;
    private long total;
    private boolean full;

    Recording(AtomicLong keptInAll) { this.keptInAll = keptInAll; }

    synchronized void add(byte[] buffer, int count) {
        total += count;
        full |= bytes.size() + count > KEPT || keptInAll.addAndGet(count) > KEPT_IN_ALL;
        if (full) return;
        pieces.add(new Piece(bytes.size(), System.nanoTime()));
        bytes.write(buffer, 0, count);
    }

    synchronized long total() { return total; }

    /// All that came so far.
    synchronized Replay replay() {
        return new Replay(bytes.toByteArray(), List.copyOf(pieces));
    }

    static final class Replay extends ByteArrayInputStream {
        private final List<Piece> pieces;
        private int piece;

        Replay(byte[] bytes, List<Piece> pieces) {
            super(bytes);
            this.pieces = pieces;
        }

        /// When the byte came that is read next, System.nanoTime(); 0 when none has.
        long nanoTime() {
            if (available() == 0) return 0;
            while (piece + 1 < pieces.size() && pieces.get(piece + 1).offset <= pos) piece++;
            return pieces.get(piece).nanoTime;
        }
    }
}
