"""Devices: list, name, delete."""

import time

import pytest

from harness import uia
from harness.client import quote
from harness.keys import Device, claim, send_to_device


def ids(client):
    return {d["device_id"] for d in client.get("devices").ok()["devices"]}


def delete_call(client, device_id, auth=None):
    return client.call("DELETE", f"devices/{quote(device_id)}", json={"auth": auth} if auth else {})


def delete(client, device_id):
    session = uia.assert_challenge(delete_call(client, device_id), "m.login.password")
    return delete_call(client, device_id, uia.password_auth(client, session))


def test_a_list(person):
    alice = person("alice", initial_device_display_name="Phone")
    tablet = alice.login(initial_device_display_name="Tablet")
    found = {d["device_id"]: d for d in alice.get("devices").ok()["devices"]}
    assert set(found) == {alice.device_id, tablet.device_id} == ids(tablet)
    assert found[alice.device_id]["display_name"] == "Phone"
    assert tablet.get(f"devices/{alice.device_id}").ok()["display_name"] == "Phone"
    nameless = alice.login()
    assert "display_name" not in alice.get(f"devices/{nameless.device_id}").ok().json


def test_when_and_from_where_a_device_was_seen(alice):
    """Written behind everything else, so it may come a moment later."""
    before = time.time() * 1000
    deadline = time.monotonic() + 10
    while True:
        found = alice.get(f"devices/{alice.device_id}").ok().json
        if "last_seen_ts" in found:
            break
        assert time.monotonic() < deadline, found
    assert before - 60000 < found["last_seen_ts"] <= time.time() * 1000
    assert found["last_seen_ip"] == "127.0.0.1"


def test_others_devices_are_not_there(alice, bob):
    for path in (f"devices/{bob.device_id}", "devices/NOSUCH", f"devices/{'x' * 300}"):
        alice.get(path).expect(404, "M_NOT_FOUND")
        alice.put(path, {"display_name": "x"}).expect(404, "M_NOT_FOUND")


def test_a_name(alice):
    path = f"devices/{alice.device_id}"
    assert alice.put(path, {"display_name": "Phöne"}).ok().json == {}
    assert alice.get(path).ok()["display_name"] == "Phöne"
    for body in ({}, {"display_name": None}, {"other": 1}):
        alice.put(path, body).ok()
        assert alice.get(path).ok()["display_name"] == "Phöne"
    alice.put(path, {"display_name": ""}).ok()
    assert "display_name" not in alice.get(path).ok().json


@pytest.mark.parametrize("body, errcode", [
    ({"display_name": 1}, "M_BAD_JSON"), ({"display_name": []}, "M_BAD_JSON"),
    ({"display_name": "x" * 256}, "M_INVALID_PARAM"), ([], "M_BAD_JSON")])
def test_bad_names(alice, body, errcode):
    alice.put(f"devices/{alice.device_id}", body).expect(400, errcode)


def test_deleting_needs_the_password(alice):
    tablet = alice.login()
    session = uia.assert_challenge(delete_call(alice, tablet.device_id), "m.login.password")
    wrong = delete_call(alice, tablet.device_id, uia.password_auth(alice, session, password="wrong"))
    wrong.expect(401, "M_FORBIDDEN")
    assert tablet.is_known()
    delete_call(alice, tablet.device_id, uia.password_auth(alice, session)).ok()
    assert not tablet.is_known() and ids(alice) == {alice.device_id}


def test_a_session_is_for_one_device(alice):
    """What a password consented to is not the deletion of another device."""
    first, second = alice.login(), alice.login()
    session = uia.assert_challenge(delete_call(alice, first.device_id))
    answer = delete_call(alice, second.device_id, uia.password_auth(alice, session))
    uia.assert_challenge(answer)
    assert second.is_known() and first.is_known()
    delete(alice, second.device_id).ok()
    assert not second.is_known() and first.is_known()


def test_auth_without_a_session_is_taken(alice):
    tablet = alice.login()
    delete_call(alice, tablet.device_id, uia.password_auth(alice)).ok()
    assert not tablet.is_known()


def test_what_is_gone_is_deleted(alice, bob):
    for device_id in ("NOSUCH", bob.device_id):
        delete(alice, device_id).ok()
    assert bob.is_known()


def test_one_may_delete_the_device_in_hand(alice):
    delete(alice, alice.device_id).ok()
    assert not alice.is_known()


def test_several_at_once(person):
    alice = person("alice")
    others = [alice.login() for _ in range(3)]
    path, names = "delete_devices", [c.device_id for c in others[:2]] + ["NOSUCH"]
    uia.with_password(alice, path, {"devices": names}).ok()
    assert [c.is_known() for c in others] == [False, False, True]
    uia.with_password(alice, path, {"devices": []}).ok()
    session = uia.challenge(alice, path, {"devices": [others[2].device_id]}, "m.login.password")
    answer = alice.post(path, {"devices": [alice.device_id], "auth": uia.password_auth(alice, session)})
    uia.assert_challenge(answer)
    assert alice.is_known()


@pytest.mark.parametrize("body, errcode", [
    ({}, "M_MISSING_PARAM"), ({"devices": "x"}, "M_BAD_JSON"), ({"devices": {}}, "M_BAD_JSON"),
    ({"devices": [1]}, "M_BAD_JSON"), ({"devices": [None]}, "M_BAD_JSON"),
    ({"devices": ["x"] * 1001}, "M_INVALID_PARAM")])
def test_bad_lists(alice, body, errcode):
    alice.post("delete_devices", body).expect(400, errcode)


def test_all_of_a_device_goes(person):
    alice, bob = person("alice"), person("bob")
    tablet = alice.login(device_id="TABLET", refresh_token=True)
    device = Device(tablet).publish(2)
    device.upload(fallback_keys=device.fallback()).ok()
    send_to_device(bob, {alice.user_id: {"TABLET": {}}}).ok()
    delete(alice, "TABLET").ok()
    assert claim(bob, alice.user_id, "TABLET") is None
    alice.post("refresh", {"refresh_token": tablet.refresh_token}, token=None).expect(401, "M_UNKNOWN_TOKEN")
    again = alice.login(device_id="TABLET")
    sync = again.sync_call().ok()
    assert sync["to_device"]["events"] == [] and sync["device_unused_fallback_key_types"] == []
    assert sync["device_one_time_keys_count"] == {"signed_curve25519": 0}


def test_without_a_token(alice):
    for method, path in (("GET", "devices"), ("GET", "devices/X"), ("PUT", "devices/X"), ("DELETE", "devices/X"),
                         ("POST", "delete_devices")):
        alice.call(method, path, json={}, token=None).expect(401, "M_MISSING_TOKEN")
