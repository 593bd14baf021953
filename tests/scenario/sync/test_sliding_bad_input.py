"""Sliding sync: what is refused, and that the sentence names it."""

import json

import pytest

from harness.client import Client, unique
from harness.sliding import STABLE, UNSTABLE, Slider

ROOM = "!room:localhost"
MISSING, BAD, INVALID = "M_MISSING_PARAM", "M_BAD_JSON", "M_INVALID_PARAM"


def a_list(**more):
    return {"lists": {"a": {"timeline_limit": 1, **more}}}


def state(value):
    return a_list(required_state=value)


def filters(**more):
    return a_list(filters=more)


def extension(name, **more):
    return {"extensions": {name: {"enabled": True, **more}}}


# body, errcode, what the sentence names
ROWS = [
    ({"conn_id": 5}, BAD, "conn_id"),
    ({"conn_id": "x" * 256}, INVALID, "conn_id"),
    ({"pos": 5}, BAD, "pos"),
    ({"timeout": "x"}, BAD, "timeout"),
    ({"timeout": -1}, INVALID, "timeout"),
    ({"timeout": 1.5}, BAD, "timeout"),
    ({"set_presence": 5}, BAD, "set_presence"),
    ({"set_presence": "busy"}, INVALID, "set_presence"),
    ({"lists": []}, BAD, "lists"),
    ({"lists": "x"}, BAD, "lists"),
    ({"lists": {"a": []}}, BAD, "lists"),
    ({"lists": {"a": None}}, BAD, "lists"),
    ({"lists": {"": {"timeline_limit": 1}}}, INVALID, "lists"),
    ({"lists": {"a b": {"timeline_limit": 1}}}, INVALID, "lists"),
    ({"lists": {"ä": {"timeline_limit": 1}}}, INVALID, "lists"),
    ({"lists": {"x" * 256: {"timeline_limit": 1}}}, INVALID, "lists"),
    ({"lists": {f"l{n}": {"timeline_limit": 1} for n in range(101)}}, INVALID, "lists"),
    ({"lists": {"a": {}}}, MISSING, "timeline_limit"),
    (a_list(timeline_limit=-1), INVALID, "timeline_limit"),
    (a_list(timeline_limit="1"), BAD, "timeline_limit"),
    (a_list(timeline_limit=None), BAD, "timeline_limit"),
    (a_list(timeline_limit=2 ** 53), BAD, "timeline_limit"),
    (a_list(include_heroes="yes"), BAD, "include_heroes"),
    (a_list(ranges=5), BAD, "ranges"),
    (a_list(ranges=[5]), BAD, "range"),
    (a_list(ranges=[[1]]), BAD, "range"),
    (a_list(ranges=[[0, 1, 2]]), BAD, "range"),
    (a_list(ranges=[["0", "1"]]), BAD, "range"),
    (a_list(ranges=[[-1, 5]]), INVALID, "range"),
    (a_list(ranges=[[5, 4]]), INVALID, "range"),
    (a_list(ranges=[[n, n] for n in range(17)]), INVALID, "ranges"),
    (a_list(range=[5, 4]), INVALID, "range"),
    (a_list(range={}), BAD, "range"),
    (a_list(range=[0, 1.5]), BAD, "range"),
    (state(5), BAD, "required_state"),
    (state("x"), BAD, "required_state"),
    (state([5]), BAD, "required_state"),
    (state([["m.room.name"]]), BAD, "required_state"),
    (state([["m.room.name", "", ""]]), BAD, "required_state"),
    (state([["m.room.name", 5]]), BAD, "required_state"),
    (state([[None, ""]]), BAD, "required_state"),
    (state([["t", str(n)] for n in range(257)]), INVALID, "required_state"),
    (state({"include": {}}), BAD, "include"),
    (state({"include": ["x"]}), BAD, "required_state"),
    (state({"include": [{"type": 5}]}), BAD, "type"),
    (state({"include": [{"type": "x" * 256}]}), INVALID, "type"),
    (state({"include": [{"state_key": []}]}), BAD, "state_key"),
    (state({"exclude": "x"}), BAD, "exclude"),
    (state({"lazy_members": "x"}), BAD, "lazy_members"),
    (state({"include": [{}] * 200, "exclude": [{}] * 57}), INVALID, "required_state"),
    (a_list(filters=[]), BAD, "filters"),
    (filters(is_dm="x"), BAD, "is_dm"),
    (filters(is_encrypted=1), BAD, "is_encrypted"),
    (filters(is_invite=[]), BAD, "is_invite"),
    (filters(is_invited="x"), BAD, "is_invited"),
    (filters(spaces="x"), BAD, "spaces"),
    (filters(spaces=[5]), BAD, "spaces"),
    (filters(spaces=[None]), BAD, "spaces"),
    (filters(room_types=[5]), BAD, "room_types"),
    (filters(not_room_types={}), BAD, "not_room_types"),
    (filters(tags=[None]), BAD, "tags"),
    (filters(not_tags="x"), BAD, "not_tags"),
    (filters(tags=["x"] * 1001), INVALID, "tags"),
    ({"room_subscriptions": []}, BAD, "room_subscriptions"),
    ({"room_subscriptions": {ROOM: 5}}, BAD, "room_subscriptions"),
    ({"room_subscriptions": {ROOM: {}}}, MISSING, "timeline_limit"),
    ({"room_subscriptions": {ROOM: {"timeline_limit": 1, "required_state": 5}}}, BAD, "required_state"),
    ({"room_subscriptions": {f"!r{n}:x": {"timeline_limit": 1} for n in range(101)}}, INVALID, "room_subscriptions"),
    ({"lists": {f"l{n}": {"timeline_limit": 1, "required_state": [["t", str(k)] for k in range(250)]}
                for n in range(9)}}, INVALID, "required_state"),
    ({"lists": {f"l{n}": {"timeline_limit": 1, "required_state": [["t", str(n)]]} for n in range(65)}},
     INVALID, "required_state"),
    ({"extensions": []}, BAD, "extensions"),
    ({"extensions": {"typing": 5}}, BAD, "typing"),
    ({"extensions": {"typing": {"enabled": "x"}}}, BAD, "enabled"),
    ({"extensions": {"e2ee": {"enabled": 1}}}, BAD, "enabled"),
    (extension("receipts", lists="x"), BAD, "lists"),
    (extension("receipts", lists=[5]), BAD, "lists"),
    (extension("account_data", rooms={}), BAD, "rooms"),
    (extension("account_data", rooms=["x"] * 1001), INVALID, "rooms"),
    (extension("to_device", limit=0), INVALID, "limit"),
    (extension("to_device", limit="x"), BAD, "limit"),
    (extension("to_device", since=5), BAD, "since"),
    (extension("to_device", since="x" * 256), INVALID, "since"),
]


