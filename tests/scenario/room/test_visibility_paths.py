"""History visibility on every read path, against a transcription of the specification's rules.

A life is a list of steps: what happens to the reader, what is said, and changes of the visibility in
between. The test keeps its own book of the state at each event, and reads the room on each path.
"""

import itertools

import pytest

from harness.client import quote
from harness.rooms import history, path
from harness.sync import Syncer

VISIBILITIES = ("world_readable", "shared", "invited", "joined")
ALL = {"room": {"timeline": {"limit": 500}, "include_leave": True}}

# What happens to the reader. Between any two steps something is said.
LIVES = {
    "never": [],
    "invited": ["invite"],
    "rejected": ["invite", "leave"],
    "knocked": ["knock"],
    "joined": ["join"],
    "invited and joined": ["invite", "join"],
    "left": ["join", "leave"],
    "invited, joined and left": ["invite", "join", "leave"],
    "rejoined": ["join", "leave", "join"],
    "left twice": ["join", "leave", "join", "leave"],
    "left and invited": ["join", "leave", "invite"],
    "kicked": ["join", "kick"],
    "banned": ["join", "ban"],
    "banned after leaving": ["join", "leave", "ban"],
    "forgotten": ["join", "leave", "forget"],
}


class Entry:
    """An event, with the visibility and the reader's membership before and after it."""

    def __init__(self, event_id, visibility, membership, own=False, place=None):
        self.event_id = event_id
        self.visibility = visibility        # (before, after)
        self.membership = membership
        self.own = own
        self.changes = visibility[0] != visibility[1] or place == "visibility"
        self.place = place                  # of state events
        self.at = None


class Life:
    def __init__(self, alice, bob, first, second, steps):
        self.alice, self.bob = alice, bob
        self.reader = Syncer(bob, ALL)
        self.entries = []
        self.visibility, self.membership, self.forgotten = first, None, False
        self.room = alice.create_room(preset="public_chat", initial_state=[
            {"type": "m.room.join_rules", "content": {
                "join_rule": "knock" if "knock" in steps else "public"}},
            {"type": "m.room.history_visibility", "content": {"history_visibility": first}}])
        self.say("one")
        for number, step in enumerate(steps):
            self.step(step)
            self.say(f"after {step} {number}")
            self.follow()
        self.change(second)
        self.say("changed")
        self.follow()
        self.change(first)
        self.say("changed back")
        self.follow()

    def add(self, event_id, **more):
        both = {"visibility": (self.visibility, self.visibility),
                "membership": (self.membership, self.membership), **more}
        entry = Entry(event_id, **both)
        entry.at = len(self.entries)
        self.entries.append(entry)

    def say(self, text):
        self.add(self.alice.send(self.room, text))
        answer = self.alice.set_state(self.room, "m.room.topic", {"topic": text}).ok()
        self.add(answer["event_id"], place="topic")

    def change(self, visibility):
        if visibility == self.visibility:
            return
        event_id = self.alice.set_state(self.room, "m.room.history_visibility", {
            "history_visibility": visibility}).ok()["event_id"]
        before, self.visibility = self.visibility, visibility
        self.add(event_id, visibility=(before, visibility), place="visibility")

    def step(self, step):
        if step == "forget":
            self.bob.post(path(self.room, "forget")).ok()
            self.forgotten = True
            return
        calls = {
            "invite": lambda: self.alice.invite(self.room, self.bob.user_id),
            "join": lambda: self.bob.join(self.room),
            "knock": lambda: self.bob.knock(self.room),
            "leave": lambda: self.bob.leave(self.room),
            "kick": lambda: self.alice.kick(self.room, self.bob.user_id),
            "ban": lambda: self.alice.ban(self.room, self.bob.user_id),
        }
        calls[step]().ok()
        after = {"kick": "leave"}.get(step, step)
        event_id = self.alice.get(
            path(self.room, "state", "m.room.member", self.bob.user_id),
            params={"format": "event"}).ok()["event_id"]
        before, self.membership = self.membership, after
        self.add(event_id, membership=(before, after), own=True, place="member")

    # The rules

    def joined_since(self, entry):
        """The reader was joined at some time after the event (or at it)."""
        later = self.entries[entry.at:]
        return not self.forgotten and any("join" in e.membership for e in later)

    def rules(self, entry, visibility, membership):
        if visibility == "world_readable":                                  # 1
            return True
        if self.forgotten:
            return False
        if membership == "join":                                            # 2
            return True
        if visibility == "shared":                                          # 3
            return self.joined_since(entry)
        # 4; "In all cases except world_readable, a user needs to join a room to view events"
        return visibility == "invited" and membership == "invite" and self.joined_since(entry)

    def sees(self, entry):
        visibilities = set(entry.visibility) if entry.changes else {entry.visibility[1]}
        memberships = set(entry.membership) if entry.own else {entry.membership[1]}
        return any(self.rules(entry, v, m) for v, m in itertools.product(visibilities, memberships))

    @property
    def seen(self):
        return {e.event_id for e in self.entries if self.sees(e)}

    @property
    def own(self):
        return {e.event_id for e in self.entries if e.own}

    @property
    def is_open(self):
        """To read lists of events and the state."""
        was_joined = any("join" in e.membership for e in self.entries)
        return (was_joined and not self.forgotten) or self.visibility == "world_readable"

    def ours(self, events):
        known = {e.event_id for e in self.entries}
        return {e["event_id"] for e in events if e["event_id"] in known}

    # What the reader gets meanwhile

    def follow(self):
        answer = self.reader.step()
        for part in answer.get("rooms", {}).get("join", {}).values():
            self.check_events(part["timeline"]["events"])
        for part in answer.get("rooms", {}).get("leave", {}).values():
            self.check_events(part["timeline"]["events"])

    def check_events(self, events):
        assert self.ours(events) <= self.seen | self.own
        for event in events:
            self.check_previous(event)

    def check_previous(self, event):
        """unsigned.prev_content is only for those who may see the event before."""
        entry = next((e for e in self.entries if e.event_id == event["event_id"]), None)
        if entry is None or entry.place is None:
            return
        before = [e for e in self.entries[:entry.at] if e.place == entry.place]
        shown = "prev_content" in event.get("unsigned", {})
        if before:
            assert shown == (entry.own or self.sees(before[-1])), event


