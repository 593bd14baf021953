"""Stripped state of invites and knocks."""

import pytest

from harness.parts import events, places, section
from harness.sync import Syncer

ALWAYS = {("m.room.create", ""), ("m.room.join_rules", "")}
WHOLE = ALWAYS | {("m.room.name", ""), ("m.room.avatar", ""), ("m.room.topic", ""), ("m.room.canonical_alias", ""),
                  ("m.room.encryption", "")}


def full_room(alice):
    return alice.create_room(
        name="Name", topic="Topic", room_alias_name=f"alias-of-{alice.localpart}", initial_state=[
            {"type": "m.room.avatar", "content": {"url": "mxc://localhost/a"}},
            {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}},
            {"type": "m.room.join_rules", "content": {"join_rule": "knock"}},
            {"type": "org.example.secret", "content": {"key": "value"}}])


@pytest.mark.parametrize("kind", ["invite", "knock"])
def test_what_it_holds(alice, bob, kind):
    room = full_room(alice)
    (lambda: alice.invite(room, bob.user_id) if kind == "invite" else bob.knock(room))().ok()
    name, part = section(bob.sync_call().ok().json, room)
    found = events(part, f"{kind}_state")
    assert name == kind and set(part) == {f"{kind}_state"}
    own = {("m.room.member", bob.user_id)}
    host = {("m.room.member", alice.user_id)} if kind == "invite" else set()
    assert places(found) == WHOLE | own | host
    assert len(found) == len(places(found))
    assert all(set(e) == {"type", "state_key", "content", "sender"} for e in found)
    assert found[-1]["state_key"] == bob.user_id and found[-1]["content"]["membership"] == kind


def test_of_a_plain_room(alice, bob):
    room = alice.create_room(invite=[bob.user_id])
    _, part = section(bob.sync_call().ok().json, room)
    assert places(events(part, "invite_state")) == ALWAYS | {
        ("m.room.member", alice.user_id), ("m.room.member", bob.user_id)}


def test_who_invites_is_shown_with_the_name(alice, bob):
    alice.set_profile("displayname", "Alice").ok()
    room = alice.create_room(invite=[bob.user_id], is_direct=True)
    _, part = section(bob.sync_call().ok().json, room)
    by_key = {e["state_key"]: e["content"] for e in events(part, "invite_state") if e["type"] == "m.room.member"}
    assert by_key[alice.user_id]["displayname"] == "Alice"
    assert by_key[bob.user_id]["is_direct"] is True


def test_it_is_the_state_of_the_invite(alice, bob):
    """What changes later is not theirs to hear; another invite tells the state anew."""
    room = full_room(alice)
    alice.invite(room, bob.user_id).ok()
    reader = Syncer(bob)
    reader.step()
    alice.set_state(room, "m.room.name", {"name": "Later"}).ok()
    assert section(reader.step(), room)[0] == ""
    names = [e["content"]["name"] for e in events(section(bob.sync_call().ok().json, room)[1], "invite_state")
             if e["type"] == "m.room.name"]
    assert names == ["Name"]
    bob.leave(room).ok()
    alice.invite(room, bob.user_id).ok()
    names = [e["content"]["name"] for e in events(section(reader.step(), room)[1], "invite_state")
             if e["type"] == "m.room.name"]
    assert names == ["Later"]


@pytest.mark.parametrize("version", ["1", "9", "11", "12"])
def test_create_in_every_version(alice, bob, version):
    room = alice.create_room(room_version=version, invite=[bob.user_id])
    _, part = section(bob.sync_call().ok().json, room)
    assert ("m.room.create", "") in places(events(part, "invite_state"))
