"""Sending, transaction ids, redaction, and reading one event."""

import pytest

from harness.client import Client, quote, unique
from harness.rooms import VERSIONS, history, path

TEXT = {"msgtype": "m.text", "body": "hello"}


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


def event(client, room, event_id):
    return client.get(path(room, "event", event_id))


@pytest.mark.parametrize("version", VERSIONS)
def test_send_and_read(alice, version):
    room = alice.create_room(room_version=version)
    content = {**TEXT, "org.example": {"n": [-(2**53) + 1, 2**53 - 1, True, None, "ü😀"]}}
    event_id = alice.send_call(room, content).ok()["event_id"]
    found = event(alice, room, event_id).ok().json
    assert found["content"] == content and found["sender"] == alice.user_id
    assert found["type"] == "m.room.message" and found["room_id"] == room
    assert "state_key" not in found
    assert not {"hashes", "signatures", "depth", "auth_events", "prev_events"} & set(found)


def test_same_transaction_is_the_same_event(alice, room):
    first = alice.send(room, "once", txn="same")
    assert alice.send(room, "once", txn="same") == first
    assert alice.send_call(room, {**TEXT, "body": "changed"}, txn="same").ok()["event_id"] == first
    assert sum(e["type"] == "m.room.message" for e in history(alice, room)) == 1


def test_transactions_are_per_device_path_and_room(alice, room):
    first = alice.send(room, "a", txn="t")
    other = alice.login()
    assert other.send(room, "b", txn="t") != first
    assert alice.send_call(room, TEXT, kind="org.example", txn="t").ok()["event_id"] != first
    assert alice.send(alice.create_room(), "c", txn="t") != first


def test_transactions_survive_refreshed_tokens_and_restarts(make_server):
    server = make_server()
    alice = Client(server).register(unique())
    room = alice.create_room()
    first = alice.send(room, "x", txn="t")
    again = alice.login(device_id=alice.device_id)
    server.restart(clean=False)
    assert again.send(room, "x", txn="t") == first


def test_transaction_id_is_shown_to_its_device_only(alice, bob, room):
    event_id = alice.send(room, "x", txn="mine")
    assert event(alice, room, event_id).ok()["unsigned"]["transaction_id"] == "mine"
    for other in (bob, alice.login()):
        assert "transaction_id" not in event(other, room, event_id).ok().json.get("unsigned", {})


@pytest.mark.parametrize("txn", ["a b", "ü", "a%2Fb", "x" * 200, "?"], ids=lambda t: t[:8])
def test_odd_transaction_ids(alice, room, txn):
    assert alice.send(room, "x", txn=txn) == alice.send(room, "x", txn=txn)


def test_order(alice, room):
    ids = [alice.send(room, str(n)) for n in range(20)]
    stored = [e["event_id"] for e in history(alice, room) if e["type"] == "m.room.message"]
    assert stored == ids


def test_not_members(alice, person, room):
    carol = person("carol")
    carol.send_call(room, TEXT).expect(403, "M_FORBIDDEN")
    carol.send_call("!nothing:localhost", TEXT).expect(403, "M_FORBIDDEN")


def test_power(alice, bob, room):
    levels = alice.state(room, "m.room.power_levels").ok().json
    levels["events_default"] = 10
    alice.set_state(room, "m.room.power_levels", levels).ok()
    bob.send_call(room, TEXT).expect(403, "M_FORBIDDEN")
    alice.send(room, "x")
    levels["events"]["org.example"] = 0
    alice.set_state(room, "m.room.power_levels", levels).ok()
    bob.send_call(room, {}, kind="org.example").ok()


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"{", b"", b'{"a":1.5}',
                                  b'{"a":9007199254740992}', b'{"a":1,"a":2}', b'{"a":"\xff"}',
                                  b'{"a":"\\ud800"}'])
def test_bad_content(alice, room, body):
    before = len(history(alice, room))
    answer = alice.put(path(room, "send", "m.room.message", "t"), data=body).expect(400)
    assert answer.errcode in ("M_NOT_JSON", "M_BAD_JSON"), repr(answer)
    assert len(history(alice, room)) == before


