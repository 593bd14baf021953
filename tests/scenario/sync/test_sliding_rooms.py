"""Sliding sync: what is told of a room."""

import pytest

from harness.client import quote
from harness.parts import steps
from harness.rooms import path
from harness.sliding import REQUIRED, Slider, bodies, lists, places


@pytest.fixture(params=["stable", "unstable"])
def stable(request):
    return request.param == "stable"


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat", name="Room")
    bob.join(room).ok()
    return room


def slider(client, stable=False, limit=20, required=(), **more):
    return Slider(client, {"lists": lists(0, 99, limit, required, **more)}, stable)


def step_room(reader, room, **changes):
    return reader.step(**changes)["rooms"].get(room)


def test_a_room_for_the_first_time(alice, bob, room, stable):
    alice.set_state(room, "m.room.avatar", {"url": "mxc://localhost/a"}).ok()
    sent = [bob.send(room, str(n)) for n in range(3)]
    part = step_room(slider(alice, stable, 2, REQUIRED), room)
    assert part["initial"] is True and part["limited"] is True and "expanded_timeline" not in part
    assert [e["event_id"] for e in part["timeline"]] == sent[1:]
    assert part["num_live"] == 0
    assert part["name"] == "Room" and part["avatar"] == "mxc://localhost/a" and "heroes" not in part
    assert part["joined_count"] == 2 and part["invited_count"] == 0
    assert part["bump_stamp"] > 0 and "is_dm" not in part
    assert part.get("membership") == ("join" if stable else None)
    assert {e["type"] for e in part["required_state"]} == {
        "m.room.name", "m.room.member", "m.room.avatar", "m.room.power_levels", "m.room.join_rules",
        "m.room.create", "m.room.history_visibility"}
    members = {e["state_key"] for e in part["required_state"] if e["type"] == "m.room.member"}
    assert members == {alice.user_id, bob.user_id}
    assert all("room_id" not in e for e in part["timeline"] + part["required_state"])
    page = alice.messages(room, **{"from": part["prev_batch"], "limit": 1}).ok()["chunk"]
    assert page[0]["event_id"] == sent[0]


def test_an_incremental_answer(alice, bob, room, stable):
    reader = slider(alice, stable, 10, REQUIRED)
    reader.step()
    sent = [bob.send(room, str(n)) for n in range(3)]
    part = step_room(reader, room)
    assert [e["event_id"] for e in part["timeline"]] == sent and part["num_live"] == 3
    assert not {"initial", "limited", "name", "avatar", "joined_count", "heroes", "is_dm"} & set(part)
    # bob speaks for the first time on this connection
    assert [e["state_key"] for e in part["required_state"]] == [bob.user_id]
    bob.send(room, "again")
    assert "required_state" not in step_room(reader, room)
    assert step_room(reader, room) is None


def test_limited(alice, bob, room):
    reader = slider(alice, limit=3)
    reader.step()
    for count, limited in ((3, None), (4, True), (2, None)):
        sent = [bob.send(room, str(n)) for n in range(count)]
        part = step_room(reader, room)
        assert part.get("limited") is limited and part["num_live"] == min(count, 3)
        assert [e["event_id"] for e in part["timeline"]] == sent[-3:]


def test_no_timeline(alice, bob, room, stable):
    reader = slider(alice, stable, 0, [["m.room.topic", ""]])
    part = step_room(reader, room)
    assert "timeline" not in part and part["initial"] is True
    bob.send(room, "x")
    assert "timeline" not in step_room(reader, room)
    alice.set_state(room, "m.room.topic", {"topic": "t"}).ok()
    assert places(step_room(reader, room)) == {("m.room.topic", "")}


@pytest.mark.parametrize("limit", [101, 5000, 9007199254740991])
def test_the_server_cuts_large_timelines(alice, room, limit):
    assert len(step_room(slider(alice, limit=limit), room)["timeline"]) <= 100


