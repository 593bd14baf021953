"""Reading C well enough for the walls: files, comments, strings, directives. Standard library only."""

import collections
import pathlib
import re

Violation = collections.namedtuple("Violation", "path line message")

TOKEN = re.compile(r"""
      (?P<comment>/\*.*?(?:\*/|\Z)|//(?:[^\n\\]|\\.|\\\n)*)
    | (?P<string>"(?:[^"\\\n]|\\.|\\\n)*")
    | (?P<char>'(?:[^'\\\n]|\\.)*')
""", re.VERBOSE | re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE | re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)


def files(root, folders, suffixes=(".c", ".h")):
    """The files below the folders that have one of the suffixes, in order, relative to root."""
    root = pathlib.Path(root)
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                found.append(path.relative_to(root))
    return found


def read(root, path):
    return (pathlib.Path(root) / path).read_text(encoding="utf-8", errors="replace")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """The text with comments made blank; every other character keeps its place."""
    return TOKEN.sub(
        lambda m: _spaces(m.group()) if m.lastgroup == "comment" else m.group(), text)


def code_only(text):
    """The text with comments, and what strings and character constants hold, made blank."""
    def blank(match):
        word = match.group()
        if match.lastgroup == "comment":
            return _spaces(word)
        return word[0] + _spaces(word[1:-1]) + word[-1]
    return TOKEN.sub(blank, text)


def strings(text):
    """(offset, content) of each string; neighbours that the compiler would join are joined."""
    joined = []
    end = None
    code = without_comments(text)
    for match in TOKEN.finditer(code):
        if match.lastgroup != "string":
            continue
        if end is not None and code[end:match.start()].strip() == "":
            joined[-1][1] += match.group()[1:-1]
        else:
            joined.append([match.start(), match.group()[1:-1]])
        end = match.end()
    return [tuple(item) for item in joined]


def includes(text):
    """(line, "<" or '"', name) of each include directive."""
    code = without_comments(text)
    return [(line_of(code, m.start(2) - 1), m.group(1), m.group(2))
            for m in INCLUDE.finditer(code)]


def without_directives(code):
    """Makes directives blank, and of conditional code all but the first branch: what is left has
    braces in pairs. `code` comes from code_only()."""
    out = []
    last = 0
    skipped = []  # one entry for each open conditional: are we beyond its first branch?
    for match in DIRECTIVE.finditer(code):
        between = code[last:match.start()]
        out.append(_spaces(between) if any(skipped) else between)
        out.append(_spaces(match.group()))
        last = match.end()
        word = re.match(r"[ \t]*#[ \t]*(\w*)", match.group()).group(1)
        if word in ("if", "ifdef", "ifndef"):
            skipped.append(False)
        elif word in ("else", "elif") and skipped:
            skipped[-1] = True
        elif word == "endif" and skipped:
            skipped.pop()
    out.append(code[last:])
    return "".join(out)
