"""Password login, tokens and devices (Client-Server API, Login)."""

import pytest

from harness.client import Client, unique


def body(user, password, **more):
    return {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user},
            "password": password, **more}


def test_flows(anonymous):
    flows = anonymous.get("login").ok()["flows"]
    kinds = [flow["type"] for flow in flows]
    assert "m.login.password" in kinds
    assert len(set(kinds)) == len(kinds)


def test_by_user_id_and_by_localpart(alice):
    for user in (alice.user_id, alice.localpart):
        fresh = alice.login(user)
        assert fresh.user_id == alice.user_id
        assert fresh.whoami().ok().json["user_id"] == alice.user_id
        assert fresh.whoami()["device_id"] == fresh.device_id


def test_deprecated_user_member(alice, anonymous):
    for user in (alice.user_id, alice.localpart):
        answer = anonymous.post("login", {"type": "m.login.password", "user": user,
                                          "password": alice.password}).ok()
        assert answer["user_id"] == alice.user_id


def test_answer_has_no_surprises(alice):
    answer = alice.login_call().ok()
    assert set(answer.json) <= {"user_id", "access_token", "device_id", "home_server", "well_known"}
    assert "refresh_token" not in answer.json and "expires_in_ms" not in answer.json
    assert len(answer["access_token"]) >= 20


def test_upper_case_localpart_is_another_user(alice, anonymous):
    """A client may send what the person typed; only the exact id or its lower case is the account."""
    answer = anonymous.post("login", body(alice.localpart.upper(), alice.password))
    if answer.status == 200:
        assert answer["user_id"] == alice.user_id
    else:
        answer.expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("password", ["wrong", "", "correct horse battery staple ", "CORRECT"])
def test_wrong_password(alice, password):
    alice.login_call(password=password).expect(403, "M_FORBIDDEN")
    assert alice.is_known()


@pytest.mark.parametrize("user", [
    "nobody-of-that-name", "@nobody-of-that-name:localhost", "@alice:elsewhere.example", "",
    "@:localhost", "not a user", "@" + "a" * 300 + ":localhost", "\U0001f600",
])
def test_unknown_user(anonymous, user):
    answer = anonymous.post("login", body(user, "x"))
    assert answer.status in (400, 403), repr(answer)
    assert answer.errcode in ("M_FORBIDDEN", "M_INVALID_PARAM", "M_INVALID_USERNAME")


def test_unknown_user_and_wrong_password_look_the_same(alice, anonymous):
    known = anonymous.post("login", body(alice.user_id, "wrong")).expect(403, "M_FORBIDDEN")
    unknown = anonymous.post("login", body("@nobody-there:localhost", "wrong")).expect(403)
    assert known.json == unknown.json


@pytest.mark.parametrize("kind", ["m.login.token", "m.login.sso", "org.example.nothing", "",
                                  "m.login.dummy", "m.login.application_service"])
def test_unknown_login_type(anonymous, kind):
    """A type that is in none of the flows is 400, M_UNKNOWN."""
    offered = [f["type"] for f in anonymous.get("login").ok()["flows"]]
    if kind in offered:
        pytest.skip(f"{kind} is offered")
    anonymous.post("login", {"type": kind, "password": "x", "token": "y",
                             "identifier": {"type": "m.id.user", "user": "a"}}
                   ).expect(400, "M_UNKNOWN")


@pytest.mark.parametrize("identifier", [
    {"type": "m.id.thirdparty", "medium": "email", "address": "a@example.org"},
    {"type": "m.id.phone", "country": "GB", "phone": "0123"},
    {"type": "org.example.other"},
])
def test_other_identifiers_log_nobody_in(anonymous, identifier):
    answer = anonymous.post("login", {"type": "m.login.password", "identifier": identifier,
                                      "password": "x"})
    assert answer.status in (400, 403), repr(answer)


