"""What a server that has just started takes, and how fast it ends."""

import os
import threading
import time

import pytest

from harness.client import Client, unique

PSS_MAX_BYTES = 20 * 1024 * 1024
STOP_MAX_S = 6


@pytest.mark.skipif("EXEUNT_BIN" in os.environ, reason="a build with sanitizers takes more")
def test_memory_right_after_the_start(make_server):
    assert make_server().memory_bytes() <= PSS_MAX_BYTES


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
