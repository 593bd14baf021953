"""Users who are ignored, and invites that are not taken."""

import pytest

from harness.client import Client, quote, unique
from harness.rooms import ALL, history, member, path
from harness.sync import Syncer
from harness.uia import deactivate

IGNORED = "m.ignored_user_list"
PERMISSION = "m.invite_permission_config"


def ignore(client, *user_ids):
    content = {"ignored_users": {user_id: {} for user_id in user_ids}}
    client.set_account_data(IGNORED, content).ok()


def bodies(events):
    return [e["content"]["body"] for e in events if e["type"] == "m.room.message"]


@pytest.fixture
def carol(person):
    return person("carol")


@pytest.fixture
def room(alice, bob, carol):
    """Alice's room, with the two others in it."""
    made = alice.create_room(preset="public_chat")
    for client in (bob, carol):
        client.join(made).ok()
    return made


def test_in_sync(alice, bob, carol, room):
    reader = Syncer(alice, ALL)
    reader.step()
    ignore(alice, bob.user_id)
    bob.send(room, "unheard")
    carol.send(room, "heard")
    reader.step()
    assert bodies(reader.events(room)) == ["heard"]
    assert not reader.last["rooms"]["join"][room]["timeline"]["limited"]
    ignore(alice)
    bob.send(room, "heard again")
    reader.step()
    assert bodies(reader.events(room)) == ["heard", "heard again"], "and not what was missed"
    fresh = Syncer(alice, ALL)
    fresh.step()
    assert bodies(fresh.events(room)) == ["unheard", "heard", "heard again"], "a fresh sync has it"


def test_a_sync_without_news_waits(alice, bob, carol, room):
    """What nobody is shown does not end a long poll."""
    ignore(alice, bob.user_id)
    since = alice.sync_call().ok()["next_batch"]
    bob.send(room, "unheard")
    answer = alice.sync_call(since, timeout_ms=300).ok()
    assert room not in answer["rooms"]["join"]
    carol.send(room, "heard")
    answer = alice.sync_call(answer["next_batch"], timeout_ms=10_000).ok()
    assert bodies(answer["rooms"]["join"][room]["timeline"]["events"]) == ["heard"]


def test_the_limit_counts_what_is_shown(alice, bob, carol, room):
    ignore(alice, bob.user_id)
    since = alice.sync_call().ok()["next_batch"]
    for number in range(4):
        carol.send(room, f"heard {number}")
        for _ in range(5):
            bob.send(room, "unheard")
    limit = {"room": {"timeline": {"limit": 3}}}
    timeline = alice.sync_call(since, filter=limit).ok()["rooms"]["join"][room]["timeline"]
    assert bodies(timeline["events"]) == ["heard 1", "heard 2", "heard 3"]
    assert timeline["limited"]
    older = alice.messages(room, **{"from": timeline["prev_batch"], "limit": 1}).ok()["chunk"]
    assert bodies(older) == ["heard 0"]


def test_state_is_shown(alice, bob, room):
    """A room's state is the same for everybody, whoever set it."""
    alice.set_state(room, "m.room.power_levels", {"users": {bob.user_id: 50}, "state_default": 50}).ok()
    reader = Syncer(alice, ALL)
    reader.step()
    ignore(alice, bob.user_id)
    bob.set_state(room, "m.room.topic", {"topic": "his"}).ok()
    bob.set_profile("displayname", "Robert").ok()
    reader.until(lambda r: r.state[room]["m.room.member", bob.user_id]["content"].get("displayname") == "Robert")
    assert reader.state[room]["m.room.topic", ""]["content"] == {"topic": "his"}
    assert "m.room.topic" in [e["type"] for e in history(alice, room)]
    assert alice.state(room, "m.room.topic").ok().json == {"topic": "his"}


def test_in_history(alice, bob, carol, room):
    unheard = bob.send(room, "unheard")
    heard = carol.send(room, "heard")
    ignore(alice, bob.user_id)
    assert bodies(history(alice, room)) == ["heard"]
    assert bodies(history(bob, room)) == ["unheard", "heard"], "nobody else is touched"
    context = alice.get(path(room, "context", heard)).ok()
    assert bodies(context["events_before"]) == []
    alice.get(path(room, "event", unheard)).expect(404, "M_NOT_FOUND")
    alice.get(path(room, "context", unheard)).expect(404, "M_NOT_FOUND")
    ignore(alice)
    assert bodies(history(alice, room)) == ["unheard", "heard"]
    alice.get(path(room, "event", unheard)).ok()


def test_members_at_an_ignored_message(alice, bob, room):
    """A token at a message of theirs is as good as any other."""
    ignore(alice, bob.user_id)
    bob.send(room, "unheard")
    token = alice.sync_call().ok()["next_batch"]
    alice.send(room, "later")
    assert len(alice.members(room, at=token).ok()["chunk"]) == 3


