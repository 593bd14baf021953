"""Paths and queries: percent-encoding, odd identifiers."""

import pytest

from harness.client import V3, quote


def test_encoded_user_id(alice):
    """Every character may be escaped or, where RFC 3986 allows it, not."""
    user = alice.user_id
    alice.set_profile("displayname", "Alice").ok()
    forms = [user, quote(user), user.replace("@", "%40"), "".join(f"%{ord(c):02x}" for c in user),
             "".join(f"%{ord(c):02X}" for c in user)]
    for form in forms:
        assert alice.get(f"profile/{form}/displayname").ok()["displayname"] == "Alice", form


def test_encoded_fixed_part(alice):
    """A fixed word of a path may be escaped too; it is the same resource."""
    answer = alice.get("account/%77hoami")
    assert answer.status in (200, 404)
    if answer.status == 404:
        answer.expect(404, "M_UNRECOGNIZED")


@pytest.mark.parametrize("kind", ["org.example/with/slashes", "org.example?x=y", "org.example#x",
                                  "org.example%2F", "org.example b+c", "org.exämple"])
def test_slash_and_others_in_a_parameter(alice, kind):
    """%2F belongs to the parameter and separates nothing."""
    alice.set_account_data(kind, {"kind": kind}).ok()
    assert alice.account_data(kind).ok().json == {"kind": kind}


def test_slash_in_a_state_key(alice):
    room = alice.create_room()
    alice.set_state(room, "org.example.state", {"a": 1}, key="a/b/c").ok()
    assert alice.state(room, "org.example.state", "a/b/c").ok().json == {"a": 1}
    alice.state(room, "org.example.state", "a").expect(404, "M_NOT_FOUND")


def test_unescaped_slash_separates(alice):
    alice.get(f"user/{quote(alice.user_id)}/account_data/a/b").expect(404, "M_UNRECOGNIZED")


@pytest.mark.parametrize("bad", ["%", "%4", "%zz", "a%", "%ff", "%c0%af", "%ed%a0%80", "%00", "a%00b"])
def test_invalid_encodings(server, alice, bad):
    """Sent raw: a client library would mend them."""
    from harness.wire import Wire
    with Wire(server) as wire:
        wire.request("GET", f"{V3}/profile/{bad}/displayname")
        status, errcode = wire.errcode()
        assert status in (400, 404), status
        assert errcode in ("M_INVALID_PARAM", "M_UNRECOGNIZED", "M_NOT_FOUND", "M_BAD_JSON")
        wire.request("GET", f"{V3}/user/{quote(alice.user_id)}/account_data/{bad}",
                     headers=[f"Authorization: Bearer {alice.token}"])
        status, errcode = wire.errcode()
        assert status in (400, 404), status
    assert alice.is_known()


@pytest.mark.parametrize("user", ["alice", "alice:localhost", "@alice", "@:localhost", "@a:", "@",
                                  "!a:localhost", "@" + "a" * 245 + ":localhost",
                                  "@a:localhost:99999999", "@a:loc alhost", "@\U0001f600:bad host"])
def test_malformed_user_ids(alice, user):
    answer = alice.get(f"profile/{quote(user)}")
    assert answer.status in (400, 404), repr(answer)
    assert answer.errcode in ("M_INVALID_PARAM", "M_NOT_FOUND")
    for answer in (alice.account_data("org.example", user_id=user),
                   alice.set_account_data("org.example", {}, user_id=user)):
        assert answer.status in (400, 403), repr(answer)
        assert answer.errcode in ("M_INVALID_PARAM", "M_FORBIDDEN")


def test_empty_parameter(alice):
    answer = alice.get("profile//displayname")
    assert answer.status in (400, 404), repr(answer)


def test_query_encoding(anonymous, person):
    taken = person("query").localpart
    escaped = "".join(f"%{ord(c):02x}" for c in taken)
    anonymous.get(f"register/available?username={escaped}").expect(400, "M_USER_IN_USE")
    anonymous.get("register/available?username=%zz").expect(400)
    anonymous.get("register/available").expect(400, "M_MISSING_PARAM")


def test_unknown_query_parameters_are_ignored(anonymous):
    anonymous.get("/_matrix/client/versions?cache=1&cache=2&=&&x").ok()


def test_trailing_slash(alice):
    """The specification's pushrules has one; others have none (clients were seen to add it to state)."""
    alice.get("pushrules/").ok()
    alice.get("account/whoami/").expect(404, "M_UNRECOGNIZED")
    room = alice.create_room(name="x")
    assert alice.get(f"rooms/{quote(room)}/state/m.room.name/").ok()["name"] == "x"
    assert alice.get(f"rooms/{quote(room)}/state/m.room.name").ok()["name"] == "x"
