"""POST /createRoom: every preset and option, in each room version."""

import pytest

from harness.client import Client, unique
from harness.rooms import ALL_VERSIONS as VERSIONS
from harness.rooms import history, path
from harness.sync import Syncer

ORDER = ["m.room.create", "m.room.member", "m.room.power_levels"]


def types(events):
    return [e["type"] for e in events]


def create_event(client, room):
    return next(e for e in history(client, room) if e["type"] == "m.room.create")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("preset,join_rule,guest_access", [
    ("private_chat", "invite", "can_join"), ("trusted_private_chat", "invite", "can_join"),
    ("public_chat", "public", "forbidden")])
def test_presets(alice, version, preset, join_rule, guest_access):
    room = alice.create_room(preset=preset, room_version=version)
    assert alice.state(room, "m.room.join_rules").ok().json == {"join_rule": join_rule}
    assert alice.state(room, "m.room.history_visibility").ok().json == {
        "history_visibility": "shared"}
    if guest_access == "can_join":
        assert alice.state(room, "m.room.guest_access").ok().json == {"guest_access": "can_join"}
    assert alice.state(room, "m.room.create").ok()["room_version"] == version
    events = history(alice, room)
    assert types(events)[:3] == ORDER
    assert events[1]["state_key"] == events[0]["sender"] == alice.user_id
    assert all(e["room_id"] == room and e["event_id"].startswith("$") for e in events)


@pytest.mark.parametrize("version", VERSIONS)
def test_version_differences(alice, version):
    """creator in the create event up to 10; 12: ids without a domain, creators not in levels."""
    room = alice.create_room(room_version=version)
    create = create_event(alice, room)
    levels = alice.state(room, "m.room.power_levels").ok().json
    assert ("creator" in create["content"]) == (int(version) <= 10)
    if int(version) <= 10:
        assert create["content"]["creator"] == alice.user_id
    if version == "12":
        assert room[1:] == create["event_id"][1:]
        assert alice.user_id not in levels.get("users", {})
    else:
        assert room.endswith(":localhost")
        assert levels["users"][alice.user_id] == 100
    assert all(isinstance(v, int) for v in levels.get("events", {}).values())


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_can_be_the_default(make_server, version):
    alice = Client(make_server({"rooms.default_version": version})).register(unique())
    rooms = alice.get("capabilities").ok()["capabilities"]["m.room_versions"]
    assert rooms["default"] == version and set(rooms["available"]) == set(VERSIONS)
    assert alice.state(alice.create_room(), "m.room.create").ok()["room_version"] == version


def test_default_version_is_the_capability(alice):
    default = alice.get("capabilities").ok()["capabilities"]["m.room_versions"]["default"]
    room = alice.create_room()
    assert alice.state(room, "m.room.create").ok()["room_version"] == default == "12"


@pytest.mark.parametrize("visibility,join_rule", [("public", "public"), ("private", "invite"),
                                                  (None, "invite")])
def test_visibility_chooses_the_preset(alice, visibility, join_rule):
    body = {"visibility": visibility} if visibility else {}
    room = alice.create_room(**body)
    assert alice.state(room, "m.room.join_rules").ok()["join_rule"] == join_rule


def test_name_and_topic(alice):
    room = alice.create_room(name="A name ☃", topic="A topic")
    assert alice.state(room, "m.room.name").ok().json == {"name": "A name ☃"}
    assert alice.state(room, "m.room.topic").ok()["topic"] == "A topic"


def test_alias(alice, bob):
    name = unique("alias")
    room = alice.create_room(room_alias_name=name, preset="public_chat")
    alias = f"#{name}:localhost"
    assert alice.state(room, "m.room.canonical_alias").ok()["alias"] == alias
    assert bob.join(alias).ok()["room_id"] == room
    alice.post("createRoom", {"room_alias_name": name}).expect(400, "M_ROOM_IN_USE")


