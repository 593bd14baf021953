"""Global account data, and filters."""

import json

import pytest

from harness.client import Client, quote, unique
from harness.sync import Syncer

KIND = "org.example.config"


def test_put_and_get(alice):
    content = {"a": [1, 2, {"b": None}], "text": "ü\U0001f600", "empty": {}}
    assert alice.set_account_data(KIND, content).ok().json == {}
    assert alice.account_data(KIND).ok().json == content
    alice.set_account_data(KIND, {"other": 1}).ok()
    assert alice.account_data(KIND).ok().json == {"other": 1}, "replaced, not merged"


def test_empty_content(alice):
    alice.set_account_data(KIND, {}).ok()
    assert alice.account_data(KIND).ok().json == {}


def test_never_set(alice):
    alice.account_data("org.example.nothing").expect(404, "M_NOT_FOUND")


def test_of_another_user(alice, bob):
    bob.set_account_data(KIND, {"his": 1}).ok()
    alice.account_data(KIND, user_id=bob.user_id).expect(403, "M_FORBIDDEN")
    alice.set_account_data(KIND, {}, user_id=bob.user_id).expect(403, "M_FORBIDDEN")
    assert bob.account_data(KIND).ok().json == {"his": 1}


@pytest.mark.parametrize("kind", ["m.fully_read", "m.push_rules"])
def test_kinds_of_the_server(alice, kind):
    """The specification asks for 405 and M_BAD_JSON; reading is as usual."""
    alice.set_account_data(kind, {"x": 1}).expect(405, "M_BAD_JSON")
    assert alice.account_data(kind).status in (200, 404)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b"null", b"{", b""])
def test_bad_bodies(alice, body):
    answer = alice.set_account_data(KIND, None, data=body).expect(400)
    assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON")
    alice.account_data(KIND).expect(404, "M_NOT_FOUND")


def test_in_sync(alice):
    """Shown in the first sync, and afterwards when it changes."""
    alice.set_account_data(KIND, {"n": 1}).ok()
    reader = Syncer(alice)
    reader.step()
    assert reader.account_data[KIND] == {"n": 1}
    assert "m.push_rules" in reader.account_data
    again = reader.step()
    assert KIND not in [e["type"] for e in again.get("account_data", {}).get("events", [])]
    alice.set_account_data(KIND, {"n": 2}).ok()
    reader.until(lambda r: r.account_data[KIND] == {"n": 2})


def test_is_private(alice, bob):
    alice.set_account_data(KIND, {"hers": 1}).ok()
    reader = Syncer(bob)
    reader.step()
    assert KIND not in reader.account_data


def test_kept_over_a_restart(make_server):
    server = make_server()
    client = Client(server).register(unique())
    client.set_account_data(KIND, {"kept": True}).ok()
    server.restart(clean=False)
    assert client.account_data(KIND).ok().json == {"kept": True}


# Filters.

FILTER = {"room": {"state": {"types": ["m.room.*"], "lazy_load_members": True},
                   "timeline": {"limit": 10, "types": ["m.room.message"],
                                "not_senders": ["@spam:example.com"]},
                   "ephemeral": {"not_types": ["m.typing"]}, "include_leave": True},
          "presence": {"types": []}, "event_format": "client",
          "event_fields": ["type", "content.body", "sender"]}


def filters(client):
    return f"user/{quote(client.user_id)}/filter"


def test_filter(alice):
    filter_id = alice.post(filters(alice), FILTER).ok()["filter_id"]
    assert isinstance(filter_id, str) and filter_id and not filter_id.startswith("{")
    assert alice.get(f"{filters(alice)}/{quote(filter_id)}").ok().json == FILTER
    alice.sync_call(filter=filter_id).ok()


def test_empty_filter(alice):
    filter_id = alice.post(filters(alice), {}).ok()["filter_id"]
    assert alice.get(f"{filters(alice)}/{quote(filter_id)}").ok().json == {}
    alice.sync_call(filter=filter_id).ok()


def test_two_filters(alice):
    one = alice.post(filters(alice), {"room": {"include_leave": True}}).ok()["filter_id"]
    two = alice.post(filters(alice), {"room": {"include_leave": False}}).ok()["filter_id"]
    assert one != two
    assert alice.get(f"{filters(alice)}/{quote(one)}").ok()["room"] == {"include_leave": True}


BAD_FILTERS = [
    {"presence": "not an object"},
    {"presence": []},
    {"account_data": 5},
    {"room": []},
    {"room": {"timeline": "not an object"}},
    {"room": {"state": []}},
    {"room": {"ephemeral": 1}},
    {"room": {"account_data": "x"}},
    {"room": {"include_leave": "yes"}},
    {"room": {"rooms": "!a:localhost"}},
    {"room": {"rooms": ["not_a_room_id"]}},
    {"room": {"not_rooms": [5]}},
    {"room": {"timeline": {"rooms": ["not_a_room_id"]}}},
    {"room": {"timeline": {"senders": ["not_a_sender_id"]}}},
    {"room": {"timeline": {"not_senders": "@a:localhost"}}},
    {"room": {"timeline": {"types": "m.room.message"}}},
    {"room": {"timeline": {"not_types": [1]}}},
    {"room": {"timeline": {"limit": "10"}}},
    {"room": {"timeline": {"limit": 1.5}}},
    {"room": {"timeline": {"limit": -1}}},
    {"room": {"state": {"lazy_load_members": "true"}}},
    {"room": {"state": {"include_redundant_members": 1}}},
    {"room": {"timeline": {"contains_url": "x"}}},
    {"event_fields": "type"},
    {"event_fields": [1]},
    {"event_format": "other"},
    {"event_format": 1},
    {"presence": {"senders": ["x" * 300]}},
    {"room": {"timeline": {"types": ["x"] * 20_000}}},
]


@pytest.mark.parametrize("bad", BAD_FILTERS, ids=[json.dumps(f)[:60] for f in BAD_FILTERS])
def test_bad_filters(alice, bad):
    """Refused when uploaded, and when given with a sync."""
    answer = alice.post(filters(alice), bad)
    assert answer.status in (400, 413), repr(answer)
    assert answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM", "M_TOO_LARGE")
    if len(json.dumps(bad)) < 4000:
        answer = alice.sync_call(filter=bad).expect(400)
        assert answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM")


def test_unknown_members_of_a_filter_are_kept(alice):
    odd = {"org.example.more": {"x": 1}, "room": {"org.example.y": [1]}}
    filter_id = alice.post(filters(alice), odd).ok()["filter_id"]
    alice.get(f"{filters(alice)}/{quote(filter_id)}").ok()
    alice.sync_call(filter=filter_id).ok()


@pytest.mark.parametrize("filter_id", ["999999999", "nonsense", "-1", "9" * 40, "1 ", "0x1"])
def test_unknown_filter(alice, filter_id):
    alice.get(f"{filters(alice)}/{quote(filter_id)}").expect(404, "M_NOT_FOUND")
    answer = alice.sync_call(filter=filter_id)
    assert answer.status in (400, 404), repr(answer)


def test_filter_of_another_user(alice, bob):
    filter_id = bob.post(filters(bob), FILTER).ok()["filter_id"]
    alice.post(filters(bob), FILTER).expect(403, "M_FORBIDDEN")
    alice.get(f"{filters(bob)}/{quote(filter_id)}").expect(403, "M_FORBIDDEN")
    answer = alice.get(f"{filters(alice)}/{quote(filter_id)}")
    assert answer.status == 404 or answer.json != FILTER
