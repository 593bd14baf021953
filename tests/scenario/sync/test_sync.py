"""GET /sync: initial and incremental, waking, limits, and each of its sections."""

import concurrent.futures
import json
import time

import pytest

from harness.client import Client, quote, unique
from harness.rooms import clone, history, path
from harness.sync import Syncer


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat", name="Room")
    bob.join(room).ok()
    return room


def joined(answer, room):
    return answer.get("rooms", {}).get("join", {}).get(room)


def step_room(reader, room, **kwargs):
    return joined(reader.step(**kwargs), room)


def ids(events):
    return [e["event_id"] for e in events]


def test_initial(alice, bob, room):
    answer = alice.sync_call().ok().json
    part = joined(answer, room)
    state = {(e["type"], e["state_key"]) for e in part["state"]["events"]}
    timeline = part["timeline"]["events"]
    assert part["summary"]["m.joined_member_count"] == 2
    assert part["summary"].get("m.invited_member_count", 0) == 0
    assert answer["next_batch"]
    assert isinstance(answer.get("device_one_time_keys_count", {}), dict)
    known = state | {(e["type"], e["state_key"]) for e in timeline if "state_key" in e}
    assert {("m.room.create", ""), ("m.room.member", alice.user_id),
            ("m.room.member", bob.user_id), ("m.room.name", "")} <= known
    for event in part["state"]["events"] + timeline:
        assert {"type", "content", "event_id", "sender", "origin_server_ts"} <= set(event)
        assert not {"hashes", "signatures", "depth", "auth_events", "prev_events"} & set(event)


def test_nothing_new_is_empty(alice, room):
    since = alice.sync_call().ok()["next_batch"]
    answer = alice.sync_call(since).ok().json
    assert not any(answer.get("rooms", {}).values()), answer
    assert alice.sync_call(answer["next_batch"]).ok()


def test_same_since_gives_the_same_again(alice, bob, room):
    since = alice.sync_call().ok()["next_batch"]
    sent = bob.send(room, "x")
    for _ in range(3):
        assert ids(joined(alice.sync_call(since).ok().json, room)["timeline"]["events"]) == [sent]


def test_every_event_once_in_order(alice, bob, room):
    reader = Syncer(alice)
    reader.step()
    before = len(reader.events(room))
    sent = []
    for turn in range(10):
        sent += [bob.send(room, f"{turn} {n}") for n in range(turn % 4)]
        reader.step()
    assert ids(reader.events(room)[before:]) == sent


WAKERS = {
    "message": lambda a, b, r: b.send(r, "x"),
    "state": lambda a, b, r: a.set_state(r, "m.room.topic", {"topic": "x"}).ok(),
    "typing": lambda a, b, r: b.put(f"{path(r, 'typing')}/{quote(b.user_id)}",
                                    {"typing": True, "timeout": 5000}).ok(),
    "receipt": lambda a, b, r: b.post(path(r, "receipt", "m.read", history(b, r)[-1]["event_id"]))
    .ok(),
    "account data": lambda a, b, r: a.set_account_data("org.example", {"x": 1}).ok(),
    "room account data": lambda a, b, r: a.put(
        f"user/{quote(a.user_id)}/rooms/{quote(r)}/account_data/org.example", {"x": 1}).ok(),
    "invite": lambda a, b, r: b.create_room(invite=[a.user_id]),
    "own room": lambda a, b, r: clone(a).create_room(),
    "kick": lambda a, b, r: b.leave(r).ok(),
    "name": lambda a, b, r: b.set_profile("displayname", "New").ok(),
}


@pytest.mark.parametrize("what", WAKERS)
def test_long_poll_wakes(alice, bob, room, what):
    since = alice.sync_call().ok()["next_batch"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: clone(alice).sync_call(since, timeout_ms=20000))
        # Some wait of its own, so that it parks more often than not; either order must do.
        assert not concurrent.futures.wait([waiting], timeout=0.15).done
        started = time.monotonic()
        WAKERS[what](alice, bob, room)
        answer = waiting.result(19).ok().json
    assert time.monotonic() - started < 15
    assert answer.get("rooms") or answer.get("account_data"), answer
    assert answer["next_batch"] != since


def test_long_poll_is_not_woken_by_others(alice, bob, room):
    """What one may not see wakes nobody, and the wait ends in time."""
    since = alice.sync_call().ok()["next_batch"]
    other = bob.create_room()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        waiting = pool.submit(lambda: clone(alice).sync_call(since, timeout_ms=1000))
        bob.send(other, "x")
        answer = waiting.result(15).ok().json
    assert time.monotonic() - started >= 0.95
    assert not any(answer.get("rooms", {}).values())


