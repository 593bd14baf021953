"""History visibility: the specification's table, event by event."""

import itertools

import pytest

from harness.rooms import history, path
from harness.sync import Syncer

VISIBILITIES = ("joined", "invited", "shared", "world_readable")


def sees(client, room, event_id):
    answer = client.get(path(room, "event", event_id))
    if answer.status == 200:
        return True
    answer.expect(404, "M_NOT_FOUND")
    return False


def texts(client, room):
    return [e["content"].get("body") for e in history(client, room)
            if e["type"] == "m.room.message"]


# May an event be read that was sent ... by somebody who is joined now, or has been.
TABLE = {
    # visibility: (before the invite, between invite and join, while joined, after the leave)
    "joined": (False, False, True, False),
    "invited": (False, True, True, False),
    "shared": (True, True, True, False),
    "world_readable": (True, True, True, True),
}


@pytest.mark.parametrize("visibility", VISIBILITIES)
@pytest.mark.parametrize("stage", ["joined", "left"])
def test_table(alice, bob, visibility, stage):
    room = alice.create_room(initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": visibility}}])
    sent = [alice.send(room, "before")]
    alice.invite(room, bob.user_id).ok()
    sent.append(alice.send(room, "invited"))
    bob.join(room).ok()
    sent.append(alice.send(room, "joined"))
    expected = list(TABLE[visibility][:3])
    if stage == "left":
        bob.leave(room).ok()
        sent.append(alice.send(room, "after"))
        expected.append(TABLE[visibility][3])
    assert [sees(bob, room, i) for i in sent] == expected
    names = ["before", "invited", "joined"]  # /messages of a room one left may end at the leave
    assert [t for t in texts(bob, room) if t != "after"] == [
        name for name, yes in zip(names, expected) if yes]


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_the_invited_read_nothing_unless_the_world_does(alice, bob, visibility):
    room = alice.create_room(initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": visibility}}])
    event_id = alice.send(room, "x")
    alice.invite(room, bob.user_id).ok()
    inside = alice.send(room, "y")
    world = visibility == "world_readable"
    assert sees(bob, room, event_id) is world
    if visibility != "invited":     # which lets the invited read from there on, or on joining
        assert sees(bob, room, inside) is world


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_strangers(alice, bob, visibility):
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": visibility}}])
    event_id = alice.send(room, "x")
    world = visibility == "world_readable"
    assert sees(bob, room, event_id) is world
    for answer in (bob.messages(room), bob.get(path(room, "state")),
                   bob.state(room, "m.room.create")):
        assert answer.status == (200 if world else 403), repr(answer)


@pytest.mark.parametrize("first,second", list(itertools.permutations(VISIBILITIES, 2)))
def test_changes(alice, bob, first, second):
    """Each event is judged by the setting of its own time."""
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": first}}])
    early = alice.send(room, "early")
    alice.set_state(room, "m.room.history_visibility", {"history_visibility": second}).ok()
    late = alice.send(room, "late")
    bob.join(room).ok()
    assert sees(bob, room, early) is (first in ("shared", "world_readable"))
    assert sees(bob, room, late) is (second in ("shared", "world_readable"))


def test_own_join_is_seen(alice, bob):
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    bob.join(room).ok()
    members = [e for e in history(bob, room) if e["type"] == "m.room.member"]
    assert members[-1]["state_key"] == bob.user_id


@pytest.mark.parametrize("visibility", ["joined", "shared"])
def test_time_away_is_hidden(alice, bob, visibility):
    """joined: what was said between two stays is never shown; shared: it is, on return."""
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": visibility}}])
    bob.join(room).ok()
    alice.send(room, "one")
    bob.leave(room).ok()
    alice.send(room, "two")
    bob.join(room).ok()
    alice.send(room, "three")
    expected = ["one", "three"] if visibility == "joined" else ["one", "two", "three"]
    assert texts(bob, room) == expected


def test_sync_obeys(alice, bob):
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    alice.send(room, "hidden")
    bob.join(room).ok()
    alice.send(room, "shown")
    reader = Syncer(bob)
    reader.step()
    assert [e["content"]["body"] for e in reader.events(room, "m.room.message")] == ["shown"]
