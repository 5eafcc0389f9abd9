package wirelab.source;

import module java.base;
import com.sun.source.tree.*;
import com.sun.source.util.*;
import javax.lang.model.element.*;
import javax.lang.model.type.*;
import javax.tools.*;

/// Cuts members out of a lab's solution, with all that they need of it and of labs/market/, so that
/// they stand on their own. What that is says the compiler, which knows what each name means.
public final class Excerpt {
    /// Which library a package comes from. The versions stand in the files that are cut from.
    private static final Map<String, List<String>> LIBRARIES = Map.of(
        "io.javalin", List.of("io.javalin:javalin"),
        "org.eclipse.jetty", List.of("io.javalin:javalin"),
        "com.fasterxml.jackson", List.of("com.fasterxml.jackson.core:jackson-databind"),
        "okhttp3", List.of("com.squareup.okhttp3:okhttp-sse"),
        "okio", List.of("com.squareup.okhttp3:okhttp-sse"),
        "org.java_websocket", List.of("org.java-websocket:Java-WebSocket"),
        "io.grpc", List.of("io.grpc:grpc-bom", "io.grpc:grpc-netty-shaded", "io.grpc:grpc-stub"));
    /// The package of what protoc generates.
    private static final String GENERATED = "market.v1";

    private final Path root;
    private final String name;
    private final JavacTask task;
    private final Trees trees;
    private final List<CompilationUnitTree> units = new ArrayList<>();
    private final TypeElement lab;
    /// What is needed of each class: members, or the class, which is all of it.
    private final Map<TypeElement, Set<Element>> needed = new LinkedHashMap<>();
    /// What is needed of each class that protoc generates.
    private final Map<TypeElement, Set<Element>> generated = new LinkedHashMap<>();
    private final Set<String> imports = new TreeSet<>();
    private final Set<String> packages = new TreeSet<>();

    /// @param root of the checkout
    /// @param file in solutions/
    /// @param name of the class that the members become part of
    public Excerpt(Path root, String file, String name) throws IOException {
        this.root = root;
        this.name = name;
        var javac = ToolProvider.getSystemJavaCompiler();
        var errors = new DiagnosticCollector<JavaFileObject>();
        var manager = javac.getStandardFileManager(errors, Locale.ROOT, StandardCharsets.UTF_8);
        var sources = new ArrayList<>(List.of(root.resolve("solutions").resolve(file)));
        for (var folder : List.of("labs/market", "labs/market/rpc"))
            try (var files = Files.list(root.resolve(folder))) {
                files.filter(path -> path.toString().endsWith(".java")).sorted()
                    .forEach(sources::add);
            }
        task = (JavacTask) javac.getTask(Writer.nullWriter(), manager, errors,
            List.of("-proc:none", "--release", "25"), null,
            manager.getJavaFileObjectsFromPaths(sources));
        task.parse().forEach(units::add);
        task.analyze();
        trees = Trees.instance(task);
        for (var error : errors.getDiagnostics())
            if (error.getKind() == Diagnostic.Kind.ERROR)
                throw new IllegalStateException("" + error);
        for (var unit : units)
            for (var type : unit.getTypeDecls())
                needed.put((TypeElement) trees.getElement(new TreePath(new TreePath(unit), type)),
                    new LinkedHashSet<>());
        lab = needed.keySet().iterator().next();
    }

    /// Takes all members of the lab that have this name, and what they need.
    public Excerpt take(String member) {
        var found = lab.getEnclosedElements().stream()
            .filter(one -> one.getSimpleName().contentEquals(member)).toList();
        if (found.isEmpty()) throw new IllegalStateException(lab + " has no member " + member);
        found.forEach(this::need);
        return this;
    }

    /// Notes that this is needed, a class, a member of one, or what is inside of that.
    private void need(Element element) {
        var type = outermost(element);
        if (type == null) return;
        if (isGenerated(element)) generate(element instanceof TypeElement one ? one
            : (TypeElement) element.getEnclosingElement(), element);
        if (!needed.containsKey(type)) return;
        var member = element;
        while (member != type && member.getEnclosingElement() != type)
            member = member.getEnclosingElement();
        if (type == lab && member == lab) return;
        // A member of an object: there are objects of this class, so it comes as it is.
        if (type != lab && !member.getModifiers().contains(Modifier.STATIC)) member = type;
        if (!needed.get(type).add(member)) return;
        var path = trees.getPath(member);
        // A member that the compiler added, like a record's accessor, is not in the file.
        if (path != null) new Needs().scan(path, null);
    }

