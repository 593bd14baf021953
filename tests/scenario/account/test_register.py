"""Registration: closed, open, by token; names; user-interactive auth."""

import concurrent.futures

import pytest

from harness import uia
from harness.client import Client, unique
from harness.server import SETTING_REGISTRATION_TOKEN

PASSWORD = "correct horse 9"
DUMMY = {"type": "m.login.dummy"}
TOKEN = "Come-In_2.~"
TOKEN_STAGE = "m.login.registration_token"
VALIDITY = "/_matrix/client/v1/register/m.login.registration_token/validity"


@pytest.fixture(scope="module")
def closed(module_servers):
    """What a server is when nobody has configured it."""
    return Client(module_servers({"registration.mode": "closed"}))


@pytest.fixture(scope="module")
def by_token(module_servers):
    return Client(module_servers({"registration.mode": "token",
                                  SETTING_REGISTRATION_TOKEN: TOKEN}))


def register(client, username=None, **more):
    return client.post("register", {"username": username or unique("reg"), "password": PASSWORD,
                                    "auth": DUMMY, **more})


def test_closed(closed):
    """403, with and without auth; no flow is shown that cannot be completed."""
    closed.post("register", {"username": unique(), "password": PASSWORD}).expect(403, "M_FORBIDDEN")
    register(closed).expect(403, "M_FORBIDDEN")
    closed.get(VALIDITY, params={"token": TOKEN}).expect(403, "M_FORBIDDEN")


def test_closed_is_the_default(make_server):
    server = make_server(start=False)
    del server.settings["registration.mode"]
    server.start()
    register(Client(server)).expect(403, "M_FORBIDDEN")


def test_two_legs(anonymous):
    name = unique("legs")
    body = {"username": name, "password": PASSWORD}
    session = uia.challenge(anonymous, "register", body, "m.login.dummy")
    answer = anonymous.post("register", {**body, "auth": {**DUMMY, "session": session}}).ok()
    assert answer["user_id"] == f"@{name}:localhost"
    assert Client(anonymous.server).adopt(answer).is_known()


def test_single_post(anonymous):
    """Clients that know the flow send auth without session at once."""
    answer = register(anonymous).ok()
    assert answer["access_token"] and answer["device_id"]
    assert Client(anonymous.server).adopt(answer).whoami()["user_id"] == answer["user_id"]


def test_second_leg_may_leave_out_the_other_parameters(anonymous):
    """Or repeat them; in both cases the account has the name of the first leg."""
    name = unique("repeat")
    session = uia.challenge(anonymous, "register", {"username": name, "password": PASSWORD})
    answer = anonymous.post("register", {"auth": {**DUMMY, "session": session}})
    if answer.status == 200:
        assert answer["user_id"] == f"@{name}:localhost"
    else:
        answer.expect(400)


def test_empty_auth_never_suffices(anonymous):
    for auth in ({}, {"session": "nonsense"}, None):
        body = {"username": unique("empty"), "password": PASSWORD}
        answer = anonymous.post("register", body if auth is None else {**body, "auth": auth})
        assert answer.status in (400, 401, 403), repr(answer)
        assert "access_token" not in answer.json


def test_password_stage_does_not_register(anonymous, alice):
    """A stage that no flow of register has."""
    answer = anonymous.post("register", {"username": unique(), "password": PASSWORD,
                                         "auth": uia.password_auth(alice)})
    assert answer.status in (400, 401), repr(answer)
    assert "user_id" not in answer.json


def test_without_username(anonymous):
    """The server makes a name."""
    users = {anonymous.post("register", {"password": PASSWORD, "auth": DUMMY}).ok()["user_id"]
             for _ in range(2)}
    assert len(users) == 2
    assert all(u.startswith("@") and u.endswith(":localhost") and len(u) > 11 for u in users)


def test_device(anonymous):
    answer = register(anonymous, device_id="D1", initial_device_display_name="One").ok()
    assert answer["device_id"] == "D1"


def test_inhibit_login(anonymous):
    name = unique("quiet")
    answer = register(anonymous, name, inhibit_login=True, refresh_token=True).ok()
    assert answer["user_id"] == f"@{name}:localhost"
    assert not {"access_token", "device_id", "refresh_token", "expires_in_ms"} & set(answer.json)
    Client(anonymous.server).login(answer["user_id"], PASSWORD)


BAD_NAMES = ["", " ", "a b", "a:b", "@a", "#a", "ünïcode", "a\u0000b", "a\nb", "a*b", "a@b", "a%b",
             "a!b", "a'b", "a\\b", "\u202ea", "😀", "x" * 245, "x" * 300, "@a:localhost",
             "@a:elsewhere.example"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=[repr(n)[:20] + str(len(n)) for n in BAD_NAMES])
def test_bad_names(anonymous, name):
    """Refused before user-interactive auth, and by both endpoints alike."""
    body = {"username": name, "password": PASSWORD}
    anonymous.post("register", body).expect(400, "M_INVALID_USERNAME")
    anonymous.post("register", {**body, "auth": DUMMY}).expect(400, "M_INVALID_USERNAME")
    anonymous.get("register/available", params={"username": name}).expect(400, "M_INVALID_USERNAME")


GOOD_NAMES = ["a.b-c_d=e/f+g", "12345x", "-", "x" * 244]


@pytest.mark.parametrize("name", GOOD_NAMES, ids=[n[:14] for n in GOOD_NAMES])
def test_good_names(anonymous, name):
    """@ + 244 + :localhost is 255 bytes, the most that a user id may have."""
    anonymous.get("register/available", params={"username": name}).ok()
    assert register(anonymous, name).ok()["user_id"] == f"@{name}:localhost"


