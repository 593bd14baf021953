"""Delayed events (MSC4140): scheduled, listed, restarted, cancelled, and sent when they are due."""

import time

import pytest

from harness.client import V3, Client, quote, unique
from harness.rooms import history, path
from harness.sync import Syncer
from harness.uia import deactivate

UNSTABLE = "/_matrix/client/unstable/org.matrix.msc4140"
QUERY = "org.matrix.msc4140.delay"
UNSIGNED = "org.matrix.msc4140.delay_id"
LONG = 3600000
TEXT = {"msgtype": "m.text", "body": "later"}


def schedule(client, room, delay_ms=LONG, kind="m.room.message", content=None, txn=None, **more):
    where = f"{UNSTABLE}/rooms/{quote(room)}/delayed_event/{quote(kind)}/{quote(txn or unique('txn'))}"
    return client.put(where, {"delay_ms": delay_ms, "content": TEXT if content is None else content, **more})


def later(client, where, content, delay):
    """By the usual endpoints, whose answer the specification knows in one form only."""
    response = client.raw("PUT", f"{V3}/{where}", json=content, params={QUERY: delay},
                          headers={"Authorization": f"Bearer {client.token}"})
    assert response.status_code == 200, response.text
    return response.json()["delay_id"]


def scheduled(client):
    return client.get(f"{UNSTABLE}/delayed_events").ok()["delayed_events"]


def look(client, delay_id):
    return client.get(f"{UNSTABLE}/delayed_events/{quote(delay_id)}")


def act(client, delay_id, action):
    return client.post(f"{UNSTABLE}/delayed_events/{quote(delay_id)}/{action}")


def until_ended(client, delay_id):
    """What became of it. The server says so itself: there is nothing to wait on but its answer."""
    deadline = time.monotonic() + 30
    while "finalised_ts" not in (answer := look(client, delay_id).ok()).json:
        assert time.monotonic() < deadline
    return answer


def texts(client, room):
    return [e["content"].get("body") for e in history(client, room) if e["type"] == "m.room.message"]


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


def test_advertised(alice, anonymous):
    assert anonymous.get("/_matrix/client/versions").ok()["unstable_features"]["org.matrix.msc4140"] is True
    assert alice.get("capabilities").ok()["capabilities"]["org.matrix.msc4140.delayed_events"] == {
        "max_delay_ms": 86400000, "max_scheduled": 100}


def test_is_sent_when_it_is_due(alice, bob, room):
    reader = Syncer(bob)
    reader.step()
    delay_id = schedule(alice, room, 200).ok()["delay_id"]
    listed = scheduled(alice)[0]
    assert {k: v for k, v in listed.items() if k != "scheduled_at"} == {
        "delay_id": delay_id, "room_id": room, "type": "m.room.message", "delay_ms": 200, "content": TEXT}
    reader.until(lambda r: "later" in texts(bob, room))
    answer = until_ended(alice, delay_id)
    event = alice.get(path(room, "event", answer["event_id"])).ok().json
    assert event["content"] == TEXT and event["sender"] == alice.user_id
    assert event["unsigned"][UNSIGNED] == delay_id
    assert event["origin_server_ts"] >= answer["scheduled_at"] + 200, "not before its time"
    assert answer["finalised_ts"] >= answer["scheduled_at"] + 200
    assert scheduled(alice) == []
    theirs = bob.get(path(room, "event", answer["event_id"])).ok().json
    assert UNSIGNED not in theirs["unsigned"], "for the sender alone"


def test_state(alice, bob, room):
    delay_id = schedule(alice, room, 1, "org.example.state", {"n": 1}, state_key="k").ok()["delay_id"]
    answer = until_ended(alice, delay_id)
    assert answer["state_key"] == "k"
    assert bob.state(room, "org.example.state", "k").ok().json == {"n": 1}
    empty = schedule(alice, room, 1, "org.example.state", {"n": 2}, state_key="").ok()["delay_id"]
    assert until_ended(alice, empty)["state_key"] == ""
    assert bob.state(room, "org.example.state").ok().json == {"n": 2}


def test_state_that_is_there_already(alice, room):
    """Nothing is sent; the event is the one that is there."""
    event_id = alice.set_state(room, "org.example.state", {"n": 1}).ok()["event_id"]
    before = len(history(alice, room))
    delay_id = schedule(alice, room, 1, "org.example.state", {"n": 1}, state_key="").ok()["delay_id"]
    assert until_ended(alice, delay_id)["event_id"] == event_id
    assert len(history(alice, room)) == before


