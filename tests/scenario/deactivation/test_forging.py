"""Nobody can write the keys of an ended account: not for themselves, not for others (A1, A2, A3)."""

import json

import pytest

from harness.client import quote
from harness.rooms import STABLE, UNSTABLE, VERSIONS, has_key, history, member, path

KEYS = (UNSTABLE, STABLE)
VALUES = (True, False, 1, "true", None, {}, [])


@pytest.fixture
def room(alice, bob):
    room = bob.create_room(preset="public_chat")
    alice.join(room).ok()
    return room


def refused(answer):
    """403, and the sentence says what to do instead."""
    answer.expect(403)
    assert answer.errcode in ("M_FORBIDDEN", "M_BAD_JSON"), repr(answer)
    assert "account/deactivate" in answer["error"], repr(answer)


def assert_clean(client, room):
    events = history(client, room)
    assert events and not any(has_key(e["content"]) for e in events)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
@pytest.mark.parametrize("membership", ["join", "leave"])
def test_own_membership_by_state(alice, bob, room, key, value, membership):
    content = {"membership": membership, key: value}
    refused(alice.set_state(room, "m.room.member", content, alice.user_id))
    assert member(bob, room, alice.user_id)["membership"] == "join"
    assert_clean(bob, room)


@pytest.mark.parametrize("version", VERSIONS)
def test_in_every_version(alice, bob, version):
    room = bob.create_room(preset="public_chat", room_version=version)
    alice.join(room).ok()
    content = {"membership": "leave", UNSTABLE: True}
    refused(alice.set_state(room, "m.room.member", content, alice.user_id))
    assert_clean(bob, room)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("membership", ["leave", "ban", "invite"])
def test_of_others_by_state(alice, bob, room, key, membership):
    """Kick, ban and invite by the room's administrator."""
    target = alice.user_id if membership != "invite" else "@nobody:localhost"
    content = {"membership": membership, key: True}
    refused(bob.set_state(room, "m.room.member", content, target))
    assert_clean(bob, room)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", ["state path without a slash", "both keys", "beside a name"])
def test_forms(alice, bob, room, key, form):
    content = {"membership": "leave", key: True}
    if form == "both keys":
        content = {"membership": "leave", UNSTABLE: True, STABLE: False}
    elif form == "beside a name":
        content["displayname"] = "Alice"
    refused(alice.put(path(room, "state", "m.room.member", alice.user_id), content))
    assert_clean(bob, room)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("verb", ["join", "join by id", "leave", "kick", "ban", "unban", "invite",
                                  "forget"])
def test_membership_bodies(alice, bob, person, key, verb):
    """Refused or ignored; never stored."""
    room = bob.create_room(preset="public_chat")
    body = {key: True, "reason": "as asked", "content": {key: True}}
    if verb not in ("join", "join by id", "invite"):
        alice.join(room).ok()
    if verb == "unban":
        bob.ban(room, alice.user_id).ok()
    if verb == "forget":
        alice.leave(room).ok()
    if verb == "join by id":
        answer = alice.post(f"join/{quote(room)}", body)
    elif verb in ("join", "leave", "forget"):
        answer = alice.post(path(room, verb), body)
    else:
        answer = bob.post(path(room, verb), {**body, "user_id": alice.user_id})
    if answer.status != 200:
        refused(answer)
    assert_clean(bob, room)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("membership", ["join", "leave"])
def test_initial_state(bob, key, membership):
    """The creator's own membership, and that of others, in createRoom."""
    for target in (bob.user_id, "@nobody:localhost"):
        refused(bob.post("createRoom", {"initial_state": [
            {"type": "m.room.member", "state_key": target,
             "content": {"membership": membership, key: True}}]}))
    assert bob.get("joined_rooms").ok()["joined_rooms"] == []


@pytest.mark.parametrize("key", KEYS)
def test_as_a_message(alice, bob, room, key):
    """m.room.member without a state key is no membership; it is not sent at all."""
    answer = alice.send_call(room, {"membership": "leave", key: True}, kind="m.room.member")
    assert 400 <= answer.status < 404, repr(answer)
    assert_clean(bob, room)


@pytest.mark.parametrize("key", KEYS)
def test_key_given_twice(alice, bob, room, key):
    """Duplicate JSON keys: two readers of one event must not disagree."""
    body = f'{{"membership":"leave","{key}":false,"{key}":true}}'.encode()
    answer = alice.put(path(room, "state", "m.room.member", alice.user_id), data=body)
    answer.expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON")
    assert_clean(bob, room)


def test_key_with_escapes(alice, bob, room):
    """The key is compared as it reads, not as it is spelt."""
    body = b'{"membership":"leave","m.deactiv\\u0061ted":true}'
    refused(alice.put(path(room, "state", "m.room.member", alice.user_id), data=body))
    body = b'{"membership":"leave","org.matrix.msc3759.de\\u0061ctivated":true}'
    refused(alice.put(path(room, "state", "m.room.member", alice.user_id), data=body))
    assert_clean(bob, room)


@pytest.mark.parametrize("field", ["displayname", "avatar_url"])
def test_in_the_profile(alice, bob, room, field):
    answer = alice.put(f"profile/{quote(alice.user_id)}/{field}",
                       {field: "mxc://localhost/a", UNSTABLE: True, STABLE: True})
    assert answer.status in (200, 400, 403), repr(answer)
    assert_clean(bob, room)


@pytest.mark.parametrize("verb", ["leave", "kick", "ban", "unban"])
def test_ordinary_departures_are_unmarked(alice, bob, room, verb):
    """MUST 11."""
    if verb == "leave":
        alice.post(path(room, "leave"), {"reason": "tired"}).ok()
        assert member(bob, room, alice.user_id)["reason"] == "tired"
    else:
        (bob.kick if verb == "kick" else bob.ban)(room, alice.user_id).ok()
    if verb == "unban":
        bob.unban(room, alice.user_id).ok()
    assert_clean(bob, room)
