"""Several processes over one database: any of them answers, and each may end at any time."""

import concurrent.futures
import http.client
import json
import os
import signal
import time

import pytest
import requests

from harness import uia
from harness.client import Client, quote, unique
from harness.rooms import MARKED

from crowd import Crowd, Person

ROOMS_TO_LEAVE = 1000
AT_ONCE = 8


def wait_shared(processes, count, limit_s=15):
    """Until so many processes have all the slots."""
    deadline = time.monotonic() + limit_s
    while True:
        owners = [row[0] for row in processes.sql("SELECT DISTINCT process FROM slots")]
        if len(owners) == count and "0" not in owners:
            return
        assert time.monotonic() < deadline, owners
        time.sleep(0.05)


def test_any_process_answers(processes):
    wait_shared(processes, 3)
    alice, bob = Person(processes, "alice"), Person(processes, "bob")
    name = unique("alias")
    room = alice.ok("POST", "createRoom", {"preset": "public_chat", "room_alias_name": name})["room_id"]
    sent = []
    bob.ok("POST", f"join/{quote('#' + name + ':localhost')}", {})
    for number, process in enumerate(list(processes) * 4):
        for person in (alice, bob):
            answer = requests.put(
                f"{process.url}/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/{number}",
                json={"body": str(number), "msgtype": "m.text"}, timeout=10,
                headers={"Authorization": f"Bearer {person.token}"})
            assert answer.status_code == 200, answer.text
            sent.append(answer.json()["event_id"])
    for process in processes:
        answer = requests.get(f"{process.url}/_matrix/client/v3/rooms/{quote(room)}/messages?dir=b&limit=100",
                              headers={"Authorization": f"Bearer {bob.token}"}, timeout=10).json()
        assert [e["event_id"] for e in answer["chunk"] if e["type"] == "m.room.message"][::-1] == sent


def test_a_path_is_passed_on_as_it_came(processes):
    """Some clients do not escape the number sign of an alias; it is no fragment, and a process in between must not cut it."""
    wait_shared(processes, 3)
    alice = Person(processes, "alice")
    for number in range(3):
        name = unique("raw")
        room = alice.ok("POST", "createRoom", {"preset": "public_chat", "room_alias_name": name})["room_id"]
        for process in processes:
            bob = Person(processes, f"bob{number}")
            connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
            connection.request("POST", f"/_matrix/client/v3/join/#{name}:localhost?x=%23#y", body="{}",
                               headers={"Authorization": f"Bearer {bob.token}"})
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (200, {"room_id": room})
            connection.close()


def test_what_is_passed_on_is_bounded_and_answered_alike(processes):
    """The limits of a request are those of its endpoint at each process, and so are the headers of its answer."""
    wait_shared(processes, 3)
    alice = Person(processes, "alice")
    room = alice.ok("POST", "createRoom", {})["room_id"]
    answers = set()
    for process in processes:
        for number, body in enumerate(('{"body":"' + "x" * 70_000 + '"}', "{", "[]", "")):
            answer = requests.put(
                f"{process.url}/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/{number}", data=body, timeout=10,
                headers={"Authorization": f"Bearer {alice.token}"})
            headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "Connection")}
            answers.add((number, answer.status_code, answer.text, tuple(sorted(headers.items()))))
    assert sorted(answer[:2] for answer in answers) == [(0, 413), (1, 400), (2, 400), (3, 400)], answers


def test_the_same_transaction_at_two_processes_is_one_event(processes):
    wait_shared(processes, 3)
    alice = Person(processes, "alice")
    room = alice.ok("POST", "createRoom", {})["room_id"]
    ids = {requests.put(f"{process.url}/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/once",
                        json={"body": "once"}, timeout=10,
                        headers={"Authorization": f"Bearer {alice.token}"}).json()["event_id"]
           for process in processes}
    assert len(ids) == 1


def test_a_refusal_comes_back_as_it_is(processes):
    wait_shared(processes, 3)
    alice, eve = Person(processes, "alice"), Person(processes, "eve")
    rooms = [alice.ok("POST", "createRoom", {})["room_id"] for _ in range(6)]
    for room in rooms:
        for process in processes:
            answer = requests.put(f"{process.url}/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/t",
                                  json={"body": "x"}, timeout=10, headers={"Authorization": f"Bearer {eve.token}"})
            assert answer.status_code == 403 and answer.json()["errcode"] == "M_FORBIDDEN", answer.text
            assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_logout_counts_everywhere(processes):
    alice = Client(processes[0]).register(unique("alice"))
    for process in processes:
        assert requests.get(f"{process.url}/_matrix/client/v3/account/whoami", timeout=10,
                            headers={"Authorization": f"Bearer {alice.token}"}).status_code == 200
    alice.post("logout", {}).ok()
    deadline = time.monotonic() + 5
    for process in processes[1:]:
        while requests.get(f"{process.url}/_matrix/client/v3/account/whoami", timeout=10,
                           headers={"Authorization": f"Bearer {alice.token}"}).status_code != 401:
            assert time.monotonic() < deadline, "the token is still taken elsewhere"
            time.sleep(0.02)