def test_too_large(alice, room):
    """65,536 bytes for the whole event, all included."""
    alice.send_call(room, {"body": "x" * 64000, "msgtype": "m.text"}).ok()
    alice.send_call(room, {"body": "x" * 65537, "msgtype": "m.text"}).expect(413, "M_TOO_LARGE")
    alice.send_call(room, {"body": "x" * 65300, "msgtype": "m.text"}).expect(413, "M_TOO_LARGE")


def test_wrong_txn_does_not_stick(alice, room):
    """A refused send leaves its transaction id free."""
    alice.send_call(room, {"body": "x" * 70000}, txn="t").expect(413)
    assert alice.send(room, "x", txn="t")


@pytest.mark.parametrize("version", VERSIONS)
def test_redact(alice, bob, version):
    room = alice.create_room(preset="public_chat", room_version=version)
    bob.join(room).ok()
    event_id = bob.send(room, "regretted")
    answer = bob.put(path(room, "redact", event_id, "t1"), {"reason": "typo"}).ok()
    found = event(alice, room, event_id).ok().json
    assert found["content"] == {}
    because = found["unsigned"]["redacted_because"]
    assert because["event_id"] == answer["event_id"] and because["content"]["reason"] == "typo"
    redaction = event(alice, room, answer["event_id"]).ok().json
    assert redaction["redacts"] == event_id         # kept at both places for old and new clients
    if version != "10":
        assert redaction["content"]["redacts"] == event_id
    stored = next(e for e in history(alice, room) if e["event_id"] == event_id)
    assert stored["content"] == {}


def test_redact_twice_with_one_transaction(alice, room):
    event_id = alice.send(room, "x")
    url = path(room, "redact", event_id, "t")
    assert alice.put(url, {}).ok()["event_id"] == alice.put(url, {}).ok()["event_id"]


def test_redacting_others_takes_power(alice, bob, room):
    event_id = alice.send(room, "x")
    bob.put(path(room, "redact", event_id, "t"), {}).expect(403, "M_FORBIDDEN")
    assert event(alice, room, event_id).ok()["content"]["body"] == "x"
    mine = bob.send(room, "y")
    alice.put(path(room, "redact", mine, "t"), {}).ok()
    assert event(alice, room, mine).ok()["content"] == {}


def test_redacted_state_keeps_its_essence(alice, room):
    event_id = alice.set_state(room, "m.room.join_rules", {"join_rule": "invite", "x": 1}).ok()[
        "event_id"]
    alice.put(path(room, "redact", event_id, "t"), {}).ok()
    assert alice.state(room, "m.room.join_rules").ok().json == {"join_rule": "invite"}


@pytest.mark.parametrize("event_id", ["nothing", "$" + "a" * 256], ids=lambda e: e[:9])
def test_redact_what_is_not_there(alice, room, event_id):
    answer = alice.put(path(room, "redact", event_id, "t"), {})
    assert answer.status in (400, 404), repr(answer)


def test_event_elsewhere(alice, bob, room):
    other = alice.create_room()
    event_id = alice.send(other, "secret")
    event(bob, other, event_id).expect(404, "M_NOT_FOUND")
    event(bob, room, event_id).expect(404, "M_NOT_FOUND")
    event(alice, room, event_id).expect(404, "M_NOT_FOUND")
    event(alice, room, "$nothing").expect(404, "M_NOT_FOUND")


def test_unknown_event_type_and_long_ones(alice, room):
    alice.send_call(room, {}, kind="x" * 255).ok()
    answer = alice.send_call(room, {}, kind="x" * 256)
    assert answer.status in (400, 413), repr(answer)


def test_relations_are_carried(alice, room):
    first = alice.send(room, "x")
    content = {**TEXT, "m.relates_to": {"m.in_reply_to": {"event_id": first}}}
    reply = alice.send_call(room, content).ok()["event_id"]
    assert event(alice, room, reply).ok()["content"] == content


def test_send_by_alias_is_refused(alice, room):
    answer = alice.put(f"rooms/{quote('#a:localhost')}/send/m.room.message/1", TEXT)
    assert answer.status in (400, 403, 404), repr(answer)
