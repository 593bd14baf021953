import subprocess
import sys

from conftest import ROOT

RUN = [sys.executable, str(ROOT / "tools" / "walls" / "run.py")]


def run(*arguments):
    return subprocess.run([*RUN, *map(str, arguments)], capture_output=True, text=True)


def test_a_wall_that_falls_is_named_with_its_place_and_fails_the_run(tree):
    tree.write("src/net/a.c", "\nstrcpy(a, b);\n")
    result = run("--root", tree.root, "banned_calls", "sql_room")
    assert result.returncode == 1
    assert "src/net/a.c:2: strcpy is banned here" in result.stdout
    assert "wall sql_room: ok" in result.stdout
    assert result.stdout.splitlines()[-1] == "walls: 1 passed, 1 failed"


def test_walls_that_stand(tree):
    tree.write("src/net/a.c", "f();\n")
    result = run("--root", tree.root, "banned_calls", "sql_room", "size_gates")
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "walls: 3 passed, 0 failed"


def test_an_unknown_wall_is_refused():
    result = run("no_such_wall")
    assert result.returncode == 2
    assert "no such wall" in result.stderr
