"""Local aliases: made, read, deleted, and by whom."""

import pytest

from harness.client import quote, unique
from harness.rooms import history, path


def url(alias):
    return f"directory/room/{quote(alias)}"


@pytest.fixture
def alias():
    return f"#{unique('alias')}:localhost"


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


def test_make_read_delete(alice, anonymous, room, alias):
    assert alice.put(url(alias), {"room_id": room}).ok().json == {}
    found = anonymous.get(url(alias)).ok().json
    assert found["room_id"] == room and found["servers"] == ["localhost"]
    assert alice.delete(url(alias)).ok().json == {}
    anonymous.get(url(alias)).expect(404, "M_NOT_FOUND")
    alice.delete(url(alias)).expect(404, "M_NOT_FOUND")


def test_taken(alice, bob, room, alias):
    alice.put(url(alias), {"room_id": room}).ok()
    alice.put(url(alias), {"room_id": room}).expect(409)
    bob.put(url(alias), {"room_id": bob.create_room()}).expect(409)
    assert alice.get(url(alias)).ok()["room_id"] == room


def test_who_may_delete(alice, bob, person, room, alias):
    """The one who made it, and those who may set the canonical alias."""
    other = f"#{unique('alias')}:localhost"
    bob.put(url(alias), {"room_id": room}).ok()
    alice.put(url(other), {"room_id": room}).ok()
    carol = person("carol")
    carol.delete(url(alias)).expect(403, "M_FORBIDDEN")
    bob.delete(url(other)).expect(403, "M_FORBIDDEN")
    bob.delete(url(other)).expect(403, "M_FORBIDDEN")
    alice.delete(url(alias)).ok()
    alice.delete(url(other)).ok()


def canonical(client, room):
    return client.state(room, "m.room.canonical_alias").ok().json


def test_the_canonical_alias_follows_a_removal(alice, bob, room, alias):
    """One event without the alias; where nothing names it, none."""
    others = [f"#{unique('alias')}:localhost" for _ in range(2)]
    for name in (alias, *others):
        alice.put(url(name), {"room_id": room}).ok()
    content = {"alias": alias, "alt_aliases": [others[0], alias, others[1]], "org.example.kept": [1]}
    alice.set_state(room, "m.room.canonical_alias", content).ok()
    alice.delete(url(alias)).ok()
    assert canonical(alice, room) == {"alt_aliases": others, "org.example.kept": [1]}
    alice.delete(url(others[1])).ok()
    assert canonical(alice, room) == {"alt_aliases": [others[0]], "org.example.kept": [1]}
    unnamed = f"#{unique('alias')}:localhost"
    alice.put(url(unnamed), {"room_id": room}).ok()
    before = [e["event_id"] for e in history(alice, room)]
    alice.delete(url(unnamed)).ok()
    assert [e["event_id"] for e in history(alice, room)] == before


def test_a_removal_without_power(alice, bob, room, alias):
    """The alias goes; the event stays as it is."""
    bob.put(url(alias), {"room_id": room}).ok()
    alice.set_state(room, "m.room.canonical_alias", {"alias": alias}).ok()
    bob.delete(url(alias)).ok()
    bob.get(url(alias)).expect(404, "M_NOT_FOUND")
    assert canonical(alice, room) == {"alias": alias}


def test_a_removal_after_leaving(alice, bob, room, alias):
    bob.put(url(alias), {"room_id": room}).ok()
    alice.set_state(room, "m.room.canonical_alias", {"alt_aliases": [alias]}).ok()
    bob.leave(room).ok()
    bob.delete(url(alias)).ok()
    assert canonical(alice, room) == {"alt_aliases": [alias]}


@pytest.mark.parametrize("content, errcode", [
    ({"alias": 5}, "M_INVALID_PARAM"), ({"alias": "no alias"}, "M_INVALID_PARAM"),
    ({"alias": "#none:localhost"}, "M_BAD_ALIAS"), ({"alt_aliases": "#a:localhost"}, "M_INVALID_PARAM"),
    ({"alt_aliases": [5]}, "M_INVALID_PARAM"), ({"alt_aliases": ["x"]}, "M_INVALID_PARAM"),
    ({"alt_aliases": ["#none:localhost"]}, "M_BAD_ALIAS"), ({"alias": "#a:elsewhere.example"}, "M_BAD_ALIAS"),
])
def test_wrong_canonical_aliases(alice, room, content, errcode):
    alice.set_state(room, "m.room.canonical_alias", content).expect(400, errcode)
    alice.state(room, "m.room.canonical_alias").expect(404, "M_NOT_FOUND")


