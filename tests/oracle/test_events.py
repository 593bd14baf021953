"""Events held against signedjson, canonicaljson and a slow literal reading of the specification.

EXEUNT_EVENT_TOOL names the program (build/tests/tools/event_tool otherwise). Drafts come from fixed seeds.
"""

import base64
import copy
import hashlib
import json
import os
import pathlib
import random
import subprocess

import pytest
from canonicaljson import encode_canonical_json
from signedjson.key import decode_signing_key_base64, get_verify_key
from signedjson.sign import sign_json, verify_signed_json

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = os.environ.get("EXEUNT_EVENT_TOOL", str(ROOT / "build" / "tests" / "tools" / "event_tool"))
KEY = decode_signing_key_base64("ed25519", "1", "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1")
OTHER_KEY = decode_signing_key_base64("ed25519", "1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
VERSIONS = [str(n) for n in range(1, 13)]
INTEGER_MAX = 2**53 - 1


def run(verb, version, objects):
    """For each object or text (bytes): the answer as a dict, or the name of the refusal as str."""
    texts = [o if isinstance(o, bytes) else json.dumps(o).encode() for o in objects]
    done = subprocess.run([TOOL, verb, version], input=b"\n".join(texts) + b"\n", stdout=subprocess.PIPE,
                          check=True, timeout=100)
    lines = done.stdout.split(b"\n")
    assert lines.pop() == b"" and len(lines) == len(texts)
    return [json.loads(line[1:]) if line[:1] == b"=" else line[1:].decode() for line in lines]


def unpadded(raw, url=False):
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    return encode(raw).rstrip(b"=").decode()


# --- the specification, read literally -------------------------------------------------------------------

def redact(event, version):
    """Room Versions 1 (to 5), 6 (and 7), 8, 9 (and 10) and 11 (and 12), "Redactions"."""
    number = int(version)
    new = number >= 11
    top = ["event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures",
           "depth", "prev_events", "auth_events", "origin_server_ts"]
    if not new:
        top += ["prev_state", "origin", "membership"]
    kept = {
        "m.room.member": ["membership"] + ["join_authorised_via_users_server"] * (number >= 9),
        "m.room.create": ["creator"],
        "m.room.join_rules": ["join_rule"] + ["allow"] * (number >= 8),
        "m.room.power_levels": ["ban", "events", "events_default", "kick", "redact", "state_default",
                                "users", "users_default"],
        "m.room.history_visibility": ["history_visibility"],
    }
    if number <= 5:
        kept["m.room.aliases"] = ["aliases"]
    if new:
        kept["m.room.power_levels"] += ["invite"]
        kept["m.room.redaction"] = ["redacts"]
    event = copy.deepcopy(event)
    content = event["content"]
    if new and event["type"] == "m.room.create":
        reduced = content
    else:
        reduced = {k: v for k, v in content.items() if k in kept.get(event["type"], [])}
    if new and event["type"] == "m.room.member" and isinstance(content.get("third_party_invite"), dict):
        invite = content["third_party_invite"]
        reduced["third_party_invite"] = {k: v for k, v in invite.items() if k == "signed"}
    event = {k: v for k, v in event.items() if k in top}
    event["content"] = reduced
    return event


def without(event, *names):
    return {k: v for k, v in event.items() if k not in names}


def content_hash(event):
    plain = without(event, "unsigned", "signatures", "hashes")
    return hashlib.sha256(encode_canonical_json(plain)).digest()


def has_random_id(version):
    return int(version) <= 2


def is_strict(version):
    return int(version) >= 6


def reference_hash(event, version, url=False):
    plain = without(redact(event, version), "signatures", "unsigned")
    return unpadded(hashlib.sha256(encode_canonical_json(plain)).digest(), url)


def event_id(event, version):
    if has_random_id(version):
        return event["event_id"]
    return "$" + reference_hash(event, version, url=int(version) >= 4)


def finish(event, version, key=KEY):
    """Hashes and signs as "Adding hashes and signatures to outgoing events" says."""
    event = copy.deepcopy(event)
    event["hashes"] = {"sha256": unpadded(content_hash(event))}
    signed = sign_json(redact(event, version), "domain", key)
    event["signatures"] = signed["signatures"]
    return event


# --- drafts ------------------------------------------------------------------------------------------------

TYPES = ["m.room.message", "m.room.member", "m.room.create", "m.room.join_rules", "m.room.power_levels",
         "m.room.history_visibility", "m.room.redaction", "m.room.aliases", "m.room.topic", "m.reaction",
         "m.room.encrypted", "org.example.\u65e5\u672c", "", "a\"b\\c\n"]
KEYS = ["membership", "join_authorised_via_users_server", "third_party_invite", "creator", "join_rule", "allow",
        "ban", "events", "events_default", "invite", "kick", "redact", "state_default", "users",
        "users_default", "notifications", "history_visibility", "redacts", "aliases", "body", "msgtype",
        "signed", "\u00e9", "\U0001f600", "", "a b", "Z", "url"]
LETTERS = "abcXYZ019 _.$!@:#/\"\\\n\t\x00\x1f\x7f\u00e9\u65e5\uffff\U00010000\U0001f600"


class Generator:
    def __init__(self, seed, version):
        self.random = random.Random(seed)
        self.version = version

    def text(self, limit=20):
        return "".join(self.random.choice(LETTERS) for _ in range(self.random.randrange(limit)))

    def value(self, depth):
        r = self.random
        kind = r.random()
        if not is_strict(self.version) and kind < 0.15:
            return r.choice([1.5, 1e20, -0.0, 1e-7, r.random() * 10**r.randrange(-20, 40), 2**53, -2**64,
                             r.getrandbits(200)])
        if depth == 0 or kind < 0.6:
            return r.choice([self.text(), r.randint(-INTEGER_MAX, INTEGER_MAX) >> r.randrange(53), True,
                             False, None, "leave", INTEGER_MAX, -INTEGER_MAX])
        if kind < 0.75:
            return [self.value(depth - 1) for _ in range(r.randrange(4))]
        return self.object(depth - 1)

    def object(self, depth):
        return {self.random.choice(KEYS): self.value(depth) for _ in range(self.random.randrange(9))}

    def identifier(self, sigil):
        raw = bytes(self.random.randrange(256) for _ in range(32))
        if sigil == "$" and has_random_id(self.version):
            return "$" + self.random.choice([raw.hex(), "1432735824653PhrSA", "\u00e9\" /"]) + ":domain:8448"
        return sigil + unpadded(raw, url=sigil != "$" or int(self.version) >= 4)

    def links(self, count):
        ids = [self.identifier("$") for _ in range(count)]
        if not has_random_id(self.version):
            return ids
        return [[i, {"sha256": unpadded(i.encode())}] for i in ids]

    def draft(self):
        r = self.random
        is_create = r.random() < 0.1
        kind = "m.room.create" if is_create else r.choice(TYPES)
        draft = {
            "type": kind,
            "sender": r.choice(["@a:domain", "@A b/\u00e9\":domain:8448", "@:domain", "@x:[::1]:1"]),
            "content": self.object(3),
            "origin_server_ts": r.choice([0, 1, 1760000000000, INTEGER_MAX, -5]),
            "depth": r.choice([0, 1, 2, 77, INTEGER_MAX if is_strict(self.version) else 2**63 - 1]),
            "prev_events": self.links(r.choice([0, 1, 1, 2, 20])),
            "auth_events": self.links(r.choice([0, 3, 4, 10])),
        }
        if has_random_id(self.version):
            draft["event_id"] = self.identifier("$")
        if is_create:
            draft["state_key"] = ""
        elif r.random() < 0.5:
            draft["state_key"] = r.choice(["@a:domain", "x", self.text(), "\u65e5"])
        if self.version != "12":
            draft["room_id"] = "!r:domain" if r.random() < 0.5 else "!\u00e9\"\\ /:domain"
        elif kind != "m.room.create":
            draft["room_id"] = self.identifier("!")
        return draft


def expected_of(draft, version):
    """The event that the draft must become."""
    event = {k: v for k, v in draft.items() if k != "redacts"}
    if draft.get("redacts") and draft["type"] == "m.room.redaction":
        if int(version) <= 10:
            event["redacts"] = draft["redacts"]
        else:
            event["content"] = dict(event["content"], redacts=draft["redacts"])
    elif int(version) <= 10 and draft["type"] == "m.room.redaction" and \
            isinstance(draft["content"].get("redacts"), str) and draft["content"]["redacts"]:
        event["redacts"] = draft["content"]["redacts"]
    return finish(event, version)


def room_id_of(event, version):
    if version == "12" and event["type"] == "m.room.create":
        return "!" + event_id(event, version)[1:]
    return event["room_id"]


# --- tests -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", VERSIONS)
def test_build(version):
    generator = Generator("build" + version, version)
    drafts = [generator.draft() for _ in range(700)]
    for draft in drafts:
        if generator.random.random() < 0.3:
            draft["redacts"] = generator.identifier("$")
    for draft, answer in zip(drafts, run("build", version, drafts)):
        expected = expected_of(draft, version)
        assert isinstance(answer, dict), (answer, draft)
        assert answer["event"] == expected
        assert answer["event_id"] == event_id(expected, version)
        assert answer["room_id"] == room_id_of(expected, version)
        verify_signed_json(redact(answer["event"], version), "domain", get_verify_key(KEY))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_built_is_canonical_and_reads_back(version):
    generator = Generator("again" + version, version)
    drafts = [generator.draft() for _ in range(500)]
    texts = []
    done = subprocess.run([TOOL, "build", version], stdout=subprocess.PIPE, check=True, timeout=60,
                          input=b"\n".join(json.dumps(d).encode() for d in drafts) + b"\n")
    for line in done.stdout.splitlines():
        canonical = encode_canonical_json(json.loads(line[1:])["event"])
        assert b'{"event":' + canonical + b',"event_id":' in line
        texts.append(canonical)
    for text, built, read in zip(texts, done.stdout.splitlines(), run("parse", version, texts)):
        assert isinstance(read, dict), (read, text)
        for key, value in json.loads(built[1:]).items():
            assert read[key] == value
        assert read["matches"] and read["signed"]


def peers_event(generator, version):
    """An event of a peer: with what may stand in one besides."""
    r = generator.random
    event = generator.draft()
    for name in ["origin", "membership", "prev_state", "event_id", "redacts", "unknown", "user_id", "age"]:
        if r.random() < 0.2 and not (name == "event_id" and has_random_id(version)):
            event[name] = r.choice([generator.text(), generator.identifier("$"), generator.object(1)])
    event = finish(event, version)
    if r.random() < 0.3:
        event["unsigned"] = generator.object(1)
    if r.random() < 0.2:
        event["signatures"]["other.example"] = {"ed25519:2": unpadded(b"x" * 64)}
    return event


def client_form(event, version):
    form = {k: event[k] for k in ("content", "origin_server_ts", "sender", "state_key", "type")
            if k in event}
    if event["type"] == "m.room.redaction":
        form["content"] = dict(form["content"])
        above, inside = event.get("redacts"), event["content"].get("redacts")
        if "redacts" in event:
            form["redacts"] = above
            form["content"].setdefault("redacts", above)
        elif "redacts" in event["content"]:
            form["redacts"] = inside
    form["event_id"] = event_id(event, version)
    form["room_id"] = room_id_of(event, version)
    form["unsigned"] = {"age": 5, "transaction_id": "t\"1"}
    return form


@pytest.mark.parametrize("version", VERSIONS)
def test_parse(version):
    generator = Generator("parse" + version, version)
    events = [peers_event(generator, version) for _ in range(700)]
    for event, answer in zip(events, run("parse", version, events)):
        assert isinstance(answer, dict), (answer, event)
        assert answer["event"] == event
        assert answer["event_id"] == event_id(event, version)
        assert answer["room_id"] == room_id_of(event, version)
        assert answer["content_hash"] == unpadded(content_hash(event))
        assert answer["reference_hash"] == reference_hash(event, version)
        assert answer["redacted"] == redact(event, version)
        assert answer["client"] == client_form(event, version)
        assert answer["matches"] and answer["signed"]
        # A redaction leaves the id and the signature as they are.
        assert event_id(answer["redacted"], version) == answer["event_id"]
        verify_signed_json(answer["redacted"], "domain", get_verify_key(KEY))


@pytest.mark.parametrize("version", VERSIONS)
def test_changed_events_are_found_out(version):
    generator = Generator("changed" + version, version)
    events = []
    for _ in range(500):
        event = peers_event(generator, version)
        event["content"]["body"] = "original"
        event["type"] = "m.room.message"
        event.pop("state_key", None)
        event.setdefault("room_id", generator.identifier("!"))
        event = finish(without(event, "hashes", "signatures"), version)
        event["content"]["body"] = "changed"
        events.append(event)
    for answer in run("parse", version, events):
        assert answer["signed"] and not answer["matches"]    # the redacted event is as it was
    for event in events:
        event["depth"] = (event["depth"] + 1) % INTEGER_MAX    # part of what is signed
    for answer in run("parse", version, events):
        assert not answer["signed"] and not answer["matches"]
    strangers = [finish(without(event, "hashes", "signatures"), version, OTHER_KEY) for event in events]
    for answer in run("parse", version, strangers):
        assert answer["matches"] and not answer["signed"]


BAD = [
    ("type", 1), ("type", None), ("type", ...), ("type", "x" * 256), ("sender", "a:domain"), ("sender", 5),
    ("sender", ...), ("sender", "@a"), ("sender", "@" + "a" * 248 + ":domain"), ("state_key", 1),
    ("state_key", None), ("state_key", "x" * 256), ("content", []), ("content", "x"), ("content", ...),
    ("depth", -1), ("depth", "1"), ("depth", 1.0), ("depth", 2**63), ("depth", ...),
    ("origin_server_ts", "1"), ("origin_server_ts", 1.5), ("origin_server_ts", ...), ("hashes", ...),
    ("hashes", {}), ("hashes", {"sha256": 1}), ("hashes", []), ("signatures", ...), ("signatures", []),
    ("signatures", {"a": 1}), ("signatures", {"a": {"b": 1}}), ("prev_events", ...), ("prev_events", {}),
    ("prev_events", [1]), ("prev_events", ["x"]), ("prev_events", [["$a:b", []]]), ("prev_events", [["$a:b"]]),
    ("prev_events", ["$" + "a" * 43] * 21), ("auth_events", ["$" + "a" * 43] * 11), ("auth_events", ...),
    ("auth_events", None), ("room_id", ...), ("room_id", 1), ("room_id", "!"), ("room_id", "#a:domain"),
    ("room_id", "!" + "a" * 249 + ":domain"), ("content", {"body": "x" * 65536}),
]
BAD_WHEN_STRICT = [
    ("depth", 2**53), ("origin_server_ts", 2**53), ("content", {"a": 1.0}), ("content", {"a": 2**53}),
    ("unknown", 1e300),
]
BAD_WITH_RANDOM_IDS = [
    ("event_id", ...), ("event_id", 5), ("event_id", "$x"), ("event_id", "$" + "a" * 43),
    ("event_id", "$" + "a" * 249 + ":domain"), ("prev_events", ["$a:b"]), ("auth_events", ["$a:b"]),
]
BAD_WITH_HASHED_IDS = [("prev_events", [["$a:b", {}]]), ("auth_events", [["$a:b", {"sha256": "x"}]])]


@pytest.mark.parametrize("version", VERSIONS)
def test_bad_events(version):
    generator = Generator("bad", version)
    draft = dict(generator.draft(), type="m.room.message", state_key="x", content={})
    draft["room_id"] = generator.identifier("!") if version == "12" else "!r:domain"
    good = finish(draft, version)
    events, fine = [], []
    for rows, applies in ((BAD, True), (BAD_WHEN_STRICT, is_strict(version)),
                          (BAD_WITH_RANDOM_IDS, has_random_id(version)),
                          (BAD_WITH_HASHED_IDS, not has_random_id(version))):
        for name, value in rows:
            event = without(good, name) if value is ... else dict(good, **{name: value})
            (events if applies else fine).append(event)
    events.append(dict(good, room_id="!r:domain" if version == "12" else "!" + "a" * 43))
    for event, answer in zip([good] + fine, run("parse", version, [good] + fine)):
        assert isinstance(answer, dict), event
    for event, answer in zip(events, run("parse", version, events)):
        long = any(isinstance(v, str) and len(v) > 255 for v in event.values()) or \
            len(json.dumps(event)) > 65536
        assert answer == ("TOO_LARGE" if long else "BAD_JSON"), event


@pytest.mark.parametrize("version", VERSIONS)
def test_largest_event(version):
    generator = Generator("large", version)
    draft = dict(generator.draft(), type="m.room.message", content={"body": ""})
    draft.pop("state_key", None)
    draft["room_id"] = generator.identifier("!") if version == "12" else "!r:domain"
    room = 65536 - len(encode_canonical_json(expected_of(draft, version)))
    fits = dict(draft, content={"body": "x" * room})
    beyond = dict(draft, content={"body": "x" * (room + 1)})
    built = run("build", version, [fits, beyond])
    assert len(encode_canonical_json(built[0]["event"])) == 65536 and built[1] == "TOO_LARGE"
    read = run("parse", version, [expected_of(fits, version), expected_of(beyond, version)])
    assert isinstance(read[0], dict) and read[1] == "TOO_LARGE"
