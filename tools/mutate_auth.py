#!/usr/bin/env python3
"""Changes the room versions' rules one small step at a time, and sees whether the tests notice.

    tools/mutate_auth.py [--files TEXT] [--jobs N] [--every N] [--list] [--differential]

Each mutant is one change in one line: another comparison, && for ||, a check or an effect left out, a flag, number or
name that is wrong, another rule cited. It is built without optimisation in a copy of the tree, and the unit tests of
matrix and graph run until one fails (or does not end): the mutant is killed. Those that survive run under the
sanitizers, too, as `make check-sanitizers` does, and with --differential they are held against Synapse's rules
(tests/differential). What cannot be told from the original stands in tools/mutate_auth.equivalent, a line each, with
the reason.

Prints the survivors and the kill rate; exits 1 below RATE_MIN.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
EQUIVALENT = ROOT / "tools" / "mutate_auth.equivalent"
ORACLE_PYTHON = ROOT / ".venv-oracle" / "bin" / "python"
RATE_MIN = 0.98
TEST_LIMIT_S = 60
BUILD_LIMIT_S = 600
DIFFERENTIAL_LIMIT_S = 600
DIFFERENTIAL_EVENTS = "1000"

FILES = (
    "src/graph/auth.c",
    "src/graph/auth_member.c",
    "src/graph/auth_power.c",
    "src/graph/auth_third_party.c",
    "src/graph/auth_keys.c",
    "src/graph/auth_rules.def",
    "src/matrix/power_levels.c",
    "src/matrix/power_level_read.c",
    "src/matrix/event_redact.c",
    "src/matrix/room_versions.def",
)
# The likeliest to notice first.
TESTS = (
    "graph_auth", "graph_auth_events", "graph_as_read", "graph_third_party", "matrix_power_levels", "matrix_event_redact",
    "matrix_room_version", "matrix_event", "matrix_event_formats", "matrix_event_signers", "matrix_event_client",
    "graph_resolve_v1", "graph_resolve_v2", "graph_resolve_orders",
)
GRAPH_TOOL = "tests/tools/graph_tool"

# What stands in the columns of the tables; a value is replaced by each other one next to it.
SCALES = (
    ("RANDOM", "HASH_STANDARD", "HASH_URL"),
    ("V1", "V2", "V2_1"),
    ("V1", "V6", "V8", "V9", "V11"),
    ("V1", "V3", "V6", "V7", "V8", "V10", "V11", "V12"),
)
SCALE_OF_COLUMN = {1: SCALES[0], 2: SCALES[1], 3: SCALES[2], 4: SCALES[3]}
OPERATORS = (
    (r"==", "!="), (r"!=", "=="), (r">=", ">"), (r"<=", "<"), (r"(?<=\s)>(?=\s)", ">="), (r"(?<=\s)<(?=\s)", "<="),
    (r"&&", "||"), (r"\|\|", "&&"), (r"!(?=[A-Za-z(])", ""), (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
)


@dataclasses.dataclass(frozen=True)
class Mutant:
    path: str
    line: int  # from 1
    before: str
    after: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.before.strip()}  ->  {self.after.strip()}"

    def key(self):
        """Without the line's number, which moves."""
        return f"{self.path}: {self.before.strip()} -> {self.after.strip()}"


def code_of(line, in_comment):
    """The line with comments and literals blanked, and whether a comment goes on behind it."""
    out, i = list(line), 0
    while i < len(line):
        if in_comment:
            end = line.find("*/", i)
            stop = len(line) if end < 0 else end + 2
            in_comment = end < 0
        elif line.startswith("/*", i):
            in_comment, stop = True, i + 2
        elif line[i] in "\"'":
            found = re.compile(r"\\.|" + line[i]).finditer(line, i + 1)
            stop = next((m.end() for m in found if m.group() == line[i]), len(line))
        else:
            i += 1
            continue
        out[i:stop] = " " * (stop - i)
        i = stop
    return "".join(out), in_comment


