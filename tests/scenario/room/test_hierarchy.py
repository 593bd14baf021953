"""Walks through spaces."""

import pytest

from harness.client import quote


ORDER = ["root", "one", "sub", "two", "deep", "three", "four"]


def hierarchy(client, room, **params):
    return client.get(f"/_matrix/client/v1/rooms/{quote(room)}/hierarchy", params=params)


def ids(answer):
    return [room["room_id"] for room in answer.ok()["rooms"]]


def space(client, **body):
    return client.create_room(preset="public_chat", creation_content={"type": "m.space"}, **body)


def add(client, parent, child, **content):
    return client.set_state(parent, "m.space.child", {"via": ["localhost"], **content}, child).ok()


@pytest.fixture
def tree(alice):
    """root: one, sub (two, deep (three)), four."""
    spaces = ("root", "sub", "deep")
    rooms = {name: space(alice, name=name) if name in spaces else
             alice.create_room(preset="public_chat", name=name) for name in ORDER}
    for parent, children in (("root", ("one", "sub", "four")), ("sub", ("two", "deep")), ("deep", ("three",))):
        for place, child in enumerate(children):
            add(alice, rooms[parent], rooms[child], order=f"{place}")
    return rooms


def names(answer, tree):
    by_id = {room: name for name, room in tree.items()}
    return [by_id[room] for room in ids(answer)]


def test_depth_first(alice, bob, tree):
    for who in (alice, bob):
        answer = hierarchy(who, tree["root"])
        assert names(answer, tree) == ORDER
        assert "next_batch" not in answer.json


def test_what_is_shown(alice, tree):
    answer = hierarchy(alice, tree["root"]).ok()
    root, one = answer["rooms"][:2]
    children = root.pop("children_state")
    assert root == {"room_id": tree["root"], "name": "root", "num_joined_members": 1, "room_type": "m.space",
                    "world_readable": False, "guest_can_join": False, "join_rule": "public",
                    "room_version": "12"}
    assert [c["state_key"] for c in children] == [tree["one"], tree["sub"], tree["four"]]
    for child in children:
        assert child["type"] == "m.space.child" and child["sender"] == alice.user_id
        assert child["content"]["via"] == ["localhost"]
        assert isinstance(child["origin_server_ts"], int)
        assert set(child) == {"type", "state_key", "sender", "content", "origin_server_ts"}
    assert one["children_state"] == []


@pytest.mark.parametrize("depth, shown", [
    (0, ["root"]),
    (1, ["root", "one", "sub", "four"]),
    (2, ["root", "one", "sub", "two", "deep", "four"]),
    (3, ORDER),
    (10 ** 9, ORDER),
])
def test_max_depth(alice, tree, depth, shown):
    answer = hierarchy(alice, tree["root"], max_depth=depth).ok()
    assert names(answer, tree) == shown
    assert len(answer["rooms"][0]["children_state"]) == 3, "named, though not followed"


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 8])
def test_paging(alice, tree, limit):
    seen, token = [], None
    while True:
        answer = hierarchy(alice, tree["root"], limit=limit, **({"from": token} if token else {})).ok()
        assert 1 <= len(answer["rooms"]) <= limit
        seen += names(answer, tree)
        token = answer.json.get("next_batch")
        if token is None:
            break
        again = hierarchy(alice, tree["root"], limit=limit, **{"from": token}).ok()
        assert ids(again) == ids(hierarchy(alice, tree["root"], limit=limit, **{"from": token})), "stable"
    assert seen == ORDER


def test_a_space_that_changes_meanwhile(alice, tree):
    """The walk goes on behind the last room that was shown; when that is gone, by the count."""
    token = hierarchy(alice, tree["root"], limit=4).ok()["next_batch"]
    first = alice.create_room(preset="public_chat")
    add(alice, tree["root"], first, order=" ")
    assert names(hierarchy(alice, tree["root"], **{"from": token}), {**tree, "new": first}) == [
        "deep", "three", "four"]
    alice.set_state(tree["sub"], "m.space.child", {}, tree["two"]).ok()
    alice.set_state(tree["root"], "m.space.child", {}, first).ok()
    assert names(hierarchy(alice, tree["root"], **{"from": token}), tree) == ["three", "four"]


def test_suggested_only(alice, tree):
    add(alice, tree["root"], tree["sub"], order="1", suggested=True)
    add(alice, tree["sub"], tree["deep"], suggested=True)
    add(alice, tree["sub"], tree["two"], suggested="true")
    answer = hierarchy(alice, tree["root"], suggested_only="true").ok()
    assert names(answer, tree) == ["root", "sub", "deep"]
    assert [c["state_key"] for c in answer["rooms"][0]["children_state"]] == [tree["sub"]]
    assert names(hierarchy(alice, tree["root"], suggested_only="false"), tree)[:3] == ["root", "one", "sub"]


def test_order(alice):
    """By a valid order, then by time."""
    root = space(alice)
    children = [alice.create_room(preset="public_chat") for _ in range(8)]
    orders = ["b", " ", "b", None, "a" * 51, "\u00e4", 7, "aa"]
    for child, order in zip(children, orders):
        add(alice, root, child, **({} if order is None else {"order": order}))
    wanted = [children[n] for n in (1, 7, 0, 2, 3, 4, 5, 6)]
    assert ids(hierarchy(alice, root)) == [root, *wanted]


