"""Sliding sync: pos, lost answers, several connections, restarts, and waiting."""

import concurrent.futures
import time

import pytest

from harness.client import Client, unique
from harness.rooms import clone
from harness.sliding import Slider, bodies, lists
from harness.uia import deactivate


@pytest.fixture(params=["stable", "unstable"])
def stable(request):
    return request.param == "stable"


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat", name="Room")
    bob.join(room).ok()
    return room


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield pool


BODY = {"lists": lists(0, 99, 10)}


def told(answer, room):
    return bodies(answer.json["rooms"].get(room, {}))


def test_the_same_pos_again(alice, bob, room, stable):
    """An answer that got lost is given again: the same, or with what came since."""
    reader = Slider(alice, BODY, stable)
    reader.step()
    bob.send(room, "one")
    for _ in range(3):
        assert told(reader.call(reader.pos).ok(), room) == ["one"]
    bob.send(room, "two")
    assert told(reader.call(reader.pos).ok(), room) == ["one", "two"]
    reader.step()
    assert told(reader.call(reader.pos).ok(), room) == []


def test_the_same_pos_again_for_new_rooms(alice, bob, stable):
    """What the lost answer noted as told does not count."""
    rooms = [alice.create_room(name=f"Room {n}") for n in range(6)]
    reader = Slider(alice, {"lists": lists(0, 1)}, stable)
    reader.step()
    for _ in range(6):  # more often than versions are kept
        answer = reader.call(reader.pos, lists=lists(0, 9)).ok().json
        assert set(answer["rooms"]) == set(rooms[:4])
        assert all(part["initial"] for part in answer["rooms"].values())
    reader.step(lists=lists(0, 9))
    assert reader.step()["rooms"] == {}


def test_another_body_at_the_same_pos(alice, bob, room, stable):
    """A client gives a request up and asks for something else instead."""
    other = alice.create_room(name="Other")
    reader = Slider(alice, {"lists": lists(0, 0)}, stable)
    reader.step()
    assert set(reader.call(reader.pos, lists=lists(0, 9)).ok()["rooms"]) == {room}
    wish = {"timeline_limit": 3, "required_state": []}
    answer = reader.call(reader.pos, room_subscriptions={other: wish}).ok().json
    assert set(answer["rooms"]) == {other} and len(answer["rooms"][other]["timeline"]) == 3


def test_an_old_pos(alice, bob, room):
    """Either it is still known, or the client hears that it has to begin anew; never a wrong answer."""
    reader = Slider(alice, {"lists": lists(0, 0)})
    reader.step()
    first = reader.pos
    rooms = []
    for _ in range(8):
        rooms.append(alice.create_room())
        reader.step(lists=lists(0, len(rooms)))
    answer = reader.call(first)
    if answer.status == 200:
        assert set(rooms) <= set(answer["rooms"])
    else:
        answer.expect(400, "M_UNKNOWN_POS")
    assert reader.step()["rooms"] == {}


def tampered(pos):
    kind, (at, typing, connection, version, tag) = pos[0], pos[1:].split("_")
    yield from ("nonsense", "0", "-1", "s" + pos[1:], pos + "_", pos + "x", pos[:-1], pos[1:], "p", "p____", "x" * 5000)
    yield f"{kind}{int(at) + 1000000}_{typing}_{connection}_{version}_{tag}"
    yield f"{kind}{at}_{typing}_{int(connection) + 1000}_{version}_{tag}"
    yield f"{kind}{at}_{typing}_0_{version}_{tag}"
    yield f"{kind}{at}_{typing}_{connection}_{int(version) + 1}_{tag}"
    yield f"{kind}{at}_{typing}_{connection}_{version}_{tag.swapcase()}"
    yield f"{kind}-{at}_{typing}_{connection}_{version}_{tag}"


def test_unknown_positions(alice, room, stable):
    reader = Slider(alice, BODY, stable)
    reader.step()
    for pos in tampered(reader.pos):
        answer = reader.call(pos).expect(400, "M_UNKNOWN_POS")
        assert "pos" in answer["error"]
    assert reader.step()["rooms"] == {}


