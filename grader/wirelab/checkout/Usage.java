package wirelab.checkout;

/// Wrong usage: says what was wrong, what is allowed, what to type instead. Exit code 2.
public final class Usage extends RuntimeException {
    public Usage(String what) { super(what); }
}