def test_by_the_usual_endpoints(alice, room):
    """An earlier form, which clients still use."""
    where = path(room, "send", "m.room.message", "t1")
    one = later(alice, where, TEXT, LONG)
    assert later(alice, where, TEXT, LONG) == one, "the same transaction"
    two = later(alice, path(room, "state", "org.example.state", "k"), {"n": 1}, LONG)
    assert [(e["delay_id"], e.get("state_key")) for e in scheduled(alice)] == [(one, None), (two, "k")]
    assert texts(alice, room) == []
    alice.post(f"{UNSTABLE}/delayed_events/{one}", {"action": "send"}).ok()
    assert texts(alice, room) == ["later"]
    alice.post(f"{UNSTABLE}/delayed_events/{two}", {"action": "restart"}).ok()
    alice.post(f"{UNSTABLE}/delayed_events/{two}", {"action": "cancel"}).ok()
    assert scheduled(alice) == []
    for body, errcode in (({}, "M_MISSING_PARAM"), ({"action": 5}, "M_BAD_JSON"),
                          ({"action": "explode"}, "M_INVALID_PARAM")):
        alice.post(f"{UNSTABLE}/delayed_events/{two}", body).expect(400, errcode)
    for wrong in ("0", "-1", "x", "1.5", ""):
        alice.put(path(room, "send", "m.room.message", "t2"), TEXT, params={QUERY: wrong}).expect(
            400, "M_INVALID_PARAM")
    alice.put(path(room, "send", "m.room.message", "t2"), TEXT, params={QUERY: 86400001}).expect(
        403, "M_FORBIDDEN")


def test_transaction_ids(alice, bob, room):
    one = schedule(alice, room, txn="t").ok()["delay_id"]
    assert schedule(alice, room, txn="t").ok()["delay_id"] == one
    assert schedule(alice, room, txn="t", kind="org.example.other").ok()["delay_id"] != one
    assert schedule(bob, room, txn="t").ok()["delay_id"] != one
    act(alice, one, "cancel").ok()
    assert schedule(alice, room, txn="t").ok()["delay_id"] == one, "also when it has ended"
    alice.send(room, "now", txn="t")
    assert texts(alice, room) == ["now"], "ids of sending are others"


def test_send_now(alice, room):
    delay_id = schedule(alice, room).ok()["delay_id"]
    assert act(alice, delay_id, "send").ok().json == {}
    assert texts(alice, room) == ["later"]
    answer = look(alice, delay_id).ok()
    assert answer["finalised_ts"] < answer["scheduled_at"] + answer["delay_ms"] and answer["event_id"]
    act(alice, delay_id, "send").ok()
    assert texts(alice, room) == ["later"], "once"
    act(alice, delay_id, "cancel").expect(409, "M_UNKNOWN")
    act(alice, delay_id, "restart").expect(409, "M_UNKNOWN")


def test_cancel(alice, room):
    delay_id = schedule(alice, room).ok()["delay_id"]
    assert act(alice, delay_id, "cancel").ok().json == {}
    assert scheduled(alice) == []
    answer = look(alice, delay_id).ok().json
    assert "finalised_ts" in answer and "event_id" not in answer and "error" not in answer
    act(alice, delay_id, "cancel").ok()
    act(alice, delay_id, "send").expect(409, "M_UNKNOWN")
    act(alice, delay_id, "restart").expect(409, "M_UNKNOWN")
    assert texts(alice, room) == []


def test_restart(alice, room):
    first = schedule(alice, room, LONG, content={"body": "first"}).ok()["delay_id"]
    second = schedule(alice, room, LONG + 5, content={"body": "second"}).ok()["delay_id"]
    assert [e["delay_id"] for e in scheduled(alice)] == [first, second]
    before = look(alice, first).ok()["scheduled_at"]
    while look(alice, first).ok()["scheduled_at"] < before + 10:   # more than the two differ by
        assert act(alice, first, "restart").ok().json == {}
    assert [e["delay_id"] for e in scheduled(alice)] == [second, first], "in the order of their times"