def test_a_pos_of_somebody_else(alice, bob, room, stable):
    """Of another user, another device, another connection: unknown."""
    reader = Slider(alice, BODY, stable)
    reader.step()
    for client, conn_id in ((bob, "main"), (alice.login(), "main"), (alice, "other"), (alice, None), (alice, "")):
        other = Slider(client, BODY, stable, conn_id)
        if conn_id is None:
            del other.body["conn_id"]
        other.call(reader.pos).expect(400, "M_UNKNOWN_POS")
    assert reader.call(reader.pos).ok()


def test_no_conn_id_is_a_connection_too(alice, bob, room):
    reader, other = Slider(alice, BODY), Slider(alice, BODY)
    del reader.body["conn_id"]
    reader.step(), other.step()
    bob.send(room, "x")
    assert told(reader.call(reader.pos), room) == told(other.call(other.pos), room) == ["x"]


def test_connections_do_not_disturb_each_other(alice, bob, room):
    readers = [Slider(alice, BODY, conn_id=name) for name in ("room-list", "encryption", "a", "b")]
    readers += [Slider(alice.login(), BODY), Slider(bob, BODY)]
    for reader in readers:
        assert room in reader.step()["rooms"]
    bob.send(room, "x")
    for reader in readers:
        assert bodies(reader.step()["rooms"][room]) == ["x"]


def test_a_connection_that_begins_again(alice, room):
    """Without pos everything is told as the first time; the old positions are unknown from then on."""
    reader = Slider(alice, BODY)
    reader.step()
    old = reader.pos
    reader.pos = None
    assert reader.step()["rooms"][room]["initial"] is True
    reader.call(old).expect(400, "M_UNKNOWN_POS")
    assert reader.step()["rooms"] == {}


def test_connections_of_a_device_are_bounded(alice, bob, room):
    """The one that was written longest ago gives way."""
    readers = [Slider(alice, BODY, conn_id=f"c{n}") for n in range(20)]
    for reader in readers:
        reader.step()
    bob.send(room, "x")
    for reader in readers[:4]:
        reader.call(reader.pos).expect(400, "M_UNKNOWN_POS")
    for reader in readers[4:]:
        assert bodies(reader.step()["rooms"][room]) == ["x"]
    reader = Slider(alice.login(), BODY)
    assert room in reader.step()["rooms"]
    assert readers[-1].step()["rooms"] == {}


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_a_restart_is_not_noticed(make_server, how):
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    rooms = [alice.create_room(preset="public_chat") for _ in range(3)]
    bob.join(rooms[0]).ok()
    reader = Slider(alice, {"lists": lists(0, 0)})
    reader.step()
    bob.send(rooms[0], "before")
    server.restart(clean=how == "SIGTERM")
    bob.send(rooms[0], "after")
    answer = reader.step()
    assert bodies(answer["rooms"][rooms[0]])[-1] == "after"
    answer = reader.step(lists=lists(0, 9))
    assert set(answer["rooms"]) == set(rooms[1:]) and reader.step()["rooms"] == {}


def test_the_end_of_a_session(alice, room, person):
    for end in ("logout", "logout/all"):
        carol = person("carol")
        reader = Slider(carol, BODY)
        reader.step()
        carol.post(end).ok()
        reader.call(reader.pos).expect(401, "M_UNKNOWN_TOKEN")
        fresh = carol.login()
        Slider(fresh, BODY).call(reader.pos).expect(400, "M_UNKNOWN_POS")


def test_the_end_of_an_account(person, pool):
    """A poll that waits is ended, and the connection is gone."""
    carol = person("carol")
    carol.create_room()
    reader = Slider(carol, BODY)
    reader.step()
    waiting = pool.submit(lambda: Slider(clone(carol), BODY).call(reader.pos, timeout_ms=20000))
    assert not concurrent.futures.wait([waiting], timeout=0.2).done
    deactivate(carol).ok()
    waiting.result(20).expect(401, "M_UNKNOWN_TOKEN")


# ---- waiting ----

def test_waits(alice, room, stable):
    reader = Slider(alice, BODY, stable)
    reader.step()
    for wait_ms in (0, 1, 300):
        started = time.monotonic()
        answer = reader.call(reader.pos, timeout_ms=wait_ms).ok().json
        assert answer["rooms"] == {} and time.monotonic() - started >= wait_ms / 1000 - 0.01


