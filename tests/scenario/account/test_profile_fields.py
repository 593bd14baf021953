"""Profile fields of any name; and that a changed name never brings anybody back into a room."""

import threading

import pytest

from harness.client import Client, quote, unique
from harness.rooms import clone, member_events
from harness.sync import Syncer
from harness.uia import deactivate

CUSTOM = "org.example.pronouns"
VALUES = ["text", "", 7, 1.5, True, None, [1, [2]], {"a": {"b": None}}]


def field_path(client, key):
    return f"profile/{quote(client.user_id)}/{quote(key)}"


def member_until(client, room, user_id, condition):
    """Waits for the member event whose content is as it should be."""
    def is_there(reader):
        return condition(reader.state[room]["m.room.member", user_id]["content"])
    Syncer(client).until(is_there)


def whole(client, user_id=None):
    return client.get(f"profile/{quote(user_id or client.user_id)}")


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_put_and_get(alice, anonymous, value):
    """Any JSON is a value, null too; anybody may read it."""
    assert alice.set_profile(CUSTOM, value).ok().json == {}
    assert anonymous.profile(CUSTOM, alice.user_id).ok().json == {CUSTOM: value}
    assert whole(anonymous, alice.user_id).ok().json == {CUSTOM: value}


def test_time_zone(alice):
    alice.set_profile("m.tz", "Europe/London").ok()
    assert alice.profile("m.tz").ok().json == {"m.tz": "Europe/London"}


def test_many_fields(alice):
    expected = {}
    for number in range(50):
        expected[f"org.example.f{number}"] = number
        alice.set_profile(f"org.example.f{number}", number).ok()
    alice.set_profile("displayname", "Alice").ok()
    assert whole(alice).ok().json == {**expected, "displayname": "Alice"}


@pytest.mark.parametrize("key,value", [(CUSTOM, 1), ("m.tz", "UTC"), ("displayname", "A"),
                                       ("avatar_url", "mxc://localhost/a")])
def test_delete(alice, key, value):
    alice.set_profile(key, value).ok()
    assert alice.delete(field_path(alice, key)).ok().json == {}
    alice.profile(key).expect(404, "M_NOT_FOUND")
    assert whole(alice).ok().json == {}
    assert alice.delete(field_path(alice, key)).ok().json == {}, "what is not there can be deleted, too"


@pytest.mark.parametrize("key", ["displayname", "avatar_url"])
def test_rooms_are_told_of_a_deletion(alice, bob, key):
    room = alice.create_room(invite=[bob.user_id])
    bob.join(room).ok()
    alice.set_profile(key, "mxc://localhost/a").ok()
    member_until(bob, room, alice.user_id, lambda content: key in content)
    alice.delete(field_path(alice, key)).ok()
    member_until(bob, room, alice.user_id, lambda content: key not in content)


def test_rooms_are_not_told_of_others(alice):
    room = alice.create_room()
    before = member_events(alice, room, alice.user_id)
    alice.set_profile(CUSTOM, "x").ok()
    alice.set_profile("m.tz", "UTC").ok()
    alice.set_profile("displayname", "Alice").ok()
    member_until(alice, room, alice.user_id, lambda content: "displayname" in content)
    events = member_events(alice, room, alice.user_id)
    assert len(events) == len(before) + 1
    assert events[-1]["content"] == {"membership": "join", "displayname": "Alice"}


BAD = [
    ("displayname", {}, 400, "M_MISSING_PARAM"),
    ("displayname", {"other": "x"}, 400, "M_MISSING_PARAM"),
    ("displayname", {"displayname": None}, 400, "M_BAD_JSON"),
    ("displayname", {"displayname": 5}, 400, "M_BAD_JSON"),
    ("avatar_url", {"avatar_url": {}}, 400, "M_BAD_JSON"),
    ("avatar_url", {"avatar_url": "https://example.org/a"}, 400, "M_INVALID_PARAM"),
    ("m.tz", {"m.tz": 1}, 400, "M_BAD_JSON"),
    ("m.tz", {"m.tz": None}, 400, "M_BAD_JSON"),
    (CUSTOM, {}, 400, "M_MISSING_PARAM"),
    (CUSTOM, {"org.example.other": 1}, 400, "M_MISSING_PARAM"),
    ("Upper.case", {"Upper.case": 1}, 400, "M_INVALID_PARAM"),
    ("9.digit", {"9.digit": 1}, 400, "M_INVALID_PARAM"),
    ("with blank", {"with blank": 1}, 400, "M_INVALID_PARAM"),
    ("with/slash", {"with/slash": 1}, 400, "M_INVALID_PARAM"),
    ("ümlaut", {"ümlaut": 1}, 400, "M_INVALID_PARAM"),
    ("k" * 256, {"k" * 256: 1}, 400, "M_KEY_TOO_LARGE"),
    (CUSTOM, {CUSTOM: "x" * 65_536}, 400, "M_PROFILE_TOO_LARGE"),
]


