"""Sliding sync: account data, receipts, typing, and of which rooms each tells."""

import concurrent.futures

import pytest

from harness.client import quote
from harness.keys import Device, send_to_device
from harness.rooms import clone, path
from harness.sliding import Slider, lists


@pytest.fixture(params=["stable", "unstable"])
def stable(request):
    return request.param == "stable"


@pytest.fixture
def rooms(alice, bob):
    rooms = [alice.create_room(preset="public_chat") for _ in range(3)]
    for room in rooms:
        bob.join(room).ok()
    return rooms


def slider(client, names, stable=False, window=(0, 99), limit=5, **more):
    wish = {name: {"enabled": True, **more} for name in names.split()}
    return Slider(client, {"lists": lists(*window, limit), "extensions": wish}, stable)


def room_data(client, room, kind, content):
    client.put(f"user/{quote(client.user_id)}/rooms/{quote(room)}/account_data/{kind}", content).ok()


def typing(client, room, on=True):
    client.put(path(room, "typing", client.user_id), {"typing": on, "timeout": 30000}).ok()


def receipt(client, room, event, kind="m.read", **body):
    client.post(path(room, "receipt", kind, event), body).ok()


def test_off_by_default(alice, rooms, stable):
    for wish in ({}, {"account_data": {}, "receipts": {}, "typing": {}, "e2ee": {}, "to_device": {}},
                 {name: {"enabled": False} for name in ("account_data", "receipts", "typing", "e2ee", "to_device")},
                 {"org.example.unknown": {"enabled": True, "x": 5}}):
        assert Slider(alice, {"lists": lists(), "extensions": wish}, stable).step()["extensions"] == {}


# ---- account data ----

def test_account_data(alice, rooms, stable):
    alice.set_account_data("org.example", {"n": 1}).ok()
    room_data(alice, rooms[0], "m.tag", {"tags": {}})
    reader = slider(alice, "account_data", stable)
    told = reader.step()["extensions"]["account_data"]
    by_type = {e["type"]: e["content"] for e in told["global"]}
    assert by_type["org.example"] == {"n": 1} and set(by_type["m.push_rules"]) == {"global"}
    assert told["rooms"] == {rooms[0]: [{"type": "m.tag", "content": {"tags": {}}}]}
    assert reader.step()["extensions"]["account_data"] == {"global": [], "rooms": {}}
    alice.set_account_data("org.example", {"n": 2}).ok()
    room_data(alice, rooms[1], "org.example", {"n": 3})
    told = reader.step()
    assert told["rooms"] == {}
    assert told["extensions"]["account_data"] == {
        "global": [{"type": "org.example", "content": {"n": 2}}],
        "rooms": {rooms[1]: [{"type": "org.example", "content": {"n": 3}}]}}


def test_account_data_of_rooms_outside_the_window(alice, rooms):
    """It comes with the room, changed or not, and nothing twice."""
    for n, room in enumerate(rooms):
        room_data(alice, room, "org.example", {"n": n})
    reader = slider(alice, "account_data", window=(0, 0))
    assert set(reader.step()["extensions"]["account_data"]["rooms"]) == {rooms[2]}
    room_data(alice, rooms[0], "org.example", {"n": 10})
    assert reader.step()["extensions"]["account_data"]["rooms"] == {}
    told = reader.step(lists=lists(0, 9))["extensions"]["account_data"]["rooms"]
    assert {room: [e["content"]["n"] for e in data] for room, data in told.items()} == {rooms[0]: [10], rooms[1]: [1]}
    reader.step(lists=lists(0, 0))
    room_data(alice, rooms[1], "org.example.more", {})
    alice.set_account_data("org.example", {}).ok()
    assert reader.step()["extensions"]["account_data"]["rooms"] == {}
    told = reader.step(lists=lists(0, 9))["extensions"]["account_data"]["rooms"]
    assert told == {rooms[1]: [{"type": "org.example.more", "content": {}}]}


