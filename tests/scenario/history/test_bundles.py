"""Bundled aggregations: what unsigned says of an event's children, wherever events are served."""

import pytest

from harness.relations import (bundle, child, edit, event, ids, react, redact, relations,
                               reply_in_thread, threads)
from harness.rooms import path
from harness.sync import Syncer


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


def test_nothing_to_tell(alice, room):
    root = alice.send(room, "root")
    assert "m.relations" not in event(alice, room, root)["unsigned"]
    react(alice, room, root, "+").ok()
    child(alice, room, root, "org.example.other")
    assert "m.relations" not in event(alice, room, root)["unsigned"]


def test_replacement(alice, bob, room):
    """The most recent valid one, whole; the content of the original stays."""
    root = alice.send(room, "first")
    edit(alice, room, root, "second")
    last = edit(alice, room, root, "third")
    found = event(alice, room, root)
    assert found["content"]["body"] == "first"
    assert list(found["unsigned"]["m.relations"]) == ["m.replace"]
    replacement = found["unsigned"]["m.relations"]["m.replace"]
    assert replacement["event_id"] == last and replacement["sender"] == alice.user_id
    assert replacement["room_id"] == room and replacement["type"] == "m.room.message"
    assert replacement["content"]["m.new_content"]["body"] == "third"
    assert replacement["unsigned"]["membership"] == "join"
    redact(alice, room, last, "last")
    assert bundle(alice, room, root)["m.replace"]["content"]["m.new_content"]["body"] == "second"
    redact(alice, room, root, "root")
    assert bundle(alice, room, root) == {}


def test_invalid_replacements(alice, bob, room):
    root = alice.send(room, "first")
    edit(bob, room, root, "by another")
    child(alice, room, root, "m.replace", "no new content")
    child(alice, room, root, "m.replace", "no object", **{"m.new_content": "text"})
    child(alice, room, root, "m.replace", kind="m.sticker", **{"m.new_content": {"body": "x"}})
    assert bundle(alice, room, root) == {}
    good = edit(alice, room, root, "good")
    edit(alice, room, good, "of a replacement")
    assert bundle(alice, room, root)["m.replace"]["event_id"] == good
    assert bundle(alice, room, good) == {}
    name = alice.set_state(room, "m.room.name", {"name": "x"}).ok()["event_id"]
    child(alice, room, name, "m.replace", kind="m.room.name", **{"m.new_content": {"name": "y"}})
    assert bundle(alice, room, name) == {}


def test_encrypted_replacements(alice, room):
    """Their m.new_content is inside; the type must be the same."""
    secret = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "s"}
    root = alice.send_call(room, secret, "m.room.encrypted").ok()["event_id"]
    plain = alice.send(room, "plain")
    edited = child(alice, room, root, "m.replace", kind="m.room.encrypted", **secret)
    edit(alice, room, root, "in the clear")
    child(alice, room, plain, "m.replace", kind="m.room.encrypted", **secret)
    assert bundle(alice, room, root)["m.replace"]["event_id"] == edited
    assert bundle(alice, room, plain) == {}


def test_thread(alice, bob, room, person):
    carol = person("carol")
    carol.join(room).ok()
    root = alice.send(room, "root")
    reply_in_thread(bob, room, root)
    last = reply_in_thread(bob, room, root, "last")
    for client, took_part in ((alice, True), (bob, True), (carol, False)):
        thread = bundle(client, room, root)["m.thread"]
        assert thread["count"] == 2 and thread["latest_event"]["event_id"] == last
        assert thread["current_user_participated"] is took_part
        assert thread["latest_event"]["room_id"] == room
        assert thread["latest_event"]["content"]["body"] == "last"
    edited = edit(bob, room, last, "better")
    assert bundle(alice, room, root)["m.thread"]["latest_event"]["unsigned"]["m.relations"][
        "m.replace"]["event_id"] == edited
    redact(bob, room, last, "last")
    assert bundle(alice, room, root)["m.thread"]["count"] == 1


def test_references(alice, bob, room):
    root = alice.send(room, "root")
    sent = [child(client, room, root, "m.reference") for client in (alice, bob, alice)]
    assert bundle(alice, room, root) == {
        "m.reference": {"chunk": [{"event_id": event_id} for event_id in sent]}}
    redact(bob, room, sent[1], "one")
    assert bundle(alice, room, root)["m.reference"]["chunk"] == [
        {"event_id": sent[0]}, {"event_id": sent[2]}]


def test_references_have_a_limit(alice, room):
    root = alice.send(room, "root")
    sent = [child(alice, room, root, "m.reference") for _ in range(103)]
    chunk = bundle(alice, room, root)["m.reference"]["chunk"]
    assert ids(chunk) == sent[:100]


