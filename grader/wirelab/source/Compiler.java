package wirelab.source;

import module java.base;
import javax.tools.*;

/// Compiles one lab file in memory, against the classpath of this JVM.
public final class Compiler {
    /// What came of it.
    public sealed interface Result {}

    /// @param lines the compiler's own sentences, each with its line number
    public record Errors(List<String> lines) implements Result {}

    /// @param bytes the class files by class name
    public record Classes(String main, Map<String, ByteArrayOutputStream> bytes) implements Result {
        /// The main class, loaded by a loader of its own.
        public Class<?> load() throws ClassNotFoundException {
            return new ClassLoader(Compiler.class.getClassLoader()) {
                @Override protected Class<?> findClass(String name) throws ClassNotFoundException {
                    if (!bytes.containsKey(name)) throw new ClassNotFoundException(name);
                    var code = bytes.get(name).toByteArray();
                    return defineClass(name, code, 0, code.length);
                }
            }.loadClass(main);
        }

        /// Writes the classes to a new folder for temporary files, which is deleted when this JVM
        /// ends.
        public Path unpack() throws IOException {
            var folder = Files.createTempDirectory("wirelab-");
            for (var one : bytes.entrySet()) {
                var file = Files.write(folder.resolve(one.getKey() + ".class"), one.getValue()
                    .toByteArray());
                file.toFile().deleteOnExit();
            }
            folder.toFile().deleteOnExit();
            return folder;
        }
    }

    private static final JavaCompiler JAVAC = ToolProvider.getSystemJavaCompiler();

    private Compiler() {}

    /// @param name   the class, which is also the name of the file
    /// @param source its text; JBang's directives are comments to the compiler
    public static Result compile(String name, String source) {
        var errors = new DiagnosticCollector<JavaFileObject>();
        var bytes = new ConcurrentHashMap<String, ByteArrayOutputStream>();
        var file = new SourceText(name, source);
        var memory =
            new ForwardingJavaFileManager<>(JAVAC.getStandardFileManager(errors, Locale.ROOT,
                StandardCharsets.UTF_8)) {
            @Override public JavaFileObject getJavaFileForOutput(Location location,
                String className, JavaFileObject.Kind kind, FileObject sibling) {
                return new SimpleJavaFileObject(URI.create("memory:///" + className + ".class"),
                    kind) {
                    @Override public OutputStream openOutputStream() {
                        return bytes.computeIfAbsent(className, _ -> new ByteArrayOutputStream());
                    }
                };
            }
        };
        // -proc:none: a file that is graded must not run code in the compiler.
        var options = List.of("-proc:none", "--release", "25", "-g");
        if (JAVAC.getTask(Writer.nullWriter(), memory, errors, options, null, List.of(file))
            .call()) return new Classes(name, bytes);
        return new Errors(errors.getDiagnostics().stream()
            .filter(one -> one.getKind() == Diagnostic.Kind.ERROR)
            .map(one -> name + ".java:" + one.getLineNumber() + ": " + one.getMessage(Locale.ROOT))
                .toList());
    }
}
