#!/usr/bin/env python3
"""Turns the JSON lines of a run of Go tests into a table: test, PASS, FAIL or SKIP, seconds.

    outcomes.py FILE            writes the table to standard output and the sums to standard error

Sub-tests have rows of their own, under the name of their test. One that began and never ended is a FAIL: it hung, or
the run was cut off.
"""

import json
import pathlib
import sys


def outcomes(lines):
    rows = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # what a test printed before the first one began
        name, action = entry.get("Test"), entry["Action"]
        if not name:
            continue
        if action == "run":
            rows[name] = ("FAIL", "hung")
        elif action in ("pass", "fail", "skip"):
            rows[name] = (action.upper(), f"{entry.get('Elapsed', 0):.2f}")
    return rows


def main():
    rows = outcomes(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace").splitlines())
    for name, (outcome, seconds) in sorted(rows.items()):
        print(name, outcome, seconds, sep="\t")
    whole = [outcome for name, (outcome, _) in rows.items() if "/" not in name]
    print(", ".join(f"{whole.count(word)} {word}" for word in ("PASS", "FAIL", "SKIP")), "of", len(whole), "tests",
          file=sys.stderr)


if __name__ == "__main__":
    main()
