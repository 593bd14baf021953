"""docs/conformance.md is of these endpoints: whoever adds one runs `make conformance`."""

import re

import test_drift

PAGE = test_drift.HERE.parent.parent / "docs" / "conformance.md"


def test_the_page_knows_every_row():
    rows = test_drift.parse(test_drift.DEFINITIONS.read_text(encoding="utf-8"))[0]
    known = {row.operation for row in rows if row.macro == "EP"}
    states = dict(re.findall(r"^\| [A-Z]+ `[^|]*\| (\w+) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert states, f"{PAGE} has no table of endpoints"
    wrong = {name for name, state in states.items() if (state != "not there") != (name in known)}
    assert not wrong, f"docs/conformance.md is out of date (make conformance): {sorted(wrong)}"