def test_a_longer_timeline(alice, bob, room, stable):
    """A list shows one event, the subscription twenty; back in the list nothing is told twice."""
    for n in range(5):
        bob.send(room, str(n))
    key = "expanded_timeline" if stable else "unstable_expanded_timeline"
    reader = slider(alice, stable, 1)
    assert bodies(step_room(reader, room)) == ["4"]
    part = step_room(reader, room, room_subscriptions={room: {"timeline_limit": 3, "required_state": []}})
    assert bodies(part) == ["2", "3", "4"] and part[key] is True and part["num_live"] == 0
    assert "initial" not in part and part["limited"] is True
    assert step_room(reader, room) is None
    bob.send(room, "5")
    part = step_room(reader, room)
    assert bodies(part) == ["5"] and key not in part
    assert step_room(reader, room, room_subscriptions={}) is None
    assert step_room(reader, room, room_subscriptions={room: {"timeline_limit": 3, "required_state": []}}) is None
    bob.send(room, "6")
    part = step_room(reader, room, room_subscriptions={room: {"timeline_limit": 8, "required_state": []}})
    assert bodies(part)[-2:] == ["5", "6"] and len(part["timeline"]) == 8 and part["num_live"] == 1


def test_a_gap_shortens_what_is_known(alice, bob, room):
    """After a limited answer of one event, ten are asked for again: they are told."""
    reader = slider(alice, limit=10)
    reader.step()
    for n in range(5):
        bob.send(room, str(n))
    assert bodies(step_room(reader, room, lists=lists(0, 99, 1))) == ["4"]
    part = step_room(reader, room, lists=lists(0, 99, 10))
    assert part["unstable_expanded_timeline"] is True and bodies(part)[-5:] == ["0", "1", "2", "3", "4"]


# ---- required_state ----

ME, OTHER = "ALICE", "BOB"
CREATE, NAME, MEMBERS, ODD = "m.room.create", "m.room.name", "m.room.member", "org.example.odd"
# required_state in its two forms, and what of (create, name, members of both, odd with two keys) comes
REQUIRED_STATES = [
    ([], {}, set()),
    ([[CREATE, ""]], {"include": [{"type": CREATE, "state_key": ""}]}, {CREATE}),
    ([[CREATE, "x"], ["nothing", ""]], {"include": [{"type": CREATE, "state_key": "x"}]}, set()),
    ([[ODD, "*"]], {"include": [{"type": ODD}]}, {"odd a", "odd b"}),
    ([[ODD, "a"], [ODD, "*"], [ODD, "a"]], {"include": [{"type": ODD, "state_key": "a"}, {"type": ODD}]},
     {"odd a", "odd b"}),
    ([["*", "a"]], {"include": [{"state_key": "a"}]}, {"odd a"}),
    ([["*", ""]], {"include": [{"state_key": ""}]}, {CREATE, NAME}),
    ([["*", "*"]], {"include": [{}]}, {CREATE, NAME, "odd a", "odd b", ME, OTHER}),
    ([[MEMBERS, "*"]], {"include": [{"type": MEMBERS}]}, {ME, OTHER}),
    ([[MEMBERS, "$ME"]], {"include": [{"type": MEMBERS, "state_key": ME}]}, {ME}),
    ([[MEMBERS, "$LAZY"]], {"lazy_members": True}, {OTHER}),
    ([[MEMBERS, "$LAZY"], [MEMBERS, "$ME"]],
     {"include": [{"type": MEMBERS, "state_key": ME}], "lazy_members": True}, {ME, OTHER}),
    ([["*", "*"], [MEMBERS, "$LAZY"]], {"include": [{}], "lazy_members": True},
     {CREATE, NAME, "odd a", "odd b", OTHER}),
    (None, {"include": [{}], "exclude": [{"type": MEMBERS}]}, {CREATE, NAME, "odd a", "odd b"}),
    (None, {"include": [{}], "exclude": [{"state_key": ""}]}, {"odd a", "odd b", ME, OTHER}),
    (None, {"include": [{"type": ODD}], "exclude": [{"type": ODD, "state_key": "b"}]}, {"odd a"}),
    (None, {"include": [{"type": ODD}], "exclude": [{}]}, set()),
    (None, {"exclude": [{}], "lazy_members": True}, {OTHER}),
]