def test_heartbeat(alice, room):
    """Restarted again and again it is not sent; then it is."""
    delay_id = schedule(alice, room, 1500).ok()["delay_id"]
    began = look(alice, delay_id).ok()["scheduled_at"]
    while look(alice, delay_id).ok()["scheduled_at"] < began + 2500:
        act(alice, delay_id, "restart").ok()
    assert texts(alice, room) == []
    until_ended(alice, delay_id)
    assert texts(alice, room) == ["later"]


def test_order(alice, room):
    """What is due at the same time comes in the order of the times."""
    ids = [schedule(alice, room, delay, content={"msgtype": "m.text", "body": str(delay)}).ok()["delay_id"]
           for delay in (700, 500, 600)]
    for delay_id in ids:
        until_ended(alice, delay_id)
    assert texts(alice, room) == ["500", "600", "700"]


def test_refused_at_its_time(alice, bob, room):
    """Power counts when it is sent, not when it is scheduled."""
    delay_id = schedule(bob, room, 1, "m.room.name", {"name": "Bob's"}, state_key="").ok()["delay_id"]
    answer = until_ended(bob, delay_id)
    assert "event_id" not in answer.json
    assert answer["error"]["errcode"] == "M_FORBIDDEN" and answer["error"]["error"]
    act(bob, delay_id, "cancel").ok()
    act(bob, delay_id, "send").expect(409, "M_UNKNOWN")
    early = schedule(bob, room, LONG, "m.room.name", {"name": "Bob's"}, state_key="").ok()["delay_id"]
    act(bob, early, "send").expect(403, "M_FORBIDDEN")
    assert [e["delay_id"] for e in scheduled(bob)] == [early], "it stays scheduled"
    levels = alice.state(room, "m.room.power_levels").ok().json
    alice.set_state(room, "m.room.power_levels", {**levels, "users": {**levels.get("users", {}), bob.user_id: 50}}).ok()
    act(bob, early, "send").ok()
    assert alice.state(room, "m.room.name").ok()["name"] == "Bob's"


def test_after_leaving(alice, bob, room):
    delay_id = schedule(bob, room, 300).ok()["delay_id"]
    bob.leave(room).ok()
    assert until_ended(bob, delay_id)["error"]["errcode"] == "M_FORBIDDEN"
    assert texts(alice, room) == []


def test_leaving_can_be_delayed(alice, bob, room):
    content = {"membership": "leave", "reason": "gone"}
    delay_id = schedule(bob, room, 1, "m.room.member", content, state_key=bob.user_id).ok()["delay_id"]
    until_ended(bob, delay_id)
    assert alice.state(room, "m.room.member", bob.user_id).ok().json == content


def test_redactions_can_be_delayed(alice, room):
    event_id = alice.send(room, "secret")
    delay_id = schedule(alice, room, 1, "m.room.redaction", {"redacts": event_id}).ok()["delay_id"]
    until_ended(alice, delay_id)
    assert texts(alice, room) == [None]


@pytest.mark.parametrize("marker", ["org.matrix.msc3759.deactivated", "m.deactivated"])
def test_markers_are_refused(alice, room, marker):
    content = {"membership": "leave", marker: True}
    schedule(alice, room, 1, "m.room.member", content, state_key=alice.user_id).expect(403, "M_FORBIDDEN")
    assert scheduled(alice) == []


def test_of_another_user(alice, bob, room):
    delay_id = schedule(alice, room).ok()["delay_id"]
    assert scheduled(bob) == []
    look(bob, delay_id).expect(404, "M_NOT_FOUND")
    for action in ("send", "cancel", "restart"):
        act(bob, delay_id, action).expect(404, "M_NOT_FOUND")
        act(alice, "nothing", action).expect(404, "M_NOT_FOUND")
    look(alice, "nothing").expect(404, "M_NOT_FOUND")
    act(alice, delay_id, "explode").expect(404, "M_UNRECOGNIZED")
    assert len(scheduled(alice)) == 1


