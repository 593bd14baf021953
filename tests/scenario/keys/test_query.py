"""keys/query."""

import pytest

from harness import uia
from harness.keys import Device, query


def test_all_devices_and_named_ones(person):
    alice, bob = person("alice"), person("bob")
    phone, tablet = Device(alice).publish(), Device(alice.login()).publish()
    alice.login()   # without keys: no device for encryption
    both = {d.client.device_id: {**d.keys(), "unsigned": {}} for d in (phone, tablet)}
    assert query(bob, alice.user_id)["device_keys"] == {alice.user_id: both}
    name = tablet.client.device_id
    answer = query(bob, **{alice.user_id: [name, "NOSUCH", name]})
    assert answer["device_keys"] == {alice.user_id: {name: both[name]}}
    assert answer["failures"] == {} and answer["master_keys"] == {}
    assert query(bob, **{alice.user_id: ["NOSUCH"]})["device_keys"] == {alice.user_id: {}}


def test_display_names(person):
    alice, bob = person("alice", initial_device_display_name="Ann's “phone”"), person("bob")
    Device(alice).publish()
    found = query(bob, alice.user_id)["device_keys"][alice.user_id][alice.device_id]
    assert found["unsigned"] == {"device_display_name": "Ann's “phone”"}
    alice.put(f"devices/{alice.device_id}", {"display_name": "Tablet"}).ok()
    found = query(bob, alice.user_id)["device_keys"][alice.user_id][alice.device_id]
    assert found["unsigned"] == {"device_display_name": "Tablet"}


def test_who_is_known_and_who_is_not(person):
    alice, bob, eve = person("alice"), person("bob"), person("eve")
    Device(alice).publish()
    Device(eve).publish()
    uia.deactivate(eve).ok()
    answer = query(bob, alice.user_id, bob.user_id, eve.user_id, "@nobody:localhost", "@far:other.example",
                   "@near:other.example", "@else:third.example:8448")
    assert set(answer["device_keys"]) == {alice.user_id, bob.user_id, eve.user_id}
    assert answer["device_keys"][bob.user_id] == {} and answer["device_keys"][eve.user_id] == {}
    assert set(answer["failures"]) == {"other.example", "third.example:8448"}
    assert all(f["errcode"] and f["error"] for f in answer["failures"].values())
    assert query(bob).json == {"device_keys": {}, "failures": {}, "master_keys": {}, "self_signing_keys": {},
                               "user_signing_keys": {}}


def test_names_that_need_escapes(person):
    """They go into the answer as keys of objects."""
    alice, bob = person("alice"), person("bob")
    odd = alice.login(device_id='a"\\\u0001/é')
    keys = Device(odd).publish().keys()
    assert query(bob, alice.user_id)["device_keys"][alice.user_id] == {odd.device_id: {**keys, "unsigned": {}}}


def test_a_thousand_devices(person):
    alice, bob = person("alice"), person("bob")
    users = [person("many") for _ in range(20)]
    for user in users:
        for _ in range(4):
            Device(user.login()).publish()
    found = query(bob, *[user.user_id for user in users], alice.user_id)["device_keys"]
    assert sum(len(devices) for devices in found.values()) == 80


BAD = [
    ({}, "M_MISSING_PARAM"),
    ({"device_keys": []}, "M_BAD_JSON"),
    ({"device_keys": None}, "M_BAD_JSON"),
    ({"device_keys": {"@a:localhost": {}}}, "M_BAD_JSON"),
    ({"device_keys": {"@a:localhost": None}}, "M_BAD_JSON"),
    ({"device_keys": {"@a:localhost": [1]}}, "M_BAD_JSON"),
    ({"device_keys": {"alice": []}}, "M_INVALID_PARAM"),
    ({"device_keys": {"": []}}, "M_INVALID_PARAM"),
    ({"device_keys": {"@a:localhost": ["x"] * 1001}}, "M_INVALID_PARAM"),
    ({"device_keys": {}, "timeout": "soon"}, "M_BAD_JSON"),
    ({"device_keys": {f"@u{n}:localhost": [] for n in range(5001)}}, "M_TOO_LARGE"),
]


@pytest.mark.parametrize("body, errcode", BAD)
def test_bad_bodies(alice, body, errcode):
    alice.post("keys/query", body).expect(413 if errcode == "M_TOO_LARGE" else 400, errcode)


def test_without_a_token(alice):
    alice.post("keys/query", {"device_keys": {}}, token=None).expect(401, "M_MISSING_TOKEN")