def named(alice, bob, part):
    names = {(CREATE, ""): CREATE, (NAME, ""): NAME, (MEMBERS, alice.user_id): ME, (MEMBERS, bob.user_id): OTHER,
             (ODD, "a"): "odd a", (ODD, "b"): "odd b"}
    found = [(e["type"], e["state_key"]) for e in part.get("required_state", [])]
    assert len(found) == len(set(found))
    return {names[place] for place in found if place in names}


def test_required_state(alice, bob, room):
    for key in "ab":
        alice.set_state(room, ODD, {"is": key}, key).ok()
    bob.send(room, "x")
    for pairs, wish, expected in REQUIRED_STATES:
        wish = {name: [{k: alice.user_id if v == ME else v for k, v in e.items()} for e in value]
                if isinstance(value, list) else value for name, value in wish.items()}
        for form in [wish] + ([pairs] if pairs is not None else []):
            for stable in (True, False):
                body = {"lists": {"a": {"timeline_limit": 1, "required_state": form}}}
                part = Slider(alice, body, stable).step()["rooms"][room]
                assert named(alice, bob, part) == expected, form


def test_required_state_changes(alice, bob, room, stable):
    """Only what changed, and only what is wanted; also when the timeline does not reach back so far."""
    reader = slider(alice, stable, 1, [["m.room.topic", ""], [ODD, "*"]])
    reader.step()
    alice.set_state(room, "m.room.topic", {"topic": "one"}).ok()
    alice.set_state(room, "m.room.topic", {"topic": "two"}).ok()
    alice.set_state(room, "org.example.unwanted", {}).ok()
    alice.set_state(room, ODD, {}, "k").ok()
    for n in range(3):
        bob.send(room, str(n))
    part = step_room(reader, room)
    assert {(e["type"], e["state_key"]): e["content"] for e in part["required_state"]} == {
        ("m.room.topic", ""): {"topic": "two"}, (ODD, "k"): {}}
    bob.send(room, "x")
    assert "required_state" not in step_room(reader, room)


def test_more_required_state(alice, room, stable):
    """What is wanted now and was not before is told at once; what both want is not told again."""
    alice.set_state(room, ODD, {}, "k").ok()
    reader = slider(alice, stable, 1, [["m.room.create", ""]])
    assert places(step_room(reader, room)) == {("m.room.create", "")}
    wish = {"timeline_limit": 1, "required_state": [["m.room.create", ""], [ODD, "*"]]}
    part = step_room(reader, room, room_subscriptions={room: wish})
    assert places(part) == {(ODD, "k")} and "timeline" not in part and "initial" not in part
    assert step_room(reader, room) is None
    assert step_room(reader, room, room_subscriptions={}) is None
    assert step_room(reader, room, room_subscriptions={room: wish}) is None


def test_required_state_that_changed_while_it_was_not_wanted(alice, room, stable):
    wish = {"timeline_limit": 1, "required_state": [[ODD, "k"]]}
    alice.set_state(room, ODD, {"n": 1}, "k").ok()
    reader = slider(alice, stable, 1)
    assert places(step_room(reader, room, room_subscriptions={room: wish})) == {(ODD, "k")}
    reader.step(room_subscriptions={})
    alice.set_state(room, ODD, {"n": 2}, "k").ok()
    part = step_room(reader, room)
    assert "required_state" not in part
    part = step_room(reader, room, room_subscriptions={room: wish})
    assert [e["content"] for e in part["required_state"]] == [{"n": 2}]


