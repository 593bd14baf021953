"""In which part of /sync a room stands, whatever became of the membership before and after the token."""

import pytest

from harness.parts import bodies, events, is_empty, places, section, steps
from harness.sync import Syncer
from harness.uia import deactivate

# before the token, after it, the part then, the part of an initial sync
ROWS = [
    ("", "", "", ""),
    ("", "s", "", ""),
    ("", "j", "join", "join"),
    ("j", "", "", "join"),
    ("j", "s", "join", "join"),
    ("j", "p", "join", "join"),
    ("j", "l", "leave", ""),
    ("j", "sl", "leave", ""),
    ("j", "lf", "leave", ""),
    ("j", "k", "leave", ""),
    ("j", "b", "leave", ""),
    ("j", "kb", "leave", ""),
    ("j", "lj", "join", "join"),
    ("j", "ki", "invite", "invite"),
    ("j", "kij", "join", "join"),
    ("j", "lfj", "join", "join"),
    ("j", "bu", "leave", ""),
    ("j", "bui", "invite", "invite"),
    ("j", "ln", "knock", "knock"),
    ("jl", "", "", ""),
    ("jl", "s", "", ""),
    ("jl", "j", "join", "join"),
    ("jl", "f", "", ""),
    ("jl", "b", "leave", ""),
    ("jb", "u", "leave", ""),
    ("jlf", "i", "invite", "invite"),
    ("jlf", "j", "join", "join"),
    ("", "i", "invite", "invite"),
    ("i", "", "", "invite"),
    ("i", "s", "", "invite"),
    ("i", "t", "", "invite"),
    ("i", "j", "join", "join"),
    ("i", "l", "leave", ""),
    ("i", "k", "leave", ""),
    ("i", "b", "leave", ""),
    ("", "il", "leave", ""),
    ("", "ij", "join", "join"),
    ("", "jl", "leave", ""),
    ("", "jlj", "join", "join"),
    ("", "b", "leave", ""),
    ("b", "u", "leave", ""),
    ("", "n", "knock", "knock"),
    ("n", "", "", "knock"),
    ("n", "l", "leave", ""),
    ("n", "k", "leave", ""),
    ("n", "i", "invite", "invite"),
    ("n", "ij", "join", "join"),
]


def make_room(alice):
    return alice.create_room(preset="public_chat", name="Room")


def play(letters, alice, bob, room, by_rules=False):
    """by_rules: the join rule is made to fit before each knock and join."""
    for letter in letters:
        if by_rules and letter in "jn":
            rule = {"j": "public", "n": "knock"}[letter]
            alice.set_state(room, "m.room.join_rules", {"join_rule": rule}).ok()
        steps(letter, alice, bob, room)


@pytest.mark.parametrize("before,after,part,initial", ROWS, ids=lambda v: v or "-")
def test_part(alice, bob, before, after, part, initial):
    room = make_room(alice)
    by_rules = "n" in before + after
    play(before, alice, bob, room, by_rules)
    reader = Syncer(bob)
    first = reader.step()
    play(after, alice, bob, room, by_rules)
    answer = reader.step()
    name, content = section(answer, room)
    assert name == part
    assert section(bob.sync_call().ok().json, room)[0] == initial
    if name in ("join", "leave"):
        own = [e for e in events(content, "state", "timeline")
               if e["type"] == "m.room.member" and e["state_key"] == bob.user_id]
        assert own or after in ("s", "t")
    if name == "join" and section(first, room)[0] != "join":
        assert ("m.room.create", "") in places(events(content, "state", "timeline"))
    again = reader.step()
    assert section(again, room)[0] == "" and is_empty(again)


@pytest.mark.parametrize("before,after", [("j", "l"), ("j", "k"), ("j", "b"), ("", "jl")])
def test_nothing_after_the_end(alice, bob, before, after):
    """What happens once one is gone is not told, neither in the timeline nor in the state."""
    room = make_room(alice)
    steps(before, alice, bob, room)
    reader = Syncer(bob)
    reader.step()
    steps("s" + after, alice, bob, room)
    alice.set_state(room, "m.room.topic", {"topic": "later"}).ok()
    alice.send(room, "later")
    _, part = section(reader.step(), room)
    assert "later" not in bodies(events(part, "timeline"))
    assert ("m.room.topic", "") not in places(events(part, "state", "timeline"))
    assert bodies(events(part, "timeline")) == ["said"]


