"""The rooms of an ended account: which are left, by what event, and which are not touched."""

import time

import pytest

from harness import uia
from harness.client import Client, unique
from harness.rooms import (ALL, MARKED, STABLE, UNSTABLE, VERSIONS, assert_marked_leave,
                           assert_one_marked_leave, has_key, history, member, member_events,
                           wait_left)
from harness.sync import Syncer


@pytest.fixture
def room(bob):
    return bob.create_room(preset="public_chat")


def end(client):
    uia.deactivate(client).ok()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("preset", ["public_chat", "private_chat", "trusted_private_chat"])
def test_joined(alice, bob, version, preset):
    """MUST 9, 10."""
    room = bob.create_room(preset=preset, room_version=version, invite=[alice.user_id])
    alice.join(room).ok()
    alice.send(room, "so long")
    end(alice)
    wait_left(bob, alice.user_id, [room])
    assert_one_marked_leave(bob, room, alice.user_id)
    assert member(bob, room, alice.user_id) == MARKED


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("direct", [True, False])
def test_invited(alice, bob, version, direct):
    """MUST 9: a rejection, marked alike, with nothing of the invite copied."""
    room = bob.create_room(room_version=version)
    bob.post(f"rooms/{room}/invite", {"user_id": alice.user_id, "reason": "do come"}).ok()
    other = bob.create_room(room_version=version, invite=[alice.user_id], is_direct=direct)
    end(alice)
    wait_left(bob, alice.user_id, [room, other])
    for each in (room, other):
        assert_one_marked_leave(bob, each, alice.user_id)


def test_encrypted(alice, bob):
    room = bob.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    alice.join(room).ok()
    end(alice)
    wait_left(bob, alice.user_id, [room])
    assert_one_marked_leave(bob, room, alice.user_id)


def test_own_room(alice, bob):
    """A13: the creator and only administrator goes like anybody else."""
    rooms = [alice.create_room(preset="public_chat", room_version=v) for v in VERSIONS]
    for room in rooms:
        bob.join(room).ok()
    end(alice)
    wait_left(bob, alice.user_id, rooms)
    for room in rooms:
        assert_one_marked_leave(bob, room, alice.user_id)
        bob.send(room, "who has the keys?")


def test_nothing_of_the_profile(alice, bob, room):
    alice.join(room).ok()
    alice.set_profile("displayname", "Alice of Alices").ok()
    alice.set_profile("avatar_url", "mxc://localhost/face").ok()
    Syncer(bob).until(lambda s: s.state[room]["m.room.member", alice.user_id]["content"].get(
        "avatar_url") == "mxc://localhost/face")
    end(alice)
    wait_left(bob, alice.user_id, [room])
    assert_one_marked_leave(bob, room, alice.user_id)


@pytest.mark.parametrize("marker,content", [
    ("unstable", {"membership": "leave", UNSTABLE: True}),
    ("stable", {"membership": "leave", STABLE: True}),
    ("both", {"membership": "leave", STABLE: True, UNSTABLE: True}),
])
def test_setting_of_the_key(make_server, marker, content):
    server = make_server({"deactivation.marker": marker})
    alice, bob = (Client(server).register(unique(n)) for n in ("alice", "bob"))
    room = bob.create_room(preset="public_chat")
    alice.join(room).ok()
    end(alice)
    wait_left(bob, alice.user_id, [room])
    assert_one_marked_leave(bob, room, alice.user_id, content)


def test_already_left(alice, bob, room, person):
    """Leave to leave is skipped: the old leave stays, and stays unmarked."""
    other = bob.create_room(preset="public_chat")
    for each in (room, other):
        alice.join(each).ok()
    alice.leave(room).ok()
    before = history(bob, room)
    end(alice)
    wait_left(bob, alice.user_id, [other])
    assert history(bob, room) == before or \
        [e["event_id"] for e in history(bob, room)] == [e["event_id"] for e in before]
    assert not has_key(member(bob, room, alice.user_id))


@pytest.mark.parametrize("how", ["kick", "ban", "invite withdrawn", "invite rejected", "unban",
                                 "forgotten"])
def test_not_touched(alice, bob, room, how):
    """MUST 11, and ban to leave is skipped."""
    if how.startswith("invite"):
        bob.invite(room, alice.user_id).ok()
        (alice.leave(room) if "rejected" in how else bob.kick(room, alice.user_id)).ok()
    elif how == "forgotten":
        alice.join(room).ok()
        alice.leave(room).ok()
        alice.post(f"rooms/{room}/forget").ok()
    else:
        alice.join(room).ok()
        (bob.kick(room, alice.user_id) if how == "kick" else bob.ban(room, alice.user_id)).ok()
        if how == "unban":
            bob.unban(room, alice.user_id).ok()
    other = bob.create_room(preset="public_chat")
    alice.join(other).ok()
    before = [e["event_id"] for e in history(bob, room)]
    end(alice)
    wait_left(bob, alice.user_id, [other])
    assert [e["event_id"] for e in history(bob, room)] == before
    assert not any(has_key(e["content"]) for e in member_events(bob, room, alice.user_id))


