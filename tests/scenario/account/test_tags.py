"""Tags of rooms, and account data of rooms."""

import threading

import pytest

from harness.client import Client, quote, unique
from harness.rooms import clone
from harness.uia import deactivate

ORDERS = [0, 1, 0.25, 1e-9]


def tags_path(client, room, tag=None):
    path = f"user/{quote(client.user_id)}/rooms/{quote(room)}/tags"
    return path if tag is None else f"{path}/{quote(tag)}"


def tags(client, room):
    return client.get(tags_path(client, room)).ok().json["tags"]


def data_path(client, room, kind):
    return f"user/{quote(client.user_id)}/rooms/{quote(room)}/account_data/{quote(kind)}"


@pytest.fixture
def room(alice):
    return alice.create_room()


def test_put_list_delete(alice, room):
    assert tags(alice, room) == {}
    assert alice.put(tags_path(alice, room, "m.favourite"), {"order": 0.5}).ok().json == {}
    assert alice.put(tags_path(alice, room, "u.work"), {}).ok().json == {}
    assert tags(alice, room) == {"m.favourite": {"order": 0.5}, "u.work": {}}
    alice.put(tags_path(alice, room, "m.favourite"), {"order": 0, "org.example.x": [1]}).ok()
    assert tags(alice, room)["m.favourite"] == {"order": 0, "org.example.x": [1]}
    assert alice.delete(tags_path(alice, room, "m.favourite")).ok().json == {}
    assert alice.delete(tags_path(alice, room, "m.favourite")).ok().json == {}
    assert tags(alice, room) == {"u.work": {}}


@pytest.mark.parametrize("tag", ["x", "u.ümlaut \U0001f600", "a/b", "100%", 'quote"', "t" * 255])
def test_names(alice, room, tag):
    alice.put(tags_path(alice, room, tag), {}).ok()
    assert tags(alice, room) == {tag: {}}
    alice.delete(tags_path(alice, room, tag)).ok()
    assert tags(alice, room) == {}


@pytest.mark.parametrize("order", ORDERS)
def test_orders(alice, room, order):
    alice.put(tags_path(alice, room, "x"), {"order": order}).ok()
    assert tags(alice, room) == {"x": {"order": order}}


BAD = [
    ("x", {"order": "0.5"}, 400, "M_BAD_JSON"),
    ("x", {"order": None}, 400, "M_BAD_JSON"),
    ("x", {"order": True}, 400, "M_BAD_JSON"),
    ("x", {"order": {}}, 400, "M_BAD_JSON"),
    ("x", {"order": 1.1}, 400, "M_INVALID_PARAM"),
    ("x", {"order": -0.1}, 400, "M_INVALID_PARAM"),
    ("x", {"order": 2}, 400, "M_INVALID_PARAM"),
    ("t" * 256, {}, 400, "M_INVALID_PARAM"),
    ("x", {"org.example.x": "y" * 5000}, 413, "M_TOO_LARGE"),
]


@pytest.mark.parametrize("tag,body,status,errcode", BAD, ids=lambda value: str(value)[:24])
def test_bad_input(alice, room, tag, body, status, errcode):
    alice.put(tags_path(alice, room, tag), body).expect(status, errcode)
    assert tags(alice, room) == {}


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b'"x"'])
def test_bad_bodies(alice, room, data):
    answer = alice.put(tags_path(alice, room, "x"), data=data).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON")


@pytest.mark.parametrize("where,status,errcode", [
    ("!nowhere:localhost", 404, "M_NOT_FOUND"), ("nonsense", 400, "M_INVALID_PARAM"),
    ("#alias:localhost", 400, "M_INVALID_PARAM")])
def test_bad_rooms(alice, where, status, errcode):
    alice.get(tags_path(alice, where)).expect(status, errcode)
    alice.put(tags_path(alice, where, "x"), {}).expect(status, errcode)
    alice.delete(tags_path(alice, where, "x")).expect(status, errcode)


def test_a_room_of_others(alice, bob, room):
    bob.put(tags_path(bob, room, "x"), {}).expect(404, "M_NOT_FOUND")


def test_of_another_user(alice, bob, anonymous, room):
    alice.put(tags_path(alice, room, "x"), {}).ok()
    for call in (bob.get(tags_path(alice, room)), bob.put(tags_path(alice, room, "y"), {}),
                 bob.delete(tags_path(alice, room, "x"))):
        call.expect(403, "M_FORBIDDEN")
    anonymous.get(tags_path(alice, room)).expect(401, "M_MISSING_TOKEN")
    assert tags(alice, room) == {"x": {}}


def test_too_many(alice, room):
    for number in range(100):
        alice.put(tags_path(alice, room, f"u.{number}"), {}).ok()
    alice.put(tags_path(alice, room, "u.100"), {}).expect(413, "M_TOO_LARGE")
    alice.put(tags_path(alice, room, "u.99"), {"order": 1}).ok()
    alice.delete(tags_path(alice, room, "u.0")).ok()
    alice.put(tags_path(alice, room, "u.100"), {}).ok()
    assert len(tags(alice, room)) == 100


