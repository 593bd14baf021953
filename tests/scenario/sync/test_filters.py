"""Filters of /sync: each member of a filter, inline and stored, by what comes through."""

import json

import pytest

from harness.client import Client, quote, unique
from harness.parts import bodies, events, is_empty, places, section, types
from harness.sync import Syncer


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat", name="Room")
    bob.join(room).ok()
    return room


def put(wanted, **names):
    """A filter with the names of this test's people and rooms in place of @a, @b, !r."""
    text = json.dumps(wanted)
    for short, name in names.items():
        text = text.replace(json.dumps(short.replace("at_", "@").replace("room_", "!")),
                            json.dumps(name))
    return json.loads(text)


MESSAGES, TOPIC, NAME = "m.room.message", "m.room.topic", "m.room.name"

# the timeline's filter, and the types of what comes through of: message of bob, picture of alice, topic, name
TIMELINE = [
    ({}, [MESSAGES, MESSAGES, TOPIC, NAME]),
    ({"types": [MESSAGES]}, [MESSAGES, MESSAGES]),
    ({"types": ["m.room.*"]}, [MESSAGES, MESSAGES, TOPIC, NAME]),
    ({"types": ["*.topic", "*.name"]}, [TOPIC, NAME]),
    ({"types": ["*"]}, [MESSAGES, MESSAGES, TOPIC, NAME]),
    ({"types": []}, []),
    ({"types": [""]}, []),
    ({"types": ["m.room.message."]}, []),
    ({"not_types": [MESSAGES]}, [TOPIC, NAME]),
    ({"not_types": ["m.*"]}, []),
    ({"not_types": []}, [MESSAGES, MESSAGES, TOPIC, NAME]),
    ({"types": [MESSAGES, TOPIC], "not_types": [MESSAGES]}, [TOPIC]),
    ({"senders": ["@b"]}, [MESSAGES]),
    ({"senders": ["@a", "@b"]}, [MESSAGES, MESSAGES, TOPIC, NAME]),
    ({"senders": []}, []),
    ({"not_senders": ["@b"]}, [MESSAGES, TOPIC, NAME]),
    ({"senders": ["@a", "@b"], "not_senders": ["@a"]}, [MESSAGES]),
    ({"contains_url": True}, [MESSAGES]),
    ({"contains_url": False}, [MESSAGES, TOPIC, NAME]),
    ({"contains_url": True, "senders": ["@b"]}, []),
    ({"rooms": ["!r"]}, [MESSAGES, MESSAGES, TOPIC, NAME]),
    ({"rooms": []}, []),
    ({"rooms": ["!other:localhost"]}, []),
    ({"not_rooms": ["!r"]}, []),
    ({"rooms": ["!r"], "not_rooms": ["!r"]}, []),
    ({"limit": 1}, [NAME]),
    ({"limit": 2, "types": [MESSAGES]}, [MESSAGES, MESSAGES]),
    ({"limit": 1, "types": [MESSAGES]}, [MESSAGES]),
    ({"unread_thread_notifications": True}, [MESSAGES, MESSAGES, TOPIC, NAME]),
    ({"org.example.unknown": [5]}, [MESSAGES, MESSAGES, TOPIC, NAME]),
]


def four_events(alice, bob, room):
    bob.send(room, "x")
    alice.send_call(room, {"msgtype": "m.image", "body": "p", "url": "mxc://localhost/a"}).ok()
    alice.set_state(room, TOPIC, {"topic": "new"}).ok()
    alice.set_state(room, NAME, {"name": "new"}).ok()


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("wanted,expected", TIMELINE, ids=lambda v: json.dumps(v)[:60])
def test_timeline(alice, bob, room, wanted, expected, stored):
    wanted = put({"room": {"timeline": wanted}}, at_a=alice.user_id, at_b=bob.user_id, room_r=room)
    if stored:
        wanted = alice.post(f"user/{quote(alice.user_id)}/filter", wanted).ok()["filter_id"]
    reader = Syncer(alice, wanted)
    reader.step()
    four_events(alice, bob, room)
    _, part = section(reader.step(), room)
    assert types(events(part, "timeline")) == expected
    # State that the timeline keeps back stands in the state: it would be lost otherwise.
    told = places(events(part, "state", "timeline"))
    assert {(TOPIC, ""), (NAME, "")} <= told
    assert is_empty(reader.step())


