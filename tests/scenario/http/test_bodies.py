"""Bodies that are wrong, each in its own way: the errcode says which."""

import json

import pytest

from harness.client import Client, quote, unique

DEPTH = 10_000

# (name, bytes, errcode): what no endpoint takes for a body.
NOT_AN_OBJECT = [
    ("empty", b"", "M_NOT_JSON"),
    ("blank", b"   ", "M_NOT_JSON"),
    ("word", b"hello", "M_NOT_JSON"),
    ("open", b"{", "M_NOT_JSON"),
    ("cut", b'{"type":"m.login', "M_NOT_JSON"),
    ("two", b"{}{}", "M_NOT_JSON"),
    ("trailing comma", b'{"type":"x",}', "M_NOT_JSON"),
    ("single quotes", b"{'type':'x'}", "M_NOT_JSON"),
    ("comment", b'{"type":"x"/*c*/}', "M_NOT_JSON"),
    ("bare nan", b'{"type":NaN}', "M_NOT_JSON"),
    ("leading zero", b'{"type":01}', "M_NOT_JSON"),
    ("control character", b'{"type":"a\x01b"}', "M_NOT_JSON"),
    ("array", b"[]", "M_BAD_JSON"),
    ("array of object", b'[{"type":"m.login.password"}]', "M_BAD_JSON"),
    ("string", b'"m.login.password"', "M_BAD_JSON"),
    ("number", b"7", "M_BAD_JSON"),
    ("null", b"null", "M_BAD_JSON"),
    ("true", b"true", "M_BAD_JSON"),
]

# Not UTF-8, or escapes that stand for no character: either errcode says so.
BAD_TEXT = [
    ("invalid utf-8", b'{"type":"\xff\xfe"}'),
    ("overlong utf-8", b'{"type":"\xc0\xaf"}'),
    ("cut utf-8", b'{"type":"\xe2\x82"}'),
    ("utf-8 surrogate", b'{"type":"\xed\xa0\x80"}'),
    ("beyond unicode", b'{"type":"\xf4\x90\x80\x80"}'),
    ("lone high surrogate", b'{"type":"\\ud800"}'),
    ("lone low surrogate", b'{"type":"\\udc00"}'),
    ("swapped surrogates", b'{"type":"\\udc00\\ud800"}'),
    ("high surrogate and letter", b'{"type":"\\ud800x"}'),
    ("utf-16", '{"type":"x"}'.encode("utf-16")),
    ("bad escape", b'{"type":"\\x41"}'),
]

