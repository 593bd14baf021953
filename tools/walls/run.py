#!/usr/bin/env python3
"""Runs the walls: checks on the text of the source that no compiler makes.

    tools/walls/run.py [--root DIR] [WALL...]

One line a wall, each violation as file:line, and at the end the sum. Exits 1 if any wall fell.
"""

import argparse
import importlib
import pathlib
import sys
import time

WALLS = ["include_layers", "banned_calls", "sql_room", "size_gates", "no_foreign",
         "self_contained_headers"]


def run(name, root):
    """Prints what a wall found; true if it stands."""
    started = time.monotonic()
    bad, warnings = importlib.import_module(name).check(root)
    seconds = time.monotonic() - started
    verdict = "ok" if not bad else f"FAILED, {len(bad)} violations"
    print(f"wall {name}: {verdict} ({seconds:.1f} s)")
    for word, violations in (("warning: ", warnings), ("", bad)):
        for violation in violations:
            print(f"  {violation.path}:{violation.line}: {word}{violation.message}")
    return not bad


def main():
    parser = argparse.ArgumentParser(description="Runs the walls over the source.")
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("walls", nargs="*", metavar="WALL", help=f"of {', '.join(WALLS)}")
    arguments = parser.parse_args()
    unknown = set(arguments.walls) - set(WALLS)
    if unknown:
        parser.error(f"no such wall: {', '.join(sorted(unknown))}")
    stands = [run(name, arguments.root) for name in arguments.walls or WALLS]
    print(f"walls: {stands.count(True)} passed, {stands.count(False)} failed")
    return 0 if all(stands) else 1


if __name__ == "__main__":
    sys.exit(main())