def test_many_wait_and_all_are_told(alice, person, room):
    people = [person("waiter") for _ in range(20)]
    for one in people:
        one.join(room).ok()
    marks = [one.sync_call().ok()["next_batch"] for one in people]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(lambda c=c, m=m: clone(c).sync_call(m, timeout_ms=20000))
                   for c, m in zip(people, marks)]
        sent = alice.send(room, "all")
        for one, future in zip(people, waiting):
            answer = future.result(20).ok()
            # A wait that began late still may see a join of the preparation first.
            reader = Syncer(one)
            reader.since = answer["next_batch"]
            events = (joined(answer.json, room) or {"timeline": {"events": []}})["timeline"]
            if sent not in ids(events["events"]):
                reader.until_event(room, sent)


def test_limited_and_prev_batch(alice, bob, room):
    """No gap and no duplicate between sync and /messages."""
    reader = Syncer(alice, {"room": {"timeline": {"limit": 4}}})
    reader.step()
    since = reader.since
    sent = [bob.send(room, str(n)) for n in range(15)]
    part = step_room(reader, room)["timeline"]
    assert part["limited"] is True and ids(part["events"]) == sent[-4:]
    missing, token = [], part["prev_batch"]
    while token and not set(sent[:1]) & set(missing):
        page = alice.messages(room, **{"from": token, "limit": 3}).ok().json
        missing += ids(page["chunk"])
        token = page.get("end")
    assert missing[:11] == sent[:11][::-1]
    forth = alice.messages(room, dir="f", limit=50, **{"from": since, "to": part["prev_batch"]})
    assert ids(forth.ok()["chunk"]) == sent[:11]


def test_limited_brings_state_of_the_gap(alice, bob, room):
    reader = Syncer(alice, {"room": {"timeline": {"limit": 2}}})
    reader.step()
    alice.set_state(room, "m.room.topic", {"topic": "in the gap"}).ok()
    for n in range(5):
        bob.send(room, str(n))
    part = step_room(reader, room)
    assert part["timeline"]["limited"] is True
    assert [e["content"] for e in part["state"]["events"]] == [{"topic": "in the gap"}]


def test_state_is_that_before_the_timeline(alice, bob, room):
    reader = Syncer(alice)
    reader.step()
    alice.set_state(room, "m.room.topic", {"topic": "one"}).ok()
    part = step_room(reader, room)
    assert part.get("state", {}).get("events", []) == []
    assert part["timeline"]["events"][0]["content"] == {"topic": "one"}


def test_state_after(alice, room):
    """MSC4222 as it went into 1.16: the state after the timeline, under its own key."""
    params = {"use_state_after": "true", "timeout": 0}
    answer = alice.get("sync", params=params).ok().json
    part = joined(answer, room)
    assert "state" not in part
    state = {(e["type"], e["state_key"]): e["content"] for e in part["state_after"]["events"]}
    assert state["m.room.name", ""] == {"name": "Room"}
    alice.set_state(room, "m.room.name", {"name": "Other"}).ok()
    params["since"] = answer["next_batch"]
    part = joined(alice.get("sync", params=params).ok().json, room)
    assert [e["content"] for e in part["state_after"]["events"]] == [{"name": "Other"}]


def test_full_state(alice, bob, room):
    reader = Syncer(alice)
    reader.step()
    bob.send(room, "x")
    part = step_room(reader, room, full_state=True)
    state = {(e["type"], e["state_key"]) for e in part["state"]["events"]}
    assert {("m.room.create", ""), ("m.room.member", bob.user_id)} <= state
    assert step_room(reader, room, full_state=True)["state"]["events"]