# the state's filter, and which of create, topic, members of alice and bob an initial sync tells
STATE = [
    ({}, {"m.room.create", TOPIC, "alice", "bob"}),
    ({"types": [TOPIC]}, {TOPIC}),
    ({"types": []}, set()),
    ({"not_types": ["m.room.member"]}, {"m.room.create", TOPIC}),
    ({"types": ["m.room.member"]}, {"alice", "bob"}),
    ({"senders": ["@b"]}, {"bob"}),
    ({"not_senders": ["@b"]}, {"m.room.create", TOPIC, "alice"}),
    ({"rooms": []}, set()),
    ({"not_rooms": ["!r"]}, set()),
    ({"rooms": ["!r"]}, {"m.room.create", TOPIC, "alice", "bob"}),
    ({"contains_url": True}, set()),
    ({"contains_url": False}, {"m.room.create", TOPIC, "alice", "bob"}),
    ({"limit": 1}, {"m.room.create", TOPIC, "alice", "bob"}),
]


@pytest.mark.parametrize("wanted,expected", STATE, ids=lambda v: json.dumps(v)[:60] if isinstance(v, dict) else "")
def test_state(alice, bob, room, wanted, expected):
    alice.set_state(room, TOPIC, {"topic": "t"}).ok()
    for n in range(3):
        alice.send(room, str(n))
    wanted = put({"room": {"state": wanted, "timeline": {"limit": 2}}},
                 at_a=alice.user_id, at_b=bob.user_id, room_r=room)
    _, part = section(alice.sync_call(filter=wanted).ok().json, room)
    names = {("m.room.member", alice.user_id): "alice", ("m.room.member", bob.user_id): "bob",
             ("m.room.create", ""): "m.room.create", (TOPIC, ""): TOPIC}
    assert {names[p] for p in places(events(part, "state")) if p in names} == expected


ROOMS = [
    ({}, {"r", "o"}), ({"rooms": ["!r"]}, {"r"}), ({"rooms": []}, set()), ({"not_rooms": ["!r"]}, {"o"}),
    ({"rooms": ["!r", "!o"], "not_rooms": ["!r"]}, {"o"}), ({"not_rooms": []}, {"r", "o"}),
    ({"rooms": ["!nothing:localhost"]}, set()),
]


@pytest.mark.parametrize("wanted,expected", ROOMS, ids=lambda v: json.dumps(v) if isinstance(v, dict) else "")
def test_rooms(alice, bob, room, wanted, expected):
    """room.rooms goes before everything: invites and rooms that were left, too."""
    other = bob.create_room(preset="public_chat")
    wanted = put({"room": wanted}, room_r=room, room_o=other)
    names = {room: "r", other: "o"}
    reader = Syncer(alice, wanted)
    reader.step()
    for act in (lambda: bob.invite(other, alice.user_id), lambda: alice.join(other),
                lambda: bob.put(f"rooms/{quote(other)}/typing/{bob.user_id}", {"typing": True}),
                lambda: bob.kick(other, alice.user_id)):
        act().ok()
        bob.send(room, "x")
        answer = reader.step()
        told = {names[r] for part in answer["rooms"].values() for r in part}
        assert told == expected


EPHEMERAL = [
    ({}, {"m.typing", "m.receipt"}), ({"types": ["m.typing"]}, {"m.typing"}),
    ({"not_types": ["m.typing"]}, {"m.receipt"}), ({"types": []}, set()), ({"types": ["m.*"]}, {"m.typing", "m.receipt"}),
    ({"rooms": []}, set()), ({"not_rooms": ["!r"]}, set()), ({"rooms": ["!r"]}, {"m.typing", "m.receipt"}),
]


