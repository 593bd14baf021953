"""The real binary, started on a free port of loopback with a data directory of its own."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import requests

from .database import Database

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_LIMIT_S = 20
STOP_LIMIT_S = 10
LOG_TAIL_LINES = 80

SANITIZER = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|WARNING: MemorySanitizer"
    r"|runtime error:|SUMMARY: \w+Sanitizer")
# Text form: time, level, area. JSON form: the member "level".
TEXT_ERROR = re.compile(r"^\S+Z error ")

# Names of settings that tests use, beside those on every command line.
SETTING_REGISTRATION_TOKEN = "registration.token"
SETTING_ACCESS_TOKEN_LIFE = "session.access_token_lifetime_ms"
SETTING_BODY_TIMEOUT = "http.body_timeout_ms"

FAULT_HIT = re.compile(r'fault: reached point="?([^"\s]+)')

DEFAULT_SETTINGS = {"registration.mode": "open", "rate_limit.enabled": "false"}


def binary():
    return os.environ.get("EXEUNT_BIN", str(ROOT / "build" / "exeunt"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_error_line(line):
    if line.startswith("{"):
        try:
            level = str(json.loads(line).get("level", "")).lower()
        except ValueError:
            return False
        return level == "error"
    return bool(TEXT_ERROR.search(line))


class ServerDied(AssertionError):
    pass


class Server:
    """One server process at a time over one data directory."""

    def __init__(self, directory, settings=None, env=None, name="localhost"):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.log_path = self.directory / "server.log"
        self.database = Database(self.data)
        self.settings = {**DEFAULT_SETTINGS, **(settings or {})}
        self.env = env or {}
        self.name = name
        self.port = free_port()
        self.process = None
        self.start_status = None
        self.allowed = []
        self._checked_bytes = 0
        self.directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def at(self):
        """The words by which a subcommand finds the data."""
        words = ["--data", str(self.data)]
        for key, value in self.database.settings().items():
            words += ["--set", f"{key}={value}"]
        return words

    def command(self):
        line = [binary(), "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data),
                "--server-name", self.name]
        for key, value in {**self.database.settings(), **self.settings}.items():
            line += ["--set", f"{key}={value}"]
        return line

    def start(self, fault=None, wait=True):
        """fault: "NAME:K" or "*:K", the fault point at which the server kills itself."""
        assert self.process is None, "already running"
        env = {**os.environ, **self.env}
        env.pop("EXEUNT_FAULT", None)
        if fault:
            env["EXEUNT_FAULT"] = fault
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=env, cwd=self.directory)
        if wait:
            try:
                self.wait_ready()
            except ServerDied:
                if not fault or self.start_status != -signal.SIGKILL:
                    raise   # else the fault point came while starting: wait_killed() says so
        return self

    def wait_ready(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                self.start_status = code
                raise ServerDied(f"the server ended with {code} while starting\n{self.log_tail()}")
            try:
                if requests.get(self.url + "/health", timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.01)
        raise AssertionError(f"/health did not answer in {START_LIMIT_S} s\n{self.log_tail()}")

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM; the exit must be clean and in time."""
        if self.process is None:
            return
        process, self.process = self.process, None
        already = process.poll()
        assert already is None, f"the server died by itself, {already}\n{self.log_tail()}"
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"no exit {STOP_LIMIT_S} s after SIGTERM\n{self.log_tail()}")
        assert code == 0, f"exit status {code} after SIGTERM\n{self.log_tail()}"

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wait_killed(self, limit_s=30):
        """Waits for the death by a fault point; returns whether it came."""
        if self.process is None:
            return True
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        self.process = None
        assert code == -signal.SIGKILL, f"ended with {code}, not by SIGKILL\n{self.log_tail()}"
        return True

    def end(self):
        """Ends it with SIGTERM; whether a fault point had killed it, or did so now."""
        if self.process is None:
            return True
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)     # of no effect on what is dying
        code = process.wait(30)
        assert code in (0, -signal.SIGKILL), f"ended with {code}\n{self.log_tail()}"
        return code != 0

    def restart(self, fault=None, clean=True):
        if clean:
            self.stop()
        else:
            self.kill()
        return self.start(fault)

    def memory_bytes(self):
        """Proportional set size of the process."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace") \
            if self.log_path.exists() else ""

    def fault_hits(self):
        """Names of the fault points reached, in order; with EXEUNT_FAULT and debug lines only."""
        return FAULT_HIT.findall(self.log())

    def log_tail(self, lines=LOG_TAIL_LINES):
        return "--- end of the server's log ---\n" + "\n".join(self.log().splitlines()[-lines:])

    def allow_log(self, pattern):
        """Lines of level error that match are expected by the test that says so."""
        self.allowed.append(re.compile(pattern))

    def check_log(self):
        """Fails on a line of level error or a sanitizer's report since the last check."""
        raw = self.log_path.read_bytes() if self.log_path.exists() else b""
        fresh = raw[self._checked_bytes:].decode("utf-8", "replace")
        self._checked_bytes = len(raw)
        allowed, self.allowed = self.allowed, []
        report = SANITIZER.search(fresh)
        assert not report, fresh[max(0, report.start() - 500):report.start() + 6000]
        bad = [line for line in fresh.splitlines()
               if is_error_line(line) and not any(a.search(line) for a in allowed)]
        assert not bad, "errors in the server's log:\n" + "\n".join(bad[:20])