def swapped(line, start, stop, text):
    return line[:start] + text + line[stop:]


def neighbours(scale, value):
    at = scale.index(value)
    return [scale[i] for i in (at - 1, at + 1) if 0 <= i < len(scale)]


def mutate_code(line, code, before):
    for pattern, other in OPERATORS:
        for m in re.finditer(pattern, code):
            yield swapped(line, m.start(), m.end(), other)
    for m in re.finditer(r"\b\d+\b", code):
        yield swapped(line, m.start(), m.end(), str(int(m.group()) + 1))
    for m in re.finditer(r"\bRULE_[A-Z0-9_]+\b", code):
        yield swapped(line, m.start(), m.end(), "RULE_SEND_LEVEL" if m.group() == "RULE_ALLOW" else "RULE_ALLOW")
    for m in re.finditer(r"\b(?:STR|STR_INIT|KEEP)\((.*)", line):
        if code[m.start()] == line[m.start()]:
            for text in re.finditer(r'"(?=[^"]+")(?:\\.|[^"\\])*"', m.group(1)):
                yield swapped(line, m.start(1) + text.start(), m.start(1) + text.end(), '"x' + text.group()[1:])
    if re.match(r"\s+return [^;]*;\s*$", code) and re.match(r"\s+(if|else|for|while)\b", before):
        yield re.sub(r"return [^;]*;", ";", line)  # goes on as if the check were not there
    elif re.match(r"\s+[a-z_]+\(.*\);\s*$", code):
        yield re.sub(r"\S.*$", ";", line)


def mutate_kept(line, code):
    """KEEP(type, key, since, until) and {key, REDACTION_until}."""
    for m in re.finditer(r"\b(REDACTION_)?(V\d+)\b", code):
        if m.group(2) in SCALES[2] and re.match(r"\s+(KEEP|\{)", code):
            for other in neighbours(SCALES[2], m.group(2)):
                yield swapped(line, m.start(2), m.end(2), other)


def mutate_version(line):
    columns = list(re.finditer(r"[^\s,()]+", line))[1:]  # behind ROOM_VERSION
    for i, m in enumerate(columns):
        if i == 0:
            others = ['"x' + m.group()[1:]]
        elif i in SCALE_OF_COLUMN:
            others = neighbours(SCALE_OF_COLUMN[i], m.group())
        else:
            others = ["1" if m.group() == "0" else "0"]
        for other in others:
            yield swapped(line, m.start(), m.end(), other)


def mutate_rule(line):
    for m in re.finditer(r'"\d[\d.]*"', line):
        yield swapped(line, m.start(), m.end(), '"0"')


def mutants_of(path):
    in_comment, before = False, ""
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        code, in_comment = code_of(line, in_comment)
        if re.match(r"\s*#", code) or not code.strip():
            continue
        if code.startswith("ROOM_VERSION("):
            found = mutate_version(line)
        elif path.endswith("auth_rules.def"):
            found = mutate_rule(line)
        else:
            found = [*mutate_code(line, code, before), *mutate_kept(line, code)]
        for after in dict.fromkeys(found):
            if after != line:
                yield Mutant(path, number, line, after)
        before = code


