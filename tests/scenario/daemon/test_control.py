"""The control socket: whose it is, and what comes of those who misuse it."""

import json
import os
import signal
import socket
import stat
import threading
import time

import pytest

TIMEOUT_S = 20
NOBODY = 65534


def path_of(server):
    return server.data / "control.sock"


def connect(server):
    control = socket.socket(socket.AF_UNIX)
    control.settimeout(TIMEOUT_S)
    control.connect(str(path_of(server)))
    return control


def read_answer(control):
    data = b""
    while not data.endswith(b"\n"):
        piece = control.recv(65536)
        if not piece:
            break
        data += piece
    return json.loads(data) if data else None


def ask(server, request):
    with connect(server) as control:
        control.sendall(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")
        return read_answer(control)


def test_it_belongs_to_the_owner(server):
    mode = path_of(server).stat().st_mode
    assert stat.S_ISSOCK(mode) and mode & 0o777 == 0o600


def test_it_answers(server):
    answer = ask(server, {"verb": "server"})
    assert answer["ok"] and answer["result"]["server_name"] == "localhost"


@pytest.mark.parametrize("request_line, code", [
    (b"nonsense\n", "NOT_JSON"),
    (b"\n", "NOT_JSON"),
    (b"\xff\xfe\n", "NOT_JSON"),
    (b"[]\n", "BAD_JSON"),
    (b"{}\n", "MISSING_PARAM"),
    (b'{"verb":1}\n', "MISSING_PARAM"),
    (b'{"verb":"server","verb":"check"}\n', "BAD_JSON"),
    (b'{"verb":"bogus"}\n', "UNRECOGNIZED"),
    (b'{"verb":"user.add"}\n', "MISSING_PARAM"),
    (b'{"verb":"user.add","name":"a"}\n', "MISSING_PARAM"),
    (b'{"verb":"user.add","name":["a"],"password":"b"}\n', "MISSING_PARAM"),
    (b"[" * 5000 + b"\n", "NOT_JSON"),
    (b'"' + b"x" * 70000 + b'"\n', "TOO_LARGE"),
])
def test_what_is_no_request_is_told(server, request_line, code):
    answer = ask(server, request_line)
    assert answer["ok"] is False and answer["code"] == code and answer["error"], answer
    assert ask(server, {"verb": "server"})["ok"]


def test_callers_that_go_away_do_no_harm(server):
    for data in (b"", b'{"verb":', b'{"verb":"server"}\n'):
        with connect(server) as control:
            control.sendall(data)
    assert ask(server, {"verb": "server"})["ok"]


def test_a_silent_caller_holds_the_others_up_for_a_while_only(server):
    with connect(server) as silent:
        silent.sendall(b'{"verb"')
        began = time.monotonic()
        assert ask(server, {"verb": "server"})["ok"]
        assert time.monotonic() - began < 15
        assert read_answer(silent)["code"] == "TIMEOUT"


def test_many_callers_at_once(server):
    answers = []

    def run():
        answers.append(ask(server, {"verb": "user.list"}))
    threads = [threading.Thread(target=run) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12 and all(answer["ok"] for answer in answers)


def test_a_stop_does_not_wait_for_a_silent_caller(make_server):
    server = make_server()
    with connect(server):
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 4
    assert not path_of(server).exists()
    server.start()


def test_the_socket_of_a_dead_server_is_replaced(exeunt, make_server):
    server = make_server()
    server.kill()
    assert path_of(server).exists()
    exeunt("user", "list", on=server).ok("USER")     # nobody answers there: it opens the house itself
    server.start()
    assert ask(server, {"verb": "server"})["ok"]


def test_a_command_waits_for_a_server_that_is_about_to_stop(exeunt, make_server):
    """The directory is locked and nobody answers, until the lock is dropped."""
    server = make_server()
    path_of(server).unlink()
    timer = threading.Timer(0.5, lambda: server.process.send_signal(signal.SIGTERM))
    timer.start()
    exeunt("user", "list", on=server).ok("USER")
    timer.join()
    assert server.process.wait(10) == 0
    server.process = None
    server.start()


def ask_as_a_stranger(path):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(TIMEOUT_S)
        control.connect(str(path))
        try:
            control.sendall(b'{"verb":"server"}\n')
            return control.recv(90)
        except (BrokenPipeError, ConnectionResetError):
            return b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_gets_no_answer(make_server):
    """Even with the modes of directory and socket opened by mistake."""
    server = make_server()
    for directory in (server.data, *list(server.data.parents)[:-1]):
        os.chmod(directory, directory.stat().st_mode | 0o711)
    os.chmod(path_of(server), 0o666)
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            status = len(ask_as_a_stranger(path_of(server)))
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert "connection of another user refused" in server.log()


def test_a_directory_with_a_long_name(exeunt, make_server):
    server = make_server(start=False)
    server.data = server.directory / ("d" * 120)
    server.start()
    assert exeunt("user", "list", on=server).ok("USER")
    assert (server.data / "control.sock").exists()
