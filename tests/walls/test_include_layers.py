import re

import pytest

import include_layers
from conftest import ROOT

TABLE = "base:\ncodec: base\nnet: base codec\ncore: base codec\n<yyjson: codec\n"


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "layers.txt"
    file.write_text(TABLE)
    return file


@pytest.mark.parametrize("path, include", [
    ("src/codec/a.c", '"base/str.h"'),
    ("src/codec/a.c", '"codec/b.h"'),
    ("src/codec/a.c", '"codec/b_int.h"'),
    ("src/codec/a.c", "<yyjson.h>"),
    ("src/base/a.c", "<stdint.h>"),
    ("src/core/room/a.c", '"core/sync/sync.h"'),
    ("src/core/room/a.c", '"core/room/a_int.h"'),
    ("tests/unit/net/test_a.c", '"net/b.h"'),
    ("tests/unit/net/test_a.c", '"codec/b.h"'),
    ("tests/unit/codec/test_a.c", '"codec/a_int.h"'),
])
def test_good(tree, table, path, include):
    tree.write(path, f"#include {include}\n")
    assert tree.found(include_layers, table=table) == []


@pytest.mark.parametrize("path, include", [
    ("src/base/a.c", '"codec/b.h"'),
    ("src/codec/a.h", '"net/b.h"'),
    ("src/core/room/a.c", '"net/b.h"'),
    ("src/core/room/a.c", '"core/sync/a_int.h"'),
    ("src/net/a.c", '"codec/a_int.h"'),
    ("src/net/a.c", "<yyjson.h>"),
    ("src/net/a.c", '"a.h"'),
    ("src/net/a.c", '"../codec/a.h"'),
    ("src/net/table.def", '"core/a.h"'),
    ("src/attic/a.c", "<stdint.h>"),
    ("tests/unit/codec/test_a.c", '"net/b.h"'),
    ("tests/unit/net/test_a.c", '"codec/a_int.h"'),
])
def test_bad(tree, table, path, include):
    tree.write(path, f"/* first line */\n#include {include}\n")
    line = 1 if "attic" in path else 2
    assert tree.found(include_layers, table=table) == [(path, line)]


def test_unit_tests_may_share_a_header_of_their_own(tree, table):
    tree.write("tests/unit/codec/test_a.c", '#include "support.h"\n#include "near.h"\n')
    tree.write("tests/unit/support.h", "").write("tests/unit/codec/near.h", "")
    assert tree.found(include_layers, table=table) == []


def test_a_table_with_a_cycle_is_refused(tmp_path):
    table = tmp_path / "layers.txt"
    table.write_text("a: b\nb: a\n")
    with pytest.raises(ValueError, match="not above it"):
        include_layers.read_table(table)


def test_the_build_links_what_the_table_says():
    rooms, _ = include_layers.read_table()
    text = (ROOT / "meson.build").read_text()
    text = text[text.index("rooms = [") + len("rooms = ["):text.index("foreach room : rooms")]
    linked = {name: set(re.findall(r"'(\w+)'", uses)) for name, uses in
              re.findall(r"\['(\w+)', \[[\w, ]*\],\s*\[([^]]*)\]\]", text)}
    assert len(linked) >= 9
    for name, uses in linked.items():
        assert uses == rooms[name] & set(linked), name
