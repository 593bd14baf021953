#!/usr/bin/env python3
"""Print docs/conformance.md: each endpoint of the Client-Server API, and what was seen of it.

    tools/make_conformance.py TRAFFIC SUITE > docs/conformance.md

TRAFFIC is what the scenarios wrote with EXEUNT_TRAFFIC=FILE: one line for each answer. SUITE is the table of outcomes that
tests/conformance/run.sh leaves (its first two columns). An endpoint is only said to answer when it has a row in endpoints.def and some test
got a success from it. `make conformance` runs the scenarios and calls this.
"""

import collections
import csv
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "facts"))

import test_drift  # noqa: E402

REASONS = ROOT / "tests" / "conformance" / "reasons.tsv"
HEAD = """# Conformance

Made by `make conformance` from three sources: the rows of `src/api/client/endpoints.def`, what the scenarios of this repository
saw (each answer is held against the specification's schema), and the outcomes of Complement, the conformance suite.
An endpoint without a row answers 404 `M_UNRECOGNIZED`.
"""


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def specified():
    with open(ROOT / "tests" / "facts" / "endpoints.tsv", encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["family"] == "client-server"]


def seen(traffic):
    """operation → {"tests": tests with a success, "errors": Counter of "status errcode"}."""
    found = collections.defaultdict(lambda: {"tests": set(), "errors": set()})
    for operation, status, errcode, test in traffic:
        if status.startswith("2") or status.startswith("3"):
            found[operation]["tests"].add(test)
        else:
            found[operation]["errors"].add(f"{status} {errcode}".strip())
    return found


def endpoint_lines(rows, found):
    yield "| endpoint | operation | state | scenarios with a success | errors that scenarios saw |"
    yield "|---|---|---|---|---|"
    for row in specified():
        operation = row["operationId"]
        evidence = found[operation]
        if operation not in rows:
            state = "not there"
        elif evidence["tests"]:
            state = "answers"
        else:
            state = "has a row, shown by no test"
        name = f"{row['method']} `{row['path'].removeprefix('/_matrix/client')}`" + (" (deprecated)" if row["deprecated"] == "yes" else "")
        errors = ", ".join(sorted(evidence["errors"])) if operation in rows else ""
        yield f"| {name} | {operation} | {state} | {len(evidence['tests']) or ''} | {errors} |"


def suite_lines(outcomes, reasons):
    whole = {name: outcome for name, outcome, *_ in outcomes if "/" not in name}
    parts = [outcome for name, outcome, *_ in outcomes if "/" in name]
    counted = {name for name in whole if reasons.get(name, ("ours",))[0] != "outside"}
    passed = sum(whole[name] == "PASS" for name in counted)
    yield ""
    yield "## Complement"
    yield ""
    yield (f"Client-server tests (`tests/conformance/run.sh`): {list(whole.values()).count('PASS')} of {len(whole)} pass, "
           f"{parts.count('PASS')} of {len(parts)} with their parts counted. Of the {len(counted)} that need no media, e-mail, pushers or other "
           f"homeserver, {passed} pass: {100 * passed / max(len(counted), 1):.0f} %.")
    yield ""
    yield "| test | outcome | why |"
    yield "|---|---|---|"
    for name in sorted(whole):
        if whole[name] != "PASS":
            failed = [part.removeprefix(name + "/") for part, outcome, *_ in outcomes
                      if part.startswith(name + "/") and outcome == "FAIL"]
            why = reasons.get(name, ("", "no reason given yet"))[1]
            yield f"| {name} | {whole[name]}{': ' if failed else ''}{len(failed) or ''}{' parts' if failed else ''} | {why} |"


def main(argv):
    if len(argv) != 3:
        raise SystemExit("usage: make_conformance.py TRAFFIC SUITE > docs/conformance.md")
    rows = {row.operation for row in test_drift.parse(test_drift.DEFINITIONS.read_text(encoding="utf-8"))[0] if row.macro == "EP"}
    found = seen(table(argv[1]))
    reasons = {name: (kind, why) for name, kind, why in table(REASONS)}
    names = [row["operationId"] for row in specified()]
    shown = sum(name in rows and bool(found[name]["tests"]) for name in names)
    print(HEAD)
    print(f"Of {len(names)} endpoints {sum(name in rows for name in names)} have a row; {shown} of these were seen to answer.\n")
    for line in (*endpoint_lines(rows, found), *suite_lines(table(argv[2]), reasons)):
        print(line)


if __name__ == "__main__":
    main(sys.argv)
