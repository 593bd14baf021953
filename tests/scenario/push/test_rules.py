"""Push rules: reading, adding, moving, changing and deleting them, and what they look like in /sync."""

import threading

import pytest

from harness.client import Client, quote, unique
from harness.sync import Syncer
from harness.uia import deactivate

KINDS = ["override", "content", "room", "sender", "underride"]
HIGHLIGHT = {"set_tweak": "highlight"}


def path(kind, rule_id, what=None):
    return f"pushrules/global/{quote(kind)}/{quote(rule_id)}" + (f"/{what}" if what else "")


def put(user, kind, rule_id, body=None, **params):
    if body is None:
        body = {"actions": ["notify"]} | ({"pattern": "cake"} if kind == "content" else {})
    return user.put(path(kind, rule_id), body, params=params)


def rules(user, kind):
    return user.get("pushrules/global/").ok()[kind]


def own(user, kind):
    return [r["rule_id"] for r in rules(user, kind) if not r["default"]]


def rule_ids(kind):
    """An id of each kind."""
    return {"room": "!cake:example.org", "sender": "@cook:example.org"}.get(kind, "cake")


@pytest.mark.parametrize("where", ["pushrules/", "pushrules"])
def test_all(alice, where):
    assert set(alice.get(where).ok()["global"]) == set(KINDS)


@pytest.mark.parametrize("where", ["pushrules/global/", "pushrules/global"])
def test_global(alice, where):
    assert alice.get(where).ok().json == alice.get("pushrules/").ok()["global"]


@pytest.mark.parametrize("kind", KINDS)
def test_life_of_a_rule(alice, bob, kind):
    rule_id = rule_ids(kind)
    alice.get(path(kind, rule_id)).expect(404, "M_NOT_FOUND")
    assert put(alice, kind, rule_id).ok().json == {}
    extra = {"content": {"pattern": "cake"}, "override": {"conditions": []}, "underride": {"conditions": []}}
    expected = {"rule_id": rule_id, "default": False, "enabled": True, "actions": ["notify"], **extra.get(kind, {})}
    assert alice.get(path(kind, rule_id)).ok().json == expected
    assert expected in rules(alice, kind)
    assert alice.get(path(kind, rule_id, "enabled")).ok().json == {"enabled": True}
    assert alice.put(path(kind, rule_id, "enabled"), {"enabled": False}).ok().json == {}
    assert alice.get(path(kind, rule_id, "enabled")).ok().json == {"enabled": False}
    assert alice.put(path(kind, rule_id, "actions"), {"actions": ["notify", HIGHLIGHT]}).ok().json == {}
    assert alice.get(path(kind, rule_id, "actions")).ok().json == {"actions": ["notify", HIGHLIGHT]}
    assert alice.get(path(kind, rule_id)).ok().json == \
        expected | {"enabled": False, "actions": ["notify", HIGHLIGHT]}
    assert own(bob, kind) == []
    assert alice.delete(path(kind, rule_id)).ok().json == {}
    assert own(alice, kind) == []
    for answer in (alice.get(path(kind, rule_id)), alice.delete(path(kind, rule_id)),
                   alice.get(path(kind, rule_id, "enabled")), alice.get(path(kind, rule_id, "actions")),
                   alice.put(path(kind, rule_id, "enabled"), {"enabled": True}),
                   alice.put(path(kind, rule_id, "actions"), {"actions": []})):
        answer.expect(404, "M_NOT_FOUND")


def test_conditions_and_tweaks_are_kept(alice):
    body = {"conditions": [{"kind": "event_match", "key": "content.body", "pattern": "b\u00e4r*"},
                           {"kind": "room_member_count", "is": "<=10"},
                           {"kind": "event_property_is", "key": "content.m\\.a", "value": None},
                           {"kind": "event_property_contains", "key": "content.a", "value": 7},
                           {"kind": "sender_notification_permission", "key": "room"},
                           {"kind": "contains_display_name"},
                           {"kind": "org.example.future", "what": {"ever": [1]}}],
            "actions": ["notify", {"set_tweak": "sound", "value": "cake.wav"}, {"set_tweak": "org.example", "value": [1]}]}
    put(alice, "override", "x", body).ok()
    rule = alice.get(path("override", "x")).ok()
    assert rule["conditions"] == body["conditions"] and rule["actions"] == body["actions"]


def test_historical_actions_are_ignored(alice):
    put(alice, "override", "x", {"actions": ["dont_notify"]}).ok()
    assert alice.get(path("override", "x", "actions")).ok()["actions"] == []
    put(alice, "override", "x", {"actions": ["coalesce", "notify"]}).ok()
    assert alice.get(path("override", "x", "actions")).ok()["actions"] == ["notify"]


