"""The published room directory: order, search, paging."""

import pytest

from harness.client import Client, quote, unique

PATH = "publicRooms"


@pytest.fixture(scope="module")
def tea_house(module_servers):
    """(A member, what it is that each listed room can be found by)."""
    owner = Client(module_servers()).register(unique("owner"))
    return owner, {owner.create_room(visibility="public", **body): what for what, body in {
        "name": {"name": "Green Tea"}, "topic": {"topic": "All about it"},
        "alias": {"room_alias_name": "pot"}, "apples": {"name": "\u00c4pfel"}}.items()}


@pytest.fixture
def world(fresh_server):
    """A directory of its own: (owner, makers of rooms)."""
    owner = Client(fresh_server).register(unique("owner"))
    others = [Client(fresh_server).register(unique("other")) for _ in range(3)]

    def make(members=1, **body):
        room = owner.create_room(**{"visibility": "public", "preset": "public_chat", **body})
        for other in others[:members - 1]:
            other.join(room).ok()
        return room
    return owner, make


def listing(client, **params):
    return client.get(PATH, params=params).ok()


def query(client, **body):
    return client.post(PATH, body).ok()


def ids(answer):
    return [room["room_id"] for room in answer["chunk"]]


def test_empty(world):
    owner, _ = world
    assert listing(owner).json == {"chunk": [], "total_room_count_estimate": 0}
    assert query(owner).json == {"chunk": [], "total_room_count_estimate": 0}


def test_what_is_shown(world):
    owner, make = world
    plain = owner.create_room(visibility="public", preset="private_chat", room_version="11")
    full = make(2, name="Name", topic="Topic", room_alias_name="alias",
                creation_content={"type": "m.space"},
                initial_state=[{"type": "m.room.avatar", "content": {"url": "mxc://localhost/a"}},
                               {"type": "m.room.history_visibility",
                                "content": {"history_visibility": "world_readable"}},
                               {"type": "m.room.guest_access",
                                "content": {"guest_access": "can_join"}}])
    answer = listing(owner.anonymous())
    assert answer["total_room_count_estimate"] == 2
    assert answer["chunk"] == [
        {"room_id": full, "name": "Name", "topic": "Topic", "canonical_alias": "#alias:localhost",
         "avatar_url": "mxc://localhost/a", "num_joined_members": 2, "world_readable": True,
         "guest_can_join": True, "join_rule": "public", "room_type": "m.space"},
        {"room_id": plain, "num_joined_members": 1, "world_readable": False,
         "guest_can_join": True, "join_rule": "invite"}]


def test_it_follows_the_room(world):
    owner, make = world
    room = make(name="Before")
    owner.set_state(room, "m.room.name", {"name": "After"}).ok()
    assert listing(owner)["chunk"][0]["name"] == "After"
    named = owner.state(room, "m.room.name")
    assert named.ok().json == {"name": "After"}
    owner.put(f"directory/list/room/{quote(room)}", {"visibility": "private"}).ok()
    assert ids(listing(owner)) == []
    owner.put(f"directory/list/room/{quote(room)}", {"visibility": "public"}).ok()
    assert ids(listing(owner)) == [room]
    owner.leave(room).ok()
    assert listing(owner).json == {"chunk": [], "total_room_count_estimate": 0}, "nobody is in it"


def test_a_redacted_name(world):
    owner, make = world
    room = make(name="Secret")
    event_id = owner.set_state(room, "m.room.name", {"name": "Secret too"}).ok()["event_id"]
    owner.put(f"rooms/{quote(room)}/redact/{quote(event_id)}/t1", {}).ok()
    assert "name" not in listing(owner)["chunk"][0]
    assert ids(query(owner, filter={"generic_search_term": "secret"})) == []


def test_order(world):
    owner, make = world
    two, one, three, again = make(2), make(1), make(3), make(2)
    assert ids(listing(owner)) == [three, again, two, one]


def test_paging(world):
    owner, make = world
    made = [make(members, name=f"room {members}") for members in (4, 3, 2, 1, 1)]
    order = ids(listing(owner))
    assert set(order) == set(made)
    first = listing(owner, limit=2)
    assert ids(first) == order[:2] and "prev_batch" not in first.json
    second = listing(owner, limit=2, since=first["next_batch"])
    assert ids(second) == order[2:4]
    third = listing(owner, limit=2, since=second["next_batch"])
    assert ids(third) == order[4:] and "next_batch" not in third.json
    back = listing(owner, limit=2, since=third["prev_batch"])
    assert ids(back) == order[2:4]
    again = listing(owner, limit=2, since=back["prev_batch"])
    assert ids(again) == order[:2] and "prev_batch" not in again.json
    assert ids(listing(owner, limit=2, since=again["next_batch"])) == order[2:4]
    part = listing(owner, limit=1, since=third["prev_batch"])
    assert ids(part) == order[3:4] and ids(listing(owner, since=part["next_batch"])) == order[4:]
    assert [r["total_room_count_estimate"] for r in (first, second, third, back)] == [5] * 4
    assert ids(query(owner, limit=2, since=first["next_batch"])) == order[2:4]


def test_pages_beyond_the_ends(world):
    """Tokens whose neighbours are gone meanwhile still lead back to what is there."""
    owner, make = world
    made = [make(name=str(n)) for n in range(3)]
    order = ids(listing(owner))
    assert set(order) == set(made)
    second = listing(owner, limit=1, since=listing(owner, limit=1)["next_batch"])
    owner.put(f"directory/list/room/{quote(order[0])}", {"visibility": "private"}).ok()
    before = listing(owner, since=second["prev_batch"])
    assert ids(before) == [] and "prev_batch" not in before.json
    assert ids(listing(owner, since=before["next_batch"])) == order[1:]
    owner.put(f"directory/list/room/{quote(order[2])}", {"visibility": "private"}).ok()
    after = listing(owner, since=second["next_batch"])
    assert ids(after) == [] and "next_batch" not in after.json
    assert ids(listing(owner, since=after["prev_batch"])) == order[1:2]