def test_device_id_is_kept(alice):
    fresh = alice.login(device_id="MYDEVICE")
    assert fresh.device_id == "MYDEVICE"
    assert fresh.whoami().ok()["device_id"] == "MYDEVICE"


def test_generated_device_ids_differ(alice):
    devices = {alice.login().device_id for _ in range(3)} | {alice.device_id}
    assert len(devices) == 4


def test_reused_device_id_replaces_its_token(alice):
    first = alice.login(device_id="PHONE", initial_device_display_name="A phone")
    second = alice.login(device_id="PHONE")
    assert not first.is_known()
    assert second.is_known() and alice.is_known()


def test_same_device_id_of_two_users(alice, bob):
    """Device ids belong to their user."""
    hers = alice.login(device_id="TABLET")
    his = bob.login(device_id="TABLET")
    assert hers.whoami().ok()["user_id"] == alice.user_id
    assert his.whoami().ok()["user_id"] == bob.user_id


@pytest.mark.parametrize("device", ["x" * 256, ""])
def test_odd_device_ids(alice, device):
    """Too long is refused; an empty one is as none."""
    answer = alice.login_call(device_id=device)
    if answer.status == 200:
        assert device == "" and answer["device_id"] != ""
    else:
        answer.expect(400)
        assert answer.errcode in ("M_INVALID_PARAM", "M_BAD_JSON")
        assert "device_id" in answer["error"]


def test_query_string_token(alice):
    """Deprecated, and still sent by clients and bridges of before."""
    answer = alice.get("account/whoami", token=None, params={"access_token": alice.token}).ok()
    assert answer["user_id"] == alice.user_id
    alice.get("account/whoami", token=None, params={"access_token": "nonsense"}).expect(
        401, "M_UNKNOWN_TOKEN")


def test_bearer_is_case_insensitive(alice):
    """The scheme's name is, by RFC 9110."""
    for scheme in ("bearer", "BEARER"):
        alice.get("account/whoami", token=None,
                  headers={"Authorization": f"{scheme} {alice.token}"}).ok()


def test_whoami(alice):
    answer = alice.whoami().ok()
    assert answer["user_id"] == alice.user_id
    assert answer["device_id"] == alice.device_id
    assert answer.json.get("is_guest", False) is False


def test_logout(alice):
    other = alice.login()
    assert alice.post("logout").ok().json == {}
    assert not alice.is_known()
    assert other.is_known()
    alice.post("logout").expect(401, "M_UNKNOWN_TOKEN")


def test_logout_without_a_body(alice):
    alice.post("logout", data=b"").ok()
    assert not alice.is_known()


def test_logout_all(alice, bob):
    others = [alice.login() for _ in range(3)]
    others[0].post("logout/all").ok()
    assert not any(c.is_known() for c in [alice, *others])
    assert bob.is_known()
    assert alice.login().is_known(), "the password stays"


def test_logged_out_token_says_hard_logout(alice):
    alice.post("logout").ok()
    answer = alice.whoami().expect(401, "M_UNKNOWN_TOKEN")
    assert answer.json.get("soft_logout", False) is False


def test_tokens_are_not_in_the_log_nor_in_the_data(server, alice):
    """Stored by their hash, and never written to a log."""
    secret = alice.token.encode()
    assert secret.decode() not in server.log()
    assert alice.password not in server.log()
    for path in server.data.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert secret not in data, path
            assert alice.password.encode() not in data, path


def test_sessions_survive_a_restart(make_server):
    server = make_server()
    client = Client(server).register(unique())
    server.restart()
    assert client.is_known()
    assert client.login().is_known()


def test_sessions_survive_a_kill(make_server):
    """What was answered is on disk."""
    server = make_server()
    client = Client(server).register(unique())
    client.set_profile("displayname", "Kept").ok()
    server.restart(clean=False)
    assert client.is_known()
    assert client.profile("displayname").ok()["displayname"] == "Kept"
