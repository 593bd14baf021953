"""Rooms that the world may read, by those who are not in them: previews."""

import pytest

from harness.rooms import history, path
from harness.sync import Syncer


def room_of(client, visibility="world_readable", **body):
    return client.create_room(initial_state=[
        {"type": "m.room.history_visibility", "content": {"history_visibility": visibility}}], **body)


def set_visibility(client, room, visibility):
    return client.set_state(room, "m.room.history_visibility", {"history_visibility": visibility}).ok()["event_id"]


def reads(client, room, event_id):
    """Which paths answer: {name: status}."""
    answers = {
        "state": client.get(path(room, "state")),
        "one of it": client.state(room, "m.room.create"),
        "members": client.members(room),
        "messages": client.messages(room),
        "event": client.get(path(room, "event", event_id)),
        "context": client.get(path(room, "context", event_id)),
        "aliases": client.get(path(room, "aliases")),
    }
    return {name: answer.status for name, answer in answers.items()}


OPEN = dict.fromkeys(["state", "one of it", "members", "messages", "event", "context", "aliases"], 200)
CLOSED = {**dict.fromkeys(OPEN, 403), "event": 404, "context": 404}


@pytest.mark.parametrize("visibility", ["world_readable", "shared", "invited", "joined"])
def test_who_may_read(alice, bob, visibility):
    room = room_of(alice, visibility)
    event_id = alice.send(room, "hello")
    assert reads(bob, room, event_id) == (OPEN if visibility == "world_readable" else CLOSED)
    assert reads(alice, room, event_id) == OPEN


def test_what_is_read(alice, bob):
    room = room_of(alice, name="Window")
    ids = [alice.send(room, str(n)) for n in range(5)]
    theirs, all_ids = ([e["event_id"] for e in history(client, room)] for client in (bob, alice))
    opened = next(e for e in history(alice, room) if e["type"] == "m.room.history_visibility")["event_id"]
    assert theirs == all_ids[all_ids.index(opened):], "from the event on that opens the room"
    assert bob.state(room, "m.room.name").ok().json == {"name": "Window"}
    assert {e["event_id"] for e in bob.get(path(room, "state")).ok().json} == {
        e["event_id"] for e in alice.get(path(room, "state")).ok().json}
    context = bob.get(path(room, "context", ids[2]), params={"limit": 4}).ok()
    assert [e["event_id"] for e in context["events_before"]] == ids[1::-1]
    assert [e["event_id"] for e in context["events_after"]] == ids[3:]
    assert [e["state_key"] for e in bob.members(room).ok()["chunk"]] == [alice.user_id]
    event = bob.get(path(room, "event", ids[0])).ok()
    assert event["unsigned"]["membership"] == "leave"


def test_what_is_for_members_alone(alice, bob):
    room = room_of(alice)
    event_id = alice.send(room, "hello")
    bob.get(path(room, "joined_members")).expect(403, "M_FORBIDDEN")
    bob.send_call(room, {"body": "x", "msgtype": "m.text"}).expect(403, "M_FORBIDDEN")
    bob.set_state(room, "m.room.name", {"name": "x"}).expect(403, "M_FORBIDDEN")
    bob.post(path(room, "receipt", "m.read", event_id)).expect(403, "M_FORBIDDEN")
    bob.put(path(room, "typing", bob.user_id), {"typing": True, "timeout": 1000}).expect(403, "M_FORBIDDEN")
    bob.invite(room, bob.user_id).expect(403, "M_FORBIDDEN")
    bob.join(room).expect(403, "M_FORBIDDEN")
    reader = Syncer(bob)
    reader.step()
    assert room not in reader.membership
    assert bob.get("joined_rooms").ok()["joined_rooms"] == []


def test_a_window_that_is_closed(alice, bob):
    """What could be read stays so; what comes afterwards cannot."""
    room = room_of(alice)
    before = alice.send(room, "open")
    closing = set_visibility(alice, room, "shared")
    after = alice.send(room, "closed")
    assert reads(bob, room, after) == CLOSED
    bob.get(path(room, "event", before)).ok()
    bob.get(path(room, "event", closing)).ok()
    around = bob.get(path(room, "context", before), params={"limit": 10}).ok()
    assert [e["event_id"] for e in around["events_after"]] == [closing]
    again = set_visibility(alice, room, "world_readable")
    later = alice.send(room, "open again")
    seen = [e["event_id"] for e in history(bob, room)]
    assert before in seen and closing in seen and again in seen and later in seen and after not in seen


def test_a_window_that_is_opened(alice, bob):
    room = room_of(alice, "shared")
    before = alice.send(room, "closed")
    opening = set_visibility(alice, room, "world_readable")
    after = alice.send(room, "open")
    seen = [e["event_id"] for e in history(bob, room)]
    assert before not in seen and seen[-2:] == [opening, after]
    assert bob.state(room, "m.room.create").ok()
    bob.get(path(room, "event", before)).expect(404, "M_NOT_FOUND")


@pytest.mark.parametrize("was", ["left", "kicked", "banned", "forgotten", "invited", "knocked"])
def test_by_those_who_are_not_in_it_any_more(alice, bob, was):
    room = room_of(alice, preset="public_chat")
    if was == "knocked":
        alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"}).ok()
        bob.knock(room).ok()
    elif was == "invited":
        alice.invite(room, bob.user_id).ok()
    else:
        bob.join(room).ok()
        {"left": lambda: bob.leave(room), "kicked": lambda: alice.kick(room, bob.user_id),
         "banned": lambda: alice.ban(room, bob.user_id), "forgotten": lambda: bob.leave(room)}[was]().ok()
    if was == "forgotten":
        bob.post(path(room, "forget")).ok()
    event_id = alice.send(room, "hello")
    assert reads(bob, room, event_id) == OPEN
    assert history(bob, room)[-1]["event_id"] == event_id


def test_paging_through_a_window(alice, bob):
    room = room_of(alice)
    ids = [alice.send(room, str(n)) for n in range(30)]
    backwards = [e["event_id"] for e in history(bob, room, limit=7)]
    assert backwards[-30:] == ids
    page = bob.messages(room, dir="f", limit=5).ok()
    assert page["chunk"][0]["type"] == "m.room.history_visibility" and len(page["chunk"]) == 5


def test_members_at_a_time(alice, bob, person):
    room = room_of(alice, preset="public_chat")
    at = alice.sync_call().ok()["next_batch"]
    person("carol").join(room).ok()
    now = {e["state_key"] for e in bob.members(room).ok()["chunk"]}
    then = {e["state_key"] for e in bob.members(room, at=at).ok()["chunk"]}
    assert len(now) == 2 and then == {alice.user_id}


def test_without_a_token(alice, anonymous):
    room = room_of(alice)
    for part in ("state", "members", "messages", "aliases"):
        anonymous.get(path(room, part), params={"dir": "b"}).expect(401, "M_MISSING_TOKEN")


@pytest.mark.parametrize("room", ["!unknown:localhost", "no room"])
def test_rooms_that_are_not_there(alice, room):
    status = reads(alice, room, "$unknown")
    assert status == CLOSED, status


def test_rooms_in_sync_of_a_joiner(alice, bob):
    """Somebody who looked in before has the room from the join on like all others."""
    room = room_of(alice, preset="public_chat")
    alice.send(room, "before")
    history(bob, room)
    reader = Syncer(bob)
    reader.step()
    bob.join(room).ok()
    reader.until(lambda r: r.membership.get(room) == "join")