    private boolean isGenerated(Element element) {
        return ("" + task.getElements().getPackageOf(element)).equals(GENERATED);
    }

    /// Notes that of a class which protoc generates this is needed, a member or the class.
    private void generate(TypeElement type, Element element) {
        var members = generated.computeIfAbsent(outermost(type), _ -> new LinkedHashSet<>());
        members.add(type);
        if (!members.add(element) || !(element instanceof ExecutableElement method)) return;
        Stream.concat(Stream.of(method.getReturnType()), method.getParameters().stream()
            .map(Element::asType)).map(task.getTypes()::asElement).filter(Objects::nonNull)
            .forEach(this::need);
    }

    /// The class that an element is inside of; null for a package, or the length of an array.
    private static TypeElement outermost(Element element) {
        for (var one = element; one != null; one = one.getEnclosingElement())
            if (one instanceof TypeElement type
                && type.getNestingKind() == NestingKind.TOP_LEVEL) return type;
        return null;
    }

    /// Notes what a part of a file names.
    private final class Needs extends TreePathScanner<Void, Void> {
        @Override public Void visitIdentifier(IdentifierTree tree, Void nothing) {
            var element = trees.getElement(getCurrentPath());
            if (element == null) return null;
            need(element);
            if (element instanceof TypeElement type) use(type);
            return null;
        }

        @Override public Void visitMemberSelect(MemberSelectTree tree, Void nothing) {
            var element = trees.getElement(getCurrentPath());
            if (element != null) need(element);
            var left = new TreePath(getCurrentPath(), tree.getExpression());
            // What a generated class inherits, like withDeadlineAfter, is needed of it, too.
            if (element instanceof ExecutableElement && trees.getTypeMirror(left)
                instanceof DeclaredType type && isGenerated(type.asElement()))
                generate((TypeElement) type.asElement(), element);
            // Of Market.JSON only JSON is needed.
            if (element instanceof TypeElement || !needed.containsKey(trees.getElement(left)))
                scan(tree.getExpression(), nothing);
            return null;
        }

        @Override public Void visitMemberReference(MemberReferenceTree tree, Void nothing) {
            var element = trees.getElement(getCurrentPath());
            if (element != null) need(element);
            return super.visitMemberReference(tree, nothing);
        }

        @Override public Void visitNewClass(NewClassTree tree, Void nothing) {
            var element = trees.getElement(getCurrentPath());
            if (element != null) need(element);
            return super.visitNewClass(tree, nothing);
        }

        /// Notes by which import this type has its name.
        private void use(TypeElement type) {
            var unit = getCurrentPath().getCompilationUnit();
            var full = "" + type.getQualifiedName();
            var home = "" + task.getElements().getPackageOf(type);
            var module = "module " + task.getElements().getModuleOf(type);
            if (needed.containsKey(outermost(type)) || home.equals(GENERATED)) return;
            var names = unit.getImports().stream()
                .map(one -> (one.isModule() ? "module " : "") + one.getQualifiedIdentifier())
                .toList();
            Stream.of(full, home + ".*", module).filter(names::contains).findFirst()
                .ifPresent(imports::add);
            packages.add(home);
        }
    }