def test_paging_of_a_search(world):
    owner, make = world
    for n in range(6):
        make(name=f"tea {n}" if n % 2 else f"coffee {n}")
    wish = {"filter": {"generic_search_term": "TEA"}, "limit": 2}
    first = query(owner, **wish)
    second = query(owner, **wish, since=first["next_batch"])
    names = [r["name"] for r in first["chunk"] + second["chunk"]]
    assert sorted(names) == ["tea 1", "tea 3", "tea 5"] and "next_batch" not in second.json
    assert ids(query(owner, **wish, since=second["prev_batch"])) == ids(first)


@pytest.mark.parametrize("term, found", [
    ("green", {"name"}), ("GREEN", {"name"}), ("reen te", {"name"}),
    ("about", {"topic"}), ("#pot", {"alias"}), ("POT:LOCAL", {"alias"}),
    ("äpfel", {"apples"}), ("ÄPFEL", {"apples"}), ("", {"name", "topic", "alias", "apples"}),
    ("nothing", set()), ("%", set()), ("_", set()), ("'", set()), ("*", set()),
])
def test_search(tea_house, term, found):
    owner, rooms = tea_house
    answer = query(owner, filter={"generic_search_term": term})
    assert {rooms[room] for room in ids(answer)} == found


def test_room_types(world):
    owner, make = world
    plain = make()
    space = make(creation_content={"type": "m.space"})
    odd = make(creation_content={"type": "org.example"})
    for types, rooms in ((["m.space"], {space}), ([None], {plain}), ([None, "m.space"], {plain, space}),
                         (["org.example", "x"], {odd}), ([], set()), (None, {plain, space, odd})):
        answer = query(owner, filter={"room_types": types})
        assert set(ids(answer)) == rooms, types
        assert answer["total_room_count_estimate"] == 3
    first = query(owner, filter={"room_types": ["m.space", "org.example"]}, limit=1)
    second = query(owner, filter={"room_types": ["m.space", "org.example"]}, limit=1,
                   since=first["next_batch"])
    assert set(ids(first) + ids(second)) == {space, odd} and "next_batch" not in second.json


def test_networks(world):
    """No bridge tells of its rooms: those of a network are none, and all networks are this one."""
    owner, make = world
    room = make()
    assert ids(query(owner, include_all_networks=True)) == [room]
    assert ids(query(owner, include_all_networks=False, third_party_instance_id="irc-freenode")) == []
    owner.post(PATH, {"include_all_networks": True, "third_party_instance_id": "irc"}).expect(
        400, "M_INVALID_PARAM")


def test_other_servers(alice):
    assert "chunk" in listing(alice, server="localhost").json
    alice.post(PATH, {}, params={"server": "localhost"}).ok()
    for call in (alice.get, alice.post):
        call(PATH, params={"server": "elsewhere.example"}).expect(404, "M_NOT_FOUND")
        for wrong in ("", "not a name", "a:b:c"):
            call(PATH, params={"server": wrong}).expect(400, "M_INVALID_PARAM")


@pytest.mark.parametrize("params", [
    {"limit": "-1"}, {"limit": "x"}, {"limit": "1.5"}, {"since": "x"}, {"since": "n"},
    {"since": "n1"}, {"since": "n1-"}, {"since": "n-1"}, {"since": "n1-x"}, {"since": "n1-2-3"},
    {"since": "p-1-1"}, {"since": "n99999999999999999999-1"},
])
def test_bad_parameters(alice, params):
    alice.get(PATH, params=params).expect(400, "M_INVALID_PARAM")


@pytest.mark.parametrize("body, errcode", [
    ({"limit": "1"}, "M_BAD_JSON"),
    ({"limit": -1}, "M_INVALID_PARAM"),
    ({"limit": 1.5}, "M_BAD_JSON"),
    ({"since": 5}, "M_BAD_JSON"),
    ({"since": "x"}, "M_INVALID_PARAM"),
    ({"filter": "x"}, "M_BAD_JSON"),
    ({"filter": []}, "M_BAD_JSON"),
    ({"filter": {"generic_search_term": 7}}, "M_BAD_JSON"),
    ({"filter": {"generic_search_term": "x" * 513}}, "M_INVALID_PARAM"),
    ({"filter": {"room_types": "m.space"}}, "M_BAD_JSON"),
    ({"filter": {"room_types": [7]}}, "M_BAD_JSON"),
    ({"filter": {"room_types": [["m.space"]]}}, "M_BAD_JSON"),
    ({"filter": {"room_types": ["t"] * 33}}, "M_INVALID_PARAM"),
    ({"include_all_networks": "true"}, "M_BAD_JSON"),
    ({"third_party_instance_id": 7}, "M_BAD_JSON"),
])
def test_bad_queries(alice, body, errcode):
    alice.post(PATH, body).expect(400, errcode)


def test_without_a_token(anonymous):
    anonymous.get(PATH).ok()
    anonymous.post(PATH, {}).expect(401, "M_MISSING_TOKEN")


def test_limits(alice):
    for limit in ("0", "1000000000000"):
        assert "chunk" in listing(alice, limit=limit).json
    query(alice, limit=0)
    query(alice, limit=10 ** 12)
