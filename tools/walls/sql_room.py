"""Only src/store holds SQL, and only it includes the headers of a database."""

import re

import c_source
from c_source import Violation

DATABASE = re.compile(r"^(sqlite3|libpq)")
SQL = re.compile(r"""
      \bselect\b.+\bfrom\b | \binsert\s+(or\s+\w+\s+)?into\b | \bupdate\s+\w+\s+set\b
    | \bdelete\s+from\s+\w+ | \bcreate\s+(unique\s+index|(temp\s+)?table|index|view|trigger)\b
    | \bdrop\s+(table|index|view|trigger)\b | \balter\s+table\b | ^\s*pragma\s
    | \bbegin\s+(immediate|exclusive|deferred|transaction)\b | ^\s*savepoint\s
    | ^\s*(begin|commit|rollback)\s*;\s*$ | ^\s*release\s+savepoint\s | \brollback\s+to\b
    | \breplace\s+into\b
""", re.VERBOSE | re.DOTALL | re.IGNORECASE)


def is_sql(content):
    """Statements begin in capitals or all small; "Select one from the list" is prose."""
    match = SQL.search(content)
    if match is None:
        return False
    keyword = match.group().split()[0]
    return keyword.isupper() or keyword.islower()


def check(root):
    bad = []
    for path in c_source.files(root, ["src", "include"], (".c", ".h", ".def")):
        if path.parts[:2] == ("src", "store"):
            continue
        text = c_source.read(root, path)
        for line, _, name in c_source.includes(text):
            if DATABASE.match(name):
                bad.append(Violation(path, line, f"<{name}> is for src/store only"))
        for offset, content in c_source.strings(text):
            if is_sql(content):
                bad.append(Violation(path, c_source.line_of(text, offset),
                                     f'SQL outside src/store: "{content[:50]}"'))
    return bad, []