def test_children_that_are_none(alice):
    root = space(alice)
    child = alice.create_room(preset="public_chat")
    for content in ({}, {"via": None}, {"via": "localhost"}, {"via": []}, {"via": [7]}, {"via": {}}):
        alice.set_state(root, "m.space.child", content, child).ok()
        answer = hierarchy(alice, root).ok()
        assert ids(answer) == [root] and answer["rooms"][0]["children_state"] == [], content
    add(alice, root, "no room")
    add(alice, root, "")
    assert hierarchy(alice, root).ok()["rooms"][0]["children_state"] == []
    add(alice, root, "!elsewhere:elsewhere.example")
    answer = hierarchy(alice, root).ok()
    assert ids(answer) == [root], "not known here"
    assert len(answer["rooms"][0]["children_state"]) == 1
    event_id = add(alice, root, child)["event_id"]
    assert ids(hierarchy(alice, root)) == [root, child]
    alice.put(f"rooms/{quote(root)}/redact/{quote(event_id)}/t1", {}).ok()
    assert ids(hierarchy(alice, root)) == [root]


def test_only_spaces_have_children(alice):
    room, child = (alice.create_room(preset="public_chat") for _ in range(2))
    add(alice, room, child)
    answer = hierarchy(alice, room).ok()
    assert ids(answer) == [room] and answer["rooms"][0]["children_state"] == []


def test_cycles(alice):
    one, two, three = (space(alice) for _ in range(3))
    for parent, child in ((one, two), (two, three), (three, one), (three, two), (one, one), (one, three)):
        add(alice, parent, child)
    assert ids(hierarchy(alice, one)) == [one, two, three]
    assert ids(hierarchy(alice, three)) == [three, one, two]
    token = hierarchy(alice, one, limit=2).ok()["next_batch"]
    assert ids(hierarchy(alice, one, limit=2, **{"from": token})) == [three]


def test_who_may_see_what(alice, bob):
    root = space(alice)
    rooms = {
        "public": alice.create_room(preset="public_chat"),
        "knock": alice.create_room(initial_state=[
            {"type": "m.room.join_rules", "content": {"join_rule": "knock"}}]),
        "readable": alice.create_room(initial_state=[
            {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}]),
        "restricted": alice.create_room(initial_state=[
            {"type": "m.room.join_rules", "content": {"join_rule": "restricted", "allow": [
                {"type": "m.room_membership", "room_id": root}]}}]),
        "invited": alice.create_room(invite=[bob.user_id]),
        "joined": alice.create_room(invite=[bob.user_id]),
        "closed": alice.create_room(),
        "banned": alice.create_room(preset="public_chat"),
        "closed space": alice.create_room(creation_content={"type": "m.space"}),
    }
    bob.join(rooms["joined"]).ok()
    alice.ban(rooms["banned"], bob.user_id).ok()
    behind = alice.create_room(preset="public_chat")
    add(alice, rooms["closed space"], behind)
    for place, room in enumerate(rooms.values()):
        add(alice, root, room, order=str(place))

    def shown(who):
        by_id = {room: name for name, room in rooms.items()}
        return [by_id.get(room, room) for room in ids(hierarchy(who, root))]
    assert shown(alice) == [root, *rooms, behind]
    assert shown(bob) == [root, "public", "knock", "readable", "invited", "joined"]
    bob.join(root).ok()
    assert shown(bob) == [root, "public", "knock", "readable", "restricted", "invited", "joined"]
    assert next(r for r in hierarchy(bob, root)["rooms"]
                if r["room_id"] == rooms["restricted"])["allowed_room_ids"] == [root]


def test_a_space_that_may_not_be_seen(alice, bob):
    closed = alice.create_room(creation_content={"type": "m.space"})
    hierarchy(alice, closed).ok()
    hierarchy(bob, closed).expect(403, "M_FORBIDDEN")
    hierarchy(bob, "!unknown:localhost").expect(403, "M_FORBIDDEN")
    hierarchy(bob, "no room").expect(403, "M_FORBIDDEN")
    root = space(alice)
    alice.ban(root, bob.user_id).ok()
    hierarchy(bob, root).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("params", [
    {"limit": 0}, {"limit": -1}, {"limit": "x"}, {"limit": 1.5}, {"max_depth": -1}, {"max_depth": "x"},
    {"suggested_only": "yes"}, {"suggested_only": "1"}, {"from": "x"}, {"from": "1-2-3"},
    {"from": "1-2-3-100-0-0"}, {"from": "-1-2-3-100-0"}, {"from": "1-2-3-100-"}, {"from": "1-2-3-100-1"},
    {"from": "1-2-3-99-0"}, {"from": "99999999999999999999-1-1-100-0"},
])
def test_bad_parameters(alice, tree, params):
    hierarchy(alice, tree["root"], **params).expect(400, "M_INVALID_PARAM")


def test_tokens_belong_to_their_walk(alice, tree):
    token = hierarchy(alice, tree["root"], limit=1, max_depth=2).ok()["next_batch"]
    ok = {"limit": 1, "max_depth": 2, "from": token}
    hierarchy(alice, tree["root"], **ok).ok()
    for wrong in ({"max_depth": 3}, {"suggested_only": "true"}):
        hierarchy(alice, tree["root"], **{**ok, **wrong}).expect(400, "M_INVALID_PARAM")
    hierarchy(alice, tree["sub"], **ok).expect(400, "M_INVALID_PARAM")


def test_many_children(alice):
    """More than a page: the limit that is asked for is bounded."""
    root = space(alice)
    children = [alice.create_room(preset="public_chat") for _ in range(110)]
    for child in children:
        add(alice, root, child)
    first = hierarchy(alice, root, limit=100000).ok()
    second = hierarchy(alice, root, limit=100000, **{"from": first["next_batch"]}).ok()
    assert len(first["rooms"]) == 100
    assert ids(first) + ids(second) == [root, *children]


def test_without_a_token(anonymous):
    hierarchy(anonymous, "!x:localhost").expect(401, "M_MISSING_TOKEN")
