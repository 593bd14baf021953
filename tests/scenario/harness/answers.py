"""Holds the answers that scenarios get against the specification's schemas (tests/facts/answers.json).

With EXEUNT_TRAFFIC=FILE in the environment a line for each answer goes into that file: operationId, status, errcode, test.
tools/make_conformance.py reads it.
"""

import csv
import functools
import json
import os
import pathlib
import re

import fastjsonschema

FACTS = pathlib.Path(__file__).resolve().parents[2] / "facts"


@functools.cache
def schemas():
    return json.loads((FACTS / "answers.json").read_text(encoding="utf-8"))


@functools.cache
def routes():
    """(method, number of steps) → [(pattern of the path, operationId)], literal steps before parameters."""
    found = {}
    with open(FACTS / "endpoints.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["family"] == "client-server":
                steps = row["path"].rstrip("/").split("/")
                pattern = "/".join("[^/]+" if step.startswith("{") else re.escape(step) for step in steps)
                found.setdefault((row["method"], len(steps)), []).append((pattern, row["operationId"]))
    return {key: [(re.compile(pattern), operation) for pattern, operation in sorted(
        patterns, key=lambda pair: pair[0].count("[^/]+"))] for key, patterns in found.items()}


def operation_of(method, path):
    """None: the specification has no such endpoint."""
    path = path.partition("?")[0].rstrip("/")
    for pattern, operation in routes().get((method, path.count("/") + 1), ()):
        if pattern.fullmatch(path):
            return operation
    return None


@functools.cache
def checker(operation, status):
    schema = schemas()["operations"].get(operation, {}).get(str(status))
    if schema is None:
        return None
    return fastjsonschema.compile({"$schema": "http://json-schema.org/draft-07/schema#", "$defs": schemas()["$defs"],
                                   **schema}, use_default=False)


def record(operation, status, body):
    name = os.environ.get("EXEUNT_TRAFFIC")
    if name and operation:
        errcode = body.get("errcode", "") if isinstance(body, dict) else ""
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rsplit(" ", 1)[0]
        with open(name, "a", encoding="utf-8") as file:
            file.write(f"{operation}\t{status}\t{errcode}\t{test}\n")


def assert_as_specified(method, path, status, body):
    """body: parsed JSON, or None where there was none. Nothing is asked of what the specification does not describe."""
    operation = operation_of(method, path)
    record(operation, status, body)
    check = checker(operation, status)
    is_other_401 = status == 401 and isinstance(body, dict) and "errcode" in body and "flows" not in body
    if check is None or is_other_401:  # of two kinds of 401 the specification describes that of authentication in steps
        return
    try:
        check(body)
    except fastjsonschema.JsonSchemaException as error:
        raise AssertionError(f"{method} {path} -> {status} is not as specified: {error.message}") from None
