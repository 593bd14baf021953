"""Server-side key backups: versions, and the keys in them."""

import pytest

from harness.client import Client, quote, unique
from harness.uia import deactivate

ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"
AUTH_DATA = {"public_key": "abcdefg", "signatures": {"@a:x": {"ed25519:D": "sig"}}}
ROOM = "!room:localhost"
WRONG_VERSION = "M_WRONG_ROOM_KEYS_VERSION"


def key(index=0, forwarded=0, verified=False, **data):
    return {"first_message_index": index, "forwarded_count": forwarded, "is_verified": verified,
            "session_data": data or {"ciphertext": "c", "ephemeral": "e", "mac": "m"}}


def create(client, **more):
    body = {"algorithm": ALGORITHM, "auth_data": AUTH_DATA, **more}
    return client.post("room_keys/version", body).ok()["version"]


def info(client, version=None):
    return client.get("room_keys/version" + (f"/{quote(version)}" if version else ""))


def path(*ids):
    return "/".join(["room_keys/keys", *(quote(part) for part in ids)])


def put(client, version, body, *ids):
    return client.put(path(*ids), body, params={"version": version})


def get(client, version, *ids):
    return client.get(path(*ids), params={"version": version})


def delete(client, version, *ids):
    return client.delete(path(*ids), params={"version": version})


def test_versions(alice):
    info(alice).expect(404, "M_NOT_FOUND")
    first = create(alice)
    assert isinstance(first, str) and first
    wanted = {"algorithm": ALGORITHM, "auth_data": AUTH_DATA, "count": 0, "version": first}
    answer = info(alice).ok().json
    assert isinstance(answer.pop("etag"), str)
    assert answer == wanted
    second = create(alice, auth_data={"public_key": "other"})
    assert second != first
    assert info(alice).ok()["version"] == second
    assert info(alice, first).ok()["auth_data"] == AUTH_DATA


def test_update(alice):
    version = create(alice)
    body = {"algorithm": ALGORITHM, "auth_data": {"public_key": "new"}}
    where = f"room_keys/version/{version}"
    assert alice.put(where, body).ok().json == {}
    assert info(alice).ok()["auth_data"] == {"public_key": "new"}
    alice.put(where, {**body, "version": version}).ok()
    alice.put(where, {**body, "version": "77"}).expect(400, "M_INVALID_PARAM")
    alice.put(where, {**body, "algorithm": "another"}).expect(400, "M_INVALID_PARAM")
    alice.put("room_keys/version/77", body).expect(404, "M_NOT_FOUND")
    assert info(alice).ok()["auth_data"] == {"public_key": "new"}


def test_delete_a_version(alice):
    first, second = create(alice), create(alice)
    put(alice, second, key(), ROOM, "s").ok()
    assert alice.delete(f"room_keys/version/{second}").ok().json == {}
    info(alice, second).expect(404, "M_NOT_FOUND")
    get(alice, second).expect(404, "M_NOT_FOUND")
    assert info(alice).ok()["version"] == first
    alice.delete(f"room_keys/version/{second}").ok()
    third = create(alice)
    assert third not in (first, second), "a version is given once"
    assert info(alice).ok()["count"] == 0
    for never in ("77", "0", "-1", "x", f"0{first}", "9" * 40):
        alice.delete(f"room_keys/version/{never}").expect(404, "M_NOT_FOUND")


def test_put_and_get(alice):
    version = create(alice)
    one, two, three = key(1, a=1), key(2, b=[None, 1.5, "ü"]), key(3, verified=True, c={})
    answer = put(alice, version, one, ROOM, "s/1").ok()
    assert answer["count"] == 1 and isinstance(answer["etag"], str)
    again = put(alice, version, {"sessions": {"s/1": one, "s2": two}}, ROOM).ok()
    assert again["count"] == 2 and again["etag"] != answer["etag"]
    last = put(alice, version, {"rooms": {"!other:localhost": {"sessions": {"s3": three}},
                                          "!none:localhost": {"sessions": {}}}}).ok()
    assert last["count"] == 3 and last["etag"] != again["etag"]
    assert info(alice).ok()["count"] == 3 and info(alice)["etag"] == last["etag"]
    assert get(alice, version).ok().json == {"rooms": {
        ROOM: {"sessions": {"s/1": one, "s2": two}}, "!other:localhost": {"sessions": {"s3": three}}}}
    assert get(alice, version, ROOM).ok().json == {"sessions": {"s/1": one, "s2": two}}
    assert get(alice, version, ROOM, "s/1").ok().json == one
    assert get(alice, version, "!unknown:localhost").ok().json == {"sessions": {}}
    get(alice, version, ROOM, "s3").expect(404, "M_NOT_FOUND")


