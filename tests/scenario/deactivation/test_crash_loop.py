"""SIGKILL at every fault point of a deactivation, and restart (BEYOND 21 to 24, A9).

One data directory is prepared and copied for each run. Run K arms "*:K": the server kills itself
at the K-th fault point it reaches, wherever that is, until a run ends without a kill. A bystander
sends meanwhile and counts what was acknowledged.
"""

import collections
import concurrent.futures
import re
import shutil
import signal
import sqlite3
import threading

import pytest
import requests

from harness import uia
from harness.database import is_on_postgres
from harness.client import Client, unique
from harness.rooms import ALL, MARKED, clone, wait_left
from harness.sync import Syncer

ROOMS = 20
INVITED = 4
BATCH_ROOMS = 5
BYSTANDER_SENDS = 10
RUNS_MAX = 400
SETTINGS = {"deactivation.batch_rooms": BATCH_ROOMS, "log.level": "debug",
            "deactivation.retry_first_ms": 10,
            "password.argon2_memory_kib": 64, "password.argon2_passes": 1}


class Prepared:
    """A stopped server in which Alice is in 16 rooms of Bob's and invited to 4."""

    def __init__(self, make_server, rooms=ROOMS):
        self.make_server = make_server
        self.origin = make_server(SETTINGS)
        self.alice, self.bob = (Client(self.origin).register(unique(n)) for n in ("alice", "bob"))
        self.rooms = [self.bob.create_room(preset="public_chat", invite=[self.alice.user_id])
                      for _ in range(rooms)]
        for room in self.rooms[INVITED:]:
            self.alice.join(room).ok()
        self.hall = self.bob.create_room(preset="public_chat")  # Alice never was here
        self.origin.stop()

    def server(self):
        server = self.make_server(SETTINGS, start=False)
        shutil.copytree(self.origin.data, server.data,
                        ignore=shutil.ignore_patterns("*.sock", "*socket*", "*.lock"))
        server.database.copy_from(self.origin.database)
        return server

    def on(self, server):
        """Alice and Bob as clients of the copy."""
        pair = []
        for client in (self.alice, self.bob):
            client = clone(client)
            client.server = server
            pair.append(client)
        return pair


def call_deactivate(client):
    """The status, or None where no answer came."""
    try:
        return client.raw("POST", "/_matrix/client/v3/account/deactivate",
                          json={"auth": uia.password_auth(client)},
                          headers={"Authorization": f"Bearer {client.token}"}).status_code
    except requests.RequestException:
        return None


def send_some(client, rooms, count, stop):
    """{room: ids of the messages that were acknowledged}, in order."""
    acknowledged = collections.defaultdict(list)
    for turn in range(count):
        if stop.is_set():
            break
        room = rooms[turn % len(rooms)]
        try:
            answer = client.raw(
                "PUT", f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{turn}",
                json={"msgtype": "m.text", "body": str(turn)},
                headers={"Authorization": f"Bearer {client.token}"})
        except requests.RequestException:
            break
        if answer.status_code == 200:
            acknowledged[room].append(answer.json()["event_id"])
    return acknowledged


def wait_ready_or_killed(server):
    """Whether it came up; a kill while it started is as good as any other."""
    while True:
        if server.process.poll() is not None:
            return False
        try:
            if requests.get(server.url + "/health", timeout=2).status_code == 200:
                return True
        except requests.RequestException:
            threading.Event().wait(0.005)


def has_left(client, user_id, rooms):
    try:
        wait_left(client, user_id, rooms)
        return True
    except (requests.RequestException, ValueError):
        return False


def live(server, prepared):
    """One life under the armed fault: (status of the deactivation, acknowledged messages)."""
    if not wait_ready_or_killed(server):
        return None, {}
    alice, bob = prepared.on(server)
    sender, stop = clone(bob), threading.Event()
    sender.server = server
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        sending = pool.submit(send_some, sender, [prepared.hall, prepared.rooms[-1]],
                              BYSTANDER_SENDS, stop)
        status = call_deactivate(alice)
        if status == 200:
            has_left(bob, alice.user_id, prepared.rooms)
        acknowledged = sending.result(60)
    return status, acknowledged


def timelines(client):
    reader = Syncer(client, ALL)
    reader.step()
    return reader.timeline


def verify(server, prepared, status, acknowledged):
    """After the restart: wholly accepted, or not at all."""
    alice, bob = prepared.on(server)
    accepted = not alice.is_known()
    assert accepted or status is None, "answered 200, and forgotten"
    if accepted:
        wait_left(bob, alice.user_id, prepared.rooms)
        alice.login_call().expect(403)
    else:
        assert alice.login().is_known()
    seen = timelines(bob)
    for room in prepared.rooms:
        leaves = [e for e in seen[room] if e["type"] == "m.room.member"
                  and e["state_key"] == alice.user_id and e["content"]["membership"] == "leave"]
        assert [e["content"] for e in leaves] == ([MARKED] if accepted else []), (room, leaves)
        assert all(e["sender"] == alice.user_id for e in leaves), leaves
    for room, ids in acknowledged.items():
        stored = [e["event_id"] for e in seen[room]]
        assert [i for i in stored if i in ids] == ids, f"lost in {room}"
        assert len(stored) == len(set(stored))
    return accepted


