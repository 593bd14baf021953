"""A database that gives no connection, or has no room: refusals that say when to come again, and back by itself."""

import concurrent.futures
import os
import secrets
import shutil
import subprocess
import time

import pytest
import requests

from harness.client import Client, quote, unique
from harness.rooms import ALL, history

from test_processes import wait_shared
import with_postgres

READERS = 2
CONNECTIONS = 24        # what three processes need at most: each has six readers, a writer and a listener
ANSWER_LIMIT_S = 25     # READER_WAIT_MS is 10 s, and several may have to wait one after the other
AT_ONCE = 6
BACK_LIMIT_S = 5
DISK_BYTES = 2 << 20
BODY_BYTES = 40000

# What PostgreSQL itself says when a file cannot grow; here it is said of each message, at the end of its statement
# or, deferred, at the commit.
DISK_FULL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE='disk_full'; END$$;
CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON events DEFERRABLE INITIALLY {when}
FOR EACH ROW EXECUTE FUNCTION refuse()"""
ROOM_AGAIN = "DROP TRIGGER full_disk ON events; DROP FUNCTION refuse()"


def put(client, room, txn, text="x", process=None):
    path = f"/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/{txn}"
    return requests.put((process or client.server).url + path, json={"msgtype": "m.text", "body": text},
                        timeout=ANSWER_LIMIT_S, headers={"Authorization": f"Bearer {client.token}"})


def at(process, client):
    return Client(process, client.user_id, client.token, client.device_id, client.password)


def get_history(client, room):
    begun = time.monotonic()
    answer = requests.get(f"{client.server.url}/_matrix/client/v3/rooms/{quote(room)}/messages?dir=b",
                          headers={"Authorization": f"Bearer {client.token}"}, timeout=ANSWER_LIMIT_S)
    return answer, time.monotonic() - begun


def message_ids(client, room):
    return [e["event_id"] for e in history(client, room) if e["type"] == "m.room.message"]


def assert_refused(answer, words):
    assert answer.status_code == 503, answer.text
    assert answer.json()["errcode"] == "M_UNKNOWN" and words in answer.json()["error"], answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def wait_ok(call):
    deadline = time.monotonic() + BACK_LIMIT_S
    while (answer := call()).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    return answer


class Session:
    """A session of psql that holds what it was told to, until it is ended."""

    def __init__(self, conninfo, text):
        self.process = subprocess.Popen(
            [with_postgres.program("psql"), "-X", "-q", "-A", "-t", "-d", conninfo],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.process.stdin.write(text + ";\n\\echo held\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        assert said == "held\n", said

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


def test_no_reader_comes_free(processes):
    """All connections for reading wait in the database: requests wait for them, and are then told to come again."""
    only = processes[0]
    only.stop()
    only.settings["store.readers_max"] = READERS
    only.start()
    wait_shared(processes, 3)
    alice = Client(only).register(unique("alice"))
    room = alice.create_room()
    alice.send(room, "before")
    lock = Session(processes.postgres.conninfo(processes.database), "BEGIN; LOCK TABLE events")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(get_history, alice, room) for _ in range(AT_ONCE)]
        done, _ = concurrent.futures.wait(waiting, timeout=ANSWER_LIMIT_S,
                                          return_when=concurrent.futures.FIRST_COMPLETED)
        lock.end()
        answers = [future.result() for future in waiting]
    refused = [(answer, took_s) for answer, took_s in answers if answer.status_code != 200]
    assert done and refused, "nobody was refused"
    for answer, took_s in refused:
        assert_refused(answer, "busy")
        assert took_s > 1, "a request waits for a connection before it is refused"
    assert len(answers) - len(refused) >= READERS, "those that had a connection got what they waited for"
    assert get_history(alice, room)[0].status_code == 200
    assert len(message_ids(alice, room)) == 1


@pytest.fixture
def few_connections(processes):
    """The processes have lost their connections, and others have taken all that PostgreSQL allows."""
    wait_shared(processes, 3)
    alice = Client(processes[0]).register(unique("alice"))
    room = alice.create_room()
    postgres, usual = processes.postgres, processes.postgres.settings
    postgres.sql(f"ALTER DATABASE {processes.database} ALLOW_CONNECTIONS false")
    postgres.stop()
    postgres.settings = (*usual, f"max_connections={CONNECTIONS}")
    postgres.start()
    others = [patient_session(postgres.conninfo("postgres"), "SELECT 1 WHERE false") for _ in range(CONNECTIONS - 1)]
    others.append(patient_session(postgres.conninfo("postgres"),
                                  f"ALTER DATABASE {processes.database} ALLOW_CONNECTIONS true"))
    yield alice, room, others
    for other in others:
        other.end()
    postgres.stop()
    postgres.settings = usual
    postgres.start()


def patient_session(conninfo, text):
    """The attempts of the processes, which are refused, take a connection each for a moment."""
    deadline = time.monotonic() + BACK_LIMIT_S
    while True:
        try:
            return Session(conninfo, text)
        except AssertionError as problem:
            assert "too many clients" in str(problem) and time.monotonic() < deadline, problem
            time.sleep(0.02)


def test_no_connection_is_left_in_the_database(processes, few_connections):
    """Reading and writing is refused until some of the others end, and goes on then."""
    alice, room, others = few_connections
    with pytest.raises(with_postgres.PostgresError, match="too many clients"):
        processes.sql("SELECT 1")
    with concurrent.futures.ThreadPoolExecutor(2 * len(processes)) as pool:
        reads = [pool.submit(get_history, at(process, alice), room) for process in processes]
        writes = [pool.submit(put, alice, room, number, process=process) for number, process in enumerate(processes)]
        for answer, took_s in [future.result() for future in reads]:
            assert_refused(answer, "database")
            assert took_s > 1, "a request waits for the database before it is refused"
        for future in writes:
            assert_refused(future.result(), "database")
    while others:
        others.pop().end()
    sent = [wait_ok(lambda: put(alice, room, number, process=process)).json()["event_id"]
            for number, process in enumerate(processes)]
    for process in processes:
        assert message_ids(at(process, alice), room) == sent


@pytest.mark.parametrize("when", ["IMMEDIATE", "DEFERRED"])
def test_the_disk_of_the_database_is_full(processes, when):
    """Sends are refused and leave nothing; all else goes on, and so do sends when there is room again."""
    wait_shared(processes, 3)
    alice = Client(processes[0]).register(unique("alice"))
    room = alice.create_room()
    stored = [alice.send(room, "before")]
    since = alice.sync_call().ok()["next_batch"]
    processes.sql(DISK_FULL.format(when=when))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        sends = [pool.submit(put, alice, room, number, process=processes[number % len(processes)])
                 for number in range(3 * AT_ONCE)]
        answers = [future.result() for future in sends]
    assert any("space" in answer.text for answer in answers)
    for answer in answers:      # one that was built on an event that had no room is told of a change
        assert_refused(answer, "space" if "space" in answer.text else "at the same time")
    for process in processes:
        reader = at(process, alice)
        assert message_ids(reader, room) == stored
        assert room not in reader.sync_call(since=since).ok().json.get("rooms", {}).get("join", {})
        reader.set_account_data("org.example.small", {"at": process.port}).ok()
    processes.sql(ROOM_AGAIN)
    for number in range(3 * AT_ONCE):
        answer = put(alice, room, number, process=processes[number % len(processes)])
        assert answer.status_code == 200, answer.text
        stored.append(answer.json()["event_id"])
    for process in processes:
        assert message_ids(at(process, alice), room) == stored
    seen = alice.sync_call(since=since, filter=ALL).ok()["rooms"]["join"][room]["timeline"]["events"]
    assert [e["event_id"] for e in seen] == stored[1:]


@pytest.fixture
def small_disk(processes):
    """The table of events stands on a file system of its own; resize(size) changes that one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    disk = processes.postgres.folder / "small"
    disk.mkdir()

    def resize(size, *more):
        options = ",".join([*more, f"size={size}"])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")

    resize(DISK_BYTES)
    try:
        shutil.chown(disk, processes.postgres.user)
        processes.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
        processes.sql("ALTER TABLE events SET TABLESPACE small")
        yield lambda size: resize(size, "remount")
        processes.sql("ALTER TABLE events SET TABLESPACE pg_default")
        processes.sql("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_small_disk_runs_full(processes, small_disk):
    """What PostgreSQL really does: nothing that was acknowledged is lost, reads go on, and so do sends when it grows."""
    wait_shared(processes, 3)
    alice = Client(processes[0]).register(unique("alice"))
    room = alice.create_room()
    stored, number = [], 0
    while (answer := put(alice, room, number, secrets.token_hex(BODY_BYTES // 2))).status_code == 200:
        stored.append(answer.json()["event_id"])
        number += 1
        assert number * BODY_BYTES < 2 * DISK_BYTES, "it does not run full"
    assert_refused(answer, "space")
    for process in processes:
        assert message_ids(at(process, alice), room) == stored
    assert_refused(put(alice, room, number, secrets.token_hex(BODY_BYTES // 2), processes[1]), "space")
    small_disk(4 * DISK_BYTES)
    for process in processes:
        stored.append(put(alice, room, number, secrets.token_hex(BODY_BYTES // 2), process).json()["event_id"])
        number += 1
    for process in processes:
        assert message_ids(at(process, alice), room) == stored
    assert all(process.is_alive() for process in processes)
