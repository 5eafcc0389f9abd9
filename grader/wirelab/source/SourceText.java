package wirelab.source;

import java.net.URI;
import javax.tools.SimpleJavaFileObject;

/// The text of a source file, for the compiler.
public final class SourceText extends SimpleJavaFileObject {
    private final String text;

    /// @param name of its class, and of the file without `.java`
    public SourceText(String name, String text) {
        super(URI.create("string:///" + name + ".java"), Kind.SOURCE);
        this.text = text;
    }

    @Override public CharSequence getCharContent(boolean ignoreEncodingErrors) { return text; }
}
