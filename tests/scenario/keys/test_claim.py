"""keys/claim: a one-time key is given once, whoever asks and whatever happens."""

import collections
import concurrent.futures

import pytest

from harness import uia
from harness.keys import SIGNED, Device, claim
from harness.rooms import clone

AT_ONCE = 64


def claim_call(client, users):
    return client.post("keys/claim", {"one_time_keys": users})


def test_the_oldest_is_given_first(alice, bob):
    device = Device(alice)
    uploads = [device.one_time(3) for _ in range(3)]
    for keys in uploads:
        device.upload(one_time_keys=keys).ok()
    for keys in uploads:
        assert dict(claim(bob, alice.user_id, alice.device_id) for _ in range(3)) == keys
    assert claim(bob, alice.user_id, alice.device_id) is None
    assert alice.sync_call().ok()["device_one_time_keys_count"] == {SIGNED: 0}


def test_the_fallback_key_is_given_again_and_again(alice, bob):
    device = Device(alice)
    one_time, fallback = device.one_time(1), device.fallback()
    device.upload(one_time_keys=one_time, fallback_keys=fallback).ok()
    assert dict([claim(bob, alice.user_id, alice.device_id)]) == one_time
    assert alice.sync_call().ok()["device_unused_fallback_key_types"] == [SIGNED]
    for _ in range(3):
        assert dict([claim(bob, alice.user_id, alice.device_id)]) == fallback
    assert alice.sync_call().ok()["device_unused_fallback_key_types"] == []
    fresh = device.one_time(1)
    device.upload(one_time_keys=fresh).ok()
    assert dict([claim(bob, alice.user_id, alice.device_id)]) == fresh


def test_many_devices_at_once(person):
    alice, bob, eve = person("alice"), person("bob"), person("eve")
    devices = [Device(c) for c in (alice, alice.login(), bob, bob.login())]
    keys = {}
    for device in devices[:3]:
        keys[device.client.device_id] = device.one_time(1)
        device.upload(one_time_keys=keys[device.client.device_id]).ok()
    users = collections.defaultdict(dict)
    for device in devices:
        users[device.client.user_id][device.client.device_id] = SIGNED
    users[bob.user_id]["NOSUCH"] = SIGNED
    users["@nobody:localhost"] = {"X": SIGNED}
    users["@far:other.example"] = {"X": SIGNED}
    answer = claim_call(eve, users).ok()
    assert answer["one_time_keys"] == {
        alice.user_id: {d.client.device_id: keys[d.client.device_id] for d in devices[:2]},
        bob.user_id: {bob.device_id: keys[bob.device_id]}}
    assert list(answer["failures"]) == ["other.example"]


def test_another_algorithm_is_another_stock(alice, bob):
    device = Device(alice)
    device.upload(one_time_keys=device.one_time(1)).ok()
    assert claim(bob, alice.user_id, alice.device_id, "curve25519") is None
    assert claim(bob, alice.user_id, alice.device_id) is not None


def test_an_ended_device_has_no_keys(alice, bob):
    tablet = alice.login()
    Device(tablet).publish(2)
    tablet.post("logout").ok()
    assert claim(bob, alice.user_id, tablet.device_id) is None
    Device(alice).publish(2)
    uia.deactivate(alice).ok()
    assert claim(bob, alice.user_id, alice.device_id) is None


def claim_all(claimers, user_id, device_id):
    """What each of them was given, all asking at once."""
    with concurrent.futures.ThreadPoolExecutor(len(claimers)) as pool:
        return list(pool.map(lambda c: claim(c, user_id, device_id), claimers))


def test_many_claims_at_once(alice, bob):
    """Each key goes to exactly one of them; those who come too late get the fallback key."""
    device = Device(alice)
    keys, fallback = device.one_time(AT_ONCE - 8), device.fallback()
    device.upload(one_time_keys=keys, fallback_keys=fallback).ok()
    given = claim_all([clone(bob) for _ in range(AT_ONCE)], alice.user_id, alice.device_id)
    names = collections.Counter(name for name, _ in given)
    assert names == {**{name: 1 for name in keys}, next(iter(fallback)): 8}
    assert all(key == {**keys, **fallback}[name] for name, key in given)


def test_claims_and_uploads_at_once(alice, bob):
    """A client that repeats its uploads while others claim: still each key once."""
    device = Device(alice)
    keys = device.one_time(40)
    uploaders = [clone(alice) for _ in range(8)]
    device.upload(one_time_keys=keys).ok()
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        uploads = [pool.submit(u.post, "keys/upload", {"one_time_keys": keys}) for u in uploaders for _ in range(4)]
        claims = [pool.submit(claim, clone(bob), alice.user_id, alice.device_id) for _ in range(60)]
        for upload in uploads:
            upload.result().ok()
        given = [c.result() for c in claims]
    names = [item[0] for item in given if item]
    assert len(names) == len(set(names)) == 40


BAD = [
    ({}, "M_MISSING_PARAM"),
    ({"one_time_keys": []}, "M_BAD_JSON"),
    ({"one_time_keys": None}, "M_BAD_JSON"),
    ({"one_time_keys": {"@a:localhost": []}}, "M_BAD_JSON"),
    ({"one_time_keys": {"@a:localhost": "X"}}, "M_BAD_JSON"),
    ({"one_time_keys": {"@a:localhost": {"X": 1}}}, "M_BAD_JSON"),
    ({"one_time_keys": {"@a:localhost": {"X": None}}}, "M_BAD_JSON"),
    ({"one_time_keys": {"alice": {}}}, "M_INVALID_PARAM"),
    ({"one_time_keys": {}, "timeout": []}, "M_BAD_JSON"),
    ({"one_time_keys": {"@a:localhost": {str(n): "a" for n in range(5001)}}}, "M_TOO_LARGE"),
]


@pytest.mark.parametrize("body, errcode", BAD)
def test_bad_bodies(alice, body, errcode):
    alice.post("keys/claim", body).expect(413 if errcode == "M_TOO_LARGE" else 400, errcode)


def test_without_a_token(alice):
    alice.post("keys/claim", {"one_time_keys": {}}, token=None).expect(401, "M_MISSING_TOKEN")
