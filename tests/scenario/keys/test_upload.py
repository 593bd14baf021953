"""keys/upload: a device's own keys, all of a request or nothing."""

import copy

import pytest

from harness import uia
from harness.keys import SIGNED, Device, claim, query


@pytest.fixture
def device(alice):
    return Device(alice)


def counts(answer):
    return answer.ok()["one_time_key_counts"]


def test_a_first_upload(device, alice, bob):
    keys = device.keys()
    answer = device.upload(device_keys=keys, one_time_keys=device.one_time(3), fallback_keys=device.fallback())
    assert answer.ok().json == {"one_time_key_counts": {SIGNED: 3}}
    found = query(bob, alice.user_id)["device_keys"]
    assert found == {alice.user_id: {alice.device_id: {**keys, "unsigned": {}}}}
    sync = alice.sync_call().ok()
    assert sync["device_one_time_keys_count"] == {SIGNED: 3}
    assert sync["device_unused_fallback_key_types"] == [SIGNED]


def test_an_empty_upload_counts(device, alice):
    assert counts(device.upload()) == {SIGNED: 0}
    device.upload(one_time_keys=device.one_time(2)).ok()
    for body in ({}, {"device_keys": None, "one_time_keys": None, "fallback_keys": None}, {"one_time_keys": {}}):
        assert counts(alice.post("keys/upload", body)) == {SIGNED: 2}
    assert alice.login().sync_call().ok()["device_one_time_keys_count"] == {SIGNED: 0}


def test_a_repeated_upload_changes_nothing(device, alice, bob):
    body = {"device_keys": device.keys(), "one_time_keys": device.one_time(5), "fallback_keys": device.fallback()}
    device.upload(**body).ok()
    since = alice.sync_call().ok()["next_batch"]
    assert counts(device.upload(**body)) == {SIGNED: 5}
    assert alice.sync_call(since).ok()["next_batch"] == since    # no list changed
    first = claim(bob, alice.user_id, alice.device_id)
    assert counts(device.upload(**body)) == {SIGNED: 4}     # what was given out does not come back
    others = [claim(bob, alice.user_id, alice.device_id) for _ in range(4)]
    assert first not in others and len({name for name, _ in others}) == 4


def test_a_name_that_is_there_with_another_content(device, alice, bob):
    keys = device.one_time(3)
    device.upload(one_time_keys=keys).ok()
    name = next(iter(keys))
    other = Device(alice).one_time(1)
    clash = {**device.one_time(2), name: next(iter(other.values()))}
    answer = device.upload(device_keys=device.keys(), one_time_keys=clash).expect(400, "M_UNKNOWN")
    assert f"One time key {name} already exists" in answer["error"]
    assert counts(device.upload()) == {SIGNED: 3}
    assert query(bob, alice.user_id)["device_keys"] == {alice.user_id: {}}      # nothing of the request was done


def test_a_name_may_be_used_again_for_another_key(device, alice, bob):
    keys = device.one_time(1)
    device.upload(one_time_keys=keys).ok()
    (name, _), = [claim(bob, alice.user_id, alice.device_id)]
    fresh = {name: next(iter(device.one_time(1).values()))}
    assert counts(device.upload(one_time_keys=fresh)) == {SIGNED: 1}
    assert claim(bob, alice.user_id, alice.device_id) == (name, fresh[name])


def test_the_order_of_members_does_not_matter(device):
    keys = device.one_time(1)
    device.upload(one_time_keys=keys).ok()
    name, key = next(iter(keys.items()))
    assert counts(device.upload(one_time_keys={name: dict(reversed(key.items()))})) == {SIGNED: 1}


def test_device_keys_may_change(device, alice, bob):
    device.publish()
    since = bob.sync_call().ok()["next_batch"]
    alice.create_room(preset="public_chat")
    changed = Device(alice)
    changed.publish()
    found = query(bob, alice.user_id)["device_keys"][alice.user_id][alice.device_id]
    assert found["keys"][f"ed25519:{alice.device_id}"] == changed.signing.public
    assert found["signatures"] == changed.keys()["signatures"]
    assert since


