"""State: get and put, one and all, with the power it takes."""

import pytest

from harness.client import Client, quote, unique
from harness.rooms import VERSIONS, path
from harness.sync import Syncer

LEVEL_FIELDS = ("ban", "events_default", "invite", "kick", "redact", "state_default",
                "users_default")


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat", name="Room")
    bob.join(room).ok()
    return room


def levels_of(client, room):
    return client.state(room, "m.room.power_levels").ok().json


def test_put_and_get(alice, room):
    put = alice.set_state(room, "org.example", {"a": [1, {"b": None}]}, "some key").ok()
    assert put["event_id"].startswith("$")
    assert alice.state(room, "org.example", "some key").ok().json == {"a": [1, {"b": None}]}
    assert alice.get(path(room, "event", put["event_id"])).ok()["state_key"] == "some key"


@pytest.mark.parametrize("suffix", ["", "/"])
def test_empty_key(alice, room, suffix):
    base = path(room, "state", "m.room.topic") + suffix
    alice.put(base, {"topic": f"with{suffix}"}).ok()
    for each in ("", "/"):
        answer = alice.get(path(room, "state", "m.room.topic") + each).ok()
        assert answer["topic"] == f"with{suffix}"


@pytest.mark.parametrize("key", ["a/b", "ü", "%", "a b", "?x=1", "#", "+"])
def test_odd_keys(alice, room, key):
    alice.put(path(room, "state", "org.example", key), {"k": key}).ok()
    assert alice.get(path(room, "state", "org.example", key)).ok().json == {"k": key}
    events = alice.get(path(room, "state")).ok().json
    assert key in [e["state_key"] for e in events if e["type"] == "org.example"]


def test_format(alice, room):
    url = path(room, "state", "m.room.name", "")
    assert alice.get(url, params={"format": "content"}).ok().json == {"name": "Room"}
    event = alice.get(url, params={"format": "event"}).ok().json
    assert event["content"] == {"name": "Room"} and event["type"] == "m.room.name"
    assert event["state_key"] == "" and event["sender"] == alice.user_id
    assert event["room_id"] == room and event["event_id"].startswith("$")
    assert isinstance(event["origin_server_ts"], int)


def test_same_content_again(alice, room):
    """May be the same event; the state is what it was."""
    first = alice.set_state(room, "m.room.topic", {"topic": "x"}).ok()["event_id"]
    alice.set_state(room, "m.room.topic", {"topic": "x"}).ok()
    assert first and alice.state(room, "m.room.topic").ok()["topic"] == "x"


def test_replaced_state_has_prev_content(alice, room):
    """Clients read the old name from it, and Element that of members."""
    reader = Syncer(alice)
    reader.step()
    event_id = alice.set_state(room, "m.room.name", {"name": "Other"}).ok()["event_id"]
    reader.until_event(room, event_id)
    assert reader.events(room)[-1]["unsigned"]["prev_content"] == {"name": "Room"}


def test_whole_state(alice, bob, room):
    events = alice.get(path(room, "state")).ok().json
    keys = [(e["type"], e["state_key"]) for e in events]
    assert len(keys) == len(set(keys))
    assert {("m.room.create", ""), ("m.room.member", alice.user_id), ("m.room.name", ""),
            ("m.room.member", bob.user_id), ("m.room.power_levels", "")} <= set(keys)
    for event in events:
        assert {"content", "event_id", "origin_server_ts", "room_id", "sender"} <= set(event)
        assert not {"hashes", "signatures", "depth", "auth_events", "prev_events"} & set(event)


def test_missing(alice, room):
    alice.state(room, "org.example.none").expect(404, "M_NOT_FOUND")
    alice.state(room, "m.room.topic", "other key").expect(404, "M_NOT_FOUND")


def test_outsiders(alice, person, room):
    carol = person("carol")
    for answer in (carol.state(room, "m.room.name"), carol.get(path(room, "state")),
                   carol.set_state(room, "m.room.name", {"name": "x"}),
                   carol.state("!nothing:localhost", "m.room.name")):
        answer.expect(403, "M_FORBIDDEN")


def test_after_leaving_the_state_is_as_it_was(alice, bob, room):
    bob.leave(room).ok()
    alice.set_state(room, "m.room.name", {"name": "Later"}).ok()
    assert bob.state(room, "m.room.name").ok().json == {"name": "Room"}
    whole = {(e["type"], e["state_key"]): e for e in bob.get(path(room, "state")).ok().json}
    assert whole["m.room.name", ""]["content"] == {"name": "Room"}
    assert whole["m.room.member", bob.user_id]["content"]["membership"] == "leave"


def test_power(alice, bob, room):
    bob.set_state(room, "m.room.name", {"name": "Bob's"}).expect(403, "M_FORBIDDEN")
    levels = levels_of(alice, room)
    levels["events"]["m.room.name"] = 0
    alice.set_state(room, "m.room.power_levels", levels).ok()
    bob.set_state(room, "m.room.name", {"name": "Bob's"}).ok()
    bob.set_state(room, "m.room.topic", {"topic": "x"}).expect(403, "M_FORBIDDEN")


