"""Profiles: displayname and avatar_url."""

import pytest

from harness.client import Client, quote, unique

MXC = "mxc://localhost/abcDEF123"
FIELDS = [("displayname", "Alice Margatroid"), ("avatar_url", MXC)]


@pytest.mark.parametrize("field,value", FIELDS)
def test_put_and_get(alice, anonymous, field, value):
    """Anybody may read, without a token; the whole and the field agree."""
    assert alice.set_profile(field, value).ok().json == {}
    assert anonymous.profile(field, alice.user_id).ok().json == {field: value}
    assert anonymous.get(f"profile/{quote(alice.user_id)}").ok()[field] == value


@pytest.mark.parametrize("field,value", FIELDS)
def test_change(alice, field, value):
    alice.set_profile(field, value).ok()
    alice.set_profile(field, value + "2").ok()
    assert alice.profile(field).ok()[field] == value + "2"


@pytest.mark.parametrize("field", ["displayname", "avatar_url"])
def test_never_set(alice, field):
    """404 for the field, or the name that the server gave at registration."""
    answer = alice.profile(field)
    if field == "displayname" and answer.status == 200:
        assert answer.json == {"displayname": alice.localpart}
    else:
        answer.expect(404, "M_NOT_FOUND")


@pytest.mark.parametrize("path", ["", "/displayname", "/avatar_url"])
def test_unknown_user(anonymous, path):
    anonymous.get(f"profile/{quote('@nobody-there:localhost')}{path}").expect(404, "M_NOT_FOUND")


@pytest.mark.parametrize("field,value", FIELDS)
def test_of_another_user(alice, bob, field, value):
    bob.set_profile(field, value).ok()
    alice.set_profile(field, value + "x", user_id=bob.user_id).expect(403, "M_FORBIDDEN")
    alice.set_profile(field, value, user_id="@nobody-there:localhost").expect(403, "M_FORBIDDEN")
    assert bob.profile(field).ok()[field] == value


@pytest.mark.parametrize("field,value", FIELDS)
def test_needs_a_token(alice, anonymous, field, value):
    anonymous.set_profile(field, value, user_id=alice.user_id).expect(401, "M_MISSING_TOKEN")


@pytest.mark.parametrize("field", ["displayname", "avatar_url"])
@pytest.mark.parametrize("value", [5, [], {}, True])
def test_wrong_types(alice, field, value):
    answer = alice.set_profile(field, value).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM")


@pytest.mark.parametrize("field", ["displayname", "avatar_url"])
def test_missing_member(alice, field):
    answer = alice.put(f"profile/{quote(alice.user_id)}/{field}", {"other": "x"}).expect(400)
    assert answer.errcode in ("M_MISSING_PARAM", "M_BAD_JSON")


@pytest.mark.parametrize("name", ["", "x", "Ällïce \U0001f600", "a\tb", 'quote " and \\', "\u202eeman",
                                  "name " * 20])
def test_names(alice, name):
    """Any string is a name; an empty one may mean none."""
    alice.set_profile("displayname", "before").ok()
    alice.set_profile("displayname", name).ok()
    answer = alice.profile("displayname")
    if name == "" and answer.status == 404:
        return
    assert answer.ok()["displayname"] == name


def test_too_long(alice):
    answer = alice.set_profile("displayname", "x" * 66_000).expect(400)
    assert answer.errcode in ("M_PROFILE_TOO_LARGE", "M_INVALID_PARAM", "M_TOO_LARGE", "M_BAD_JSON")


@pytest.mark.parametrize("uri", ["https://example.org/a.png", "mxc:/x", "mxc://", "mxc://a", "nothing",
                                 "mxc://a/b/c", "mxc://local host/x"])
def test_bad_avatar(alice, uri):
    """avatar_url must be an MXC URI."""
    answer = alice.set_profile("avatar_url", uri).expect(400)
    assert answer.errcode in ("M_INVALID_PARAM", "M_BAD_JSON")


def test_kept_over_a_restart(make_server):
    server = make_server()
    client = Client(server).register(unique())
    client.set_profile("displayname", "Kept").ok()
    client.set_profile("avatar_url", MXC).ok()
    server.restart()
    assert client.get(f"profile/{quote(client.user_id)}").ok().json == {
        "displayname": "Kept", "avatar_url": MXC}
