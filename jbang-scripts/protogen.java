///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS com.google.protobuf:protoc:4.36.2:${os.detected.classifier}@exe
//DEPS io.grpc:protoc-gen-grpc-java:1.83.1:${os.detected.classifier}@exe

import module java.base;

/// # protogen
/// Generates the classes in proto/ from proto/market.proto, with the protoc and the gRPC plugin
/// that Maven has for this machine.
///
///     jbang protogen            writes them
///     jbang protogen --check    exits with 1 if the committed ones are others
class protogen {
    /// The folder proto/ of this checkout.
    static Path proto() {
        for (var folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent())
            if (Files.isReadable(folder.resolve("proto/market.proto")))
                return folder.resolve("proto");
        throw new IllegalStateException("No proto/market.proto here or above.");
    }

    /// The program that JBang fetched as a dependency.
    static String program(String name) throws IOException {
        var file = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(Path::of).filter(path -> path.getFileName().toString().startsWith(name + "-"))
            .filter(path -> path.toString().endsWith(".exe")).findFirst()
            .orElseThrow(() -> new IllegalStateException("No " + name + " among the dependencies"));
        // A copy: what lies in Maven's cache needn't be executable.
        var copy = Files.createTempFile(name, ".exe");
        Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
        copy.toFile().setExecutable(true);
        copy.toFile().deleteOnExit();
        return copy.toString();
    }

    /// Generates into this folder.
    static void generate(Path folder) throws IOException, InterruptedException {
        var protoc = new ProcessBuilder(program("protoc"), "--java_out=" + folder,
            "--plugin=protoc-gen-grpc-java=" + program("protoc-gen-grpc-java"),
            "--grpc-java_out=@generated=omit:" + folder, "market.proto")
            .directory(proto().toFile()).inheritIO().start();
        if (protoc.waitFor() != 0) throw new IllegalStateException("protoc refuses market.proto");
    }

    /// The generated files in this folder: name and text.
    static Map<String, String> classes(Path folder) throws IOException {
        var texts = new TreeMap<String, String>();
        try (var files = Files.list(folder.resolve("market/v1"))) {
            for (var file : files.toList())
                texts.put(file.getFileName().toString(), Files.readString(file));
        }
        return texts;
    }

    void main(String... args) throws Exception {
        if (args.length == 0) {
            generate(proto());
            return;
        }
        if (!List.of(args).equals(List.of("--check"))) {
            System.err.println("Usage: jbang protogen [--check]");
            System.exit(2);
        }
        var fresh = Files.createTempDirectory("protogen");
        generate(fresh);
        if (classes(fresh).equals(classes(proto()))) return;
        System.err.println("proto/market/v1 is not what market.proto generates."
            + " Run: jbang protogen");
        System.exit(1);
    }
}