def test_account_data_after_a_pause(alice, rooms, stable):
    """Switched off and on again: what changed meanwhile is told."""
    reader = slider(alice, "account_data", stable)
    reader.step()
    reader.step(extensions={})
    alice.set_account_data("org.example", {"n": 1}).ok()
    room_data(alice, rooms[0], "org.example", {"n": 2})
    alice.send(rooms[0], "so that the token moves")
    reader.step()
    told = reader.step(extensions={"account_data": {"enabled": True}})["extensions"]["account_data"]
    assert told == {"global": [{"type": "org.example", "content": {"n": 1}}],
                    "rooms": {rooms[0]: [{"type": "org.example", "content": {"n": 2}}]}}


# ---- receipts ----

def test_receipts(alice, bob, rooms, stable):
    sent = [alice.send(rooms[0], str(n)) for n in range(2)]
    receipt(bob, rooms[0], sent[1])
    reader = slider(alice, "receipts", stable)
    told = reader.step()["extensions"]["receipts"]["rooms"]
    assert list(told) == [rooms[0]] and told[rooms[0]]["type"] == "m.receipt"
    assert told[rooms[0]]["content"][sent[1]]["m.read"][bob.user_id]["ts"] > 0
    assert reader.step()["extensions"]["receipts"]["rooms"] == {}
    receipt(alice, rooms[0], sent[0])
    receipt(bob, rooms[0], sent[1], "m.read.private")
    content = reader.step()["extensions"]["receipts"]["rooms"][rooms[0]]["content"]
    assert content.keys() == {sent[0]} and list(content[sent[0]]["m.read"]) == [alice.user_id]


def test_receipts_follow_the_timeline(alice, bob, rooms):
    """Of a room that is new: those on what is shown, and one's own wherever they are."""
    sent = [bob.send(rooms[0], str(n)) for n in range(6)]
    receipt(bob, rooms[0], sent[0])
    receipt(alice, rooms[0], sent[1])
    receipt(alice, rooms[0], sent[1], "m.read.private")
    reader = slider(alice, "receipts", limit=2)
    content = reader.step()["extensions"]["receipts"]["rooms"][rooms[0]]["content"]
    assert set(content) == {sent[1]} and set(content[sent[1]]) == {"m.read", "m.read.private"}
    wish = {rooms[0]: {"timeline_limit": 6, "required_state": []}}
    content = reader.step(room_subscriptions=wish)["extensions"]["receipts"]["rooms"][rooms[0]]["content"]
    assert set(content) == {sent[0], sent[1]}


def test_threaded_receipts(alice, bob, rooms):
    """The form has room for one of a user on an event: that without a thread goes before."""
    sent = alice.send(rooms[0], "x")
    for body in ({"thread_id": "main"}, {}):
        receipt(bob, rooms[0], sent, **body)
    content = slider(alice, "receipts").step()["extensions"]["receipts"]["rooms"][rooms[0]]["content"]
    assert "thread_id" not in content[sent]["m.read"][bob.user_id]


def test_receipts_while_the_room_is_away(alice, bob, rooms, stable):
    sent = alice.send(rooms[0], "x")
    reader = slider(alice, "receipts", stable)
    reader.step()
    reader.step(lists={})
    receipt(bob, rooms[0], sent)
    receipt(alice, rooms[1], alice.send(rooms[1], "y"))
    assert reader.step()["extensions"]["receipts"]["rooms"] == {}
    told = reader.step(lists=lists(0, 9))["extensions"]["receipts"]["rooms"]
    assert set(told) == set(rooms[:2]) and list(told[rooms[0]]["content"]) == [sent]


# ---- typing ----

def test_typing(alice, bob, rooms, stable):
    typing(bob, rooms[0])
    reader = slider(alice, "typing", stable)
    event = {"type": "m.typing", "content": {"user_ids": [bob.user_id]}}
    assert reader.step()["extensions"]["typing"]["rooms"] == {rooms[0]: event}
    assert reader.step()["extensions"]["typing"]["rooms"] == {}
    typing(bob, rooms[0], False)
    typing(bob, rooms[1])
    told = reader.step()["extensions"]["typing"]["rooms"]
    assert told == {rooms[0]: {"type": "m.typing", "content": {"user_ids": []}}, rooms[1]: event}