def test_order(alice):
    for rule_id in "abc":
        put(alice, "content", rule_id).ok()
    assert own(alice, "content") == ["c", "b", "a"]
    put(alice, "content", "d", before="b").ok()
    put(alice, "content", "e", after="a").ok()
    assert own(alice, "content") == ["c", "d", "b", "a", "e"]
    put(alice, "content", "e", before="c").ok()
    put(alice, "content", "c", {"actions": [], "pattern": "tea"}).ok()
    assert own(alice, "content") == ["e", "c", "d", "b", "a"]
    put(alice, "content", "e", before="b", after="c").ok()
    assert own(alice, "content") == ["c", "d", "e", "b", "a"]


def test_master_comes_first_and_defaults_last(alice):
    put(alice, "override", "mine").ok()
    ids = [r["rule_id"] for r in rules(alice, "override")]
    assert ids[:3] == [".m.rule.master", "mine", ".m.rule.suppress_notices"]
    put(alice, "underride", "mine").ok()
    assert [r["rule_id"] for r in rules(alice, "underride")][:2] == ["mine", ".m.rule.call"]


def test_update_keeps_place_and_switch(alice):
    for rule_id in "ab":
        put(alice, "content", rule_id).ok()
    alice.put(path("content", "a", "enabled"), {"enabled": False}).ok()
    put(alice, "content", "a", {"actions": [], "pattern": "tea"}).ok()
    rule = alice.get(path("content", "a")).ok()
    assert (rule["enabled"], rule["pattern"]) == (False, "tea")
    assert own(alice, "content") == ["b", "a"]


def test_rules_of_the_server(alice):
    master = path("override", ".m.rule.master")
    assert alice.get(master).ok()["default"] is True
    alice.put(f"{master}/enabled", {"enabled": True}).ok()
    alice.put(path("underride", ".m.rule.message", "actions"), {"actions": [HIGHLIGHT]}).ok()
    assert alice.get(f"{master}/enabled").ok()["enabled"] is True
    assert alice.get(path("underride", ".m.rule.message")).ok()["actions"] == [HIGHLIGHT]
    alice.delete(master).expect(400, "M_INVALID_PARAM")
    put(alice, "override", ".m.rule.master").expect(400, "M_INVALID_PARAM")
    put(alice, "override", ".mine").expect(400, "M_INVALID_PARAM")
    alice.get(path("underride", ".m.rule.master")).expect(404, "M_NOT_FOUND")
    alice.put(path("override", ".m.rule.nothing", "enabled"), {"enabled": True}).expect(404, "M_NOT_FOUND")


BAD_RULES = [
    ("override", "x", {}, 400, "M_MISSING_PARAM", "actions"),
    ("override", "x", {"actions": "notify"}, 400, "M_BAD_JSON", "actions"),
    ("override", "x", {"actions": ["shout"]}, 400, "M_INVALID_PARAM", "actions[0]"),
    ("override", "x", {"actions": [{"sound": "x"}]}, 400, "M_INVALID_PARAM", "set_tweak"),
    ("override", "x", {"actions": [{"set_tweak": 7}]}, 400, "M_BAD_JSON", "set_tweak"),
    ("override", "x", {"actions": ["notify"] * 17}, 413, "M_TOO_LARGE", "actions"),
    ("override", "x", {"actions": [{"set_tweak": "x" * 5000}]}, 413, "M_TOO_LARGE", "actions"),
    ("override", "x", {"actions": [], "conditions": {}}, 400, "M_BAD_JSON", "conditions"),
    ("override", "x", {"actions": [], "conditions": [7]}, 400, "M_BAD_JSON", "conditions[0]"),
    ("override", "x", {"actions": [], "conditions": [{}]}, 400, "M_MISSING_PARAM", "kind"),
    ("override", "x", {"actions": [], "conditions": [{"kind": "event_match", "key": "a"}]}, 400, "M_MISSING_PARAM",
     "pattern"),
    ("override", "x", {"actions": [], "conditions": [{"kind": "room_member_count", "is": "many"}]}, 400,
     "M_INVALID_PARAM", "is"),
    ("override", "x", {"actions": [], "conditions": [{"kind": "x"}] * 33}, 413, "M_TOO_LARGE", "conditions"),
    ("content", "x", {"actions": []}, 400, "M_MISSING_PARAM", "pattern"),
    ("content", "x", {"actions": [], "pattern": ["a"]}, 400, "M_BAD_JSON", "pattern"),
    ("content", "x", {"actions": [], "pattern": "a" * 1025}, 413, "M_TOO_LARGE", "pattern"),
    ("room", "cake", {"actions": []}, 400, "M_INVALID_PARAM", "ruleId"),
    ("room", "@a:b", {"actions": []}, 400, "M_INVALID_PARAM", "ruleId"),
    ("sender", "!a:b", {"actions": []}, 400, "M_INVALID_PARAM", "ruleId"),
    ("override", "a/b", {"actions": []}, 400, "M_INVALID_PARAM", "ruleId"),
    ("override", "a\\b", {"actions": []}, 400, "M_INVALID_PARAM", "ruleId"),
    ("override", "x" * 256, {"actions": []}, 400, "M_INVALID_PARAM", "ruleId"),
    ("device", "x", {"actions": []}, 400, "M_INVALID_PARAM", "kind"),
]


