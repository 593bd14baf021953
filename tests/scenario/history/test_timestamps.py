"""GET …/timestamp_to_event: the event closest to a time."""

import time

import pytest

from harness.client import V3
from harness.relations import V1, event
from harness.rooms import history, path

FAR_MS = 4102444800000      # the year 2100


def closest(client, room, **params):
    return client.get(f"{V1}/{path(room, 'timestamp_to_event')}", params=params)


@pytest.fixture
def talk(alice):
    """A room with messages of different milliseconds."""
    room, sent = alice.create_room(preset="public_chat"), []
    last = max(e["origin_server_ts"] for e in history(alice, room))
    while len(sent) < 4:
        while int(time.time() * 1000) <= last + 2:
            time.sleep(0.001)
        event_id = alice.send(room, str(len(sent)))
        last = event(alice, room, event_id)["origin_server_ts"]
        sent.append((last, event_id))
    return room, sent


def test_both_directions(alice, talk):
    room, sent = talk
    for number, (ts, event_id) in enumerate(sent):
        for direction in "fb":
            answer = closest(alice, room, ts=ts, dir=direction).ok()
            assert answer.json == {"event_id": event_id, "origin_server_ts": ts}
        if number:
            assert closest(alice, room, ts=ts - 1, dir="f").ok()["event_id"] == event_id
            assert closest(alice, room, ts=ts - 1, dir="b").ok()["event_id"] == sent[number - 1][1]
    assert closest(alice, room, ts=0, dir="f").ok()["event_id"] == history(alice, room)[0][
        "event_id"]
    assert closest(alice, room, ts=FAR_MS, dir="b").ok()["event_id"] == sent[-1][1]


def test_none(alice, talk):
    room, _ = talk
    closest(alice, room, ts=FAR_MS, dir="f").expect(404, "M_NOT_FOUND")
    closest(alice, room, ts=0, dir="b").expect(404, "M_NOT_FOUND")
    closest(alice, room, ts=-5, dir="b").expect(404, "M_NOT_FOUND")


def test_history_visibility(alice, person):
    carol = person("carol")
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    hidden = alice.send(room, "hidden")
    then = event(alice, room, hidden)["origin_server_ts"]
    carol.join(room).ok()
    first = closest(carol, room, ts=then, dir="f").ok()["event_id"]
    assert event(carol, room, first)["state_key"] == carol.user_id
    assert closest(alice, room, ts=then, dir="f").ok()["event_id"] == hidden
    carol.leave(room).ok()
    alice.send(room, "behind her back")
    last = closest(carol, room, ts=FAR_MS, dir="b").ok()["event_id"]
    assert event(carol, room, last)["content"]["membership"] == "leave"


def test_ignored_users(alice, bob, talk):
    room, sent = talk
    bob.join(room).ok()
    bob.send(room, "nobody listens")
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {bob.user_id: {}}}).ok()
    found = event(alice, room, closest(alice, room, ts=FAR_MS, dir="b").ok()["event_id"])
    assert found["type"] == "m.room.member"     # state is seen


@pytest.mark.parametrize("params,errcode", [
    ({"dir": "f"}, "M_MISSING_PARAM"), ({"ts": "1"}, "M_MISSING_PARAM"),
    ({"ts": "", "dir": "f"}, "M_INVALID_PARAM"), ({"ts": "soon", "dir": "f"}, "M_INVALID_PARAM"),
    ({"ts": "1.5", "dir": "f"}, "M_INVALID_PARAM"), ({"ts": "9" * 30, "dir": "f"}, "M_INVALID_PARAM"),
    ({"ts": "1", "dir": "x"}, "M_INVALID_PARAM"), ({"ts": "1", "dir": ""}, "M_INVALID_PARAM")], ids=str)
def test_bad_parameters(alice, talk, params, errcode):
    closest(alice, talk[0], **params).expect(400, errcode)


def test_outsiders(alice, person, talk):
    carol = person("carol")
    closest(carol, talk[0], ts=0, dir="f").expect(403, "M_FORBIDDEN")
    closest(carol, "!nothing:localhost", ts=0, dir="f").expect(403, "M_FORBIDDEN")
    closest(alice.anonymous(), talk[0], ts=0, dir="f").expect(401, "M_MISSING_TOKEN")
    alice.get(f"{V3}/{path(talk[0], 'timestamp_to_event')}", params={"ts": 0, "dir": "f"}).expect(
        404, "M_UNRECOGNIZED")