# ---- scopes ----

SCOPES = [
    ({}, {0, 1, 2}),
    ({"lists": ["*"], "rooms": ["*"]}, {0, 1, 2}),
    ({"lists": None, "rooms": None}, {0, 1, 2}),
    ({"lists": []}, {0}),
    ({"rooms": []}, {1, 2}),
    ({"lists": [], "rooms": []}, set()),
    ({"lists": ["newest"], "rooms": []}, {2}),
    ({"lists": ["newest", "unknown"], "rooms": []}, {2}),
    ({"lists": ["unknown"], "rooms": ["SUBSCRIBED"]}, {0}),
    ({"lists": [], "rooms": ["SUBSCRIBED", "!unknown:localhost"]}, {0}),
    ({"lists": [], "rooms": ["OTHER"]}, set()),
]


@pytest.mark.parametrize("scope,expected", SCOPES, ids=str)
def test_scopes(alice, bob, rooms, scope, expected):
    """One list of the newest room, one of the two newest, and a subscription to the oldest."""
    scope = {k: v and [{"SUBSCRIBED": rooms[0], "OTHER": rooms[1]}.get(e, e) for e in v] for k, v in scope.items()}
    body = {"lists": {**lists(0, 0, 1, name="newest"), **lists(0, 1, 1, name="both")},
            "room_subscriptions": {rooms[0]: {"timeline_limit": 1, "required_state": []}},
            "extensions": {name: {"enabled": True, **scope} for name in ("account_data", "receipts", "typing")}}
    for room in rooms:
        room_data(alice, room, "org.example", {})
        typing(bob, room)
        receipt(alice, room, alice.send(room, "x"))
    told = Slider(alice, body).step()["extensions"]
    for name in ("account_data", "receipts", "typing"):
        assert {rooms.index(room) for room in told[name]["rooms"]} == expected, name


def test_nothing_of_invites(alice, bob, stable):
    room = bob.create_room(invite=[alice.user_id])
    typing(bob, room)
    receipt(bob, room, bob.send(room, "x"))
    told = slider(alice, "receipts typing account_data", stable).step()
    assert room in told["rooms"]
    assert all(told["extensions"][name]["rooms"] == {} for name in ("receipts", "typing", "account_data"))


def test_key_counts(alice, stable):
    told = slider(alice, "e2ee", stable).step()["extensions"]["e2ee"]
    assert isinstance(told["device_one_time_keys_count"], dict)


WAKERS = {
    "account_data": lambda a, b, r: a.set_account_data("org.example", {"x": 1}).ok(),
    "account_data of a room": lambda a, b, r: room_data(a, r, "org.example", {}),
    "receipts": lambda a, b, r: receipt(b, r, b.messages(r).ok()["chunk"][0]["event_id"]),
    "typing": lambda a, b, r: typing(b, r),
}


@pytest.mark.parametrize("what", WAKERS)
def test_news_wake(alice, bob, rooms, what, stable):
    reader = slider(alice, what.split()[0], stable)
    reader.step()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: Slider(clone(alice), reader.body, stable).call(
            reader.pos, timeout_ms=20000).ok().json)
        assert not concurrent.futures.wait([waiting], timeout=0.15).done
        WAKERS[what](clone(alice), bob, rooms[0])
        answer = waiting.result(19)
    told = answer["extensions"][what.split()[0]]
    assert told.get("global") or told["rooms"]
    assert answer["rooms"] == {}


# ---- end-to-end encryption ----

def encryption(client, stable, **to_device):
    wish = {"e2ee": {"enabled": True}, "to_device": {"enabled": True, **to_device}}
    return Slider(client, {"extensions": wish}, stable, "encryption")


def send(sender, receiver, number):
    send_to_device(sender, {receiver.user_id: {receiver.device_id: {"number": number}}}).ok()


def numbers(answer):
    return [e["content"]["number"] for e in answer["extensions"]["to_device"]["events"]]


