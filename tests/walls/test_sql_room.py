import pytest

import sql_room


@pytest.mark.parametrize("text", [
    "#include <sqlite3.h>\n",
    "#include <libpq-fe.h>\n",
    'f("SELECT a FROM b");\n',
    'f("select a from b");\n',
    'f("SELECT a "\n  "FROM b");\n',
    'f("INSERT OR IGNORE INTO b VALUES (1)");\n',
    'f("UPDATE b SET a = 1");\n',
    'f("DELETE FROM b");\n',
    'f("CREATE TABLE b (a)");\n',
    'f("PRAGMA journal_mode = WAL");\n',
    'f("BEGIN IMMEDIATE");\n',
    'f("COMMIT;");\n',
])
def test_bad(tree, text):
    tree.write("src/core/a.c", "\n" + text)
    assert tree.found(sql_room) == [("src/core/a.c", 2)]
    assert not tree.write("src/store/a.c", text).found(sql_room)[1:]


@pytest.mark.parametrize("text", [
    'f("Select one from the list");\n',
    'f("updated the set of rooms");\n',
    "/* SELECT a FROM b */\n",
    'f("SELECT", "FROM");\n',
    'f("begin"); f("commit");\n',
    'f("m.room.create"); f("table");\n',
    "#include \"store/store.h\"\n",
])
def test_good(tree, text):
    tree.write("src/core/a.c", text)
    assert tree.found(sql_room) == []
