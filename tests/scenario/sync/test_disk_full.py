"""A small file system that runs full: clear errors, nothing acknowledged lost, and back again."""

import os
import subprocess

import pytest
import requests

from harness import uia
from harness.client import Client, unique
from harness.database import on_sqlite_only
from harness.rooms import assert_one_marked_leave, history, wait_left

pytestmark = on_sqlite_only
SIZE = "8m"
SENDS_MAX = 4000
BODY = "x" * 20000


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk],
                             capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def server(small_disk, make_server):
    server = make_server(start=False)
    server.data = small_disk / "data"
    yield server.start()
    server.stop()       # before the disk goes


def put(client, room, number, body=BODY):
    return client.raw("PUT", f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{number}",
                      json={"msgtype": "m.text", "body": body},
                      headers={"Authorization": f"Bearer {client.token}"})


def fill(client, room):
    """Ids of all that was acknowledged until the first refusal, and that refusal."""
    acknowledged = []
    for number in range(SENDS_MAX):
        answer = put(client, room, number)
        if answer.status_code != 200:
            return acknowledged, answer
        acknowledged.append(answer.json()["event_id"])
    pytest.fail(f"{SENDS_MAX} messages did not fill {SIZE}")


def test_full_and_back(server, small_disk):
    server.allow_log("DISK_FULL|disk")
    alice = Client(server).register(unique())
    room = alice.create_room()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (2 << 20))
    acknowledged, refusal = fill(alice, room)
    assert refusal.status_code == 503, refusal.text
    assert refusal.json()["errcode"] and "space" in refusal.json()["error"], refusal.text
    assert refusal.headers["Access-Control-Allow-Origin"] == "*"

    # Reading goes on, writing is refused, the server lives.
    assert alice.is_known()
    assert [e["event_id"] for e in history(alice, room)
            if e["type"] == "m.room.message"] == acknowledged
    for number in range(5):
        answer = put(alice, room, f"again {number}")
        assert answer.status_code in (200, 503)
        if answer.status_code == 200:
            acknowledged.append(answer.json()["event_id"])

    ballast.unlink()
    resumed = put(alice, room, "resumed", body="back")
    assert resumed.status_code == 200, resumed.text
    acknowledged.append(resumed.json()["event_id"])
    server.restart(clean=False)
    stored = [e["event_id"] for e in history(alice, room) if e["type"] == "m.room.message"]
    assert [i for i in stored if i in acknowledged] == acknowledged


def test_deactivation_on_a_full_disk(server, small_disk):
    """Refused and nothing changed, or accepted; when space is back it is finished."""
    server.allow_log(".")
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    rooms = [bob.create_room(preset="public_chat") for _ in range(5)]
    for room in rooms:
        alice.join(room).ok()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (2 << 20))
    fill(bob, rooms[0])
    try:
        status = alice.raw("POST", "/_matrix/client/v3/account/deactivate",
                           json={"auth": uia.password_auth(alice)},
                           headers={"Authorization": f"Bearer {alice.token}"}).status_code
    except requests.RequestException as problem:
        pytest.fail(f"no answer: {problem}")
    assert status in (200, 503)
    assert alice.is_known() is (status == 503)
    ballast.unlink()
    if status == 503:
        uia.deactivate(alice).ok()
    wait_left(bob, alice.user_id, rooms)
    for room in rooms:
        assert_one_marked_leave(bob, room, alice.user_id)
