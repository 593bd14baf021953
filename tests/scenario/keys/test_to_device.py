"""Messages to devices: each device gets each message once, and until it says so it is kept."""

import concurrent.futures
import threading

import pytest

from harness import uia
from harness.client import quote, unique

LIMIT = 100     # of one answer


def send(client, messages, kind="m.test", txn=None):
    return client.put(f"sendToDevice/{quote(kind)}/{quote(txn or unique('txn'))}", {"messages": messages})


def received(answer):
    return answer["to_device"]["events"]


def message(number):
    return {"number": number}


def numbers(answer):
    return [event["content"]["number"] for event in received(answer)]


def test_a_message_comes_to_its_device_only(alice, bob):
    tablet = bob.login()
    send(alice, {bob.user_id: {bob.device_id: {"a": [1, {"b": None}], "ü": "\u0000"}}}).ok()
    answer = bob.sync_call().ok()
    assert received(answer) == [
        {"type": "m.test", "sender": alice.user_id, "content": {"a": [1, {"b": None}], "ü": "\u0000"}}]
    assert received(tablet.sync_call().ok()) == []
    assert received(alice.sync_call().ok()) == []


def test_a_star_is_every_device(alice, bob):
    tablet = bob.login()
    send(alice, {bob.user_id: {"*": message(1), tablet.device_id: message(2)},
                 alice.user_id: {"*": message(3)}}).ok()
    assert numbers(bob.sync_call().ok()) == [1]
    assert numbers(tablet.sync_call().ok()) == [2]
    assert numbers(alice.sync_call().ok()) == [3]


def test_it_is_kept_until_the_next_token_comes_back(alice, bob):
    start = bob.sync_call().ok()["next_batch"]
    send(alice, {bob.user_id: {bob.device_id: message(1)}}).ok()
    for _ in range(3):
        first = bob.sync_call(start).ok()
        assert numbers(first) == [1]
    assert numbers(bob.sync_call().ok()) == [1]
    assert numbers(bob.sync_call(first["next_batch"]).ok()) == []
    for since in (start, None, first["next_batch"]):
        assert numbers(bob.sync_call(since).ok()) == [], since


def test_it_wakes_a_long_poll(alice, bob):
    start = bob.sync_call().ok()["next_batch"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        poll = pool.submit(bob.sync_call, start, 20000)
        threading.Event().wait(0.2)     # most likely parked; right either way
        send(alice, {bob.user_id: {bob.device_id: message(1)}}).ok()
        assert numbers(poll.result(15).ok()) == [1]


def test_many_come_in_order_and_in_parts(alice, bob):
    since = bob.sync_call().ok()["next_batch"]
    for number in range(2 * LIMIT + 50):
        send(alice, {bob.user_id: {bob.device_id: message(number)}}).ok()
    seen = []
    for expected in (LIMIT, LIMIT, 50):
        answer = bob.sync_call(since, 5000).ok()        # at once: more is waiting
        assert len(received(answer)) == expected
        assert numbers(bob.sync_call(since).ok()) == numbers(answer)   # not acknowledged yet
        seen += numbers(answer)
        since = answer["next_batch"]
    assert seen == list(range(2 * LIMIT + 50))
    assert numbers(bob.sync_call(since).ok()) == []


def test_events_come_beside_a_long_queue(alice, bob):
    """The token of an answer that could not hold all messages still moves on in everything else."""
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    since = bob.sync_call().ok()["next_batch"]
    for number in range(LIMIT + 1):
        send(alice, {bob.user_id: {bob.device_id: message(number)}}).ok()
    event_id = alice.send(room, "hello")
    answer = bob.sync_call(since).ok()
    events = answer["rooms"]["join"][room]["timeline"]["events"]
    assert [e["event_id"] for e in events] == [event_id] and len(received(answer)) == LIMIT
    answer = bob.sync_call(answer["next_batch"]).ok()
    assert answer["rooms"]["join"] == {} and numbers(answer) == [LIMIT]


def test_a_transaction_is_done_once(alice, bob):
    txn = unique("txn")
    for _ in range(3):
        send(alice, {bob.user_id: {bob.device_id: message(1)}}, txn=txn).ok()
    send(alice, {bob.user_id: {bob.device_id: message(2)}}, kind="m.other", txn=txn).ok()
    send(alice.login(), {bob.user_id: {bob.device_id: message(3)}}, txn=txn).ok()
    answer = bob.sync_call().ok()
    assert numbers(answer) == [1, 2, 3]
    send(alice, {bob.user_id: {bob.device_id: message(1)}}, txn=txn).ok()
    assert numbers(bob.sync_call(answer["next_batch"]).ok()) == []


def test_the_same_transaction_at_once(alice, bob):
    txn = unique("txn")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(alice.with_token(alice.token).put, f"sendToDevice/m.test/{txn}",
                            {"messages": {bob.user_id: {"*": message(1)}}}) for _ in range(8)]
        for answer in sent:
            answer.result().ok()
    assert numbers(bob.sync_call().ok()) == [1]


def test_who_is_not_there_is_passed_over(alice, bob):
    gone = bob.login()
    gone.post("logout").ok()
    send(alice, {bob.user_id: {"NOSUCH": message(1), gone.device_id: message(2), bob.device_id: message(3)},
                 "@nobody:localhost": {"*": message(4)}, "@far:other.example": {"ABC": message(5)}}).ok()
    assert numbers(bob.sync_call().ok()) == [3]
    send(alice, {}).ok()
    send(alice, {bob.user_id: {}}).ok()


