#!/usr/bin/env python3
"""The story of an account's end, played through matrix-nio against the real server.

    tests/demo/demo.py BINARY [--port N] [--dir DIRECTORY] [--leave]

Three people share fifty rooms. One of them deactivates her account; the server is killed half-way
through leaving them and started again. The others must then see exactly one marked leave in every
room. In a terminal the server stays up afterwards, unless --leave is given; otherwise the exit
status is 0, or 1 if anything differed. DEMO_PORT in the environment is --port's default.
"""

import argparse
import asyncio
import fcntl
import logging
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import people
from show import Screen

HOST = "127.0.0.1"
PORT = 8008
NAME = "localhost"
BATCH_ROOMS = 5
# Reached once after every batch: the fifth of ten is the last that the server sees through.
FAULT_POINT = "deactivation.batch.committed"
FAULT_COUNT = 5
START_LIMIT_S = 20
STOP_LIMIT_S = 10
DEATH_LIMIT_S = 30
LEAVES_LIMIT_S = 60
LOG_LINES = 15


class Trouble(Exception):
    """Something that is told in one sentence, not in a trace."""


class Daemon:
    """The server's process, its data and its log."""

    def __init__(self, binary, directory, port):
        self.binary = binary
        self.data = directory / "data"
        self.log_path = directory / "server.log"
        self.port = port
        self.process = None

    @property
    def url(self):
        return f"http://{HOST}:{self.port}"

    def start(self, fault=None):
        env = {key: value for key, value in os.environ.items() if key != "EXEUNT_FAULT"}
        if fault:
            env["EXEUNT_FAULT"] = fault
        command = [self.binary, "serve", "--listen", f"{HOST}:{self.port}", "--data", self.data,
                   "--server-name", NAME, "--set", "registration.mode=open",
                   "--set", "rate_limit.enabled=false",
                   "--set", f"deactivation.batch_rooms={BATCH_ROOMS}"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=env)
        return self._wait_ready()

    def _wait_ready(self):
        """Milliseconds from the start to the first connection that is taken."""
        started = time.monotonic()
        while time.monotonic() - started < START_LIMIT_S:
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise Trouble(f"the server ended at once (exit status {code}):\n{self.log_tail()}")
            try:
                socket.create_connection((HOST, self.port), 1).close()
                return round((time.monotonic() - started) * 1000)
            except OSError:
                time.sleep(0.002)
        raise Trouble(f"the server took no connection in {START_LIMIT_S} s:\n{self.log_tail()}")

    async def wait_killed(self):
        """Waits for the death at the fault point."""
        deadline = time.monotonic() + DEATH_LIMIT_S
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise Trouble(f"the server never reached the fault point {FAULT_POINT}; "
                              "is it built with -Dfault_points=true?")
            await asyncio.sleep(0.002)
        code, self.process = self.process.returncode, None
        if code != -signal.SIGKILL:
            raise Trouble(f"the server ended with status {code}, not by SIGKILL:\n"
                          f"{self.log_tail()}")

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def log_tail(self):
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-LOG_LINES:])


def claim(directory):
    """Makes the demo's directory, empty, and holds it against a second demo."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = open(directory / "lock", "a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Trouble(f"the demo is running here already (process {lock.read().strip()}); "
                          "wait for it, or end it.") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        shutil.rmtree(directory / "data", ignore_errors=True)
        (directory / "server.log").write_bytes(b"")
        return lock
    except OSError as error:
        raise Trouble(f"cannot write in {directory}: {error.strerror}.") from None


def check_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Trouble(f"cannot listen on {HOST}:{port}: {error.strerror}. Stop what is there, "
                          f"or choose another port: DEMO_PORT={port + 1} make demo") from None


async def watch_leaves(screen, story, text):
    """Draws the bar until both bystanders have seen a leave in every room; whether they have."""
    deadline = time.monotonic() + LEAVES_LIMIT_S
    total = 2 * len(story.rooms)
    while (seen := story.leaves_seen()) < total and time.monotonic() < deadline:
        screen.bar(text, seen, total)
        await asyncio.sleep(0.02)
    screen.bar(text, seen, total)
    return seen == total


async def play(screen, daemon, story):
    ready_ms = daemon.start(f"{FAULT_POINT}:{FAULT_COUNT}")
    screen.step(f"The server is up in {ready_ms} ms", f"{daemon.url}, SQLite")
    await story.meet()
    screen.step("Ada, Ben and Cleo register", "matrix-nio")
    await story.open_rooms(lambda done, total: screen.bar("rooms", done, total))
    screen.step(f"They share {len(story.rooms)} rooms", story.kinds())
    await story.talk("before", lambda done, total: screen.bar("messages", done, total))
    screen.step(f"They say {len(story.acknowledged)} things")
    await story.listen()

    answer = await story.end_ada()
    screen.step("Ada deactivates her account", answer)
    await daemon.wait_killed()
    screen.step(screen.red("The server dies by SIGKILL"),
                f"{FAULT_COUNT * BATCH_ROOMS} of {len(story.rooms)} rooms left")
    ready_ms = daemon.start()
    screen.step(f"It is started again, up in {ready_ms} ms", "no one asks it to go on")
    complete = await watch_leaves(screen, story, "leaves seen by Ben and Cleo")
    screen.step("Every room has been left" if complete else screen.red("Rooms are missing"))
    await story.talk("after", lambda done, total: screen.bar("messages", done, total))
    await story.catch_up()
    screen.step("The others talk on, and look at what they saw")
    screen.table(await story.findings())


def stay(screen, daemon):
    screen.line(f"  The server stays up. Log in with any Matrix client at {screen.bold(daemon.url)}")
    for person in ("ben", "cleo"):
        screen.line(f"      {person:4}  password {people.PASSWORD}")
    screen.line(f"      ada   the same password, and it is refused\n\n"
                f"  {screen.dim(f'data and log in {daemon.data.parent}; Ctrl-C ends it')}")
    try:
        code = daemon.process.wait()
        raise Trouble(f"the server ended by itself, {code}:\n{daemon.log_tail()}")
    except KeyboardInterrupt:
        screen.line("\n  The server stops.")


async def tell(screen, daemon):
    story = people.Story(daemon.url)
    try:
        await play(screen, daemon, story)
    finally:
        await story.close()


def run(arguments):
    binary = pathlib.Path(arguments.binary).resolve()
    if not os.access(binary, os.X_OK):
        raise Trouble(f"there is no server at {binary}: run make first.")
    lock = claim(pathlib.Path(arguments.dir).resolve() if arguments.dir else binary.parent / "demo")
    screen = Screen()
    with lock:
        check_port(arguments.port)
        daemon = Daemon(binary, pathlib.Path(lock.name).parent, arguments.port)
        screen.title("Exeunt · the end of an account")
        try:
            asyncio.run(tell(screen, daemon))
            if screen.differences:
                screen.line(screen.red(f"  {screen.differences} of these differ. The server's log: "
                                       f"{daemon.log_path}"))
            if sys.stdin.isatty() and screen.is_tty and not arguments.leave:
                stay(screen, daemon)
        finally:
            screen.line()
            daemon.stop()
    return 1 if screen.differences else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("binary", help="the server, build/exeunt")
    parser.add_argument("--port", type=int, default=os.environ.get("DEMO_PORT", PORT))
    parser.add_argument("--dir", help="where data and log go (default: demo, beside the binary)")
    parser.add_argument("--leave", action="store_true", help="do not stay up in a terminal")
    arguments = parser.parse_args()
    logging.getLogger("nio").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(arguments)
    except (Trouble, people.Refused) as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