def test_power_levels_of_others(alice, bob, person, room):
    """Nobody gives more than they have, nor touches an equal."""
    carol = person("carol")
    carol.join(room).ok()
    levels = levels_of(alice, room)
    levels["users"] = {**levels.get("users", {}), bob.user_id: 50, carol.user_id: 50}
    levels["events"]["m.room.power_levels"] = 50
    alice.set_state(room, "m.room.power_levels", levels).ok()
    for change in ({carol.user_id: 60}, {bob.user_id: 100}, {carol.user_id: 0}):
        bob.set_state(room, "m.room.power_levels",
                      {**levels, "users": {**levels["users"], **change}}).expect(403)
    bob.set_state(room, "m.room.power_levels", {**levels, "kick": 60}).expect(403)
    bob.set_state(room, "m.room.power_levels",
                  {**levels, "users": {**levels["users"], bob.user_id: 10}}).ok()


def test_keys_that_begin_with_another_user(alice, bob, room):
    """A state key that is a user ID belongs to that user."""
    levels = levels_of(alice, room)
    levels["events"]["org.example"] = 0
    alice.set_state(room, "m.room.power_levels", levels).ok()
    bob.set_state(room, "org.example", {}, bob.user_id).ok()
    bob.set_state(room, "org.example", {}, alice.user_id).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("field", LEVEL_FIELDS)
@pytest.mark.parametrize("value", ["50", 5.5, None, True, [], {}, "", 2**53], ids=repr)
def test_power_levels_of_a_wrong_type(server, version, field, value, levels_rooms):
    """Since version 10 integers only: M_BAD_JSON, and the state stays."""
    alice, room, levels = levels_rooms[version]
    answer = alice.set_state(room, "m.room.power_levels", {**levels, field: value}).expect(400)
    assert answer.errcode == "M_BAD_JSON", repr(answer)
    assert alice.state(room, "m.room.power_levels").ok().json == levels


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("change", [
    {"users": {"@bob:localhost": "50"}}, {"users": {"bob": 50}}, {"users": []},
    {"users": {"@bob:localhost": None}}, {"events": {"m.room.name": "0"}}, {"events": 5},
    {"notifications": {"room": "50"}}], ids=str)
def test_power_level_maps_of_a_wrong_type(version, change, levels_rooms):
    alice, room, levels = levels_rooms[version]
    answer = alice.set_state(room, "m.room.power_levels", {**levels, **change}).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM"), repr(answer)
    assert alice.state(room, "m.room.power_levels").ok().json == levels


@pytest.fixture(scope="module")
def levels_rooms(server):
    alice = Client(server).register(unique("levels"))
    rooms = {v: alice.create_room(room_version=v) for v in VERSIONS}
    return {v: (alice, room, levels_of(alice, room)) for v, room in rooms.items()}


def test_creator_in_power_levels_of_12(alice):
    room = alice.create_room(room_version="12")
    levels = levels_of(alice, room)
    levels.setdefault("users", {})[alice.user_id] = 100
    answer = alice.set_state(room, "m.room.power_levels", levels)
    assert answer.status in (400, 403), repr(answer)


def test_create_event_is_for_ever(alice, room):
    answer = alice.set_state(room, "m.room.create", {"room_version": "12"})
    assert answer.status in (400, 403), repr(answer)


@pytest.mark.parametrize("kind,content", [
    ("m.room.member", {"membership": "party"}), ("m.room.member", {}),
    ("m.room.member", {"membership": 5})])
def test_bad_content(alice, room, kind, content):
    key = alice.user_id if kind == "m.room.member" else ""
    answer = alice.set_state(room, kind, content, key)
    assert answer.status in (400, 403), repr(answer)


@pytest.mark.parametrize("key", ["nobody", "@nobody", "@" + "a" * 255 + ":localhost", ""],
                         ids=lambda k: k[:8])
def test_member_keys_that_are_no_user(alice, room, key):
    answer = alice.set_state(room, "m.room.member", {"membership": "invite"}, key)
    assert answer.status in (400, 403, 413), repr(answer)


def test_canonical_alias_must_point_here(alice, room):
    alice.set_state(room, "m.room.canonical_alias", {"alias": "#no-such-thing:localhost"}).expect(
        400, "M_BAD_ALIAS")
    alice.set_state(room, "m.room.canonical_alias", {"alias": "nonsense"}).expect(
        400, "M_INVALID_PARAM")
    name = f"#{unique('alias')}:localhost"
    alice.put(f"directory/room/{quote(name)}", {"room_id": room}).ok()
    alice.set_state(room, "m.room.canonical_alias", {"alias": name, "alt_aliases": [name]}).ok()
    alice.set_state(room, "m.room.canonical_alias", {
        "alias": name, "alt_aliases": ["#no-such-thing:localhost"]}).expect(400, "M_BAD_ALIAS")


@pytest.mark.parametrize("length,good", [(255, True), (256, False)])
@pytest.mark.parametrize("what", ["type", "key"])
def test_lengths(alice, room, length, good, what):
    kind, key = ("t" * length, "k") if what == "type" else ("t.t", "k" * length)
    answer = alice.set_state(room, kind, {}, key)
    if good:
        answer.ok()
    else:
        assert answer.status in (400, 413), repr(answer)


def test_membership_by_state(alice, bob, person, room):
    """What the verbs do can be done by state as well."""
    carol = person("carol")
    carol.set_state(room, "m.room.member", {"membership": "join"}, carol.user_id).ok()
    alice.set_state(room, "m.room.member", {"membership": "leave", "reason": "x"},
                    carol.user_id).ok()
    alice.set_state(room, "m.room.member", {"membership": "ban"}, bob.user_id).ok()
    bob.set_state(room, "m.room.member", {"membership": "join"}, bob.user_id).expect(403)
