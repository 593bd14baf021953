"""Sliding sync: windows over the rooms by their activity, filters, subscriptions."""

import pytest

from harness.client import quote
from harness.parts import steps
from harness.rooms import clone
from harness.sliding import Slider, bodies, lists


def make_rooms(client, count, **more):
    return [client.create_room(preset="public_chat", name=f"Room {n}", **more) for n in range(count)]


def told(answer):
    return set(answer.get("rooms", {}))


def count(answer, name="all_rooms"):
    return answer["lists"][name]["count"]


@pytest.fixture(params=["stable", "unstable"])
def stable(request):
    return request.param == "stable"


def test_the_window_holds_the_newest(alice, stable):
    rooms = make_rooms(alice, 6)
    reader = Slider(alice, {"lists": lists(0, 2)}, stable)
    answer = reader.step()
    assert told(answer) == set(rooms[3:]) and count(answer) == 6
    alice.send(rooms[0], "up")
    answer = Slider(alice, {"lists": lists(0, 2)}, stable).step()
    assert told(answer) == {rooms[0], rooms[4], rooms[5]}


def test_any_event_counts_as_activity(alice, bob):
    """The order is that of the newest event, not of bump_stamp."""
    rooms = make_rooms(alice, 3)
    bob.join(rooms[0]).ok()
    answer = Slider(alice, {"lists": lists(0, 0)}).step()
    assert told(answer) == {rooms[0]}
    stamps = {r: p["bump_stamp"] for r, p in Slider(alice, {"lists": lists(0, 9)}).step()["rooms"].items()}
    assert stamps[rooms[0]] < stamps[rooms[1]] < stamps[rooms[2]]
    alice.send(rooms[0], "x")
    after = Slider(alice, {"lists": lists(0, 0)}).step()["rooms"][rooms[0]]["bump_stamp"]
    assert after > stamps[rooms[2]]


BUMPING = ["m.room.message", "m.room.encrypted", "m.sticker", "m.call.invite", "m.poll.start", "m.beacon_info"]


@pytest.mark.parametrize("kind", BUMPING + ["m.reaction", "m.call.answer", "org.example.x"])
def test_what_bumps(alice, kind):
    [room] = make_rooms(alice, 1)
    reader = Slider(alice, {"lists": lists()})
    before = reader.step()["rooms"][room]["bump_stamp"]
    alice.send_call(room, {"body": "x"}, kind).ok()
    after = reader.step()["rooms"][room]["bump_stamp"]
    assert (after > before) is (kind in BUMPING)


def test_the_window_grows(alice, stable):
    """As Element X does it: the first rooms quickly, then more and more; each comes once."""
    rooms = make_rooms(alice, 12)
    reader = Slider(alice, {"lists": lists(0, 1)}, stable)
    seen = []
    for last in (1, 4, 9, 19, 19):
        answer = reader.step(lists=lists(0, last))
        assert all(part["initial"] for part in answer["rooms"].values())
        assert count(answer) == 12
        seen += list(answer["rooms"])
    assert len(seen) == 12 and set(seen) == set(rooms)


def test_several_ranges(alice):
    rooms = make_rooms(alice, 6)[::-1]
    body = {"lists": {"a": {"ranges": [[0, 0], [2, 3], [5, 9]], "timeline_limit": 1}}}
    assert told(Slider(alice, body).step()) == {rooms[0], rooms[2], rooms[3], rooms[5]}


@pytest.mark.parametrize("ranges", [{}, {"ranges": []}])
def test_without_a_range_all_of_them(alice, ranges, stable):
    rooms = make_rooms(alice, 4)
    answer = Slider(alice, {"lists": {"a": {"timeline_limit": 1, **ranges}}}, stable).step()
    assert told(answer) == set(rooms) and count(answer, "a") == 4


def test_range_and_ranges(alice, stable):
    make_rooms(alice, 4)
    for form in ({"range": [1, 2]}, {"ranges": [[1, 2]]}):
        assert len(told(Slider(alice, {"lists": {"a": {"timeline_limit": 1, **form}}}, stable).step())) == 2


def test_beyond_the_end(alice):
    make_rooms(alice, 2)
    answer = Slider(alice, {"lists": lists(5, 9)}).step()
    assert told(answer) == set() and count(answer) == 2