@pytest.mark.parametrize("filter_by", ["inline", "id"])
def test_lazy_members(alice, bob, person, filter_by, room):
    people = [person("lazy") for _ in range(7)]
    for one in people:
        one.join(room).ok()
    for n in range(4):
        bob.send(room, str(n))
    wanted = {"room": {"state": {"lazy_load_members": True}, "timeline": {"limit": 3}}}
    if filter_by == "id":
        wanted = alice.post(f"user/{quote(alice.user_id)}/filter", wanted).ok()["filter_id"]
    reader = Syncer(alice, wanted)
    part = step_room(reader, room)
    members = {e["state_key"] for e in part["state"]["events"] if e["type"] == "m.room.member"}
    # Who speaks, oneself, and the heroes of the summary; not everybody.
    heroes = set(part["summary"]["m.heroes"])
    assert len(heroes) == 5
    assert members == heroes | {alice.user_id, bob.user_id}
    assert part["summary"]["m.joined_member_count"] == 9
    people[-1].send(room, "hello")
    part = step_room(reader, room)
    members = {e["state_key"] for e in part["state"]["events"] if e["type"] == "m.room.member"}
    assert people[-1].user_id in members


@pytest.mark.parametrize("wanted,expected", [
    ({"room": {"timeline": {"types": ["m.room.message"]}}}, ["m.room.message"]),
    ({"room": {"timeline": {"not_types": ["m.room.message"]}}}, ["m.room.topic"]),
    ({"room": {"timeline": {"types": ["m.room.*"]}}}, ["m.room.message", "m.room.topic"]),
    ({"room": {"timeline": {"not_senders": ["@bob"]}}}, ["m.room.topic"]),
    ({"room": {"timeline": {"senders": []}}}, None),
    ({"room": {"rooms": []}}, None), ({"room": {"not_rooms": ["!room"]}}, None),
    ({"room": {"rooms": ["!room"]}}, ["m.room.message", "m.room.topic"]),
], ids=lambda v: json.dumps(v) if isinstance(v, dict) else "")
def test_filters(alice, bob, room, wanted, expected):
    wanted = json.loads(json.dumps(wanted).replace('"@bob"', json.dumps(bob.user_id)).replace(
        '"!room"', json.dumps(room)))
    since = alice.sync_call().ok()["next_batch"]
    bob.send(room, "x")
    alice.set_state(room, "m.room.topic", {"topic": "x"}).ok()
    part = joined(alice.sync_call(since, filter=wanted).ok().json, room)
    events = [e["type"] for e in part["timeline"]["events"]] if part else []
    assert events == (expected or [])


def test_filtered_events_move_the_token(alice, bob, room):
    """What a filter hides is passed over, not waited for again and again."""
    reader = Syncer(alice, {"room": {"timeline": {"types": ["m.room.topic"]}}})
    reader.step()
    bob.send(room, "hidden")
    reader.step()
    reader.filter = None
    reader.step()
    assert not [e for e in reader.events(room) if e["content"].get("body") == "hidden"]


def test_invite_join_leave_return(alice, bob):
    room = alice.create_room(name="Nest", room_version="11")
    reader = Syncer(bob)
    reader.step()
    alice.invite(room, bob.user_id).ok()
    part = reader.step()["rooms"]["invite"][room]["invite_state"]["events"]
    stripped = {(e["type"], e["state_key"]) for e in part}
    assert {("m.room.member", bob.user_id), ("m.room.create", ""), ("m.room.name", ""),
            ("m.room.join_rules", "")} <= stripped
    assert all("sender" in e for e in part)
    assert room not in reader.step().get("rooms", {}).get("invite", {})
    bob.join(room).ok()
    part = step_room(reader, room)
    known = {(e["type"], e["state_key"]) for e in part["state"]["events"]} | {
        (e["type"], e["state_key"]) for e in part["timeline"]["events"] if "state_key" in e}
    assert ("m.room.create", "") in known and ("m.room.member", bob.user_id) in known
    alice.send(room, "one")
    bob.leave(room).ok()
    alice.send(room, "two")
    answer = reader.step()
    gone = answer["rooms"]["leave"][room]["timeline"]["events"]
    assert gone[-1]["state_key"] == bob.user_id
    assert "two" not in [e["content"].get("body") for e in gone]
    assert room not in answer["rooms"].get("join", {})
    assert room not in reader.step().get("rooms", {}).get("leave", {})
    alice.invite(room, bob.user_id).ok()
    bob.leave(room).ok()
    reader.step()
    assert reader.membership[room] == "leave"
    alice.invite(room, bob.user_id).ok()
    bob.join(room).ok()
    assert step_room(reader, room)
    assert reader.membership[room] == "join"


@pytest.mark.parametrize("include", [True, False])
def test_include_leave(alice, bob, room, include):
    bob.leave(room).ok()
    answer = bob.sync_call(filter={"room": {"include_leave": include}}).ok().json
    assert (room in answer.get("rooms", {}).get("leave", {})) is include


