"""What is told of rooms in which no event was sent: typing, receipts, account data; and empty answers."""

import pytest

from harness.client import quote
from harness.parts import events, is_empty, section, types
from harness.rooms import path
from harness.sync import Syncer


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


@pytest.fixture
def reader(alice, room):
    reader = Syncer(alice)
    reader.step()
    return reader


def typing(client, room, on=True):
    client.put(path(room, "typing", client.user_id), {"typing": on, "timeout": 30000}).ok()


def receipt(client, room, event, kind="m.read", **body):
    client.post(path(room, "receipt", kind, event), body).ok()


def only(part, *names):
    """Nothing but these parts of the room holds anything."""
    full = {name for name in ("state", "timeline", "ephemeral", "account_data") if events(part, name)}
    assert full == set(names)
    assert part["timeline"]["limited"] is False and "summary" not in part


@pytest.mark.parametrize("filtered", [False, True])
def test_only_typing(bob, room, reader, filtered):
    if filtered:
        reader.filter = {"room": {"timeline": {"limit": 1, "types": ["x"]}, "state": {"types": []}}}
    typing(bob, room)
    _, part = section(reader.step(), room)
    only(part, "ephemeral")
    assert events(part, "ephemeral") == [{"type": "m.typing", "content": {"user_ids": [bob.user_id]}}]


def test_everybody_who_types(alice, bob, room, reader):
    """The whole list each time; oneself too."""
    for client, on, expected in ((bob, True, [bob]), (alice, True, [bob, alice]), (bob, False, [alice]),
                                 (alice, False, [])):
        typing(client, room, on)
        [event] = events(section(reader.step(), room)[1], "ephemeral")
        assert set(event["content"]["user_ids"]) == {c.user_id for c in expected}


def test_typing_is_not_told_to_those_outside(alice, bob, room, person):
    carol = person("carol")
    reader = Syncer(carol)
    reader.step()
    typing(bob, room)
    assert is_empty(reader.step())
    carol.join(room).ok()
    part = section(reader.step(), room)[1]
    assert types(events(part, "ephemeral")) == ["m.typing"]
    carol.leave(room).ok()
    reader.step()
    typing(alice, room)
    assert is_empty(reader.step())


def test_only_a_receipt(alice, bob, room):
    sent = alice.send(room, "x")
    reader = Syncer(alice)
    reader.step()
    receipt(bob, room, sent)
    _, part = section(reader.step(), room)
    only(part, "ephemeral")
    [event] = events(part, "ephemeral")
    assert list(event["content"]) == [sent]


def test_receipts_move(alice, bob, room):
    """One receipt for each user and thread: the newer takes the place of the older, also for who comes later."""
    first, second = (alice.send(room, n) for n in "12")
    reader = Syncer(alice)
    reader.step()
    receipt(bob, room, first)
    reader.step()
    receipt(bob, room, second)
    [event] = events(section(reader.step(), room)[1], "ephemeral")
    assert list(event["content"]) == [second]
    [event] = events(section(alice.sync_call().ok().json, room)[1], "ephemeral")
    assert list(event["content"]) == [second]


def test_only_account_data(alice, room, reader):
    place = f"user/{quote(alice.user_id)}/rooms/{quote(room)}"
    alice.put(f"{place}/account_data/org.example", {"x": 1}).ok()
    _, part = section(reader.step(), room)
    only(part, "account_data")
    assert events(part, "account_data") == [{"type": "org.example", "content": {"x": 1}}]


def test_the_last_word_counts(alice, room, reader):
    for n in range(5):
        alice.set_account_data("org.example", {"n": n}).ok()
    answer = reader.step()
    assert events(answer, "account_data") == [{"type": "org.example", "content": {"n": 4}}]
    assert not any(answer["rooms"].values())


def test_ones_own_are_ones_own(alice, bob, room, reader):
    bob.set_account_data("org.example", {}).ok()
    bob.put(f"user/{quote(bob.user_id)}/rooms/{quote(room)}/account_data/m.tag", {"tags": {}}).ok()
    bob.post(path(room, "receipt", "m.read.private", alice.send(room, "x"))).ok()
    part = section(reader.step(), room)[1]
    assert types(events(part, "timeline", "ephemeral", "account_data")) == ["m.room.message"]


def test_an_empty_answer(alice, room, reader):
    """Nothing but the token, which is good for the next time; and the counts that clients always want."""
    for _ in range(3):
        answer = reader.step()
        assert is_empty(answer) and answer["next_batch"]
        assert isinstance(answer["device_one_time_keys_count"], dict)


def test_next_batch_moves_only_when_something_did(alice, bob, room, reader):
    tokens = {reader.step()["next_batch"] for _ in range(3)}
    assert len(tokens) == 1
    bob.send(room, "x")
    assert reader.step()["next_batch"] not in tokens