def test_only_what_changed(alice, bob, stable):
    rooms = make_rooms(alice, 5)
    for room in rooms:
        bob.join(room).ok()
    reader = Slider(alice, {"lists": lists()}, stable)
    reader.step()
    assert told(reader.step()) == set()
    for room in rooms[1:3]:
        bob.send(room, "x")
    answer = reader.step()
    assert told(answer) == set(rooms[1:3])
    assert all(bodies(part) == ["x"] and "initial" not in part for part in answer["rooms"].values())
    assert told(reader.step()) == set()


def test_rooms_outside_the_window_wait(alice, stable):
    """What a small window misses is told when the room is wanted again: all of it, once, and no more than that."""
    rooms = make_rooms(alice, 3)
    reader = Slider(alice, {"lists": lists(0, 2, 10)}, stable)
    reader.step()
    reader.step(lists=lists(0, 0, 10))
    alice.send(rooms[0], "one")
    alice.send(rooms[1], "other")           # the window of one holds this one
    answer = reader.step()
    assert told(answer) == {rooms[1]}
    alice.send(rooms[1], "again")
    assert told(reader.step()) == {rooms[1]}
    answer = reader.step(lists=lists(0, 2, 10))
    assert told(answer) == {rooms[0]}
    assert bodies(answer["rooms"][rooms[0]]) == ["one"] and "initial" not in answer["rooms"][rooms[0]]
    assert told(reader.step()) == set()


def test_missed_events_are_a_gap_when_there_are_many(alice):
    rooms = make_rooms(alice, 2)
    reader = Slider(alice, {"lists": lists(0, 1, 3)})
    reader.step()
    reader.step(lists=lists(0, 0, 3))
    for n in range(8):
        alice.send(rooms[0], str(n))
    alice.send(rooms[1], "newest")
    assert told(reader.step()) == {rooms[1]}
    part = reader.step(lists=lists(0, 1, 3))["rooms"][rooms[0]]
    assert bodies(part) == ["5", "6", "7"] and part["limited"] is True
    older = alice.messages(rooms[0], **{"from": part["prev_batch"], "limit": 1}).ok()["chunk"]
    assert older[0]["content"]["body"] == "4"


def test_two_lists(alice, stable):
    """One room in both: the larger timeline, the union of the state; each list has its count."""
    rooms = make_rooms(alice, 3)
    body = {"lists": {
        "small": {"ranges": [[0, 0]], "timeline_limit": 3, "required_state": [["m.room.name", ""]]},
        "large": {"ranges": [[0, 9]], "timeline_limit": 1, "required_state": [["m.room.create", ""]]}}}
    for n in range(3):
        for room in rooms:
            alice.send(room, str(n))
    answer = Slider(alice, body, stable).step()
    first, last = answer["rooms"][rooms[2]], answer["rooms"][rooms[0]]
    assert bodies(first) == ["0", "1", "2"] and bodies(last) == ["2"]
    assert {e["type"] for e in first["required_state"]} == {"m.room.name", "m.room.create"}
    assert {e["type"] for e in last["required_state"]} == {"m.room.create"}
    assert count(answer, "small") == count(answer, "large") == 3
    if stable:
        assert set(first["lists"]) == {"small", "large"} and last["lists"] == ["large"]
    else:
        assert "lists" not in first


def test_subscriptions(alice, bob, stable):
    """A room by name, in no list; whatever the list would give, the subscription adds."""
    rooms = make_rooms(alice, 3)
    wish = {"timeline_limit": 5, "required_state": [["m.room.name", ""]]}
    reader = Slider(alice, {"lists": lists(0, 0), "room_subscriptions": {rooms[0]: wish}}, stable)
    answer = reader.step()
    assert told(answer) == {rooms[0], rooms[2]}
    part = answer["rooms"][rooms[0]]
    assert [e["type"] for e in part["required_state"]] == ["m.room.name"] and len(part["timeline"]) == 5
    assert "lists" not in part
    bob.join(rooms[0]).ok()
    assert told(reader.step()) == {rooms[0]}
    bob.send(rooms[0], "seen")
    assert bodies(reader.step()["rooms"][rooms[0]]) == ["seen"]
    alice.send(rooms[1], "first in the list")
    assert told(reader.step(room_subscriptions={})) == {rooms[1]}