def test_in_sync(alice, room):
    """As account data of the room: when it changes, and on every device."""
    phone = alice.login()
    since = phone.sync_call().ok()["next_batch"]

    def seen(since):
        answer = phone.sync_call(since, timeout_ms=5000).ok()
        events = answer["rooms"]["join"][room]["account_data"]["events"]
        return answer["next_batch"], [e for e in events if e["type"] == "m.tag"]
    alice.put(tags_path(alice, room, "m.favourite"), {"order": 1}).ok()
    since, events = seen(since)
    assert events == [{"type": "m.tag", "content": {"tags": {"m.favourite": {"order": 1}}}}]
    alice.delete(tags_path(alice, room, "nothing")).ok()
    assert room not in phone.sync_call(since).ok()["rooms"]["join"], "nothing changed"
    alice.delete(tags_path(alice, room, "m.favourite")).ok()
    since, events = seen(since)
    assert events[0]["content"] == {"tags": {}}


@pytest.mark.parametrize("content", [{}, {"tags": []}, {"tags": None}, {"other": 1, "tags": {"y": {}, "z": 5}}])
def test_beside_account_data(alice, room, content):
    """The same thing by two endpoints: what else stands in the content is kept."""
    alice.put(data_path(alice, room, "m.tag"), content).ok()
    before = content["tags"] if isinstance(content.get("tags"), dict) else {}
    shown = {tag: info for tag, info in before.items() if info == {}}
    assert tags(alice, room) == shown
    alice.put(tags_path(alice, room, "x"), {}).ok()
    assert tags(alice, room) == {**shown, "x": {}}
    assert alice.get(data_path(alice, room, "m.tag")).ok().json == {**content, "tags": {**before, "x": {}}}


def test_kept_after_leaving(alice, room):
    alice.put(tags_path(alice, room, "x"), {}).ok()
    alice.leave(room).ok()
    assert tags(alice, room) == {"x": {}}


def test_at_once(alice, room):
    """Tags that are set at the same time are all there."""
    def put(client, number):
        client.put(tags_path(client, room, f"u.{number}"), {}).ok()
    threads = [threading.Thread(target=put, args=(clone(alice), number)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tags(alice, room)) == 16


def test_after_the_end(server, alice, room):
    alice.put(tags_path(alice, room, "x"), {}).ok()
    deactivate(alice).ok()
    alice.put(tags_path(alice, room, "y"), {}).expect(401, "M_UNKNOWN_TOKEN")
    assert server.database.sql("SELECT count(*) FROM account_data WHERE type='m.tag' AND user_nid="
                               f"(SELECT nid FROM users WHERE user_id='{alice.user_id}')")[0][0] == "0"


def test_kept_over_a_restart(make_server):
    server = make_server()
    client = Client(server).register(unique())
    room = client.create_room()
    client.put(tags_path(client, room, "x"), {"order": 1}).ok()
    server.restart(clean=False)
    assert tags(client, room) == {"x": {"order": 1}}


# Account data of rooms.

KIND = "org.example.room_config"


def test_room_data(alice, room):
    path = data_path(alice, room, KIND)
    alice.get(path).expect(404, "M_NOT_FOUND")
    alice.put(path, {"a": 1}).ok()
    assert alice.get(path).ok().json == {"a": 1}
    alice.account_data(KIND).expect(404, "M_NOT_FOUND")


@pytest.mark.parametrize("kind", ["m.fully_read", "m.push_rules"])
def test_kinds_of_the_server(alice, room, kind):
    alice.put(data_path(alice, room, kind), {"x": 1}).expect(405, "M_BAD_JSON")


@pytest.mark.parametrize("kind", ["k" * 256])
def test_bad_kinds(alice, room, kind):
    alice.put(data_path(alice, room, kind), {}).expect(400, "M_INVALID_PARAM")
    alice.set_account_data(kind, {}).expect(400, "M_INVALID_PARAM")


@pytest.mark.parametrize("where,status,errcode", [
    ("!nowhere:localhost", 404, "M_NOT_FOUND"), ("nonsense", 400, "M_INVALID_PARAM")])
def test_data_of_bad_rooms(alice, where, status, errcode):
    alice.put(data_path(alice, where, KIND), {}).expect(status, errcode)
    alice.get(data_path(alice, where, KIND)).expect(status, errcode)


def test_room_data_of_another_user(alice, bob, room):
    bob.put(data_path(alice, room, KIND), {}).expect(403, "M_FORBIDDEN")
    bob.get(data_path(alice, room, KIND)).expect(403, "M_FORBIDDEN")
    bob.put(data_path(bob, room, KIND), {}).expect(404, "M_NOT_FOUND")


def test_data_has_limits(alice, room):
    """The size of one is that of a request, and the number of types is limited, too."""
    alice.set_account_data(KIND, {"x": "y" * 1_000_000}).ok()
    assert len(alice.account_data(KIND).ok()["x"]) == 1_000_000
    alice.set_account_data(KIND, {"x": "y" * 1_100_000}).expect(413, "M_TOO_LARGE")
    for number in range(1000):
        alice.put(data_path(alice, room, f"a.{number}"), {}).ok()
    alice.put(data_path(alice, room, "b"), {}).expect(413, "M_TOO_LARGE")
    alice.put(data_path(alice, room, "a.5"), {"again": 1}).ok()
    alice.set_account_data("b", {}).ok()