def test_empty(alice):
    version = create(alice)
    assert get(alice, version).ok().json == {"rooms": {}}
    assert put(alice, version, {"rooms": {}}).ok()["count"] == 0
    assert put(alice, version, {"sessions": {}}, ROOM).ok()["count"] == 0
    assert delete(alice, version).ok()["count"] == 0


@pytest.mark.parametrize("there, new, replaced", [
    (key(5, 5, False), key(4, 9, False), True),
    (key(5, 5, False), key(6, 0, False), False),
    (key(5, 5, False), key(5, 4, False), True),
    (key(5, 5, False), key(5, 5, False), False),
    (key(5, 5, False), key(5, 6, False), False),
    (key(5, 5, False), key(9, 9, True), True),
    (key(5, 5, True), key(0, 0, False), False),
    (key(5, 5, True), key(4, 6, True), True),
])
def test_which_key_stays(alice, there, new, replaced):
    there, new = {**there, "session_data": {"n": 1}}, {**new, "session_data": {"n": 2}}
    version = create(alice)
    before = put(alice, version, there, ROOM, "s").ok()
    after = put(alice, version, {"rooms": {ROOM: {"sessions": {"s": new}}}}).ok()
    assert get(alice, version, ROOM, "s").ok().json == (new if replaced else there)
    assert after["count"] == 1
    assert (after["etag"] != before["etag"]) == replaced


def test_delete_keys(alice):
    version = create(alice)
    rooms = {room: {"sessions": {"1": key(), "2": key()}} for room in ("!a:x", "!b:x", "!c:x")}
    etag = put(alice, version, {"rooms": rooms}).ok()["etag"]
    answer = delete(alice, version, "!a:x", "1").ok()
    assert answer["count"] == 5 and answer["etag"] != etag
    assert delete(alice, version, "!a:x", "1").ok().json == answer.json, "nothing changed"
    assert delete(alice, version, "!b:x").ok()["count"] == 3
    assert set(get(alice, version).ok()["rooms"]) == {"!a:x", "!c:x"}
    assert delete(alice, version).ok()["count"] == 0
    assert get(alice, version).ok().json == {"rooms": {}}
    assert info(alice).ok()["count"] == 0


def test_only_into_the_current_version(alice):
    old = create(alice)
    put(alice, old, key(), ROOM, "s").ok()
    new = create(alice)
    for ids, body in (((ROOM, "t"), key()), ((ROOM,), {"sessions": {}}), ((), {"rooms": {}})):
        answer = put(alice, old, body, *ids).expect(403, WRONG_VERSION)
        assert answer["current_version"] == new
        put(alice, "77", body, *ids).expect(404, "M_NOT_FOUND")
        put(alice, "x", body, *ids).expect(404, "M_NOT_FOUND")
    assert get(alice, old, ROOM, "s").ok().json == key(), "old ones can be read"
    assert delete(alice, old, ROOM, "s").ok()["count"] == 0, "and emptied"
    alice.delete(f"room_keys/version/{old}").ok()
    assert put(alice, old, key(), ROOM, "t").expect(403, WRONG_VERSION)["current_version"] == new
    alice.delete(f"room_keys/version/{new}").ok()
    put(alice, new, key(), ROOM, "t").expect(404, "M_NOT_FOUND")


def test_of_another_user(alice, bob):
    version = create(alice)
    put(alice, version, key(), ROOM, "s").ok()
    info(bob).expect(404, "M_NOT_FOUND")
    for call in (get, delete):
        call(bob, version).expect(404, "M_NOT_FOUND")
        call(bob, version, ROOM).expect(404, "M_NOT_FOUND")
        call(bob, version, ROOM, "s").expect(404, "M_NOT_FOUND")
    put(bob, version, key(), ROOM, "s").expect(404, "M_NOT_FOUND")
    assert info(alice).ok()["count"] == 1