def test_subscriptions_of_what_one_may_not_see(alice, bob, stable):
    """Rooms of others, of nobody, and names of none are passed over without a word."""
    secret = bob.create_room(name="Secret")
    banned = bob.create_room(preset="public_chat")
    bob.ban(banned, alice.user_id).ok()
    forgotten = bob.create_room(preset="public_chat", name="Name")
    steps("jlf", bob, alice, forgotten)
    wish = {"timeline_limit": 5, "required_state": [["*", "*"]]}
    names = [secret, forgotten, "!nothing:localhost", "nonsense", "", "!" + "x" * 300]
    reader = Slider(alice, {"room_subscriptions": {name: wish for name in names}}, stable)
    assert told(reader.step()) == set()
    bob.send(secret, "x")
    assert told(reader.step()) == set()
    answer = Slider(alice, {"room_subscriptions": {banned: wish}}, stable).step()
    assert not answer["rooms"].get(banned, {}).get("timeline")


def test_a_room_left_long_ago_by_subscription(alice, bob):
    """It may be asked for, and is told as it was."""
    room = bob.create_room(preset="public_chat", name="Then")
    steps("js", bob, alice, room)
    alice.leave(room).ok()
    bob.set_state(room, "m.room.name", {"name": "Now"}).ok()
    wish = {"timeline_limit": 5, "required_state": [["m.room.name", ""]]}
    assert room not in told(Slider(alice, {"lists": lists()}).step())
    reader = Slider(alice, {"room_subscriptions": {room: wish}}, stable=True)
    part = reader.step()["rooms"][room]
    assert part["name"] == "Then" and part["membership"] == "leave" and bodies(part)[-2:] == ["said", None]
    assert told(reader.step()) == set()


# ---- filters ----

@pytest.fixture
def zoo(alice, bob):
    """Rooms of every kind: name -> room id."""
    zoo = {"plain": alice.create_room(name="plain"),
           "locked": alice.create_room(initial_state=[
               {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]),
           "space": alice.create_room(creation_content={"type": "m.space"}),
           "odd": alice.create_room(creation_content={"type": "org.example.odd"}),
           "chat": alice.create_room(is_direct=True),
           "invited": bob.create_room(invite=[alice.user_id]),
           "knocked": bob.create_room(initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}]),
           "child": alice.create_room(name="child")}
    alice.knock(zoo["knocked"]).ok()
    alice.set_account_data("m.direct", {bob.user_id: [zoo["chat"], "!unknown:localhost", 5], "bad": "x"}).ok()
    for name, tags in (("plain", {"m.favourite": {}, "u.work": {}}), ("locked", {"m.lowpriority": {}})):
        alice.put(f"user/{quote(alice.user_id)}/rooms/{quote(zoo[name])}/account_data/m.tag", {"tags": tags}).ok()
    alice.set_state(zoo["space"], "m.space.child", {"via": ["localhost"]}, zoo["child"]).ok()
    alice.set_state(zoo["space"], "m.space.child", {"via": ["localhost"]}, zoo["invited"]).ok()
    alice.set_state(zoo["space"], "m.space.child", {}, zoo["plain"]).ok()
    return zoo


ALL = {"plain", "locked", "space", "odd", "chat", "invited", "knocked", "child"}

