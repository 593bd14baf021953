"""Gaps, prev_batch, and the state beside the timeline: what a client ends up believing must be true."""

import json

import pytest

from harness.client import quote
from harness.parts import bodies, events, places, section, steps
from harness.rooms import history
from harness.sync import Syncer


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat", name="Room")
    bob.join(room).ok()
    return room


def limited_to(number, **more):
    return {"room": {"timeline": {"limit": number}, **more}}


def ids(found):
    return [e["event_id"] for e in found]


class Believer(Syncer):
    """A client that does with state, state_after and timeline what the specification tells it to do."""

    def __init__(self, client, filter=None, after=False):
        super().__init__(client, filter)
        self.after = after

    def step(self, **params):
        params = {"timeout": 0, **params}
        if self.since:
            params["since"] = self.since
        if self.filter:
            params["filter"] = json.dumps(self.filter)
        if self.after:
            params["use_state_after"] = "true"
        answer = self.client.get("sync", params=params).ok().json
        self.since = answer["next_batch"]
        for room, part in answer["rooms"].get("join", {}).items():
            assert ("state_after" in part) is self.after and ("state" in part) is not self.after
            state = self.state.setdefault(room, {})
            told = events(part, "state_after") if self.after else events(part, "state", "timeline")
            for event in told:
                if "state_key" in event:
                    state[event["type"], event["state_key"]] = event["event_id"]
            self.timeline.setdefault(room, []).extend(events(part, "timeline"))
        return answer


def truth(client, room):
    answer = client.get(f"rooms/{quote(room)}/state").ok().json
    return {(e["type"], e["state_key"]): e["event_id"] for e in answer}


FILTERS = [None, limited_to(1), limited_to(3), limited_to(0),
           {"room": {"timeline": {"types": ["m.room.message"], "limit": 2}}},
           {"room": {"timeline": {"not_types": ["m.room.topic"]}}},
           {"room": {"timeline": {"not_senders": ["@somebody:else"], "limit": 2}}}]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_state_is_what_the_room_has(alice, bob, room, wanted, after):
    """Step by step through a room's life, with gaps of every size."""
    reader = Believer(alice, wanted, after)
    reader.step()
    assert reader.state[room] == truth(alice, room)
    life = ["s", "t", "st", "ts", "ssss", "tsss", "ssst", "l", "j", "lsj", "k", "tj", "stssts", "ljljs",
            "bts", "uj", "tt", "sltsssj"]
    for letters in life:
        steps(letters, alice, bob, room)
        reader.step()
        assert reader.state[room] == truth(alice, room), letters
    reader.step(full_state="true")
    assert reader.state[room] == truth(alice, room)


@pytest.mark.parametrize("size,shown", [(1, 1), (3, 3), (1000, 12), (5000, 12), (9007199254740991, 12)])
def test_limit(alice, room, size, shown):
    reader = Syncer(alice, limited_to(size))
    reader.step()
    sent = [alice.send(room, str(n)) for n in range(12)]
    _, part = section(reader.step(), room)
    assert ids(events(part, "timeline")) == sent[-shown:]
    assert part["timeline"]["limited"] is (shown < 12)


def test_exactly_the_limit_is_no_gap(alice, room):
    reader = Syncer(alice, limited_to(4))
    reader.step()
    for count, limited in ((3, False), (4, False), (5, True), (1, False)):
        for n in range(count):
            alice.send(room, str(n))
        _, part = section(reader.step(), room)
        assert part["timeline"]["limited"] is limited, count
        assert len(events(part, "timeline")) == min(count, 4)


def test_limit_of_nothing(alice, room):
    """A timeline of no events still says that there is more, and where."""
    sent = alice.send(room, "x")
    _, part = section(alice.sync_call(filter=limited_to(0)).ok().json, room)
    assert part["timeline"]["events"] == [] and part["timeline"]["limited"] is True
    page = alice.messages(room, **{"from": part["timeline"]["prev_batch"], "limit": 1}).ok()
    assert ids(page["chunk"]) == [sent]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_timeline_and_history_meet(alice, bob, room, limit):
    """prev_batch goes on where the timeline began: all events, each once, in order."""
    reader = Syncer(alice, limited_to(limit))
    _, part = section(reader.step(), room)
    known = events(part, "timeline")
    for burst in (1, 7, 2, 12):
        since = reader.since
        for n in range(burst):
            bob.send(room, str(n))
        _, part = section(reader.step(), room)
        if part["timeline"]["limited"]:
            gap = alice.messages(room, dir="b", limit=100, **{
                "from": part["timeline"]["prev_batch"], "to": since}).ok()["chunk"]
            known += gap[::-1]
        known += events(part, "timeline")
    whole = history(alice, room)
    assert ids(known) == ids(whole)[-len(known):]


def test_initial_timeline_reaches_back_to_what_one_may_see(alice, bob):
    """Who joins a room whose past is hidden sees their own join, and that there is more."""
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    steps("sstj", alice, bob, room)
    _, part = section(bob.sync_call().ok().json, room)
    assert [e["state_key"] for e in events(part, "timeline")] == [bob.user_id]
    assert part["timeline"]["limited"] is True
    assert ("m.room.topic", "") in places(events(part, "state"))
    alice.send(room, "welcome")
    _, part = section(bob.sync_call().ok().json, room)
    assert bodies(events(part, "timeline")) == ["welcome"]


