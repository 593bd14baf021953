"""Knocking: the knock, its acceptance, refusal and withdrawal, and what /sync shows of each."""

import pytest

from harness import uia
from harness.client import quote, unique
from harness.rooms import (ALL_VERSIONS, KNOCK_VERSIONS, assert_one_marked_leave, member,
                           member_events, wait_left)
from harness.sync import Syncer

STRIPPED = {"m.room.create", "m.room.name", "m.room.avatar", "m.room.topic", "m.room.join_rules",
            "m.room.canonical_alias", "m.room.encryption"}
FULL = [{"type": "m.room.avatar", "content": {"url": "mxc://localhost/a"}},
        {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}},
        {"type": "m.room.join_rules", "content": {"join_rule": "knock"}}]


def door(client, version="12", rule="knock", **body):
    state = [{"type": "m.room.join_rules", "content": {"join_rule": rule}}]
    return client.create_room(room_version=version, initial_state=state, **body)


def membership(client, room, user_id):
    content = member(client, room, user_id)
    return content and content["membership"]


@pytest.fixture(params=KNOCK_VERSIONS)
def version(request):
    return request.param


def test_accepted(alice, bob, version):
    room = door(alice, version)
    bob.set_profile("displayname", "Bob").ok()
    assert bob.knock(room, reason="let me in").ok().json == {"room_id": room}
    assert member(alice, room, bob.user_id) == {
        "membership": "knock", "displayname": "Bob", "reason": "let me in"}
    bob.join(room).expect(403, "M_FORBIDDEN")
    alice.invite(room, bob.user_id).ok()
    assert membership(alice, room, bob.user_id) == "invite"
    bob.join(room).ok()
    assert membership(alice, room, bob.user_id) == "join"


@pytest.mark.parametrize("verb,after", [("kick", "leave"), ("ban", "ban")])
def test_refused(alice, bob, version, verb, after):
    room = door(alice, version)
    bob.knock(room).ok()
    reader = Syncer(bob)
    reader.step()
    getattr(alice, verb)(room, bob.user_id, reason="no").ok()
    answer = reader.step(timeout_ms=5000)
    left = answer["rooms"]["leave"][room]
    [event] = left["timeline"]["events"]
    assert event["content"] == {"membership": after, "reason": "no"}
    assert event["sender"] == alice.user_id and left["state"]["events"] == []
    if after == "ban":
        bob.knock(room).expect(403, "M_FORBIDDEN")
    else:
        bob.knock(room).ok()


def test_withdrawn(alice, bob, version):
    room = door(alice, version)
    bob.knock(room).ok()
    bob.leave(room, reason="changed my mind").ok()
    assert member(alice, room, bob.user_id) == {"membership": "leave",
                                                "reason": "changed my mind"}
    alice.kick(room, bob.user_id).expect(403, "M_FORBIDDEN")


def test_withdrawn_by_state(alice, bob):
    room = door(alice)
    bob.set_state(room, "m.room.member", {"membership": "knock"}, bob.user_id).ok()
    assert membership(alice, room, bob.user_id) == "knock"
    bob.set_state(room, "m.room.member", {"membership": "leave"}, bob.user_id).ok()
    assert membership(alice, room, bob.user_id) == "leave"


def test_knock_state(alice, bob):
    """Stripped state: the listed types and the knock itself, in stripped form."""
    name = unique("door")
    room = alice.create_room(room_alias_name=name, name="Door", topic="Knock", initial_state=FULL)
    assert bob.knock(f"#{name}:localhost").ok().json == {"room_id": room}
    reader = Syncer(bob)
    answer = reader.step()
    part = answer["rooms"]["knock"][room]
    assert set(part) == {"knock_state"}
    events = part["knock_state"]["events"]
    assert all(set(e) == {"type", "state_key", "sender", "content"} for e in events)
    kinds = [e["type"] for e in events]
    assert sorted(kinds) == sorted(STRIPPED | {"m.room.member"})
    assert reader.state[room]["m.room.member", bob.user_id]["content"]["membership"] == "knock"
    assert reader.state[room]["m.room.name", ""]["content"] == {"name": "Door"}
    assert all(room not in answer["rooms"].get(k, {}) for k in ("join", "invite", "leave"))


def test_sync_tells_each_step(alice, bob):
    """The knocker's long-polls: knock, invite, join; and the room sees the knock come."""
    room = door(alice)
    reader, inside = Syncer(bob), Syncer(alice)
    reader.step()
    inside.step()
    bob.knock(room).ok()
    assert room in reader.step(timeout_ms=5000)["rooms"]["knock"]
    inside.step(timeout_ms=5000)
    assert inside.state[room]["m.room.member", bob.user_id]["content"]["membership"] == "knock"
    assert room not in reader.step().get("rooms", {}).get("knock", {})
    assert room in reader.step(full_state=True)["rooms"]["knock"]
    alice.invite(room, bob.user_id).ok()
    answer = reader.step(timeout_ms=5000)
    assert room in answer["rooms"]["invite"] and room not in answer["rooms"]["knock"]
    bob.join(room).ok()
    assert room in reader.step(timeout_ms=5000)["rooms"]["join"]


def test_the_knocker_reads_nothing(alice, bob):
    room = door(alice)
    event_id = alice.send(room, "secret")
    bob.knock(room).ok()
    bob.get(f"rooms/{quote(room)}/event/{quote(event_id)}").expect(404, "M_NOT_FOUND")
    bob.messages(room).expect(403, "M_FORBIDDEN")
    bob.state(room, "m.room.create").expect(403, "M_FORBIDDEN")
    bob.get(f"rooms/{quote(room)}/joined_members").expect(403, "M_FORBIDDEN")
    assert bob.get("joined_rooms").ok()["joined_rooms"] == []


