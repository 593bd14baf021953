"""Holds src/api/client/endpoints.def against the specification's table, endpoints.tsv.

A row EP(...) must be an operation of the specification, with its method, path and authentication,
and must be rate-limited where the specification says so. A row EPX(...) stands for an endpoint
that the specification does not have; a comment just above it names its source.
"""

import collections
import csv
import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).resolve().parent
DEFINITIONS = HERE.parent.parent / "src" / "api" / "client" / "endpoints.def"
TABLE = HERE / "endpoints.tsv"

AUTH = {
    "none": "AUTH_NONE",
    "required": "AUTH_REQUIRED",
    "optional": "AUTH_OPTIONAL",
    "server": "AUTH_SERVER",
    "appservice": "AUTH_APPSERVICE",
}
FIELDS = ("operation", "method", "path", "auth", "rate", "lane", "body", "handler")

Row = collections.namedtuple("Row", ("macro", "line", "comment") + FIELDS)

TOKEN = re.compile(r"""
      (?P<comment>/\*.*?\*/|//[^\n]*)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
    | (?P<space>\s+)
    | (?P<word>[A-Za-z_0-9]+)
    | (?P<other>.)
""", re.VERBOSE | re.DOTALL | re.MULTILINE)


def tokens_of(text):
    line = 1
    for match in TOKEN.finditer(text):
        yield match.lastgroup, match.group(), line
        line += match.group().count("\n")


def parse(text):
    """The EP and EPX rows of a file in C, whatever its white space and comments."""
    rows, errors = [], []
    comment_end = -1
    macro = None
    for kind, word, line in tokens_of(text):
        if kind == "comment" and macro is None:
            comment_end = line + word.count("\n")
        if kind in ("comment", "directive", "space"):
            continue
        if macro is None:
            if word in ("EP", "EPX"):
                macro, start, depth, arguments = word, line, 0, [""]
                commented = comment_end == line - 1
            continue
        if word == "(":
            depth += 1
            if depth == 1:
                continue
        elif word == ")":
            depth -= 1
            if depth == 0:
                if len(arguments) == len(FIELDS):
                    rows.append(Row(macro, start, commented, *arguments))
                else:
                    errors.append(f"line {start}: {len(arguments)} arguments, not {len(FIELDS)}")
                macro = None
                continue
        elif word == "," and depth == 1:
            arguments.append("")
            continue
        # Neighbouring string literals are one, as in C; other words stand apart.
        if kind == "string":
            arguments[-1] += word[1:-1]
        else:
            arguments[-1] += word
    if macro is not None:
        errors.append(f"line {start}: no closing parenthesis")
    return rows, errors


def load_table(text, family):
    reader = csv.DictReader(text.splitlines(), delimiter="\t")
    return {r["operationId"]: r for r in reader if r["family"] == family}


def compare(rows, facts):
    """What is wrong with the rows, as sentences."""
    wrong = []
    seen_operations, seen_routes = {}, {}
    for row in rows:
        at = f"line {row.line}: {row.operation}"
        route = (row.method, re.sub(r"\{[^}]*\}", "{}", row.path))
        if route in seen_routes:
            wrong.append(f"{at}: same method and path as line {seen_routes[route]}")
        seen_routes[route] = row.line
        if row.auth not in AUTH.values():
            wrong.append(f"{at}: {row.auth} is no kind of authentication")
        if not row.rate.startswith("RATE_"):
            wrong.append(f"{at}: {row.rate} is no rate limit")
        fact = facts.get(row.operation)
        if row.macro == "EPX":
            if not row.comment:
                wrong.append(f"{at}: EPX needs a comment on the line above that names its source")
            if fact is not None and (fact["method"], fact["path"]) == (row.method, row.path):
                wrong.append(f"{at}: the specification has this endpoint; write EP, not EPX")
            continue
        if row.operation in seen_operations:
            wrong.append(f"{at}: stands already in line {seen_operations[row.operation]}")
        seen_operations[row.operation] = row.line
        if fact is None:
            wrong.append(f"{at}: the specification has no such operationId")
            continue
        if row.method != fact["method"]:
            wrong.append(f"{at}: method {row.method}, specification {fact['method']}")
        if row.path != fact["path"]:
            wrong.append(f"{at}: path {row.path}, specification {fact['path']}")
        if row.auth != AUTH[fact["auth"]]:
            wrong.append(f"{at}: {row.auth}, specification {AUTH[fact['auth']]}")
        if fact["rate_limited"] == "yes" and row.rate == "RATE_NONE":
            wrong.append(f"{at}: RATE_NONE, but the specification rate-limits it")
    return wrong


