"""Password change, and user-interactive auth by password in general."""

import pytest

from harness import uia
from harness.client import Client, unique

NEW = "a new and better one"
PATH = "account/password"


def change(client, **body):
    return uia.with_password(client, PATH, {"new_password": NEW, **body})


def test_change(alice):
    assert change(alice).ok().json == {}
    alice.login_call(password=alice.password).expect(403, "M_FORBIDDEN")
    assert alice.login(password=NEW).is_known()


def test_single_post(alice):
    alice.post(PATH, {"new_password": NEW, "auth": uia.password_auth(alice)}).ok()
    assert alice.login(password=NEW).is_known()


@pytest.mark.parametrize("more,others_live", [({}, False), ({"logout_devices": True}, False),
                                              ({"logout_devices": False}, True)])
def test_other_devices(alice, more, others_live):
    """By default the others are logged out; the session that asked never is."""
    other = alice.login(refresh_token=True)
    change(alice, **more).ok()
    assert alice.is_known()
    assert other.is_known() == others_live
    answer = other.post("refresh", {"refresh_token": other.refresh_token}, token=None)
    assert (answer.status == 200) == others_live


def test_needs_new_password(alice):
    """Missing or unusable: 400, whether asked before or after authentication."""
    answer = alice.post(PATH, {"auth": uia.password_auth(alice)}).expect(400)
    assert answer.errcode in ("M_MISSING_PARAM", "M_BAD_JSON")
    assert alice.login().is_known(), "nothing changed"


@pytest.mark.parametrize("new", ["", "x" * 100_000])
def test_unusable_new_password(alice, new):
    answer = alice.post(PATH, {"new_password": new, "auth": uia.password_auth(alice)})
    answer.expect(400)
    assert answer.errcode in ("M_WEAK_PASSWORD", "M_INVALID_PARAM", "M_BAD_JSON")
    assert alice.login().is_known()


def test_without_token(anonymous):
    """This server sends no mail, so nobody without a session can change a password."""
    answer = anonymous.post(PATH, {"new_password": NEW})
    answer.expect(401)
    assert answer.errcode == "M_MISSING_TOKEN" or answer.json.get("flows"), repr(answer)


def test_passwords_are_exact(alice):
    """No cut, no trimming, no normalisation."""
    odd = " pässwörd\t" + "z" * 100 + "\u0301 "
    uia.with_password(alice, PATH, {"new_password": odd}).ok()
    assert alice.login(password=odd).is_known()
    for near in (odd.strip(), odd[:-1], odd[:72], odd.upper()):
        alice.login_call(password=near).expect(403, "M_FORBIDDEN")


# The same rules for every call behind user-interactive auth.

CALLS = [(PATH, {"new_password": NEW}), ("account/deactivate", {})]


@pytest.mark.parametrize("path,body", CALLS)
def test_challenge(alice, path, body):
    answer = alice.post(path, body)
    uia.assert_challenge(answer, "m.login.password")
    assert "errcode" not in answer.json
    assert answer.json.get("completed", []) == []


@pytest.mark.parametrize("path,body", CALLS)
def test_sessions_differ(alice, path, body):
    assert len({uia.challenge(alice, path, body) for _ in range(3)}) == 3


@pytest.mark.parametrize("path,body", CALLS)
def test_wrong_password(alice, path, body):
    answer = uia.with_password(alice, path, body, password="wrong")
    uia.assert_challenge(answer, "m.login.password")
    assert answer.errcode == "M_FORBIDDEN" and answer["error"]
    assert alice.is_known() and alice.login().is_known()


@pytest.mark.parametrize("path,body", CALLS)
def test_wrong_password_single_post(alice, path, body):
    answer = alice.post(path, {**body, "auth": uia.password_auth(alice, password="wrong")})
    uia.assert_challenge(answer, "m.login.password")
    assert answer.errcode == "M_FORBIDDEN"
    assert alice.login().is_known()


@pytest.mark.parametrize("path,body", CALLS)
def test_second_try_on_the_same_session(alice, path, body):
    session = uia.challenge(alice, path, body)
    wrong = uia.password_auth(alice, session, password="wrong")
    refused = alice.post(path, {**body, "auth": wrong}).expect(401, "M_FORBIDDEN")
    assert refused["session"] == session
    alice.post(path, {**body, "auth": uia.password_auth(alice, session)}).ok()


