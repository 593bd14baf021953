"""Logging another client in by a token; tokens for third parties; credentials of TURN servers."""

import base64
import hashlib
import hmac
import threading
import time

import pytest

from harness.client import Client, quote, unique
from harness.uia import assert_challenge, deactivate, password_auth, with_password

GET_TOKEN = "/_matrix/client/v1/login/get_token"


def login_token(client):
    answer = with_password(client, GET_TOKEN).ok()
    assert answer["expires_in_ms"] == 120_000
    return answer["login_token"]


def login(client, token, **more):
    return client.post("login", {"type": "m.login.token", "token": token, **more}, token=None)


def test_is_told(alice, anonymous):
    flows = {flow["type"]: flow for flow in anonymous.get("login").ok()["flows"]}
    assert flows["m.login.token"]["get_login_token"] is True
    assert alice.get("capabilities").ok()["capabilities"]["m.get_login_token"] == {"enabled": True}


def test_login(server, alice):
    token = login_token(alice)
    answer = login(alice, token, device_id="PHONE", initial_device_display_name="Phone", refresh_token=True).ok()
    assert answer["user_id"] == alice.user_id and answer["device_id"] == "PHONE"
    assert answer["refresh_token"] and answer["expires_in_ms"] > 0
    phone = Client(server).adopt(answer)
    assert phone.whoami().ok()["device_id"] == "PHONE"
    assert alice.is_known()
    login(alice, token).expect(403, "M_FORBIDDEN")
    assert phone.is_known()


def test_needs_the_password(alice):
    session = assert_challenge(alice.post(GET_TOKEN, {}), "m.login.password")
    answer = alice.post(GET_TOKEN, {"auth": password_auth(alice, session, password="wrong")}).expect(401)
    assert answer.errcode == "M_FORBIDDEN"
    alice.post(GET_TOKEN, {"auth": password_auth(alice, session)}).ok()
    answer = alice.post(GET_TOKEN, {"auth": password_auth(alice, session)}).expect(401)
    assert "login_token" not in answer.json, "a session is good for one token"


def test_needs_a_token(anonymous):
    anonymous.post(GET_TOKEN, {}).expect(401, "M_MISSING_TOKEN")


@pytest.mark.parametrize("body", [{}, {"auth": {}}, {"auth": None}], ids=str)
def test_never_without_authentication(alice, body):
    assert_challenge(alice.post(GET_TOKEN, body), "m.login.password")


@pytest.mark.parametrize("body,status,errcode", [
    ({"token": "nonsense"}, 403, "M_FORBIDDEN"), ({"token": ""}, 403, "M_FORBIDDEN"),
    ({}, 400, "M_MISSING_PARAM"), ({"token": 5}, 400, "M_BAD_JSON"), ({"token": None}, 400, "M_BAD_JSON"),
    ({"token": "x" * 100_000}, 403, "M_FORBIDDEN"), ({"token": "x", "device_id": "d" * 256}, 400, "M_INVALID_PARAM"),
    ({"token": "x", "refresh_token": "yes"}, 400, "M_BAD_JSON")], ids=lambda value: str(value)[:30])
def test_bad_logins(anonymous, body, status, errcode):
    anonymous.post("login", {"type": "m.login.token", **body}).expect(status, errcode)


def test_an_access_token_is_none(alice):
    login(alice, alice.token).expect(403, "M_FORBIDDEN")
    alice.with_token(login_token(alice)).whoami().expect(401, "M_UNKNOWN_TOKEN")


