package wirelab.wire;

import module java.base;

/// A request that crossed the tap, and what came back.
///
/// @param answer      null when nothing came back
/// @param sent        after a 101, the frames to the server
/// @param received    after a 101, the frames from the server
/// @param requestedAt when the request's first byte crossed, System.nanoTime()
/// @param answeredAt  when the answer's first byte crossed, System.nanoTime()
public record Exchange(Message request, Message answer, List<Frame> sent, List<Frame> received,
        long requestedAt, long answeredAt) {
    /// The frames of both directions, in the order of time.
    public List<Frame> frames() {
        return Stream.concat(sent.stream(), received.stream())
            .sorted(Comparator.comparingLong(Frame::at)).toList();
    }

    /// Whether an answer with this status came.
    public boolean answered(int status) {
        return answer != null && answer.start().contains(" " + status + " ");
    }

    /// Many publications, or the same question with the same answer again and again, are one line.
    boolean looksLike(Exchange next) {
        if (!next.request.start().equals(request.start()) || answer == null || next.answer == null)
            return false;
        if (!answer.start().equals(next.answer.start())) return false;
        return request.method().equals("POST")
            || request.headers().equals(next.request.headers())
            && Arrays.equals(answer.body(), next.answer.body());
    }
}