def test_versions_are_the_users_own(alice, bob):
    """Another user's deletions and numbers tell nothing."""
    for _ in range(3):
        create(bob)
    create(alice)
    alice.delete("room_keys/version/3").expect(404, "M_NOT_FOUND")


BAD_VERSIONS = [
    ({}, "M_MISSING_PARAM"),
    ({"algorithm": ALGORITHM}, "M_MISSING_PARAM"),
    ({"auth_data": {}}, "M_MISSING_PARAM"),
    ({"algorithm": 7, "auth_data": {}}, "M_BAD_JSON"),
    ({"algorithm": None, "auth_data": {}}, "M_BAD_JSON"),
    ({"algorithm": "", "auth_data": {}}, "M_INVALID_PARAM"),
    ({"algorithm": "a" * 256, "auth_data": {}}, "M_INVALID_PARAM"),
    ({"algorithm": ALGORITHM, "auth_data": "x"}, "M_BAD_JSON"),
    ({"algorithm": ALGORITHM, "auth_data": []}, "M_BAD_JSON"),
]


@pytest.mark.parametrize("body, errcode", BAD_VERSIONS)
def test_bad_versions(alice, body, errcode):
    alice.post("room_keys/version", body).expect(400, errcode)
    info(alice).expect(404, "M_NOT_FOUND")
    version = create(alice)
    alice.put(f"room_keys/version/{version}", body).expect(400, errcode)
    assert info(alice).ok()["auth_data"] == AUTH_DATA


def test_too_large_versions(alice):
    much = {"x": "y" * 70000}
    alice.post("room_keys/version", {"algorithm": ALGORITHM, "auth_data": much}).expect(413, "M_TOO_LARGE")
    for _ in range(32):
        version = create(alice)
    body = {"algorithm": ALGORITHM, "auth_data": {}}
    alice.post("room_keys/version", body).expect(413, "M_TOO_LARGE")
    alice.delete(f"room_keys/version/{version}").ok()
    create(alice)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"{", b"", b'{"algorithm":"a","algorithm":"b"}'])
def test_bad_bodies(alice, body):
    version = create(alice)
    for method, where in (("POST", "room_keys/version"), ("PUT", f"room_keys/version/{version}"),
                          ("PUT", path()), ("PUT", path(ROOM)), ("PUT", path(ROOM, "s"))):
        answer = alice.call(method, where, data=body, params={"version": version}).expect(400)
        assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON")


BAD_KEYS = [
    ("not an object", "M_BAD_JSON"),
    ([], "M_BAD_JSON"),
    (None, "M_BAD_JSON"),
    ({}, "M_MISSING_PARAM"),
    *[({k: v for k, v in key().items() if k != field}, "M_MISSING_PARAM") for field in key()],
    ({**key(), "first_message_index": -1}, "M_INVALID_PARAM"),
    ({**key(), "first_message_index": "1"}, "M_BAD_JSON"),
    ({**key(), "first_message_index": 1.5}, "M_BAD_JSON"),
    ({**key(), "first_message_index": 2 ** 53}, "M_BAD_JSON"),
    ({**key(), "first_message_index": None}, "M_BAD_JSON"),
    ({**key(), "forwarded_count": -1}, "M_INVALID_PARAM"),
    ({**key(), "forwarded_count": True}, "M_BAD_JSON"),
    ({**key(), "is_verified": 1}, "M_BAD_JSON"),
    ({**key(), "is_verified": "true"}, "M_BAD_JSON"),
    ({**key(), "session_data": "x"}, "M_BAD_JSON"),
    ({**key(), "session_data": []}, "M_BAD_JSON"),
]


@pytest.mark.parametrize("bad, errcode", BAD_KEYS)
def test_bad_keys(alice, bad, errcode):
    """None of a request is stored when one of its keys is bad."""
    version = create(alice)
    sessions = {"good": key(), "bad": bad, "also good": key()}
    put(alice, version, {"sessions": sessions}, ROOM).expect(400, errcode)
    put(alice, version, {"rooms": {"!first:x": {"sessions": {"a": key()}},
                                   ROOM: {"sessions": sessions}}}).expect(400, errcode)
    if isinstance(bad, dict):
        put(alice, version, bad, ROOM, "s").expect(400, errcode)
    assert info(alice).ok()["count"] == 0


