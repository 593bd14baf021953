"""Receipts and read markers: which are taken, and that they only go forward."""

import pytest

from harness.client import Client, quote, unique
from harness.rooms import path
from harness.sync import Syncer
from harness.uia import deactivate


def marks(client, room):
    """{(type, thread id): event id} of the client's own receipts, and its read marker, in an initial sync."""
    part = client.sync_call().ok()["rooms"]["join"][room]
    found = {}
    for event in part["ephemeral"]["events"]:
        for event_id, kinds in event["content"].items() if event["type"] == "m.receipt" else []:
            for kind, users in kinds.items():
                if client.user_id in users:
                    found[kind, users[client.user_id].get("thread_id")] = event_id
    for event in part["account_data"]["events"]:
        if event["type"] == "m.fully_read":
            found["m.fully_read", None] = event["content"]["event_id"]
    return found


def test_all_markers_at_once(alice, bob, room, say):
    first, second, third = (say(bob, room) for _ in range(3))
    body = {"m.fully_read": first, "m.read": second, "m.read.private": third}
    assert alice.post(path(room, "read_markers"), body).ok().json == {}
    assert marks(alice, room) == {("m.fully_read", None): first, ("m.read", None): second,
                                  ("m.read.private", None): third}
    where = f"user/{quote(alice.user_id)}/rooms/{quote(room)}/account_data/m.fully_read"
    assert alice.get(where).ok().json == {"event_id": first}


@pytest.mark.parametrize("kind", ["m.fully_read", "m.read", "m.read.private"])
def test_each_marker_alone(alice, bob, room, say, kind):
    event_id = say(bob, room)
    alice.post(path(room, "read_markers"), {kind: event_id}).ok()
    assert marks(alice, room) == {(kind, None): event_id}


def test_no_marker(alice, room):
    alice.post(path(room, "read_markers"), {}).ok()
    alice.post(path(room, "read_markers"), {"m.read": None, "org.example": 7}).ok()
    assert marks(alice, room) == {}


@pytest.mark.parametrize("kind", ["m.fully_read", "m.read", "m.read.private"])
def test_only_forward(alice, bob, room, say, read, kind):
    """A request of another device that comes late changes nothing."""
    old, new = say(bob, room), say(bob, room)
    reader = Syncer(alice)
    read(alice, room, new, kind=kind).ok()
    reader.step()
    read(alice, room, old, kind=kind).ok()
    alice.post(path(room, "read_markers"), {kind: old}).ok()
    read(alice, room, new, kind=kind).ok()
    assert marks(alice, room) == {(kind, None): new}
    assert room not in reader.step().get("rooms", {}).get("join", {})


def test_kinds_are_independent(alice, bob, room, say, read):
    """A public receipt may be behind the private one."""
    old, new = say(bob, room), say(bob, room)
    read(alice, room, new, kind="m.read.private").ok()
    read(alice, room, old).ok()
    read(alice, room, old, "main").ok()
    assert marks(alice, room) == {("m.read.private", None): new, ("m.read", None): old, ("m.read", "main"): old}


# Threads: a root, an answer in its thread, a reaction to that, and a reply that is no child.

@pytest.fixture
def thread(bob, room, say, relate):
    root = say(bob, room, "root")
    answer = relate(bob, room, "m.thread", root)
    reaction = bob.send_call(room, {"m.relates_to": {"rel_type": "m.annotation", "event_id": answer, "key": "x"}},
                             kind="m.reaction").ok()["event_id"]
    edit = relate(bob, room, "org.example.note", reaction)
    on_root = relate(bob, room, "m.reference", root)
    plain = say(bob, room, "plain", **{"m.relates_to": {"m.in_reply_to": {"event_id": answer}}})
    return {"root": root, "answer": answer, "reaction": reaction, "edit": edit, "on_root": on_root, "plain": plain}


@pytest.mark.parametrize("name,in_thread,in_main", [
    ("root", True, True), ("answer", True, False), ("reaction", True, False), ("edit", True, False),
    ("on_root", True, True), ("plain", False, True),
])
def test_threads(alice, room, thread, read, name, in_thread, in_main):
    """The specification: the event must be related to the thread id, or the request is refused with 400."""
    for thread_id, fits in ((thread["root"], in_thread), ("main", in_main)):
        answer = read(alice, room, thread[name], thread_id)
        if fits:
            answer.ok()
            assert marks(alice, room)["m.read", thread_id] == thread[name]
        else:
            answer.expect(400, "M_INVALID_PARAM")
            assert "thread_id" in answer["error"]
    read(alice, room, thread[name]).ok()