FILTERS = [
    ({}, ALL),
    ({"is_dm": True}, {"chat"}),
    ({"is_dm": False}, ALL - {"chat"}),
    ({"is_dm": None}, ALL),
    ({"is_encrypted": True}, {"locked"}),
    ({"is_encrypted": False}, ALL - {"locked"}),
    ({"is_invite": True}, {"invited"}),
    ({"is_invited": True}, {"invited"}),
    ({"is_invite": False}, ALL - {"invited"}),
    ({"room_types": ["m.space"]}, {"space"}),
    ({"room_types": ["m.space", "org.example.odd"]}, {"space", "odd"}),
    ({"room_types": [None]}, ALL - {"space", "odd"}),
    ({"room_types": []}, set()),
    ({"not_room_types": ["m.space"]}, ALL - {"space"}),
    ({"not_room_types": [None]}, {"space", "odd"}),
    ({"not_room_types": []}, ALL),
    ({"room_types": ["m.space", None], "not_room_types": ["m.space"]}, ALL - {"space", "odd"}),
    ({"tags": ["m.favourite"]}, {"plain"}),
    ({"tags": ["m.favourite", "m.lowpriority"]}, {"plain", "locked"}),
    ({"tags": []}, set()),
    ({"not_tags": ["m.favourite"]}, ALL - {"plain"}),
    ({"not_tags": []}, ALL),
    ({"tags": ["m.favourite"], "not_tags": ["u.work"]}, set()),
    ({"spaces": ["SPACE"]}, {"child", "invited"}),
    ({"spaces": ["SPACE", "!unknown:localhost"]}, {"child", "invited"}),
    ({"spaces": ["!unknown:localhost"]}, set()),
    ({"spaces": []}, set()),
    ({"spaces": ["PLAIN"]}, set()),
    ({"is_dm": False, "is_encrypted": False, "not_room_types": ["m.space"], "is_invite": False,
      "not_tags": ["m.favourite"]}, {"odd", "knocked", "child"}),
    ({"org.example.unknown": 5}, ALL),
]


def test_filters(alice, zoo):
    names = {room: name for name, room in zoo.items()}
    for wanted, expected in FILTERS:
        if "spaces" in wanted:
            wanted = {"spaces": [{"SPACE": zoo["space"], "PLAIN": zoo["plain"]}.get(s, s) for s in wanted["spaces"]]}
        answer = Slider(alice, {"lists": lists(0, 99, filters=wanted)}).step()
        assert {names[room] for room in told(answer)} == expected, wanted
        assert count(answer) == len(expected), wanted


def test_what_a_filter_lets_pass_changes(alice, bob, zoo):
    """A tag, an encryption, a direct chat: the room comes into the list."""
    reader = Slider(alice, {"lists": {
        "tagged": {"range": [0, 9], "timeline_limit": 1, "filters": {"tags": ["u.new"]}},
        "locked": {"range": [0, 9], "timeline_limit": 1, "filters": {"is_encrypted": True}},
        "dms": {"range": [0, 9], "timeline_limit": 1, "filters": {"is_dm": True}}}}, stable=True)
    reader.step()
    place = f"user/{quote(alice.user_id)}/rooms/{quote(zoo['odd'])}"
    alice.put(f"{place}/account_data/m.tag", {"tags": {"u.new": {}}}).ok()
    alice.set_state(zoo["plain"], "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}).ok()
    alice.set_account_data("m.direct", {bob.user_id: [zoo["child"]]}).ok()
    answer = reader.step()
    assert {room: part["lists"] for room, part in answer["rooms"].items()} == {
        zoo["odd"]: ["tagged"], zoo["plain"]: ["locked"], zoo["child"]: ["dms"]}
    assert [answer["lists"][name]["count"] for name in ("tagged", "locked", "dms")] == [1, 2, 1]


def test_invites_among_the_rest(alice, bob):
    """Invites and knocks stand in the order by when they came."""
    rooms = make_rooms(alice, 2)
    invited = bob.create_room(invite=[alice.user_id])
    alice.send(rooms[0], "x")
    reader = Slider(alice, {"lists": lists(0, 1)})
    assert told(reader.step()) == {rooms[0], invited}
    bob.send(invited, "what they may not see moves nothing")
    assert told(reader.step()) == set()


def test_an_account_without_rooms(alice, stable):
    answer = Slider(alice, {"lists": lists()}, stable).step()
    assert answer["lists"] == {"all_rooms": {"count": 0}} and answer["rooms"] == {}


def test_without_rules(alice, stable):
    """A connection for extensions alone, such as the one for encryption."""
    make_rooms(alice, 2)
    reader = Slider(alice, {"extensions": {"e2ee": {"enabled": True}, "to_device": {"enabled": True}}}, stable)
    answer = reader.step()
    assert answer["rooms"] == {} and answer["lists"] == {}
    pos = reader.pos
    clone(alice).create_room()
    assert reader.step()["rooms"] == {} and reader.pos != pos
