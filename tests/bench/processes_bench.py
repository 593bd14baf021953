#!/usr/bin/env python3
"""What several processes cost: messages a second of one process and of two, over one PostgreSQL.

    EXEUNT_BIN=build/exeunt .venv/bin/python tests/bench/processes_bench.py [--rounds N] [--seconds N]

64 connections (wrk's) send to 16 rooms, of one process or spread evenly over two, in turns. Each process takes half
of the rooms, so half of the requests that come to it are passed on to the other. PostgreSQL syncs to disk; the first
round is not counted, since a new database cluster writes faster than it will later.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import urllib.parse

import requests

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "scenario")]

import with_postgres  # noqa: E402
from harness.server import Server  # noqa: E402

CONNECTIONS, ROOMS = 64, 16
SETTINGS = {"password.argon2_memory_kib": 64, "password.argon2_passes": 1}


def post(url, token, body):
    answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=30)
    answer.raise_for_status()
    return answer.json()


def rooms_make(url):
    """Lines for wrk: a room each of 16 people."""
    for number in range(ROOMS):
        login = post(f"{url}/_matrix/client/v3/register", None, {
            "username": f"u{number}", "password": "pass word 1", "auth": {"type": "m.login.dummy"}})
        room = post(f"{url}/_matrix/client/v3/createRoom", login["access_token"], {})["room_id"]
        yield f"{login['access_token']}\t{urllib.parse.quote(room, safe='')}\n"


def load(urls, targets, seconds, tag):
    """Messages a second, the worst of the 99th percentiles in ms, and errors."""
    runs = [subprocess.Popen(
        ["wrk", "-t1", f"-c{CONNECTIONS // len(urls)}", f"-d{seconds}s", "--latency", "--timeout", "30s",
         "-s", str(HERE / "processes_bench.lua"), url, "--", str(targets), f"{tag}-{i}-"],
        stdout=subprocess.PIPE, text=True) for i, url in enumerate(urls)]
    results = [next(line for line in run.communicate()[0].splitlines() if line.startswith("RESULT")).split()[1:]
               for run in runs]
    return (sum(int(row[0]) / float(row[1]) for row in results), max(float(row[3]) for row in results),
            sum(int(row[4]) for row in results))


def measure(postgres, folder, count, options, tag):
    name = f"bench{tag}"
    postgres.sql(f"CREATE DATABASE {name}")
    processes = []
    try:
        for number in range(count):
            process = Server(folder / f"{tag}-{number}", {**SETTINGS, "database.postgres": postgres.conninfo(name),
                                                         "server.signing_key": folder / f"{tag}.key"})
            process.database.settings = dict
            processes.append(process.start())
        targets = folder / f"{tag}.targets"
        targets.write_text("".join(rooms_make(processes[0].url)))
        urls = [process.url for process in processes]
        load(urls, targets, 3, f"{tag}w")
        return load(urls, targets, options.seconds, tag)
    finally:
        for process in processes:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    rates = {1: [], 2: []}
    with with_postgres.Postgres(durable=True) as postgres, tempfile.TemporaryDirectory() as folder:
        for turn in range(options.rounds + 1):
            for count in (1, 2):
                rate, p99, errors = measure(postgres, pathlib.Path(folder), count, options, f"t{turn}n{count}")
                if turn > 0:
                    rates[count].append(rate)
                print(f"round {turn or '0 (not counted)'}, {count} process{'es' if count > 1 else ''}: {rate:.0f} messages/s, "
                      f"p99 {p99:.1f} ms, {errors} errors", flush=True)
    one, two = (statistics.median(rates[count]) for count in (1, 2))
    print(f"medians: one {one:.0f}/s, two {two:.0f}/s: {two / one:.2f}")


if __name__ == "__main__":
    main()
