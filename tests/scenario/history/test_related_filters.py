"""Filters of /messages and /context that ask for an event's children (MSC3440), and what is refused."""

import json

import pytest

from harness.relations import child, edit, ids, react, reply_in_thread
from harness.rooms import history, path


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


def found(client, room, **wanted):
    return [e["event_id"] for e in history(client, room, filter=json.dumps(wanted))]


def test_events_with_children(alice, bob, room):
    threaded, reacted, edited, alone = [alice.send(room, str(n)) for n in range(4)]
    reply = reply_in_thread(bob, room, threaded)
    react(alice, room, reacted, "+").ok()
    react(bob, room, threaded, "+").ok()
    edit(alice, room, edited, "x")
    child(bob, room, reply, "m.reference")
    assert found(alice, room, related_by_rel_types=["m.thread"]) == [threaded]
    assert found(alice, room, related_by_rel_types=["m.annotation"]) == [threaded, reacted]
    assert found(alice, room, related_by_rel_types=["m.thread", "m.replace"]) == [threaded, edited]
    assert found(alice, room, related_by_rel_types=["org.example.unheard"]) == []
    assert found(alice, room, related_by_rel_types=[]) == []
    assert found(alice, room, related_by_senders=[alice.user_id]) == [reacted, edited]
    assert found(alice, room, related_by_senders=[bob.user_id]) == [threaded, reply]
    assert found(alice, room, related_by_senders=["@nobody:localhost"]) == []
    assert found(alice, room, related_by_senders=[bob.user_id],
                 related_by_rel_types=["m.reference"]) == [reply]
    assert found(alice, room, related_by_rel_types=["m.thread"], types=["m.room.name"]) == []
    assert alone in found(alice, room)
    around = alice.get(path(room, "context", alone), params={
        "limit": 50, "filter": json.dumps({"related_by_rel_types": ["m.replace"]})}).ok()
    assert ids(around["events_before"]) == [edited] and around["events_after"] == []


def test_pages_under_such_a_filter(alice, room):
    """A page may be empty and yet not be the last."""
    roots = [alice.send(room, str(n)) for n in range(9)]
    for root in roots[::4]:
        reply_in_thread(alice, room, root)
    assert [e["event_id"] for e in history(alice, room, limit=1, filter=json.dumps(
        {"related_by_rel_types": ["m.thread"]}))] == roots[::4]


@pytest.mark.parametrize("wanted,errcode", [
    ({"related_by_senders": "x"}, "M_BAD_JSON"), ({"related_by_senders": ["x"]}, "M_INVALID_PARAM"),
    ({"related_by_rel_types": {}}, "M_BAD_JSON"), ({"related_by_rel_types": [None]}, "M_BAD_JSON"),
    ({"related_by_rel_types": ["r" * 256]}, "M_INVALID_PARAM"),
    ({"types": "x"}, "M_BAD_JSON"), ({"rooms": ["x"]}, "M_INVALID_PARAM"),
    ({"not_senders": [7]}, "M_BAD_JSON"), ({"limit": -1}, "M_INVALID_PARAM"),
    ({"limit": "1"}, "M_BAD_JSON"), ({"contains_url": 1}, "M_BAD_JSON"),
    ({"lazy_load_members": "true"}, "M_BAD_JSON"),
    ({"include_redundant_members": 0}, "M_BAD_JSON")], ids=str)
def test_bad_filters(alice, room, wanted, errcode):
    text = json.dumps(wanted)
    alice.messages(room, filter=text).expect(400, errcode)
    event_id = alice.send(room, "x")
    alice.get(path(room, "context", event_id), params={"filter": text}).expect(400, errcode)