def test_the_order_of_pairs_does_not_matter(alice, room):
    reader = slider(alice, False, 1, [["m.room.create", ""], ["m.room.name", ""]])
    reader.step()
    assert step_room(reader, room, lists=lists(0, 99, 1, [["m.room.name", ""], ["m.room.create", ""]])) is None


def test_lazy_members(alice, bob, person, room, stable):
    """Senders and those whom memberships are about; all changes without a gap, only these with one."""
    carol, dave = person("carol"), person("dave")
    reader = slider(alice, stable, 2, [[MEMBERS, "$LAZY"]])
    reader.step()
    carol.join(room).ok()
    part = step_room(reader, room)
    assert {e["state_key"] for e in part["required_state"]} == {carol.user_id}
    alice.kick(room, carol.user_id).ok()
    part = step_room(reader, room)
    assert {e["state_key"]: e["content"]["membership"] for e in part["required_state"]}[carol.user_id] == "leave"
    dave.join(room).ok()
    for n in range(3):
        bob.send(room, str(n))
    part = step_room(reader, room)
    assert part["limited"] is True
    assert {e["state_key"] for e in part["required_state"]} == {bob.user_id}
    dave.send(room, "x")
    assert {e["state_key"] for e in step_room(reader, room)["required_state"]} == {dave.user_id}


# ---- name, avatar, heroes, counts ----

def test_name_and_avatar_change(alice, room, stable):
    reader = slider(alice, stable)
    reader.step()
    for kind, field, shown in (("m.room.name", "name", "name"), ("m.room.avatar", "url", "avatar")):
        for value in ("mxc://localhost/one", "mxc://localhost/two"):
            alice.set_state(room, kind, {field: value}).ok()
            assert step_room(reader, room)[shown] == value
        alice.set_state(room, kind, {}).ok()
        part = step_room(reader, room)
        assert shown in part and part[shown] is None
    alice.send(room, "x")
    assert not {"name", "avatar"} & set(step_room(reader, room))


@pytest.mark.parametrize("content", [{}, {"name": ""}, {"name": None}, {"name": 5}, {"name": ["x"]}])
def test_names_that_are_none(alice, bob, room, content):
    alice.set_state(room, "m.room.name", content).ok()
    part = step_room(slider(alice), room)
    assert "name" not in part and [h["user_id"] for h in part["heroes"]] == [bob.user_id]


def test_heroes(alice, bob, person, stable):
    bob.set_profile("displayname", "Bob").ok()
    bob.set_profile("avatar_url", "mxc://localhost/b").ok()
    room = alice.create_room(invite=[bob.user_id])
    bob.join(room).ok()
    reader = slider(alice, stable)
    part = step_room(reader, room)
    assert part["heroes"] == [{"user_id": bob.user_id, "displayname": "Bob", "avatar_url": "mxc://localhost/b"}]
    carol = person("carol")
    alice.invite(room, carol.user_id).ok()
    part = step_room(reader, room)
    assert [h["user_id"] for h in part["heroes"]] == [bob.user_id, carol.user_id]
    assert part["joined_count"] == 2 and part["invited_count"] == 1
    alice.send(room, "x")
    assert not {"heroes", "joined_count"} & set(step_room(reader, room))
    alice.set_state(room, "m.room.name", {"name": "N"}).ok()
    assert "heroes" not in step_room(reader, room)
    alice.set_state(room, "m.room.name", {}).ok()
    assert len(step_room(reader, room)["heroes"]) == 2


def test_without_heroes(alice, bob):
    room = alice.create_room(invite=[bob.user_id])
    assert "heroes" not in step_room(slider(alice, include_heroes=False), room)
    assert "heroes" in step_room(slider(alice, include_heroes=True), room)


