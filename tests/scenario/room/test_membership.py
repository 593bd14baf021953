"""Join, invite, leave, forget, kick, ban, unban, with the power rules."""

import pytest

from harness.client import quote, unique
from harness.rooms import VERSIONS, history, member, path
from harness.sync import Syncer


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def room(alice, version):
    return alice.create_room(preset="public_chat", room_version=version)


@pytest.fixture
def private(alice, version):
    return alice.create_room(room_version=version)


def mod(alice, room, user_id, level=50):
    levels = alice.state(room, "m.room.power_levels").ok().json
    levels.setdefault("users", {})[user_id] = level
    alice.set_state(room, "m.room.power_levels", levels).ok()


def membership(client, room, user_id):
    content = member(client, room, user_id)
    return content and content["membership"]


def test_join_both_ways(alice, bob, person, room):
    carol = person("carol")
    assert bob.post(path(room, "join")).ok().json == {"room_id": room}
    assert carol.join(room).ok().json == {"room_id": room}
    assert set(alice.get(path(room, "joined_members")).ok()["joined"]) == {
        alice.user_id, bob.user_id, carol.user_id}


def test_join_twice_makes_one_event(alice, bob, room):
    for _ in range(3):
        bob.join(room).ok()
    joins = [e for e in history(alice, room) if e.get("state_key") == bob.user_id]
    assert len(joins) == 1


def test_join_carries_profile_and_reason(alice, bob, room):
    bob.set_profile("displayname", "Bobby").ok()
    bob.post(path(room, "join"), {"reason": "why not"}).ok()
    content = member(alice, room, bob.user_id)
    assert content["membership"] == "join" and content["displayname"] == "Bobby"
    assert content["reason"] == "why not"


def test_profile_spreads_to_rooms(alice, bob, room):
    bob.join(room).ok()
    bob.set_profile("displayname", "Robert").ok()
    Syncer(alice).until(lambda s: s.state[room]["m.room.member", bob.user_id]["content"].get(
        "displayname") == "Robert")


def test_private_needs_an_invite(alice, bob, private):
    bob.join(private).expect(403, "M_FORBIDDEN")
    alice.invite(private, bob.user_id).ok()
    assert membership(alice, private, bob.user_id) == "invite"
    bob.join(private).ok()
    assert membership(alice, private, bob.user_id) == "join"


def test_invite_carries_profile(alice, bob, private):
    bob.set_profile("displayname", "Bobby").ok()
    alice.post(path(private, "invite"), {"user_id": bob.user_id, "reason": "come"}).ok()
    content = member(alice, private, bob.user_id)
    assert content["displayname"] == "Bobby" and content["reason"] == "come"


def test_invite_of_the_joined_and_the_banned(alice, bob, private):
    alice.invite(private, bob.user_id).ok()
    bob.join(private).ok()
    alice.invite(private, bob.user_id).expect(403, "M_FORBIDDEN")
    alice.ban(private, bob.user_id).ok()
    alice.invite(private, bob.user_id).expect(403)


def test_invite_by_outsiders(alice, bob, person, room):
    bob.invite(room, person("carol").user_id).expect(403, "M_FORBIDDEN")


def test_invite_power(alice, bob, person, private):
    levels = alice.state(private, "m.room.power_levels").ok().json
    alice.invite(private, bob.user_id).ok()
    bob.join(private).ok()
    alice.set_state(private, "m.room.power_levels", {**levels, "invite": 50}).ok()
    bob.invite(private, person("carol").user_id).expect(403, "M_FORBIDDEN")


def test_leave_and_return(alice, bob, room):
    bob.join(room).ok()
    assert bob.leave(room).ok().json == {}
    assert membership(alice, room, bob.user_id) == "leave"
    bob.send_call(room, {"body": "x", "msgtype": "m.text"}).expect(403, "M_FORBIDDEN")
    bob.join(room).ok()
    assert membership(alice, room, bob.user_id) == "join"


def test_leave_is_idempotent(alice, bob, room):
    bob.join(room).ok()
    bob.leave(room).ok()
    count = len(history(alice, room))
    answer = bob.leave(room)
    assert answer.status in (200, 403), repr(answer)
    assert len(history(alice, room)) == count


def test_leave_what_one_was_never_in(bob, room):
    bob.leave(room).expect(403)


def test_reject_an_invite(alice, bob, private):
    alice.invite(private, bob.user_id).ok()
    bob.leave(private).ok()
    assert membership(alice, private, bob.user_id) == "leave"
    bob.join(private).expect(403, "M_FORBIDDEN")