@pytest.mark.parametrize("wanted,expected", EPHEMERAL, ids=lambda v: json.dumps(v) if isinstance(v, dict) else "")
def test_ephemeral(alice, bob, room, wanted, expected):
    sent = alice.send(room, "x")
    reader = Syncer(alice, put({"room": {"ephemeral": wanted}}, room_r=room))
    reader.step()
    bob.put(f"rooms/{quote(room)}/typing/{bob.user_id}", {"typing": True, "timeout": 30000}).ok()
    bob.post(f"rooms/{quote(room)}/receipt/m.read/{quote(sent)}").ok()
    answer = reader.step()
    assert set(types(events(section(answer, room)[1], "ephemeral"))) == expected
    if not expected:
        assert is_empty(answer)


ACCOUNT_DATA = [
    ({}, ["org.example.a", "org.example.b"]), ({"types": ["org.example.a"]}, ["org.example.a"]),
    ({"types": ["org.*"], "not_types": ["*.a"]}, ["org.example.b"]), ({"types": []}, []),
    ({"not_types": ["org.*"]}, []), ({"limit": 1}, ["org.example.a", "org.example.b"]),
]


@pytest.mark.parametrize("of_room", [False, True])
@pytest.mark.parametrize("wanted,expected", ACCOUNT_DATA, ids=lambda v: json.dumps(v))
def test_account_data(alice, room, wanted, expected, of_room):
    wanted = {"account_data": wanted}
    reader = Syncer(alice, {"room": wanted} if of_room else wanted)
    reader.step()
    place = f"user/{quote(alice.user_id)}/" + (f"rooms/{quote(room)}/" if of_room else "")
    for kind in ("org.example.a", "org.example.b"):
        alice.put(f"{place}account_data/{kind}", {"x": 1}).ok()
    answer = reader.step()
    told = section(answer, room)[1] if of_room else answer
    assert types(events(told, "account_data")) == expected
    if not expected:
        assert is_empty(answer)


def test_room_account_data_by_rooms(alice, room):
    reader = Syncer(alice, {"room": {"account_data": {"not_rooms": [room]}}})
    reader.step()
    alice.put(f"user/{quote(alice.user_id)}/rooms/{quote(room)}/account_data/org.example", {}).ok()
    assert is_empty(reader.step())


FIELDS = [
    (["type"], {"type"}, None), (["type", "content.body"], {"type", "content"}, {"body"}),
    (["content"], {"content"}, {"body", "msgtype"}), ([], set(), None), (["unsigned.age"], {"unsigned"}, None),
    (["event_id", "sender", "origin_server_ts"], {"event_id", "sender", "origin_server_ts"}, None),
    (["nothing", "content.nothing.more"], set(), None),
]


def cut_sync(client, wanted, since=None):
    """Events that were cut down are not what the specification describes: not held against it."""
    params = {"filter": json.dumps(wanted), **({"since": since} if since else {})}
    answer = client.raw("GET", "/_matrix/client/v3/sync", params=params,
                        headers={"Authorization": f"Bearer {client.token}"})
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("fields,members,content", FIELDS, ids=lambda v: json.dumps(v) if isinstance(v, list) else "")
def test_event_fields(alice, room, fields, members, content):
    since = alice.sync_call().ok()["next_batch"]
    alice.send(room, "x")
    answer = cut_sync(alice, {"event_fields": fields}, since)
    [event] = events(section(answer, room)[1], "timeline")
    assert set(event) == members
    assert content is None or set(event["content"]) == content


def test_event_fields_of_state(alice, room):
    answer = cut_sync(alice, {"event_fields": ["state_key"], "room": {"timeline": {"limit": 1}}})
    found = events(section(answer, room)[1], "state")
    assert len(found) > 5 and all(set(e) == {"state_key"} for e in found)


