"""
A commit that took place, of which nobody knows, since its answer is lost and the database stays away: the client is told
503. What it did is there all the same: seen once, found by who repeats it, and built on.
"""

import concurrent.futures
import json
import shutil
import subprocess
import time

import pytest
import requests

from harness import uia
from harness.client import Client, unique
from harness.postgres_proxy import PostgresProxy
from harness.rooms import assert_one_marked_leave, clone, history, path
from harness.server import Server, binary

from conftest import SETTINGS

LOST_LIMIT_S = 10
ANSWER_LIMIT_S = 40
POLL_MS = 60000
WOKEN_LIMIT_S = 10      # of the poll, far below its own end
OTHERS = 6


@pytest.fixture
def lone(tmp_path, postgres, request):
    """One process, whose connections pass through `proxy`."""
    name = "d" + str(abs(hash(request.node.nodeid)) % 10**12)
    postgres.sql(f"CREATE DATABASE {name}")
    proxy = PostgresProxy(postgres.folder)
    process = Server(tmp_path / "process", {
        **SETTINGS, "database.postgres": postgres.conninfo(name) + f" host={proxy.folder} port=5432"})
    process.database.settings = dict
    process.proxy = proxy
    process.start()
    yield process
    process.kill()
    proxy.end()
    print(*process.log().splitlines()[-60:], sep="\n")
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def people(lone):
    alice, bob = Client(lone).register(unique("alice")), Client(lone).register(unique("bob"))
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    alice.send(room, "before")
    return alice, bob, room


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(2 * OTHERS) as pool:
        yield pool


def call(client, method, place, body):
    """Any answer at all: a client of the harness takes none of 500 and above."""
    return requests.request(method, f"{client.server.url}/_matrix/client/v3/{place}", json=body, timeout=ANSWER_LIMIT_S,
                            headers={"Authorization": f"Bearer {client.token}"})


def send(client, room, txn, body="x"):
    return call(client, "PUT", path(room, "send", "m.room.message", txn), {"body": body})


def poll_begin(pool, client):
    """A /sync that waits for the next thing that happens."""
    since = client.sync_call().ok()["next_batch"]
    return pool.submit(clone(client).sync_call, since=since, timeout_ms=POLL_MS)


def events_of(answer, room):
    return answer.ok()["rooms"]["join"][room]["timeline"]["events"]


def lose(lone, pool, statement, *calling, during=lambda: None):
    """The call is told 503, and was done; the database is back when this returns."""
    lone.proxy.lose_commit_of(statement)
    waiting = pool.submit(*calling)
    assert lone.proxy.lost.wait(LOST_LIMIT_S), "there was no such commit"
    during()
    answer = waiting.result()
    lone.proxy.come_back()
    assert answer.status_code == 503, answer.text
    assert answer.json()["errcode"] == "M_UNKNOWN" and "database" in answer.json()["error"], answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def assert_in_order(lone, alice, room):
    """Each event once, and the room's graph a single line: what was built on memory agrees with what was found."""
    ids = [e["event_id"] for e in history(alice, room)]
    assert len(ids) == len(set(ids))
    done = subprocess.run([binary(), "check", "--rooms", "--json", "--data", lone.data, "--set",
                           f"database.postgres={lone.settings['database.postgres']}"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["count"] == 0, done.stdout


def test_a_message_is_seen_once_and_found_by_its_transaction(lone, people, pool):
    alice, bob, room = people
    waiting = poll_begin(pool, bob)
    lose(lone, pool, "message_add", send, alice, room, "lost")
    begun = time.monotonic()
    seen = events_of(waiting.result(), room)
    assert time.monotonic() - begun < WOKEN_LIMIT_S, "nobody told the poll"
    assert [e["content"] for e in seen] == [{"body": "x"}]
    again = alice.send_call(room, {"body": "x"}, txn="lost").ok()
    assert again["event_id"] == seen[0]["event_id"]
    sent = [alice.send(room, str(number)) for number in range(OTHERS)]
    assert [e["event_id"] for e in history(bob, room)][-OTHERS - 1:] == [seen[0]["event_id"], *sent]
    assert_in_order(lone, alice, room)


def test_what_was_built_on_it_meanwhile_is_there_once(lone, people, pool):
    """Others send into the room while nobody knows."""
    alice, bob, room = people
    others = []

    def send_others():
        others.extend(pool.submit(send, bob, room, str(number)) for number in range(OTHERS))

    lose(lone, pool, "message_add", send, alice, room, "lost", during=send_others)
    assert {other.result().status_code for other in others} <= {200, 503}
    ids = [send(bob, room, str(number)).json()["event_id"] for number in range(OTHERS)]
    ids.append(send(alice, room, "lost").json()["event_id"])
    assert sorted(e["event_id"] for e in history(bob, room) if e["content"].get("body") == "x") == sorted(ids)
    assert_in_order(lone, alice, room)


def test_state_that_is_set_again_is_the_event_that_is_there(lone, people, pool):
    alice, bob, room = people
    waiting = poll_begin(pool, bob)
    topic = {"topic": "found"}
    lose(lone, pool, "event_add", call, alice, "PUT", path(room, "state", "m.room.topic", ""), topic)
    seen = events_of(waiting.result(), room)
    assert [e["content"] for e in seen] == [topic]
    assert alice.set_state(room, "m.room.topic", topic).ok()["event_id"] == seen[0]["event_id"]
    assert bob.state(room, "m.room.topic").ok().json == topic
    alice.set_state(room, "m.room.topic", {"topic": "next"}).ok()
    assert [e["content"]["topic"] for e in history(bob, room) if e["type"] == "m.room.topic"] == ["found", "next"]
    assert_in_order(lone, alice, room)


def test_an_account_that_ended_unknown_leaves_and_is_out(lone, people, pool):
    """Its token was cached, and the rooms to leave were not waited for: both are made good."""
    alice, bob, room = people
    session = uia.challenge(alice, "account/deactivate", stage="m.login.password")
    auth = {"auth": uia.password_auth(alice, session)}
    lose(lone, pool, "deactivation_add", call, alice, "POST", "account/deactivate", auth)
    deadline = time.monotonic() + WOKEN_LIMIT_S
    while alice.whoami().status != 401 or bob.state(room, "m.room.member", alice.user_id).ok()["membership"] != "leave":
        assert time.monotonic() < deadline, "it goes on as if nothing had been"
        time.sleep(0.05)
    assert_one_marked_leave(bob, room, alice.user_id)
