"""GET …/threads: the threads of a room by their latest reply."""

import pytest

from harness.relations import edit, ids, redact, reply_in_thread, threads


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


def walk(client, room, **params):
    found, token = [], None
    while True:
        answer = threads(client, room, **params, **({"from": token} if token else {})).ok()
        found += ids(answer["chunk"])
        if "next_batch" not in answer.json:
            return found
        token = answer["next_batch"]


def test_no_threads(alice, room):
    alice.send(room, "alone")
    assert threads(alice, room).ok().json == {"chunk": []}


def test_order(alice, bob, room):
    roots = [alice.send(room, str(n)) for n in range(3)]
    for root in roots:
        reply_in_thread(bob, room, root)
    assert ids(threads(alice, room).ok()["chunk"]) == roots[::-1]
    last = reply_in_thread(bob, room, roots[0])
    alice.send(room, "not of a thread")
    edit(alice, room, roots[1], "no reply")
    answer = threads(alice, room).ok()
    assert ids(answer["chunk"]) == [roots[0], roots[2], roots[1]]
    assert answer["chunk"][0]["unsigned"]["m.relations"]["m.thread"]["latest_event"][
        "event_id"] == last
    redact(bob, room, last, "last")
    assert ids(threads(alice, room).ok()["chunk"]) == [roots[2], roots[1], roots[0]]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages(alice, room, limit):
    roots = [alice.send(room, str(n)) for n in range(5)]
    for root in roots:
        reply_in_thread(alice, room, root)
    assert walk(alice, room, limit=limit) == roots[::-1]
    assert len(threads(alice, room, limit=10 ** 12).ok()["chunk"]) == 5


def test_participated(alice, bob, person, room):
    carol = person("carol")
    carol.join(room).ok()
    hers, his = alice.send(room, "hers"), bob.send(room, "his")
    reply_in_thread(alice, room, hers)
    reply_in_thread(alice, room, his)
    assert ids(threads(bob, room).ok()["chunk"]) == [his, hers]
    assert ids(threads(bob, room, include="all").ok()["chunk"]) == [his, hers]
    assert ids(threads(alice, room, include="participated").ok()["chunk"]) == [his, hers]
    assert ids(threads(bob, room, include="participated").ok()["chunk"]) == [his]
    assert threads(carol, room, include="participated").ok()["chunk"] == []
    reply = reply_in_thread(carol, room, hers)
    assert ids(threads(carol, room, include="participated").ok()["chunk"]) == [hers]
    redact(carol, room, reply, "mine")
    assert threads(carol, room, include="participated").ok()["chunk"] == []


def test_redacted_root_stays(alice, room):
    root = alice.send(room, "root")
    reply_in_thread(alice, room, root)
    redact(alice, room, root, "root")
    [found] = threads(alice, room).ok()["chunk"]
    assert found["content"] == {} and found["unsigned"]["m.relations"]["m.thread"]["count"] == 1


def test_all_replies_redacted(alice, room):
    root = alice.send(room, "root")
    redact(alice, room, reply_in_thread(alice, room, root), "reply")
    assert threads(alice, room).ok()["chunk"] == []


def test_ignored_users(alice, bob, room):
    """Their threads stand as redacted ones; their replies do not count."""
    his, hers = bob.send(room, "his words"), alice.send(room, "hers")
    reply_in_thread(alice, room, his)
    reply_in_thread(bob, room, hers)
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {bob.user_id: {}}}).ok()
    [found] = threads(alice, room).ok()["chunk"]
    assert found["event_id"] == his and found["content"] == {}
    assert found["unsigned"]["m.relations"]["m.thread"]["count"] == 1
    assert [e["content"]["body"] for e in threads(bob, room).ok()["chunk"]] == [
        "hers", "his words"]


def test_history_visibility(alice, person):
    carol = person("carol")
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    hidden = alice.send(room, "hidden")
    reply_in_thread(alice, room, hidden)
    threads(carol, room).expect(403, "M_FORBIDDEN")
    carol.join(room).ok()
    seen = alice.send(room, "seen")
    reply_in_thread(alice, room, seen)
    reply_in_thread(alice, room, hidden)
    assert ids(threads(carol, room).ok()["chunk"]) == [seen]
    carol.leave(room).ok()
    late = alice.send(room, "late")
    reply_in_thread(alice, room, late)
    assert ids(threads(carol, room).ok()["chunk"]) == [seen]
    assert ids(threads(alice, room).ok()["chunk"]) == [late, hidden, seen]


@pytest.mark.parametrize("params", [
    {"include": "some"}, {"include": ""}, {"limit": "0"}, {"limit": "-3"}, {"limit": "x"},
    {"from": "nonsense"}, {"from": "t1_WRONG"}], ids=str)
def test_bad_parameters(alice, room, params):
    threads(alice, room, **params).expect(400, "M_INVALID_PARAM")


def test_outsiders(alice, person, room):
    carol = person("carol")
    threads(carol, room).expect(403, "M_FORBIDDEN")
    threads(carol, "!nothing:localhost").expect(403, "M_FORBIDDEN")
    threads(carol, "nothing").expect(403, "M_FORBIDDEN")
    threads(alice.anonymous(), room).expect(401, "M_MISSING_TOKEN")
    alice.kick(room, carol.user_id)
    alice.ban(room, carol.user_id).ok()
    threads(carol, room).expect(403, "M_FORBIDDEN")