    /// The whole file.
    ///
    /// @param title what it is for
    /// @param use   statements that show it at work, after the imports that only they need
    public String text(String title, String use) throws IOException {
        var parts = use.lines().collect(Collectors.partitioningBy(
            line -> line.startsWith("import ")));
        parts.get(true).forEach(line -> imports.add(line.substring(7, line.length() - 1)));
        var body = members(lab) + (use.isEmpty() ? ""
            : "\n    void main() throws Exception {\n"
                + String.join("\n", parts.get(false)).indent(8) + "    }\n");
        var text = new StringBuilder("///usr/bin/env jbang \"$0\" \"$@\" ; exit $?\n//JAVA 25+\n");
        dependencies().forEach(one -> text.append("//DEPS ").append(one).append('\n'));
        text.append('\n');
        // Modules come first, as in all our files.
        imports.stream()
            // Two files may name one class in two ways.
            .filter(one -> one.endsWith("*")
                || !imports.contains(one.replaceFirst("\\w+$", "*")))
            .sorted(Comparator.comparing(one -> !one.startsWith("module ")))
            .forEach(one -> text.append("import ").append(one).append(";\n"));
        text.append("""

            /// # %s
            /// From Wirelab, lab %s. Apache License 2.0.
            class %s {
            %s}
            """.formatted(title, ("" + lab).substring(3), name, body));
        for (var type : needed.keySet())
            if (type != lab && !needed.get(type).isEmpty()) text.append('\n').append(type(type));
        if (!generated.isEmpty()) text.append("\n// ").append(PLACEHOLDER).append('\n');
        generated.forEach((type, members) ->
            text.append('\n').append(outline(type, members, "")));
        return text.toString();
    }

    private static final String PLACEHOLDER =
        "What follows stands for the classes that protoc generates: put yours in its place.";

    /// The libraries that the packages come from, as the files that are cut from name them.
    private List<String> dependencies() throws IOException {
        var files = new ArrayList<>(List.of(root.resolve("proto/MarketProto.java")));
        for (var unit : units) files.add(Path.of(unit.getSourceFile().toUri()));
        var named = new LinkedHashSet<String>();
        for (var file : files)
            Files.readAllLines(file).stream().filter(line -> line.startsWith("//DEPS "))
                .map(line -> line.substring(7).strip()).forEach(named::add);
        var wanted = LIBRARIES.entrySet().stream()
            .filter(one -> packages.stream().anyMatch(home -> home.startsWith(one.getKey())))
            .flatMap(one -> one.getValue().stream()).collect(Collectors.toSet());
        return named.stream().filter(one -> wanted.stream()
            .anyMatch(library -> (one + ":").startsWith(library + ":"))).toList();
    }

    /// What is needed of a class of labs/market/, as a class beside the snippet's.
    private String type(TypeElement type) throws IOException {
        if (!needed.get(type).contains(type))
            return "final class " + nameOf(type) + " {\n" + members(type) + "}\n";
        // One file has one public class at most.
        return cut(type).replaceFirst("(?m)^public ", "")
            .replaceFirst("\\b(class|record) " + type.getSimpleName() + "\\b",
                "$1 " + nameOf(type));
    }

    /// The members that are needed of a class, in their order.
    private String members(TypeElement type) throws IOException {
        var parts = new TreeMap<Long, String>();
        for (var member : needed.get(type)) {
            var path = trees.getPath(member);
            if (path != null) parts.put(trees.getSourcePositions()
                .getStartPosition(path.getCompilationUnit(), path.getLeaf()), cut(member));
        }
        return joined(parts.values());
    }

    /// Fields stand together, all else apart.
    private static String joined(Collection<String> parts) {
        var text = new StringBuilder();
        for (var part : parts) {
            var field = part.strip().endsWith(";") && !part.contains("{\n");
            if (!text.isEmpty() && !(field && text.toString().endsWith(";\n"))) text.append('\n');
            text.append(part);
        }
        return text.toString();
    }

    /// A class, or a member of one, as it stands in its file, with the comment before it.
    private String cut(Element element) throws IOException {
        var path = trees.getPath(element);
        var unit = path.getCompilationUnit();
        var file = "" + unit.getSourceFile().getCharContent(true);
        var positions = trees.getSourcePositions();
        var end = file.indexOf('\n', (int) positions.getEndPosition(unit, path.getLeaf()));
        var start = lineStart(file, (int) positions.getStartPosition(unit, path.getLeaf()));
        while (start > 0 && file.startsWith("//",
                indented(file, lineStart(file, start - 1)))) start = lineStart(file, start - 1);
        var text = new StringBuilder(file.substring(start, end < 0 ? file.length() : end + 1));
        for (var edit : new Names(unit).of(path).descendingMap().entrySet())
            text.replace(edit.getKey() - start, edit.getValue().end - start, edit.getValue().text);
        // Who copies it needn't know which part of it a student was given.
        return text.toString().replaceAll("(?m)^ *// Given for the .*\n\n?", "");
    }

