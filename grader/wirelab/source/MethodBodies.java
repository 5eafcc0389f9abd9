package wirelab.source;

import module java.base;
import module jdk.compiler;

/// The bodies of a source file's methods, as the JDK's own parser sees them.
public final class MethodBodies {
    /// @param head  index of the method's first modifier
    /// @param start index of its `{`
    /// @param end   index after its `}`
    private record Method(String member, int head, int start, int end) {}

    public static final Pattern TODO = Pattern.compile("// TODO (\\d+)");

    private MethodBodies() {}

    /// How a starter differs from its solution outside the bodies with a TODO; empty if it doesn't.
    /// Whether a method with such a body is `synchronized` is a part of what is to be done.
    public static Optional<String> difference(String starter, String solution) {
        var open = of(starter).stream()
            .filter(body -> starter.substring(body.start, body.end).contains("TODO "))
            .map(Method::member).collect(Collectors.toSet());
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
        var theirs = of(solution).stream().collect(Collectors.toMap(Method::member,
            body -> solution.substring(body.head, body.end)));
        var text = new StringBuilder(starter);
        for (var body : of(starter).reversed()) {
            var todo = TODO.matcher(starter.substring(body.start, body.end));
            if (todo.find() && todos.contains(Integer.parseInt(todo.group(1))))
                text.replace(body.head, body.end, theirs.get(body.member));
        }
        return text.toString();
    }

    /// The methods in whose bodies this TODO stands: `Allowance.take(String,long)`.
    public static List<String> withTodo(String source, int todo) {
        return of(source).stream().filter(body -> TODO.matcher(source)
            .region(body.start, body.end).results()
            .anyMatch(mark -> Integer.parseInt(mark.group(1)) == todo))
            .map(Method::member).toList();
    }

    /// The line on which a method begins, from 1; empty if there is no such method.
    public static OptionalInt line(String source, String member) {
        return of(source).stream().filter(body -> body.member.equals(member)).mapToInt(body ->
            1 + (int) source.substring(0, body.head).chars().filter(c -> c == '\n').count())
            .findFirst();
    }

    private static String without(String source, Set<String> members) {
        var text = new StringBuilder(source);
        for (var body : of(source).reversed())
            if (members.contains(body.member)) text.replace(body.head, body.end,
                source.substring(body.head, body.start).replace("synchronized ", "") + "{…}");
        return text.toString();
    }

    /// In the order of the file.
    private static List<Method> of(String source) {
        var task = (JavacTask) javax.tools.ToolProvider.getSystemJavaCompiler()
            .getTask(Writer.nullWriter(), null, _ -> {}, List.of(), null,
                List.of(new SourceText("Lab", source)));
        var bodies = new ArrayList<Method>();
        try {
            var unit = task.parse().iterator().next();
            var positions = Trees.instance(task).getSourcePositions();
            new TreePathScanner<Void, Void>() {
                @Override public Void visitMethod(MethodTree method, Void none) {
                    if (method.getBody() != null)
                        bodies.add(new Method(member(getCurrentPath(), method),
                            (int) positions.getStartPosition(unit, method),
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