@pytest.fixture(scope="module")
def facts():
    return load_table(TABLE.read_text(encoding="utf-8"), "client-server")


def test_table_is_whole(facts):
    assert len(facts) > 150
    assert facts["deactivateAccount"]["auth"] == "optional"
    assert facts["login"]["path"] == "/_matrix/client/v3/login"
    assert facts["sync"]["method"] == "GET"
    assert not [f for f in facts.values() if f["path"] != f["path"].strip()]


def test_endpoints_agree_with_specification(facts):
    rows, errors = parse(DEFINITIONS.read_text(encoding="utf-8"))
    assert not errors, "\n".join(errors)
    assert rows, f"no row in {DEFINITIONS}"
    wrong = compare(rows, facts)
    assert not wrong, "\n" + "\n".join(wrong)


def test_print_missing_operations(facts, capsys):
    rows, _ = parse(DEFINITIONS.read_text(encoding="utf-8"))
    have = {row.operation for row in rows if row.macro == "EP"}
    missing = [f for name, f in sorted(facts.items()) if name not in have]
    with capsys.disabled():
        print(f"\nclient-server API: {len(facts) - len(missing)} of {len(facts)} operations, "
              f"{len(missing)} missing:")
        for fact in missing:
            mark = " (deprecated)" if fact["deprecated"] == "yes" else ""
            print(f"  {fact['operationId']:44} {fact['method']:6} {fact['path']}{mark}")
    assert have <= set(facts)


# The comparison itself, on rows with known faults.

GOOD = """
/* a heading */
EP(login, POST, "/_matrix/client/v3/login", AUTH_NONE, RATE_LOGIN, LANE_DB, BODY_SMALL, h_login)
EP( deactivateAccount , POST,   // why
\t"/_matrix/client/v3"  /* joined */ "/account/deactivate",
\tAUTH_OPTIONAL, RATE_AUTH, LANE_DB, BODY_SMALL, h_deactivate)
/* Source: the operators' habit. */
EPX(health, GET, "/health", AUTH_NONE, RATE_NONE, LANE_LOOP, BODY_NONE, h_health)
"""

FAULTS = [
    ("(login,", "(signIn,", "no such operationId"),
    ("login, POST", "login, PUT", "method PUT"),
    ("client/v3/login", "client/r0/login", "path /_matrix/client/r0/login"),
    ("AUTH_OPTIONAL", "AUTH_REQUIRED", "AUTH_REQUIRED, specification AUTH_OPTIONAL"),
    ("AUTH_OPTIONAL", "AUTH_WHATEVER", "no kind of authentication"),
    ("RATE_LOGIN", "RATE_NONE", "rate-limits it"),
    ("RATE_LOGIN", "7", "no rate limit"),
    ("/* Source: the operators' habit. */", "", "names its source"),
    ("EPX(health, GET, \"/health\"",
     "EPX(getVersions, GET, \"/_matrix/client/versions\"", "write EP, not EPX"),
    ("EPX(health, GET, \"/health\"",
     "EPX(health, POST, \"/_matrix/client/v3/login\"", "same method and path"),
]


def test_good_rows_pass(facts):
    rows, errors = parse(GOOD)
    assert not errors
    assert [r.operation for r in rows] == ["login", "deactivateAccount", "health"]
    assert rows[1].path == "/_matrix/client/v3/account/deactivate"
    assert compare(rows, facts) == []


@pytest.mark.parametrize("old,new,complaint", FAULTS)
def test_each_fault_is_found(facts, old, new, complaint):
    assert old in GOOD
    rows, errors = parse(GOOD.replace(old, new, 1))
    assert not errors
    assert any(complaint in w for w in compare(rows, facts)), compare(rows, facts)


@pytest.mark.parametrize("text", ["EP(login, POST)", "EP(login, POST, \"/x\""])
def test_broken_rows_are_reported(text):
    rows, errors = parse(text)
    assert not rows and errors