def suffix(life, upto):
    """The unbroken run of visible events that ends with this one."""
    run = set()
    for entry in reversed(life.entries[:upto + 1]):
        if not life.sees(entry):
            break
        run.add(entry.event_id)
    return run


def expected_in_sync(life):
    """(section, event ids of the timeline) of an initial sync that asks for left rooms too."""
    if life.membership == "join":
        return "join", suffix(life, len(life.entries) - 1)
    if life.membership in ("leave", "ban") and not life.forgotten:
        last = next(e for e in reversed(life.entries) if e.own)
        if last.membership[0] == "join":
            return "leave", suffix(life, last.at)
        return "leave", {last.event_id}
    return {"invite": "invite", "knock": "knock"}.get(life.membership), set()


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.parametrize("first,second", list(itertools.product(VISIBILITIES, VISIBILITIES)))
def test_every_path(alice, bob, first, second, name):
    life = Life(alice, bob, first, second, LIVES[name])
    ids = [e.event_id for e in life.entries]
    seen = life.seen

    # GET …/event/{eventId}
    answers = {i: bob.get(path(life.room, "event", i)) for i in ids}
    assert {i for i, a in answers.items() if a.status == 200} == seen
    for answer in answers.values():
        if answer.status == 200:
            life.check_previous(answer.json)
        else:
            answer.expect(404, "M_NOT_FOUND")

    # GET …/context/{eventId}
    for event_id in ids:
        answer = bob.get(path(life.room, "context", event_id), params={"limit": 1000})
        assert (answer.status == 200) == (event_id in seen)
        if answer.status == 200:
            around = answer["events_before"] + [answer["event"]] + answer["events_after"]
            assert life.ours(around) == seen
            life.check_events(around)
        else:
            answer.expect(404, "M_NOT_FOUND")

    # GET …/messages, …/state, …/state/{type}/{key}, …/members
    calls = [bob.messages(life.room, dir=d, limit=500) for d in "bf"]
    calls += [bob.get(path(life.room, "state")), bob.state(life.room, "m.room.topic"),
              bob.members(life.room)]
    assert {c.status for c in calls} == ({200} if life.is_open else {403})
    if life.is_open:
        for backwards in (True, False):
            events = history(bob, life.room, limit=7, dir="b" if backwards else "f")
            assert life.ours(events) == seen
            life.check_events(events)
    assert bob.get(path(life.room, "joined_members")).status == (
        200 if life.membership == "join" else 403)

    # /sync
    section, timeline = expected_in_sync(life)
    rooms = bob.sync_call(filter=ALL).ok().json.get("rooms", {})
    assert [k for k, part in rooms.items() if life.room in part] == ([section] if section else [])
    if section in ("join", "leave"):
        events = rooms[section][life.room]["timeline"]["events"]
        assert life.ours(events) == timeline
        life.check_events([e for e in events if e["event_id"] not in life.own])


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_state_after_a_leave(alice, bob, visibility):
    """State is as it was at the leave, on every path, unless the world may read on."""
    room = alice.create_room(preset="public_chat", topic="then", initial_state=[
        {"type": "m.room.history_visibility", "content": {"history_visibility": visibility}}])
    bob.join(room).ok()
    token = bob.sync_call().ok()["rooms"]["join"][room]["timeline"]["prev_batch"]
    bob.leave(room).ok()
    alice.set_state(room, "m.room.topic", {"topic": "now"}).ok()
    carol = f"@carol:{'elsewhere.example'}"
    alice.ban(room, carol).ok()
    now = visibility == "world_readable"
    assert bob.state(room, "m.room.topic").ok()["topic"] == ("now" if now else "then")
    topics = [e["content"]["topic"] for e in bob.get(path(room, "state")).ok().json
              if e["type"] == "m.room.topic"]
    assert topics == ["now" if now else "then"]
    members = [e["state_key"] for e in bob.members(room).ok()["chunk"]]
    assert (carol in members) is now
    left = bob.sync_call(filter=ALL, full_state=True).ok()["rooms"]["leave"][room]
    state = {e["type"]: e["content"] for e in left["state"]["events"] + left["timeline"]["events"]}
    assert state["m.room.topic"]["topic"] == "then"
    late = alice.messages(room, limit=1).ok()["start"]
    members = [e["state_key"] for e in bob.members(room, at=late).ok()["chunk"]]
    assert alice.user_id in members and (carol in members) is now
    before = bob.members(room, at=token)    # under these, the events before the join are not Bob's
    assert before.status == (403 if visibility in ("invited", "joined") else 200)


