"""A small source tree to put good and bad files into, and the walls to try on it."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "walls"))


class Tree:
    def __init__(self, root):
        self.root = root

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return self

    def found(self, wall, **tables):
        """(path, line) of each violation."""
        bad, _ = wall.check(self.root, **tables)
        return [(str(violation.path), violation.line) for violation in bad]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)
