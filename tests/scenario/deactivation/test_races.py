"""Requests in flight when an account ends (BEYOND 27, 30, 31, 32; A10, A11, A12)."""

import concurrent.futures
import threading

import pytest

from harness import uia
from harness.rooms import (MARKED, assert_marked_leave, assert_one_marked_leave, clone, history,
                           member, member_events, path, wait_left)

ROOMS = 12
PATH = "account/deactivate"


@pytest.fixture
def rooms(bob):
    return [bob.create_room(preset="public_chat") for _ in range(ROOMS)]


@pytest.fixture
def shared(alice, rooms):
    for room in rooms:
        alice.join(room).ok()
    return rooms


class Crowd:
    """Threads that repeat something until their token is gone; each has its own connection."""

    def __init__(self, client, job, threads=6):
        self.started = threading.Barrier(threads + 1)
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.futures = [self.pool.submit(self._run, clone(client), job, n) for n in range(threads)]

    def _run(self, client, job, number):
        turn = 0
        answer = job(client, number, turn)
        self.started.wait(30)
        while answer.status != 401 and turn < 2000:
            turn += 1
            answer = job(client, number, turn)
        answer.expect(401, "M_UNKNOWN_TOKEN")

    def wait_started(self):
        self.started.wait(30)

    def join(self):
        for future in self.futures:
            future.result(60)
        self.pool.shutdown()


def end_amid(client, job, threads=6):
    """Deactivates while the crowd works; returns when the 200 is here and the crowd is refused."""
    crowd = Crowd(client, job, threads)
    crowd.wait_started()
    uia.deactivate(client).ok()
    return crowd


def ids_by(client, room, user_id):
    return {e["event_id"]: e for e in history(client, room) if e["sender"] == user_id}


def assert_only_leaves_since(observer, before, user_id):
    for room, known in before.items():
        fresh = [e for i, e in ids_by(observer, room, user_id).items() if i not in known]
        assert len(fresh) <= 1, fresh
        for event in fresh:
            assert_marked_leave(event, user_id)


def test_a_hundred_identical_calls(alice, bob, shared):
    """BEYOND 27: one job, one leave a room."""
    body = {"auth": uia.password_auth(alice)}
    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: clone(alice).post(PATH, body), range(100)))
    assert any(a.status == 200 for a in answers)
    for answer in answers:
        if answer.status == 200:
            assert answer.json == {"id_server_unbind_result": "success"}
        else:
            answer.expect(401)
            assert answer.errcode in ("M_UNKNOWN_TOKEN", "M_FORBIDDEN"), repr(answer)
    wait_left(bob, alice.user_id, shared)
    for room in shared:
        assert_one_marked_leave(bob, room, alice.user_id)


def test_sends(alice, bob, shared):
    """After the 200 nothing of the account appears but the marked leaves."""
    crowd = end_amid(alice, lambda c, n, t: c.send_call(
        shared[(n + t) % ROOMS], {"msgtype": "m.text", "body": "x"}, txn=f"{n}-{t}"))
    before = {room: ids_by(bob, room, alice.user_id) for room in shared}
    crowd.join()
    wait_left(bob, alice.user_id, shared)
    assert_only_leaves_since(bob, before, alice.user_id)
    for room in shared:
        assert_one_marked_leave(bob, room, alice.user_id)
        assert history(bob, room)[-1]["state_key"] == alice.user_id


def test_state(alice, bob):
    """The same for state, by the room's creator."""
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    crowd = end_amid(alice, lambda c, n, t: c.set_state(room, "m.room.topic", {"topic": f"{n} {t}"}))
    before = {room: ids_by(bob, room, alice.user_id)}
    crowd.join()
    wait_left(bob, alice.user_id, [room])
    assert_only_leaves_since(bob, before, alice.user_id)
    assert_one_marked_leave(bob, room, alice.user_id)


def test_joins_and_leaves(alice, bob, rooms):
    """BEYOND 30: no join stands, whichever side of the flag it fell on."""
    def job(client, number, turn):
        room = rooms[(number * 5 + turn) % ROOMS]
        return client.join(room) if turn % 4 else client.leave(room)
    crowd = end_amid(alice, job)
    crowd.join()
    wait_left(bob, alice.user_id, rooms)
    for room in rooms:
        events = member_events(bob, room, alice.user_id)
        memberships = [e["content"]["membership"] for e in events]
        marked = [e for e in events if e["content"] == MARKED]
        assert memberships[-1:] in ([], ["leave"]), memberships
        assert len(marked) <= 1 and (not marked or marked[0] is events[-1]), events


def test_profile_changes(alice, bob, shared):
    """A12: the change that spreads to the rooms never brings the account back."""
    crowd = end_amid(alice, lambda c, n, t: c.set_profile("displayname", f"Alice {n} {t}"),
                     threads=3)
    crowd.join()
    wait_left(bob, alice.user_id, shared)
    for room in shared:
        assert_one_marked_leave(bob, room, alice.user_id)


