package wirelab.command.watch;

import module java.base;
import java.nio.file.attribute.BasicFileAttributes;
import wirelab.checkout.LabFiles;
import wirelab.checkout.LabId;

/// Tells of each lab whose file has a new text. It looks at the files themselves and needs no file
/// events, so it works on network and shared folders, too.
final class FileWatch {
    private final List<Looked> files;

    FileWatch(List<LabId> labs) { files = labs.stream().map(Looked::new).toList(); }

    /// Looks every `pause` milliseconds until its thread is interrupted, and gives each lab that
    /// was saved to `saved`, once its file has stopped changing.
    void look(int pause, Consumer<LabId> saved) {
        try {
            for (;; Thread.sleep(pause))
                for (var file : files) if (file.saved()) saved.accept(file.lab);
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    /// What has been seen of a lab's file.
    private static final class Looked {
        final LabId lab;
        private final Path file;
        private String stamp;
        private String settled;
        private String text;

        Looked(LabId lab) {
            this.lab = lab;
            file = new LabFiles(lab).file();
            stamp = settled = stamp();
            text = read();
        }

        /// Whether it has stopped changing, with a text that it has not had before.
        boolean saved() {
            var now = stamp();
            var still = now.equals(stamp);
            stamp = now;
            if (!still || now.equals(settled)) return false;
            settled = now;
            var read = read();
            if (read.isBlank() || read.equals(text)) return false;
            text = read;
            return true;
        }

        /// Changes when the file does; some editors write a new file and rename it.
        private String stamp() {
            try {
                var attributes = Files.readAttributes(file, BasicFileAttributes.class);
                return attributes.lastModifiedTime() + " " + attributes.size() + " "
                    + attributes.fileKey();
            } catch (IOException absent) {
                return "";
            }
        }

        private String read() {
            try {
                return Files.readString(file);
            } catch (IOException absent) {
                return "";
            }
        }
    }
}
