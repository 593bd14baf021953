"""Reports of rooms, events and users."""

import pytest

from harness.client import Client, quote, unique
from harness.rooms import path
from harness.uia import deactivate

REASON = {"reason": "makes me feel sad"}
NOWHERE = "!nowhere:localhost"


def user_path(user_id):
    return f"users/{quote(user_id)}/report"


def kept(server, reporter):
    """What the store keeps of the reports of a user: kind, room, event, user, reason."""
    return server.database.sql(
        "SELECT kind, room_id, event_id, user_id, reason FROM reports WHERE reporter="
        f"(SELECT nid FROM users WHERE user_id='{reporter.user_id}') ORDER BY nid")


@pytest.fixture
def room(alice, bob):
    made = alice.create_room(preset="public_chat")
    bob.join(made).ok()
    return made


def test_room(server, bob, person, room):
    """By who is in it, and by who is not."""
    carol = person("carol")
    for client in (bob, carol):
        assert client.post(path(room, "report"), REASON).ok().json == {}
        assert kept(server, client) == [["0", room, "", "", REASON["reason"]]]


def test_event(server, alice, bob, room):
    event = alice.send(room, "something bad")
    assert bob.post(path(room, "report", event), REASON).ok().json == {}
    assert kept(server, bob) == [["1", room, event, alice.user_id, REASON["reason"]]]


def test_user(server, alice, bob):
    assert bob.post(user_path(alice.user_id), REASON).ok().json == {}
    assert kept(server, bob) == [["2", "", "", alice.user_id, REASON["reason"]]]


def test_the_same_again_is_one_report(server, alice, bob, room):
    event = alice.send(room, "something bad")
    for reason in ("bad", "really bad"):
        bob.post(path(room, "report", event), {"reason": reason}).ok()
    assert [row[4] for row in kept(server, bob)] == ["really bad"]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": None}, {"score": -100}, {"score": "x"},
                                  {"reason": "ü\U0001f600\n", "score": 5}], ids=str)
def test_event_bodies(server, alice, bob, room, body):
    """The reason of an event may be left out; score is of earlier versions."""
    bob.post(path(room, "report", alice.send(room, "x")), body).ok()
    assert [row[0] for row in kept(server, bob)] == ["1"]


def targets(client, other, room):
    return [path(room, "report"), path(room, "report", client.send(room, "x")), user_path(other.user_id)]


BAD = [({"reason": 5}, 400, "M_BAD_JSON"), ({"reason": []}, 400, "M_BAD_JSON"),
       ({"reason": {}}, 400, "M_BAD_JSON"), ({"reason": "x" * 4097}, 413, "M_TOO_LARGE")]


@pytest.mark.parametrize("body,status,errcode", BAD, ids=lambda value: str(value)[:24])
def test_bad_reasons(server, alice, bob, room, body, status, errcode):
    for target in targets(bob, alice, room):
        bob.post(target, body).expect(status, errcode)
    assert kept(server, bob) == []


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{"])
def test_bad_bodies(alice, bob, room, data):
    for target in targets(bob, alice, room):
        answer = bob.post(target, data=data).expect(400)
        assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON")


def test_missing_reasons(alice, bob, room):
    bob.post(path(room, "report"), {}).expect(400, "M_MISSING_PARAM")
    bob.post(user_path(alice.user_id), {}).expect(400, "M_MISSING_PARAM")


def test_what_is_not_there(alice, bob, person, room):
    other = alice.create_room()
    event, secret = alice.send(room, "x"), alice.send(other, "y")
    carol = person("carol")
    for client, target, status, errcode in [
            (bob, path(NOWHERE, "report"), 404, "M_NOT_FOUND"),
            (bob, path("nonsense", "report"), 400, "M_INVALID_PARAM"),
            (bob, path(NOWHERE, "report", event), 404, "M_NOT_FOUND"),
            (bob, path("nonsense", "report", event), 400, "M_INVALID_PARAM"),
            (bob, path(room, "report", "$nothing"), 404, "M_NOT_FOUND"),
            (bob, path(room, "report", "nonsense"), 404, "M_NOT_FOUND"),
            (bob, path(room, "report", secret), 404, "M_NOT_FOUND"),       # of another room
            (bob, path(other, "report", secret), 404, "M_NOT_FOUND"),
            (carol, path(room, "report", event), 404, "M_NOT_FOUND"),      # not joined
            (bob, user_path("@nobody:localhost"), 404, "M_NOT_FOUND"),
            (bob, user_path("@nobody:elsewhere.example"), 404, "M_NOT_FOUND"),
            (bob, user_path("nonsense"), 400, "M_INVALID_PARAM")]:
        client.post(target, REASON).expect(status, errcode)


def test_after_leaving(alice, bob, room):
    """Who left reads on, but does not report events any more."""
    event = alice.send(room, "x")
    bob.leave(room).ok()
    bob.get(path(room, "event", event)).ok()
    bob.post(path(room, "report", event), REASON).expect(404, "M_NOT_FOUND")
    bob.post(path(room, "report"), REASON).ok()


def test_before_joining(alice, person, room):
    """An event that one may not see."""
    alice.set_state(room, "m.room.history_visibility", {"history_visibility": "joined"}).ok()
    event = alice.send(room, "x")
    carol = person("carol")
    carol.join(room).ok()
    carol.post(path(room, "report", event), REASON).expect(404, "M_NOT_FOUND")


def test_of_an_ignored_user(server, alice, bob, room):
    event = alice.send(room, "x")
    bob.set_account_data("m.ignored_user_list", {"ignored_users": {alice.user_id: {}}}).ok()
    bob.post(path(room, "report", event), REASON).ok()
    assert len(kept(server, bob)) == 1


def test_redacted(alice, bob, room):
    event = alice.send(room, "x")
    alice.put(path(room, "redact", event, unique("t")), {}).ok()
    bob.post(path(room, "report", event), REASON).ok()


def test_need_a_token(anonymous, alice, room):
    for target in targets(alice, alice, room):
        anonymous.post(target, REASON).expect(401, "M_MISSING_TOKEN")


def test_too_many(bob):
    """So many of one user wait, and no more; those of others are not touched."""
    names = [f"@many{number}:localhost" for number in range(501)]
    room = bob.create_room()
    for name in names:
        bob.ban(room, name).ok()
    for name in names[:500]:
        bob.post(user_path(name), REASON).ok()
    answer = bob.post(user_path(names[500]), REASON).expect(429, "M_LIMIT_EXCEEDED")
    assert int(answer.headers["Retry-After"]) > 0
    bob.post(user_path(names[0]), REASON).ok()


def test_kept_after_the_end(make_server):
    """A report outlives the account of who made it."""
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    bob.post(user_path(alice.user_id), REASON).ok()
    deactivate(bob, erase=True).ok()
    bob.post(user_path(alice.user_id), REASON).expect(401, "M_UNKNOWN_TOKEN")
    server.restart(clean=False)
    assert len(kept(server, bob)) == 1