def test_profile_change_just_before(alice, bob, shared):
    alice.set_profile("displayname", "Last words").ok()
    uia.deactivate(alice).ok()
    wait_left(bob, alice.user_id, shared)
    for room in shared:
        assert_one_marked_leave(bob, room, alice.user_id)


def test_invites_that_arrive(alice, bob):
    """BEYOND 31: refused, or rejected with the mark; none stands."""
    rooms = [bob.create_room() for _ in range(40)]
    inviting = threading.Event()

    def invite(room):
        answer = clone(bob).invite(room, alice.user_id)
        inviting.set()
        return answer
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(invite, room) for room in rooms]
        inviting.wait(30)
        uia.deactivate(alice).ok()
        answers = [future.result() for future in futures]
    wait_left(bob, alice.user_id, rooms)
    for room, answer in zip(rooms, answers):
        if answer.status == 200:
            assert_one_marked_leave(bob, room, alice.user_id)
        else:
            answer.expect(403)
            assert member(bob, room, alice.user_id) is None


def test_kicks_and_bans_meanwhile(alice, bob, shared):
    """What moderators do first stands; the account leaves the others, each once."""
    def moderate(numbered):
        number, room = numbered
        client = clone(bob)
        return client.kick(room, alice.user_id) if number % 2 else client.ban(room, alice.user_id)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ended = pool.submit(lambda: uia.deactivate(clone(alice)).ok())
        answers = list(pool.map(moderate, enumerate(shared)))
        ended.result()
    wait_left(bob, alice.user_id, shared)
    for number, (room, answer) in enumerate(zip(shared, answers)):
        events = member_events(bob, room, alice.user_id)
        marked = [e for e in events if e["content"] == MARKED]
        assert len(marked) <= 1, events
        for event in marked:
            assert_marked_leave(event, alice.user_id)
        if answer.status == 200 and number % 2 == 0:
            assert member(bob, room, alice.user_id)["membership"] == "ban"
        else:
            assert member(bob, room, alice.user_id)["membership"] == "leave"


def test_rooms_being_created(alice, bob):
    """A10: a room made in the last moment is left as well."""
    made = []

    def create(client, number, turn):
        answer = client.post("createRoom", {"preset": "public_chat", "invite": [bob.user_id]})
        if answer.status == 200:
            made.append(answer["room_id"])
            clone(bob).join(answer["room_id"])
        return answer
    crowd = end_amid(alice, create, threads=4)
    crowd.join()
    mine = set(bob.get("joined_rooms").ok()["joined_rooms"])
    seen = [room for room in made if room in mine]
    assert seen
    wait_left(bob, alice.user_id, seen)
    for room in seen:
        assert_one_marked_leave(bob, room, alice.user_id)


def test_long_poll_ends(alice):
    """A10: a sync that waits is ended and told, not left hanging."""
    since = alice.sync_call().ok()["next_batch"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: clone(alice).sync_call(since, timeout_ms=25000))
        uia.deactivate(alice).ok()
        answer = waiting.result(20)
    if answer.status != 200:
        answer.expect(401, "M_UNKNOWN_TOKEN")
    alice.sync_call(since).expect(401, "M_UNKNOWN_TOKEN")


def test_many_accounts_at_once(bob, person, rooms):
    """Jobs side by side: each room loses each of them once."""
    people = [person("crowd") for _ in range(8)]
    for one in people:
        for room in rooms:
            one.join(room).ok()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda c: uia.deactivate(c), people):
            answer.ok()
    for one in people:
        wait_left(bob, one.user_id, rooms)
    for room in rooms:
        for one in people:
            assert_one_marked_leave(bob, room, one.user_id)


def test_bystanders_are_served_meanwhile(alice, bob, shared):
    """BEYOND 36: sends into the rooms being left, all answered and all kept."""
    uia.deactivate(alice).ok()
    sent = {room: [bob.send(room, f"{n}") for n in range(3)] for room in shared}
    wait_left(bob, alice.user_id, shared)
    for room, ids in sent.items():
        stored = [e["event_id"] for e in history(bob, room)]
        assert [i for i in stored if i in ids] == ids
        assert_one_marked_leave(bob, room, alice.user_id)


def test_leave_by_hand_meanwhile(alice, bob, shared):
    crowd = end_amid(alice, lambda c, n, t: c.post(path(shared[(n + t) % ROOMS], "leave")))
    crowd.join()
    wait_left(bob, alice.user_id, shared)
    for room in shared:
        events = [e for e in member_events(bob, room, alice.user_id)
                  if e["content"]["membership"] == "leave"]
        assert len(events) == 1, events
