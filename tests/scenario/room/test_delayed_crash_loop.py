"""SIGKILL at every fault point on the way of delayed events, and restart: each is sent once, none is lost.

One data directory is prepared and copied for each run. Run K arms "*:K": the server kills itself at the K-th fault
point that it reaches, until a run ends without a kill.
"""

import shutil

import pytest
import requests

from harness.client import Client, quote, unique
from harness.rooms import clone, history

UNSTABLE = "/_matrix/client/unstable/org.matrix.msc4140"
EVENTS = 5
LONG = 3600000
RUNS_MAX = 200
SETTINGS = {"log.level": "debug", "password.argon2_memory_kib": 64, "password.argon2_passes": 1}


class Prepared:
    """A stopped server with events that are due: texts in two rooms, and one that will be refused."""

    def __init__(self, make_server):
        self.make_server = make_server
        self.origin = make_server(SETTINGS)
        self.alice = Client(self.origin).register(unique("alice"))
        other = Client(self.origin).register(unique("bob"))
        self.rooms = [self.alice.create_room() for _ in range(2)]
        closed = other.create_room()
        self.ids = [self.schedule(self.rooms[n % 2], n) for n in range(EVENTS)]
        self.refused = self.schedule(closed, EVENTS)
        self.origin.stop()
        self.origin.database.sql(f"UPDATE delayed_events SET due_ms=due_ms-{2 * LONG}")

    def schedule(self, room, n):
        where = f"{UNSTABLE}/rooms/{quote(room)}/delayed_event/m.room.message/{n}"
        return self.alice.put(where, {"delay_ms": LONG + 1000 * n, "content": {"body": str(n)}}).ok()["delay_id"]

    def server(self):
        server = self.make_server(SETTINGS, start=False)
        shutil.copytree(self.origin.data, server.data,
                        ignore=shutil.ignore_patterns("*.sock", "*socket*", "*.lock"))
        server.database.copy_from(self.origin.database)
        return server

    def on(self, server):
        alice = clone(self.alice)
        alice.server = server
        return alice


def has_ended(alice, ids):
    return all("finalised_ts" in alice.get(f"{UNSTABLE}/delayed_events/{delay_id}").ok().json for delay_id in ids)


def live(alice, ids):
    """Until all have ended, or the server has."""
    try:
        while not has_ended(alice, ids):
            pass
    except (requests.RequestException, ValueError):
        pass


def verify(server, prepared):
    alice = prepared.on(server)
    ids = [*prepared.ids, prepared.refused]
    while not has_ended(alice, ids):
        pass
    for number, room in enumerate(prepared.rooms):
        sent = [e for e in history(alice, room) if e["type"] == "m.room.message"]
        assert [e["content"]["body"] for e in sent] == [str(n) for n in range(EVENTS) if n % 2 == number]
        for event in sent:
            delay_id = prepared.ids[int(event["content"]["body"])]
            assert event["unsigned"]["org.matrix.msc4140.delay_id"] == delay_id
            ended = alice.get(f"{UNSTABLE}/delayed_events/{delay_id}").ok().json
            assert ended["event_id"] == event["event_id"]
    refused = alice.get(f"{UNSTABLE}/delayed_events/{prepared.refused}").ok().json
    assert refused["error"]["errcode"] == "M_FORBIDDEN" and "event_id" not in refused


def run(prepared, fault):
    """Whether it was killed, and the fault points that it reached."""
    server = prepared.server()
    server.start(fault=fault, wait=False)
    try:
        server.wait_ready()
        live(prepared.on(server), [*prepared.ids, prepared.refused])
    except AssertionError:
        pass    # it died while it started
    killed = server.end()
    hits = server.fault_hits()
    server.start()
    verify(server, prepared)
    server.stop()
    shutil.rmtree(server.data)
    return killed, hits


def test_every_fault_point(make_server):
    prepared, reached = Prepared(make_server), set()
    for k in range(1, RUNS_MAX):
        killed, hits = run(prepared, f"*:{k}")
        reached |= set(hits)
        if not killed:
            break
    else:
        pytest.fail(f"still killed in run {RUNS_MAX}")
    assert {"delayed.ending", "delayed.ended", "delayed.batch.sent"} <= reached
    assert k > EVENTS