def test_direct_chats(alice, bob, room, stable):
    reader = slider(alice, stable)
    assert "is_dm" not in step_room(reader, room)
    alice.set_account_data("m.direct", {bob.user_id: [room]}).ok()
    assert step_room(reader, room)["is_dm"] is True
    alice.send(room, "x")
    assert step_room(reader, room).get("is_dm", True) is True
    alice.set_account_data("m.direct", {}).ok()
    assert step_room(reader, room)["is_dm"] is False
    assert step_room(reader, room) is None


# ---- other memberships ----

@pytest.mark.parametrize("kind", ["invite", "knock"])
def test_invited_or_knocking(alice, bob, kind, stable):
    room = bob.create_room(name="Secret name", initial_state=[
        {"type": "m.room.join_rules", "content": {"join_rule": "knock"}}])
    reader = slider(alice, stable, 10, [["*", "*"]])
    reader.step()
    (lambda: bob.invite(room, alice.user_id) if kind == "invite" else alice.knock(room))().ok()
    part = step_room(reader, room)
    found = part["stripped_state" if stable else "invite_state"]
    assert {e["type"] for e in found} >= {"m.room.create", "m.room.name", "m.room.member", "m.room.join_rules"}
    assert all(set(e) == {"type", "state_key", "content", "sender"} for e in found)
    assert part["initial"] is True and part["bump_stamp"] > 0
    assert not {"timeline", "required_state", "name", "heroes", "joined_count", "prev_batch"} & set(part)
    assert part.get("membership") == (kind if stable else None)
    bob.send(room, "hidden")
    assert step_room(reader, room) is None


def test_an_invite_becomes_a_room(alice, bob, stable):
    room = bob.create_room(name="Name", invite=[alice.user_id])
    reader = slider(alice, stable, 10, [["m.room.name", ""]])
    reader.step()
    alice.join(room).ok()
    part = step_room(reader, room)
    assert part["initial"] is True and part["name"] == "Name" and part["joined_count"] == 2
    assert not {"stripped_state", "invite_state"} & set(part)
    assert part["num_live"] == 1


@pytest.mark.parametrize("how", ["rejected", "revoked"])
def test_an_invite_that_ends(alice, bob, how, stable):
    """It is told once, with nothing of the room in it, and then the room is no part of the lists."""
    room = bob.create_room(name="Secret name", invite=[alice.user_id])
    reader = slider(alice, stable, 10, [["*", "*"]])
    reader.step()
    (lambda: alice.leave(room) if how == "rejected" else bob.kick(room, alice.user_id))().ok()
    answer = reader.step()
    part = answer["rooms"][room]
    found = part["stripped_state" if stable else "required_state"]
    assert [(e["type"], e["state_key"], e["content"]["membership"]) for e in found] == [
        ("m.room.member", alice.user_id, "leave")]
    assert "timeline" not in part and "invite_state" not in part
    assert step_room(reader, room) is None
    assert room not in slider(alice, stable).step()["rooms"]
    assert slider(alice, stable).step()["lists"]["all_rooms"]["count"] == 0


@pytest.mark.parametrize("end", ["l", "k", "b", "lf"])
def test_the_end_of_a_membership(alice, bob, room, end, stable):
    """A connection that shows the room is told; who was put out sees it for ever, who left of themselves does not."""
    reader = slider(bob, stable, 10, [[MEMBERS, "$ME"], ["m.room.topic", ""]])
    reader.step()
    alice.send(room, "last")
    steps(end, alice, bob, room)
    alice.set_state(room, "m.room.topic", {"topic": "later"}).ok()
    alice.send(room, "hidden")
    part = step_room(reader, room)
    told = part.get("required_state", []) + part.get("stripped_state", [])
    assert [(e["type"], e["content"]["membership"]) for e in told] == [
        ("m.room.member", "ban" if end == "b" else "leave")]
    if end != "lf":
        assert bodies(part) == ["last", None]
    assert not {"initial", "joined_count"} & set(part) or end == "lf"
    assert part.get("membership") == (None if not stable else "ban" if end == "b" else "leave")
    assert step_room(reader, room) is None
    answer = slider(bob, stable, 10, [["m.room.topic", ""]]).step()
    assert answer["lists"]["all_rooms"]["count"] == (1 if end in "kb" else 0)
    if end in "kb":
        part = answer["rooms"][room]
        assert part["initial"] is True and bodies(part)[-2:] == ["last", None]
        assert "required_state" not in part


