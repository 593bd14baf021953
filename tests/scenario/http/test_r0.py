"""The paths of r0, which old clients still use, and slashes at the end of a path."""

import pytest

from harness.client import PASSWORD, Client, quote, unique

R0 = "/_matrix/client/r0"


def test_a_life_in_r0(server):
    """The endpoints that an old client needs are those of v3."""
    user = Client(server)
    name = unique("old")
    user.adopt(user.post(f"{R0}/register", {"username": name, "password": PASSWORD,
                                            "auth": {"type": "m.login.dummy"}}).ok())
    assert user.get(f"{R0}/login").ok()["flows"]
    again = user.post(f"{R0}/login", {"type": "m.login.password", "password": PASSWORD, "identifier": {
        "type": "m.id.user", "user": name}}, token=None).ok()
    assert again["user_id"] == user.user_id
    assert user.get(f"{R0}/account/whoami").ok()["user_id"] == user.user_id
    room = user.post(f"{R0}/createRoom", {"preset": "public_chat"}).ok()["room_id"]
    base = f"{R0}/rooms/{quote(room)}"
    event_id = user.put(f"{base}/send/m.room.message/t1", {"msgtype": "m.text", "body": "old"}).ok()["event_id"]
    assert user.get(f"{base}/event/{quote(event_id)}").ok()["content"]["body"] == "old"
    assert user.get(f"{base}/messages", params={"dir": "b"}).ok()["chunk"][0]["event_id"] == event_id
    assert user.get(f"{base}/state").ok().json
    assert user.get(f"{base}/joined_members").ok()["joined"]
    assert room in user.get(f"{R0}/sync").ok()["rooms"]["join"]
    assert user.get(f"{R0}/joined_rooms").ok()["joined_rooms"] == [room]
    user.put(f"{R0}/profile/{quote(user.user_id)}/displayname", {"displayname": "Old"}).ok()
    assert user.get(f"{R0}/profile/{quote(user.user_id)}/displayname").ok()["displayname"] == "Old"
    user.post(f"{R0}/user/{quote(user.user_id)}/filter", {}).ok()
    user.get(f"{R0}/publicRooms").ok()
    user.post(f"{R0}/logout").ok()
    assert not user.is_known()


def test_errors_are_the_same(alice, anonymous):
    alice.get(f"{R0}/nothing").expect(404, "M_UNRECOGNIZED")
    alice.post(f"{R0}/account/whoami").expect(405, "M_UNRECOGNIZED")
    anonymous.get(f"{R0}/account/whoami").expect(401, "M_MISSING_TOKEN")
    alice.get("/_matrix/client/r1/account/whoami").expect(404, "M_UNRECOGNIZED")
    alice.get("/_matrix/client/v2/account/whoami").expect(404, "M_UNRECOGNIZED")


def test_r0_as_a_name(alice):
    """Only the word at its own place is the version."""
    alice.set_account_data("r0", {"n": 1}).ok()
    assert alice.account_data("r0").ok().json == {"n": 1}
    assert alice.get(f"{R0}/user/{quote(alice.user_id)}/account_data/r0").ok().json == {"n": 1}


@pytest.mark.parametrize("version", [R0, "/_matrix/client/v3"])
def test_slashes_at_the_end(alice, version):
    """An empty state key, and push rules."""
    room = alice.create_room()
    where = f"{version}/rooms/{quote(room)}/state/m.room.topic"
    assert alice.get(f"{version}/rooms/{quote(room)}/state/m.room.join_rules/").ok()["join_rule"] == "invite"
    assert alice.get(f"{version}/rooms/{quote(room)}/state/m.room.join_rules").ok()["join_rule"] == "invite"
    alice.put(f"{where}/", {"topic": "with"}).ok()
    assert alice.get(where).ok()["topic"] == "with"
    alice.put(where, {"topic": "without"}).ok()
    assert alice.get(f"{where}/").ok()["topic"] == "without"
    assert "global" in alice.get(f"{version}/pushrules/").ok().json
    assert "override" in alice.get(f"{version}/pushrules/global/").ok().json