def test_the_first_request_does_not_wait(alice, stable):
    started = time.monotonic()
    Slider(alice, BODY, stable).call(timeout_ms=20000).ok()
    assert time.monotonic() - started < 10


WAKERS = {
    "message": lambda a, b, r: b.send(r, "x"),
    "invite": lambda a, b, r: b.create_room(invite=[a.user_id]),
    "own room": lambda a, b, r: clone(a).create_room(),
    "kick": lambda a, b, r: b.leave(r).ok(),
    "dm": lambda a, b, r: a.set_account_data("m.direct", {b.user_id: [r]}).ok(),
}


@pytest.mark.parametrize("what", WAKERS)
def test_news_wake(alice, bob, room, what, pool, stable):
    reader = Slider(alice, BODY, stable)
    reader.step()
    waiting = pool.submit(lambda: Slider(clone(alice), BODY, stable).call(reader.pos, timeout_ms=20000).ok().json)
    assert not concurrent.futures.wait([waiting], timeout=0.15).done
    WAKERS[what](alice, bob, room)
    assert waiting.result(19)["rooms"]


def test_what_is_not_wanted_does_not_wake(alice, bob, room, pool, stable):
    """Rooms outside the window, state that nobody asked for, extensions that are off."""
    newest = alice.create_room(preset="public_chat")
    body = {"lists": lists(0, 0, filters={"is_dm": True}), "room_subscriptions": {
        newest: {"timeline_limit": 1, "required_state": []}}}
    reader = Slider(alice, body, stable)
    reader.step()
    waiting = pool.submit(lambda: Slider(clone(alice), body, stable).call(reader.pos, timeout_ms=20000).ok().json)
    bob.send(room, "x")
    alice.set_account_data("org.example", {}).ok()
    bob.put(f"rooms/{room}/typing/{bob.user_id}", {"typing": True}).ok()
    assert not concurrent.futures.wait([waiting], timeout=0.3).done
    clone(alice).send(newest, "y")
    assert set(waiting.result(19)["rooms"]) == {newest}


def test_an_empty_answer_loses_nothing(alice, bob, stable):
    """What nobody wanted while the poll waited is told when it is wanted."""
    rooms = [alice.create_room(preset="public_chat") for _ in range(2)]
    reader = Slider(alice, {"lists": lists(0, 9, 5)}, stable)
    reader.step()
    reader.step(lists={})
    for n in range(3):
        alice.send(rooms[0], str(n))
        assert reader.step(timeout_ms=50)["rooms"] == {}
    answer = reader.step(lists=lists(0, 9, 5))
    assert bodies(answer["rooms"][rooms[0]]) == ["0", "1", "2"]
    assert reader.step()["rooms"] == {}


def test_pos_for_messages(alice, bob, room, stable):
    """pos is a place in a room's history, like next_batch."""
    reader = Slider(alice, BODY, stable)
    reader.step()
    pos = reader.pos
    sent = [bob.send(room, str(n)) for n in range(3)]
    page = alice.messages(room, dir="f", **{"from": pos}).ok()["chunk"]
    assert [e["event_id"] for e in page] == sent
    page = alice.messages(room, dir="b", limit=1, **{"from": pos}).ok()["chunk"]
    assert page[0]["event_id"] not in sent


def test_everything_once_and_in_order(alice, bob, room, pool):
    reader = Slider(alice, {"lists": lists(0, 0, 100)})
    reader.step()
    writers = [pool.submit(lambda c=clone(bob), n=n: [c.send(room, f"{n}.{i}", txn=unique("s"))
                                                      for i in range(15)]) for n in range(4)]
    got = []
    deadline = time.monotonic() + 60
    while len(got) < 60:
        assert time.monotonic() < deadline
        part = reader.step(timeout_ms=1000)["rooms"].get(room, {})
        assert "limited" not in part and part.get("num_live", 0) == len(part.get("timeline", []))
        got += [e["event_id"] for e in part.get("timeline", [])]
    sent = {e for w in writers for e in w.result(30)}
    assert len(got) == len(set(got)) == 60 and set(got) == sent


def test_versions_say_so(alice):
    features = alice.get("/_matrix/client/versions").ok()["unstable_features"]
    assert features["org.matrix.simplified_msc3575"] is True
