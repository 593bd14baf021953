"""Waiting for news: how long, for what, several at once, and tokens that are none."""

import concurrent.futures
import time

import pytest

from harness.client import Client, unique
from harness.parts import events, is_empty, section
from harness.rooms import clone
from harness.sync import Syncer


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool


def ids(answer, room):
    return [e["event_id"] for e in events(section(answer, room)[1], "timeline")]


@pytest.mark.parametrize("wait_ms", [0, 1, 300])
def test_an_empty_wait_takes_as_long_as_asked(alice, room, wait_ms):
    since = alice.sync_call().ok()["next_batch"]
    started = time.monotonic()
    answer = alice.sync_call(since, timeout_ms=wait_ms).ok().json
    assert is_empty(answer) and time.monotonic() - started >= wait_ms / 1000 - 0.01
    assert answer["next_batch"] == since


@pytest.mark.parametrize("params", [{}, {"full_state": "true"}])
def test_what_does_not_wait(alice, room, params):
    """An initial sync and one of the full state answer at once, whatever the timeout."""
    since = {"since": alice.sync_call().ok()["next_batch"]} if params else {}
    started = time.monotonic()
    assert alice.get("sync", params={"timeout": 20000, **since, **params}).ok()
    assert time.monotonic() - started < 10


def test_news_do_not_wait(alice, bob, room):
    since = alice.sync_call().ok()["next_batch"]
    sent = bob.send(room, "x")
    started = time.monotonic()
    assert ids(alice.sync_call(since, timeout_ms=20000).ok().json, room) == [sent]
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("wanted", [
    {"room": {"timeline": {"types": ["x"]}, "state": {"types": []}}}, {"room": {"rooms": []}}])
def test_what_is_filtered_away_does_not_answer(alice, bob, room, wanted, pool):
    """The wait goes on over what the filter hides, and ends with what it lets through."""
    since = alice.sync_call().ok()["next_batch"]
    waiting = pool.submit(lambda: clone(alice).sync_call(since, timeout_ms=20000, filter=wanted).ok().json)
    for n in range(5):
        bob.send(room, str(n))
    assert not concurrent.futures.wait([waiting], timeout=0.2).done
    alice.set_account_data("org.example", {}).ok()
    answer = waiting.result(20)
    assert events(answer, "account_data") and not any(answer["rooms"].values())


def test_several_of_one_device(alice, bob, room, pool):
    """Each gets everything since its own token; none takes it from another."""
    since = alice.sync_call().ok()["next_batch"]
    waiting = [pool.submit(lambda: clone(alice).sync_call(since, timeout_ms=20000).ok().json) for _ in range(8)]
    sent = bob.send(room, "x")
    for one in waiting:
        answer = one.result(20)
        assert ids(answer, room) == [sent]
    again = bob.send(room, "y")
    assert ids(alice.sync_call(since).ok().json, room) == [sent, again]


def test_old_tokens_stay_good(alice, bob, room):
    tokens = [alice.sync_call().ok()["next_batch"]]
    sent = []
    for n in range(6):
        sent.append(bob.send(room, str(n)))
        tokens.append(alice.sync_call(tokens[-1]).ok()["next_batch"])
    for n, token in enumerate(tokens):
        assert ids(alice.sync_call(token).ok().json, room) == sent[n:] if n < 6 else True


@pytest.mark.parametrize("value", ["online", "offline", "unavailable"])
def test_set_presence(alice, value):
    alice.get("sync", params={"set_presence": value}).ok()


@pytest.mark.parametrize("value", ["", "busy", "Online", "online,offline", "1"])
def test_bad_set_presence(alice, value):
    answer = alice.get("sync", params={"set_presence": value}).expect(400, "M_INVALID_PARAM")
    assert "set_presence" in answer["error"]


def changed(token):
    """Tokens that this server never gave out: too new, of another store, cut, prolonged."""
    kind, rest = token[0], token[1:]
    pos, serial, tag = rest.split("_")
    yield f"{kind}{int(pos) + 1000000}_{serial}_{tag}"
    yield f"{kind}{pos}_{serial}_{tag[::-1]}x"
    yield f"{kind}{pos}_{serial}_"
    yield f"{kind}{pos}_{serial}"
    yield f"{kind}{pos}"
    yield token + "_"
    yield token + "0"
    yield f"{kind}-{pos}_{serial}_{tag}"
    yield f"{kind}{pos}_{serial}_{tag.swapcase()}"
    yield f"x{rest}"


def test_foreign_tokens(alice):
    token = alice.sync_call().ok()["next_batch"]
    for bad in changed(token):
        answer = alice.get("sync", params={"since": bad}).expect(400, "M_INVALID_PARAM")
        assert "since" in answer["error"], bad
    alice.sync_call(token).ok()


def test_a_token_says_nothing_of_whose_it_is(alice, bob, room):
    """Another user's token is a position, no more: one sees what one may see oneself."""
    secret = alice.create_room()
    since = alice.sync_call().ok()["next_batch"]
    alice.send(secret, "x")
    sent = alice.send(room, "y")
    answer = bob.sync_call(since).ok().json
    assert ids(answer, room) == [sent] and section(answer, secret)[0] == ""


def test_without_a_token(server):
    assert Client(server).get("sync", token=None).expect(401, "M_MISSING_TOKEN")
    assert Client(server).get("sync", token="nonsense").expect(401, "M_UNKNOWN_TOKEN")


def test_busy_rooms_and_one_reader(alice, bob, room, pool):
    """Everything once and in order, while others write without a pause."""
    reader = Syncer(alice)
    reader.step()
    before = len(reader.events(room))
    writers = [pool.submit(lambda c=clone(bob), n=n: [c.send(room, f"{n}.{i}", txn=unique("busy"))
                                                      for i in range(15)]) for n in range(4)]
    sent = lambda: {e for w in writers if w.done() for e in w.result()}  # noqa: E731
    deadline = time.monotonic() + 60
    while not all(w.done() for w in writers) or len(reader.events(room)) - before < 60:
        assert time.monotonic() < deadline
        reader.filter = {"room": {"timeline": {"limit": 100}}}
        reader.step(timeout_ms=1000)
    got = [e["event_id"] for e in reader.events(room)[before:]]
    assert len(got) == len(set(got)) == 60 and set(got) == sent()