def test_upper_case(anonymous):
    """Mapped to lower case or refused: never an account that differs only in case."""
    name = unique("Upper")
    answer = register(anonymous, name)
    if answer.status == 200:
        assert answer["user_id"] == f"@{name.lower()}:localhost"
        register(anonymous, name.lower()).expect(400, "M_USER_IN_USE")
    else:
        answer.expect(400, "M_INVALID_USERNAME")


def test_taken(alice, anonymous):
    """Said before user-interactive auth."""
    anonymous.post("register", {"username": alice.localpart, "password": PASSWORD}).expect(
        400, "M_USER_IN_USE")
    register(anonymous, alice.localpart).expect(400, "M_USER_IN_USE")
    anonymous.get("register/available", params={"username": alice.localpart}).expect(
        400, "M_USER_IN_USE")
    assert alice.login().is_known(), "the account is as it was"


def test_taken_in_other_case(alice, anonymous):
    answer = register(anonymous, alice.localpart.upper()).expect(400)
    assert answer.errcode in ("M_USER_IN_USE", "M_INVALID_USERNAME")


def test_available(anonymous):
    assert anonymous.get("register/available", params={"username": unique("free")}).ok().json == {
        "available": True}


def test_race_for_a_name(server):
    """Of many at once exactly one gets it."""
    name = unique("race")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: register(Client(server), name), range(16)))
    assert sorted(a.status for a in answers) == [200] + [400] * 15
    assert all(a.errcode == "M_USER_IN_USE" for a in answers if a.status == 400)


def test_guests_are_refused(anonymous):
    anonymous.call("POST", "register", json={}, params={"kind": "guest"}).expect(403)
    answer = anonymous.call("POST", "register", json={"auth": DUMMY, "password": PASSWORD},
                            params={"kind": "guest"}).expect(403)
    assert answer.errcode in ("M_FORBIDDEN", "M_GUEST_ACCESS_FORBIDDEN")


@pytest.mark.parametrize("kind", ["admin", "", "USER"])
def test_unknown_kind(anonymous, kind):
    answer = anonymous.call("POST", "register", params={"kind": kind},
                            json={"username": unique(), "password": PASSWORD, "auth": DUMMY})
    answer.expect(400)
    assert answer.errcode in ("M_INVALID_PARAM", "M_UNKNOWN", "M_UNRECOGNIZED")


def test_wrong_session(anonymous):
    body = {"username": unique("ws"), "password": PASSWORD}
    for session in ("nonsense", "x" * 3000):
        answer = anonymous.post("register", {**body, "auth": {**DUMMY, "session": session}})
        assert answer.status in (400, 401, 403), repr(answer)
        assert "access_token" not in answer.json


def test_used_session_makes_no_second_account(anonymous):
    body = {"username": unique("once"), "password": PASSWORD}
    session = uia.challenge(anonymous, "register", body)
    auth = {**DUMMY, "session": session}
    anonymous.post("register", {**body, "auth": auth}).ok()
    again = anonymous.post("register", {**body, "username": unique("twice"), "auth": auth})
    assert again.status in (400, 401, 403), repr(again)


def test_session_of_another_endpoint(anonymous, alice):
    """A session belongs to the call that it was made for."""
    session = uia.challenge(alice, "account/deactivate")
    answer = anonymous.post("register", {"username": unique(), "password": PASSWORD,
                                         "auth": {**DUMMY, "session": session}})
    assert answer.status in (400, 401, 403), repr(answer)


# By token.

def test_token_flow(by_token):
    name = unique("tok")
    body = {"username": name, "password": PASSWORD}
    session = uia.challenge(by_token, "register", body, TOKEN_STAGE)
    answer = by_token.post("register", {**body, "auth": {"type": TOKEN_STAGE, "token": TOKEN,
                                                         "session": session}})
    if answer.status == 401:    # a further dummy stage is allowed
        assert answer["completed"] == [TOKEN_STAGE]
        answer = by_token.post("register", {**body, "auth": {**DUMMY, "session": session}})
    assert answer.ok()["user_id"] == f"@{name}:localhost"


def test_token_single_post(by_token):
    answer = by_token.post("register", {"username": unique("tok"), "password": PASSWORD,
                                        "auth": {"type": TOKEN_STAGE, "token": TOKEN}}).ok()
    assert answer["access_token"]


@pytest.mark.parametrize("token", ["wrong", "", "come-in_2.~", "x" * 65])
def test_wrong_token(by_token, token):
    body = {"username": unique("tok"), "password": PASSWORD}
    session = uia.challenge(by_token, "register", body, TOKEN_STAGE)
    answer = by_token.post("register", {**body, "auth": {"type": TOKEN_STAGE, "token": token,
                                                         "session": session}})
    uia.assert_challenge(answer)
    assert answer.errcode == "M_FORBIDDEN", repr(answer)
    assert TOKEN_STAGE not in answer.json.get("completed", [])


def test_token_mode_takes_no_dummy(by_token):
    body = {"username": unique("tok"), "password": PASSWORD}
    session = uia.challenge(by_token, "register", body)
    answer = by_token.post("register", {**body, "auth": {**DUMMY, "session": session}})
    assert answer.status in (400, 401) and "user_id" not in answer.json, repr(answer)
    assert ("m.login.dummy",) not in uia.flows_of(by_token.post("register", body))


def test_token_validity(by_token):
    assert by_token.get(VALIDITY, params={"token": TOKEN}).ok().json == {"valid": True}
    assert by_token.get(VALIDITY, params={"token": "wrong"}).ok().json == {"valid": False}
    by_token.get(VALIDITY).expect(400, "M_MISSING_PARAM")