def test_a_chain_that_is_too_long(alice, bob, room, relate, say, read):
    """After three hops an event is taken for one of the main timeline."""
    root = say(bob, room)
    chain = [relate(bob, room, "m.thread", root)]
    for _ in range(4):
        chain.append(relate(bob, room, "org.example", chain[-1]))
    read(alice, room, chain[3], root).ok()
    read(alice, room, chain[4], root).expect(400, "M_INVALID_PARAM")
    read(alice, room, chain[4], "main").ok()


@pytest.mark.parametrize("body,errcode", [
    ({"thread_id": 5}, "M_BAD_JSON"), ({"thread_id": ""}, "M_INVALID_PARAM"), ({"thread_id": []}, "M_BAD_JSON"),
    ({"thread_id": "$" + "x" * 300}, "M_INVALID_PARAM"), ({"thread_id": "side"}, "M_INVALID_PARAM"),
    ({"thread_id": "$other"}, "M_INVALID_PARAM"),
])
def test_bad_threads(alice, bob, room, say, body, errcode):
    event_id = say(bob, room)
    answer = alice.post(path(room, "receipt", "m.read", event_id), body).expect(400, errcode)
    assert "thread_id" in answer["error"]
    assert marks(alice, room) == {}


def test_the_read_marker_has_no_threads(alice, bob, room, say, read):
    read(alice, room, say(bob, room), "main", kind="m.fully_read").expect(400, "M_INVALID_PARAM")


def test_bad_receipts(alice, bob, person, room, other_room, say, read):
    here, there = say(bob, room), say(bob, other_room)
    read(alice, room, here, kind="org.example").expect(400, "M_INVALID_PARAM")
    read(alice, room, there).expect(404, "M_NOT_FOUND")
    read(alice, room, "$nothing").expect(404, "M_NOT_FOUND")
    read(alice, room, "nothing").expect(404, "M_NOT_FOUND")
    read(alice, "!nothing:localhost", here).expect(403, "M_FORBIDDEN")
    read(person(), room, here).expect(403, "M_FORBIDDEN")
    read(Client(alice.server), room, here).expect(401, "M_MISSING_TOKEN")


@pytest.mark.parametrize("kind", ["m.fully_read", "m.read", "m.read.private"])
def test_bad_markers(alice, bob, person, room, other_room, say, kind):
    here, there = say(bob, room), say(bob, other_room)
    where = path(room, "read_markers")
    for event_id, status, errcode in [(7, 400, "M_BAD_JSON"), ("", 400, "M_INVALID_PARAM"),
                                      ([here], 400, "M_BAD_JSON"), ("$" + "x" * 300, 400, "M_INVALID_PARAM"),
                                      (there, 404, "M_NOT_FOUND"), ("$nothing", 404, "M_NOT_FOUND")]:
        answer = alice.post(where, {"m.fully_read": here, "m.read": here, kind: event_id}).expect(status, errcode)
        assert kind in answer["error"]
    assert marks(alice, room) == {}, "one that cannot be set prevents the others"
    person().post(where, {kind: here}).expect(403, "M_FORBIDDEN")
    alice.post(path("!nothing:localhost", "read_markers"), {kind: here}).expect(403, "M_FORBIDDEN")
    alice.anonymous().post(where, {kind: here}).expect(401, "M_MISSING_TOKEN")


def test_who_left_reads_no_more(alice, bob, room, say, read):
    event_id = say(alice, room)
    bob.leave(room).ok()
    read(bob, room, event_id).expect(403, "M_FORBIDDEN")
    bob.post(path(room, "read_markers"), {"m.read": event_id}).expect(403, "M_FORBIDDEN")


def test_private_ones_are_private(alice, bob, room, say, read):
    event_id = say(bob, room)
    reader = Syncer(bob)
    reader.step()
    read(alice, room, event_id, kind="m.read.private").ok()
    alice.post(path(room, "read_markers"), {"m.fully_read": event_id}).ok()
    assert room not in reader.step().get("rooms", {}).get("join", {})


def test_deactivation_forgets_them(fresh_server):
    alice, bob = (Client(fresh_server).register(unique()) for _ in range(2))
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    event_id = alice.send(room, "x")
    for kind in ("m.read", "m.read.private", "m.fully_read"):
        bob.post(path(room, "receipt", kind, event_id)).ok()
    alice.post(path(room, "receipt", "m.read", event_id)).ok()
    deactivate(bob).ok()
    assert fresh_server.database.sql("SELECT count(*) FROM receipts") == [["1"]]
    assert fresh_server.database.sql("SELECT count(*) FROM account_data") == [["0"]]
