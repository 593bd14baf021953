"""Dehydrated devices (MSC3814): put away with their keys, they take messages while nobody is logged in."""

import pytest

from harness.client import PASSWORD, Client, quote, unique
from harness.keys import SIGNED, Device, SigningKey, claim, query, send_to_device
from harness.uia import deactivate, with_password

PATH = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
DATA = {"algorithm": "org.matrix.msc3814.v1.olm", "device_pickle": "encrypted", "nonce": "n"}


class Asleep(Device):
    """The keys of a device that is put away by `client`."""

    def __init__(self, client, device_id=None):
        self.device_id = device_id or unique("DEHYDRATED")
        self.owner = client
        super().__init__(Client(client.server, client.user_id, client.token, self.device_id))

    def body(self, one_time=2, **changes):
        return {"device_id": self.device_id, "device_data": DATA, "device_keys": self.keys(dehydrated=True),
                "one_time_keys": self.one_time(one_time), "fallback_keys": self.fallback(),
                "initial_device_display_name": "Asleep", **changes}

    def put(self, **changes):
        return self.owner.put(PATH, self.body(**changes))


def events(client, device_id, token=None, **params):
    body = {} if token is None else {"next_batch": token}
    return client.post(f"{PATH}/{quote(device_id)}/events", body, params=params)


def names(client):
    return [d["device_id"] for d in client.get("devices").ok()["devices"]]


def test_put_and_get(alice, bob):
    asleep = Asleep(alice)
    alice.get(PATH).expect(404, "M_NOT_FOUND")
    assert asleep.put().ok().json == {"device_id": asleep.device_id}
    assert alice.get(PATH).ok().json == {"device_id": asleep.device_id, "device_data": DATA}
    found = query(bob, alice.user_id)["device_keys"][alice.user_id][asleep.device_id]
    assert found["dehydrated"] is True and found["unsigned"]["device_display_name"] == "Asleep"
    for _ in range(2):
        assert claim(bob, alice.user_id, asleep.device_id)[1]["key"]
    assert claim(bob, alice.user_id, asleep.device_id)[1]["fallback"] is True, "it never runs dry"
    assert set(names(alice)) == {alice.device_id, asleep.device_id}


def test_messages_wait(alice, bob):
    asleep = Asleep(alice)
    asleep.put().ok()
    for n in range(5):
        send_to_device(bob, {alice.user_id: {asleep.device_id: {"n": n}}}).ok()
    send_to_device(bob, {alice.user_id: {"*": {"n": 5}}}).ok()
    send_to_device(bob, {alice.user_id: {alice.device_id: {"n": 6}}}).ok()
    first = events(alice, asleep.device_id, limit=4).ok()
    assert first["events"][0] == {"type": "m.test", "sender": bob.user_id, "content": {"n": 0}}
    second = events(alice, asleep.device_id, first["next_batch"], limit=4).ok()
    assert [e["content"]["n"] for e in first["events"] + second["events"]] == [0, 1, 2, 3, 4, 5]
    last = events(alice, asleep.device_id, second["next_batch"]).ok()
    assert last["events"] == [] and last["next_batch"]
    again = events(alice, asleep.device_id).ok()
    assert len(again["events"]) == 6, "another login can begin again"
    send_to_device(bob, {alice.user_id: {asleep.device_id: {"n": 7}}}).ok()
    assert [e["content"]["n"] for e in events(alice, asleep.device_id, last["next_batch"]).ok()["events"]] == [7]


def test_one_for_each_user(alice, bob):
    one, two = Asleep(alice), Asleep(alice)
    one.put().ok()
    send_to_device(bob, {alice.user_id: {one.device_id: {"n": 1}}}).ok()
    two.put().ok()
    assert alice.get(PATH).ok()["device_id"] == two.device_id
    assert one.device_id not in names(alice)
    assert set(query(bob, alice.user_id)["device_keys"][alice.user_id]) == {two.device_id}
    events(alice, one.device_id).expect(403, "M_FORBIDDEN")
    assert events(alice, two.device_id).ok()["events"] == []
    again = Asleep(alice, two.device_id)
    again.put().ok()
    assert claim(bob, alice.user_id, two.device_id)[1]["signatures"], "its keys are the new ones"