def test_creation_content(alice):
    room = alice.create_room(creation_content={"m.federate": False, "type": "m.space",
                                               "room_version": "1"})
    content = alice.state(room, "m.room.create").ok().json
    assert content["m.federate"] is False and content["type"] == "m.space"
    assert content["room_version"] == "12"


def test_initial_state_comes_after_the_preset(alice):
    room = alice.create_room(preset="public_chat", name="Named", initial_state=[
        {"type": "m.room.join_rules", "content": {"join_rule": "invite"}},
        {"type": "m.room.history_visibility", "state_key": "", "content": {
            "history_visibility": "joined"}},
        {"type": "org.example.thing", "state_key": "k", "content": {"deep": {"er": [1, None]}}}])
    assert alice.state(room, "m.room.join_rules").ok()["join_rule"] == "invite"
    assert alice.state(room, "m.room.history_visibility").ok()["history_visibility"] == "joined"
    assert alice.state(room, "org.example.thing", "k").ok().json == {"deep": {"er": [1, None]}}
    kinds = types(history(alice, room))
    assert kinds.index("org.example.thing") < kinds.index("m.room.name")


@pytest.mark.parametrize("version", VERSIONS)
def test_power_level_override(alice, bob, version):
    levels = {"users_default": 5, "events": {"m.room.topic": 5}}
    if version != "12":
        levels["users"] = {alice.user_id: 100, bob.user_id: 50}
    else:
        levels["users"] = {bob.user_id: 50}
    room = alice.create_room(preset="public_chat", room_version=version,
                             power_level_content_override=levels)
    stored = alice.state(room, "m.room.power_levels").ok().json
    assert stored["users_default"] == 5 and stored["users"][bob.user_id] == 50
    assert stored["events"]["m.room.topic"] == 5
    bob.join(room).ok()
    bob.set_state(room, "m.room.topic", {"topic": "by bob"}).ok()


def test_override_that_locks_the_creator_out(alice):
    """Version 12 forbids creators in users; 11 forbids a creator who cannot go on."""
    alice.post("createRoom", {"room_version": "12", "power_level_content_override": {
        "users": {alice.user_id: 100}}}).expect(400)
    assert alice.get("joined_rooms").ok()["joined_rooms"] == []


def test_invitees(alice, bob, person):
    carol = person("carol")
    room = alice.create_room(invite=[bob.user_id, carol.user_id], is_direct=True, name="Us")
    for guest in (bob, carol):
        reader = Syncer(guest)
        reader.step()
        assert reader.membership[room] == "invite"
        content = reader.state[room]["m.room.member", guest.user_id]["content"]
        assert content["membership"] == "invite" and content["is_direct"] is True
        assert reader.state[room]["m.room.name", ""]["content"] == {"name": "Us"}
        guest.join(room).ok()


@pytest.mark.parametrize("version", VERSIONS)
def test_trusted_private_chat(alice, bob, version):
    """Invitees have the creator's power: by level, and in version 12 as creators."""
    room = alice.create_room(preset="trusted_private_chat", room_version=version,
                             invite=[bob.user_id])
    bob.join(room).ok()
    levels = alice.state(room, "m.room.power_levels").ok().json
    if version == "12":
        assert alice.state(room, "m.room.create").ok()["additional_creators"] == [bob.user_id]
        assert bob.user_id not in levels.get("users", {})
    else:
        assert levels["users"][bob.user_id] == 100
    bob.set_state(room, "m.room.power_levels", {**levels, "invite": 50}).ok()


@pytest.mark.parametrize("version", VERSIONS)
def test_event_ids(alice, version):
    """1 and 2: given by the server, with its name; 3: a hash in base64; later: URL-safe."""
    events = history(alice, alice.create_room(room_version=version, name="Name"))
    ids = [e["event_id"] for e in events]
    assert len(set(ids)) == len(ids)
    for event_id in ids:
        if version in ("1", "2"):
            assert event_id.endswith(":localhost")
        else:
            assert len(event_id) == 44
            assert not set(event_id[1:]) & set("-_" if version == "3" else "+/"), event_id


