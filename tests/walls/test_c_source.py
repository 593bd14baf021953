import c_source


def test_code_only_keeps_every_line_and_column():
    text = 'a = "x\\"y{"; /* {\n{ */ b = \'}\'; // {\nc();\n'
    code = c_source.code_only(text)
    assert len(code) == len(text)
    assert code.count("\n") == text.count("\n")
    assert "{" not in code and "}" not in code
    assert code.splitlines()[2] == "c();"


def test_strings_that_the_compiler_joins_are_one():
    text = 'f("SELECT 1 " /* why */\n  "FROM t"); g("other");'
    assert [content for _, content in c_source.strings(text)] == ["SELECT 1 FROM t", "other"]


def test_comments_hide_strings_and_includes():
    text = '/* "no" #include "a.h" */\n#include "b/c.h"\n// #include <d.h>\n#  include <e.h>\n'
    assert c_source.includes(text) == [(2, '"', "b/c.h"), (4, "<", "e.h")]
    assert c_source.strings("// \"no\"\n") == []


def test_only_the_first_branch_of_conditional_code_is_read():
    code = "#ifdef A\nif (a) {\n#else\nif (b) {\n#endif\n}\n#define X {\\\n{\n"
    left = c_source.without_directives(code)
    assert left.count("{") == left.count("}") == 1
    assert "b" not in left
