"""GET …/relations: children of an event, page by page, by type, with their children."""

import pytest

from harness.relations import (V1, child, child_call, edit, ids, react, redact, relations,
                               reply_in_thread)
from harness.rooms import VERSIONS, history, path

NO_EVENT = "$" + "a" * 43


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


def walk(client, room, event_id, *parts, **params):
    """All pages."""
    found, token = [], None
    while True:
        answer = relations(client, room, event_id, *parts, **params,
                           **({"from": token} if token else {})).ok()
        found += ids(answer["chunk"])
        assert ("prev_batch" in answer.json) == (token is not None)
        if "next_batch" not in answer.json:
            return found
        assert answer["next_batch"] != token
        token = answer["next_batch"]


@pytest.mark.parametrize("version", VERSIONS)
def test_children(alice, bob, version):
    room = alice.create_room(preset="public_chat", room_version=version)
    bob.join(room).ok()
    root = alice.send(room, "root")
    first = reply_in_thread(bob, room, root)
    second = edit(alice, room, root, "better")
    third = react(bob, room, root, "+").ok()["event_id"]
    alice.send(room, "nothing of it")
    fourth = child(bob, room, root, "org.example.kind")
    answer = relations(alice, room, root).ok()
    assert ids(answer["chunk"]) == [fourth, third, second, first]
    assert set(answer.json) == {"chunk"}
    assert all(e["room_id"] == room and e["unsigned"]["membership"] == "join"
               for e in answer["chunk"])
    assert ids(relations(alice, room, root, dir="f").ok()["chunk"]) == [
        first, second, third, fourth]
    for parts, expected in ((["m.thread"], [first]), (["m.replace"], [second]),
                            (["m.annotation"], [third]), (["m.annotation", "m.reaction"], [third]),
                            (["m.annotation", "m.room.message"], []), (["m.reference"], []),
                            (["org.example.kind"], [fourth]), (["org.example.unheard"], []),
                            (["org.example.kind", "org.example.unheard"], [])):
        assert ids(relations(alice, room, root, *parts).ok()["chunk"]) == expected, parts


@pytest.mark.parametrize("direction", ["b", "f"])
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("parts", [[], ["m.thread"]], ids=["any", "thread"])
def test_pages(alice, room, direction, limit, parts):
    root = alice.send(room, "root")
    sent = [reply_in_thread(alice, room, root, str(n)) for n in range(7)]
    found = walk(alice, room, root, *parts, dir=direction, limit=limit)
    assert found == (sent if direction == "f" else sent[::-1])


def test_from_and_to(alice, room):
    """Tokens of /relations, /messages and /sync are places between events."""
    root = alice.send(room, "root")
    first = reply_in_thread(alice, room, root)
    since = alice.sync_call().ok()["next_batch"]
    second = reply_in_thread(alice, room, root)
    start = alice.messages(room, limit=1).ok()
    third = reply_in_thread(alice, room, root)
    assert ids(relations(alice, room, root, **{"from": since}).ok()["chunk"]) == [first]
    assert ids(relations(alice, room, root, to=since).ok()["chunk"]) == [third, second]
    assert ids(relations(alice, room, root, **{"from": start["start"]}).ok()["chunk"]) == [
        second, first]
    assert ids(relations(alice, room, root, dir="f", **{"from": since}).ok()["chunk"]) == [
        second, third]
    page = relations(alice, room, root, limit=1).ok()
    both = relations(alice, room, root, to=page["next_batch"]).ok()
    assert ids(both["chunk"]) == [third]
    nothing = relations(alice, room, root, to=since, **{"from": since}).ok()
    assert nothing["chunk"] == [] and "next_batch" not in nothing.json