def test_invites(alice, bob, carol):
    """Not shown, though they stand; and those of others are."""
    since = alice.sync_call().ok()["next_batch"]
    ignore(alice, bob.user_id)
    hidden = bob.create_room(invite=[alice.user_id])
    shown = carol.create_room(invite=[alice.user_id])
    for token in (since, None):
        assert set(alice.sync_call(token).ok()["rooms"]["invite"]) == {shown}
    assert member(bob, hidden, alice.user_id)["membership"] == "invite"
    ignore(alice)
    assert set(alice.sync_call().ok()["rooms"]["invite"]) == {shown, hidden}
    alice.join(hidden).ok()


@pytest.mark.parametrize("content", [
    {}, {"ignored_users": None}, {"ignored_users": []}, {"ignored_users": "x"}, {"ignored_users": {"": {}}},
    {"ignored_users": {"nonsense": {}, "@": {}, "!room:localhost": {}}}, {"other": {}}], ids=str)
def test_lists_that_name_nobody(alice, bob, room, content):
    alice.set_account_data(IGNORED, content).ok()
    bob.send(room, "heard")
    assert bodies(history(alice, room)) == ["heard"]


def test_oneself(alice, room):
    """Nobody is deaf to themselves."""
    ignore(alice, alice.user_id, "@nobody:elsewhere.example")
    alice.send(room, "heard")
    assert bodies(history(alice, room)) == ["heard"]


@pytest.mark.parametrize("value", [None, {}, {"since": 1}, "x", False])
def test_any_value_ignores(alice, bob, room, value):
    alice.set_account_data(IGNORED, {"ignored_users": {bob.user_id: value}}).ok()
    bob.send(room, "unheard")
    assert bodies(history(alice, room)) == []


def test_lists_have_a_limit(alice, bob, room):
    many = {f"@u{number}:localhost": {} for number in range(4999)}
    alice.set_account_data(IGNORED, {"ignored_users": {**many, bob.user_id: {}}}).ok()
    alice.set_account_data(IGNORED, {"ignored_users": {**many, "@a:b": {}, "@c:d": {}}}).expect(
        413, "M_TOO_LARGE")
    bob.send(room, "unheard")
    assert bodies(history(alice, room)) == []
    del many["@u7:localhost"]
    alice.set_account_data(IGNORED, {"ignored_users": many}).ok()
    assert bodies(history(alice, room)) == ["unheard"]


def test_of_a_room_it_is_account_data_like_any_other(alice, bob, room):
    alice.put(f"user/{quote(alice.user_id)}/rooms/{quote(room)}/account_data/{IGNORED}",
              {"ignored_users": {bob.user_id: {}}}).ok()
    bob.send(room, "heard")
    assert bodies(history(alice, room)) == ["heard"]


def test_before_they_exist(server, alice):
    """A user may be ignored whom nobody has seen yet."""
    name = unique("later")
    ignore(alice, f"@{name}:localhost")
    room = alice.create_room(preset="public_chat")
    later = Client(server).register(name)
    later.join(room).ok()
    later.send(room, "unheard")
    assert bodies(history(alice, room)) == []


def test_kept_over_a_restart(make_server):
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    bob.send(room, "unheard")
    ignore(alice, bob.user_id)
    server.restart(clean=False)
    assert bodies(history(alice, room)) == []
    deactivate(alice).ok()
    assert server.database.sql("SELECT count(*) FROM ignored_users") == [["0"]]


# Invites that are not taken.

def block(client, content=None):
    client.set_account_data(PERMISSION, {"default_action": "block"} if content is None else content).ok()


def test_invites_are_refused(alice, bob):
    block(alice)
    room = bob.create_room()
    bob.invite(room, alice.user_id).expect(403, "M_INVITE_BLOCKED")
    bob.set_state(room, "m.room.member", {"membership": "invite"}, alice.user_id).expect(403, "M_INVITE_BLOCKED")
    bob.post("createRoom", {"invite": [alice.user_id]}).expect(403, "M_INVITE_BLOCKED")
    assert member(bob, room, alice.user_id) is None
    assert bob.get("joined_rooms").ok()["joined_rooms"] == [room]
    block(alice, {})
    bob.invite(room, alice.user_id).ok()


def test_only_invites_are_refused(alice, bob):
    block(alice)
    room = bob.create_room(preset="public_chat")
    alice.join(room).ok()
    bob.kick(room, alice.user_id).ok()
    bob.ban(room, alice.user_id).ok()
    bob.unban(room, alice.user_id).ok()
    alice.invite(alice.create_room(), bob.user_id).ok()


@pytest.mark.parametrize("content", [{"default_action": "allow"}, {"default_action": None}, {"default_action": True},
                                     {"default_action": {"block": 1}}, {"other": "block"}], ids=str)
def test_what_blocks_nothing(alice, bob, content):
    block(alice, content)
    bob.invite(bob.create_room(), alice.user_id).ok()


def test_older_invites_are_not_shown(alice, bob):
    since = alice.sync_call().ok()["next_batch"]
    room = bob.create_room(invite=[alice.user_id])
    block(alice)
    for token in (since, None):
        assert alice.sync_call(token).ok()["rooms"]["invite"] == {}
    assert member(bob, room, alice.user_id)["membership"] == "invite"
    block(alice, {})
    assert set(alice.sync_call().ok()["rooms"]["invite"]) == {room}
    block(alice)
    alice.join(room).ok()
