"""Each header compiles alone, and twice, with the project's own flags."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

import c_source
from c_source import Violation


def project_flags(root):
    """The warnings and macros of meson.build, so that they are written down once."""
    text = (pathlib.Path(root) / "meson.build").read_text()
    flags = re.findall(r"'(-W(?!l,)[\w=+-]+|-D_\w+(?:=\w+)?)'", text)
    flags = [flag for flag in flags if not flag.startswith(("-Wthread-safety", "-D_FORTIFY"))]
    if "-Wconversion" not in flags:
        raise ValueError("meson.build names no -Wconversion: the flags are not where they were")
    return ["-Wall", "-Wextra", "-Werror", "-DEXEUNT_FAULT_POINTS=1"] + flags


def commands(root, path, flags):
    """The compilations a header must pass: gnu17; a public one also as strict C99 and as C++."""
    folder, name = path.parts[0], pathlib.PurePosixPath(*path.parts[1:])
    source = f'#include "{name}"\n#include "{name}"\n'
    common = ["-I", str(root / "src"), "-I", str(root / "include"), "-fsyntax-only"]
    yield source, [os.environ.get("CC", "gcc"), "-std=gnu17", *flags, *common, "-x", "c", "-"]
    if folder == "include":
        yield source, ["gcc", "-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror",
                       *common, "-x", "c", "-"]
        if shutil.which("g++"):
            yield source, ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", *common,
                           "-x", "c++", "-"]


def judge(root, path, flags):
    for source, command in commands(root, path, flags):
        result = subprocess.run(command, input=source, capture_output=True, text=True)
        if result.returncode == 0:
            continue
        lines = [line for line in result.stderr.splitlines() if "error:" in line]
        message = lines[0] if lines else result.stderr.strip()
        place = re.match(r".*?/" + re.escape(path.as_posix()) + r":(\d+):\d+: (.*)", message)
        line, message = (int(place.group(1)), place.group(2)) if place else (1, message)
        return [Violation(path, line, f"does not compile alone: {message}")]
    return []


def check(root):
    root = pathlib.Path(root).resolve()
    headers = c_source.files(root, ["src", "include"], (".h",))
    flags = project_flags(root)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: judge(root, path, flags), headers)
    return [violation for result in results for violation in result], []
