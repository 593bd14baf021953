"""exeunt migrate: a server's database copied to another engine and back, while its clients wait.

On SQLite the other one is a second SQLite database; tools/with_postgres.py makes it PostgreSQL."""

import secrets
import shutil
import sqlite3

import pytest

import with_postgres
from harness import database
from harness.client import Client, unique
from harness.sync import Syncer


class Place:
    """One of the two databases: how migrate calls it, and what the server has to be told."""

    def __init__(self, name, settings):
        self.name = name
        self.told = settings

    def settings(self):
        return self.told

    def drop(self):
        pass


class SqlitePlace(Place):
    def __init__(self, folder, settings=None):
        super().__init__(f"sqlite:{folder}", settings or {})
        self.folder = folder

    def sql(self, text):
        with sqlite3.connect(self.folder / "exeunt.db") as connection:
            connection.execute(text)
        connection.close()

    def empty(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresPlace(Place):
    def __init__(self):
        self.schema = "m" + secrets.token_hex(8)
        conninfo = f"{database.SERVER} options='-csearch_path={self.schema}'"
        super().__init__(conninfo, {"database.postgres": conninfo})
        with_postgres.sql(database.SERVER, f"CREATE SCHEMA {self.schema}")

    def sql(self, text):
        with_postgres.sql(self.name, text)

    def empty(self):
        with_postgres.sql(database.SERVER, f"DROP SCHEMA {self.schema} CASCADE; CREATE SCHEMA {self.schema}")

    def drop(self):
        with_postgres.sql(database.SERVER, f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")


@pytest.fixture
def server(other, make_server):    # the database goes when the server is gone
    """On SQLite in its data directory, not started."""
    assert other
    made = make_server(start=False)
    made.database = SqlitePlace(made.data)
    return made


@pytest.fixture
def other(tmp_path):
    folder = tmp_path / "other"
    place = PostgresPlace() if database.is_on_postgres() else \
        SqlitePlace(folder, {"database.sqlite": str(folder)})
    yield place
    place.drop()


@pytest.fixture
def migrate(exeunt, server):
    def run(source, target, **more):
        return exeunt("migrate", "--from", source.name, "--to", target.name, on=server, **more)
    return run


def served_on(server, place):
    server.database = place
    return server.start()


def fill(server):
    """(alice, her room, a reader of /sync who has seen some): then more came, and carol's account ended."""
    alice, bob, carol = (Client(server).register(unique(name)) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat", name="before")
    for guest in (bob, carol):
        guest.join(room).ok()
    syncer = Syncer(alice)
    alice.send(room, "seen")
    syncer.step()
    alice.set_account_data("m.direct", {carol.user_id: [room]}).ok()
    syncer.missed = [bob.send(room, f"missed {n}") for n in range(3)]
    carol.post("account/deactivate", {"auth": {
        "type": "m.login.password", "user": carol.user_id, "password": carol.password}}).ok()
    return alice, bob, room, syncer


def test_clients_go_on(exeunt, server, other, migrate, tmp_path):
    server.start()
    alice, bob, room, syncer = fill(server)
    server.stop()
    key = (server.data / "signing.key").read_bytes()
    result = migrate(SqlitePlace(server.data), other).ok("The copy is complete", "events", "same")
    assert "DIFFERS" not in result.out
    served_on(server, other)
    syncer.step()
    seen = [e["event_id"] for e in syncer.events(room, "m.room.message")]
    assert seen[-3:] == syncer.missed and len(set(seen)) == len(seen)
    assert "m.direct" in syncer.account_data
    later = bob.send(room, "after")
    syncer.until_event(room, later)
    again = alice.login()
    assert again.device_id != alice.device_id
    assert exeunt("check", "--rooms", on=server).ok("The data is in order.", "The rooms are in order.")
    server.stop()

    home = SqlitePlace(tmp_path / "home", {"database.sqlite": str(tmp_path / "home")})
    migrate(other, home).ok("The copy is complete")
    served_on(server, home)
    assert again.is_known() and bob.is_known()
    last = alice.send(room, "home again")
    syncer.until_event(room, last)
    assert [e["event_id"] for e in syncer.events(room, "m.room.message")][-2:] == [later, last]
    exeunt("check", "--rooms", on=server).ok("The data is in order.", "The rooms are in order.")
    assert (server.data / "signing.key").read_bytes() == key


def test_killed_and_run_again(exeunt, server, other, migrate):
    server.start()
    alice, _, room, syncer = fill(server)
    server.stop()
    source = SqlitePlace(server.data)
    kills = 0
    for at in (1, 2, 3, 17, 40, 60):
        result = migrate(source, other, env={"EXEUNT_FAULT": f"*:{at}"})
        if result.status != -9:
            break
        kills += 1
        if at > 1:
            server.database = other
            exeunt("serve", on=server).expect(1, "unfinished copy")
            server.database = source
    assert kills >= 4
    if result.status == -9:
        result = migrate(source, other).ok("of an interrupted run")
    assert result.status == 0 and "The copy is complete" in result.out, result
    migrate(source, other).expect(1, "is not empty")
    served_on(server, other)
    syncer.step()
    assert syncer.missed[-1] in [e["event_id"] for e in syncer.events(room)]
    alice.send(room, "goes on")
    exeunt("check", "--rooms", on=server).ok("The rooms are in order.")


def test_what_was_damaged_on_the_way_is_told(exeunt, server, other, migrate):
    server.start()
    fill(server)
    server.stop()
    source = SqlitePlace(server.data)
    assert migrate(source, other, env={"EXEUNT_FAULT": "copy.copied:1"}).status == -9
    other.sql("UPDATE events SET ts_ms=ts_ms+1 WHERE nid=3")
    result = migrate(source, other).expect(1, "differs from the source")
    lines = [line.split() for line in result.out.splitlines() if "DIFFERS" in line]
    assert [line[0] for line in lines] == ["events"] and lines[0][1] == lines[0][2], result
    server.database = other
    exeunt("serve", on=server).expect(1, "unfinished copy")
    other.empty()
    migrate(source, other).ok("The copy is complete")


def test_what_is_in_use_is_refused(server, other, migrate):
    source = SqlitePlace(server.data)
    server.start()
    Client(server).register(unique("somebody"))
    migrate(source, other).expect(1, "stop it first")
    server.stop()
    migrate(source, other).ok()
    served_on(server, other)
    target = SqlitePlace(server.directory / "third")
    migrate(other, target).expect(1, "stop")
    server.stop()
    migrate(other, target).ok()
    migrate(other, target).expect(1, "is not empty")


@pytest.mark.parametrize("words, part", [
    ((), "--from DATABASE and --to DATABASE"),
    (("--from", "sqlite:"), "--from DATABASE and --to DATABASE"),
    (("--from", "sqlite:", "--to", "mysql"), "--to names no database"),
    (("--from", "sqlite:", "--to", "postgres"), "database.postgres is not set"),
])
def test_a_wrong_command_line(exeunt, tmp_path, words, part):
    exeunt("migrate", *words, on=tmp_path / "none").expect(2, part)


def test_no_source(exeunt, tmp_path, other):
    exeunt("migrate", "--from", f"sqlite:{tmp_path}/none", "--to", other.name).expect(1, "There is no database")
    exeunt("migrate", "--from", "host=/nowhere dbname=x", "--to", f"sqlite:{tmp_path}/new").expect(1, "Cannot connect")