@pytest.mark.parametrize("body, errcode", [
    ({}, "M_MISSING_PARAM"),
    ({"rooms": []}, "M_BAD_JSON"),
    ({"rooms": None}, "M_BAD_JSON"),
    ({"rooms": {ROOM: []}}, "M_BAD_JSON"),
    ({"rooms": {ROOM: {}}}, "M_MISSING_PARAM"),
    ({"rooms": {ROOM: {"sessions": []}}}, "M_BAD_JSON"),
    ({"rooms": {"no room": {"sessions": {"s": key()}}}}, "M_INVALID_PARAM"),
    ({"rooms": {ROOM: {"sessions": {"": key()}}}}, "M_INVALID_PARAM"),
    ({"rooms": {ROOM: {"sessions": {"s" * 256: key()}}}}, "M_INVALID_PARAM"),
])
def test_bad_rooms(alice, body, errcode):
    version = create(alice)
    put(alice, version, body).expect(400, errcode)
    assert get(alice, version).ok().json == {"rooms": {}}


def test_bad_paths(alice):
    version = create(alice)
    put(alice, version, key(), "no room", "s").expect(400, "M_INVALID_PARAM")
    put(alice, version, key(), ROOM, "s" * 256).expect(400, "M_INVALID_PARAM")
    put(alice, version, {"sessions": {"s": key()}}, "no room").expect(400, "M_INVALID_PARAM")
    put(alice, version, key(x="y" * 70000), ROOM, "s").expect(413, "M_TOO_LARGE")


def test_without_a_version(alice):
    version = create(alice)
    for ids in ((), (ROOM,), (ROOM, "s")):
        for method in ("GET", "PUT", "DELETE"):
            for params in ({}, {"version": ""}):
                alice.call(method, path(*ids), json=key(), params=params).expect(400, "M_MISSING_PARAM")
        for wrong in ("77", "x", f"0{version}", "-1"):
            get(alice, wrong, *ids).expect(404, "M_NOT_FOUND")
            delete(alice, wrong, *ids).expect(404, "M_NOT_FOUND")


def test_without_a_token(anonymous):
    for method, where in (("GET", "room_keys/version"), ("POST", "room_keys/version"),
                          ("GET", "room_keys/version/1"), ("PUT", "room_keys/version/1"),
                          ("DELETE", "room_keys/version/1"), ("GET", path()), ("PUT", path(ROOM)),
                          ("DELETE", path(ROOM, "s"))):
        anonymous.call(method, where, json={}, params={"version": "1"}).expect(401, "M_MISSING_TOKEN")


def test_kept_over_a_restart(make_server):
    server = make_server()
    client = Client(server).register(unique())
    version = create(client)
    put(client, version, key(3), ROOM, "s").ok()
    before = info(client).ok().json
    server.restart(clean=False)
    assert info(client).ok().json == before
    assert get(client, version, ROOM, "s").ok().json == key(3)


def test_many_keys(alice):
    """In requests of two thousand keys; all of them in one answer."""
    version, batch, batches = create(alice), 2000, 5
    for n in range(batches):
        sessions = {f"session{n}-{i}": key(i, data="x" * 400) for i in range(batch)}
        answer = put(alice, version, {"rooms": {f"!{n % 3}:localhost": {"sessions": sessions}}}).ok()
        assert answer["count"] == (n + 1) * batch
    rooms = get(alice, version).ok()["rooms"]
    assert sum(len(room["sessions"]) for room in rooms.values()) == batch * batches
    assert rooms["!0:localhost"]["sessions"]["session3-77"] == key(77, data="x" * 400)
    assert len(get(alice, version, "!1:localhost").ok()["sessions"]) == 2 * batch
    assert delete(alice, version).ok()["count"] == 0


def test_deactivation_erases_it(make_server):
    server = make_server()
    client = Client(server).register(unique())
    version = create(client)
    put(client, version, key(), ROOM, "s").ok()
    deactivate(client).ok()
    get(client, version).expect(401, "M_UNKNOWN_TOKEN")
    for table in ("key_backups", "key_backup_numbers", "backed_up_keys"):
        assert not server.database.sql(f"SELECT * FROM {table}"), table