@pytest.mark.parametrize("body, status, errcode", [
    ({}, 400, "M_MISSING_PARAM"),
    ({"content": {}}, 400, "M_MISSING_PARAM"),
    ({"delay_ms": 5}, 400, "M_MISSING_PARAM"),
    ({"delay_ms": "5", "content": {}}, 400, "M_BAD_JSON"),
    ({"delay_ms": 1.5, "content": {}}, 400, "M_BAD_JSON"),
    ({"delay_ms": None, "content": {}}, 400, "M_BAD_JSON"),
    ({"delay_ms": 0, "content": {}}, 400, "M_INVALID_PARAM"),
    ({"delay_ms": -1, "content": {}}, 400, "M_INVALID_PARAM"),
    ({"delay_ms": 86400001, "content": {}}, 403, "M_FORBIDDEN"),
    ({"delay_ms": 5, "content": "x"}, 400, "M_BAD_JSON"),
    ({"delay_ms": 5, "content": []}, 400, "M_BAD_JSON"),
    ({"delay_ms": 5, "content": {}, "state_key": 7}, 400, "M_BAD_JSON"),
    ({"delay_ms": 5, "content": {}, "state_key": "k" * 256}, 413, "M_TOO_LARGE"),
    ({"delay_ms": 5, "content": {"x": "y" * 65536}}, 413, "M_TOO_LARGE"),
])
def test_bad_bodies(alice, room, body, status, errcode):
    where = f"{UNSTABLE}/rooms/{quote(room)}/delayed_event/org.example/t1"
    alice.put(where, body).expect(status, errcode)
    assert scheduled(alice) == []


def test_bad_paths(alice, anonymous, room):
    schedule(alice, "!unknown:localhost").expect(403, "M_FORBIDDEN")
    schedule(alice, "no room").expect(403, "M_FORBIDDEN")
    schedule(alice, room, kind="t" * 256).expect(413, "M_TOO_LARGE")
    schedule(alice, room, txn="t" * 256).expect(400, "M_INVALID_PARAM")
    schedule(anonymous, room).expect(401, "M_MISSING_TOKEN")
    for call in (anonymous.get, anonymous.post):
        call(f"{UNSTABLE}/delayed_events/x").expect(401, "M_MISSING_TOKEN")


def test_content_that_no_event_can_have(alice, room):
    """Found out when it is built."""
    delay_id = schedule(alice, room, 1, content={"x": 1.5}).ok()["delay_id"]
    assert until_ended(alice, delay_id)["error"]["errcode"] == "M_BAD_JSON"


def test_limits(make_server):
    server = make_server({"delayed_events.max_scheduled": "2", "delayed_events.max_delay_ms": "5000000"})
    alice = Client(server).register(unique())
    room = alice.create_room()
    ids = [schedule(alice, room, delay).ok()["delay_id"] for delay in (4000000, 5000000)]
    answer = schedule(alice, room).expect(429, "M_LIMIT_EXCEEDED")
    assert 3900 <= int(answer.headers["Retry-After"]) <= 4000, "when the next one is sent"
    schedule(alice, room, 5000001).expect(403, "M_FORBIDDEN")
    act(alice, ids[0], "cancel").ok()
    schedule(alice, room).ok()
    other = Client(server).register(unique())
    schedule(other, other.create_room()).ok()


def test_switched_off(make_server):
    alice = Client(make_server({"delayed_events.max_scheduled": "0"})).register(unique())
    schedule(alice, alice.create_room(), 1).expect(403, "M_FORBIDDEN")


def test_kept_over_restarts(make_server):
    """What came due meanwhile is sent as soon as the server is there, in the order of its times."""
    server = make_server()
    alice = Client(server).register(unique())
    room = alice.create_room()
    not_yet = schedule(alice, room).ok()["delay_id"]
    due = [schedule(alice, room, LONG - 60000 * n, content={"msgtype": "m.text", "body": str(n)}).ok()["delay_id"]
           for n in range(3)]
    server.kill()
    server.database.sql(f"UPDATE delayed_events SET due_ms=due_ms-{2 * LONG}, delay_ms=delay_ms-{2 * LONG}"
                        f" WHERE delay_ms<{LONG} OR nid=2")
    server.start()
    for delay_id in due:
        until_ended(alice, delay_id)
    assert texts(alice, room) == ["2", "1", "0"]
    assert [e["delay_id"] for e in scheduled(alice)] == [not_yet]


def test_deactivation_cancels_them(make_server):
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    room = bob.create_room(preset="public_chat")
    alice.join(room).ok()
    schedule(alice, room, 1000).ok()
    schedule(alice, room, LONG).ok()
    act(alice, schedule(alice, room).ok()["delay_id"], "cancel").ok()
    deactivate(alice).ok()
    assert not server.database.sql("SELECT * FROM delayed_events")
    schedule(alice, room).expect(401, "M_UNKNOWN_TOKEN")
    mark = schedule(bob, room, 1500).ok()["delay_id"]
    until_ended(bob, mark)
    assert texts(bob, room) == ["later"], "bob's"
