"""Delayed events over several processes: the room's owner sends them, whoever that is by then."""

import time

import pytest
import requests

from harness.client import quote

from crowd import Person
from test_processes import wait_shared

UNSTABLE = "/_matrix/client/unstable/org.matrix.msc4140"
DUE_MS = 4000


def call(process, person, method, where, body=None):
    return requests.request(method, process.url + UNSTABLE + where, json=body, timeout=15,
                            headers={"Authorization": f"Bearer {person.token}"})


def schedule(process, person, room, n, delay_ms):
    answer = call(process, person, "PUT", f"/rooms/{quote(room)}/delayed_event/m.room.message/{n}",
                  {"delay_ms": delay_ms, "content": {"body": str(n), "msgtype": "m.text"}})
    assert answer.status_code == 200, answer.text
    return answer.json()["delay_id"]


def wait_ended(process, person, ids, limit_s=30):
    deadline = time.monotonic() + limit_s
    while True:
        rows = [call(process, person, "GET", f"/delayed_events/{delay_id}").json() for delay_id in ids]
        if all("finalised_ts" in row for row in rows):
            return rows
        assert time.monotonic() < deadline, rows


def bodies(process, person, room):
    answer = requests.get(f"{process.url}/_matrix/client/v3/rooms/{quote(room)}/messages?dir=b&limit=100",
                          headers={"Authorization": f"Bearer {person.token}"}, timeout=15).json()
    return [e["content"]["body"] for e in answer["chunk"] if e["type"] == "m.room.message"][::-1]


def test_sent_once_by_the_owner(processes):
    wait_shared(processes, 3)
    alice = Person(processes, "alice")
    rooms = [alice.ok("POST", "createRoom", {})["room_id"] for _ in range(6)]
    ids = [schedule(process, alice, room, n, 300 + n)
           for room in rooms for n, process in enumerate(processes)]
    wait_ended(processes[0], alice, ids)
    for room in rooms:
        assert bodies(processes[1], alice, room) == ["0", "1", "2"]


@pytest.mark.parametrize("action, sent", [("send", ["0"]), ("cancel", [])])
def test_actions_anywhere(processes, action, sent):
    wait_shared(processes, 3)
    alice = Person(processes, "alice")
    for room in [alice.ok("POST", "createRoom", {})["room_id"] for _ in range(3)]:
        delay_id = schedule(processes[0], alice, room, 0, 3600000)
        for process in processes:
            answer = call(process, alice, "POST", f"/delayed_events/{delay_id}/{action}", {})
            assert answer.status_code == 200, answer.text
        wait_ended(processes[2], alice, [delay_id])
        assert bodies(processes[1], alice, room) == sent
        answer = call(processes[1], alice, "POST", f"/delayed_events/{delay_id}/restart", {})
        assert answer.status_code == 409, answer.text


def test_the_heir_sends_what_was_due(processes):
    wait_shared(processes, 3)
    alice = Person(processes, "alice")
    rooms = [alice.ok("POST", "createRoom", {})["room_id"] for _ in range(12)]
    ids = [schedule(processes[0], alice, room, 0, DUE_MS) for room in rooms]
    processes[2].kill()
    wait_ended(processes[0], alice, ids)
    for room in rooms:
        assert bodies(processes[1], alice, room) == ["0"]