def test_who_may_not_knock(alice, bob, person):
    room = door(alice)
    alice.knock(room).expect(403, "M_FORBIDDEN")
    alice.invite(room, bob.user_id).ok()
    bob.knock(room).expect(403, "M_FORBIDDEN")
    assert membership(alice, room, bob.user_id) == "invite"
    carol = person("carol")
    alice.ban(room, carol.user_id).ok()
    carol.knock(room).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("rule", ["public", "invite", "private", "org.example.odd"])
def test_rooms_that_take_no_knocks(alice, bob, rule):
    room = door(alice, rule=rule)
    bob.knock(room).expect(403, "M_FORBIDDEN")
    assert membership(alice, room, bob.user_id) is None


@pytest.mark.parametrize("version", ALL_VERSIONS[:6])
def test_versions_without_knocks(alice, bob, version):
    room = door(alice, version)
    bob.knock(room).expect(403, "M_FORBIDDEN")


def test_knock_restricted(alice, bob, person):
    """Knocking and joining by another room side by side, from version 10 on."""
    club = alice.create_room(preset="public_chat")
    for version in ("9", "10", "12"):
        room = alice.create_room(room_version=version, initial_state=[{
            "type": "m.room.join_rules", "content": {
                "join_rule": "knock_restricted",
                "allow": [{"type": "m.room_membership", "room_id": club}]}}])
        if version == "9":
            bob.knock(room).expect(403, "M_FORBIDDEN")
            continue
        bob.knock(room).ok()
        carol = person("carol")
        carol.join(club).ok()
        carol.join(room).ok()
        assert member(alice, room, carol.user_id)[
            "join_authorised_via_users_server"] == alice.user_id


def test_knocking_again(alice, bob):
    """Without a new reason nothing is sent; a new reason is news."""
    room = door(alice)
    for _ in range(3):
        bob.knock(room, reason="please").ok()
        bob.knock(room).ok()
    assert len(member_events(alice, room, bob.user_id)) == 1
    bob.knock(room, reason="pretty please").ok()
    assert len(member_events(alice, room, bob.user_id)) == 2


def test_errors(alice, bob, anonymous):
    room = door(alice)
    bob.knock("!nowhere:localhost").expect(404, "M_NOT_FOUND")
    bob.knock(f"#{unique()}:localhost").expect(404, "M_NOT_FOUND")
    bob.knock("neither").expect(400, "M_INVALID_PARAM")
    bob.knock(room, reason=5).expect(400)
    anonymous.knock(room).expect(401, "M_MISSING_TOKEN")
    bob.knock(room, **{"org.matrix.msc3759.deactivated": True}).expect(403, "M_FORBIDDEN")
    assert membership(alice, room, bob.user_id) is None


def test_an_ended_account_knocks_no_more(alice, bob):
    """Its knock ends in one marked leave, and no new one comes; it cannot be let in either."""
    room, other = door(alice), door(alice)
    bob.knock(room, reason="hello").ok()
    ended = bob.with_token(bob.token)
    uia.deactivate(bob).ok()
    wait_left(alice, bob.user_id, [room])
    assert_one_marked_leave(alice, room, bob.user_id)
    ended.knock(other).expect(401, "M_UNKNOWN_TOKEN")
    alice.invite(room, bob.user_id).expect(403, "M_FORBIDDEN")
    assert membership(alice, other, bob.user_id) is None


def test_a_forgotten_room_can_be_knocked_on(alice, bob):
    room = door(alice)
    bob.knock(room).ok()
    bob.post(f"rooms/{quote(room)}/forget").expect(400, "M_UNKNOWN")
    bob.leave(room).ok()
    bob.post(f"rooms/{quote(room)}/forget").ok()
    bob.knock(room).ok()
    reader = Syncer(bob)
    assert room in reader.step()["rooms"]["knock"]


def test_knock_again_after_a_ban_is_lifted(alice, bob):
    room = door(alice)
    bob.knock(room).ok()
    alice.ban(room, bob.user_id).ok()
    bob.knock(room).expect(403, "M_FORBIDDEN")
    alice.unban(room, bob.user_id).ok()
    bob.knock(room).ok()
    assert membership(alice, room, bob.user_id) == "knock"


def test_a_knock_does_not_outlive_the_rule(alice, bob):
    """Somebody who knocks may still be invited, or withdraw, when the room takes no knocks any more."""
    room = door(alice)
    bob.knock(room).ok()
    alice.set_state(room, "m.room.join_rules", {"join_rule": "invite"}).ok()
    assert membership(alice, room, bob.user_id) == "knock"
    alice.invite(room, bob.user_id).ok()
    bob.join(room).ok()


def test_join_after_the_rule_became_public(alice, bob):
    room = door(alice)
    bob.knock(room).ok()
    alice.set_state(room, "m.room.join_rules", {"join_rule": "public"}).ok()
    bob.join(room).ok()
    assert membership(alice, room, bob.user_id) == "join"


@pytest.mark.parametrize("where, status, errcode", [
    ("no room", 400, "M_INVALID_PARAM"), ("@bob:localhost", 400, "M_INVALID_PARAM"),
    ("#unknown:localhost", 404, "M_NOT_FOUND"), ("!unknown:localhost", 404, "M_NOT_FOUND"),
])
def test_where_nobody_can_knock(bob, where, status, errcode):
    bob.knock(where).expect(status, errcode)


@pytest.mark.parametrize("body, errcode", [({"reason": 5}, "M_BAD_JSON"), ({"reason": []}, "M_BAD_JSON")])
def test_bad_knocks(alice, bob, body, errcode):
    room = door(alice)
    bob.post(f"knock/{quote(room)}", body).expect(400, errcode)
    assert membership(alice, room, bob.user_id) is None