def test_recursion(alice, room):
    root = alice.send(room, "root")
    first = reply_in_thread(alice, room, root)
    second = react(alice, room, first, "+").ok()["event_id"]
    third = child(alice, room, second, "m.reference")
    fourth = child(alice, room, third, "m.reference")
    plain = relations(alice, room, root).ok()
    assert ids(plain["chunk"]) == [first] and "recursion_depth" not in plain.json
    assert relations(alice, room, root, recurse="false").ok()["recursion_depth"] == 1
    deep = relations(alice, room, root, recurse="true").ok()
    assert ids(deep["chunk"]) == [third, second, first]
    assert deep["recursion_depth"] == 3
    assert ids(relations(alice, room, first, recurse="true").ok()["chunk"]) == [
        fourth, third, second]
    assert walk(alice, room, root, recurse="true", limit=1) == [third, second, first]
    only = relations(alice, room, root, "m.thread", recurse="true").ok()
    assert ids(only["chunk"]) == [first]


def test_what_is_no_relation(alice, bob, room):
    """Contents that do not match the schema, and parents in other rooms, are ignored."""
    root, other = alice.send(room, "root"), alice.create_room()
    elsewhere = alice.send(other, "elsewhere")
    for relates in ({"event_id": root}, {"rel_type": "m.thread"}, {"rel_type": 5, "event_id": root},
                    {"rel_type": "m.thread", "event_id": 5}, {"rel_type": "", "event_id": root},
                    {"rel_type": "r" * 256, "event_id": root},
                    {"m.in_reply_to": {"event_id": root}}, [root], "m.thread", None,
                    {"rel_type": "m.thread", "event_id": elsewhere}):
        alice.send_call(room, {"body": "x", "msgtype": "m.text", "m.relates_to": relates}).ok()
    child(alice, other, root, "m.thread")
    assert relations(alice, room, root).ok()["chunk"] == []
    assert relations(alice, other, elsewhere).ok()["chunk"] == []


def test_redacted_children_are_none(alice, room):
    root = alice.send(room, "root")
    first, second = reply_in_thread(alice, room, root), reply_in_thread(alice, room, root)
    redact(alice, room, first, "one")
    assert ids(relations(alice, room, root).ok()["chunk"]) == [second]
    redact(alice, room, root, "root")
    assert ids(relations(alice, room, root).ok()["chunk"]) == [second]


def test_children_of_ignored_users(alice, bob, room):
    root = alice.send(room, "root")
    mine, theirs = reply_in_thread(alice, room, root), reply_in_thread(bob, room, root)
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {bob.user_id: {}}}).ok()
    assert ids(relations(alice, room, root).ok()["chunk"]) == [mine]
    assert ids(relations(bob, room, root).ok()["chunk"]) == [theirs, mine]
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {}}).ok()
    assert ids(relations(alice, room, root).ok()["chunk"]) == [theirs, mine]


def test_state_events_may_be_children_and_parents(alice, room):
    name = alice.set_state(room, "m.room.name", {"name": "x"}).ok()["event_id"]
    topic = alice.set_state(room, "m.room.topic", {
        "topic": "x", "m.relates_to": {"rel_type": "m.reference", "event_id": name}}).ok()["event_id"]
    assert ids(relations(alice, room, name, "m.reference", "m.room.topic").ok()["chunk"]) == [topic]


def test_history_visibility(alice, bob, person):
    """A child that the user may not see is not there; a parent that they may not see is not found."""
    carol = person("carol")
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    hidden = alice.send(room, "before")
    early = reply_in_thread(alice, room, hidden)
    relations(carol, room, hidden).expect(404, "M_NOT_FOUND")
    carol.join(room).ok()
    relations(carol, room, hidden).expect(404, "M_NOT_FOUND")
    root = alice.send(room, "now")
    seen = reply_in_thread(alice, room, root)
    carol.leave(room).ok()
    late = reply_in_thread(alice, room, root)
    assert ids(relations(carol, room, root).ok()["chunk"]) == [seen]
    assert ids(relations(alice, room, root).ok()["chunk"]) == [late, seen]
    assert ids(relations(alice, room, hidden).ok()["chunk"]) == [early]