@pytest.mark.parametrize("kind,rule_id,body,status,errcode,says", BAD_RULES)
def test_bad_rules(alice, kind, rule_id, body, status, errcode, says):
    before = alice.get("pushrules/").ok().json
    answer = put(alice, kind, rule_id, body).expect(status, errcode)
    assert says in answer["error"], repr(answer)
    assert alice.get("pushrules/").ok().json == before


@pytest.mark.parametrize("params", [{"before": "nothing"}, {"after": "nothing"}, {"before": ".m.rule.master"},
                                    {"after": ".m.rule.reaction"}, {"before": "x"}, {"before": ""}])
def test_bad_places(alice, params):
    put(alice, "override", "x", **params).expect(400, "M_UNKNOWN")
    assert own(alice, "override") == []


@pytest.mark.parametrize("what,body,errcode", [
    ("enabled", {}, "M_MISSING_PARAM"), ("enabled", {"enabled": "true"}, "M_BAD_JSON"),
    ("enabled", {"enabled": None}, "M_BAD_JSON"), ("actions", {}, "M_MISSING_PARAM"),
    ("actions", {"actions": {}}, "M_BAD_JSON"), ("actions", {"actions": ["ring"]}, "M_INVALID_PARAM"),
])
def test_bad_changes(alice, what, body, errcode):
    alice.put(path("override", ".m.rule.reaction", what), body).expect(400, errcode)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_unknown_kinds_and_scopes(alice, method):
    body = {"actions": []} if method == "PUT" else None
    alice.call(method, path("device", "x"), json=body).expect(400, "M_INVALID_PARAM")
    alice.call(method, "pushrules/device/override/x", json=body).expect(404, "M_UNRECOGNIZED")


def test_need_a_token(anonymous):
    for method, where in [("GET", "pushrules"), ("GET", path("room", "!a:b")), ("PUT", path("room", "!a:b")),
                          ("DELETE", path("room", "!a:b")), ("GET", path("room", "!a:b", "enabled")),
                          ("PUT", path("room", "!a:b", "actions"))]:
        anonymous.call(method, where, json={} if method == "PUT" else None).expect(401, "M_MISSING_TOKEN")


def test_not_too_many(alice):
    body = {"conditions": [{"kind": "org.example", "x": "y" * 3900}], "actions": []}
    count = 0
    while True:
        answer = put(alice, "override", f"r{count}", body)
        if answer.status != 200:
            break
        count += 1
        assert count < 1000
    answer.expect(413, "M_TOO_LARGE")
    assert len(own(alice, "override")) == count > 50
    alice.delete(path("override", "r0")).ok()
    put(alice, "override", "again", body).ok()


# In /sync.

def changed(answer):
    return [e["content"] for e in answer.get("account_data", {}).get("events", []) if e["type"] == "m.push_rules"]


def test_in_sync(alice):
    reader = Syncer(alice)
    assert len(changed(reader.step())) == 1
    assert changed(reader.step()) == []
    put(alice, "room", "!cake:example.org", {"actions": []}).ok()
    (content,) = changed(reader.step())
    assert content == alice.get("pushrules/").ok().json == alice.account_data("m.push_rules").ok().json
    alice.put(path("override", ".m.rule.master", "enabled"), {"enabled": True}).ok()
    (content,) = changed(reader.step())
    assert content["global"]["override"][0]["enabled"] is True
    (content,) = changed(Syncer(alice).step())
    assert content == alice.get("pushrules/").ok().json
    put(alice, "room", "!cake:example.org", {"actions": []}).ok()
    assert changed(reader.step()) == [], "nothing changed"


def test_wakes_other_devices(alice):
    other = Syncer(alice.login())
    other.step()
    thread = threading.Timer(0.3, lambda: put(alice, "content", "cake").ok())
    thread.start()
    assert len(changed(other.step(timeout_ms=20000))) == 1
    thread.join()


def test_filtered_out(alice):
    reader = Syncer(alice, {"account_data": {"not_types": ["m.push_rules"]}})
    assert changed(reader.step()) == []
    put(alice, "content", "cake").ok()
    assert changed(reader.step()) == []


def test_kept_over_a_restart(make_server):
    server = make_server()
    client = Client(server).register(unique())
    put(client, "content", "cake").ok()
    client.put(path("underride", ".m.rule.call", "enabled"), {"enabled": False}).ok()
    before = client.get("pushrules/").ok().json
    server.restart(clean=False)
    assert client.get("pushrules/").ok().json == before


def test_deactivation_forgets_them(fresh_server):
    client = Client(fresh_server).register(unique())
    put(client, "content", "cake", {"actions": [], "pattern": "secretword"}).ok()
    other = client.login()
    deactivate(client).ok()
    put(other, "content", "cake").expect(401, "M_UNKNOWN_TOKEN")
    assert fresh_server.database.sql("SELECT count(*) FROM account_data") == [["0"]]