def check_database(server):
    """On the stopped server's files."""
    if is_on_postgres():
        return
    databases = [path for path in server.data.rglob("*")
                 if path.is_file() and path.open("rb").read(16) == b"SQLite format 3\0"]
    assert databases, list(server.data.rglob("*"))
    for path in databases:
        connection = sqlite3.connect(path)
        try:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        finally:
            connection.close()


def run(prepared, fault):
    """(whether it was killed, whether the deactivation stood, fault points reached)."""
    server = prepared.server()
    server.start(fault=fault, wait=False)
    status, acknowledged = live(server, prepared)
    killed = server.end()
    reached = server.fault_hits()
    assert killed or status == 200
    server.start()
    accepted = verify(server, prepared, status, acknowledged)
    server.stop()
    check_database(server)
    shutil.rmtree(server.data)
    return killed, accepted, reached


class Loop:
    """Runs with K = 1, 2, ... until one without a kill."""

    def __init__(self, prepared):
        self.prepared = prepared
        self.deaths, self.accepted, self.reached = collections.Counter(), collections.Counter(), set()

    def until_clean(self, name):
        """The number of kills at this point."""
        for k in range(1, RUNS_MAX):
            killed, accepted, hits = run(self.prepared, f"{name}:{k}")
            self.reached |= set(hits)
            if not killed:
                assert accepted
                return k - 1
            # Another thread may reach a point of its own while this one dies: the last line is not proof.
            assert name == "*" or hits.count(name) == k
            self.deaths[hits[-1] if name == "*" else name] += 1
            self.accepted[accepted] += 1
        pytest.fail(f"still killed in run {RUNS_MAX} of {name}")

    def tell(self):
        print(f"{sum(self.deaths.values())} kills: {dict(sorted(self.deaths.items()))}; "
              f"{self.accepted[True]} accepted, {self.accepted[False]} not")


def test_every_fault_point(make_server):
    """All points in the order of their coming, of the store and of the deactivation."""
    loop = Loop(Prepared(make_server))
    loop.until_clean("*")
    loop.tell()
    assert loop.accepted[True] and loop.accepted[False]
    assert any(name.startswith("store.") for name in loop.deaths)


def test_every_point_of_the_deactivation(make_server):
    """Each by its name and number, so that the bystander's own commits displace none."""
    loop = Loop(Prepared(make_server))
    loop.until_clean("deactivation.accept.begin")
    ours = sorted(name for name in loop.reached if name.startswith("deactivation."))
    assert len(ours) >= 3, loop.reached
    for name in ours:
        kills = loop.until_clean(name)
        assert kills >= 1, f"no kill at {name}"
    loop.tell()
    assert loop.deaths["deactivation.batch.committed"] >= ROOMS // BATCH_ROOMS


def test_killed_in_every_batch(make_server):
    """Killed again and again, each life gets further; what is left is done once."""
    prepared = Prepared(make_server)
    server = prepared.server()
    server.start(fault="deactivation.batch.committed:1")
    alice, bob = prepared.on(server)
    status = call_deactivate(alice)
    lives = 0
    assert server.wait_killed()
    while True:
        lives += 1
        assert lives <= ROOMS
        server.start(fault="deactivation.batch.committed:1", wait=False)
        if wait_ready_or_killed(server):
            has_left(bob, alice.user_id, prepared.rooms)
        if not server.end():
            break
    server.start()
    assert verify(server, prepared, status, {})
    assert lives >= ROOMS // BATCH_ROOMS - 1


def test_failing_commits(make_server):
    """A commit that fails: an error and nothing changed, or all of it after a while."""
    prepared = Prepared(make_server)
    for k in range(1, 12):
        server = prepared.server()
        server.allow_log(".")
        server.start(fault=f"store.commit:{k}:fail")
        alice, bob = prepared.on(server)
        status = call_deactivate(alice)
        assert status in (200, 500, 503), status
        accepted = not alice.is_known()
        assert accepted == (status == 200)
        if not accepted:
            uia.deactivate(alice).ok()
        assert verify(server, prepared, 200, {})
        server.stop()
        check_database(server)


def test_the_directory_is_copied_whole(make_server):
    """The loop is worth nothing if a copy is not the prepared server."""
    prepared = Prepared(make_server, rooms=INVITED + 1)
    server = prepared.server().start()
    alice, bob = prepared.on(server)
    assert alice.is_known() and bob.is_known()
    assert set(bob.get("joined_rooms").ok()["joined_rooms"]) == {*prepared.rooms, prepared.hall}
    assert not re.search("deactivation", "".join(server.fault_hits()))
