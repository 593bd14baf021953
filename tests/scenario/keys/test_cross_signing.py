"""Cross-signing: whose keys, signed by whom, seen by whom."""

import concurrent.futures

import pytest

from harness import uia
from harness.keys import CrossSigning, Device, SigningKey, device_lists, query
from harness.rooms import clone

UPLOAD = "keys/device_signing/upload"
MAPS = ("master_keys", "self_signing_keys", "user_signing_keys")


def sign(client, objects):
    """keys/signatures/upload: the failures."""
    return client.post("keys/signatures/upload", objects).ok()["failures"]


def cross_keys(viewer, owner):
    answer = query(viewer, owner.user_id)
    return [answer[name].get(owner.user_id) for name in MAPS]


def device_of(viewer, owner):
    return query(viewer, owner.user_id)["device_keys"][owner.user_id][owner.device_id]


def bare(key):
    return {name: value for name, value in key.items() if name != "signatures"}


def test_keys_are_seen_as_they_were_uploaded(alice, bob):
    keys = CrossSigning(alice)
    assert keys.upload().ok().json == {}
    body = keys.body()
    own = cross_keys(alice, alice)
    assert own == [{**body["master_key"], "signatures": {}}, body["self_signing_key"], body["user_signing_key"]]
    assert cross_keys(bob, alice) == [own[0], own[1], None]     # the last is nobody else's business
    assert cross_keys(alice, bob) == [None] * 3


def test_the_first_upload_needs_no_password_and_the_same_again_neither(alice):
    keys = CrossSigning(alice)
    for _ in range(3):
        keys.upload().ok()
    keys.upload("master").ok()
    keys.upload("self_signing").ok()
    alice.post(UPLOAD, {}).ok()
    alice.post(UPLOAD, {"auth": None, "master_key": None}).ok()


def test_a_change_needs_the_password(alice):
    keys = CrossSigning(alice)
    keys.upload().ok()
    fresh = CrossSigning(alice)
    session = uia.challenge(alice, UPLOAD, fresh.body(), "m.login.password")
    assert cross_keys(alice, alice)[0]["keys"] == keys.public("master")["keys"]
    wrong = uia.password_auth(alice, session, password="wrong")
    alice.post(UPLOAD, {**fresh.body(), "auth": wrong}).expect(401, "M_FORBIDDEN")
    other = CrossSigning(alice)     # not what the password was asked for
    uia.assert_challenge(alice.post(UPLOAD, {**other.body(), "auth": uia.password_auth(alice, session)}))
    alice.post(UPLOAD, {**fresh.body(), "auth": uia.password_auth(alice, session)}).ok()
    assert [key["keys"] for key in cross_keys(alice, alice)] == [
        fresh.public(usage)["keys"] for usage in CrossSigning.USAGES]
    uia.challenge(alice, UPLOAD, keys.body())       # back again is a change, too


def test_a_key_may_be_added_or_replaced_alone(alice):
    keys = CrossSigning(alice)
    keys.upload("master").ok()
    assert [key and 1 for key in cross_keys(alice, alice)] == [1, None, None]
    uia.with_password(alice, UPLOAD, keys.body("self_signing")).ok()
    uia.with_password(alice, UPLOAD, keys.body("master", "user_signing")).ok()
    assert all(cross_keys(alice, alice))
    second = CrossSigning(alice, master=keys.master)
    uia.with_password(alice, UPLOAD, second.body("self_signing")).ok()
    assert cross_keys(alice, alice)[1]["keys"] == second.public("self_signing")["keys"]
    assert cross_keys(alice, alice)[2]["keys"] == keys.public("user_signing")["keys"]


def test_a_new_master_key_leaves_no_keys_that_it_has_not_signed(alice):
    CrossSigning(alice).upload().ok()
    fresh = CrossSigning(alice)
    uia.with_password(alice, UPLOAD, fresh.body("master")).ok()
    assert cross_keys(alice, alice)[1:] == [None, None]


def test_old_keys_signed_by_a_new_master_key_stay(alice):
    device = Device(alice).publish()
    keys = CrossSigning(alice)
    keys.upload().ok()
    signed = keys.self_signing.only_signed(device.keys())
    assert sign(alice, {alice.user_id: {alice.device_id: signed}}) == {}
    keys.master = SigningKey(alice.user_id)
    uia.with_password(alice, UPLOAD, keys.body()).ok()
    assert cross_keys(alice, alice)[1] == keys.body()["self_signing_key"]
    assert keys.self_signing.key_id in device_of(alice, alice)["signatures"][alice.user_id]
    stale = CrossSigning(alice, master=SigningKey(alice.user_id))
    body = {**keys.body(), "master_key": stale.body()["master_key"]}    # signed by the one before
    alice.post(UPLOAD, body).expect(400, "M_INVALID_SIGNATURE")


