#!/usr/bin/env python3
"""Builds Exeunt in one of its forms, runs its tests and counts them.

    tools/check.py PART...

Prints what runs, with the time since the start, and at the end "N passed, M failed". Exits 1 if
anything failed or nothing ran. With EXEUNT_TALLY=FILE it appends its two numbers to that file.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import statements_used
import with_postgres

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"
ORACLE_PYTHON = ROOT / ".venv-oracle" / "bin" / "python"
DIFFERENTIAL_EVENTS = "5000"  # for each room version; tests/differential/README.md has the long run
START = time.monotonic()
# Each file of scenarios has servers, ports and folders of its own, so files may run side by side.
SIDE_BY_SIDE = ["-n", "2", "--dist", "loadfile"]

SANITIZE = ["-Db_lundef=false", "-Dbuildtype=debugoptimized"]
# One form of the build each: its folder and meson's options.
BUILDS = {
    "plain": ("build", []),
    "asan": ("build-asan",
             ["-Db_sanitize=address,undefined", "-Darena_malloc=true", *SANITIZE]),
    "tsan": ("build-tsan", ["-Db_sanitize=thread", *SANITIZE]),
    "clang": ("build-clang", []),
}
# The first finding ends the process, and so the test.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "halt_on_error=1:abort_on_error=1:detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


def say(text):
    seconds = int(time.monotonic() - START)
    print(f"[{seconds // 60:02}:{seconds % 60:02}] {text}", flush=True)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, what, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        skips = f", {skipped} skipped" if skipped else ""
        say(f"{what}: {passed} passed, {failed} failed{skips}")


def run(command, env=None):
    return subprocess.run([str(word) for word in command], cwd=ROOT, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})}).returncode


def build(form, tally):
    """Configures, where that is not done, and builds; true if it worked."""
    folder, options = BUILDS[form]
    env = {}
    if form == "clang":
        env["CC"] = subprocess.run([ROOT / "tools" / "find_clang.sh"], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.strip()
    say(f"building {folder}")
    done = (ROOT / folder / "build.ninja").exists() or run(
        ["meson", "setup", folder, *options], env) == 0
    good = done and run(["ninja", "-C", folder], env) == 0
    tally.add(f"build {folder}", int(good), int(not good))
    return good


def meson_tests(form, tally, env=None, options=()):
    """The unit tests and the replayed corpora of the fuzz targets."""
    folder = BUILDS[form][0]
    log = ROOT / folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    code = run(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "--quiet",
                "--timeout-multiplier", "5", *options],
               {**SANITIZER_ENV, **(env or {})})
    results = []
    if log.exists():
        results = [json.loads(line)["result"] for line in log.read_text().splitlines()]
    skipped = results.count("SKIP")
    passed = results.count("OK") + results.count("EXPECTEDFAIL")
    failed = len(results) - passed - skipped
    # A run that went wrong without a test that did counts as a failure all the same.
    tally.add(f"unit and fuzz tests in {folder}", passed, max(failed, int(code != 0)), skipped)


def pytest(what, paths, tally, env=None, options=()):
    paths = [path for path in paths if any((ROOT / path).rglob("test_*.py"))]
    if not paths:
        say(f"{what}: none here")
        return
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        code = run([PYTHON, "-m", "pytest", "-q", "--durations=5", "-p", "no:cacheprovider",
                    f"--junitxml={report}", *options, *paths], env)
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        if report.exists():
            for suite in xml.etree.ElementTree.parse(report).iter("testsuite"):
                for name in counts:
                    counts[name] += int(suite.get(name, 0))
    failed = counts["failures"] + counts["errors"]
    passed = max(counts["tests"] - failed - counts["skipped"], 0)
    tally.add(what, passed, max(failed, int(code != 0)), counts["skipped"])


def facts(tally):
    pytest("tests against the specification's tables", ["tests/facts"], tally)


def walls(tally):
    say("walls")
    result = subprocess.run([sys.executable, "tools/walls/run.py"], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE)
    print(result.stdout, end="")
    sums = re.search(r"^walls: (\d+) passed, (\d+) failed$", result.stdout, re.MULTILINE)
    passed, failed = map(int, sums.groups()) if sums else (0, 1)
    tally.add("walls", passed, failed)
    pytest("tests of the walls", ["tests/walls"], tally)


def scenarios(form, tally, env=None):
    folder = BUILDS[form][0]
    say(f"scenarios against {folder}/exeunt")
    pytest(f"scenarios against {folder}/exeunt", ["tests/scenario"], tally,
           {**SANITIZER_ENV, **(env or {}), "EXEUNT_BIN": str(ROOT / folder / "exeunt")}, SIDE_BY_SIDE)


def check(tally):
    facts(tally)
    if build("plain", tally):
        meson_tests("plain", tally)
        scenarios("plain", tally)


def postgres(tally):
    """The tests that touch a database, on PostgreSQL. Several processes get a cluster of their own, which syncs to disk."""
    if not build("plain", tally):
        return
    with with_postgres.Postgres() as cluster, tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "statements"
        env = {"EXEUNT_TEST_DATABASE": cluster.conninfo(), "EXEUNT_STATEMENTS_USED": str(trace),
               "LD_PRELOAD": str(ROOT / "build" / "tests" / "tools" / "trace_prepares.so")}
        meson_tests("plain", tally, env, ["--suite", "store", "--suite", "core"])
        scenarios("plain", tally, env)
        left = statements_used.unused(trace)
        for name in left:
            say(f"no test on PostgreSQL uses the statement {name}")
        # Told, and not counted as failures: what is named here wants a test.
        tally.add("statements used on PostgreSQL", len(statements_used.all_names()) - len(left), 0, len(left))


def sanitizers(tally):
    if build("asan", tally):
        meson_tests("asan", tally)
        scenarios("asan", tally)


def tsan(tally):
    if build("tsan", tally):
        meson_tests("tsan", tally)
        scenarios("tsan", tally)


def clang(tally):
    if build("clang", tally):
        meson_tests("clang", tally)


def clients(tally):
    if not build("plain", tally):
        return
    code = run(["tests/clients/run.sh"], {"EXEUNT_BIN": str(ROOT / "build" / "exeunt")})
    tally.add("real clients", int(code == 0), int(code != 0))


def differential(tally):
    """The rules held against Synapse's over rooms made at random; a test for each room version."""
    if not build("plain", tally):
        return
    result = subprocess.run([ORACLE_PYTHON, "tests/differential/compare.py",
                             "build/tests/tools/graph_tool", "--events", DIFFERENTIAL_EVENTS],
                            cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    print(result.stdout, end="")
    rows = re.findall(r"^(\d+)\t.*\t(\d+)$", result.stdout, re.MULTILINE)
    failed = sum(unexplained != "0" for _, unexplained in rows)
    tally.add("room versions held against an independent implementation", len(rows) - failed,
              max(failed, int(result.returncode != 0)))


PARTS = {part.__name__: part for part in (walls, check, postgres, sanitizers, tsan, clang, clients, differential)}


def main():
    parser = argparse.ArgumentParser(description="Builds Exeunt, runs its tests, counts them.")
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART",
                        help=f"of {', '.join(PARTS)}")
    arguments = parser.parse_args()
    tally = Tally()
    for name in arguments.parts:
        PARTS[name](tally)
    if os.environ.get("EXEUNT_TALLY"):
        with open(os.environ["EXEUNT_TALLY"], "a", encoding="utf-8") as file:
            file.write(f"{tally.passed} {tally.failed}\n")
    if tally.skipped:
        say(f"{tally.skipped} skipped")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.failed == 0 and tally.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
