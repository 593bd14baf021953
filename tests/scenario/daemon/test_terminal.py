"""What a person at a terminal sees: passwords without echo, a terminal that is put right again."""

import os
import pty
import select
import signal
import termios
import time

import pytest

from harness.client import Client, unique
from harness.server import binary

LIMIT_S = 20


class Terminal:
    def __init__(self, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(binary(), [binary(), *words])
        self.seen = ""

    def expect(self, part):
        deadline = time.monotonic() + LIMIT_S
        while part not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += self.read()
        return self

    def read(self):
        try:
            return os.read(self.fd, 4096).decode()
        except OSError:     # the other end is closed
            return ""

    def type(self, keys):
        """After the question, so that nothing is echoed by the terminal itself."""
        os.write(self.fd, keys.encode())
        return self

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def end(self):
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while select.select([self.fd], [], [], 0)[0] and (more := self.read()):
                    self.seen += more
                self.was_echoing = self.echoes()
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError(f"no end: {self.seen}")


def add(server, name):
    return Terminal("user", "add", name, "--data", str(server.data)).expect(f"Password for {name}: ")


def test_a_password_is_typed_twice_and_never_shown(server):
    name = unique("typed")
    terminal = add(server, name)
    assert not terminal.echoes()
    terminal.type("wrong\x15secrex\x7ft wörd\r").expect("The same again: ").type("secret wörd\r")
    assert terminal.end() == 0
    assert f"@{name}:localhost" in terminal.seen
    assert "secret" not in terminal.seen and "wrong" not in terminal.seen
    assert terminal.was_echoing
    Client(server).login(name, "secret wörd")


@pytest.mark.parametrize("first, second, words", [
    ("one\r", "two\r", "the two passwords differ"),
    ("\r", "\r", "is empty"),
    ("x" * 2000 + "\r", "x" * 2000 + "\r", "at most 512 bytes"),
])
def test_what_is_not_taken(server, first, second, words):
    terminal = add(server, unique("refused")).type(first).expect("The same again: ").type(second)
    assert terminal.end() == 1
    assert words in terminal.seen and terminal.was_echoing


@pytest.mark.parametrize("keys", ["\x03", "half\x03", "\x04"])
def test_ctrl_c_puts_the_terminal_right_again(server, keys):
    terminal = add(server, unique("cancelled")).type(keys)
    assert terminal.end() == 1
    assert "cancelled" in terminal.seen and terminal.was_echoing


def test_progress_of_a_deactivation_without_a_server(make_server):
    server = make_server()
    alice = Client(server).register(unique("progress"))
    for _ in range(3):
        alice.create_room()
    server.stop()
    terminal = Terminal("user", "deactivate", alice.localpart, *server.at())
    assert terminal.end() == 0
    assert "leaving rooms: 3 of 3" in terminal.seen
    server.start()
