"""Connections that are slow, idle, cut short, reused or oddly fed."""

import json
import resource
import socket
import threading
import time

import pytest

from harness.client import V3, Client, unique
from harness.server import SETTING_BODY_TIMEOUT
from harness.wire import Wire

BODY_TIMEOUT_MS = 1500
IDLE_CONNECTIONS = 1000


@pytest.fixture(scope="module")
def impatient(module_servers):
    """A server that gives a body only a little time."""
    return module_servers({SETTING_BODY_TIMEOUT: BODY_TIMEOUT_MS})


def whoami_ms(client):
    start = time.monotonic()
    client.whoami().ok()
    return (time.monotonic() - start) * 1000


def test_slow_body_ends_in_a_timeout(impatient):
    """One byte a second holds up nobody, and is cut off though bytes keep coming."""
    client = Client(impatient).register(unique())
    drip_ms = 100
    wires = [Wire(impatient) for _ in range(8)]
    start = time.monotonic()
    for wire in wires:
        wire.request("POST", f"{V3}/login", headers=["Content-Length: 10000"])
    over = threading.Event()

    def drip():
        while not over.wait(drip_ms / 1000):
            for wire in wires:
                try:
                    wire.send(b"x")
                except OSError:
                    pass
    feeder = threading.Thread(target=drip)
    feeder.start()
    try:
        slowest = max(whoami_ms(client) for _ in range(20))
        assert slowest < BODY_TIMEOUT_MS, "the slow ones held up the others"
        for wire in wires:
            try:
                status, _, body = wire.answer()
                assert status == 408, body
                assert json.loads(body)["errcode"] == "M_UNKNOWN"
            except ConnectionError:
                pass    # closing without an answer is right as well: the request never arrived
            assert wire.is_closed(), "left open after the time-out"
    finally:
        over.set()
        feeder.join()
        for wire in wires:
            wire.close()
    elapsed_ms = (time.monotonic() - start) * 1000
    assert elapsed_ms >= BODY_TIMEOUT_MS * 0.9, "cut off too early"
    assert elapsed_ms < BODY_TIMEOUT_MS * 6, "cut off too late"


def test_slow_body_in_time_is_served(impatient):
    with Wire(impatient) as wire:
        body = b'{"type":"m.login.dummy"}'
        wire.request("POST", f"{V3}/login", headers=[f"Content-Length: {len(body)}"])
        for i in range(len(body)):
            wire.send(body[i:i + 1])
        assert wire.answer()[0] == 400


@pytest.mark.parametrize("sent", [
    b"", b"G", b"GET /_matrix/client/versions HT", b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"type\"",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"t",
])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_close_in_the_middle(server, anonymous, sent, how):
    wire = Wire(server)
    wire.send(sent)
    if how == "reset":
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.close()
    anonymous.get("/_matrix/client/versions").ok()


def test_close_while_the_answer_is_made(server, alice):
    """The client is gone when a long-poll or a password check ends."""
    token = f"Authorization: Bearer {alice.token}"
    login = json.dumps({"type": "m.login.password", "password": alice.password,
                        "identifier": {"type": "m.id.user", "user": alice.user_id}}).encode()
    since = alice.sync_call().ok()["next_batch"]
    for _ in range(10):
        with Wire(server) as wire:
            wire.request("GET", f"{V3}/sync?timeout=30000&since={since}", headers=[token])
        with Wire(server) as wire:
            wire.request("POST", f"{V3}/login", login)
    assert alice.is_known()


def test_idle_connections(server, alice):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = IDLE_CONNECTIONS + 200
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    wires = []
    try:
        for _ in range(IDLE_CONNECTIONS):
            wires.append(Wire(server))
        assert max(whoami_ms(alice) for _ in range(20)) < 1000
        fresh = alice.login()       # on a new connection, and through the slow lane
        assert fresh.is_known()
        for wire in wires[::100]:   # the idle ones are still served
            wire.request("GET", "/_matrix/client/versions")
            assert wire.answer()[0] == 200
    finally:
        for wire in wires:
            wire.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert alice.is_known()


def test_keep_alive(server):
    with Wire(server) as wire:
        for _ in range(20):
            wire.request("GET", "/_matrix/client/versions")
            assert wire.answer()[0] == 200
        # An error does not end the connection either, when the body was read.
        wire.request("POST", f"{V3}/login", b"{}")
        assert wire.answer()[0] == 400
        wire.request("GET", "/nothing")
        assert wire.answer()[0] == 404
        wire.request("GET", "/_matrix/client/versions")
        assert wire.answer()[0] == 200


def test_connection_close_is_obeyed(server):
    with Wire(server) as wire:
        wire.request("GET", "/_matrix/client/versions", headers=["Connection: close"])
        assert wire.answer()[0] == 200
        assert wire.is_closed(5)


def test_pipelining(server):
    """Answers come in the order of the requests, slow ones among them."""
    with Wire(server) as wire:
        body = b'{"type":"m.login.password","password":"x",' \
            b'"identifier":{"type":"m.id.user","user":"nobody"}}'
        wire.send(
            b"GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n\r\n"
            b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: "
            + str(len(body)).encode() + b"\r\n\r\n" + body
            + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
            b"OPTIONS /_matrix/client/v3/sync HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [wire.answer()[0] for _ in range(3)] == [200, 403, 404]
        assert wire.answer()[0] in (200, 204)
        assert wire.answer()[0] == 200


def test_expect_continue(server):
    with Wire(server) as wire:
        body = b'{"type":"x"}'
        wire.request("POST", f"{V3}/login",
                     headers=["Expect: 100-continue", f"Content-Length: {len(body)}"])
        assert wire.answer(head_only=True)[0] == 100
        wire.send(body)
        assert wire.answer()[0] == 400


def test_http_1_0(server):
    with Wire(server) as wire:
        wire.send(b"GET /_matrix/client/versions HTTP/1.0\r\n\r\n")
        assert wire.answer()[0] == 200
        assert wire.is_closed(5)


@pytest.mark.parametrize("sent", [
    b"\r\n\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"HELLO\r\n\r\n",
    b"GET  HTTP/1.1\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"y" * 300_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
], ids=range(12))
def test_garbage(server, anonymous, sent):
    """No success for what is no request; and the server lives on."""
    with Wire(server, timeout_s=5) as wire:
        try:
            wire.send(sent)
            wire.socket.shutdown(socket.SHUT_WR)
            status = wire.answer()[0]
            assert 400 <= status < 600, status
        except (OSError, socket.timeout):
            pass
    anonymous.get("/_matrix/client/versions").ok()


def test_contradicting_lengths(server, anonymous):
    """Content-Length beside chunks smuggles no second request."""
    with Wire(server, timeout_s=3) as wire:
        wire.send(b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                  b"GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.answer()[0] == 400
    anonymous.get("/_matrix/client/versions").ok()
