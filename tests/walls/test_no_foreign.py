import subprocess

import pytest

import no_foreign


@pytest.mark.parametrize("text", [
    "cd /work/main\n",
    "data = '/root/.cache'\n",
    "x /work\n",
    "open(\"/home/somebody/file\")\n",
    "see ../shared/design.md\n",
    '"resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz"\n',
    "URIs: http://deb.debian.org/debian\n",
    "pip install -i https://pypi.org/simple\n",
])
def test_bad(tree, text):
    tree.write("docs/a.md", "\n" + text)
    assert tree.found(no_foreign) == [("docs/a.md", 2)]


@pytest.mark.parametrize("text", [
    "src/net/work/lane.c and network/root.c\n",
    "$HOME/work/ and ~/root\n",
    "/workers/ /roots /var/lib/exeunt /etc/exeunt\n",
    "GET /_matrix/client/v3/work/a\n",
    "example.org, matrix.org\n",
])
def test_good(tree, text):
    tree.write("docs/a.md", text)
    assert tree.found(no_foreign) == []


def test_what_git_ignores_is_not_read(tree):
    subprocess.run(["git", "init", "-q", tree.root], check=True)
    tree.write(".gitignore", "/build/\n").write("build/a.txt", "/work/main\n")
    tree.write("new.txt", "/work/main\n")
    assert tree.found(no_foreign) == [("new.txt", 1)]


def test_bytes_that_are_no_text_are_not_read(tree):
    (tree.root / "a.bin").write_bytes(b"\0 /work/main")
    assert tree.found(no_foreign) == []


def test_without_git_builds_and_environments_are_not_read(tree):
    tree.write("build-asan/a.txt", "/work/main\n").write(".venv/lib/a.py", "/work/main\n")
    tree.write("tests/clients/node_modules/a.js", "/work/main\n")
    assert tree.write("a.txt", "/work/main\n").found(no_foreign) == [("a.txt", 1)]
