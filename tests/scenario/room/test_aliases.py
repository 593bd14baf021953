"""Local aliases: made, read, deleted, and by whom."""

import pytest

from harness.client import quote, unique
from harness.rooms import path


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