DEEP = [
    ("arrays", b'{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}"),
    ("objects", b'{"a":' * DEPTH + b"1" + b"}" * DEPTH),
    ("arrays, never closed", b'{"a":' + b"[" * DEPTH),
]

DUPLICATES = [
    ("at the top", b'{"type":"m.login.password","type":"m.login.password"}'),
    ("within", b'{"type":"m.login.password","identifier":{"type":"m.id.user","user":"a","user":"b"}}'),
    ("escaped", b'{"type":"m.login.password","t\\u0079pe":"m.login.dummy"}'),
    ("in an unknown member", b'{"type":"m.login.password","x":{"a":1,"a":1}}'),
    ("in an array", b'{"type":"m.login.password","x":[{"a":1,"a":1}]}'),
]


def post(client, path, body):
    return client.post(path, data=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("body,errcode", [c[1:] for c in NOT_AN_OBJECT],
                         ids=[c[0] for c in NOT_AN_OBJECT])
def test_not_an_object(anonymous, body, errcode):
    post(anonymous, "login", body).expect(400, errcode)


@pytest.mark.parametrize("path", ["register", "refresh", "createRoom"])
@pytest.mark.parametrize("body,errcode", [(b"{", "M_NOT_JSON"), (b"[]", "M_BAD_JSON")])
def test_not_an_object_elsewhere(alice, path, body, errcode):
    post(alice, path, body).expect(400, errcode)


@pytest.mark.parametrize("body", [c[1] for c in BAD_TEXT], ids=[c[0] for c in BAD_TEXT])
def test_bad_text(anonymous, body):
    answer = post(anonymous, "login", body).expect(400)
    assert answer.errcode in ("M_NOT_JSON", "M_BAD_JSON"), repr(answer)


@pytest.mark.parametrize("body", [c[1] for c in DEEP], ids=[c[0] for c in DEEP])
def test_depth(anonymous, body):
    answer = post(anonymous, "login", body).expect(400)
    assert answer.errcode in ("M_NOT_JSON", "M_BAD_JSON"), repr(answer)


@pytest.mark.parametrize("body", [c[1] for c in DUPLICATES], ids=[c[0] for c in DUPLICATES])
def test_duplicate_keys(anonymous, body):
    post(anonymous, "login", body).expect(400, "M_BAD_JSON")


def test_unknown_fields_are_ignored(alice):
    fresh = alice.login(x=1, org_example={"deep": [1.5, None, {"y": 2**70}]}, user_idx="@b:c")
    assert fresh.user_id == alice.user_id


def test_content_type_does_not_matter(alice):
    """Clients send bodies as text/plain to spare themselves a preflight."""
    body = json.dumps({"name": "x"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        alice.post("createRoom", data=body, headers={"Content-Type": kind}).ok()


IDENTIFIER = {"type": "m.id.user", "user": "nobody"}
WRONG_TYPES = [
    ("login", {"type": 1}),
    ("login", {"type": ["m.login.password"]}),
    ("login", {"type": "m.login.password", "identifier": "nobody", "password": "x"}),
    ("login", {"type": "m.login.password", "identifier": [], "password": "x"}),
    ("login", {"type": "m.login.password", "identifier": {"type": 5, "user": "a"}, "password": "x"}),
    ("login", {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": 5},
               "password": "x"}),
    ("login", {"type": "m.login.password", "identifier": IDENTIFIER, "password": 5}),
    ("login", {"type": "m.login.password", "identifier": IDENTIFIER, "password": ["x"]}),
    ("login", {"type": "m.login.password", "identifier": IDENTIFIER, "password": "x",
               "device_id": 5}),
    ("login", {"type": "m.login.password", "identifier": IDENTIFIER, "password": "x",
               "initial_device_display_name": {}}),
    ("login", {"type": "m.login.password", "identifier": IDENTIFIER, "password": "x",
               "refresh_token": "yes"}),
    ("register", {"username": 5, "auth": {"type": "m.login.dummy"}}),
    ("register", {"password": {}, "auth": {"type": "m.login.dummy"}}),
    ("register", {"device_id": [], "auth": {"type": "m.login.dummy"}}),
    ("register", {"inhibit_login": 1, "auth": {"type": "m.login.dummy"}}),
    ("register", {"auth": "m.login.dummy"}),
    ("register", {"auth": {"type": 7}}),
    ("register", {"auth": {"type": "m.login.dummy", "session": 7}}),
    ("refresh", {"refresh_token": 5}),
    ("createRoom", {"name": 5}),
    ("createRoom", {"invite": "@a:localhost"}),
    ("createRoom", {"initial_state": {}}),
    ("createRoom", {"preset": 1}),
    ("createRoom", {"creation_content": []}),
    ("createRoom", {"is_direct": "true"}),
    ("account/password", {"new_password": 5}),
    ("account/password", {"new_password": "x", "logout_devices": "no"}),
    ("account/deactivate", {"auth": []}),
]


@pytest.mark.parametrize("path,body", WRONG_TYPES,
                         ids=[f"{p} {json.dumps(b)[:60]}" for p, b in WRONG_TYPES])
def test_wrong_types(alice, path, body):
    token = alice.token if path.startswith(("account", "createRoom")) else None
    answer = alice.post(path, body, token=token).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM"), repr(answer)


MISSING = [
    ("login", {}),
    ("login", {"type": "m.login.password"}),
    ("login", {"type": "m.login.password", "password": "x"}),
    ("login", {"type": "m.login.password", "identifier": IDENTIFIER}),
    ("login", {"type": "m.login.password", "identifier": {}, "password": "x"}),
    ("login", {"type": "m.login.password", "identifier": {"type": "m.id.user"}, "password": "x"}),
    ("login", {"type": None}),
    ("refresh", {}),
    ("refresh", {"refresh_token": None}),
]


@pytest.mark.parametrize("path,body", MISSING, ids=[f"{p} {json.dumps(b)[:60]}" for p, b in MISSING])
def test_missing_fields(anonymous, path, body):
    answer = anonymous.post(path, body).expect(400)
    assert answer.errcode in ("M_MISSING_PARAM", "M_BAD_JSON"), repr(answer)


# Event content must be canonical JSON: no floats, no integers beyond ±(2^53 − 1).
BAD_NUMBERS = ["1.5", "1.0", "-0.1", "1e3", "1E400", "9007199254740992", "-9007199254740992",
               "18446744073709551616", "1" + "0" * 400]
GOOD_NUMBERS = ["0", "-1", "9007199254740991", "-9007199254740991"]


@pytest.fixture(scope="module")
def sender(server):
    client = Client(server).register(unique("sender"))
    return client, client.create_room(preset="public_chat")


@pytest.mark.parametrize("where", ["message", "state"])
@pytest.mark.parametrize("shape", ['{"body":"x","n":%s}', '{"body":"x","n":{"m":[1,%s]}}'])
@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_bad_numbers_in_events(sender, where, shape, number):
    client, room = sender
    base = f"rooms/{quote(room)}"
    path = f"{base}/send/org.example.message/n{number[:30]}" if where == "message" \
        else f"{base}/state/org.example.number/"
    client.put(path, data=(shape % number).encode()).expect(400, "M_BAD_JSON")


@pytest.mark.parametrize("number", GOOD_NUMBERS)
def test_good_numbers_in_events(sender, number):
    client, room = sender
    path = f"rooms/{quote(room)}/send/org.example.message/g{number}"
    event_id = client.put(path, data=f'{{"body":"x","n":{number}}}'.encode()).ok()["event_id"]
    event = client.get(f"rooms/{quote(room)}/event/{quote(event_id)}").ok()
    assert event["content"] == {"body": "x", "n": int(number)}


def test_duplicate_keys_in_event(sender):
    client, room = sender
    path = f"rooms/{quote(room)}/send/org.example.message/dup"
    client.put(path, data=b'{"body":"a","body":"b"}').expect(400, "M_BAD_JSON")


def test_event_size(sender):
    """65,536 bytes of the whole event is the limit (Size limits)."""
    client, room = sender
    path = f"rooms/{quote(room)}/send/org.example.message/"
    client.put(path + "big", {"body": "x" * 65_537}).expect(413, "M_TOO_LARGE")
    # Escapes count as the characters they stand for, so this one is as large as the first.
    client.put(path + "escaped", data=b'{"body":"' + b"\\u0078" * 65_537 + b'"}').expect(
        413, "M_TOO_LARGE")
    client.put(path + "fits", {"body": "x" * 60_000}).ok()


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 4 << 20])
def test_large_bodies(sender, size):
    client, room = sender
    body = b'{"body":"' + b"x" * (size - 11) + b'"}'
    assert len(body) == size
    path = f"rooms/{quote(room)}/send/org.example.message/large{size}"
    client.put(path, data=body).expect(413, "M_TOO_LARGE")
    client.post("login", data=body, token=None).expect(413, "M_TOO_LARGE")
    assert client.is_known()


def test_large_chunked_body(sender):
    """A body that does not tell its length beforehand meets the same limit."""
    client, _ = sender

    def pieces():
        yield b'{"type":"'
        for _ in range(64):
            yield b"x" * 65_536
        yield b'"}'
    client.post("login", data=pieces(), token=None).expect(413, "M_TOO_LARGE")


def test_small_chunked_body(sender):
    client, _ = sender

    def pieces():
        yield b'{"name":'
        yield b'"chunked"}'
    room = client.post("createRoom", data=pieces()).ok()["room_id"]
    assert client.state(room, "m.room.name").ok()["name"] == "chunked"
