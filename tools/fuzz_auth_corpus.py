#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/fuzz_auth.c: an event for each auth rule that refuses it, and a few allowed ones.

    tools/fuzz_auth_corpus.py [FOLDER]

Without FOLDER they go to tests/fuzz/corpus/auth, where versions take turns. To FOLDER goes each of
them in every version that it fits, to start a long run from. Names are looked up in the vocabulary
of tests/fuzz/auth_bytes.c, and the bytes follow the order in which it reads them: run this again
when that changes.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = (ROOT / "tests" / "fuzz" / "auth_bytes.c").read_text()
PLAIN = ["ban", "events_default", "invite", "kick", "redact", "state_default", "users_default"]
OTHER_ROOM = 15
# How many of the state are auth events besides, and which: with some that are not wanted, one twice, a right choice.
ENTRIES = [[3, 0, 1, 2], [2, 1, 1], [2, 0, 1]]


def vocabulary(name):
    text = re.search(rf"\b{name}\[\] = \{{(.*?)\}};", SOURCE, re.DOTALL).group(1)
    return [re.sub(r"\\(.)", r"\1", entry) for entry in re.findall(r'"((?:[^"\\]|\\.)*)"', text)]


USERS, TYPES, KEYS, MEMBERSHIPS, JOIN_RULES, LEVELS, ODD = map(
    vocabulary, ["users", "types", "keys", "memberships", "join_rules", "levels", "odd"])
CREATORS, FEDERATE, KNOWN, ADDITIONAL = map(vocabulary, ["creators", "federate", "known", "additional"])


def one_of(values, value):
    """A member with this value; None: without it. What the list does not have is cut from the bytes."""
    if value is None:
        return [len(values) + 2]
    if value in values:
        return [values.index(value)]
    return [len(values) + 1, len(value), *value.encode()]


def member(membership, authoriser=None, invite=None):
    name = membership if membership is None else f'"{membership}"'
    more = [(authoriser is not None) | (invite is not None) << 1]
    return [0, *one_of(MEMBERSHIPS, name), *more, *([USERS.index(authoriser)] if authoriser else []), *(invite or [])]


def invite(gone=0, mxid="@left:a", signature=0, token="tok"):
    data = [gone]
    if not gone & 1:
        data += [] if gone & 2 else [3, USERS.index(mxid)]
        data += [signature, 7]
        data += [] if gone & 4 else [3, KEYS.index(token)]
    return data


def levels(names, entries):
    which = sum(1 << names.index(name) for name in entries)
    ordered = sorted(entries, key=names.index)
    return [0, which & 255, which >> 8, *(LEVELS.index(entries[name]) for name in ordered)]


def power(events=None, notifications=None, users=None, **plain):
    data = [0, (events is not None) | (notifications is not None) << 1 | (users is not None) << 2,
            sum(1 << PLAIN.index(name) for name in plain)]
    for names, entries in ((TYPES, events), (["room", "x"], notifications), (USERS, users)):
        if entries == "odd":
            data += [15, 0]
        elif entries is not None:
            data += levels(names, entries)
    for name in PLAIN:
        if name in plain:
            data += one_of(LEVELS, plain[name])
    return data


def create(creator='"@creator:a"', federate=None, version=None, additional=None):
    data = [0, (federate is not None) | (version is not None) << 1 | (additional is not None) << 2]
    data += one_of(CREATORS, creator)
    for values, value in ((FEDERATE, federate), (KNOWN, version), (ADDITIONAL, additional)):
        data += one_of(values, value) if value else []
    return data


def join_rule(rule):
    return [0, *one_of(JOIN_RULES, f'"{rule}"')]


def state_key(kind, key):
    if key in KEYS:
        return [6, KEYS.index(key)]
    if key in USERS:
        return [4, USERS.index(key)]
    return [7, len(key), *key.encode()]


def event(kind, sender, content=(0,), key=None, links=0, room=0, redacts=None):
    data = [TYPES.index(kind), links * 4 + (key is not None), USERS.index(sender)]
    data += [] if key is None else state_key(kind, key)
    data += [] if redacts is None else [redacts]
    return [*data, room, *content]


def put(kind, sender, content=(0,), key="", rejected=False, room=0):
    return [6 if rejected else 0, TYPES.index(kind), *state_key(kind, key), USERS.index(sender), room, *content]


