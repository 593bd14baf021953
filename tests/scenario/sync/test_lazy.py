"""Lazy-loaded members: who is told, when again, and that nothing of a gap is lost."""

import pytest

from harness.parts import events, section, steps
from harness.rooms import clone
from harness.sync import Syncer


def lazy(limit=None, **more):
    wanted = {"room": {"state": {"lazy_load_members": True, **more}}}
    if limit is not None:
        wanted["room"]["timeline"] = {"limit": limit}
    return wanted


@pytest.fixture
def crowd(alice, person):
    """A room with eight others, of whom the last is no hero."""
    room = alice.create_room(preset="public_chat")
    people = [person("p") for _ in range(8)]
    for one in people:
        one.join(room).ok()
    for n in range(3):
        alice.send(room, str(n))
    return room, people


def members(part, *names):
    return [e["state_key"] for e in events(part, *(names or ("state",))) if e["type"] == "m.room.member"]


def test_senders_heroes_and_oneself(alice, crowd):
    room, people = crowd
    quiet, speaker = people[-1], people[-2]
    speaker.send(room, "x")
    _, part = section(alice.sync_call(filter=lazy(2)).ok().json, room)
    told = members(part)
    assert len(told) == len(set(told))
    assert set(told) == {alice.user_id, speaker.user_id} | set(part["summary"]["m.heroes"])
    assert quiet.user_id not in told
    assert {"m.room.create", "m.room.power_levels"} <= {e["type"] for e in events(part, "state")}


def test_a_member_is_told_once(alice, crowd):
    room, people = crowd
    speaker = people[-1]
    reader = Syncer(alice, lazy())
    reader.step()
    speaker.send(room, "one")
    assert members(section(reader.step(), room)[1]) == [speaker.user_id]
    speaker.send(room, "two")
    assert members(section(reader.step(), room)[1]) == []
    for one in (people[-2], speaker):
        one.send(room, "three")
    assert members(section(reader.step(), room)[1]) == [people[-2].user_id]


def test_redundant_ones_on_demand(alice, crowd):
    room, people = crowd
    reader = Syncer(alice, lazy(include_redundant_members=True))
    reader.step()
    for _ in range(3):
        people[-1].send(room, "x")
        assert members(section(reader.step(), room)[1]) == [people[-1].user_id]


def test_an_answer_that_got_lost_is_told_again(alice, crowd):
    room, people = crowd
    reader = Syncer(alice, lazy())
    reader.step()
    people[-1].send(room, "one")
    for _ in range(3):
        part = section(alice.sync_call(reader.since, filter=reader.filter).ok().json, room)[1]
        assert members(part) == [people[-1].user_id]
    reader.step()
    people[-1].send(room, "two")
    assert members(section(reader.step(), room)[1]) == []


def test_a_new_beginning_is_told_everything(alice, crowd):
    room, people = crowd
    reader = Syncer(alice, lazy(1))
    reader.step()
    people[-1].send(room, "one")
    reader.step()
    _, part = section(alice.sync_call(filter=lazy(1)).ok().json, room)
    assert people[-1].user_id in members(part)


def test_each_device_is_told(alice, crowd):
    room, people = crowd
    other = alice.login()
    readers = [Syncer(alice, lazy()), Syncer(other, lazy()), Syncer(clone(alice), lazy())]
    for reader in readers:
        reader.step()
    people[-1].send(room, "one")
    for reader in readers[:2]:
        assert members(section(reader.step(), room)[1]) == [people[-1].user_id]


def test_a_change_is_told_again(alice, crowd):
    """In the timeline where it happened, in the state when it fell into a gap."""
    room, people = crowd
    speaker = people[-1]
    reader = Syncer(alice, lazy(2))
    reader.step()
    speaker.send(room, "one")
    reader.step()
    speaker.set_state(room, "m.room.member", {"membership": "join", "displayname": "New"}, speaker.user_id).ok()
    for n in range(4):
        people[-2].send(room, str(n))
    _, part = section(reader.step(), room)
    assert part["timeline"]["limited"] is True
    told = {e["state_key"]: e["content"] for e in events(part, "state") if e["type"] == "m.room.member"}
    assert told[speaker.user_id]["displayname"] == "New" and people[-2].user_id in told
    speaker.send(room, "two")
    assert members(section(reader.step(), room)[1]) == []


def test_a_gap_keeps_its_memberships(alice, crowd, person):
    """Joins and leaves of people who say nothing, hidden by the limit."""
    room, people = crowd
    reader = Syncer(alice, lazy(1))
    reader.step()
    late = person("late")
    late.join(room).ok()
    people[-1].leave(room).ok()
    alice.kick(room, people[-2].user_id).ok()
    alice.send(room, "x")
    _, part = section(reader.step(), room)
    told = {e["state_key"]: e["content"]["membership"] for e in events(part, "state") if e["type"] == "m.room.member"}
    assert told[late.user_id] == "join"
    assert told[people[-1].user_id] == told[people[-2].user_id] == "leave"


@pytest.mark.parametrize("how", ["join", "full_state"])
def test_oneself_is_always_there(alice, bob, crowd, how):
    room, _ = crowd
    reader = Syncer(bob, lazy(1))
    reader.step()
    steps("js", alice, bob, room)
    answer = reader.step()
    if how == "full_state":
        answer = reader.step(full_state=True)
    assert bob.user_id in members(section(answer, room)[1], "state", "timeline")


def test_members_of_state_after(alice, crowd):
    """Clients take members from state_after only, so that a join in the timeline stands there as well."""
    room, people = crowd
    params = {"filter": '{"room":{"state":{"lazy_load_members":true}}}', "use_state_after": "true"}
    since = alice.get("sync", params=params).ok()["next_batch"]
    people[-1].leave(room).ok()
    people[-1].join(room).ok()
    _, part = section(alice.get("sync", params={**params, "since": since}).ok().json, room)
    assert members(part, "state_after") == [people[-1].user_id]


def test_not_lazy_means_all(alice, crowd):
    room, people = crowd
    _, part = section(alice.sync_call().ok().json, room)
    assert set(members(part, "state", "timeline")) == {alice.user_id} | {p.user_id for p in people}
