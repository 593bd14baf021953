"""Databases as they come: of any encoding, locale and defaults all goes well; what cannot be used is refused with a reason."""

import socket
import struct
import subprocess
import threading

import pytest

from harness.client import Client, unique
from harness.rooms import history
from harness.server import Server, binary

from conftest import SETTINGS, Processes
from crowd import Crowd
from test_processes import wait_shared

ODD = "\u0130\u0131 \u00df \u1e9e \U0001f469\u200d\U0001f680 \ufffd \x00 \\ ' \" %"
KEY = ODD.replace("\x00", "")      # a path holds no U+0000
NAMES = ["a-b", "a.c", "a/d", "a", "a=e", "a_b", "aa", "ab", "i", "z"]     # as the bytes of their ids, with a colon
LIMIT_S = 20

KINDS = {
    "sql_ascii": ("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", []),
    "latin1": ("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", []),
    "turkish": ("ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' TEMPLATE template0", []),
    "defaults": ("", ["default_transaction_isolation='serializable'", "default_transaction_deferrable=on",
                      "standard_conforming_strings=off", "bytea_output='hex'", "extra_float_digits=-15",
                      "cursor_tuple_fraction=0.01", "plan_cache_mode='force_generic_plan'"]),
}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path, postgres):
    options, defaults = KINDS[request.param]
    if request.param == "turkish" and int(postgres.sql("SHOW server_version_num")[0][0]) < 150000:
        pytest.skip("databases have no locale of ICU before PostgreSQL 15")
    name = f"kind_{request.param}"
    made = Processes(tmp_path, postgres, name, options, defaults)
    yield made
    made.end()


def test_any_encoding_locale_and_defaults_will_do(kind):
    wait_shared(kind, 3)
    people = [Client(kind[0]).register(name) for name in reversed(NAMES)]
    alice = people[-1]
    room = alice.create_room(name=ODD, preset="public_chat")
    for process in kind:
        reader = Client(process, alice.user_id, alice.token)
        reader.set_state(room, "org.example.\u0131", {"body": ODD}, KEY).ok()
        reader.send(room, ODD, txn=unique("t"))
        assert reader.state(room, "m.room.name").ok()["name"] == ODD
        assert reader.state(room, "org.example.\u0131", KEY).ok()["body"] == ODD
    assert [e["content"]["body"] for e in history(alice, room) if e["type"] == "m.room.message"] == [ODD] * len(kind)
    listed = exeunt("user", "list", on=kind[0])
    order = [line.split(":")[0].lstrip("@") for line in listed.stdout.splitlines() if line.startswith("@")]
    assert order == NAMES, listed.stdout
    crowd = Crowd(kind, people=4, senders=3, rooms=3)
    crowd.wait_sent(60)
    crowd.finish()
    assert "in order" in exeunt("check", on=kind[0]).stdout


def exeunt(*words, on):
    done = subprocess.run([binary(), *words, "--data", on.data, "--set",
                           f"database.postgres={on.settings['database.postgres']}"],
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


class OldServer:
    """Speaks as much of the protocol as it takes to say which version it is."""

    def __init__(self, version):
        self.version = version
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._greet(connection)

    def _greet(self, connection):
        while True:
            size, code = struct.unpack("!II", connection.recv(8, socket.MSG_WAITALL))
            connection.recv(size - 8, socket.MSG_WAITALL)
            if code >> 16 == 3:
                break
            connection.sendall(b"N")        # encryption
        connection.sendall(b"R" + struct.pack("!II", 8, 0))
        for name, value in {"server_version": self.version, "client_encoding": "UTF8"}.items():
            body = f"{name}\0{value}\0".encode()
            connection.sendall(b"S" + struct.pack("!I", 4 + len(body)) + body)
        connection.sendall(b"Z" + struct.pack("!I", 5) + b"I")
        connection.recv(1)                  # until the other side has read it

    def end(self):
        self._listener.close()


@pytest.fixture
def old_server():
    server = OldServer("12.22")
    yield server
    server.end()


def assert_refused(tmp_path, conninfo, *words):
    """The process says why and ends with status 1."""
    process = Server(tmp_path / unique("process"), {**SETTINGS, "database.postgres": conninfo})
    process.database.settings = dict
    process.start(wait=False)
    try:
        assert process.process.wait(LIMIT_S) == 1
    finally:
        process.kill()
    for word in words:
        assert word in process.log(), process.log()


def test_an_old_server_is_refused(tmp_path, old_server):
    assert_refused(tmp_path, f"host=127.0.0.1 port={old_server.port} user=exeunt dbname=exeunt",
                   "The database is PostgreSQL 12.22; 13 or later is needed")


def test_a_server_that_is_not_there_is_named(tmp_path, postgres):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert_refused(tmp_path, f"host=127.0.0.1 port={port} user=exeunt", "Cannot connect to the database", str(port),
                   "Connection refused")
    assert_refused(tmp_path, postgres.conninfo("nowhere"), "Cannot connect to the database",
                   'database "nowhere" does not exist')
    assert_refused(tmp_path, postgres.conninfo("postgres") + " user=nobody", "Cannot connect to the database",
                   'role "nobody" does not exist')
    assert_refused(tmp_path, "host=127.0.0.1 nonsense", "Cannot connect to the database", "nonsense")


def test_a_database_that_cannot_be_written_to_is_refused(tmp_path, postgres):
    for name in ("locked", "read_only"):
        postgres.sql(f"CREATE DATABASE {name}")
    postgres.sql("CREATE ROLE guest LOGIN")
    postgres.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "locked")
    postgres.sql("ALTER DATABASE read_only SET default_transaction_read_only=on")
    assert_refused(tmp_path, postgres.conninfo("locked") + " user=guest",
                   "cannot be read or brought up to date", "permission denied for schema public")
    assert_refused(tmp_path, postgres.conninfo("read_only"),
                   "cannot be read or brought up to date", "read-only transaction")


def test_processes_that_start_together_make_one_schema(processes):
    """On an empty database, at once."""
    for process in processes:
        process.stop()
    processes.postgres.sql(f"DROP DATABASE {processes.database}")
    processes.postgres.sql(f"CREATE DATABASE {processes.database}")
    for process in processes:
        process.start(wait=False)
    for process in processes:
        process.wait_ready()
    wait_shared(processes, len(processes))
    versions = processes.sql("SELECT version FROM schema_version ORDER BY version")
    assert versions == [[str(number + 1)] for number in range(len(versions))] and versions
    assert processes.sql("SELECT count(*) FROM numbers") == [["1"]]