@pytest.fixture(scope="module")
def someone(module_servers):
    return Client(module_servers()).register(unique())


@pytest.mark.parametrize("path", [STABLE, UNSTABLE], ids=["stable", "unstable"])
@pytest.mark.parametrize("body,errcode,named", ROWS, ids=lambda v: json.dumps(v)[:60] if isinstance(v, dict) else "")
def test_bad_bodies(someone, body, errcode, named, path):
    answer = someone.post(path, body).expect(400, errcode)
    assert named in answer["error"], answer


@pytest.mark.parametrize("path", [STABLE, UNSTABLE], ids=["stable", "unstable"])
@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"x"', "null", '{"a":1,"a":2}', "[" * 200])
def test_no_bodies(someone, text, path):
    answer = someone.post(path, data=text.encode(), headers={"Content-Type": "application/json"})
    assert answer.status == 400 and answer.errcode in ("M_NOT_JSON", "M_BAD_JSON")


@pytest.mark.parametrize("params,errcode", [
    ({"timeout": "x"}, INVALID), ({"timeout": "-1"}, INVALID), ({"set_presence": "busy"}, INVALID),
    ({"pos": "x"}, "M_UNKNOWN_POS")])
def test_bad_queries(someone, params, errcode):
    someone.post(UNSTABLE, {}, params=params).expect(400, errcode)


@pytest.mark.parametrize("path", [STABLE, UNSTABLE], ids=["stable", "unstable"])
def test_without_a_token(someone, path):
    someone.post(path, {}, token=None).expect(401, "M_MISSING_TOKEN")
    someone.post(path, {}, token="nonsense").expect(401, "M_UNKNOWN_TOKEN")
    someone.get(path).expect(405, "M_UNRECOGNIZED")


@pytest.mark.parametrize("body", [
    {}, {"conn_id": None, "lists": None, "room_subscriptions": None, "extensions": None, "timeout": None, "pos": None},
    {"conn_id": "x" * 255}, a_list(), state(None), state([]), state({}), filters(), a_list(ranges=None, range=None),
    {"lists": {f"l{n}": {"timeline_limit": 1} for n in range(100)}},
    {"room_subscriptions": {f"!r{n}:x": {"timeline_limit": 1} for n in range(100)}},
    state([["t", str(n)] for n in range(256)]), {"txn_id": "x", "unknown": {"x": [5]}},
    {"set_presence": "offline", "timeout": 0}, a_list(ranges=[[n, n] for n in range(16)]),
    state([["m.room.member", "$LAZY"], ["other", "$LAZY"], ["a\u0000b", "c\u0000d"], ["*", "$ME"]]),
], ids=lambda v: json.dumps(v)[:60])
def test_what_is_allowed(someone, body):
    for path in (STABLE, UNSTABLE):
        someone.post(path, body).ok()


def test_nothing_is_lost_by_a_refused_request(someone):
    room = someone.create_room()
    reader = Slider(someone, a_list())
    reader.step()
    sent = someone.send(room, "x")
    reader.call(reader.pos, lists={"a": 5}).expect(400)
    assert reader.step()["rooms"][room]["timeline"][-1]["event_id"] == sent
