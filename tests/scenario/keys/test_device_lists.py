"""device_lists of /sync and keys/changes: whose keys changed, who came to share a room, who no longer does."""

import concurrent.futures
import threading

import pytest

from harness import uia
from harness.keys import CrossSigning, Device, device_lists, query
from harness.rooms import clone

NOTHING = (set(), set())


class Follower:
    """A client that syncs and keeps its token."""

    def __init__(self, client):
        self.client = client
        self.since = client.sync_call().ok()["next_batch"]

    def step(self, timeout_ms=0):
        """What came since the last time; keys/changes must say the same."""
        answer = self.client.sync_call(self.since, timeout_ms).ok()
        lists = device_lists(answer)
        changes = self.client.get("keys/changes", params={"from": self.since, "to": answer["next_batch"]}).ok()
        assert (set(changes["changed"]), set(changes["left"])) == lists
        self.since = answer["next_batch"]
        return lists


@pytest.fixture
def room_of(person):
    """room_of(a, b, …): a room of theirs."""
    def make(*people):
        room = people[0].create_room(preset="public_chat")
        for someone in people[1:]:
            someone.join(room).ok()
        return room
    return make


def test_an_initial_sync_has_none(alice):
    Device(alice).publish()
    assert "device_lists" not in alice.sync_call().ok().json


def test_who_shares_a_room_hears_of_changes(person, room_of):
    alice, bob, eve = person("alice"), person("bob"), person("eve")
    room_of(alice, bob)
    followers = [Follower(c) for c in (alice, bob, eve)]
    Device(alice).publish()
    changed = ({alice.user_id}, set())
    assert [f.step() for f in followers] == [changed, changed, NOTHING]
    assert [f.step() for f in followers] == [NOTHING] * 3


def test_what_counts_as_a_change(person, room_of):
    alice, bob = person("alice"), person("bob")
    room_of(alice, bob)
    follower = Follower(bob)
    changed = ({alice.user_id}, set())

    def expect(lists):
        assert follower.step() == lists

    tablet = alice.login()
    expect(NOTHING)     # no keys yet
    device = Device(tablet)
    device.upload(one_time_keys=device.one_time(3)).ok()
    expect(NOTHING)
    device.publish()
    expect(changed)
    device.publish()
    expect(NOTHING)
    tablet.put(f"devices/{tablet.device_id}", {"display_name": "Tablet"}).ok()
    expect(changed)
    tablet.put(f"devices/{tablet.device_id}", {"display_name": "Tablet"}).ok()
    expect(NOTHING)
    alice.put(f"devices/{alice.device_id}", {"display_name": "No keys"}).ok()
    expect(NOTHING)
    CrossSigning(alice).upload().ok()
    expect(changed)
    tablet.post("logout").ok()
    expect(changed)
    Device(alice).publish()
    expect(changed)
    uia.with_password(alice, "delete_devices", {"devices": [alice.device_id]}).ok()
    expect(changed)


def test_a_new_password_ends_the_other_devices(person, room_of):
    alice, bob = person("alice"), person("bob")
    room_of(alice, bob)
    Device(alice.login()).publish()
    follower = Follower(bob)
    uia.with_password(alice, "account/password", {"new_password": "another long password"}).ok()
    assert follower.step() == ({alice.user_id}, set())
    Device(alice).publish()
    follower.step()
    alice.post("logout/all").ok()
    assert follower.step() == ({alice.user_id}, set())


def test_coming_to_share_a_room(person, room_of):
    alice, bob, carol = person("alice"), person("bob"), person("carol")
    room = room_of(alice, carol)
    followers = {c.user_id: Follower(c) for c in (alice, bob, carol)}
    bob.join(room).ok()
    assert followers[bob.user_id].step() == ({alice.user_id, carol.user_id}, set())
    assert followers[alice.user_id].step() == ({bob.user_id}, set())
    assert followers[carol.user_id].step() == ({bob.user_id}, set())
    bob.set_profile("displayname", "Bob").ok()      # a member event, and no change of membership
    assert followers[alice.user_id].step() == NOTHING
    alice.send(room, "hello")
    assert followers[bob.user_id].step() == NOTHING


def test_sharing_no_room_any_more(person, room_of):
    alice, bob, carol = person("alice"), person("bob"), person("carol")
    first, second = room_of(alice, bob, carol), room_of(alice, bob)
    followers = {c.user_id: Follower(c) for c in (alice, bob, carol)}
    bob.leave(first).ok()
    assert followers[alice.user_id].step() == NOTHING       # the second room is left
    assert followers[bob.user_id].step() == (set(), {carol.user_id})
    assert followers[carol.user_id].step() == (set(), {bob.user_id})
    alice.kick(second, bob.user_id).ok()
    assert followers[alice.user_id].step() == (set(), {bob.user_id})
    assert followers[bob.user_id].step() == (set(), {alice.user_id})
    alice.leave(first).ok()
    assert followers[alice.user_id].step() == (set(), {carol.user_id})