def test_forget(alice, bob, room):
    bob.join(room).ok()
    bob.post(path(room, "forget")).expect(400)
    bob.leave(room).ok()
    bob.messages(room).ok()
    assert bob.post(path(room, "forget")).ok().json == {}
    bob.messages(room).expect(403, "M_FORBIDDEN")
    reader = Syncer(bob, {"room": {"include_leave": True}})
    reader.step()
    assert room not in reader.membership
    bob.join(room).ok()
    bob.messages(room).ok()


def remembered(client):
    reader = Syncer(client, {"room": {"include_leave": True}})
    reader.step()
    return reader.membership


def test_forgetting_again_and_what_was_never_there(alice, bob, room):
    bob.post(path(room, "forget")).expect(400, "M_UNKNOWN")
    bob.post(path("!unknown:localhost", "forget")).expect(400, "M_UNKNOWN")
    bob.post(path("no room", "forget")).expect(400, "M_UNKNOWN")
    bob.join(room).ok()
    bob.leave(room).ok()
    for _ in range(3):
        assert bob.post(path(room, "forget")).ok().json == {}
    assert room not in remembered(bob)
    bob.anonymous().post(path(room, "forget")).expect(401, "M_MISSING_TOKEN")


def test_a_forgotten_room_stays_forgotten(alice, bob, room):
    """Until the user comes back, is invited or knocks; whatever others do meanwhile."""
    bob.join(room).ok()
    bob.leave(room).ok()
    bob.post(path(room, "forget")).ok()
    alice.ban(room, bob.user_id).ok()
    assert room not in remembered(bob)
    alice.unban(room, bob.user_id).ok()
    assert room not in remembered(bob)
    bob.messages(room).expect(403, "M_FORBIDDEN")
    alice.invite(room, bob.user_id).ok()
    assert remembered(bob)[room] == "invite"
    bob.post(path(room, "forget")).expect(400, "M_UNKNOWN")
    bob.leave(room).ok()
    assert remembered(bob)[room] == "leave"
    bob.post(path(room, "forget")).ok()
    bob.join(room).ok()
    assert remembered(bob)[room] == "join"


def test_forgetting_a_ban_and_a_kick(alice, bob, room):
    for verb in (alice.kick, alice.ban):
        bob.join(room).ok()
        verb(room, bob.user_id).ok()
        bob.post(path(room, "forget")).ok()
        bob.messages(room).expect(403, "M_FORBIDDEN")
        assert room not in remembered(bob)
    bob.join(room).expect(403, "M_FORBIDDEN")


def test_forgetting_a_refused_invite(alice, bob, private):
    alice.invite(private, bob.user_id).ok()
    bob.post(path(private, "forget")).expect(400, "M_UNKNOWN")
    bob.leave(private).ok()
    bob.post(path(private, "forget")).ok()
    assert private not in remembered(bob)
    alice.invite(private, bob.user_id).ok()
    assert remembered(bob)[private] == "invite"


def test_kick(alice, bob, room):
    bob.join(room).ok()
    alice.kick(room, bob.user_id, reason="noise").ok()
    assert member(alice, room, bob.user_id) == {"membership": "leave", "reason": "noise"}
    event = [e for e in history(alice, room) if e.get("state_key") == bob.user_id][-1]
    assert event["sender"] == alice.user_id
    alice.kick(room, bob.user_id).expect(403)


def test_kick_withdraws_an_invite(alice, bob, private):
    alice.invite(private, bob.user_id).ok()
    alice.kick(private, bob.user_id).ok()
    bob.join(private).expect(403, "M_FORBIDDEN")


def test_ban_and_unban(alice, bob, room):
    bob.join(room).ok()
    alice.ban(room, bob.user_id, reason="spam").ok()
    assert member(alice, room, bob.user_id) == {"membership": "ban", "reason": "spam"}
    bob.join(room).expect(403)
    bob.leave(room).expect(403)
    bob.send_call(room, {"body": "x", "msgtype": "m.text"}).expect(403, "M_FORBIDDEN")
    alice.unban(room, bob.user_id).ok()
    assert membership(alice, room, bob.user_id) == "leave"
    bob.join(room).ok()


def test_ban_a_stranger(alice, room):
    stranger = f"@{unique('stranger')}:localhost"
    alice.ban(room, stranger).ok()
    assert membership(alice, room, stranger) == "ban"