def test_an_ended_account_gets_and_sends_nothing(alice, bob):
    send(alice, {bob.user_id: {"*": message(1)}}).ok()
    uia.deactivate(bob).ok()
    send(alice, {bob.user_id: {"*": message(2), bob.device_id: message(3)}}).ok()
    send(bob, {alice.user_id: {"*": message(4)}}).expect(401, "M_UNKNOWN_TOKEN")
    assert numbers(alice.sync_call().ok()) == []


def test_a_device_of_the_same_name_inherits_nothing(alice, bob):
    phone = bob.login(device_id="PHONE")
    send(alice, {bob.user_id: {"PHONE": message(1)}}).ok()
    phone.post("logout").ok()
    assert numbers(bob.login(device_id="PHONE").sync_call().ok()) == []


def test_messages_outlive_a_kill(make_server, person):
    server = make_server()
    alice, bob = person("alice", on=server), person("bob", on=server)
    since = bob.sync_call().ok()["next_batch"]
    for number in range(5):
        send(alice, {bob.user_id: {"*": message(number)}}, txn=f"t{number}").ok()
    server.restart(clean=False)
    first = bob.sync_call(since).ok()
    assert numbers(first) == [0, 1, 2, 3, 4]
    send(alice, {bob.user_id: {"*": message(0)}}, txn="t0").ok()
    assert numbers(bob.sync_call(first["next_batch"]).ok()) == []
    server.restart(clean=False)
    assert numbers(bob.sync_call().ok()) == []


BOB = "@bob:localhost"
BAD = [
    ({}, 400, "M_MISSING_PARAM"),
    ({"messages": None}, 400, "M_BAD_JSON"),
    ({"messages": []}, 400, "M_BAD_JSON"),
    ({"messages": "x"}, 400, "M_BAD_JSON"),
    ({"messages": {BOB: []}}, 400, "M_BAD_JSON"),
    ({"messages": {BOB: "X"}}, 400, "M_BAD_JSON"),
    ({"messages": {BOB: {"X": []}}}, 400, "M_BAD_JSON"),
    ({"messages": {BOB: {"X": "text"}}}, 400, "M_BAD_JSON"),
    ({"messages": {BOB: {"X": None}}}, 400, "M_BAD_JSON"),
    ({"messages": {"bob": {"X": {}}}}, 400, "M_INVALID_PARAM"),
    ({"messages": {"": {"X": {}}}}, 400, "M_INVALID_PARAM"),
    ({"messages": {"#bob:localhost": {"X": {}}}}, 400, "M_INVALID_PARAM"),
    ({"messages": {BOB: {"X": {"t": "x" * 65536}}}}, 413, "M_TOO_LARGE"),
    ({"messages": {BOB: {str(n): {} for n in range(5001)}}}, 413, "M_TOO_LARGE"),
    ({"messages": {BOB: {str(n): {"t": "x" * 6500} for n in range(200)}}}, 413, "M_TOO_LARGE"),
]


@pytest.mark.parametrize("body, status, errcode", BAD)
def test_bad_bodies(alice, body, status, errcode):
    alice.put(f"sendToDevice/m.test/{unique('txn')}", body).expect(status, errcode)


def test_bad_names(alice):
    good = {"messages": {alice.user_id: {"*": message(1)}}}
    for path in (f"{'x' * 256}/t", f"m.test/{'x' * 256}"):
        alice.put(f"sendToDevice/{path}", good).expect(400, "M_INVALID_PARAM")
    alice.put(f"sendToDevice/{'x' * 255}/{'x' * 255}", good).ok()
    alice.put("sendToDevice/m.test/t", good, token=None).expect(401, "M_MISSING_TOKEN")
    assert numbers(alice.sync_call().ok()) == [1]


def test_a_refused_sending_is_not_done_in_part(alice, bob):
    txn = unique("txn")
    alice.put(f"sendToDevice/m.test/{txn}",
              {"messages": {bob.user_id: {"*": message(1)}, "bob": {}}}).expect(400, "M_INVALID_PARAM")
    assert numbers(bob.sync_call().ok()) == []
    send(alice, {bob.user_id: {"*": message(2)}}, txn=txn).ok()     # the transaction id is still free
    assert numbers(bob.sync_call().ok()) == [2]


@pytest.mark.parametrize("token", ["s{pos}_{serial}_{less}_{tag}_", "s{pos}_{serial}_{more}_{tag}",
                                   "s{pos}_{serial}_-1_{tag}", "s{pos}_{serial}_x_{tag}", "s{pos}_{serial}__{tag}",
                                   "s{pos}_{serial}_{less}_x"])
def test_bad_tokens(alice, token):
    pos, serial, tag = alice.sync_call().ok()["next_batch"][1:].split("_")
    less, more = int(pos) - 1, int(pos) + 1
    alice.sync_call(token.format(pos=pos, serial=serial, tag=tag, less=less, more=more)).expect(400, "M_INVALID_PARAM")
    alice.sync_call(f"s{pos}_{serial}_{less}_{tag}").ok()