def test_twenty_people_miss_nothing(processes):
    """Positions of all processes are one order: no sync skips any, and none is given out twice."""
    wait_shared(processes, 3)
    crowd = Crowd(processes, people=20, senders=12, rooms=6)
    crowd.wait_sent(600)
    crowd.finish()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_under_load(processes, how):
    wait_shared(processes, 3)
    crowd = Crowd(processes, people=20, senders=4, rooms=6)
    crowd.wait_sent(200)
    os.kill(processes[1].process.pid, how)
    processes[1].process.wait(10)
    crowd.wait_sent(200)
    wait_shared(processes, 2)
    crowd.finish()


def test_a_frozen_process_must_not_write(processes):
    """Its lease is taken while it stands still; awake again it is refused, says so, and ends."""
    wait_shared(processes, 3)
    crowd = Crowd(processes, people=6, senders=4, rooms=6)
    crowd.wait_sent(200)
    frozen = processes[1].process
    os.kill(frozen.pid, signal.SIGSTOP)
    wait_shared(processes, 2, limit_s=20)
    crowd.wait_sent(20)
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.wait(20) == 1
    processes[1].process = None
    assert "another process has taken over" in processes[1].log()
    crowd.wait_sent(50)
    crowd.finish()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_the_database_restarts_under_load(processes, how):
    """Orderly, and as after a crash: nothing that was acknowledged is lost."""
    wait_shared(processes, 3)
    crowd = Crowd(processes, people=20, senders=4, rooms=6)
    for _ in range(3):
        crowd.wait_sent(100)
        processes.postgres.stop(how)
        time.sleep(0.5)
        processes.postgres.start()
    crowd.wait_sent(100)
    crowd.finish()
    assert all(process.is_alive() for process in processes)


def test_one_process_dies_while_an_account_ends(processes):
    """The others leave its rooms: exactly one marked leave in each."""
    wait_shared(processes, 3)
    alice, bob = Person(processes, "alice"), Person(processes, "bob")

    def make_room(_):
        room = bob.ok("POST", "createRoom", {"preset": "public_chat"})["room_id"]
        alice.ok("POST", f"join/{quote(room)}", {})
        return room

    def leaves_of(room):
        chunk = bob.ok("GET", f"rooms/{quote(room)}/messages", dir="b", limit=50)["chunk"]
        return [e["content"] for e in chunk if e["type"] == "m.room.member" and e["state_key"] == alice.user_id
                and e["content"]["membership"] == "leave"]

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        rooms = list(pool.map(make_room, range(ROOMS_TO_LEAVE)))
    client = Client(processes[0], alice.user_id, alice.token, None, alice.password)
    client.post("account/deactivate", {"auth": uia.password_auth(client)}).ok()
    processes[2].kill()
    waiting = int(processes.sql("SELECT count(*) FROM departures WHERE state<>1")[0][0])
    assert waiting > 0, "it was over before the process died"
    deadline = time.monotonic() + 60
    while int(processes.sql("SELECT count(*) FROM departures WHERE state<>1")[0][0]) > 0:
        assert time.monotonic() < deadline, processes.sql("SELECT state, count(*) FROM departures GROUP BY state")
        time.sleep(0.1)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for room, leaves in zip(rooms, pool.map(leaves_of, rooms)):
            assert leaves == [MARKED], (room, leaves)


def test_another_signing_key_is_refused(processes, tmp_path):
    stranger = processes[0].__class__(tmp_path / "stranger", {
        **processes[0].settings, "server.signing_key": tmp_path / "other.key"})
    stranger.database.settings = dict
    stranger.start(wait=False)
    assert stranger.process.wait(20) == 1
    stranger.process = None
    assert "all need the same (server.signing_key)" in stranger.log()


def test_a_process_that_comes_gets_its_share(processes):
    wait_shared(processes, 3)
    processes[2].stop()
    wait_shared(processes, 2)
    processes[2].start()
    wait_shared(processes, 3)
    counts = [int(row[1]) for row in processes.sql("SELECT process, count(*) FROM slots GROUP BY process")]
    assert sum(counts) == 256 and max(counts) - min(counts) <= 3, counts
