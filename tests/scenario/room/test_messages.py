"""/messages in both directions to the ends, filters, lazy members; /members and its kin."""

import json

import pytest

from harness.client import quote
from harness.rooms import history, path
from harness.sync import Syncer


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


@pytest.fixture
def filled(alice, bob, room):
    for n in range(23):
        (alice, bob)[n % 2].send(room, str(n))
    return room


def page(client, room, **params):
    return client.get(path(room, "messages"), params=params).ok().json


def walk(client, room, direction, limit, start=None):
    """Pages from start to the end: a list of lists of events."""
    pages, token = [], start
    while True:
        params = {"dir": direction, "limit": limit, **({"from": token} if token else {})}
        answer = page(client, room, **params)
        assert len(answer["chunk"]) <= limit
        assert answer["start"] == token or token is None
        if answer["chunk"]:
            pages.append(answer["chunk"])
        if "end" not in answer:
            return pages
        token = answer["end"]


def ids(pages):
    return [e["event_id"] for chunk in pages for e in chunk]


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_both_ways(alice, filled, limit):
    """No gap, no duplicate, and one way is the other reversed."""
    back = ids(walk(alice, filled, "b", limit))
    forth = ids(walk(alice, filled, "f", limit))
    assert len(back) == len(set(back)) and back == forth[::-1]
    events = history(alice, filled)
    assert [e["event_id"] for e in events] == forth
    assert events[0]["type"] == "m.room.create"
    assert [e["content"]["body"] for e in events if e["type"] == "m.room.message"] == [
        str(n) for n in range(23)]


def test_turning_round(alice, filled):
    """The end of a page is the place between two events, whichever way one goes on."""
    first = page(alice, filled, dir="b", limit=5)
    back = page(alice, filled, dir="f", limit=5, **{"from": first["end"]})
    assert [e["event_id"] for e in back["chunk"]] == [e["event_id"] for e in first["chunk"]][::-1]


def test_to(alice, filled):
    first = page(alice, filled, dir="b", limit=5)
    second = page(alice, filled, dir="b", limit=5, **{"from": first["end"]})
    both = page(alice, filled, dir="b", limit=50, to=second["end"])
    assert ids([both["chunk"]]) == ids([first["chunk"], second["chunk"]])


def test_from_sync_tokens(alice, bob, filled):
    """prev_batch of a limited sync, and a since, are places in the room."""
    reader = Syncer(alice, {"room": {"timeline": {"limit": 3}}})
    part = reader.step()["rooms"]["join"][filled]["timeline"]
    assert part["limited"] is True and len(part["events"]) == 3
    older = page(alice, filled, dir="b", limit=100, **{"from": part["prev_batch"]})["chunk"]
    whole = [e["event_id"] for e in history(alice, filled)]
    assert ids([older])[::-1] + ids([part["events"]]) == whole
    since = reader.since
    fresh = bob.send(filled, "fresh")
    later = page(alice, filled, dir="f", limit=100, **{"from": since})["chunk"]
    assert ids([later]) == [fresh]


@pytest.mark.parametrize("wanted,test", [
    ({"types": ["m.room.message"]}, lambda e, a: e["type"] == "m.room.message"),
    ({"types": ["m.room.*"], "not_types": ["m.room.message"]},
     lambda e, a: e["type"] != "m.room.message"),
    ({"types": []}, lambda e, a: False),
    ({"not_types": ["*"]}, lambda e, a: False),
    ({"senders": ["@alice"]}, lambda e, a: e["sender"] == a),
    ({"not_senders": ["@alice"]}, lambda e, a: e["sender"] != a),
    ({"contains_url": True}, lambda e, a: False),
    ({"contains_url": False}, lambda e, a: True),
    ({"not_rooms": ["here"]}, lambda e, a: False),
    ({"rooms": ["here"], "types": ["m.room.name"]}, lambda e, a: e["type"] == "m.room.name"),
], ids=lambda v: json.dumps(v) if isinstance(v, dict) else "")
def test_filters(alice, filled, wanted, test):
    wanted = json.loads(json.dumps(wanted).replace('"@alice"', json.dumps(alice.user_id)).replace(
        '"here"', json.dumps(filled)))
    expected = [e["event_id"] for e in history(alice, filled) if test(e, alice.user_id)]
    found = history(alice, filled, filter=json.dumps(wanted))
    assert [e["event_id"] for e in found] == expected