def test_canonical_aliases_of_other_rooms(alice, room, alias):
    alice.put(url(alias), {"room_id": alice.create_room()}).ok()
    for content in ({"alias": alias}, {"alt_aliases": [alias]}):
        alice.set_state(room, "m.room.canonical_alias", content).expect(400, "M_BAD_ALIAS")


def test_aliases_that_are_gone_may_stay(alice, bob, room, alias):
    """Only what is new in the event is looked at."""
    bob.put(url(alias), {"room_id": room}).ok()
    alice.set_state(room, "m.room.canonical_alias", {"alias": alias}).ok()
    bob.delete(url(alias)).ok()
    for content in ({"alias": alias, "alt_aliases": [alias]}, {"alias": "", "alt_aliases": [alias]},
                    {"alias": None}, {}):
        alice.set_state(room, "m.room.canonical_alias", content).ok()
        assert canonical(alice, room) == content
    alice.set_state(room, "m.room.canonical_alias", {"alias": alias}).expect(400, "M_BAD_ALIAS")


def test_list(alice, bob, person, room, alias):
    alice.put(url(alias), {"room_id": room}).ok()
    assert alice.get(path(room, "aliases")).ok()["aliases"] == [alias]
    person("carol").get(path(room, "aliases")).expect(403, "M_FORBIDDEN")


def test_needs_a_token(anonymous, alias, room):
    anonymous.put(url(alias), {"room_id": room}).expect(401, "M_MISSING_TOKEN")
    anonymous.delete(url(alias)).expect(401, "M_MISSING_TOKEN")


@pytest.mark.parametrize("bad", ["nonsense", "#nodomain", "@user:localhost", 
                                 "#" + "a" * 250 + ":localhost", "#a\0b:localhost"],
                         ids=lambda a: repr(a[:12]))
def test_malformed(alice, room, bad):
    answer = alice.put(url(bad), {"room_id": room}).expect(400)
    assert answer.errcode in ("M_INVALID_PARAM", "M_BAD_JSON"), repr(answer)
    assert alice.get(url(bad)).status in (400, 404)


def test_of_another_server(alice, room):
    answer = alice.put(url("#a:elsewhere.example"), {"room_id": room})
    assert answer.status in (400, 403), repr(answer)


@pytest.mark.parametrize("body", [{}, {"room_id": 5}, {"room_id": None}, {"room_id": "nonsense"},
                                  {"room_id": "!" + "a" * 256 + ":localhost"}],
                         ids=lambda b: str(b)[:40])
def test_bad_bodies(alice, alias, body):
    alice.put(url(alias), body).expect(400)
    alice.get(url(alias)).expect(404, "M_NOT_FOUND")


def test_room_that_is_not_there(alice, alias):
    answer = alice.put(url(alias), {"room_id": "!nothing:localhost"})
    assert answer.status in (400, 403, 404), repr(answer)
    alice.get(url(alias)).expect(404, "M_NOT_FOUND")


def test_unicode(alice, bob, room):
    alias = f"#{unique('größe-☃')}:localhost"
    alice.put(url(alias), {"room_id": room}).ok()
    assert bob.get(url(alias)).ok()["room_id"] == room
    assert bob.join(alias).ok()["room_id"] == room


def listed(client, room):
    return client.get(f"directory/list/room/{quote(room)}").ok()["visibility"]


def test_listing(alice, bob, anonymous):
    """public unless the body says private; by those who may name the room."""
    room = alice.create_room(preset="public_chat")
    where = f"directory/list/room/{quote(room)}"
    assert listed(anonymous, room) == "private"
    alice.put(where, {}).ok()
    assert listed(anonymous, room) == "public"
    alice.put(where, {"visibility": "private"}).ok()
    assert listed(anonymous, room) == "private"
    alice.put(where, {"visibility": "public"}).ok()
    bob.put(where, {"visibility": "private"}).expect(403, "M_FORBIDDEN")
    bob.join(room).ok()
    bob.put(where, {"visibility": "private"}).expect(403, "M_FORBIDDEN")
    anonymous.put(where, {"visibility": "private"}).expect(401, "M_MISSING_TOKEN")
    alice.put(where, {"visibility": "secret"}).expect(400, "M_INVALID_PARAM")
    alice.put(where, {"visibility": 5}).expect(400, "M_BAD_JSON")
    assert listed(anonymous, room) == "public"
    nowhere = f"directory/list/room/{quote('!nowhere:localhost')}"
    alice.put(nowhere, {}).expect(404, "M_NOT_FOUND")
    anonymous.get(nowhere).expect(404, "M_NOT_FOUND")
