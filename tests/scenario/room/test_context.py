"""GET /context: the events around one, and the tokens that go on from there."""

import json

import pytest

from harness.client import unique
from harness.rooms import path


@pytest.fixture
def talk(alice):
    room = alice.create_room(preset="public_chat")
    return room, [alice.send(room, str(number)) for number in range(21)]


def context(client, room, event_id, **params):
    return client.get(path(room, "context", event_id), params=params)


def ids(events):
    return [e["event_id"] for e in events]


@pytest.mark.parametrize("limit,before,after", [
    (None, 5, 5), (0, 0, 0), (1, 0, 1), (2, 1, 1), (7, 3, 4), (1000, 10, 10)])
def test_limits(alice, talk, limit, before, after):
    room, sent = talk
    answer = context(alice, room, sent[10], **({} if limit is None else {"limit": limit})).ok()
    assert answer["event"]["event_id"] == sent[10]
    if limit == 1000:
        assert ids(answer["events_before"])[:10] == sent[9::-1]
        assert answer["events_before"][-1]["type"] == "m.room.create"
    else:
        assert ids(answer["events_before"]) == sent[10 - before:10][::-1]
    assert ids(answer["events_after"]) == sent[11:11 + after]


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_tokens_go_on(alice, talk, limit):
    room, sent = talk
    answer = context(alice, room, sent[10], limit=limit).ok()
    shown = ids(answer["events_before"])[::-1] + [sent[10]] + ids(answer["events_after"])
    older = alice.messages(room, dir="b", limit=3, **{"from": answer["start"]}).ok()["chunk"]
    newer = alice.messages(room, dir="f", limit=3, **{"from": answer["end"]}).ok()["chunk"]
    first, last = sent.index(shown[0]), sent.index(shown[-1])
    assert ids(older) == sent[first - 3:first][::-1]
    assert ids(newer) == sent[last + 1:last + 4]


def test_ends_of_the_room(alice, talk):
    room, sent = talk
    newest = context(alice, room, sent[-1]).ok()
    assert newest["events_after"] == [] and ids(newest["events_before"]) == sent[-2:-7:-1]
    create = alice.messages(room, dir="f", limit=1).ok()["chunk"][0]
    oldest = context(alice, room, create["event_id"]).ok()
    assert oldest["events_before"] == [] and len(oldest["events_after"]) == 5


def test_state_is_that_of_the_last_event(alice):
    room = alice.create_room(topic="first")
    early = alice.send(room, "early")
    alice.send(room, "next")
    alice.set_state(room, "m.room.topic", {"topic": "second"}).ok()
    def topic(limit):
        state = context(alice, room, early, limit=limit).ok()["state"]
        return [e["content"]["topic"] for e in state if e["type"] == "m.room.topic"]
    assert topic(0) == ["first"] and topic(2) == ["first"] and topic(10) == ["second"]


def test_filter_and_lazy_members(alice, bob, person, talk):
    """The filter is for all but the event itself; lazy loading leaves members of those who speak."""
    room, sent = talk
    carol = person("carol")
    for guest in (bob, carol):
        guest.join(room).ok()
    middle = bob.send(room, "from bob")
    bob.send_call(room, {"x": 1}, "org.example.thing").ok()
    answer = context(alice, room, middle, filter=json.dumps({
        "types": ["org.example.thing", "m.room.topic"]})).ok()
    assert answer["event"]["event_id"] == middle and answer["events_before"] == []
    assert [e["type"] for e in answer["events_after"]] == ["org.example.thing"]
    assert answer["state"] == []
    answer = context(alice, room, middle, limit=2, filter=json.dumps({
        "lazy_load_members": True})).ok()
    members = {e["state_key"] for e in answer["state"] if e["type"] == "m.room.member"}
    assert members == {bob.user_id, carol.user_id}      # carol's join is the event before
    assert any(e["type"] == "m.room.create" for e in answer["state"])
    answer = context(alice, room, middle, limit=2).ok()
    members = {e["state_key"] for e in answer["state"] if e["type"] == "m.room.member"}
    assert members == {alice.user_id, bob.user_id, carol.user_id}


def test_errors(alice, bob, talk, anonymous):
    room, sent = talk
    other = alice.create_room()
    context(bob, room, sent[0]).expect(404, "M_NOT_FOUND")
    context(alice, other, sent[0]).expect(404, "M_NOT_FOUND")
    context(alice, room, f"${unique()}").expect(404, "M_NOT_FOUND")
    context(alice, "!nowhere:localhost", sent[0]).expect(404, "M_NOT_FOUND")
    context(alice, room, sent[0], limit=-1).expect(400, "M_INVALID_PARAM")
    context(alice, room, sent[0], limit="x").expect(400, "M_INVALID_PARAM")
    assert context(alice, room, sent[0], filter="no filter").status == 400
    context(anonymous, room, sent[0]).expect(401, "M_MISSING_TOKEN")
