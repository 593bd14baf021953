"""The harness itself: it must notice what it is there to notice."""

import signal
import stat
import sys

import pytest

from harness import server as module
from harness.server import Server, ServerDied, is_error_line

# A server in a few lines: says it is healthy, logs what it is told, ends as it is told.
TOY = """#!{python}
import http.server, os, signal, sys
host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
def end(*_):
    os._exit(int(os.environ.get("TOY_EXIT", "0")))
signal.signal(signal.SIGTERM, signal.SIG_IGN if "TOY_DEAF" in os.environ else end)
print(os.environ.get("TOY_LOG", "2026-01-01T00:00:00.000Z info toy: ready"), flush=True)
if "TOY_DIE" in os.environ:
    sys.exit(3)
server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
if os.environ.get("EXEUNT_FAULT"):
    os.kill(os.getpid(), signal.SIGKILL)
server.serve_forever()
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    script = tmp_path / "toy"
    script.write_text(TOY.replace("{python}", sys.executable), encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("EXEUNT_BIN", str(script))
    made = []

    def make(**env):
        made.append(Server(tmp_path / f"toy{len(made)}", env=env))
        return made[-1]
    yield make
    for server in made:
        server.kill()


@pytest.mark.parametrize("line,is_error", [
    ("2026-01-01T00:00:00.000Z error store: disk full", True),
    ("2026-01-01T00:00:00.000Z warning store: an error came and went", False),
    ("2026-01-01T00:00:00.000Z info http: level=error", False),
    ('{"time":"x","level":"error","area":"store","message":"disk full"}', True),
    ('{"time":"x","level":"info","area":"store","message":"error"}', False),
    ("{not json", False),
])
def test_error_lines(line, is_error):
    assert is_error_line(line) == is_error


def test_clean_life(toy):
    server = toy().start()
    assert server.is_alive()
    server.stop()
    server.check_log()
    server.stop()


def test_death_while_starting_is_told_with_the_log(toy):
    with pytest.raises(ServerDied, match="ended with 3[^$]*toy: ready"):
        toy(TOY_DIE="1").start()


def test_death_while_running(toy):
    server = toy().start()
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert not server.is_alive()
    with pytest.raises(AssertionError, match="died by itself"):
        server.stop()


def test_unclean_exit(toy):
    with pytest.raises(AssertionError, match="exit status 7"):
        toy(TOY_EXIT="7").start().stop()


def test_exit_too_late(toy, monkeypatch):
    monkeypatch.setattr(module, "STOP_LIMIT_S", 0.3)
    with pytest.raises(AssertionError, match="no exit"):
        toy(TOY_DEAF="1").start().stop()


@pytest.mark.parametrize("line", [
    "2026-01-01T00:00:00.000Z error store: disk full",
    "==1==ERROR: AddressSanitizer: heap-use-after-free",
    "src/x.c:1:2: runtime error: signed integer overflow",
    "WARNING: ThreadSanitizer: data race",
])
def test_bad_lines_fail_once(toy, line):
    server = toy(TOY_LOG=line).start()
    with pytest.raises(AssertionError, match="disk full|Sanitizer|runtime error"):
        server.check_log()
    server.check_log()


def test_allowed_errors(toy):
    server = toy(TOY_LOG="2026-01-01T00:00:00.000Z error store: disk full").start()
    server.allow_log("disk full")
    server.check_log()


def test_death_at_a_fault_point(toy):
    server = toy()
    server.start(fault="*:1", wait=False)
    assert server.wait_killed()
    server.start()
    assert server.wait_killed(limit_s=0.2) is False


def test_fault_hits(toy):
    hits = "\n".join(f'2026-01-01T00:00:00.000Z debug fault: reached point="{name}"'
                     for name in ("deactivation.accepted.committed", "a.b"))
    assert toy(TOY_LOG=hits).start().fault_hits() == ["deactivation.accepted.committed", "a.b"]