def test_delete(alice, bob):
    asleep = Asleep(alice)
    alice.delete(PATH).expect(404, "M_NOT_FOUND")
    asleep.put().ok()
    assert alice.delete(PATH).ok().json == {"device_id": asleep.device_id}
    alice.get(PATH).expect(404, "M_NOT_FOUND")
    alice.delete(PATH).expect(404, "M_NOT_FOUND")
    assert names(alice) == [alice.device_id]
    assert query(bob, alice.user_id)["device_keys"] == {alice.user_id: {}}
    events(alice, asleep.device_id).expect(403, "M_FORBIDDEN")


def test_deleted_as_a_device(alice):
    asleep = Asleep(alice)
    asleep.put().ok()
    with_password(alice, "delete_devices", {"devices": [asleep.device_id]}).ok()
    alice.get(PATH).expect(404, "M_NOT_FOUND")


def test_it_outlives_logins(alice, bob):
    """It is there for the time when nobody is logged in."""
    asleep = Asleep(alice)
    asleep.put().ok()
    alice.post("logout/all").ok()
    send_to_device(bob, {alice.user_id: {asleep.device_id: {"n": 1}}}).ok()
    again = alice.login()
    assert set(names(again)) == {again.device_id, asleep.device_id}
    assert again.get(PATH).ok()["device_id"] == asleep.device_id
    assert [e["content"]["n"] for e in events(again, asleep.device_id).ok()["events"]] == [1]
    assert claim(bob, again.user_id, asleep.device_id)
    with_password(again, "account/password", {"new_password": f"{PASSWORD} new", "logout_devices": True}).ok()
    assert again.get(PATH).ok()["device_id"] == asleep.device_id
    again.post("logout").ok()
    again.password = f"{PASSWORD} new"
    assert again.login().get(PATH).ok()["device_id"] == asleep.device_id


def test_lists_of_devices_change(alice, bob):
    room = bob.create_room(preset="public_chat")
    alice.join(room).ok()
    asleep = Asleep(alice)
    for change in (asleep.put, lambda: Asleep(alice).put(), lambda: alice.delete(PATH)):
        since = bob.sync_call().ok()["next_batch"]
        change().ok()
        assert alice.user_id in bob.sync_call(since, timeout_ms=5000).ok()["device_lists"]["changed"]


def test_of_another_user(alice, bob):
    asleep = Asleep(alice)
    asleep.put().ok()
    bob.get(PATH).expect(404, "M_NOT_FOUND")
    bob.delete(PATH).expect(404, "M_NOT_FOUND")
    events(bob, asleep.device_id).expect(403, "M_FORBIDDEN")
    assert alice.get(PATH).ok()


def test_a_device_that_is_logged_in_is_not_taken(alice):
    alice.put(PATH, Asleep(alice, alice.device_id).body()).expect(400, "M_INVALID_PARAM")
    assert alice.is_known()
    asleep = Asleep(alice)
    asleep.put().ok()
    other = alice.login()
    alice.put(PATH, Asleep(alice, other.device_id).body()).expect(400, "M_INVALID_PARAM")
    assert alice.get(PATH).ok()["device_id"] == asleep.device_id, "nothing was done"
    assert other.is_known()