def test_ignored_users_do_not_count(alice, bob, room):
    root = alice.send(room, "root")
    mine = reply_in_thread(alice, room, root, "mine")
    reply_in_thread(bob, room, root, "theirs")
    child(bob, room, root, "m.reference")
    quarrel = alice.send(room, "only bob answers")
    reply_in_thread(bob, room, quarrel)
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {bob.user_id: {}}}).ok()
    found = bundle(alice, room, root)
    assert list(found) == ["m.thread"]
    assert found["m.thread"]["count"] == 1
    assert found["m.thread"]["latest_event"]["event_id"] == mine
    assert bundle(alice, room, quarrel) == {}
    assert bundle(bob, room, root)["m.thread"]["count"] == 2


def test_history_visibility(alice, person):
    """What the user may not see does not count."""
    carol = person("carol")
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    carol.join(room).ok()
    root = alice.send(room, "root")
    seen = reply_in_thread(alice, room, root, "seen")
    edited = edit(alice, room, root, "seen")
    carol.leave(room).ok()
    reply_in_thread(alice, room, root, "behind her back")
    edit(alice, room, root, "hidden")
    child(alice, room, root, "m.reference")
    for _ in range(2):      # out, and in again with a gap
        found = bundle(carol, room, root)
        assert set(found) == {"m.thread", "m.replace"}
        assert found["m.replace"]["event_id"] == edited
        assert found["m.thread"]["count"] == 1
        assert found["m.thread"]["latest_event"]["event_id"] == seen
        carol.join(room).ok()
    assert bundle(alice, room, root)["m.thread"]["count"] == 2


def test_newcomers_see_whole_threads_of_shared_history(alice, person):
    room = alice.create_room(preset="public_chat")
    root = alice.send(room, "root")
    for _ in range(3):
        reply_in_thread(alice, room, root)
    carol = person("carol")
    carol.join(room).ok()
    assert bundle(carol, room, root)["m.thread"]["count"] == 3
    carol.leave(room).ok()
    reply_in_thread(alice, room, root)
    assert bundle(carol, room, root)["m.thread"]["count"] == 3


def test_wherever_events_are_served(alice, bob, room):
    root = alice.send(room, "root")
    edited = edit(alice, room, root, "edited")
    reply_in_thread(bob, room, root)
    holder = child(bob, room, alice.send(room, "other"), "org.example.kind")
    child(bob, room, holder, "m.reference")

    def told(events, event_id=root):
        [found] = [e for e in events if e["event_id"] == event_id]
        return found["unsigned"].get("m.relations", {})

    whole = {"m.replace", "m.thread"}
    assert set(told(alice.messages(room, limit=50).ok()["chunk"])) == whole
    assert set(told(alice.messages(room, dir="f", limit=50).ok()["chunk"])) == whole
    around = alice.get(path(room, "context", root)).ok()
    assert set(around["event"]["unsigned"]["m.relations"]) == whole
    around = alice.get(path(room, "context", edited)).ok()
    assert set(told(around["events_before"])) == whole
    around = alice.get(path(room, "context", bob.sync_call().ok()["rooms"]["join"][room]["timeline"][
        "events"][0]["event_id"]), params={"limit": 50}).ok()
    assert set(told(around["events_after"] + around["events_before"] + [around["event"]])) == whole
    assert set(told(threads(alice, room).ok()["chunk"])) == whole
    parent = event(alice, room, holder)["content"]["m.relates_to"]["event_id"]
    assert set(told(relations(alice, room, parent).ok()["chunk"], holder)) == {"m.reference"}


def test_sync_tells_where_children_may_be_missing(alice, bob, room):
    """Only with a limited timeline."""
    reader = Syncer(alice, {"room": {"timeline": {"limit": 4}}})
    reader.step()
    root = alice.send(room, "root")
    edit(alice, room, root, "edited")
    part = reader.step()["rooms"]["join"][room]["timeline"]
    assert part["limited"] is False
    assert all("m.relations" not in e["unsigned"] for e in part["events"])
    for n in range(6):
        alice.send(room, str(n))
    root = alice.send(room, "root")
    edited = edit(alice, room, root, "edited")
    part = reader.step()["rooms"]["join"][room]["timeline"]
    assert part["limited"] is True
    [found] = [e for e in part["events"] if e["event_id"] == root]
    replacement = found["unsigned"]["m.relations"]["m.replace"]
    assert replacement["event_id"] == edited
    assert "room_id" not in found and "room_id" not in replacement