def test_filtered_pages_are_not_the_end(alice, filled):
    """A page may be empty under a filter and yet not be the last."""
    name = alice.set_state(filled, "m.room.topic", {"topic": "newest"}).ok()["event_id"]
    found = history(alice, filled, filter=json.dumps({"types": ["m.room.create"]}), limit=2)
    assert [e["type"] for e in found] == ["m.room.create"] and name


def test_lazy_members(alice, bob, filled):
    answer = page(alice, filled, dir="b", limit=4,
                  filter=json.dumps({"lazy_load_members": True, "types": ["m.room.message"]}))
    members = {e["state_key"]: e for e in answer["state"]}
    assert set(members) == {e["sender"] for e in answer["chunk"]} == {alice.user_id, bob.user_id}
    assert all(e["type"] == "m.room.member" for e in members.values())


@pytest.mark.parametrize("params", [
    {}, {"dir": "x"}, {"dir": ""}, {"dir": "b", "from": "nonsense"}, {"dir": "b", "limit": "x"},
    {"dir": "b", "limit": "-1"}, {"dir": "b", "from": "t1_00000000000"}, {"dir": "b", "to": "?"},
    {"dir": "b", "filter": "{"}, {"dir": "b", "filter": "[]"}], ids=str)
def test_bad_parameters(alice, room, params):
    alice.get(path(room, "messages"), params=params).expect(400)


def test_limits_of_limit(alice, filled):
    assert len(page(alice, filled, dir="b")["chunk"]) == 10
    assert page(alice, filled, dir="b", limit=1000000)["chunk"]


def test_outsiders(person, room):
    carol = person("carol")
    carol.messages(room).expect(403, "M_FORBIDDEN")
    carol.messages("!nothing:localhost").expect(403, "M_FORBIDDEN")
    carol.members(room).expect(403, "M_FORBIDDEN")
    carol.get(path(room, "joined_members")).expect(403, "M_FORBIDDEN")


def test_members(alice, bob, person, room):
    carol, dave = person("carol"), person("dave")
    alice.invite(room, carol.user_id).ok()
    alice.ban(room, dave.user_id).ok()
    everybody = alice.members(room).ok()["chunk"]
    assert {e["state_key"]: e["content"]["membership"] for e in everybody} == {
        alice.user_id: "join", bob.user_id: "join", carol.user_id: "invite", dave.user_id: "ban"}
    for params, expected in (({"membership": "join"}, {alice.user_id, bob.user_id}),
                             ({"membership": "invite"}, {carol.user_id}),
                             ({"not_membership": "join"}, {carol.user_id, dave.user_id}),
                             ({"membership": "leave"}, set())):
        found = alice.members(room, **params).ok()["chunk"]
        assert {e["state_key"] for e in found} == expected, params
    assert set(alice.get(path(room, "joined_members")).ok()["joined"]) == {
        alice.user_id, bob.user_id}


def test_members_at(alice, bob, person, room):
    token = alice.sync_call().ok()["next_batch"]
    carol = person("carol")
    carol.join(room).ok()
    bob.leave(room).ok()
    then = {e["state_key"]: e["content"]["membership"]
            for e in alice.members(room, at=token).ok()["chunk"]}
    assert then == {alice.user_id: "join", bob.user_id: "join"}
    alice.members(room, at="nonsense").expect(400)
    alice.members(room, membership="party").expect(400)


def test_joined_members_show_profiles(alice, bob, room):
    bob.set_profile("displayname", "Bobby").ok()
    bob.set_profile("avatar_url", "mxc://localhost/b").ok()
    Syncer(alice).until(lambda s: s.state[room]["m.room.member", bob.user_id]["content"].get(
        "avatar_url") == "mxc://localhost/b")
    joined = alice.get(path(room, "joined_members")).ok()["joined"]
    assert joined[bob.user_id] == {"display_name": "Bobby", "avatar_url": "mxc://localhost/b"}


def test_after_leaving_history_ends(alice, bob, filled):
    bob.leave(filled).ok()
    alice.send(filled, "behind bob's back")
    events = history(bob, filled)
    assert events[-1]["state_key"] == bob.user_id
    assert events[-1]["content"]["membership"] == "leave"
    after = page(bob, filled, dir="f", limit=100, **{"from": bob.sync_call().ok()["next_batch"]})
    assert after["chunk"] == []


def test_malformed_room(alice):
    answer = alice.get(f"rooms/{quote('!' + 'a' * 300)}/messages", params={"dir": "b"})
    assert answer.status in (400, 403, 404), repr(answer)