@pytest.mark.parametrize("before,counts", [
    ("b", 0), ("ik", 0), ("jlb", 0), ("jk", 1), ("jb", 1), ("jkb", 1), ("jbu", 1), ("jkf", 0), ("jkij", 1), ("jl", 0)])
def test_who_was_put_out(alice, bob, before, counts):
    """Banned without ever having been in, or after having left: not in the lists."""
    room = alice.create_room(preset="public_chat")
    steps(before, alice, bob, room)
    assert slider(bob).step()["lists"]["all_rooms"]["count"] == counts


def test_leave_and_return(alice, bob, room, stable):
    reader = slider(bob, stable, 10)
    reader.step()
    steps("l", alice, bob, room)
    reader.step()
    steps("sj", alice, bob, room)
    part = step_room(reader, room)
    assert part["initial"] is True and part["num_live"] >= 1 and "said" in bodies(part)
    steps("lj", alice, bob, room)
    part = step_room(reader, room)
    assert "initial" not in part and part["num_live"] == 2


def test_state_that_goes(alice, bob, stable):
    """A redacted state event stays in the state; its content is empty."""
    room = alice.create_room(name="Name")
    reader = slider(alice, stable, 10, [["m.room.name", ""]])
    part = step_room(reader, room)
    event = part["required_state"][0]["event_id"]
    alice.put(path(room, "redact", event, "1"), {}).ok()
    part = step_room(reader, room)
    assert part["timeline"][-1]["type"] == "m.room.redaction"
    part = step_room(slider(alice, stable, 10, [["m.room.name", ""]]), room)
    assert part["required_state"][0]["content"] == {} and "name" not in part


def test_history_that_is_hidden(alice, bob, stable):
    room = alice.create_room(preset="public_chat", initial_state=[{
        "type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}])
    steps("sj", alice, bob, room)
    part = step_room(slider(bob, stable), room)
    assert bodies(part) == [None] and part["limited"] is True


def test_transaction_ids(alice, bob, room):
    other = Slider(alice.login(), {"lists": lists(0, 9)})
    reader = slider(alice)
    reader.step(), other.step()
    alice.send(room, "x", txn="my txn")
    assert step_room(reader, room)["timeline"][-1]["unsigned"]["transaction_id"] == "my txn"
    assert "transaction_id" not in other.step()["rooms"][room]["timeline"][-1]["unsigned"]


def test_state_is_what_the_room_has(alice, bob, room):
    """A room's life, seen through windows that come and go: what the client holds is the truth."""
    spare = [bob.create_room(preset="public_chat") for _ in range(3)]
    for one in spare:
        alice.join(one).ok()
    wishes = [lists(0, 9, 5, [["*", "*"]]), lists(0, 0, 1, [["*", "*"]]), {},
              lists(0, 0, 3, [["m.room.topic", "*"]])]
    reader = Slider(alice, {"lists": wishes[0]}, stable=True)
    life = ["s", "t", "st", "ssss", "tsss", "l", "jt", "k", "tj", "b", "uts", "j", "sltsssj", "t", "tt"]
    for turn, letters in enumerate(life):
        steps(letters, alice, bob, room)
        if turn % 3 == 1:
            bob.send(spare[turn % 3], "noise")
        reader.step(lists=wishes[turn % 4])
        reader.step(lists=wishes[0])
        truth = {(e["type"], e["state_key"]): e["event_id"]
                 for e in alice.get(f"rooms/{quote(room)}/state").ok().json}
        held = {place: e["event_id"] for place, e in reader.rooms[room]["state"].items()}
        assert held == truth, letters
