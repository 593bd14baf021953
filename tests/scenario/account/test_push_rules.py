"""The default push rules, in the shape and order of the specification (Predefined Rules)."""

KINDS = {"override", "content", "room", "sender", "underride"}
SOUND = {"set_tweak": "sound", "value": "default"}
RING = {"set_tweak": "sound", "value": "ring"}
HIGHLIGHT = {"set_tweak": "highlight"}


def match(key, pattern):
    return {"kind": "event_match", "key": key, "pattern": pattern}


def expected(user):
    """Kind to rules: (rule id, enabled, conditions, actions), in the specification's order."""
    two = {"kind": "room_member_count", "is": "2"}
    return {
        "override": [
            (".m.rule.master", False, [], []),
            (".m.rule.suppress_notices", True, [match("content.msgtype", "m.notice")], []),
            (".m.rule.invite_for_me", True,
             [match("type", "m.room.member"), match("content.membership", "invite"),
              match("state_key", user)], ["notify", SOUND]),
            (".m.rule.member_event", True, [match("type", "m.room.member")], []),
            (".m.rule.is_user_mention", True,
             [{"kind": "event_property_contains", "key": "content.m\\.mentions.user_ids",
               "value": user}], ["notify", SOUND, HIGHLIGHT]),
            (".m.rule.is_room_mention", True,
             [{"kind": "event_property_is", "key": "content.m\\.mentions.room", "value": True},
              {"kind": "sender_notification_permission", "key": "room"}], ["notify", HIGHLIGHT]),
            (".m.rule.tombstone", True,
             [match("type", "m.room.tombstone"), match("state_key", "")], ["notify", HIGHLIGHT]),
            (".m.rule.reaction", True, [match("type", "m.reaction")], []),
            (".m.rule.room.server_acl", True,
             [match("type", "m.room.server_acl"), match("state_key", "")], []),
            (".m.rule.suppress_edits", True,
             [{"kind": "event_property_is", "key": "content.m\\.relates_to.rel_type",
               "value": "m.replace"}], []),
        ],
        "underride": [
            (".m.rule.call", True, [match("type", "m.call.invite")], ["notify", RING]),
            (".m.rule.encrypted_room_one_to_one", True, [two, match("type", "m.room.encrypted")],
             ["notify", SOUND]),
            (".m.rule.room_one_to_one", True, [two, match("type", "m.room.message")],
             ["notify", SOUND]),
            (".m.rule.message", True, [match("type", "m.room.message")], ["notify"]),
            (".m.rule.encrypted", True, [match("type", "m.room.encrypted")], ["notify"]),
        ],
    }


def assert_defaults(rules, user):
    assert set(rules) <= KINDS
    for kind, rows in expected(user).items():
        got = [(r["rule_id"], r["enabled"], r.get("conditions", []), r["actions"])
               for r in rules[kind]]
        assert [g[0] for g in got] == [r[0] for r in rows], kind
        for have, want in zip(got, rows):
            assert have == want
        assert all(r["default"] is True for r in rules[kind])
    for kind in KINDS - {"override", "underride"}:
        assert rules.get(kind, []) == []


def test_defaults(alice):
    answer = alice.get("pushrules/").ok()
    assert set(answer.json) == {"global"}
    assert_defaults(answer["global"], alice.user_id)


def test_each_has_its_own_user_id(alice, bob):
    assert_defaults(bob.get("pushrules/").ok()["global"], bob.user_id)
    assert_defaults(alice.get("pushrules/").ok()["global"], alice.user_id)


def test_in_sync(alice):
    events = alice.sync_call().ok()["account_data"]["events"]
    rules = [e["content"] for e in events if e["type"] == "m.push_rules"]
    assert len(rules) == 1
    assert_defaults(rules[0]["global"], alice.user_id)


def test_need_a_token(anonymous):
    anonymous.get("pushrules/").expect(401, "M_MISSING_TOKEN")
