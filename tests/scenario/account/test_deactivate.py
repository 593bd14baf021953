"""The end of an account, as far as it does not concern rooms."""

import concurrent.futures

import pytest

from harness import uia
from harness.client import PASSWORD, Client, quote, unique

PATH = "account/deactivate"


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_empty_body_is_challenged(alice, body):
    """MUST 1, and 3: never completes on it."""
    for _ in range(3):
        answer = alice.post(PATH, data=body)
        uia.assert_challenge(answer, "m.login.password")
    assert alice.is_known()


def test_without_token(anonymous):
    answer = anonymous.post(PATH, {}).expect(401)
    assert answer.errcode == "M_MISSING_TOKEN" or answer.json.get("flows"), repr(answer)


def test_unknown_token(alice):
    alice.with_token("nonsense").post(PATH, {"auth": uia.password_auth(alice)}).expect(
        401, "M_UNKNOWN_TOKEN")
    assert alice.is_known()


def test_wrong_password(alice):
    """MUST 2."""
    answer = uia.with_password(alice, PATH, password="wrong")
    uia.assert_challenge(answer, "m.login.password")
    assert answer.errcode == "M_FORBIDDEN"
    assert alice.is_known()


@pytest.mark.parametrize("form", ["two legs", "single POST"])
def test_answer(alice, form):
    """MUST 5; and the one POST with auth and no session that real clients send."""
    if form == "two legs":
        answer = uia.deactivate(alice)
    else:
        answer = alice.post(PATH, {"auth": uia.password_auth(alice)})
    assert answer.ok().json == {"id_server_unbind_result": "success"}
    assert not alice.is_known()


def test_every_token_dies(alice):
    """MUST 6."""
    others = [alice.login(device_id=f"D{n}", refresh_token=True) for n in range(3)]
    uia.deactivate(alice).ok()
    for client in [alice, *others]:
        for method, path in (("GET", "account/whoami"), ("GET", "sync"), ("POST", "createRoom"),
                             ("POST", "keys/query"), ("POST", "logout")):
            answer = client.call(method, path, json={} if method == "POST" else None)
            if answer.status == 404 and answer.errcode == "M_UNRECOGNIZED":
                continue    # an endpoint that is not there yet
            answer.expect(401, "M_UNKNOWN_TOKEN")
            assert answer.json.get("soft_logout", False) is False
    for client in others:
        client.post("refresh", {"refresh_token": client.refresh_token}, token=None).expect(
            401, "M_UNKNOWN_TOKEN")


@pytest.mark.parametrize("user", ["user id", "localpart", "deprecated"])
@pytest.mark.parametrize("password", [PASSWORD, "wrong", ""])
def test_login_is_refused(alice, anonymous, user, password):
    """MUST 7: by every form, right password or not."""
    uia.deactivate(alice).ok()
    body = {"type": "m.login.password", "password": password}
    if user == "deprecated":
        body["user"] = alice.user_id
    else:
        name = alice.user_id if user == "user id" else alice.localpart
        body["identifier"] = {"type": "m.id.user", "user": name}
    answer = anonymous.post("login", body).expect(403)
    assert answer.errcode in ("M_FORBIDDEN", "M_USER_DEACTIVATED")


def test_name_is_never_free_again(alice, anonymous):
    """MUST 8."""
    uia.deactivate(alice).ok()
    body = {"username": alice.localpart, "password": PASSWORD}
    anonymous.post("register", body).expect(400, "M_USER_IN_USE")
    anonymous.post("register", {**body, "auth": {"type": "m.login.dummy"}}).expect(
        400, "M_USER_IN_USE")
    anonymous.get("register/available", params={"username": alice.localpart}).expect(
        400, "M_USER_IN_USE")
    answer = anonymous.post("register", {"username": alice.localpart.upper(), "password": PASSWORD,
                                         "auth": {"type": "m.login.dummy"}}).expect(400)
    assert answer.errcode in ("M_USER_IN_USE", "M_INVALID_USERNAME")


def test_of_another_user(alice, bob):
    """MUST 3: who authenticates must be the owner of the token."""
    session = uia.challenge(alice, PATH)
    for auth in (uia.password_auth(bob, session), uia.password_auth(bob)):
        answer = alice.post(PATH, {"auth": auth})
        assert answer.status in (401, 403) and answer.errcode == "M_FORBIDDEN", repr(answer)
    for person in (alice, bob):
        assert person.is_known() and person.login().is_known()


