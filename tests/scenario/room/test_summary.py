"""Summaries of rooms: who may see which, and what they say."""

import pytest

from harness.client import quote

RESTRICTED = "restricted"


def summary(client, room, **params):
    return client.get(f"/_matrix/client/v1/room_summary/{quote(room)}", params=params)


def make(client, rule="invite", visibility="shared", version="11", **body):
    state = [{"type": "m.room.join_rules", "content": rule if isinstance(rule, dict) else {"join_rule": rule}},
             {"type": "m.room.history_visibility", "content": {"history_visibility": visibility}},
             *body.pop("initial_state", [])]
    return client.create_room(room_version=version, initial_state=state, **body)


def test_what_it_says(alice, bob):
    room = make(alice, "public", "world_readable", name="Name", topic="Topic", room_alias_name="summary",
                creation_content={"type": "m.space"},
                initial_state=[{"type": "m.room.avatar", "content": {"url": "mxc://localhost/a"}},
                               {"type": "m.room.guest_access", "content": {"guest_access": "forbidden"}},
                               {"type": "m.room.encryption",
                                "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    wanted = {"room_id": room, "name": "Name", "topic": "Topic", "canonical_alias": "#summary:localhost",
              "avatar_url": "mxc://localhost/a", "num_joined_members": 1, "world_readable": True,
              "guest_can_join": False, "join_rule": "public", "room_type": "m.space",
              "encryption": "m.megolm.v1.aes-sha2", "room_version": "11"}
    assert summary(alice, room).ok().json == {**wanted, "membership": "join"}
    assert summary(bob, "#summary:localhost").ok().json == {**wanted, "membership": "leave"}
    assert summary(bob.anonymous(), room).ok().json == wanted
    assert summary(bob, room, via=["elsewhere.example", "localhost"]).ok()["room_id"] == room


@pytest.mark.parametrize("rule, visibility, version, seen_by_all", [
    ("public", "shared", "11", True),
    ("knock", "shared", "11", True),
    ("knock", "shared", "6", False),
    ("knock_restricted", "shared", "11", True),
    ("knock_restricted", "shared", "9", False),
    ("restricted", "shared", "11", False),
    ("invite", "shared", "11", False),
    ("private", "shared", "11", False),
    ("invite", "world_readable", "11", True),
    ("invite", "joined", "11", False),
    ("public", "joined", "11", True),
])
def test_who_may_see_it(alice, bob, rule, visibility, version, seen_by_all):
    room = make(alice, rule, visibility, version)
    assert summary(alice, room).ok()["join_rule"] == rule
    for other in (bob, bob.anonymous()):
        answer = summary(other, room)
        if seen_by_all:
            assert answer.ok()["room_version"] == version
        else:
            answer.expect(404, "M_NOT_FOUND")


def test_by_membership(alice, bob):
    room = make(alice)
    summary(bob, room).expect(404, "M_NOT_FOUND")
    alice.invite(room, bob.user_id).ok()
    assert summary(bob, room).ok()["membership"] == "invite"
    bob.join(room).ok()
    assert summary(bob, room).ok()["membership"] == "join"
    bob.leave(room).ok()
    summary(bob, room).expect(404, "M_NOT_FOUND")
    alice.ban(room, bob.user_id).ok()
    summary(bob, room).expect(404, "M_NOT_FOUND")


def test_of_the_banned(alice, bob):
    """They can neither join nor knock; what the world may read, they may."""
    room = make(alice, "public")
    alice.ban(room, bob.user_id).ok()
    summary(bob, room).expect(404, "M_NOT_FOUND")
    alice.set_state(room, "m.room.history_visibility", {"history_visibility": "world_readable"}).ok()
    assert summary(bob, room).ok()["membership"] == "ban"


def test_by_knocking(alice, bob):
    room = make(alice, "knock")
    bob.knock(room).ok()
    assert summary(bob, room).ok()["membership"] == "knock"


@pytest.mark.parametrize("rule", ["restricted", "knock_restricted"])
def test_restricted(alice, bob, rule):
    clubs = [alice.create_room(preset="public_chat") for _ in range(2)]
    allow = [{"type": "m.room_membership", "room_id": room} for room in clubs]
    allow += [{"type": "other", "room_id": clubs[0]}, {"type": "m.room_membership", "room_id": "x"}, 7]
    room = make(alice, {"join_rule": rule, "allow": allow})
    assert summary(alice, room).ok()["allowed_room_ids"] == clubs
    if rule == "restricted":
        summary(bob, room).expect(404, "M_NOT_FOUND")
    bob.join(clubs[1]).ok()
    assert summary(bob, room).ok()["allowed_room_ids"] == clubs
    alice.ban(room, bob.user_id).ok()
    summary(bob, room).expect(404, "M_NOT_FOUND")


@pytest.mark.parametrize("allow", [None, [], {}, "x", [None], [{"type": "m.room_membership"}]])
def test_odd_conditions(alice, bob, allow):
    room = make(alice, {"join_rule": "restricted", "allow": allow})
    assert "allowed_room_ids" not in summary(alice, room).ok().json
    summary(bob, room).expect(404, "M_NOT_FOUND")


def test_bad_input(alice, anonymous):
    for who in (alice, anonymous):
        summary(who, "!unknown:localhost").expect(404, "M_NOT_FOUND")
        summary(who, "#unknown:localhost").expect(404, "M_NOT_FOUND")
        summary(who, "#there:elsewhere.example").expect(404, "M_NOT_FOUND")
        for wrong in ("room", "@alice:localhost", "!", "#x"):
            summary(who, wrong).expect(400, "M_INVALID_PARAM")
    summary(alice.with_token("wrong"), "!unknown:localhost").expect(401, "M_UNKNOWN_TOKEN")
