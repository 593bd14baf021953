"""exeunt backup: beside a server that is being written to, restored and compared; and what it refuses."""

import pathlib
import shutil
import sqlite3
import subprocess
import threading

import pytest

import with_postgres
from harness import database
from harness.client import Client, unique
from harness.database import on_sqlite_only
from harness.sync import Syncer

SENDERS = 4
on_postgres_only = pytest.mark.skipif(not database.is_on_postgres(), reason="about the tools of PostgreSQL")


def names(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


class Senders:
    """Each sends into a room of its own, one message after the other; `acknowledged` is filled in order."""

    def __init__(self, server):
        self.clients = [Client(server).register(unique("sender")) for _ in range(SENDERS)]
        self.rooms = [client.create_room() for client in self.clients]
        self.acknowledged = []
        self.moving = threading.Event()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=pair, daemon=True)
                         for pair in zip(self.clients, self.rooms)]

    def _send(self, client, room):
        count = 0
        while not self._over.is_set():
            self.acknowledged.append((room, client.send(room, f"message {count}")))
            count += 1
            if len(self.acknowledged) > 50:
                self.moving.set()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        assert self.moving.wait(30)
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


def events_of(client, room):
    found, start = [], None
    while True:
        more = {"from": start} if start else {}
        answer = client.messages(room, limit=500, **more).ok()
        found += [event["event_id"] for event in answer["chunk"]]
        start = answer.json.get("end")
        if not start or not answer["chunk"]:
            return found


def assert_goes_on(server, senders, syncer):
    """A client that saw more than the backup holds sees what comes after the restore."""
    client, room = senders.clients[0], senders.rooms[0]
    syncer.client = Client(server, client.user_id, client.token)
    syncer.step()
    for n in range(3):
        syncer.until_event(room, syncer.client.send(room, f"new {n}", txn=unique("new")))


def assert_restored(server, senders, acknowledged, key):
    """Every message acknowledged before the backup began; of each room the beginning, without a gap."""
    for client, room in zip(senders.clients, senders.rooms):
        there = events_of(Client(server, client.user_id, client.token), room)
        mine = [event for where, event in senders.acknowledged if where == room]
        needed = [event for where, event in acknowledged if where == room]
        kept = [event for event in reversed(there) if event in set(mine)]
        assert kept == mine[:len(kept)] and len(kept) >= len(needed), room
        fresh = Client(server, client.user_id, client.token)
        assert fresh.send(room, "after the restore", txn=unique("restored")) not in mine
    assert (server.data / "signing.key").read_bytes() == key


@on_sqlite_only
def test_under_write_load(exeunt, make_server, tmp_path):
    server = make_server()
    alice = Client(server).register(unique("alice"))
    room = alice.create_room()
    for _ in range(150):    # so that the copy takes many steps, with writes between them
        alice.send(room, "x" * 60000)
    with Senders(server) as senders:
        acknowledged = list(senders.acknowledged)
        result = exeunt("backup", "--to", str(tmp_path / "backup"), on=server)
        during = len(senders.acknowledged) - len(acknowledged)
    syncer = Syncer(senders.clients[0])
    syncer.step()
    result.ok("exeunt.db", "signing.key", "server_name", "Not in it: the configuration file")
    assert during > 0
    pos = int(result.out.split("as of stream position ")[1].split()[0])
    with sqlite3.connect(tmp_path / "backup" / "exeunt.db") as copy:
        assert copy.execute("SELECT max(pos) FROM events").fetchone()[0] <= pos    # one view: nothing later
    copy.close()
    assert names(tmp_path / "backup") == ["exeunt.db", "server_name", "signing.key"]
    for path in (tmp_path / "backup").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    key = (server.data / "signing.key").read_bytes()
    exeunt("check", "--rooms", on=tmp_path / "backup").ok("The data is in order.", "The rooms are in order.")

    restored = make_server(start=False)
    shutil.copytree(tmp_path / "backup", restored.data)
    restored.start()
    assert_goes_on(restored, senders, syncer)
    assert_restored(restored, senders, acknowledged, key)
    exeunt("check", on=restored).ok("The data is in order.")


@on_sqlite_only
def test_without_a_server_and_after_a_crash(exeunt, make_server, tmp_path):
    server = make_server()
    alice = Client(server).register(unique("alice"))
    room = alice.create_room()
    event = alice.send(room, "only in the WAL")
    server.kill()
    before = {name: (server.data / name).read_bytes() for name in ("exeunt.db", "exeunt.db-wal")}
    exeunt("backup", "--to", str(tmp_path / "backup"), on=server).ok()
    assert before == {name: (server.data / name).read_bytes() for name in before}
    restored = make_server(start=False)
    shutil.copytree(tmp_path / "backup", restored.data)
    restored.start()
    assert event in events_of(Client(restored, alice.user_id, alice.token), room)