def test_unban_of_the_not_banned(alice, bob, room):
    bob.join(room).ok()
    answer = alice.unban(room, bob.user_id)
    assert answer.status in (400, 403), repr(answer)
    assert membership(alice, room, bob.user_id) == "join"


def test_kick_does_not_lift_a_ban(alice, bob, room):
    alice.ban(room, bob.user_id).ok()
    alice.kick(room, bob.user_id).expect(403)
    assert membership(alice, room, bob.user_id) == "ban"


@pytest.mark.parametrize("verb", ["kick", "ban", "unban"])
def test_power(alice, bob, person, room, verb):
    """Plain members may not; moderators may below their own level, never above or beside."""
    carol = person("carol")
    for client in (bob, carol):
        client.join(room).ok()
    call = {"kick": bob.kick, "ban": bob.ban, "unban": bob.unban}[verb]
    if verb == "unban":
        alice.ban(room, carol.user_id).ok()
    call(room, carol.user_id).expect(403, "M_FORBIDDEN")
    mod(alice, room, bob.user_id)
    if verb != "unban":
        call(room, alice.user_id).expect(403, "M_FORBIDDEN")
        mod(alice, room, carol.user_id)
        call(room, carol.user_id).expect(403, "M_FORBIDDEN")
        mod(alice, room, carol.user_id, 0)
    call(room, carol.user_id).ok()


@pytest.mark.parametrize("verb", ["invite", "kick", "ban", "unban"])
@pytest.mark.parametrize("body", [{}, {"user_id": 5}, {"user_id": None}, {"user_id": "nobody"},
                                  {"user_id": "@" + "a" * 255 + ":localhost"},
                                  {"user_id": "@bob:localhost", "reason": 5}],
                         ids=lambda v: str(v)[:60])
def test_bad_bodies(alice, verb, body):
    room = alice.create_room(preset="public_chat")
    answer = alice.post(path(room, verb), body).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_MISSING_PARAM", "M_INVALID_PARAM"), repr(answer)


@pytest.mark.parametrize("verb", ["join", "leave", "invite", "kick", "ban", "unban", "forget"])
@pytest.mark.parametrize("room_id", ["!nothing:localhost", "!" + "a" * 43])
def test_rooms_that_are_not_there(alice, bob, verb, room_id):
    answer = alice.post(path(room_id, verb), {"user_id": bob.user_id})
    assert answer.status in (400, 403, 404), repr(answer)


@pytest.mark.parametrize("room_id", ["nothing", "!" + "a" * 256 + ":localhost", "#a", "$x:localhost",
                                     "@bob:localhost", "#" + "a" * 256 + ":localhost"],
                         ids=lambda v: v[:12])
def test_malformed_room_to_join(alice, room_id):
    answer = alice.post(f"join/{quote(room_id)}").expect(400)
    assert answer.errcode == "M_INVALID_PARAM", repr(answer)


def test_join_by_unknown_alias(alice):
    alice.join("#nothing-like-it:localhost").expect(404, "M_NOT_FOUND")


def test_joined_rooms(alice, bob, room):
    other = alice.create_room(preset="public_chat")
    assert bob.get("joined_rooms").ok()["joined_rooms"] == []
    for each in (room, other):
        bob.join(each).ok()
    assert set(bob.get("joined_rooms").ok()["joined_rooms"]) == {room, other}
    bob.leave(room).ok()
    assert bob.get("joined_rooms").ok()["joined_rooms"] == [other]


def test_join_rules_change(alice, bob, person, room):
    alice.set_state(room, "m.room.join_rules", {"join_rule": "invite"}).ok()
    bob.join(room).expect(403, "M_FORBIDDEN")
    alice.set_state(room, "m.room.join_rules", {"join_rule": "private"}).ok()
    alice.invite(room, bob.user_id).ok()
    alice.set_state(room, "m.room.join_rules", {"join_rule": "public"}).ok()
    person("carol").join(room).ok()


def test_restricted_join(alice, bob, person, version):
    """Members of another room may come in."""
    door = alice.create_room(preset="public_chat")
    room = alice.create_room(room_version=version, initial_state=[
        {"type": "m.room.join_rules", "content": {"join_rule": "restricted", "allow": [
            {"type": "m.room_membership", "room_id": door}]}}])
    bob.join(room).expect(403, "M_FORBIDDEN")
    bob.join(door).ok()
    bob.join(room).ok()
    content = member(alice, room, bob.user_id)
    assert content["join_authorised_via_users_server"] == alice.user_id
    alice.invite(room, person("carol").user_id).ok()