def test_kick_and_ban_are_told(alice, bob, room):
    reader = Syncer(bob)
    for verb in (alice.kick, alice.ban):
        bob.join(room).ok()
        reader.step()
        verb(room, bob.user_id, reason="out").ok()
        reader.until(lambda s: s.membership[room] == "leave")
        assert reader.events(room)[-1]["content"]["reason"] == "out"


def test_summary_and_heroes(alice, person):
    room = alice.create_room()
    bob, carol = person("bob"), person("carol")
    alice.invite(room, bob.user_id).ok()
    bob.join(room).ok()
    alice.invite(room, carol.user_id).ok()
    summary = joined(alice.sync_call().ok().json, room)["summary"]
    assert summary["m.joined_member_count"] == 2 and summary["m.invited_member_count"] == 1
    assert set(summary["m.heroes"]) == {bob.user_id, carol.user_id}
    since = alice.sync_call().ok()["next_batch"]
    carol.join(room).ok()
    summary = joined(alice.sync_call(since).ok().json, room)["summary"]
    assert summary["m.joined_member_count"] == 3


def test_transaction_id_only_for_the_sender(alice, bob, room):
    other = alice.login()
    marks = [c.sync_call().ok()["next_batch"] for c in (alice, other, bob)]
    alice.send(room, "x", txn="my txn")
    seen = []
    for client, mark in zip((alice, other, bob), marks):
        event = joined(client.sync_call(mark).ok().json, room)["timeline"]["events"][-1]
        seen.append(event.get("unsigned", {}).get("transaction_id"))
    assert seen == ["my txn", None, None]


def ephemeral(part, kind):
    return [e["content"] for e in (part or {}).get("ephemeral", {}).get("events", [])
            if e["type"] == kind]


def test_typing(alice, bob, room):
    reader = Syncer(alice)
    reader.step()
    url = f"{path(room, 'typing')}/{quote(bob.user_id)}"
    bob.put(url, {"typing": True, "timeout": 30000}).ok()
    assert ephemeral(step_room(reader, room), "m.typing") == [{"user_ids": [bob.user_id]}]
    assert ephemeral(step_room(reader, room), "m.typing") == []
    bob.put(url, {"typing": False}).ok()
    assert ephemeral(step_room(reader, room), "m.typing") == [{"user_ids": []}]
    bob.put(url, {"typing": True, "timeout": 200}).ok()
    reader.until(lambda s: ephemeral(joined(s.last, room), "m.typing") == [{"user_ids": []}])
    alice.put(url, {"typing": True}).expect(403, "M_FORBIDDEN")
    bob.put(url, {}).expect(400)
    bob.put(url, {"typing": "yes"}).expect(400)


def test_receipts(alice, bob, room):
    reader, own = Syncer(alice), Syncer(bob)
    event_id = alice.send(room, "x")
    reader.step(), own.step()
    bob.post(path(room, "receipt", "m.read", event_id)).ok()
    content = ephemeral(step_room(reader, room), "m.receipt")[0]
    assert content[event_id]["m.read"][bob.user_id]["ts"] > 0
    bob.post(path(room, "receipt", "m.read.private", event_id)).ok()
    assert ephemeral(step_room(reader, room), "m.receipt") == []
    mine = [c for c in ephemeral(step_room(own, room), "m.receipt")]
    assert any("m.read.private" in c.get(event_id, {}) for c in mine)
    # Kept for who comes later.
    content = ephemeral(joined(alice.sync_call().ok().json, room), "m.receipt")[0]
    assert bob.user_id in content[event_id]["m.read"]
    assert "m.read.private" not in content[event_id]


def test_threaded_receipts(alice, bob, room):
    reader = Syncer(alice)
    root = alice.send(room, "root")
    reader.step()
    for thread in ("main", root, None):
        body = {} if thread is None else {"thread_id": thread}
        bob.post(path(room, "receipt", "m.read", root), body).ok()
        content = ephemeral(step_room(reader, room), "m.receipt")[0]
        assert content[root]["m.read"][bob.user_id].get("thread_id") == thread
    for bad in ({"thread_id": 5}, {"thread_id": ""}, {"thread_id": []}):
        bob.post(path(room, "receipt", "m.read", root), bad).expect(400)