@pytest.mark.parametrize("version", ["2", "11", "12"])
def test_federation_format(alice, version):
    """The event as servers have it; the client's own fields beside it."""
    room = alice.create_room(room_version=version)
    sent = alice.send(room, "x")
    answer = alice.sync_call(filter={"event_format": "federation"}).ok().json
    part = section(answer, room)[1]
    event = events(part, "timeline")[-1]
    assert {"auth_events", "prev_events", "depth", "hashes", "signatures", "content", "origin_server_ts"} <= set(event)
    assert event["event_id"] == sent and event["unsigned"]["age"] >= 0
    assert event["room_id"] == room
    assert all("hashes" in e for e in events(part, "state", "timeline"))
    plain = alice.sync_call(filter={"event_format": "client"}).ok().json
    assert all("hashes" not in e for e in events(section(plain, room)[1], "state", "timeline"))


def test_invites_stay_stripped(alice, bob):
    room = alice.create_room(invite=[bob.user_id], name="Room")
    for wanted in ({"event_format": "federation"}, {"event_fields": ["type"]}):
        answer = bob.sync_call(filter=wanted).ok().json
        found = events(section(answer, room)[1], "invite_state")
        assert all(set(e) == {"type", "state_key", "content", "sender"} for e in found) and found


BAD = [
    "{", "[]", "{}x", '"x"', "{\"room\":5}", '{"room":{"timeline":[]}}', '{"room":{"timeline":{"limit":"5"}}}',
    '{"room":{"timeline":{"limit":-1}}}', '{"room":{"timeline":{"limit":1.5}}}', '{"room":{"rooms":["x"]}}',
    '{"room":{"state":{"types":5}}}', '{"room":{"state":{"types":[5]}}}', '{"room":{"include_leave":"x"}}',
    '{"event_fields":"type"}', '{"event_format":"xml"}', '{"presence":[]}', '{"account_data":{"senders":["x"]}}',
    '{"a":1,"a":2}', '{"event_fields":' + json.dumps(["x"] * 101) + "}",
    '{"room":{"state":{"lazy_load_members":1}}}',
]


@pytest.mark.parametrize("text", BAD, ids=lambda v: v[:50])
def test_bad_filter(alice, text):
    """Refused by /sync and not stored either."""
    assert alice.get("sync", params={"filter": text}).status == 400
    answer = alice.post(f"user/{quote(alice.user_id)}/filter", data=text.encode(),
                        headers={"Content-Type": "application/json"})
    assert answer.status == 400


@pytest.mark.parametrize("number", ["-1", "0", "1", "99999999", "x", "1x", "9223372036854775808", " 1"])
def test_numbers_of_no_filter(server, number):
    answer = Client(server).register(unique()).get("sync", params={"filter": number})
    assert answer.status in (400, 404) and answer.errcode in ("M_INVALID_PARAM", "M_NOT_FOUND")


def test_filters_of_others(alice, bob, room):
    """A number means one's own filter of that number."""
    for client, kind in ((alice, NAME), (bob, TOPIC)):
        number = client.post(f"user/{quote(client.user_id)}/filter",
                             {"room": {"timeline": {"types": [kind]}}}).ok()["filter_id"]
        answer = client.sync_call(filter=number).ok().json
        assert set(types(events(section(answer, room)[1], "timeline"))) <= {kind}


def test_messages_keep_bodies(alice, bob, room):
    """A filter of senders looks at who sent, not at whom a membership is about."""
    reader = Syncer(alice, {"room": {"timeline": {"senders": [bob.user_id]}}})
    reader.step()
    alice.kick(room, bob.user_id).ok()
    bob.join(room).ok()
    bob.send(room, "back")
    _, part = section(reader.step(), room)
    assert [e["content"].get("membership") for e in events(part, "timeline")] == ["join", None]
    assert bodies(events(part, "timeline")) == ["back"]