@pytest.mark.parametrize("form", ["user id", "localpart", "deprecated"])
@pytest.mark.parametrize("path,body", CALLS)
def test_identifier_forms(alice, path, body, form):
    auth = uia.password_auth(alice, uia.challenge(alice, path, body))
    if form == "localpart":
        auth["identifier"]["user"] = alice.localpart
    elif form == "deprecated":
        auth["user"] = auth.pop("identifier")["user"]
    alice.post(path, {**body, "auth": auth}).ok()


@pytest.mark.parametrize("path,body", CALLS)
def test_of_another_user(alice, bob, path, body):
    """Bob's right password does nothing for, or to, Alice's session."""
    session = uia.challenge(alice, path, body)
    answer = alice.post(path, {**body, "auth": uia.password_auth(bob, session)})
    assert answer.status in (401, 403), repr(answer)
    assert answer.errcode == "M_FORBIDDEN"
    for person in (alice, bob):
        assert person.is_known() and person.login().is_known()


BAD_AUTH = [
    {}, {"session": "SESSION"}, {"type": "m.login.dummy"},
    {"type": "m.login.dummy", "session": "SESSION"},
    {"type": "m.login.password", "session": "SESSION"},
    {"type": "m.login.password", "session": "SESSION", "password": "correct horse battery staple"},
    {"type": "m.login.password", "session": "SESSION", "identifier": {"type": "m.id.user",
                                                                      "user": "@nobody:localhost"},
     "password": "correct horse battery staple"},
    {"type": "m.login.password", "session": "SESSION", "identifier": {}, "password": "x"},
    {"type": "org.example", "session": "SESSION"},
    {"type": "m.login.registration_token", "token": "x", "session": "SESSION"},
]


@pytest.mark.parametrize("auth", BAD_AUTH, ids=range(len(BAD_AUTH)))
@pytest.mark.parametrize("path,body", CALLS)
def test_bad_auth_never_suffices(alice, path, body, auth):
    session = uia.challenge(alice, path, body)
    auth = {k: session if v == "SESSION" else v for k, v in auth.items()}
    answer = alice.post(path, {**body, "auth": auth})
    assert answer.status in (400, 401, 403), repr(answer)
    assert alice.is_known() and alice.login().is_known()


@pytest.mark.parametrize("path,body", CALLS)
def test_unknown_session(alice, path, body):
    """A session that the server never gave is refused, or the stage counts on its own."""
    answer = alice.post(path, {**body, "auth": uia.password_auth(alice, "never-given")})
    assert answer.status in (400, 401, 403), repr(answer)
    assert alice.login().is_known()


def test_used_session(alice):
    """What a session has authorised is done once."""
    session = uia.challenge(alice, PATH, {"new_password": NEW})
    alice.post(PATH, {"new_password": NEW, "auth": uia.password_auth(alice, session)}).ok()
    answer = alice.post(PATH, {"new_password": "a third one", "auth": {"session": session}})
    assert answer.status in (400, 401, 403), repr(answer)
    assert alice.login(password=NEW).is_known()


def test_session_of_another_endpoint(alice):
    """Consent to a new password is no consent to the end of the account."""
    session = uia.challenge(alice, PATH, {"new_password": NEW})
    answer = alice.post("account/deactivate", {"auth": uia.password_auth(alice, session)})
    assert answer.status in (400, 401, 403), repr(answer)
    assert alice.login().is_known()


def test_session_of_another_user(alice, bob):
    session = uia.challenge(alice, PATH, {"new_password": NEW})
    answer = bob.post(PATH, {"new_password": NEW, "auth": uia.password_auth(bob, session)})
    assert answer.status in (400, 401, 403), repr(answer)
    assert bob.login().is_known()


def test_change_survives_a_kill(make_server):
    server = make_server()
    client = Client(server).register(unique())
    change(client).ok()
    server.restart(clean=False)
    client.login_call(password=client.password).expect(403, "M_FORBIDDEN")
    assert client.login(password=NEW).is_known()