def test_bad_receipts(alice, bob, person, room):
    event_id = alice.send(room, "x")
    person("carol").post(path(room, "receipt", "m.read", event_id)).expect(403, "M_FORBIDDEN")
    answer = bob.post(path(room, "receipt", "org.example.unknown", event_id)).expect(400)
    assert answer.errcode
    answer = bob.post(path(room, "receipt", "m.read", "$nothing"))
    assert answer.status in (400, 403, 404), repr(answer)


def test_account_data(alice, room):
    other = Syncer(alice.login())
    other.step()
    alice.set_account_data("org.example", {"x": 1}).ok()
    assert [e["content"] for e in other.step()["account_data"]["events"]] == [{"x": 1}]
    alice.put(f"user/{quote(alice.user_id)}/rooms/{quote(room)}/account_data/m.tag",
              {"tags": {"m.favourite": {}}}).ok()
    part = step_room(other, room)
    assert [e["type"] for e in part["account_data"]["events"]] == ["m.tag"]
    kinds = [e["type"] for e in alice.sync_call().ok()["account_data"]["events"]]
    assert "m.push_rules" in kinds and "org.example" in kinds
    assert not other.step().get("account_data", {}).get("events")


def test_push_rules_in_the_first_sync(alice):
    events = alice.sync_call().ok()["account_data"]["events"]
    rules = next(e["content"] for e in events if e["type"] == "m.push_rules")
    assert set(rules["global"]) == {"override", "underride", "content", "room", "sender"}


@pytest.mark.parametrize("params", [
    {"since": "nonsense"}, {"since": "s5"}, {"since": "s1_2_3_4"}, {"since": "s1_0_xxxxxxxx"},
    {"since": "s99999999999999999999_0_a"}, {"since": "-1"}, {"since": " "}, {"filter": "{"},
    {"filter": "[]"}, {"filter": '{"room":5}'}, {"filter": "99999"}, {"timeout": "soon"},
    {"full_state": "perhaps"}, {"filter": '{"room":{"timeline":{"limit":"x"}}}'},
    {"since": "a" * 5000}, {"since": "s1\0"}],
    ids=lambda p: str(p)[:50])
def test_bad_parameters(alice, params):
    answer = alice.get("sync", params={"timeout": 0, **params})
    if "filter" in params and answer.status == 404:
        answer.expect(404, "M_NOT_FOUND")
    else:
        answer.expect(400)


@pytest.mark.parametrize("timeout", ["-1", "-99999999999", "0"])
def test_timeouts_that_do_not_wait(alice, timeout):
    since = alice.sync_call().ok()["next_batch"]
    answer = alice.get("sync", params={"since": since, "timeout": timeout}, timeout=10)
    assert answer.status in (200, 400)


@pytest.mark.parametrize("timeout", ["9223372036854775807", "99999999999999999999999",
                                     "4294967296"])
def test_absurd_timeouts(alice, bob, room, timeout):
    """Refused, or a wait that is woken like any other."""
    since = alice.sync_call().ok()["next_batch"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: clone(alice).get(
            "sync", params={"since": since, "timeout": timeout}, timeout=30))
        sent = bob.send(room, "x")
        answer = waiting.result(30)
    if answer.status != 400:
        assert ids(joined(answer.ok().json, room)["timeline"]["events"]) == [sent]


def test_since_of_another_server(make_server):
    one, two = (Client(make_server()).register(unique()) for _ in range(2))
    two.sync_call(one.sync_call().ok()["next_batch"]).expect(400)
    room = two.create_room()
    token = one.messages(one.create_room()).ok()["start"]
    two.messages(room, **{"from": token}).expect(400)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_since_after_a_restart(make_server, how):
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    reader = Syncer(alice)
    reader.step()
    before = len(reader.events(room))
    sent = [bob.send(room, "one")]
    server.restart(clean=how == "SIGTERM")
    sent.append(bob.send(room, "two"))
    reader.step()
    assert ids(reader.events(room)[before:]) == sent
    reader.step()
    assert len(reader.events(room)) == before + 2


def test_stop_answers_the_waiting(make_server):
    """A clean stop does not hold out the long-polls."""
    server = make_server()
    alice = Client(server).register(unique())
    since = alice.sync_call().ok()["next_batch"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: clone(alice).raw(
            "GET", "/_matrix/client/v3/sync", params={"since": since, "timeout": 25000},
            headers={"Authorization": f"Bearer {alice.token}"}))
        assert not concurrent.futures.wait([waiting], timeout=0.3).done
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 5
        assert waiting.exception(5) is not None or waiting.result().status_code in (200, 503)
    server.start()