def test_of_two_first_uploads_at_once_one_is_the_first(alice):
    bodies = [CrossSigning(alice).body() for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda b: clone(alice).raw(
            "POST", f"/_matrix/client/v3/{UPLOAD}", json=b,
            headers={"Authorization": f"Bearer {alice.token}"}).status_code, bodies))
    assert answers.count(200) == 1 and set(answers) <= {200, 401, 503}, answers
    alice.server.allow_log("somebody else|CONFLICT")
    stored = cross_keys(alice, alice)
    assert [stored[0]["keys"], stored[1]["keys"]] in [[b["master_key"]["keys"], b["self_signing_key"]["keys"]]
                                                     for b in bodies]


def body_with(keys, usage, change):
    """The upload with one key changed before it is signed."""
    body = keys.body()
    key = change(keys.public(usage))
    body[f"{usage}_key"] = key if usage == "master" or not isinstance(key, dict) else keys.master.sign(key)
    return body


BAD_KEYS = [
    (lambda k: [], "M_BAD_JSON"),
    (lambda k: "x", "M_BAD_JSON"),
    (lambda k: {}, "M_BAD_JSON"),
    (lambda k: {**k, "user_id": "@eve:localhost"}, "M_INVALID_PARAM"),
    (lambda k: {**k, "user_id": 1}, "M_BAD_JSON"),
    (lambda k: {**k, "usage": k["usage"][0]}, "M_BAD_JSON"),
    (lambda k: {**k, "usage": []}, "M_INVALID_PARAM"),
    (lambda k: {**k, "usage": ["other"]}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": []}, "M_BAD_JSON"),
    (lambda k: {**k, "keys": {}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": {**k["keys"], "ed25519:more": "more"}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": {"ed25519:other": next(iter(k["keys"].values()))}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": {"curve25519:" + v: v for v in k["keys"].values()}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": {"ed25519:short": "short"}}, "M_INVALID_PARAM"),
    (lambda k: {**k, "keys": {next(iter(k["keys"])): 1}}, "M_BAD_JSON"),
    (lambda k: {**k, "more": "x" * 17000}, "M_TOO_LARGE"),
]


@pytest.mark.parametrize("usage", CrossSigning.USAGES)
@pytest.mark.parametrize("change, errcode", BAD_KEYS)
def test_bad_keys(alice, usage, change, errcode):
    answer = alice.post(UPLOAD, body_with(CrossSigning(alice), usage, change))
    answer.expect(413 if errcode == "M_TOO_LARGE" else 400, errcode)
    assert cross_keys(alice, alice) == [None] * 3


BAD_SIGNATURES = [[], "x", {"eve": {}}, {"@e:localhost": 1}, {"@e:localhost": {"X": "s"}},
                  {"@e:localhost": {"ed25519:X": 1}}]


@pytest.mark.parametrize("signatures", BAD_SIGNATURES)
def test_bad_forms_of_signatures(alice, signatures):
    body = CrossSigning(alice).body()
    body["self_signing_key"]["signatures"] = signatures
    assert alice.post(UPLOAD, body).expect(400).errcode in ("M_BAD_JSON", "M_INVALID_PARAM")


@pytest.mark.parametrize("usage", ["self_signing", "user_signing"])
def test_wrong_signatures(alice, usage):
    keys = CrossSigning(alice)
    good, name = keys.body(), f"{usage}_key"
    other = SigningKey(alice.user_id)
    for key in (keys.public(usage), other.sign(keys.public(usage)), {**good[name], "more": 1}):
        alice.post(UPLOAD, {**good, name: key}).expect(400, "M_INVALID_SIGNATURE")
    signature = good[name]["signatures"][alice.user_id]
    for text in ("", "x", "c2lnbmF0dXJl", next(iter(signature.values()))[::-1]):
        key = {**good[name], "signatures": {alice.user_id: {keys.master.key_id: text}}}
        alice.post(UPLOAD, {**good, name: key}).expect(400, "M_INVALID_SIGNATURE")
    assert cross_keys(alice, alice) == [None] * 3


def test_without_a_master_key(alice):
    keys = CrossSigning(alice)
    for usages in (("self_signing",), ("user_signing",), ("self_signing", "user_signing")):
        keys.upload(*usages).expect(400, "M_MISSING_PARAM")
    alice.post(UPLOAD, {}).expect(400, "M_MISSING_PARAM")
    keys.upload("master").ok()
    other = CrossSigning(alice)
    other.upload("self_signing").expect(400, "M_INVALID_SIGNATURE")     # by another master key


def test_names_of_devices_and_keys_do_not_meet(alice):
    keys = CrossSigning(alice)
    taken = alice.login(device_id=keys.self_signing.public)
    keys.upload().expect(403, "M_FORBIDDEN")
    taken.post("logout").ok()
    keys.upload().ok()
    late = Device(alice.login(device_id=keys.master.public))
    late.upload(device_keys=late.keys()).expect(403, "M_FORBIDDEN")


def test_an_ended_account_has_none(alice, bob):
    CrossSigning(alice).upload().ok()
    uia.deactivate(alice).ok()
    assert cross_keys(bob, alice) == [None] * 3
    alice.post(UPLOAD, {}).expect(401, "M_UNKNOWN_TOKEN")


# Signatures


@pytest.fixture
def signers(person):
    """Two people with devices and keys; each is (client, device, keys)."""
    made = []
    for name in ("alice", "bob"):
        client = person(name)
        keys = CrossSigning(client)
        device = Device(client).publish()
        keys.upload().ok()
        made.append((client, device, keys))
    return made


def test_a_device_signed_by_its_user(signers):
    (alice, device, keys), (bob, _, _) = signers
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    since = bob.sync_call().ok()["next_batch"]
    signed = keys.self_signing.sign(device.keys())      # with the device's own signature beside it
    assert sign(alice, {alice.user_id: {alice.device_id: signed}}) == {}
    for viewer in (alice, bob):
        assert device_of(viewer, alice) == {**signed, "unsigned": {}}
    answer = bob.sync_call(since).ok()
    assert device_lists(answer) == ({alice.user_id}, set())
    assert sign(alice, {alice.user_id: {alice.device_id: signed}}) == {}
    assert bob.sync_call(answer["next_batch"]).ok()["next_batch"] == answer["next_batch"]     # nothing new
    device.publish()        # the same keys again: the signature stays
    assert device_of(bob, alice) == {**signed, "unsigned": {}}


def test_the_master_key_signed_by_devices(signers):
    (alice, device, keys), (bob, _, _) = signers
    tablet = Device(alice.login()).publish()
    master = keys.public("master")
    assert sign(alice, {alice.user_id: {keys.master.public: device.signing.only_signed(master)}}) == {}
    both = tablet.signing.sign(keys.master.sign(device.signing.sign(master)))
    assert sign(alice, {alice.user_id: {keys.master.public: both}}) == {}
    expected = tablet.signing.sign(device.signing.sign(master))
    for viewer in (alice, bob):
        assert cross_keys(viewer, alice)[0] == expected


def test_the_master_key_of_somebody_else(signers, person):
    (alice, _, keys), (bob, _, bobs) = signers
    eve = person("eve")
    tablet = alice.login()
    since = [c.sync_call().ok()["next_batch"] for c in (tablet, bob, eve)]
    signed = keys.user_signing.only_signed(bobs.public("master"))
    assert sign(alice, {bob.user_id: {bobs.master.public: signed}}) == {}
    assert cross_keys(alice, bob)[0] == signed
    assert cross_keys(tablet, bob)[0] == signed
    bare_master = {**bobs.public("master"), "signatures": {}}
    assert cross_keys(bob, bob)[0] == bare_master and cross_keys(eve, bob)[0] == bare_master
    lists = [device_lists(c.sync_call(s).ok()) for c, s in zip((tablet, bob, eve), since)]
    assert lists == [({bob.user_id}, set()), (set(), set()), (set(), set())]
    # Nobody's word outlives the key that it was given with.
    uia.with_password(bob, UPLOAD, CrossSigning(bob).body()).ok()
    assert cross_keys(alice, bob)[0]["signatures"] == {}


def test_a_new_user_signing_key_has_signed_nothing_yet(signers):
    (alice, _, keys), (bob, _, bobs) = signers
    signed = keys.user_signing.only_signed(bobs.public("master"))
    assert sign(alice, {bob.user_id: {bobs.master.public: signed}}) == {}
    fresh = CrossSigning(alice, master=keys.master)
    uia.with_password(alice, UPLOAD, fresh.body("user_signing")).ok()
    assert cross_keys(alice, bob)[0]["signatures"] == {}


def test_a_new_self_signing_key_has_signed_nothing_yet(signers):
    (alice, device, keys), (bob, _, _) = signers
    assert sign(alice, {alice.user_id: {alice.device_id: keys.self_signing.only_signed(device.keys())}}) == {}
    uia.with_password(alice, UPLOAD, CrossSigning(alice).body()).ok()
    assert device_of(bob, alice) == {**device.keys(), "unsigned": {}}


def test_failures_stand_alone(signers):
    (alice, device, keys), (bob, _, bobs) = signers
    good = keys.self_signing.only_signed(device.keys())
    master = keys.public("master")
    failures = sign(alice, {
        alice.user_id: {
            alice.device_id: good,
            "NOSUCH": good,
            keys.master.public: keys.user_signing.only_signed(master),      # not by a device
            keys.self_signing.public: device.signing.only_signed(keys.public("self_signing")),
        },
        bob.user_id: {
            bob.device_id: keys.user_signing.only_signed(device.keys()),    # devices are signed by their users only
            bobs.master.public: bobs.user_signing.only_signed(bobs.public("master")),
        },
        "@nobody:localhost": {"X": {}},
        "@far:other.example": {"X": {}},
    })
    codes = {user: {key: f["errcode"] for key, f in by_key.items()} for user, by_key in failures.items()}
    assert codes == {
        alice.user_id: {"NOSUCH": "M_NOT_FOUND", keys.master.public: "M_INVALID_SIGNATURE",
                        keys.self_signing.public: "M_NOT_FOUND"},
        bob.user_id: {bob.device_id: "M_NOT_FOUND", bobs.master.public: "M_INVALID_SIGNATURE"},
        "@nobody:localhost": {"X": "M_NOT_FOUND"}, "@far:other.example": {"X": "M_NOT_FOUND"}}
    assert all(f["error"] for by_key in failures.values() for f in by_key.values())
    assert keys.self_signing.key_id in device_of(bob, alice)["signatures"][alice.user_id]


def test_what_may_not_be_signed(signers):
    (alice, device, keys), _ = signers
    sealed = device.keys()
    cases = [
        ({**sealed, "algorithms": []}, keys.self_signing),      # other keys than those that were uploaded
        ({**sealed, "more": 1}, keys.self_signing),
        (sealed, keys.user_signing),
        (sealed, keys.master),
        (sealed, SigningKey(alice.user_id)),
    ]
    for obj, signer in cases:
        failures = sign(alice, {alice.user_id: {alice.device_id: signer.only_signed(obj)}})
        assert failures[alice.user_id][alice.device_id]["errcode"] == "M_INVALID_SIGNATURE"
    wrong = keys.self_signing.only_signed(sealed)
    wrong["signatures"][alice.user_id][keys.self_signing.key_id] = "c2lnbmF0dXJl"
    assert sign(alice, {alice.user_id: {alice.device_id: wrong}}) != {}
    bad = keys.public("master")
    bad["signatures"] = {alice.user_id: {device.signing.key_id: keys.master.signature(bad)}}
    failures = sign(alice, {alice.user_id: {keys.master.public: bad}})
    assert failures[alice.user_id][keys.master.public]["errcode"] == "M_INVALID_SIGNATURE"
    assert device_of(alice, alice) == {**sealed, "unsigned": {}}
    assert cross_keys(alice, alice)[0]["signatures"] == {}


@pytest.mark.parametrize("body, errcode", [
    ({"@a:localhost": []}, "M_BAD_JSON"), ({"@a:localhost": {"X": []}}, "M_BAD_JSON"),
    ({"@a:localhost": {"X": None}}, "M_BAD_JSON"), ({"alice": {}}, "M_INVALID_PARAM"),
    ({"@a:localhost": {str(n): {} for n in range(1001)}}, "M_TOO_LARGE")])
def test_bad_bodies_of_signatures(alice, body, errcode):
    answer = alice.post("keys/signatures/upload", body)
    answer.expect(413 if errcode == "M_TOO_LARGE" else 400, errcode)


def test_signing_at_once(signers):
    """Signatures of a key by several devices, all at the same time: none is lost."""
    (alice, device, keys), _ = signers
    devices = [device] + [Device(alice.login()).publish() for _ in range(7)]
    master = keys.public("master")

    def upload(one):
        objects = {alice.user_id: {keys.master.public: one.signing.only_signed(master)}}
        while True:
            answer = clone(alice).raw("POST", "/_matrix/client/v3/keys/signatures/upload", json=objects,
                                      headers={"Authorization": f"Bearer {alice.token}"})
            if answer.status_code != 503:
                return answer.json()["failures"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(upload, devices)) == [{}] * 8
    alice.server.allow_log("CONFLICT")
    signed = cross_keys(alice, alice)[0]["signatures"][alice.user_id]
    assert set(signed) == {d.signing.key_id for d in devices}


def test_without_a_token(alice):
    for path in (UPLOAD, "keys/signatures/upload"):
        alice.post(path, {}, token=None).expect(401, "M_MISSING_TOKEN")
