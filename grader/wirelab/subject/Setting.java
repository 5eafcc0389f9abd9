package wirelab.subject;

import module java.base;

/// A limit or a time that a lab promises, and that its server can be told.
///
/// @param name     of the environment variable
/// @param promised what the lab promises when nobody says otherwise
/// @param brisk    what the lab is examined with: the same, or less where `promised` would take
///                 too long to wait for
public record Setting(String name, String promised, String brisk) {
    /// How many quotes the feed keeps: a setting of every lab.
    public static final Setting FEED_CAPACITY = new Setting("FEED_CAPACITY", "10000", "1000");

    /// One that a lab is examined with as it is promised. What ends or disturbs a healthy
    /// connection is one; a check about such a time shortens it for itself.
    public Setting(String name, String promised) { this(name, promised, promised); }
}