def test_others_signatures_are_not_the_devices_to_upload(device, alice, bob):
    keys = device.keys()
    keys["signatures"][bob.user_id] = {"ed25519:X": "c2lnbmF0dXJl"}
    keys["unsigned"] = {"device_display_name": "Not by the device"}
    device.upload(device_keys=keys).ok()
    found = query(bob, alice.user_id)["device_keys"][alice.user_id][alice.device_id]
    assert list(found["signatures"]) == [alice.user_id] and found["unsigned"] == {}


def test_unsigned_one_time_keys_are_texts(device, alice, bob):
    device.upload(one_time_keys={"curve25519:AAAA": "a2V5"}).ok()
    assert alice.sync_call().ok()["device_one_time_keys_count"] == {"curve25519": 1, SIGNED: 0}
    assert claim(bob, alice.user_id, alice.device_id, "curve25519") == ("curve25519:AAAA", "a2V5")


def test_a_fallback_key_is_replaced(device, alice, bob):
    first, second = device.fallback(), device.fallback()
    device.upload(fallback_keys=first).ok()
    assert dict([claim(bob, alice.user_id, alice.device_id)]) == first
    assert alice.sync_call().ok()["device_unused_fallback_key_types"] == []
    device.upload(fallback_keys=first).ok()     # repeated: it has been used all the same
    assert alice.sync_call().ok()["device_unused_fallback_key_types"] == []
    device.upload(fallback_keys=second).ok()
    assert alice.sync_call().ok()["device_unused_fallback_key_types"] == [SIGNED]
    assert dict([claim(bob, alice.user_id, alice.device_id)]) == second


def test_limits(device, alice):
    for _ in range(4):
        device.upload(one_time_keys=device.one_time(250)).ok()
    device.upload(one_time_keys=device.one_time(1)).expect(400, "M_INVALID_PARAM")
    assert counts(device.upload()) == {SIGNED: 1000}
    other = Device(alice.login())
    for number in range(8):
        other.upload(one_time_keys={f"a{number}:x": "k"}, fallback_keys={f"a{number}:x": "k"}).ok()
    other.upload(one_time_keys={"b:x": "k"}).expect(400, "M_INVALID_PARAM")
    other.upload(fallback_keys={"b:x": "k"}).expect(400, "M_INVALID_PARAM")
    other.upload(fallback_keys={f"c{number}:x": "k" for number in range(9)}).expect(400, "M_INVALID_PARAM")
    assert len(counts(other.upload())) == 9     # with signed_curve25519, which always stands there