def test_messages_to_the_device(alice, bob, stable):
    """They have a token of their own: what was not acknowledged is told again, whatever became of pos."""
    send(bob, alice, 1)
    reader = encryption(alice, stable)
    answer = reader.step()
    assert answer["extensions"]["to_device"]["events"] == [
        {"type": "m.test", "sender": bob.user_id, "content": {"number": 1}}]
    first = answer["extensions"]["to_device"]["next_batch"]
    send(bob, alice, 2)
    assert numbers(reader.step()) == [1, 2]
    known = {"to_device": {"enabled": True, "since": first}}
    for _ in range(2):
        answer = reader.step(extensions=known)
        assert numbers(answer) == [2]
    assert numbers(reader.step(extensions={"to_device": {"enabled": True}})) == [2]
    known["to_device"]["since"] = answer["extensions"]["to_device"]["next_batch"]
    assert numbers(reader.step(extensions=known)) == []
    assert numbers(encryption(alice, stable).step()) == []


def test_many_messages_to_the_device(alice, bob):
    """No more at once than were asked for; the rest follows."""
    for n in range(5):
        send(bob, alice, n)
    reader, seen = encryption(alice, False, limit=2), []
    for _ in range(4):
        answer = reader.step()
        assert len(numbers(answer)) <= 2
        seen += numbers(answer)
        reader.body["extensions"]["to_device"]["since"] = answer["extensions"]["to_device"]["next_batch"]
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("since", ["nonsense", "d", "d5", "d5_", "d5_nonsense", "-1", "d-1_x", "5"])
def test_bad_tokens_of_messages(alice, since):
    answer = encryption(alice, False, since=since).call().expect(400, "M_INVALID_PARAM")
    assert "since" in answer["error"]


def test_messages_wake(alice, bob, stable):
    reader = encryption(alice, stable)
    known = reader.step()["extensions"]["to_device"]["next_batch"]
    reader.body["extensions"]["to_device"]["since"] = known
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: Slider(clone(alice), reader.body, stable, "encryption").call(
            reader.pos, timeout_ms=20000).ok().json)
        assert not concurrent.futures.wait([waiting], timeout=0.15).done
        send(bob, alice, 7)
        assert numbers(waiting.result(19)) == [7]


def test_device_lists(alice, bob, rooms, stable):
    """Nothing at first; then whose keys changed, also while the extension was off."""
    reader = encryption(alice, stable)
    told = reader.step()["extensions"]["e2ee"]
    assert "device_lists" not in told and told["device_unused_fallback_key_types"] == []
    Device(bob).publish()
    told = reader.step()["extensions"]["e2ee"]["device_lists"]
    assert told["changed"] == [bob.user_id]
    assert reader.step()["extensions"]["e2ee"]["device_lists"]["changed"] == []
    wish = reader.body["extensions"]
    reader.step(extensions={"account_data": {"enabled": True}})
    Device(bob.login()).publish()
    alice.set_account_data("org.example", {}).ok()
    reader.step()
    assert reader.step(extensions=wish)["extensions"]["e2ee"]["device_lists"]["changed"] == [bob.user_id]


# ---- people whom one ignores ----

def test_ignored_people(alice, bob, person, rooms, stable):
    """Their messages are left out and their invites hidden; what they did to the room is not."""
    carol = person("carol")
    carol.join(rooms[0]).ok()
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {carol.user_id: {}}}).ok()
    invited = carol.create_room(invite=[alice.user_id])
    reader = slider(alice, "", stable)
    answer = reader.step()
    assert invited not in answer["rooms"] and answer["lists"]["all_rooms"]["count"] == 3
    carol.send(rooms[0], "unheard")
    bob.send(rooms[0], "heard")
    part = reader.step()["rooms"][rooms[0]]
    assert [e["content"]["body"] for e in part["timeline"]] == ["heard"]
    carol.leave(rooms[0]).ok()
    part = reader.step()["rooms"][rooms[0]]
    assert [e["type"] for e in part["timeline"]] == ["m.room.member"]