def test_what_others_do_to_the_dead_is_unmarked(alice, bob, room):
    """A2: a ban over the marked leave, and its end, carry no key."""
    alice.join(room).ok()
    end(alice)
    wait_left(bob, alice.user_id, [room])
    bob.ban(room, alice.user_id, reason="for good").ok()
    assert member(bob, room, alice.user_id) == {"membership": "ban", "reason": "for good"}
    bob.unban(room, alice.user_id).ok()
    assert not has_key(member(bob, room, alice.user_id))
    assert sum(has_key(e["content"]) for e in member_events(bob, room, alice.user_id)) == 1


def test_observers_see_one_leave(alice, bob, person):
    """In the sync of everybody, each of the rooms, once."""
    carol = person("carol")
    rooms = [bob.create_room(preset="public_chat") for _ in range(5)]
    for room in rooms:
        alice.join(room).ok()
        carol.join(room).ok()
    readers = [Syncer(client, ALL) for client in (bob, carol)]
    for reader in readers:
        reader.step()
    known = {id(r): {room: len(r.events(room)) for room in rooms} for r in readers}
    end(alice)
    for reader in readers:
        reader.until(lambda s: all(
            s.state[room]["m.room.member", alice.user_id]["content"]["membership"] == "leave"
            for room in rooms))
        reader.step()
        for room in rooms:
            fresh = reader.events(room)[known[id(reader)][room]:]
            assert len(fresh) == 1, fresh
            assert_marked_leave(fresh[0], alice.user_id)


def test_gone_from_every_list(alice, bob, room):
    alice.join(room).ok()
    end(alice)
    wait_left(bob, alice.user_id, [room])
    assert alice.user_id not in bob.get(f"rooms/{room}/joined_members").ok()["joined"]
    joined = bob.members(room, membership="join").ok()["chunk"]
    assert alice.user_id not in [e["state_key"] for e in joined]


def test_redacted_leave_is_still_a_leave(alice, bob, room):
    """A5: redaction strips the key; nothing is marked, or left, again."""
    alice.join(room).ok()
    end(alice)
    wait_left(bob, alice.user_id, [room])
    leave = member_events(bob, room, alice.user_id)[-1]
    bob.put(f"rooms/{room}/redact/{leave['event_id']}/1", {}).ok()
    assert member(bob, room, alice.user_id) == {"membership": "leave"}
    assert len(member_events(bob, room, alice.user_id)) == 2


@pytest.mark.parametrize("path", ["invite", "state", "createRoom"])
def test_the_dead_cannot_be_invited(alice, bob, path, room):
    """BEYOND 31, on every path that invites."""
    end(alice)
    if path == "invite":
        bob.invite(room, alice.user_id).expect(403)
    elif path == "state":
        bob.set_state(room, "m.room.member", {"membership": "invite"}, alice.user_id).expect(403)
    else:
        answer = bob.post("createRoom", {"invite": [alice.user_id]})
        if answer.status != 200:
            answer.expect(403)
            return
        room = answer["room_id"]
    assert member(bob, room, alice.user_id) is None


def test_typing_ends(alice, bob, room):
    """BEYOND 33, as far as typing goes."""
    alice.join(room).ok()
    reader = Syncer(bob).until(lambda s: True)
    alice.put(f"rooms/{room}/typing/{alice.user_id}", {"typing": True, "timeout": 120000}).ok()

    def typing(part):
        events = part.last["rooms"]["join"].get(room, {}) if "rooms" in part.last else {}
        events = events.get("ephemeral", {}).get("events", []) if events else []
        return [e["content"]["user_ids"] for e in events if e["type"] == "m.typing"]
    reader.until(lambda s: [alice.user_id] in typing(s))
    end(alice)
    reader.until(lambda s: [] in typing(s))


def test_the_answer_does_not_wait_for_rooms(server, bob, person):
    """BEYOND 35: few rooms and many, in one run; the password's hash is in both."""
    rooms = [bob.create_room(preset="public_chat") for _ in range(200)]
    times = {}
    for count in (2, 200):
        client = person("many")
        for room in rooms[:count]:
            client.join(room).ok()
        body = {"auth": uia.password_auth(client)}
        started = time.monotonic()
        client.post("account/deactivate", body).ok()
        times[count] = time.monotonic() - started
        wait_left(bob, client.user_id, rooms[:count])
    assert times[200] < 2 * times[2] + 0.1, times


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_goes_on_after_a_restart(make_server, how):
    """BEYOND 21, 24: ended right after the 200, started again."""
    server = make_server({"deactivation.batch_rooms": 1})
    alice, bob = (Client(server).register(unique(n)) for n in ("alice", "bob"))
    rooms = [bob.create_room(preset="public_chat") for _ in range(30)]
    for room in rooms:
        alice.join(room).ok()
    end(alice)
    server.restart(clean=how == "SIGTERM")
    wait_left(bob, alice.user_id, rooms)
    for room in rooms:
        assert_one_marked_leave(bob, room, alice.user_id)
