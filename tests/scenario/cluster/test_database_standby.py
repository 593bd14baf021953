"""A PostgreSQL that replicates synchronously, and whose standby is gone: what it has not confirmed is not acknowledged."""

import time

import pytest
import requests

from harness.client import Client, unique
from harness.rooms import history, path

from test_database_away import assert_refused
from test_processes import wait_shared

STATEMENT_TIMEOUT_S = 2
WRITE_LIMIT_S = STATEMENT_TIMEOUT_S + 2 + 2 * 10 + 6


@pytest.fixture
def standby(processes):
    """gone() and back(): whether commits wait for a standby that is not there."""
    def name(standby):
        processes.postgres.sql(f"ALTER SYSTEM SET synchronous_standby_names='{standby}'")
        processes.postgres.sql("SELECT pg_reload_conf()")

    for process in processes:
        process.stop()
        process.settings["database.statement_timeout_ms"] = STATEMENT_TIMEOUT_S * 1000
        process.start()
    wait_shared(processes, 3)
    yield name
    name("")


def send(client, room, process):
    return requests.put(f"{process.url}/_matrix/client/v3/{path(room, 'send', 'm.room.message', 'once')}",
                        json={"body": "x"}, headers={"Authorization": f"Bearer {client.token}"}, timeout=WRITE_LIMIT_S)


def test_a_commit_that_no_standby_confirms_is_not_acknowledged(processes, standby):
    """The server's time-out for statements would call such a commit done."""
    alice = Client(processes[0]).register(unique("alice"))
    room = alice.create_room()
    standby("gone")
    begun = time.monotonic()
    assert_refused_or_busy(send(alice, room, processes[0]))
    assert time.monotonic() - begun < WRITE_LIMIT_S
    assert [e for e in history(alice, room) if e["type"] == "m.room.message"] == []
    standby("")
    deadline = time.monotonic() + WRITE_LIMIT_S
    while (answer := send(alice, room, processes[1])).status_code != 200:
        assert_refused_or_busy(answer)
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    stored = [e["event_id"] for e in history(alice, room) if e["type"] == "m.room.message"]
    assert stored == [answer.json()["event_id"]]


def assert_refused_or_busy(answer):
    if "busy" in answer.text:
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1, answer.text
    else:
        assert_refused(answer)