    private static int lineStart(String file, int position) {
        return file.lastIndexOf('\n', position - 1) + 1;
    }

    private static int indented(String file, int position) {
        while (file.charAt(position) == ' ') position++;
        return position;
    }

    private record Edit(int end, String text) {}

    /// Finds where a class is named that has another name here.
    private final class Names extends TreePathScanner<Void, Void> {
        private final CompilationUnitTree unit;
        private final NavigableMap<Integer, Edit> edits = new TreeMap<>();

        Names(CompilationUnitTree unit) { this.unit = unit; }

        NavigableMap<Integer, Edit> of(TreePath path) {
            scan(path, null);
            return edits;
        }

        @Override public Void visitIdentifier(IdentifierTree tree, Void nothing) {
            name(tree);
            return null;
        }

        @Override public Void visitMemberSelect(MemberSelectTree tree, Void nothing) {
            name(tree);
            return super.visitMemberSelect(tree, nothing);
        }

        private void name(Tree tree) {
            if (!(trees.getElement(getCurrentPath()) instanceof TypeElement type)
                || !needed.containsKey(type)) return;
            var positions = trees.getSourcePositions();
            var end = (int) positions.getEndPosition(unit, tree);
            // What the compiler added, like the type behind `var`, has no end.
            if (end > 0) edits.put((int) positions.getStartPosition(unit, tree),
                new Edit(end, nameOf(type)));
        }
    }

    /// What a class is called here: protoc may generate one with the same name.
    private String nameOf(TypeElement type) {
        if (type == lab) return name;
        var taken = generated.keySet().stream()
            .anyMatch(one -> one.getSimpleName().contentEquals(type.getSimpleName()));
        return (taken ? "Market" : "") + type.getSimpleName();
    }

    /// The methods that are needed of a class that protoc generates, without what they do.
    private String outline(TypeElement type, Set<Element> members, String margin) {
        var inside = task.getElements().getAllMembers(type).stream()
            .filter(members::contains).toList();
        if (type.getKind() == ElementKind.ENUM)
            return margin + "enum " + type.getSimpleName() + " { " + inside.stream()
                .map(Object::toString).collect(Collectors.joining(", ")) + " }\n";
        var text = new StringBuilder();
        for (var one : inside)
            if (one instanceof ExecutableElement method)
                text.append(margin).append("    ").append(signature(type, method)).append('\n');
        for (var one : inside)
            if (one instanceof TypeElement inner)
                text.append('\n').append(outline(inner, members, margin + "    "));
        var head = margin + "interface " + type.getSimpleName() + " {";
        return text.isEmpty() ? head + "}\n" : head + "\n" + text + margin + "}\n";
    }

    private String signature(TypeElement type, ExecutableElement method) {
        var seen = (ExecutableType) task.getTypes()
            .asMemberOf((DeclaredType) type.asType(), method);
        var parameters = IntStream.range(0, method.getParameters().size())
            .mapToObj(at -> seen.getParameterTypes().get(at) + " value" + at);
        var text = seen.getReturnType() + " " + method.getSimpleName()
            + parameters.collect(Collectors.joining(", ", "(", ")"));
        // What module java.base has is imported, what protoc generates stands here.
        text = text.replaceAll("\\b(java|market)\\.([a-z0-9]+\\.)+", "").replaceAll(",\\b", ", ");
        // For its readers it is a List<String>, and protobuf is not among the //DEPS.
        text = text.replace("com.google.protobuf.ProtocolStringList", "List<String>");
        for (var one : imports)
            if (one.endsWith(".*")) text = text.replace(one.substring(0, one.length() - 1), "");
        return method.getModifiers().contains(Modifier.STATIC) ? "static " + text + " {\n"
            + "        throw new UnsupportedOperationException(\"protoc generates this\");\n    }"
            : text + ";";
    }
}
