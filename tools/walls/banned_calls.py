"""No call of banned.txt, except where that table or banned_exceptions.txt allows it."""

import collections
import pathlib
import re

import c_source
from c_source import Violation

HERE = pathlib.Path(__file__).parent
Ban = collections.namedtuple("Ban", "name places instead")
# These are refused as values too (`x->release = free`), not only as calls.
VALUES = {"malloc", "calloc", "realloc", "free", "stdout"}


def read_bans(path):
    bans = []
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, places, instead = line.split(None, 2)
        bans.append(Ban(name, [] if places == "-" else places.split(","), instead))
    return bans


def read_exceptions(path):
    """{(path, name): line}; an exception must give its reason."""
    exceptions = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3:
            raise ValueError(f"{path}:{number}: an exception is a path, a name and a reason")
        exceptions[words[0], words[1]] = number
    return exceptions


def pattern_of(bans):
    """One expression for all of them; a member (`x->free()`, `(*free)`) is not the function."""
    names = "|".join(re.escape(ban.name).replace(r"\*", r"\w+") for ban in bans)
    return re.compile(r"(?<![\w.*])(?<!->)(" + names + r")\b[ \t]*(\()?")


def is_allowed(path, places):
    return any(path.startswith(place) if place.endswith("/") else path == place
               for place in places)


def find_ban(bans, word):
    for ban in bans:
        if ban.name == word or (ban.name.endswith("*") and word.startswith(ban.name[:-1])):
            return ban
    raise KeyError(word)


def check(root, bans=HERE / "banned.txt", exceptions=HERE / "banned_exceptions.txt"):
    exceptions_path = exceptions
    bans, exceptions = read_bans(bans), read_exceptions(exceptions)
    pattern = pattern_of(bans)
    unused = dict(exceptions)
    bad = []
    for path in c_source.files(root, ["src", "include"], (".c", ".h", ".def")):
        code = c_source.code_only(c_source.read(root, path))
        for match in pattern.finditer(code):
            ban = find_ban(bans, match.group(1))
            if match.group(2) is None and ban.name not in VALUES:
                continue
            if is_allowed(path.as_posix(), ban.places):
                continue
            if (path.as_posix(), match.group(1)) in exceptions:
                unused.pop((path.as_posix(), match.group(1)), None)
                continue
            bad.append(Violation(path, c_source.line_of(code, match.start(1)),
                                 f"{match.group(1)} is banned here; use {ban.instead}"))
    for (path, name), line in unused.items():
        bad.append(Violation(exceptions_path.name, line,
                             f"the exception of {name} in {path} is not needed any more"))
    return bad, []
