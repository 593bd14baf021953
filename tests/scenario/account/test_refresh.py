"""Refresh tokens (Client-Server API, Refreshing access tokens)."""

import time

import pytest

from harness.client import Client, unique
from harness.server import SETTING_ACCESS_TOKEN_LIFE

SHORT_LIFE_MS = 1000


def refresh(client, token):
    return client.post("refresh", {"refresh_token": token}, token=None)


@pytest.fixture
def refreshable(alice):
    return alice.login(refresh_token=True)


@pytest.mark.parametrize("how", ["login", "register"])
def test_asked_for(alice, anonymous, how):
    if how == "login":
        answer = alice.login_call(refresh_token=True).ok()
    else:
        answer = anonymous.post("register", {"username": unique(), "password": "correct horse 9",
                                             "refresh_token": True,
                                             "auth": {"type": "m.login.dummy"}}).ok()
    assert isinstance(answer["refresh_token"], str) and answer["refresh_token"]
    assert answer["refresh_token"] != answer["access_token"]
    assert isinstance(answer["expires_in_ms"], int) and answer["expires_in_ms"] > 0


@pytest.mark.parametrize("more", [{}, {"refresh_token": False}])
def test_not_asked_for(alice, more):
    assert "refresh_token" not in alice.login_call(**more).ok().json


def test_refresh(refreshable):
    answer = refresh(refreshable, refreshable.refresh_token).ok()
    assert answer["access_token"] not in (refreshable.token, refreshable.refresh_token)
    assert answer["refresh_token"] != refreshable.refresh_token
    assert answer["expires_in_ms"] > 0
    fresh = refreshable.with_token(answer["access_token"])
    who = fresh.whoami().ok()
    assert who["user_id"] == refreshable.user_id
    assert who["device_id"] == refreshable.device_id


def test_old_tokens_die_when_the_new_access_token_is_used(refreshable):
    answer = refresh(refreshable, refreshable.refresh_token).ok()
    assert refreshable.with_token(answer["access_token"]).is_known()
    refresh(refreshable, refreshable.refresh_token).expect(401, "M_UNKNOWN_TOKEN")
    assert not refreshable.is_known()


def test_old_tokens_die_when_the_new_refresh_token_is_used(refreshable):
    second = refresh(refreshable, refreshable.refresh_token).ok()
    third = refresh(refreshable, second["refresh_token"]).ok()
    refresh(refreshable, refreshable.refresh_token).expect(401, "M_UNKNOWN_TOKEN")
    assert refreshable.with_token(third["access_token"]).is_known()


def test_repeated_refresh_before_use(refreshable):
    """A client that never got the first answer may ask again."""
    lost = refresh(refreshable, refreshable.refresh_token).ok()
    again = refresh(refreshable, refreshable.refresh_token).ok()
    assert again["access_token"] != lost["access_token"]
    assert refreshable.with_token(again["access_token"]).is_known()
    refresh(refreshable, refreshable.refresh_token).expect(401, "M_UNKNOWN_TOKEN")


def test_chain(refreshable):
    token, seen = refreshable.refresh_token, {refreshable.token}
    for _ in range(6):
        answer = refresh(refreshable, token).ok()
        assert answer["access_token"] not in seen
        seen.add(answer["access_token"])
        token = answer["refresh_token"]
        assert refreshable.with_token(answer["access_token"]).is_known()


@pytest.mark.parametrize("token", ["nonsense", "", "x" * 4000])
def test_unknown_refresh_token(anonymous, token):
    refresh(anonymous, token).expect(401, "M_UNKNOWN_TOKEN")


def test_access_token_is_no_refresh_token(refreshable):
    refresh(refreshable, refreshable.token).expect(401, "M_UNKNOWN_TOKEN")


def test_refresh_token_is_no_access_token(refreshable):
    assert not refreshable.with_token(refreshable.refresh_token).is_known()


@pytest.mark.parametrize("path", ["logout", "logout/all"])
def test_logout_ends_the_refresh_token(refreshable, path):
    refreshable.post(path).ok()
    refresh(refreshable, refreshable.refresh_token).expect(401, "M_UNKNOWN_TOKEN")


def test_login_on_the_same_device_ends_the_refresh_token(alice):
    first = alice.login(device_id="D", refresh_token=True)
    alice.login(device_id="D")
    refresh(first, first.refresh_token).expect(401, "M_UNKNOWN_TOKEN")


def test_expired_access_token(make_server):
    """Soft logout: the session is there, the client may refresh."""
    server = make_server({SETTING_ACCESS_TOKEN_LIFE: SHORT_LIFE_MS})
    client = Client(server).register(unique(), refresh_token=True)
    answer = client.login_call(refresh_token=True).ok()
    assert 0 < answer["expires_in_ms"] <= SHORT_LIFE_MS
    deadline = time.monotonic() + 10
    while client.whoami().status == 200:
        assert time.monotonic() < deadline, "the token never expired"
    refused = client.whoami().expect(401, "M_UNKNOWN_TOKEN")
    assert refused["soft_logout"] is True
    fresh = refresh(client, client.refresh_token).ok()
    assert client.with_token(fresh["access_token"]).is_known()
