"""PostgreSQL away for longer than anybody waits: clean refusals, and all goes on by itself afterwards."""

import os
import signal
import time

import requests

from harness.client import quote

from crowd import Crowd
from test_processes import wait_shared

AWAY_S = 30
# What docs/scaling.md promises, twice: a request may come while the one before it is given up. And slack.
WRITE_LIMIT_S = 2 * 10 + 5
READ_LIMIT_S = 2 * 2 + 5
BACK_LIMIT_S = 5    # pauses between attempts grow to one second


def request(process, person, method, path, body=None):
    return requests.request(method, f"{process.url}/_matrix/client/v3/{path}", json=body,
                            headers={"Authorization": f"Bearer {person.token}"}, timeout=WRITE_LIMIT_S)


def assert_refused(answer):
    assert answer.status_code == 503, answer.text
    assert answer.json()["errcode"] == "M_UNKNOWN" and "database" in answer.json()["error"], answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def sent_bodies(process, person, room):
    bodies, token = [], ""
    while token is not None:
        answer = request(process, person, "GET", f"rooms/{quote(room)}/messages?dir=b&limit=1000{token}")
        assert answer.status_code == 200, answer.text
        bodies += [(e["event_id"], e["content"]["body"]) for e in answer.json()["chunk"]
                   if e["type"] == "m.room.message"]
        token = "&from=" + quote(answer.json()["end"]) if "end" in answer.json() else None
    return bodies


def wait_back(process, person, room):
    """Until the process takes a write of its own accord."""
    deadline = time.monotonic() + BACK_LIMIT_S
    path = f"rooms/{quote(room)}/send/m.room.message/back{process.port}"
    while True:
        answer = request(process, person, "PUT", path, {"msgtype": "m.text", "body": f"back {process.port}"})
        if answer.status_code == 200:
            return answer.json()["event_id"]
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def test_the_database_is_away_for_thirty_seconds(processes):
    wait_shared(processes, 3)
    pids = [process.process.pid for process in processes]
    crowd = Crowd(processes, people=6, senders=4, rooms=6, answer_limit_s=WRITE_LIMIT_S)
    crowd.wait_sent(100)
    processes.postgres.stop()
    away_until = time.monotonic() + AWAY_S
    reader = crowd.people[-1]
    for process in processes:
        begun = time.monotonic()
        assert_refused(request(process, reader, "GET", f"rooms/{quote(crowd.rooms[0])}/messages?dir=b"))
        assert time.monotonic() - begun < READ_LIMIT_S
    time.sleep(max(0, away_until - time.monotonic()))
    processes.postgres.start()

    own = [wait_back(process, reader, crowd.rooms[0]) for process in processes]
    crowd.acknowledged += own
    crowd.room_of.update((event_id, crowd.rooms[0]) for event_id in own)
    crowd.wait_sent(100)
    wait_shared(processes, 3)
    crowd.finish()
    assert [process.process.pid for process in processes if process.is_alive()] == pids
    for person in crowd.people:
        person.answers.assert_clean()
        assert person.answers.slowest_s < WRITE_LIMIT_S
    assert any(person.answers.failures for person in crowd.people[:4]), "no write was refused in all that time"
    stored = [sent for room in crowd.rooms for sent in sent_bodies(processes[0], reader, room)]
    assert sorted(event_id for event_id, _ in stored) == sorted(crowd.acknowledged)
    assert len({body for _, body in stored}) == len(stored), "a transaction was done twice"


def beats(processes):
    return dict(processes.sql("SELECT nid, beat FROM processes"))


def wait_beating(processes, known, count, limit_s=BACK_LIMIT_S):
    """Until so many have beaten since."""
    deadline = time.monotonic() + limit_s
    while sum(beat != known.get(process) for process, beat in beats(processes).items()) < count:
        assert time.monotonic() < deadline, (known, beats(processes))
        time.sleep(0.02)


def test_processes_come_back_one_after_another(processes):
    """Attempts at connecting are up to a second apart: nobody is ended who comes that much later than the others."""
    wait_shared(processes, 3)
    late = processes[2].process
    processes.postgres.stop()
    os.kill(late.pid, signal.SIGSTOP)
    time.sleep(1)
    processes.postgres.start()
    known = beats(processes)
    wait_beating(processes, known, 2)
    time.sleep(1.5 * processes[2].settings["cluster.lease_ms"] / 1000)
    os.kill(late.pid, signal.SIGCONT)
    wait_beating(processes, known, 3)
    wait_shared(processes, 3)
    assert all(process.is_alive() for process in processes)