@pytest.mark.parametrize("visibility,hears", [
    ("world_readable", True), ("shared", True), ("invited", False), ("joined", False)])
def test_history_of_a_room_that_is_new(alice, bob, visibility, hears):
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": visibility}}])
    reader = Syncer(bob)
    reader.step()
    steps("sj", alice, bob, room)
    _, part = section(reader.step(), room)
    assert ("said" in bodies(events(part, "timeline"))) is hears


def test_hidden_time_is_a_gap(alice, bob):
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    steps("j", alice, bob, room)
    reader = Syncer(bob)
    reader.step()
    alice.send(room, "before")
    steps("l", alice, bob, room)
    alice.send(room, "hidden")
    steps("j", alice, bob, room)
    alice.send(room, "after")
    _, part = section(reader.step(), room)
    assert bodies(events(part, "timeline")) == ["after"] and part["timeline"]["limited"] is True


def test_unsigned(alice, bob, room):
    """age, prev_content, replaces_state, and the reader's membership then."""
    reader = Syncer(bob)
    reader.step()
    first = alice.set_state(room, "m.room.topic", {"topic": "one"}).ok()["event_id"]
    alice.set_state(room, "m.room.topic", {"topic": "two"}).ok()
    steps("l", alice, bob, room)
    _, part = section(reader.step(), room)
    one, two, left = events(part, "timeline")
    assert "prev_content" not in one["unsigned"] and one["unsigned"]["membership"] == "join"
    assert two["unsigned"]["prev_content"] == {"topic": "one"}
    assert two["unsigned"]["replaces_state"] == first
    assert left["unsigned"]["membership"] == "leave"
    assert left["unsigned"]["prev_content"]["membership"] == "join"
    assert all(0 <= e["unsigned"]["age"] < 60000 for e in (one, two, left))


def test_membership_then_not_now(alice, bob, room):
    """Who reads an old event is told what they were to the room when it was sent."""
    steps("slsj", alice, bob, room)
    _, part = section(bob.sync_call(filter=limited_to(5)).ok().json, room)
    told = [(e["type"], e["unsigned"]["membership"]) for e in events(part, "timeline")]
    assert told == [("m.room.member", "join"), ("m.room.message", "join"), ("m.room.member", "leave"),
                    ("m.room.message", "leave"), ("m.room.member", "join")]


def test_redaction_in_the_timeline(alice, bob, room):
    reader = Syncer(alice)
    reader.step()
    sent = bob.send(room, "oops")
    redaction = bob.put(f"rooms/{quote(room)}/redact/{quote(sent)}/1", {"reason": "r"}).ok()["event_id"]
    _, part = section(reader.step(), room)
    first, second = events(part, "timeline")
    assert first["content"] == {} and first["unsigned"]["redacted_because"]["event_id"] == redaction
    assert second["event_id"] == redaction and second["content"].get("redacts", second["redacts"]) == sent


@pytest.mark.parametrize("names,key", [
    (["use_state_after"], "state_after"),
    (["org.matrix.msc4222.use_state_after"], "org.matrix.msc4222.state_after"),
    (["use_state_after", "org.matrix.msc4222.use_state_after"], "state_after")])
def test_names_of_state_after(alice, room, names, key):
    params = {name: "true" for name in names}
    _, part = section(alice.get("sync", params=params).ok().json, room)
    assert {name for name in part if "state" in name} == {key}
    assert ("m.room.name", "") in places(events(part, key))


@pytest.mark.parametrize("value", ["yes", "1", "", "TRUE"])
@pytest.mark.parametrize("name", ["use_state_after", "org.matrix.msc4222.use_state_after"])
def test_bad_state_after(alice, name, value):
    alice.get("sync", params={name: value}).expect(400, "M_INVALID_PARAM")


@pytest.mark.parametrize("after", ["false", "true"])
def test_state_of_a_left_room(alice, bob, room, after):
    """The end of the timeline of a room that was left is the leave."""
    reader = Syncer(bob)
    reader.step()
    steps("tl", alice, bob, room)
    answer = bob.get("sync", params={"since": reader.since, "use_state_after": after}).ok().json
    _, part = section(answer, room)
    key = "state_after" if after == "true" else "state"
    assert key in part
    expected = {("m.room.topic", ""), ("m.room.member", bob.user_id)} if after == "true" else set()
    assert places(events(part, key)) == expected


def test_summary(alice, person, room):
    """Heroes: the first five others by the stream; nobody else once all are gone: those who were."""
    people = [person("hero") for _ in range(7)]
    for one in people:
        one.join(room).ok()
    reader = Syncer(alice)
    _, part = section(reader.step(), room)
    assert part["summary"]["m.joined_member_count"] == 9
    assert len(part["summary"]["m.heroes"]) == 5 and alice.user_id not in part["summary"]["m.heroes"]
    assert part["summary"]["m.heroes"][1:] == [one.user_id for one in people[:4]]
    alice.send(room, "x")
    _, part = section(reader.step(), room)
    assert "summary" not in part or part["summary"]["m.joined_member_count"] == 9
    alice.invite(room, person("invited").user_id).ok()
    _, part = section(reader.step(), room)
    assert part["summary"]["m.invited_member_count"] == 1


def test_heroes_of_an_empty_room(alice, bob, room):
    steps("l", alice, bob, room)
    _, part = section(alice.sync_call().ok().json, room)
    assert part["summary"] == {"m.heroes": [bob.user_id], "m.joined_member_count": 1,
                               "m.invited_member_count": 0}
