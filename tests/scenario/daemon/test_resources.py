"""What a server that has just started takes, and how fast it ends."""

import threading
import time

import pytest

from harness.client import Client, unique

PSS_MAX_BYTES = 20 * 1024 * 1024
STOP_MAX_S = 6


def has_sanitizer(server):
    """A build with a sanitizer takes many times the memory: the limit says nothing about it."""
    with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as maps:
        loaded = maps.read()
        if "libasan" in loaded or "libtsan" in loaded:
            return True
    with open(f"/proc/{server.process.pid}/exe", "rb") as binary:
        code = binary.read()
    return b"__asan_init" in code or b"__tsan_init" in code


def test_memory_right_after_the_start(make_server):
    server = make_server()
    if has_sanitizer(server):
        pytest.skip("a build with sanitizers takes more memory")
    assert server.memory_bytes() <= PSS_MAX_BYTES


def test_a_stop_with_parked_polls_is_quick(make_server):
    server = make_server()
    alice = Client(server).register(unique("parked"))
    since = alice.sync_call().ok()["next_batch"]
    answers = []
    poll = threading.Thread(target=lambda: answers.append(alice.sync_call(since, timeout_ms=30000)))
    poll.start()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not answers:
        if server.process and time.monotonic() > deadline - 4.5:
            break
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < STOP_MAX_S
    poll.join(10)
    assert not poll.is_alive()
    server.start()