def test_only_the_ends_count(person, room_of):
    """Coming and going between two syncs leaves no trace."""
    alice, bob = person("alice"), person("bob")
    room = room_of(alice)
    follower, other = Follower(alice), Follower(bob)
    bob.join(room).ok()
    bob.leave(room).ok()
    assert follower.step() == NOTHING and other.step() == NOTHING
    bob.join(room).ok()
    follower.step(), other.step()
    bob.leave(room).ok()
    bob.join(room).ok()
    assert follower.step() == NOTHING and other.step() == NOTHING
    alice.ban(room, bob.user_id).ok()
    assert follower.step() == (set(), {bob.user_id}) and other.step() == (set(), {alice.user_id})


def test_who_came_after_the_leave_is_not_told(person, room_of):
    alice, bob, late = person("alice"), person("bob"), person("late")
    room = room_of(alice, bob)
    follower = Follower(bob)
    bob.leave(room).ok()
    late.join(room).ok()
    assert follower.step() == (set(), {alice.user_id})


def test_invites_and_knocks_share_nothing(person):
    alice, bob, carol = person("alice"), person("bob"), person("carol")
    room = alice.create_room(preset="private_chat", invite=[bob.user_id],
                             initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}])
    carol.knock(room).ok()
    followers = [Follower(c) for c in (alice, bob, carol)]
    for client in (alice, bob, carol):
        Device(client).publish()
    assert [f.step() for f in followers] == [({f.client.user_id}, set()) for f in followers]
    bob.leave(room).ok()
    assert [f.step() for f in followers] == [NOTHING] * 3


def test_a_change_after_they_parted_is_told_when_they_meet_again(person, room_of):
    alice, bob = person("alice"), person("bob")
    room = room_of(alice, bob)
    follower = Follower(bob)
    alice.leave(room).ok()
    follower.step()
    Device(alice).publish()
    assert follower.step() == NOTHING
    alice.join(room).ok()
    assert follower.step() == ({alice.user_id}, set())


def test_the_end_of_an_account(person, room_of):
    alice, bob = person("alice"), person("bob")
    room_of(alice, bob)
    Device(alice).publish()
    since = bob.sync_call().ok()["next_batch"]
    uia.deactivate(alice).ok()
    changed, left = set(), set()
    while not left:     # both at once, or one after the other
        answer = bob.sync_call(since, 5000).ok()
        since = answer["next_batch"]
        lists = device_lists(answer)
        changed, left = changed | lists[0], left | lists[1]
    assert changed <= {alice.user_id} and left == {alice.user_id}
    assert query(bob, alice.user_id)["device_keys"] == {alice.user_id: {}}


def test_a_change_wakes_those_who_wait(person, room_of):
    alice, bob = person("alice"), person("bob")
    room_of(alice, bob)
    waiting = [Follower(c) for c in (alice.login(), bob)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        polls = [pool.submit(clone(f.client).sync_call, f.since, 20000) for f in waiting]
        threading.Event().wait(0.3)     # most likely parked; right either way
        Device(alice).publish()
        for poll in polls:
            assert device_lists(poll.result(15).ok()) == ({alice.user_id}, set())


def test_the_end_of_a_device_wakes_those_who_wait(person, room_of):
    alice, bob = person("alice"), person("bob")
    room_of(alice, bob)
    tablet = alice.login()
    Device(tablet).publish()
    follower = Follower(bob)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        poll = pool.submit(clone(bob).sync_call, follower.since, 20000)
        threading.Event().wait(0.3)
        tablet.post("logout").ok()
        assert device_lists(poll.result(15).ok()) == ({alice.user_id}, set())


def test_many_rooms(person, room_of):
    """In more rooms than are asked about one by one: the same answers."""
    alice, bob, eve = person("alice"), person("bob"), person("eve")
    rooms = [room_of(alice) for _ in range(70)]
    bob.join(rooms[35]).ok()
    follower = Follower(alice)
    Device(bob).publish()
    Device(eve).publish()
    assert follower.step() == ({bob.user_id}, set())


BAD_TOKENS = ["", "x", "s1", "s1_1_abcdefgh", "s-1_0_{tag}", "s99999999_0_{tag}", "t1_{tag}"]


@pytest.mark.parametrize("which", ["from", "to"])
@pytest.mark.parametrize("bad", BAD_TOKENS)
def test_bad_tokens(alice, which, bad):
    good = alice.sync_call().ok()["next_batch"]
    params = {"from": good, "to": good, which: bad.format(tag=good.rsplit("_", 1)[1])}
    alice.get("keys/changes", params=params).expect(400, "M_INVALID_PARAM")


@pytest.mark.parametrize("which", ["from", "to"])
def test_missing_tokens(alice, which):
    good = alice.sync_call().ok()["next_batch"]
    alice.get("keys/changes", params={which: good}).expect(400, "M_MISSING_PARAM")
    alice.get("keys/changes", params={"from": good, "to": good}, token=None).expect(401, "M_MISSING_TOKEN")