def drop(index):
    return [7, index]


def moved(membership, sender, key=None, **more):
    content = member(membership, more.pop("authoriser", None), more.pop("invite", None))
    return event("m.room.member", sender, content, sender if key is None else key, **more)


def powers(sender="@admin:a", **content):
    return event("m.room.power_levels", sender, power(**content), "")


CREATE = 0  # its place in the ordinary state
RULE = "m.room.join_rules"
MESSAGE = event("m.room.message", "@user:a")
USUAL_EVENTS = {"m.room.name": "50", "org.example.high": "75"}
USUAL_USERS = {"@admin:a": "100", "@mod:a": "50"}
USUAL = {"events": USUAL_EVENTS, "notifications": {"room": "50"}, "users": USUAL_USERS}
CREATED = create()
ALL, V12, TO_V11 = range(1, 13), [12], range(1, 12)
TO_V5, TO_V2, FROM_V7, FROM_V8, FROM_V10 = range(1, 6), range(1, 3), range(7, 13), range(8, 13), range(10, 13)
TO_V10, FROM_V6 = range(1, 11), range(6, 13)


def made(content, kind="m.room.create", **more):
    return event(kind, "@creator:a", content, "", **more)


# Name, versions, the event, what is changed in the ordinary state before it.
SEEDS = [
    ("message", ALL, MESSAGE, [put("m.room.power_levels", "@admin:a", power(), room=OTHER_ROOM)]),
    ("create_prev", ALL, made(CREATED, links=1), []),
    ("create_other_room", TO_V11, made(CREATED, room=OTHER_ROOM), []),
    ("create_room_id", V12, made(CREATED, room=OTHER_ROOM), []),
    ("create_version", ALL, made(create(version='"nonsense"')), []),
    ("create_no_creator", TO_V10, made(create(creator=None)), []),
    ("create_additional", V12, made(create(additional='["user"]')), []),
    ("no_create", TO_V11, MESSAGE, [drop(CREATE)]),
    ("no_such_room", V12, event("m.room.message", "@user:a", room=OTHER_ROOM), []),
    ("other_room", TO_V11, event("m.room.message", "@user:a", room=OTHER_ROOM), []),
    ("not_federated", TO_V11, event("m.room.message", "@remote:b"),
     [put("m.room.create", "@creator:a", create(federate="false"))]),
    ("aliases_no_key", TO_V5, event("m.room.aliases", "@user:a"), []),
    ("aliases_domain", TO_V5, event("m.room.aliases", "@user:a", key="b"), []),
    ("member_shape", ALL, moved(None, "@user:a"), []),
    ("membership_unknown", ALL, moved("dance", "@user:a"), []),
    ("first_join", ALL, moved("join", "@creator:a", links=2), []),
    ("join_other", ALL, moved("join", "@mod:a", "@left:a"), [put(RULE, "@mod:a", join_rule("public"))]),
    ("join_banned", ALL, moved("join", "@banned:a"), [put(RULE, "@mod:a", join_rule("public"))]),
    ("join_public", ALL, moved("join", "@left:a"), [put(RULE, "@mod:a", join_rule("public"))]),
    ("join_not_authorised", FROM_V8, moved("join", "@left:a", authoriser="@banned:a"),
     [put(RULE, "@mod:a", join_rule("restricted"))]),
    ("join_authorised", FROM_V10, moved("join", "@left:a", authoriser="@mod:a"),
     [put(RULE, "@mod:a", join_rule("knock_restricted"))]),
    ("join_invited", ALL, moved("join", "@invited:a"), []),
    ("join_not_invited", ALL, moved("join", "@left:a"), []),
    ("invite_3pid", ALL, moved("invite", "@mod:a", "@left:a", invite=invite()), []),
    ("invite_3pid_banned", ALL, moved("invite", "@mod:a", "@banned:a", invite=invite(mxid="@banned:a")), []),
    ("invite_3pid_unsigned", ALL, moved("invite", "@mod:a", "@left:a", invite=invite(gone=1)), []),
    ("invite_3pid_shape", ALL, moved("invite", "@mod:a", "@left:a", invite=invite(gone=4)), []),
    ("invite_3pid_mxid", ALL, moved("invite", "@mod:a", "@left:a", invite=invite(mxid="@user:a")), []),
    ("invite_3pid_unknown", ALL, moved("invite", "@mod:a", "@left:a", invite=invite(token="b")), []),
    ("invite_3pid_sender", ALL, moved("invite", "@admin:a", "@left:a", invite=invite()), []),
    ("invite_3pid_signature", ALL, moved("invite", "@mod:a", "@left:a", invite=invite(signature=1)), []),
    ("invite_sender_out", ALL, moved("invite", "@left:a", "@more:b"), []),
    ("invite_target", ALL, moved("invite", "@mod:a", "@user:a"), []),
    ("invite_level", ALL, moved("invite", "@user:a", "@left:a"),
     [put("m.room.power_levels", "@admin:a", power(invite="50"))]),
    ("leave", ALL, moved("leave", "@user:a"), [put("m.room.power_levels", "@admin:a", power(), rejected=True)]),
    ("leave_not_in", ALL, moved("leave", "@left:a"), []),
    ("kick_sender_out", ALL, moved("leave", "@left:a", "@user:a"), []),
    ("unban_level", ALL, moved("leave", "@mod:a", "@banned:a"),
     [put("m.room.power_levels", "@admin:a", power(ban="100", users=USUAL_USERS))]),
    ("kick_level", ALL, moved("leave", "@user:a", "@mod:a"), []),
    ("ban_sender_out", ALL, moved("ban", "@left:a", "@user:a"), []),
    ("ban_level", ALL, moved("ban", "@mod:a", "@admin:a"), []),
    ("knock_join_rule", FROM_V7, moved("knock", "@left:a"), []),
    ("knock_other", FROM_V7, moved("knock", "@user:a", "@left:a"), [put(RULE, "@mod:a", join_rule("knock"))]),
    ("knock_membership", FROM_V7, moved("knock", "@invited:a"), [put(RULE, "@mod:a", join_rule("knock"))]),
    ("sender_out", ALL, event("m.room.message", "@left:a"), []),
    ("third_party_invite_level", ALL, event("m.room.third_party_invite", "@user:a", [0, 0, 0], "tok"),
     [put("m.room.power_levels", "@admin:a", power(invite="50"))]),
    ("send_level", ALL, event("org.example.high", "@mod:a"), []),
    ("state_key_other", ALL, event("m.room.name", "@mod:a", key="@user:a"), []),
    ("power_numbers", FROM_V10, powers(ban="\"50\""), []),
    ("power_events", FROM_V10, powers(events="odd"), []),
    ("power_users", ALL, powers(users={"creator:a": "50"}), []),
    ("power_creators", V12, powers(users={"@creator:a": "100"}), []),
    ("power_current", ALL, powers("@mod:a", **USUAL, ban="50"),
     [put("m.room.power_levels", "@admin:a", power(**USUAL, ban="75"))]),
    ("power_new", ALL, powers("@mod:a", **USUAL, kick="75"), []),
    ("power_event_current", ALL, powers("@mod:a", **{**USUAL, "events": {"m.room.name": "50"}}), []),
    ("power_event_new", ALL, powers("@mod:a", **{**USUAL, "events": {**USUAL_EVENTS, "m.room.aliases": "51"}}), []),
    ("power_notifications", FROM_V6, powers("@mod:a", **{**USUAL, "notifications": {"room": "100"}}), []),
    ("power_user_current", ALL, powers("@mod:a", **{**USUAL, "users": {"@mod:a": "50"}}), []),
    ("power_user_new", ALL, powers("@mod:a", **{**USUAL, "users": {**USUAL_USERS, "@user:a": "75"}}), []),
    ("redaction_other", TO_V2, event("m.room.redaction", "@user:a", redacts=1), []),
]


def write(path, turn, version, judged, edits):
    data = [version - 1, 0, len(edits), *judged, *(byte for edit in edits for byte in edit),
            *ENTRIES[turn % len(ENTRIES)]]
    path.write_bytes(bytes(data))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "fuzz" / "corpus" / "auth"
    folder.mkdir(parents=True, exist_ok=True)
    for turn, (name, versions, judged, edits) in enumerate(SEEDS):
        if len(sys.argv) == 1:
            write(folder / name, turn, versions[turn % len(versions)], judged, edits)
            continue
        for version in versions:
            write(folder / f"{name}_v{version}", turn, version, judged, edits)


if __name__ == "__main__":
    main()
