#!/usr/bin/env python3
"""Lists the statements of src/store/statements.def that a run of tests on PostgreSQL did not use.

    tools/statements_used.py FILE

FILE has a name a line, as tests/tools/trace_prepares.c writes it. Exits 1 if the list is not empty.
"""

import argparse
import pathlib
import re
import sys

STATEMENTS = pathlib.Path(__file__).resolve().parents[1] / "src" / "store" / "statements.def"


def all_names(statements=STATEMENTS):
    return re.findall(r"^STMT\((\w+)", statements.read_text(encoding="utf-8"), re.MULTILINE)


def unused(trace, statements=STATEMENTS):
    """Names in the order of the file."""
    used = set(pathlib.Path(trace).read_text(encoding="utf-8").split())
    return [name for name in all_names(statements) if name not in used]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trace", metavar="FILE")
    names = unused(parser.parse_args().trace)
    print(*names, sep="\n", end="\n" if names else "")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
