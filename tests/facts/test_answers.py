"""The check of answers itself: it finds the endpoint, and sees what is wrong."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenario"))

from harness.answers import assert_as_specified, operation_of, schemas  # noqa: E402


@pytest.mark.parametrize("method, path, operation", [
    ("GET", "/_matrix/client/v3/sync?since=s1", "sync"),
    ("GET", "/_matrix/client/v3/pushrules/", "getPushRules"),
    ("GET", "/_matrix/client/v3/rooms/%21a/state/m.room.name/", "getRoomStateWithKey"),
    ("GET", "/_matrix/client/v3/profile/@a:b/m.tz", "getProfileField"),
    ("PUT", "/_matrix/client/v3/sync", None),
    ("GET", "/health", None),
])
def test_the_endpoint_is_found(method, path, operation):
    if operation == "getRoomStateWithKey":
        path += "x"
    assert operation_of(method, path) == operation


def test_every_operation_has_its_answers():
    assert {"sync", "login", "getRoomEvents", "queryKeys"} <= set(schemas()["operations"])
    assert all(schemas()["$defs"].values())


SYNC = ("GET", "/_matrix/client/v3/sync", 200)


@pytest.mark.parametrize("answer", [
    {}, {"next_batch": 1}, {"next_batch": "s", "rooms": {"join": {"!a": {"summary": {"m.joined_member_count": "1"}}}}},
    {"next_batch": "s", "rooms": {"join": {"!a": {"timeline": {"events": [{"type": "m"}]}}}}}, None,
])
def test_a_wrong_answer_is_seen(answer):
    with pytest.raises(AssertionError, match="not as specified"):
        assert_as_specified(*SYNC, answer)


def test_a_right_answer_passes():
    assert_as_specified(*SYNC, {"next_batch": "s", "rooms": {"join": {"!a": {"unread_notifications": {}}}}})
    assert_as_specified("GET", "/_matrix/client/v3/rooms/!a/state/m.room.member/@b:c", 200, {"membership": "join"})
    assert_as_specified("POST", "/_matrix/client/v3/account/deactivate", 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "no"})
