"""Restricted rooms: who is in another room may come, and a local member vouches for it."""

import pytest

from harness import uia
from harness.rooms import RESTRICTED_VERSIONS, member, wait_left

KEY = "join_authorised_via_users_server"


def allow(*rooms):
    return [{"type": "m.room_membership", "room_id": room} for room in rooms]


def restricted(client, conditions, version="12", rule="restricted", **body):
    content = {"join_rule": rule}
    if conditions is not None:
        content["allow"] = conditions
    return client.create_room(room_version=version, initial_state=[
        {"type": "m.room.join_rules", "content": content}], **body)


@pytest.fixture
def club(alice):
    return alice.create_room(preset="public_chat")


@pytest.fixture(params=RESTRICTED_VERSIONS)
def version(request):
    return request.param


def test_members_of_the_other_room_join(alice, bob, club, version):
    room = restricted(alice, allow(club), version)
    bob.join(room).expect(403, "M_FORBIDDEN")
    bob.join(club).ok()
    bob.join(room).ok()
    content = member(alice, room, bob.user_id)
    assert content["membership"] == "join" and content[KEY] == alice.user_id


def test_one_condition_is_enough(alice, bob, club, version):
    other = alice.create_room(preset="public_chat")
    room = restricted(alice, allow(other, "!unknown:localhost", club), version)
    bob.join(club).ok()
    bob.join(room).ok()


def test_no_need_to_stay(alice, bob, club, version):
    """Conditions are looked at when joining only; coming back needs them anew."""
    room = restricted(alice, allow(club), version)
    bob.join(club).ok()
    bob.join(room).ok()
    bob.leave(club).ok()
    bob.send(room, "still here")
    bob.set_profile("displayname", "Bob").ok()
    bob.leave(room).ok()
    bob.join(room).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("state", ["invite", "leave", "ban", "knock"])
def test_only_joined_members_count(alice, bob, state):
    rule = "knock" if state == "knock" else "public"
    club = alice.create_room(initial_state=[{"type": "m.room.join_rules",
                                             "content": {"join_rule": rule}}])
    if state == "leave":
        bob.join(club).ok()
    {"invite": lambda: alice.invite(club, bob.user_id), "leave": lambda: bob.leave(club),
     "ban": lambda: alice.ban(club, bob.user_id), "knock": lambda: bob.knock(club)}[state]().ok()
    room = restricted(alice, allow(club))
    bob.join(room).expect(403, "M_FORBIDDEN")


def test_the_invited_need_no_condition(alice, bob, club, version):
    room = restricted(alice, allow(club), version)
    alice.invite(room, bob.user_id).ok()
    bob.join(room).ok()
    assert KEY not in member(alice, room, bob.user_id)


def test_the_banned_stay_out(alice, bob, club, version):
    room = restricted(alice, allow(club), version)
    bob.join(club).ok()
    alice.ban(room, bob.user_id).ok()
    bob.join(room).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("conditions", [
    None, [], "text", {}, [5], [None], ["!a:localhost"], [{}],
    [{"type": "m.room_membership"}], [{"type": "m.room_membership", "room_id": 5}],
    [{"type": "m.room_membership", "room_id": "no room"}], [{"room_id": "CLUB"}],
    [{"type": "org.example.other", "room_id": "CLUB"}],
], ids=str)
def test_improper_conditions_admit_nobody(alice, bob, club, conditions):
    if isinstance(conditions, list):
        conditions = [{k: club if v == "CLUB" else v for k, v in c.items()}
                      if isinstance(c, dict) else c for c in conditions]
    room = restricted(alice, conditions)
    bob.join(club).ok()
    bob.join(room).expect(403, "M_FORBIDDEN")


def test_rooms_unknown_here(alice, bob):
    room = restricted(alice, allow("!far:elsewhere.example", "!away:elsewhere.example"))
    bob.join(room).expect(400, "M_UNABLE_TO_AUTHORISE_JOIN")


def test_a_client_cannot_name_the_authoriser(alice, bob, club):
    """Neither in a body of /join nor in a member event of its own."""
    room = restricted(alice, allow(club))
    forged = {KEY: alice.user_id}
    bob.post(f"join/{room}", forged).expect(403, "M_FORBIDDEN")
    bob.set_state(room, "m.room.member", {"membership": "join", **forged},
                  bob.user_id).expect(403, "M_FORBIDDEN")
    assert member(alice, room, bob.user_id) is None
    public = alice.create_room(preset="public_chat")
    bob.set_state(public, "m.room.member", {"membership": "join", **forged}, bob.user_id).ok()
    assert member(alice, public, bob.user_id) == {"membership": "join"}


def test_who_vouches_may_invite(alice, bob, person, club):
    """With the power to invite taken from all but the admin, the admin vouches, and only joined."""
    carol, dora = person("carol"), person("dora")
    room = restricted(alice, allow(club), "11")
    for guest in (bob, carol, dora):
        guest.join(club).ok()
    bob.join(room).ok()
    levels = alice.state(room, "m.room.power_levels").ok().json
    alice.set_state(room, "m.room.power_levels", {**levels, "invite": 60}).ok()
    carol.join(room).ok()
    assert member(alice, room, carol.user_id)[KEY] == alice.user_id
    alice.leave(room).ok()
    dora.join(room).expect(400, "M_UNABLE_TO_GRANT_JOIN")


def test_an_ended_account_vouches_for_nobody(alice, bob, person, club):
    carol = person("carol")
    room = restricted(alice, allow(club), "11")
    for guest in (bob, carol):
        guest.join(club).ok()
    bob.join(room).ok()
    levels = alice.state(room, "m.room.power_levels").ok().json
    alice.set_state(room, "m.room.power_levels", {**levels, "invite": 60}).ok()
    uia.deactivate(alice).ok()
    carol.join(room).expect(400, "M_UNABLE_TO_GRANT_JOIN")
    wait_left(bob, alice.user_id, [room])


@pytest.mark.parametrize("version", ["6", "7"])
def test_versions_that_do_not_know_the_rule(alice, bob, club, version):
    room = restricted(alice, allow(club), version)
    bob.join(club).ok()
    bob.join(room).expect(403, "M_FORBIDDEN")