BAD = [
    ({"device_id": None}, 400, "M_BAD_JSON"),
    ({"device_id": 5}, 400, "M_BAD_JSON"),
    ({"device_id": ""}, 400, "M_INVALID_PARAM"),
    ({"device_id": "d" * 256}, 400, "M_INVALID_PARAM"),
    ({"device_data": None}, 400, "M_BAD_JSON"),
    ({"device_data": "x"}, 400, "M_BAD_JSON"),
    ({"device_data": {}}, 400, "M_MISSING_PARAM"),
    ({"device_data": {"algorithm": 5}}, 400, "M_BAD_JSON"),
    ({"device_data": {"algorithm": "a", "x": "y" * 300000}}, 413, "M_TOO_LARGE"),
    ({"device_keys": None}, 400, "M_BAD_JSON"),
    ({"device_keys": []}, 400, "M_BAD_JSON"),
    ({"device_keys": {}}, 400, "M_MISSING_PARAM"),
    ({"one_time_keys": []}, 400, "M_BAD_JSON"),
    ({"one_time_keys": {"x": "y"}}, 400, "M_INVALID_PARAM"),
    ({"fallback_keys": 5}, 400, "M_BAD_JSON"),
    ({"initial_device_display_name": 5}, 400, "M_BAD_JSON"),
    ({"initial_device_display_name": "n" * 256}, 400, "M_INVALID_PARAM"),
]


@pytest.mark.parametrize("changes, status, errcode", BAD, ids=lambda v: str(v)[:40])
def test_bad_bodies(alice, changes, status, errcode):
    before = Asleep(alice)
    before.put().ok()
    Asleep(alice).put(**changes).expect(status, errcode)
    assert alice.get(PATH).ok()["device_id"] == before.device_id, "the one that was there stays"
    assert set(names(alice)) == {alice.device_id, before.device_id}


@pytest.mark.parametrize("field", ["device_id", "device_data", "device_keys"])
def test_missing(alice, field):
    body = Asleep(alice).body()
    del body[field]
    alice.put(PATH, body).expect(400, "M_MISSING_PARAM")
    alice.get(PATH).expect(404, "M_NOT_FOUND")


def test_keys_of_another_device(alice):
    asleep = Asleep(alice)
    asleep.put(device_keys=Device(alice).keys()).expect(400, "M_INVALID_PARAM")
    stranger = SigningKey("@else:localhost", asleep.device_id)
    asleep.put(device_keys=stranger.sign({**asleep.keys(), "user_id": "@else:localhost"})).expect(
        400, "M_INVALID_PARAM")
    alice.get(PATH).expect(404, "M_NOT_FOUND")


def test_bad_events(alice, anonymous):
    asleep = Asleep(alice)
    asleep.put().ok()
    for token in ("x", "-1", "1.5", "9" * 30):
        events(alice, asleep.device_id, token).expect(400, "M_INVALID_PARAM")
    alice.post(f"{PATH}/{asleep.device_id}/events", {"next_batch": 5}).expect(400, "M_BAD_JSON")
    for limit in ("0", "-1", "x"):
        events(alice, asleep.device_id, limit=limit).expect(400, "M_INVALID_PARAM")
    events(alice, asleep.device_id, limit="1000000").ok()
    events(alice, alice.device_id).expect(403, "M_FORBIDDEN")
    for method, where in (("GET", PATH), ("PUT", PATH), ("DELETE", PATH), ("POST", f"{PATH}/x/events")):
        anonymous.call(method, where, json={}).expect(401, "M_MISSING_TOKEN")


def test_deactivation_takes_it(make_server):
    server = make_server()
    client = Client(server).register(unique())
    Asleep(client).put().ok()
    deactivate(client).ok()
    for table in ("dehydrated_devices", "devices", "one_time_keys", "fallback_keys", "to_device"):
        assert not server.database.sql(f"SELECT * FROM {table}"), table


def test_kept_over_a_restart(make_server):
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    asleep = Asleep(alice)
    asleep.put().ok()
    send_to_device(bob, {alice.user_id: {asleep.device_id: {"n": 1}}}).ok()
    server.restart(clean=False)
    assert alice.get(PATH).ok()["device_id"] == asleep.device_id
    assert len(events(alice, asleep.device_id).ok()["events"]) == 1
    assert SIGNED in claim(bob, alice.user_id, asleep.device_id)[0]