@on_sqlite_only
def test_nothing_is_overwritten(exeunt, make_server, tmp_path):
    server = make_server()
    target = tmp_path / "backup"
    target.mkdir()
    exeunt("backup", "--to", str(target), on=server).ok()    # it was empty
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    exeunt("backup", "--to", str(target), on=server).expect(1, "is not empty")
    exeunt("backup", "--to", str(server.data), on=server).expect(1, "is not empty")
    assert before == {path.name: path.read_bytes() for path in target.iterdir()}
    (tmp_path / "file").write_text("mine")
    exeunt("backup", "--to", str(tmp_path / "file"), on=server).expect(1, "file")
    assert (tmp_path / "file").read_text() == "mine"
    exeunt("backup", "--to", str(tmp_path / "no" / "where"), on=server).expect(1, "cannot make")
    exeunt("backup", on=server).expect(2, "--to DIR")


@on_sqlite_only
def test_interrupted(exeunt, make_server, tmp_path):
    server = make_server()
    target = tmp_path / "backup"
    failed = exeunt("backup", "--to", str(target), on=server, env={"EXEUNT_FAULT": "backup.step:1:fail"})
    failed.expect(1, "interrupted")
    assert not target.exists()
    killed = exeunt("backup", "--to", str(target), on=server, env={"EXEUNT_FAULT": "backup.before_name:1"})
    assert killed.status == -9
    assert "exeunt.db" not in names(target)
    exeunt("check", on=target).ok("There is no data yet")
    exeunt("backup", "--to", str(target), on=server).expect(1, "is not empty")
    shutil.rmtree(target)
    exeunt("backup", "--to", str(target), on=server).ok()


@on_sqlite_only
def test_damage_is_not_backed_up(exeunt, make_server, tmp_path):
    server = make_server()
    alice = Client(server).register(unique("alice"))
    for _ in range(5):
        alice.create_room()
    server.stop()
    with sqlite3.connect(server.data / "exeunt.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()    # the WAL would hide the damage
        [root] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name='filters'").fetchone()
    connection.close()
    with open(server.data / "exeunt.db", "r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\x0d" + b"\xff" * 63)
    exeunt("backup", "--to", str(tmp_path / "backup"), on=server).expect(1, f"exeunt.db: Page {root}")
    assert not (tmp_path / "backup").exists()


@on_sqlite_only
def test_no_data(exeunt, tmp_path):
    exeunt("backup", "--to", str(tmp_path / "backup"), on=tmp_path / "none").expect(1, "there is no data")
    assert not (tmp_path / "backup").exists()


@on_postgres_only
def test_postgres_has_its_own_tools(exeunt, make_server, tmp_path):
    exeunt("backup", "--to", str(tmp_path / "backup"), on=make_server()).expect(2, "pg_dump", "docs/backup.md")


@on_postgres_only
def test_dump_and_restore_as_documented(exeunt, make_server, tmp_path):
    """The sequence of docs/backup.md, under write load."""
    server = make_server()
    dumped = tmp_path / "exeunt.dump"
    with Senders(server) as senders:
        acknowledged = list(senders.acknowledged)
        subprocess.run([with_postgres.program("pg_dump"), "--format=custom", "--no-owner", f"--file={dumped}",
                        f"--schema={server.database.schema}", f"--dbname={database.SERVER}"], check=True)
        key = (server.data / "signing.key").read_bytes()
    syncer = Syncer(senders.clients[0])
    syncer.step()
    server.stop()
    restored_name = unique("restored")
    with_postgres.sql(database.SERVER, f"CREATE DATABASE {restored_name}")
    try:
        conninfo = f"{database.SERVER} dbname={restored_name}"
        subprocess.run([with_postgres.program("pg_restore"), "--no-owner", "--exit-on-error", "--single-transaction",
                        f"--dbname={conninfo}", str(dumped)], check=True)
        restored = make_server(start=False)
        restored.data.mkdir()
        for name in ("signing.key", "server_name"):
            shutil.copy(server.data / name, restored.data / name)
        told = f"{conninfo} options='-csearch_path={server.database.schema}'"
        restored.settings["database.postgres"] = told
        restored.database.settings = lambda: {"database.postgres": told}
        with_postgres.sql(told, "UPDATE numbers SET pos=pos+1000000000")
        restored.start()
        assert_goes_on(restored, senders, syncer)
        assert_restored(restored, senders, acknowledged, key)
        exeunt("check", "--rooms", on=restored).ok("The data is in order.", "The rooms are in order.")
        restored.stop()
    finally:
        with_postgres.sql(database.SERVER, f"DROP DATABASE {restored_name} WITH (FORCE)")