def test_of_a_race_one_logs_in(alice):
    token, statuses = login_token(alice), []
    threads = [threading.Thread(target=lambda: statuses.append(login(Client(alice.server), token).status))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [403] * 7


def test_after_a_new_password(alice):
    token = login_token(alice)
    with_password(alice, "account/password", {"new_password": "another one"}).ok()
    login(alice, token).expect(403, "M_FORBIDDEN")


def test_after_the_end(alice):
    token = login_token(alice)
    deactivate(alice).ok()
    login(alice, token).expect(403, "M_FORBIDDEN")
    alice.post(GET_TOKEN, {}).expect(401, "M_UNKNOWN_TOKEN")


def test_over_a_restart(make_server):
    """It is in the database, and not as it is."""
    server = make_server()
    client = Client(server).register(unique())
    token = login_token(client)
    server.restart(clean=False)
    assert server.database.sql("SELECT count(*) FROM short_tokens") == [["1"]]
    login(client, token).ok()
    assert server.database.sql("SELECT count(*) FROM short_tokens") == [["0"]]


# OpenID.

def openid_path(user_id):
    return f"user/{quote(user_id)}/openid/request_token"


@pytest.mark.parametrize("data", [b"{}", b"", b'{"later":1}'])
def test_openid(alice, data):
    answer = alice.post(openid_path(alice.user_id), data=data).ok()
    assert {key: answer[key] for key in ("token_type", "matrix_server_name", "expires_in")} == {
        "token_type": "Bearer", "matrix_server_name": "localhost", "expires_in": 3600}
    other = alice.post(openid_path(alice.user_id), data=data).ok()
    assert len({answer["access_token"], other["access_token"], alice.token}) == 3
    alice.with_token(answer["access_token"]).whoami().expect(401, "M_UNKNOWN_TOKEN")
    login(alice, answer["access_token"]).expect(403, "M_FORBIDDEN")


def test_openid_bad_input(alice, bob, anonymous):
    alice.post(openid_path(bob.user_id)).expect(403, "M_FORBIDDEN")
    alice.post(openid_path("nonsense")).expect(400, "M_INVALID_PARAM")
    anonymous.post(openid_path(alice.user_id)).expect(401, "M_MISSING_TOKEN")
    alice.post(openid_path(alice.user_id), data=b"[]").expect(400, "M_BAD_JSON")
    alice.post(openid_path(alice.user_id), data=b"{").expect(400, "M_NOT_JSON")


def test_openid_after_the_end(server, alice):
    alice.post(openid_path(alice.user_id)).ok()
    deactivate(alice).ok()
    alice.post(openid_path(alice.user_id)).expect(401, "M_UNKNOWN_TOKEN")
    assert server.database.sql("SELECT count(*) FROM short_tokens WHERE user_nid="
                               f"(SELECT nid FROM users WHERE user_id='{alice.user_id}')") == [["0"]]


# TURN.

URIS = "turn:turn.example.org?transport=udp, turns:turn.example.org"


def check_turn(client, secret, life_s):
    before = int(time.time())
    answer = client.get("voip/turnServer").ok()
    assert answer["uris"] == URIS.split(", ") and answer["ttl"] == life_s
    expires, user_id = answer["username"].split(":", 1)
    assert user_id == client.user_id and before + life_s <= int(expires) <= before + life_s + 30
    mac = hmac.new(secret, answer["username"].encode(), hashlib.sha1).digest()
    assert answer["password"] == base64.b64encode(mac).decode()


def test_turn(make_server):
    server = make_server({"turn.uris": URIS, "turn.shared_secret": "n0t s3cret", "turn.user_lifetime_ms": "120000"})
    check_turn(Client(server).register(unique()), b"n0t s3cret", 120)
    Client(server).get("voip/turnServer").expect(401, "M_MISSING_TOKEN")


def test_turn_secret_in_a_file(make_server, tmp_path):
    (tmp_path / "secret").write_text("from a file\n")
    server = make_server({"turn.uris": URIS, "turn.shared_secret_file": str(tmp_path / "secret")})
    check_turn(Client(server).register(unique()), b"from a file", 3600)


def test_turn_for_all(make_server):
    server = make_server({"turn.uris": "turn:t", "turn.username": "u", "turn.password": "p"})
    answer = Client(server).register(unique()).get("voip/turnServer").ok()
    assert answer.json == {"username": "u", "password": "p", "uris": ["turn:t"], "ttl": 3600}


def test_no_turn(alice):
    alice.get("voip/turnServer").expect(404, "M_NOT_FOUND")
