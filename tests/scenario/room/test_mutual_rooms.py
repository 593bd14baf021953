"""Rooms that two users share."""

import pytest

from harness.client import Client, unique

PATH = "/_matrix/client/v1/mutual_rooms"


def mutual(client, user_id, **more):
    return client.get(PATH, params={"user_id": user_id, **more})


def test_shared_rooms(alice, bob, person):
    carol = person("carol")
    rooms = [alice.create_room(preset="public_chat") for _ in range(4)]
    assert mutual(alice, bob.user_id).ok().json == {"joined": [], "count": 0}
    for room in rooms[:3]:
        bob.join(room).ok()
    carol.join(rooms[3]).ok()
    for one, other in ((alice, bob), (bob, alice)):
        answer = mutual(one, other.user_id).ok()
        assert set(answer["joined"]) == set(rooms[:3]) and answer["count"] == 3 and "next_batch" not in answer.json
    assert mutual(bob, carol.user_id).ok()["joined"] == []


def test_only_joined_ones(alice, bob):
    room = alice.create_room(invite=[bob.user_id])
    assert mutual(alice, bob.user_id).ok()["joined"] == []
    bob.join(room).ok()
    assert mutual(alice, bob.user_id).ok()["joined"] == [room]
    bob.leave(room).ok()
    assert mutual(alice, bob.user_id).ok()["joined"] == []
    alice.ban(room, bob.user_id).ok()
    assert mutual(bob, alice.user_id).ok().json == {"joined": [], "count": 0}


@pytest.mark.parametrize("user_id", ["@nobody:localhost", "@nobody:elsewhere.example"])
def test_unknown_users(alice, user_id):
    """There are none with who does not exist."""
    assert mutual(alice, user_id).ok().json == {"joined": [], "count": 0}


@pytest.mark.parametrize("params,errcode", [
    ({}, "M_MISSING_PARAM"), ({"user_id": ""}, "M_INVALID_PARAM"), ({"user_id": "bob"}, "M_INVALID_PARAM"),
    ({"user_id": "@b"}, "M_INVALID_PARAM"), ({"user_id": "@b:x", "from": ""}, "M_INVALID_PARAM"),
    ({"user_id": "@b:x", "from": "nonsense"}, "M_INVALID_PARAM"), ({"user_id": "@b:x", "from": "-1"}, "M_INVALID_PARAM"),
    ({"user_id": "@b:x", "from": "9" * 30}, "M_INVALID_PARAM")], ids=str)
def test_bad_input(alice, params, errcode):
    alice.get(PATH, params=params).expect(400, errcode)


def test_with_oneself(alice):
    mutual(alice, alice.user_id).expect(400, "M_INVALID_PARAM")


def test_needs_a_token(anonymous):
    mutual(anonymous, "@b:x").expect(401, "M_MISSING_TOKEN")


def test_pages(make_server):
    """More than fit into one answer, each once; the count is that of all."""
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    rooms = set()
    for _ in range(1003):
        room = alice.create_room(preset="public_chat", room_version="10")
        bob.join(room).ok()
        rooms.add(room)
    first = mutual(alice, bob.user_id).ok()
    assert len(first["joined"]) == 1000 and first["count"] == 1003
    second = mutual(alice, bob.user_id, **{"from": first["next_batch"]}).ok()
    assert len(second["joined"]) == 3 and second["count"] == 1003 and "next_batch" not in second.json
    assert set(first["joined"] + second["joined"]) == rooms
