"""No file names a path of somebody's machine, or the host of a package registry or mirror."""

import pathlib
import re
import subprocess

import c_source
from c_source import Violation

MAX_BYTES = 4 << 20
# What names these things on purpose: this wall and its tests.
EXEMPT = {"tools/walls/no_foreign.py", "tests/walls/test_no_foreign.py"}
FOREIGN = [
    (re.compile(r"(?<![\w.$})~/-])/(work|root)(?=[/\s\"'`),;:]|$)"), "a path of one machine"),
    (re.compile(r"(?<![\w.$})~/-])/home/[a-z]\w*"), "a path of one machine"),
    (re.compile(r"\.\./shared\b"), "a path of one machine"),
    (re.compile(r"\b(pypi\.org|pythonhosted\.org|registry\.(npmjs|yarnpkg)\.\w+|npmjs\.com"
                r"|crates\.io|proxy\.golang\.org|docker\.io|quay\.io|ghcr\.io|nodesource\.com"
                r"|(deb|ftp|snapshot|security)(\.\w+)?\.debian\.org|archive\.ubuntu\.com)\b"),
     "the host of a registry or mirror"),
]


def tracked(root):
    """The files that git has, or would take; without git, all but hidden folders and builds."""
    result = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-co",
                             "--exclude-standard", "-z"], capture_output=True)
    if result.returncode == 0:
        return sorted(pathlib.PurePosixPath(name.decode()) for name in result.stdout.split(b"\0")
                      if name)
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in paths if not any(
        part.startswith((".", "build")) or part == "node_modules" for part in path.parts[:-1]))


def check(root):
    root = pathlib.Path(root)
    bad = []
    for path in tracked(root):
        file = root / path
        if path.as_posix() in EXEMPT or not file.is_file() or file.stat().st_size > MAX_BYTES:
            continue
        data = file.read_bytes()
        if b"\0" in data[:8192]:
            continue
        text = data.decode("utf-8", "replace")
        for pattern, what in FOREIGN:
            for match in pattern.finditer(text):
                bad.append(Violation(path, c_source.line_of(text, match.start()),
                                     f"{what}: {match.group().strip()}"))
    return bad, []
