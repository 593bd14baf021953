import pytest

import size_gates


def function(lines, above="", head="static int f(int a)"):
    """A function of so many lines, head and braces included."""
    body = "\ta++;\n" * (lines - 3)
    return f"{above}{head}\n{{\n{body}}}\n"


@pytest.mark.parametrize("text", [
    function(60),
    function(100, "/* long: one case for each type */\n"),
    function(100, "/*\n * Reads it all.\n * long: one case for each type\n */\n"),
    "static const int table[] = {\n" + "\t1,\n" * 300 + "};\n",
    "struct s {\n" + "\tint a;\n" * 300 + "};\n",
    "#define M(a) do { \\\n" + "\ta; \\\n" * 300 + "} while (0)\n",
    "enum e { A = (1), B };\n" + function(60),
    "static const struct row rows[] = {\n" + "\t{f(1)},\n" * 300 + "};\n",
])
def test_good(tree, text):
    tree.write("src/base/a.c", "#include <a.h>\n" + text)
    assert tree.found(size_gates) == []


@pytest.mark.parametrize("text, line", [
    (function(61), 2),
    (function(61, "/* not explained */\n"), 3),
    (function(61, "/* long: */\n"), 3),
    (function(61, "/* long: far away */\n\n"), 4),
    (function(101, "/* long: one case for each type */\n"), 3),
    ("int g(void)\n{\n\treturn 1;\n}\n\n" + function(61), 7),
    ("int n = 3;\nstatic int t[] = {1, 2};\n" + function(61), 4),
    (function(61, head="static enum rc f(struct a *a, int (*g)(int))\n\tREQUIRES(a->mu)"), 2),
    ('extern "C" {\n' + function(61) + "}\n", 3),
    ("#ifdef A\nint g(int a) {\n#else\nint g(long a) {\n#endif\n\treturn 1;\n}\n" + function(61), 9),
    ("int g(void)\n{\n\treturn '{' + \"{{\"[0]; /* { */\n}\n" + function(61), 6),
])
def test_bad(tree, text, line):
    tree.write("src/base/a.c", "#include <a.h>\n" + text)
    assert tree.found(size_gates) == [("src/base/a.c", line)]


def test_files(tree):
    tree.write("src/base/most.c", "\n" * 1200).write("src/base/over.c", "\n" * 1201)
    tree.write("src/base/table.def", "\n" * 5000).write("tests/over.py", "\n" * 1201)
    assert tree.found(size_gates) == [("src/base/over.c", 1), ("tests/over.py", 1)]
    _, warnings = size_gates.check(tree.root)
    assert [str(warning.path) for warning in warnings] == ["src/base/most.c"]