def test_open_to_the_world(alice, person):
    carol = person("carol")
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}])
    root = alice.send(room, "root")
    reply = reply_in_thread(alice, room, root)
    assert ids(relations(carol, room, root).ok()["chunk"]) == [reply]


@pytest.mark.parametrize("params", [
    {"dir": "x"}, {"dir": ""}, {"limit": "0"}, {"limit": "-1"}, {"limit": "many"}, {"limit": "1.5"},
    {"from": "nonsense"}, {"to": "nonsense"}, {"from": "t1_WRONGTAG"}, {"from": "s1_2"},
    {"recurse": "yes"}, {"recurse": ""}, {"from": "t-1_x"}], ids=str)
def test_bad_parameters(alice, room, params):
    root = alice.send(room, "root")
    relations(alice, room, root, **params).expect(400, "M_INVALID_PARAM")


def test_not_there(alice, bob, person, room):
    carol, root = person("carol"), alice.send(room, "root")
    other = alice.create_room()
    for client, where, event_id, status in (
            (alice, room, NO_EVENT, 404), (alice, room, "$x:nowhere", 404), (alice, room, "x", 404),
            (alice, other, root, 404), (alice, "!nothing:localhost", root, 404),
            (alice, "nothing", root, 404), (carol, other, root, 404), (bob, other, root, 404)):
        relations(client, where, event_id).expect(status, "M_NOT_FOUND")
    relations(carol, room, root).expect(404, "M_NOT_FOUND")
    anonymous = alice.anonymous()
    anonymous.get(f"{V1}/{path(room, 'relations', root)}").expect(401, "M_MISSING_TOKEN")


def test_a_large_limit(alice, room):
    root = alice.send(room, "root")
    sent = [reply_in_thread(alice, room, root, str(n)) for n in range(30)]
    assert len(relations(alice, room, root).ok()["chunk"]) == 20
    assert ids(relations(alice, room, root, limit=10 ** 9).ok()["chunk"]) == sent[::-1]


def test_no_thread_begins_in_a_thread(alice, room):
    """Client-Server API, "Validation of m.thread relationships"."""
    root = alice.send(room, "root")
    reply = reply_in_thread(alice, room, root)
    child_call(alice, room, reply, "m.thread").expect(400, "M_UNKNOWN")
    child_call(alice, room, edit(alice, room, root, "x"), "m.thread").expect(400, "M_UNKNOWN")
    plain = alice.send_call(room, {"body": "x", "msgtype": "m.text", "m.relates_to": {
        "m.in_reply_to": {"event_id": root}}}).ok()["event_id"]
    child_call(alice, room, plain, "m.thread").ok()             # a rich reply is no child
    child_call(alice, room, NO_EVENT, "m.thread").ok()          # perhaps of another server


def test_annotations_stand_once(alice, bob, room):
    """Client-Server API, "Avoiding duplicate annotations"."""
    root, other = alice.send(room, "root"), alice.send(room, "other")
    first = react(alice, room, root, "+").ok()["event_id"]
    react(alice, room, root, "+").expect(400, "M_DUPLICATE_ANNOTATION")
    react(alice, room, root, "-").ok()
    react(alice, room, other, "+").ok()
    react(bob, room, root, "+").ok()
    child_call(alice, room, root, "m.annotation", kind="org.example.note",
               relates={"key": "+"}).ok()
    redact(alice, room, first, "again")
    react(alice, room, root, "+").ok()
    react(alice, room, root, "+").expect(400, "M_DUPLICATE_ANNOTATION")
    react(alice, room, NO_EVENT, "+").ok()
    # The same transaction is the same event, not a second one.
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": other, "key": "t"}}
    sent = [alice.send_call(room, content, "m.reaction", txn="once").ok()["event_id"]
            for _ in range(2)]
    assert sent[0] == sent[1]


def test_history_is_whole(alice, room):
    """Children stand in the timeline as any event."""
    root = alice.send(room, "root")
    reply = reply_in_thread(alice, room, root)
    assert ids(history(alice, room))[-2:] == [root, reply]