PLAIN = ("-Doptimization=0",)
SANITIZED = ("-Doptimization=1", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Darena_malloc=true")


class Worker:
    """One copy of the tree, built once, in which one file differs at a time."""

    def __init__(self, folder):
        self.tree, self.plain, self.sanitized = folder / "tree", folder / "plain", folder / "sanitized"
        names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                               text=True, stdout=subprocess.PIPE).stdout.splitlines()
        for name in names:
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        for build, options in ((self.plain, PLAIN), (self.sanitized, SANITIZED)):
            self.run(["meson", "setup", build, self.tree, "-Dbuildtype=plain", "-Dwerror=false", "-Dwarning_level=0",
                      *options], BUILD_LIMIT_S)
            if self.killer(build) != "":
                raise SystemExit("the tests do not pass as they are")

    @staticmethod
    def run(command, limit_s):
        try:
            return subprocess.run([str(word) for word in command], timeout=limit_s, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        except subprocess.TimeoutExpired:
            return None

    def killer(self, build):
        """The first test that fails in this build, "" when none does, None when it is no C."""
        programs = [GRAPH_TOOL, *(f"tests/unit/test_{test}" for test in TESTS)]
        if self.run(["ninja", "-C", build, "-j1", *programs], BUILD_LIMIT_S) != 0:
            return None
        return next((test for test in TESTS if self.run([build / "tests/unit" / f"test_{test}"], TEST_LIMIT_S) != 0), "")

    def agrees(self):
        return self.run([ORACLE_PYTHON, self.tree / "tests/differential/compare.py", self.plain / GRAPH_TOOL,
                         "--events", DIFFERENTIAL_EVENTS], DIFFERENTIAL_LIMIT_S) == 0

    def judge(self, mutant, differential):
        """What killed it, "" when nothing did, None when it is no C."""
        path = self.tree / mutant.path
        original = path.read_text()
        lines = original.splitlines()
        lines[mutant.line - 1] = mutant.after
        path.write_text("\n".join(lines) + "\n")
        try:
            killer = self.killer(self.plain)
            if killer == "":
                killer = self.killer(self.sanitized)
            if killer == "" and differential and not self.agrees():
                killer = "differential"
            return killer
        finally:
            path.write_text(original)


def equivalents():
    """Key to reason: lines of "path: before -> after  # reason"."""
    rows = {}
    for line in EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else []:
        if line.strip() and not line.startswith("#"):
            key, _, reason = line.partition("  # ")
            if not reason:
                raise SystemExit(f"{EQUIVALENT.name}: no reason: {line}")
            rows[key.strip()] = reason
    return rows


def judge_all(mutants, jobs, differential):
    """Yields each mutant with its outcome as it is known."""
    with tempfile.TemporaryDirectory(prefix="exeunt-mutants-") as folder:
        free = queue.SimpleQueue()
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for worker in pool.map(Worker, (pathlib.Path(folder, str(i)) for i in range(jobs))):
                free.put(worker)

            def one(mutant):
                worker = free.get()
                try:
                    return mutant, worker.judge(mutant, differential)
                finally:
                    free.put(worker)

            for done in concurrent.futures.as_completed([pool.submit(one, mutant) for mutant in mutants]):
                yield done.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", default="", metavar="TEXT", help="only files with TEXT in their names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth mutant")
    parser.add_argument("--list", action="store_true", help="only say what would be changed")
    parser.add_argument("--differential", action="store_true", help="hold survivors against Synapse's rules, too")
    options = parser.parse_args()

    known = equivalents()
    mutants = [mutant for path in FILES if options.files in path for mutant in mutants_of(path)][::options.every]
    judged = [mutant for mutant in mutants if mutant.key() not in known]
    if options.list:
        print(*judged, sep="\n")
        return 0
    start, counts, survivors = time.monotonic(), collections.Counter(), []
    for done, (mutant, killer) in enumerate(judge_all(judged, options.jobs, options.differential), 1):
        counts["no C" if killer is None else "killed" if killer else "survived"] += 1
        if killer == "":
            survivors.append(mutant)
            print(f"survived: {mutant}", flush=True)
        if done % 50 == 0:
            print(f"[{time.monotonic() - start:5.0f} s] {done} of {len(judged)}, {len(survivors)} survived", flush=True)
    tried = counts["killed"] + counts["survived"]
    rate = counts["killed"] / tried if tried else 0
    print(f"mutants: {tried} tried, {counts['killed']} killed, {counts['survived']} survived, kill rate {rate:.1%}; "
          f"{len(mutants) - len(judged)} equivalent, {counts['no C']} that do not compile")
    return 0 if rate >= RATE_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