@pytest.mark.parametrize("override,level", [
    ({}, 150), ({"events": {}}, 150), ({"events": {"m.room.topic": 5}}, 150),
    ({"state_default": 149}, 150), ({"state_default": 150}, 151),
    ({"state_default": 200, "events": {}}, 201),
    ({"events": {"m.room.tombstone": 7}}, 7)])
def test_tombstone_level_stands_above_state_default(alice, override, level):
    """Version 12: explicit and higher than state_default, unless the client sets it itself."""
    room = alice.create_room(room_version="12", power_level_content_override=override)
    stored = alice.state(room, "m.room.power_levels").ok().json
    assert stored["events"]["m.room.tombstone"] == level
    for kind, wanted in override.get("events", {}).items():
        assert stored["events"][kind] == wanted


@pytest.mark.parametrize("version", VERSIONS)
def test_own_creator_and_version_are_overwritten(alice, bob, version):
    room = alice.create_room(room_version=version, creation_content={
        "creator": bob.user_id, "room_version": "999", "org.example.kept": 1})
    content = alice.state(room, "m.room.create").ok().json
    assert content["room_version"] == version and content["org.example.kept"] == 1
    assert content.get("creator") == (alice.user_id if int(version) <= 10 else None)


@pytest.mark.parametrize("creators", ["text", [5], ["nobody"], [{}], ["@a b"]], ids=str)
def test_wrong_additional_creators(alice, creators):
    """Version 12 judges them; before, they mean nothing."""
    body = {"creation_content": {"additional_creators": creators}}
    alice.post("createRoom", {**body, "room_version": "12"}).expect(400)
    assert alice.get("joined_rooms").ok()["joined_rooms"] == []
    alice.create_room(room_version="11", **body)


def test_additional_creators_and_trusted_invitees_are_joined(alice, bob, person):
    carol = person("carol")
    room = alice.create_room(
        preset="trusted_private_chat", invite=[bob.user_id, carol.user_id],
        creation_content={"additional_creators": [carol.user_id, "@else:elsewhere.example"]})
    assert alice.state(room, "m.room.create").ok()["additional_creators"] == [
        carol.user_id, "@else:elsewhere.example", bob.user_id]


def test_tombstone_needs_more_than_other_state(alice):
    for version in VERSIONS:
        room = alice.create_room(room_version=version)
        levels = alice.state(room, "m.room.power_levels").ok().json
        wanted = 150 if version == "12" else 100
        assert levels["events"]["m.room.tombstone"] == wanted


