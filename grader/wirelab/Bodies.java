package wirelab;

import module java.base;
import module jdk.compiler;

/// The bodies of a source file's methods, as the JDK's own parser sees them.
public final class Bodies {
    /// @param start index of its `{`
    /// @param end   index after its `}`
    private record Body(String member, int start, int end) {}

    static final Pattern TODO = Pattern.compile("// TODO (\\d+)");

    private Bodies() {}

    /// How a starter differs from its solution outside the bodies with a TODO; empty if it doesn't.
    static Optional<String> difference(String starter, String solution) {
        var open = of(starter).stream()
            .filter(body -> starter.substring(body.start, body.end).contains("TODO "))
            .map(Body::member).collect(Collectors.toSet());
        var left = without(starter, open).lines().toList();
        var right = without(solution, open).lines().toList();
        for (var i = 0; i < Math.max(left.size(), right.size()); i++) {
            var one = i < left.size() ? left.get(i) : "(end)";
            var other = i < right.size() ? right.get(i) : "(end)";
            if (!one.equals(other))
                return Optional.of("starter: " + one.strip() + "   solution: " + other.strip());
        }
        return Optional.empty();
    }

    /// The starter with some of its TODOs done as the solution does them. A body with several TODOs
    /// is done with the first that it names.
    public static String done(String starter, String solution, Set<Integer> todos) {
        var theirs = of(solution).stream().collect(Collectors.toMap(Body::member,
            body -> solution.substring(body.start, body.end)));
        var text = new StringBuilder(starter);
        for (var body : of(starter).reversed()) {
            var todo = TODO.matcher(starter.substring(body.start, body.end));
            if (todo.find() && todos.contains(Integer.parseInt(todo.group(1))))
                text.replace(body.start, body.end, theirs.get(body.member));
        }
        return text.toString();
    }

    private static String without(String source, Set<String> members) {
        var text = new StringBuilder(source);
        for (var body : of(source).reversed())
            if (members.contains(body.member)) text.replace(body.start, body.end, "{…}");
        return text.toString();
    }

    /// In the order of the file.
    private static List<Body> of(String source) {
        var file = new SimpleJavaFileObject(URI.create("string:///Lab.java"),
            JavaFileObject.Kind.SOURCE) {
            @Override public CharSequence getCharContent(boolean ignoreErrors) { return source; }
        };
        var task = (JavacTask) javax.tools.ToolProvider.getSystemJavaCompiler()
            .getTask(Writer.nullWriter(), null, _ -> {}, List.of(), null, List.of(file));
        var bodies = new ArrayList<Body>();
        try {
            var unit = task.parse().iterator().next();
            var positions = Trees.instance(task).getSourcePositions();
            new TreePathScanner<Void, Void>() {
                @Override public Void visitMethod(MethodTree method, Void none) {
                    if (method.getBody() != null)
                        bodies.add(new Body(member(getCurrentPath(), method),
                        (int) positions.getStartPosition(unit, method.getBody()),
                        (int) positions.getEndPosition(unit, method.getBody())));
                    return null;
                }
            }.scan(unit, null);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
        return bodies;
    }

    /// `Allowance.take(String,long)`.
    private static String member(TreePath path, MethodTree method) {
        var owner = (ClassTree) path.getParentPath().getLeaf();
        return owner.getSimpleName() + "." + method.getName() + method.getParameters().stream()
            .map(parameter -> parameter.getType().toString())
                .collect(Collectors.joining(",", "(", ")"));
    }
}