def test_members_of_a_time_one_may_not_see(alice, bob):
    """joined: who was there before one came is not told."""
    room = alice.create_room(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    for text in "one", "two", "three":
        alice.send(room, text)
    page = alice.messages(room, limit=2).ok()
    bob.join(room).ok()
    alice.members(room, at=page["end"]).ok()
    bob.members(room, at=page["end"]).expect(403, "M_FORBIDDEN")
    bob.members(room).ok()


def test_a_time_open_to_the_world_stays_readable(alice, bob, person):
    """Rule 1 asks for the visibility at the event, not for that of today."""
    room = alice.create_room(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    bob.join(room).ok()
    bob.leave(room).ok()
    hidden = alice.send(room, "hidden")
    for visibility in ("world_readable", "joined"):
        alice.set_state(room, "m.room.history_visibility", {
            "history_visibility": visibility}).ok()
        sent = alice.send(room, visibility)
        if visibility == "world_readable":
            shown = sent
    stranger = person("stranger")
    for client in (bob, stranger):
        client.get(path(room, "event", shown)).ok()
        client.get(path(room, "event", hidden)).expect(404, "M_NOT_FOUND")
        client.get(path(room, "event", sent)).expect(404, "M_NOT_FOUND")
    bodies = [e["content"].get("body") for e in history(bob, room)]
    assert "world_readable" in bodies and "hidden" not in bodies and "joined" not in bodies
    stranger.messages(room).expect(403, "M_FORBIDDEN")
    stranger.get(f"rooms/{quote(room)}/aliases").expect(403, "M_FORBIDDEN")
