import shutil

import pytest

import self_contained_headers
from conftest import ROOT


@pytest.fixture
def project(tree):
    shutil.copy(ROOT / "meson.build", tree.root)
    return tree


def test_good(project):
    project.write("src/base/a.h", "#ifndef A_H\n#define A_H\n#include <stddef.h>\n"
                                  "struct a { size_t n; };\n#endif\n")
    project.write("src/net/b.h", '#ifndef B_H\n#define B_H\n#include "base/a.h"\n'
                                 "struct b { struct a a; };\n#endif\n")
    project.write("include/exeunt/c.h", "#ifndef C_H\n#define C_H\nint exeunt_c(void);\n#endif\n")
    assert project.found(self_contained_headers) == []


@pytest.mark.parametrize("path, text, line", [
    ("src/base/a.h", "#ifndef A_H\n#define A_H\nsize_t f(void);\n#endif\n", 3),
    ("src/base/a.h", "/* no guard */\nstruct a { int n; };\n", 2),
    ("src/base/a.h", "#pragma once\nstatic inline char f(int n)\n{\n\treturn n;\n}\n", 4),
    ("src/base/a.h", '#include "base/none.h"\n', 1),
    ("include/exeunt/a.h", "#pragma once\nstatic inline int f(void)\n{\n"
                           "\treturn __extension__ ({ 1; }) + typeof(1){0};\n}\n", 4),
])
def test_bad(project, path, text, line):
    project.write(path, text)
    found = project.found(self_contained_headers)
    assert [place for place, _ in found] == [path]
    assert "no guard" in text or found[0][1] == line


def test_the_flags_are_the_projects():
    flags = self_contained_headers.project_flags(ROOT)
    assert {"-Werror", "-Wshadow", "-Wconversion", "-Wswitch-enum", "-D_GNU_SOURCE"} <= set(flags)


def test_flags_that_cannot_be_found_are_an_error(tree):
    tree.write("meson.build", "project('x', 'c')\n").write("src/base/a.h", "")
    with pytest.raises(ValueError, match="meson.build"):
        tree.found(self_contained_headers)
