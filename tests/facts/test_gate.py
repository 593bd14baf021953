"""The table of what guests and suspended accounts may do (src/api/gate.c) names operations that there are."""

import csv
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r'\{"(\w+)", [A-Z |]+\}')


def operations():
    table = (ROOT / "tests/facts/endpoints.tsv").read_text(encoding="utf-8")
    specified = {row["operationId"] for row in csv.DictReader(table.splitlines(), delimiter="\t")
                 if row["family"] == "client-server"}
    ours = (ROOT / "src/api/client/endpoints.def").read_text(encoding="utf-8")
    return specified | set(re.findall(r"^EPX\((\w+),", ours, re.MULTILINE))


def test_names():
    rows = ROW.findall((ROOT / "src/api/gate.c").read_text(encoding="utf-8"))
    assert len(rows) > 40
    assert len(set(rows)) == len(rows), "each once"
    assert set(rows) <= operations(), set(rows) - operations()