@pytest.mark.parametrize("after", ["l", "k", "b"])
def test_who_never_joined_learns_nothing(alice, bob, after):
    room = alice.create_room(name="Secret name")
    steps("i", alice, bob, room)
    reader = Syncer(bob)
    reader.step()
    steps("st" + after, alice, bob, room)
    name, part = section(reader.step(), room)
    assert name == "leave"
    found = events(part, "state", "timeline")
    assert [(e["type"], e["state_key"]) for e in found] == [("m.room.member", bob.user_id)]
    assert alice.messages(room).ok() and bob.messages(room).expect(403)


def test_rooms_between_two_syncs(alice, bob):
    """Many rooms, each in another state: each stands once, in its own part."""
    wanted = {"i": "invite", "j": "join", "jl": "leave", "jk": "leave", "": "", "jlf": "leave"}
    rooms = {letters: make_room(alice) for letters in wanted}
    reader = Syncer(bob)
    reader.step()
    for letters, room in rooms.items():
        steps(letters, alice, bob, room)
    answer = reader.step()
    assert {letters: section(answer, room)[0] for letters, room in rooms.items()} == wanted
    assert is_empty(reader.step())


@pytest.mark.parametrize("full_state", [False, True])
def test_archived_rooms(alice, bob, full_state):
    """include_leave: rooms that were left before, as they were then; never those that were forgotten."""
    rooms = {letters: make_room(alice) for letters in ("jsl", "jsk", "jsb", "jslf", "il", "j")}
    for letters, room in rooms.items():
        steps(letters, alice, bob, room)
        alice.set_state(room, "m.room.topic", {"topic": "later"}).ok()
    wanted = {"room": {"include_leave": True}}
    reader = Syncer(bob, wanted)
    answer = reader.step()
    if full_state:
        answer = reader.step(full_state=True)
    found = {letters: section(answer, room)[0] for letters, room in rooms.items()}
    assert found == {"jsl": "leave", "jsk": "leave", "jsb": "leave", "jslf": "", "il": "leave", "j": "join"}
    for letters in ("jsl", "jsk", "jsb"):
        part = section(answer, rooms[letters])[1]
        assert ("m.room.create", "") in places(events(part, "state", "timeline"))
        assert ("m.room.topic", "") not in places(events(part, "state", "timeline"))
    if not full_state:
        assert bodies(events(section(answer, rooms["jsl"])[1], "timeline")) == ["said"]
    assert is_empty(reader.step())
    reader.filter = None
    assert section(bob.sync_call().ok().json, rooms["jsl"])[0] == ""


def test_a_room_comes_back(alice, bob):
    """Left, forgotten, joined again: it is told as a whole, and its history is there once more."""
    room = make_room(alice)
    steps("js", alice, bob, room)
    reader = Syncer(bob)
    reader.step()
    steps("lf", alice, bob, room)
    assert section(reader.step(), room)[0] == "leave"
    alice.set_state(room, "m.room.topic", {"topic": "new"}).ok()
    steps("j", alice, bob, room)
    name, part = section(reader.step(), room)
    assert name == "join"
    assert {("m.room.create", ""), ("m.room.topic", ""), ("m.room.member", alice.user_id)} <= places(
        events(part, "state", "timeline"))
    assert part["summary"]["m.joined_member_count"] == 2


def test_account_data_of_a_room_survives_a_leave(alice, bob):
    room = make_room(alice)
    steps("j", alice, bob, room)
    bob.put(f"user/{bob.user_id}/rooms/{room}/account_data/m.tag", {"tags": {"m.favourite": {}}}).ok()
    steps("l", alice, bob, room)
    reader = Syncer(bob)
    reader.step()
    steps("j", alice, bob, room)
    _, part = section(reader.step(), room)
    assert [e["content"] for e in events(part, "account_data")] == [{"tags": {"m.favourite": {}}}]


@pytest.mark.parametrize("version", ["10", "11", "12"])
def test_leave_by_deactivation_is_told(alice, bob, version):
    """Another member's end is a leave in the timeline, like any other."""
    room = alice.create_room(preset="public_chat", room_version=version)
    steps("j", alice, bob, room)
    reader = Syncer(alice)
    reader.step()
    deactivate(bob).ok()
    reader.until(lambda s: s.state[room]["m.room.member", bob.user_id]["content"]["membership"] == "leave")
