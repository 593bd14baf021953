"""Rooms as an observer sees them: their history, memberships, and the leaves of ended accounts."""

from harness.client import Client, quote
from harness.sync import Syncer

UNSTABLE = "org.matrix.msc3759.deactivated"
STABLE = "m.deactivated"
MARKED = {"membership": "leave", UNSTABLE: True}
VERSIONS = ("10", "11", "12")
ALL_VERSIONS = tuple(str(number) for number in range(1, 13))
KNOCK_VERSIONS = ALL_VERSIONS[6:]           # knock; restricted from the one after on
RESTRICTED_VERSIONS = ALL_VERSIONS[7:]
ALL = {"room": {"timeline": {"limit": 1000}}}


def path(room, *parts):
    return "/".join(["rooms", quote(room), *(quote(part) for part in parts)])


def clone(client):
    """The same session over a connection of its own, for another thread."""
    return Client(client.server, client.user_id, client.token, client.device_id, client.password)


def history(client, room, **params):
    """All events that the client may read, oldest first, read backwards to the end."""
    events, token = [], None
    params = {"limit": 100, **params}
    while True:
        answer = client.messages(room, **params, **({"from": token} if token else {})).ok()
        events += answer["chunk"]
        if "end" not in answer.json:
            return events[::-1]
        assert answer["end"] != token, f"the same token again: {answer!r}"
        token = answer["end"]


def member_events(client, room, user_id):
    return [e for e in history(client, room)
            if e["type"] == "m.room.member" and e["state_key"] == user_id]


def member(client, room, user_id):
    """The content of a membership, None where there is none."""
    answer = client.state(room, "m.room.member", user_id)
    if answer.status == 404:
        answer.expect(404, "M_NOT_FOUND")
        return None
    return answer.ok().json


def wait_left(observer, user_id, rooms, limit_s=30):
    """Long-polls until the user is joined to and invited to none of the rooms; returns the reader."""
    def is_gone(reader):
        for room in rooms:
            event = reader.state.get(room, {}).get(("m.room.member", user_id))
            if event and event["content"]["membership"] in ("join", "invite", "knock"):
                return False
        return True
    return Syncer(observer, ALL).until(is_gone, limit_s)


def assert_marked_leave(event, user_id, content=None):
    assert event["type"] == "m.room.member"
    assert event["content"] == (content or MARKED), event
    assert event["sender"] == event["state_key"] == user_id, event


def assert_one_marked_leave(observer, room, user_id, content=None):
    """The last membership is the marked leave, and there is no other leave of this user."""
    events = member_events(observer, room, user_id)
    leaves = [e for e in events if e["content"]["membership"] == "leave"]
    assert len(leaves) == 1, f"{room}: {events}"
    assert events[-1] is leaves[0], f"{room}: {events}"
    assert_marked_leave(leaves[0], user_id, content)


def has_key(content):
    return UNSTABLE in content or STABLE in content