@pytest.mark.parametrize("body,errcode", [
    ({"preset": "chaotic"}, None), ({"preset": 5}, None), ({"visibility": "some"}, None),
    ({"visibility": []}, None), ({"name": 5}, None), ({"topic": {}}, None),
    ({"room_version": "999"}, "M_UNSUPPORTED_ROOM_VERSION"), ({"room_version": 12}, None),
    ({"invite": "@a:localhost"}, None), ({"invite": [5]}, None), ({"invite": ["nobody"]}, None),
    ({"invite": ["@" + "a" * 250 + ":localhost"]}, None),
    ({"invite": [{}]}, None),
    ({"initial_state": {}}, None), ({"initial_state": [5]}, None),
    ({"initial_state": [{"content": {}}]}, None),
    ({"initial_state": [{"type": 5, "content": {}}]}, None),
    ({"initial_state": [{"type": "a.b", "content": "x"}]}, None),
    ({"initial_state": [{"type": "a.b", "state_key": 5, "content": {}}]}, None),
    ({"creation_content": []}, None), ({"power_level_content_override": []}, None),
    ({"power_level_content_override": {"users": []}}, None),
    ({"power_level_content_override": {"users_default": "50"}}, None),
    ({"power_level_content_override": {"users": {"@a:localhost": "100"}}}, None),
    ({"power_level_content_override": {"ban": 1.5}}, None),
    ({"power_level_content_override": {"users": {"nobody": 5}}}, None),
    ({"is_direct": "yes"}, None), ({"room_alias_name": 5}, None),
    ({"room_alias_name": "#a:localhost"}, None), ({"room_alias_name": "a" * 256}, None),
    ({"room_alias_name": "with:colon"}, None), ({"room_alias_name": ""}, None),
    ({"invite_3pid": {}}, "M_BAD_JSON"),
    ({"invite_3pid": [{"id_server": "id.example", "id_access_token": "t", "medium": "email",
                       "address": "a@b.example"}]}, "M_INVALID_PARAM"),
    ({"initial_state": [{"type": "m.room.create", "content": {}}]}, "M_INVALID_ROOM_STATE"),
    ({"initial_state": [{"type": "m.room.canonical_alias", "content": {"alias": "#no:localhost"}}]},
     "M_BAD_ALIAS"),
    ({"initial_state": [{"type": "m.room.member", "state_key": "@a:localhost",
                         "content": {"membership": "join"}}]}, "M_INVALID_ROOM_STATE"),
    ({"initial_state": [{"type": "a.b"}]}, None), ({"initial_state": None, "invite": {}}, None),
    ({"power_level_content_override": {"events_default": 101}, "name": "x",
      "room_version": "11", "initial_state": [{"type": "m.room.power_levels", "content": {
          "users_default": 0, "state_default": 50}}]}, "M_INVALID_ROOM_STATE"),
], ids=lambda v: str(v)[:60])
def test_bad_bodies(alice, body, errcode):
    """400 with the field's name, and no room."""
    answer = alice.post("createRoom", body).expect(400)
    allowed = (errcode,) if errcode else ("M_BAD_JSON", "M_INVALID_PARAM", "M_INVALID_ROOM_STATE",
                                          "M_MISSING_PARAM", "M_UNKNOWN")
    assert answer.errcode in allowed, repr(answer)
    assert alice.get("joined_rooms").ok()["joined_rooms"] == []


@pytest.mark.parametrize("body, status, errcode", [
    ({"initial_state": [{"type": "a" * 256, "content": {}}]}, 413, "M_TOO_LARGE"),
    ({"initial_state": [{"type": "a.b", "state_key": "k" * 256, "content": {}}]}, 413, "M_TOO_LARGE"),
    ({"name": "n" * 70000}, 413, "M_TOO_LARGE"), ({"topic": "n" * 70000}, 413, "M_TOO_LARGE"),
    ({"invite": ["@a:elsewhere.example"]}, 403, "M_FORBIDDEN"),
    ({"creation_content": {"org.matrix.msc3759.deactivated": True}}, 200, None),
    ({"initial_state": [{"type": "m.room.member", "state_key": "@a:localhost", "content": {
        "membership": "leave", "org.matrix.msc3759.deactivated": True}}]}, 403, "M_FORBIDDEN"),
], ids=lambda v: str(v)[:60])
def test_other_bodies(alice, body, status, errcode):
    alice.post("createRoom", body).expect(status, errcode)
    assert bool(alice.get("joined_rooms").ok()["joined_rooms"]) == (status == 200)


def test_unknown_members_are_ignored(alice):
    assert alice.create_room(org_example_thing={"x": 1}, invite_3pid=[])


def test_same_room_twice_is_two_rooms(alice):
    assert alice.create_room(name="Twin") != alice.create_room(name="Twin")


def test_read_back_after_restart(make_server):
    server = make_server()
    alice = Client(server).register(unique())
    room = alice.create_room(name="Kept", preset="public_chat")
    sent = alice.send(room, "kept too")
    before = history(alice, room)
    server.restart(clean=False)
    after = history(alice, room)
    assert [e["event_id"] for e in after] == [e["event_id"] for e in before]
    assert after[-1]["event_id"] == sent
    assert alice.get(path(room, "state")).ok()