@pytest.mark.parametrize("erase", ["true", 1, 0, [], {}, None, "false"])
@pytest.mark.parametrize("leg", ["first", "single", "second"])
def test_erase_of_a_wrong_type(alice, erase, leg):
    """MUST 19: 400, and nothing changes."""
    if leg == "first":
        answer = alice.post(PATH, {"erase": erase})
    elif leg == "single":
        answer = alice.post(PATH, {"erase": erase, "auth": uia.password_auth(alice)})
    else:
        session = uia.challenge(alice, PATH)
        answer = alice.post(PATH, {"erase": erase, "auth": uia.password_auth(alice, session)})
    answer.expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM")
    assert "erase" in answer["error"]
    assert alice.is_known() and alice.login().is_known()


@pytest.mark.parametrize("erase", [True, False])
def test_erase(alice, anonymous, erase):
    alice.set_profile("displayname", "A Name To Forget").ok()
    assert uia.deactivate(alice, erase=erase).ok().json == {"id_server_unbind_result": "success"}
    if erase:
        answer = anonymous.profile("displayname", alice.user_id)
        assert answer.status in (403, 404) or answer.json.get("displayname") != "A Name To Forget"


def test_unknown_and_identity_server_members(alice):
    """id_server is taken, though there is nothing to unbind; others are ignored."""
    answer = uia.deactivate(alice, id_server="id.example.org", org_example=[1, {}])
    assert answer.ok()["id_server_unbind_result"] == "success"


@pytest.mark.parametrize("body", [{"id_server": 5}, {"id_server": {}}])
def test_id_server_of_a_wrong_type(alice, body):
    answer = alice.post(PATH, {**body, "auth": uia.password_auth(alice)}).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM")
    assert alice.is_known()


def test_others_are_untouched(alice, bob):
    session = bob.login()
    uia.deactivate(alice).ok()
    assert bob.is_known() and session.is_known() and bob.login().is_known()


def test_nothing_of_the_account_can_be_written(alice, bob):
    uia.deactivate(alice).ok()
    for answer in (alice.set_profile("displayname", "Ghost"),
                   alice.set_account_data("org.example", {"x": 1}),
                   alice.post(f"user/{quote(alice.user_id)}/filter", {}),
                   alice.post("account/password", {"new_password": "x", "auth": {}})):
        answer.expect(401, "M_UNKNOWN_TOKEN")
    bob.set_profile("displayname", "Ghost", user_id=alice.user_id).expect(403, "M_FORBIDDEN")


def test_again(alice):
    """The same call with the dead token."""
    auth = uia.password_auth(alice)
    alice.post(PATH, {"auth": auth}).ok()
    alice.post(PATH, {"auth": auth}).expect(401, "M_UNKNOWN_TOKEN")


def test_uia_session_from_before_is_void(alice):
    """A session made by one device finishes nothing after another has ended the account."""
    other = alice.login()
    session = uia.challenge(other, "account/password", {"new_password": "x y z 1 2 3"})
    uia.deactivate(alice).ok()
    other.post("account/password", {"new_password": "x y z 1 2 3",
                                    "auth": uia.password_auth(alice, session)}).expect(
        401, "M_UNKNOWN_TOKEN")
    alice.login_call(password="x y z 1 2 3").expect(403)


def test_many_at_once(server, alice):
    """One succeeds; each of the others is told of success too, or that its token is gone."""
    body = {"auth": uia.password_auth(alice)}
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: Client(server, token=alice.token).post(PATH, body),
                                range(48)))
    good = [a for a in answers if a.status == 200]
    assert good
    assert all(a.json == {"id_server_unbind_result": "success"} for a in good)
    for answer in answers:
        if answer.status != 200:
            answer.expect(401)
            assert answer.errcode in ("M_UNKNOWN_TOKEN", "M_FORBIDDEN")
    assert not alice.is_known()


def test_logins_that_race_it(server, alice):
    """No token survives, wherever its login stood when the flag was set."""
    made = []

    def login(_):
        answer = Client(server).login_call(alice.user_id, alice.password)
        if answer.status == 200:
            made.append(answer["access_token"])
        else:
            answer.expect(403)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        logins = [pool.submit(login, n) for n in range(40)]
        uia.deactivate(alice).ok()
        for future in logins:
            future.result()
    assert not any(alice.with_token(token).is_known() for token in made)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_survives_a_restart(make_server, how):
    server = make_server()
    client = Client(server).register(unique())
    other = client.login(refresh_token=True)
    uia.deactivate(client).ok()
    server.restart(clean=how == "SIGTERM")
    assert not client.is_known() and not other.is_known()
    client.login_call().expect(403)
    Client(server).post("register", {"username": client.localpart, "password": PASSWORD}).expect(
        400, "M_USER_IN_USE")