BAD_DEVICE_KEYS = [
    (lambda k: [], "M_BAD_JSON"),
    (lambda k: "x", "M_BAD_JSON"),
    (lambda k: {}, "M_MISSING_PARAM"),
    (lambda k: {**k, "user_id": "@eve:localhost"}, "M_INVALID_PARAM"),
    (lambda k: {**k, "user_id": 1}, "M_BAD_JSON"),
    (lambda k: {**k, "device_id": "OTHER"}, "M_INVALID_PARAM"),
    (lambda k: {**k, "device_id": None}, "M_BAD_JSON"),
    (lambda k: {**k, "algorithms": "x"}, "M_BAD_JSON"),
    (lambda k: {**k, "algorithms": [1]}, "M_BAD_JSON"),
    (lambda k: {**k, "algorithms": ["a"] * 33}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": []}, "M_BAD_JSON"),
    (lambda k: {**k, "keys": {"ed25519:OTHER": "k"}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": {"ed25519": "k"}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": {f"ed25519:{k['device_id']}": 1}}, "M_BAD_JSON"),
    (lambda k: {**k, "signatures": []}, "M_BAD_JSON"),
    (lambda k: {**k, "signatures": {"eve": {}}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "signatures": {k["user_id"]: []}}, "M_BAD_JSON"),
    (lambda k: {**k, "signatures": {k["user_id"]: {"ed25519": "s"}}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "signatures": {k["user_id"]: {"ed25519:X": 1}}}, "M_BAD_JSON"),
    (lambda k: {**k, "signatures": {k["user_id"]: {"ed25519:X": "s" * 9000}}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "number": 1.5}, "M_BAD_JSON"),
    (lambda k: {**k, "more": "x" * 17000}, "M_TOO_LARGE"),
] + [(lambda k, name=name: {n: v for n, v in k.items() if n != name}, "M_MISSING_PARAM")
     for name in ("user_id", "device_id", "algorithms", "keys", "signatures")]


@pytest.mark.parametrize("change, errcode", BAD_DEVICE_KEYS)
def test_bad_device_keys(device, alice, change, errcode):
    answer = device.upload(device_keys=change(copy.deepcopy(device.keys())), one_time_keys=device.one_time(1))
    answer.expect(413 if errcode == "M_TOO_LARGE" else 400, errcode)
    assert counts(device.upload()) == {SIGNED: 0}


GOOD_KEY = {"key": "a2V5", "signatures": {"@a:localhost": {"ed25519:X": "c2ln"}}}
BAD_KEYS = [
    ([], "M_BAD_JSON"),
    ("x", "M_BAD_JSON"),
    ({"x": GOOD_KEY}, "M_INVALID_PARAM"),
    ({":x": GOOD_KEY}, "M_INVALID_PARAM"),
    ({"x:": GOOD_KEY}, "M_INVALID_PARAM"),
    ({"x:" + "y" * 254: GOOD_KEY}, "M_INVALID_PARAM"),
    ({"x:y": 1}, "M_BAD_JSON"),
    ({"x:y": None}, "M_BAD_JSON"),
    ({"x:y": []}, "M_BAD_JSON"),
    ({"x:y": {}}, "M_MISSING_PARAM"),
    ({"x:y": {"key": "k"}}, "M_MISSING_PARAM"),
    ({"x:y": {"signatures": {}}}, "M_MISSING_PARAM"),
    ({"x:y": {**GOOD_KEY, "key": 1}}, "M_BAD_JSON"),
    ({"x:y": {**GOOD_KEY, "signatures": 1}}, "M_BAD_JSON"),
    ({"x:y": {**GOOD_KEY, "signatures": {"x": {}}}}, "M_INVALID_PARAM"),
    ({"x:y": {**GOOD_KEY, "signatures": {"@a:localhost": {"X": "s"}}}}, "M_INVALID_PARAM"),
    ({"x:y": {**GOOD_KEY, "number": 0.5}}, "M_BAD_JSON"),
    ({"x:y": {**GOOD_KEY, "more": "x" * 17000}}, "M_TOO_LARGE"),
    ({"x:y": "x" * 17000}, "M_TOO_LARGE"),
]


@pytest.mark.parametrize("member", ["one_time_keys", "fallback_keys"])
@pytest.mark.parametrize("keys, errcode", BAD_KEYS)
def test_bad_keys(device, alice, member, keys, errcode):
    answer = device.upload(**{member: keys, "device_keys": device.keys()})
    answer.expect(413 if errcode == "M_TOO_LARGE" else 400, errcode)
    assert query(alice, alice.user_id)["device_keys"] == {alice.user_id: {}}


def test_two_fallback_keys_of_an_algorithm(device):
    device.upload(fallback_keys={"a:x": "k", "a:y": "k"}).expect(400, "M_INVALID_PARAM")


def test_more_one_time_keys_than_a_device_may_have(device):
    device.upload(one_time_keys={f"a:{n}": "k" for n in range(1001)}).expect(400, "M_INVALID_PARAM")


def test_who_may_upload(device, alice, server):
    alice.post("keys/upload", {}, token=None).expect(401, "M_MISSING_TOKEN")
    uia.deactivate(alice).ok()
    device.upload(device_keys=device.keys()).expect(401, "M_UNKNOWN_TOKEN")


def test_keys_outlive_a_kill(make_server, person):
    server = make_server()
    alice, bob = person("alice", on=server), person("bob", on=server)
    device = Device(alice)
    keys, one_time = device.keys(), device.one_time(2)
    device.upload(device_keys=keys, one_time_keys=one_time).ok()
    server.restart(clean=False)
    given = dict(claim(bob, alice.user_id, alice.device_id) for _ in range(1))
    server.restart(clean=False)
    given |= dict(claim(bob, alice.user_id, alice.device_id) for _ in range(1))
    assert given == one_time
    assert claim(bob, alice.user_id, alice.device_id) is None
    assert query(bob, alice.user_id)["device_keys"][alice.user_id][alice.device_id] == {**keys, "unsigned": {}}