@pytest.mark.parametrize("key,body,status,errcode", BAD, ids=lambda value: str(value)[:24])
def test_bad_input(alice, key, body, status, errcode):
    alice.put(field_path(alice, key), body).expect(status, errcode)
    assert whole(alice).ok().json == {}


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b'"x"', b"{", b'{"org.example.pronouns":1,}'])
def test_bad_bodies(alice, data):
    answer = alice.put(field_path(alice, CUSTOM), data=data).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON")


@pytest.mark.parametrize("key,status,errcode", [
    ("Upper.case", 400, "M_INVALID_PARAM"), ("k" * 256, 400, "M_KEY_TOO_LARGE")])
def test_bad_deletion(alice, key, status, errcode):
    alice.delete(field_path(alice, key)).expect(status, errcode)


def test_of_another_user(alice, bob, anonymous):
    bob.set_profile(CUSTOM, "his").ok()
    alice.set_profile(CUSTOM, "hers", user_id=bob.user_id).expect(403, "M_FORBIDDEN")
    alice.delete(field_path(bob, CUSTOM)).expect(403, "M_FORBIDDEN")
    alice.delete(f"profile/nobody/{CUSTOM}").expect(400, "M_INVALID_PARAM")
    anonymous.delete(field_path(bob, CUSTOM)).expect(401, "M_MISSING_TOKEN")
    anonymous.put(field_path(bob, CUSTOM), {CUSTOM: 1}).expect(401, "M_MISSING_TOKEN")
    assert bob.profile(CUSTOM).ok().json == {CUSTOM: "his"}


@pytest.mark.parametrize("key", [CUSTOM, "Upper.case", "k" * 256])
def test_not_there(alice, anonymous, key):
    anonymous.get(field_path(alice, key)).expect(404, "M_NOT_FOUND")
    anonymous.get(f"profile/{quote('@nobody:localhost')}/{quote(key)}").expect(404, "M_NOT_FOUND")


def test_a_full_profile(alice):
    """The limit is that of the whole: 64 KiB are too many, one byte less is not."""
    frame = len(f'{{"{CUSTOM}":""}}')
    alice.set_profile(CUSTOM, "x" * (65_535 - frame)).ok()
    alice.set_profile(CUSTOM, "x" * (65_536 - frame)).expect(400, "M_PROFILE_TOO_LARGE")
    alice.set_profile("a.b", 1).expect(400, "M_PROFILE_TOO_LARGE")
    alice.set_profile("displayname", "A").expect(400, "M_PROFILE_TOO_LARGE")
    assert len(whole(alice).ok()[CUSTOM]) == 65_535 - frame
    alice.delete(field_path(alice, CUSTOM)).ok()
    alice.set_profile("displayname", "A").ok()


def test_capability(alice):
    capabilities = alice.get("capabilities").ok()["capabilities"]
    for name in ("m.profile_fields", "m.set_displayname", "m.set_avatar_url"):
        assert capabilities[name] == {"enabled": True}


@pytest.mark.parametrize("erase", [False, True])
def test_after_the_end(alice, anonymous, erase):
    """It goes with an erased account, and only then."""
    alice.set_profile(CUSTOM, "x").ok()
    deactivate(alice, erase=erase).ok()
    answer = anonymous.profile(CUSTOM, alice.user_id)
    if erase:
        answer.expect(404, "M_NOT_FOUND")
        whole(anonymous, alice.user_id).expect(404, "M_NOT_FOUND")
    else:
        assert answer.ok().json == {CUSTOM: "x"}
    alice.set_profile(CUSTOM, "y").expect(401, "M_UNKNOWN_TOKEN")


def test_kept_over_a_restart(make_server):
    server = make_server()
    client = Client(server).register(unique())
    client.set_profile(CUSTOM, {"kept": True}).ok()
    server.restart(clean=False)
    assert client.profile(CUSTOM).ok().json == {CUSTOM: {"kept": True}}


@pytest.mark.parametrize("way", ["leave", "kick", "ban"])
def test_a_name_never_rejoins(alice, bob, way):
    """Names change while the user goes out of many rooms: each membership that ended stays ended."""
    rooms = [alice.create_room(preset="public_chat") for _ in range(12)]
    for room in rooms:
        bob.join(room).ok()
    over = threading.Event()

    def rename(client):
        number = 0
        while not over.is_set():
            number += 1
            client.set_profile("displayname", f"Bob {number}").ok()
    threads = [threading.Thread(target=rename, args=(clone(bob),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for room in rooms:
        if way == "leave":
            bob.leave(room).ok()
        else:
            alice.post(f"rooms/{quote(room)}/{way}", {"user_id": bob.user_id}).ok()
    over.set()
    for thread in threads:
        thread.join()
    for key in ("displayname", "avatar_url"):
        bob.delete(field_path(bob, key)).ok()
    sentinel = bob.create_room(preset="public_chat")
    bob.set_profile("displayname", "Bob at last").ok()
    member_until(bob, sentinel, bob.user_id, lambda content: content.get("displayname") == "Bob at last")
    for room in rooms:
        memberships = [e["content"]["membership"] for e in member_events(alice, room, bob.user_id)]
        assert memberships[-1] == ("ban" if way == "ban" else "leave"), memberships
        assert memberships.count("join") == memberships.index(memberships[-1]), memberships
