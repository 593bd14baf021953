"""Room upgrades: what moves, what the old room becomes, who may, and what a crash leaves."""

import itertools

import pytest

from harness import uia
from harness.client import Client, quote, unique
from harness.rooms import ALL_VERSIONS, history, member, path
from harness.sync import Syncer

MOVED = {
    "m.room.history_visibility": {"history_visibility": "invited"},
    "m.room.guest_access": {"guest_access": "forbidden"},
    "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": 100},
    "m.room.server_acl": {"allow": ["*"], "deny": ["evil.example"], "allow_ip_literals": False},
    "m.room.name": {"name": "Name ☃"},
    "m.room.topic": {"topic": "Topic", "m.topic": {"m.text": [{"body": "Topic"}]}},
    "m.room.avatar": {"url": "mxc://localhost/avatar", "info": {"w": 1, "h": 1}},
}


def upgrade_call(client, room, version="12", **more):
    return client.post(path(room, "upgrade"), {"new_version": version, **more})


def upgrade(client, room, version="12", **more):
    return upgrade_call(client, room, version, **more).ok()["replacement_room"]


def content(client, room, kind, key=""):
    answer = client.state(room, kind, key)
    return answer.json if answer.status == 200 else None


def kinds(client, room):
    return [(e["type"], e["state_key"]) for e in client.get(path(room, "state")).ok().json]


def directory(client, alias):
    return client.get(f"directory/room/{quote(alias)}").ok()["room_id"]


def listed(client, room):
    return client.get(f"directory/list/room/{quote(room)}").ok()["visibility"]


@pytest.mark.parametrize("old,new", [
    *zip(ALL_VERSIONS, ALL_VERSIONS[1:]), *((v, "12") for v in ALL_VERSIONS),
    ("12", "1"), ("12", "11"), ("11", "6"), ("10", "2")])
def test_what_moves(alice, bob, old, new):
    state = [{"type": kind, "content": what} for kind, what in MOVED.items()]
    room = alice.create_room(preset="public_chat", room_version=old, initial_state=state + [
        {"type": "org.example.own", "content": {"x": 1}}])
    bob.join(room).ok()
    last = alice.send(room, "last words")
    made = upgrade(alice, room, new)
    create = content(alice, made, "m.room.create")
    assert create["room_version"] == new
    assert create["predecessor"] == {"room_id": room, "event_id": last}
    assert ("creator" in create) == (int(new) <= 10)
    for kind, what in MOVED.items():
        assert content(alice, made, kind) == what, kind
    assert content(alice, made, "m.room.join_rules") == {"join_rule": "public"}
    assert ("org.example.own", "") not in kinds(alice, made)
    members = [key for kind, key in kinds(alice, made) if kind == "m.room.member"]
    assert members == [alice.user_id]
    tombstone = content(bob, room, "m.room.tombstone")
    assert tombstone["replacement_room"] == made and isinstance(tombstone["body"], str)
    bob.join(made).ok()
    alice.send(made, "welcome")


def test_the_old_room_is_for_moderators(alice, bob):
    room = alice.create_room(preset="public_chat", room_version="11")
    bob.join(room).ok()
    before = content(alice, room, "m.room.power_levels")
    upgrade(alice, room)
    after = content(alice, room, "m.room.power_levels")
    assert after == {**before, "events_default": 50, "invite": 50}
    bob.send_call(room, {"body": "x", "msgtype": "m.text"}).expect(403, "M_FORBIDDEN")
    alice.send(room, "still possible")
    events = [e["type"] for e in history(alice, room)]
    assert events[-3:] == ["m.room.tombstone", "m.room.power_levels", "m.room.message"]


@pytest.mark.parametrize("users_default,now,then", [
    (0, (0, 0), (50, 50)), (60, (0, 0), (61, 61)), (0, (75, 10), (75, 50)),
    (0, (75, 75), None)])
def test_how_far_levels_are_raised(alice, users_default, now, then):
    """events_default and invite: the greater of 50 and users_default + 1, never less than before."""
    room = alice.create_room(room_version="11", power_level_content_override={
        "users_default": users_default, "events_default": now[0], "invite": now[1]})
    upgrade(alice, room)
    levels = content(alice, room, "m.room.power_levels")
    assert (levels["events_default"], levels["invite"]) == (then or now)
    sent = [e for e in history(alice, room) if e["type"] == "m.room.power_levels"]
    assert len(sent) == (2 if then else 1)


def test_levels_go_over(alice, bob):
    room = alice.create_room(preset="public_chat", room_version="10",
                             power_level_content_override={
                                 "users": {alice.user_id: 100, bob.user_id: 50,
                                           "@far:elsewhere.example": 60},
                                 "kick": 60, "notifications": {"room": 20}, "org.example.x": 5})
    before = content(alice, room, "m.room.power_levels")
    assert content(alice, upgrade(alice, room, "11"), "m.room.power_levels") == before
    room = alice.create_room(room_version="10", power_level_content_override={
        k: v for k, v in before.items() if k != "events"})
    made = content(alice, upgrade(alice, room, "12"), "m.room.power_levels")
    assert made["users"] == {bob.user_id: 50, "@far:elsewhere.example": 60}
    assert made["kick"] == 60 and made["notifications"] == {"room": 20}
    assert made["events"]["m.room.tombstone"] > made["state_default"]


@pytest.mark.parametrize("old", ["1", "5", "9"])
def test_levels_in_text_become_numbers(alice, bob, old):
    room = alice.create_room(room_version=old, power_level_content_override={
        "users": {alice.user_id: "100", bob.user_id: " 50 "}, "ban": "60",
        "events": {"m.room.topic": "7"}, "kick": "no number"})
    levels = content(alice, upgrade(alice, room, "11"), "m.room.power_levels")
    assert levels["users"] == {alice.user_id: 100, bob.user_id: 50}
    assert levels["ban"] == 60 and levels["events"] == {"m.room.topic": 7}
    assert "kick" not in levels


@pytest.mark.parametrize("new", ["11", "12"])
def test_by_a_moderator(alice, bob, new):
    """A moderator who may send a tombstone, and little else, makes a whole replacement."""
    room = alice.create_room(preset="public_chat", room_version="11", initial_state=[
        {"type": kind, "content": what} for kind, what in MOVED.items()],
        power_level_content_override={"users": {alice.user_id: 100, bob.user_id: 50},
                                      "events": {"m.room.tombstone": 50,
                                                 "m.room.power_levels": 100,
                                                 "m.room.server_acl": 100}})
    bob.join(room).ok()
    before = content(alice, room, "m.room.power_levels")
    made = upgrade(bob, room, new)
    for kind, what in MOVED.items():
        assert content(bob, made, kind) == what, kind
    levels = content(bob, made, "m.room.power_levels")
    assert levels["users"] == ({alice.user_id: 100} if new == "12" else before["users"])
    assert content(alice, room, "m.room.power_levels") == before    # bob could not change them
    assert content(alice, room, "m.room.tombstone")["replacement_room"] == made
    if new == "11":
        bob.set_state(made, "m.room.server_acl", {"allow": ["*"]}).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("old,new,stays", [
    ("7", "6", False), ("7", "8", True), ("10", "7", True), ("12", "1", False)])
def test_knock_rule(alice, old, new, stays):
    """A join rule that the new version does not know becomes invite."""
    room = alice.create_room(room_version=old, initial_state=[
        {"type": "m.room.join_rules", "content": {"join_rule": "knock"}}])
    made = upgrade(alice, room, new)
    assert content(alice, made, "m.room.join_rules")["join_rule"] == (
        "knock" if stays else "invite")


def test_restricted_rule(alice, bob):
    club = alice.create_room(preset="public_chat")
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": club}]}
    room = alice.create_room(room_version="9", initial_state=[
        {"type": "m.room.join_rules", "content": rule}])
    made = upgrade(alice, room)
    assert content(alice, made, "m.room.join_rules") == rule
    bob.join(made).expect(403, "M_FORBIDDEN")
    bob.join(club).ok()
    bob.join(made).ok()


def test_aliases_and_listing_move(alice, bob):
    names = [f"#{unique('old')}:localhost" for _ in range(3)]
    room = alice.create_room(preset="public_chat", visibility="public",
                             room_alias_name=names[0][1:].split(":")[0])
    for name in names[1:]:
        alice.put(f"directory/room/{quote(name)}", {"room_id": room}).ok()
    alice.set_state(room, "m.room.canonical_alias", {
        "alias": names[0], "alt_aliases": names[1:2]}).ok()
    assert listed(bob, room) == "public"
    made = upgrade(alice, room)
    assert {directory(bob, name) for name in names} == {made}
    assert content(alice, made, "m.room.canonical_alias") == {
        "alias": names[0], "alt_aliases": names[1:2]}
    assert content(alice, room, "m.room.canonical_alias") == {}
    assert listed(bob, room) == "private" and listed(bob, made) == "public"
    alice.delete(f"directory/room/{quote(names[2])}").ok()      # the creator is still the creator
    assert bob.join(names[0]).ok()["room_id"] == made
    assert alice.get(path(room, "aliases")).ok()["aliases"] == []


def test_an_unlisted_room_stays_unlisted(alice, bob):
    room = alice.create_room()
    assert listed(bob, upgrade(alice, room)) == "private"


def test_bans_go_over(alice, bob, person):
    carol = person("carol")
    room = alice.create_room(preset="public_chat", room_version="11")
    for guest, reason in ((bob, {"reason": "rude"}), (carol, {})):
        guest.join(room).ok()
        alice.ban(room, guest.user_id, **reason).ok()
    made = upgrade(alice, room)
    assert member(alice, made, bob.user_id) == {"membership": "ban", "reason": "rude"}
    assert member(alice, made, carol.user_id) == {"membership": "ban"}
    bob.join(made).expect(403, "M_FORBIDDEN")
    alice.unban(made, bob.user_id).ok()
    bob.join(made).ok()


def test_a_space_takes_its_rooms_along(alice):
    child, gone = alice.create_room(), alice.create_room()
    space = alice.create_room(room_version="11", creation_content={
        "type": "m.space", "m.federate": False})
    alice.set_state(space, "m.space.child", {"via": ["localhost"]}, child).ok()
    alice.set_state(space, "m.space.child", {"via": ["localhost"]}, gone).ok()
    alice.set_state(space, "m.space.child", {}, gone).ok()
    made = upgrade(alice, space)
    create = content(alice, made, "m.room.create")
    assert create["type"] == "m.space" and create["m.federate"] is False
    children = [key for kind, key in kinds(alice, made) if kind == "m.space.child"]
    assert children == [child]
    room = alice.create_room()
    alice.set_state(room, "m.space.child", {"via": ["localhost"]}, child).ok()
    assert "m.space.child" not in [kind for kind, _ in kinds(alice, upgrade(alice, room))]


def test_additional_creators(alice, bob, person):
    """Given anew with each upgrade; never taken over; without effect before version 12."""
    carol = person("carol")
    room = alice.create_room(room_version="12", creation_content={
        "additional_creators": [bob.user_id]})
    made = upgrade(alice, room)
    assert "additional_creators" not in content(alice, made, "m.room.create")
    room = alice.create_room(room_version="11", power_level_content_override={
        "users": {alice.user_id: 100, bob.user_id: 70}})
    made = upgrade(alice, room, additional_creators=[bob.user_id, carol.user_id, bob.user_id,
                                                     alice.user_id])
    assert content(alice, made, "m.room.create")["additional_creators"] == [
        bob.user_id, carol.user_id]
    assert content(alice, made, "m.room.power_levels")["users"] == {}
    assert member(alice, made, bob.user_id) is None
    room = alice.create_room(room_version="11")
    for wrong in ([bob.user_id], "text", [5]):
        made = upgrade(alice, room, "10", additional_creators=wrong)
        assert "additional_creators" not in content(alice, made, "m.room.create")


@pytest.mark.parametrize("creators,errcode", [
    ("text", "M_BAD_JSON"), ({}, "M_BAD_JSON"), ([5], "M_BAD_JSON"), ([None], "M_BAD_JSON"),
    (["nobody"], "M_INVALID_PARAM"), ([""], "M_INVALID_PARAM")], ids=str)
def test_wrong_additional_creators(alice, creators, errcode):
    room = alice.create_room()
    upgrade_call(alice, room, additional_creators=creators).expect(400, errcode)
    upgrade_call(alice, room, additional_creators=["@a:x"] * 501).expect(413, "M_TOO_LARGE")
    assert content(alice, room, "m.room.tombstone") is None


def test_who_may_not(alice, bob, anonymous):
    room = alice.create_room(preset="public_chat", room_version="11")
    upgrade_call(bob, room).expect(403, "M_FORBIDDEN")
    bob.join(room).ok()
    upgrade_call(bob, room).expect(403, "M_FORBIDDEN")
    levels = content(alice, room, "m.room.power_levels")
    levels["users"][bob.user_id] = 99
    alice.set_state(room, "m.room.power_levels", levels).ok()
    upgrade_call(bob, room).expect(403, "M_FORBIDDEN")
    levels["users"][bob.user_id] = 100
    alice.set_state(room, "m.room.power_levels", levels).ok()
    bob.leave(room).ok()
    upgrade_call(bob, room).expect(403, "M_FORBIDDEN")
    upgrade_call(anonymous, room).expect(401, "M_MISSING_TOKEN")
    upgrade_call(alice, "!nowhere:localhost").expect(403, "M_FORBIDDEN")
    assert content(alice, room, "m.room.tombstone") is None
    assert bob.get("joined_rooms").ok()["joined_rooms"] == []


@pytest.mark.parametrize("body,errcode", [
    ({}, "M_MISSING_PARAM"), ({"new_version": 12}, "M_BAD_JSON"),
    ({"new_version": None}, "M_BAD_JSON"), ({"new_version": ""}, "M_INVALID_PARAM"),
    ({"new_version": "13"}, "M_UNSUPPORTED_ROOM_VERSION"),
    ({"new_version": "org.example.own"}, "M_UNSUPPORTED_ROOM_VERSION"),
    ({"new_version": "1" * 5000}, "M_UNSUPPORTED_ROOM_VERSION")], ids=lambda v: str(v)[:40])
def test_bad_bodies(alice, body, errcode):
    room = alice.create_room()
    answer = alice.post(path(room, "upgrade"), body).expect(400)
    assert answer.errcode in (errcode, "M_BAD_JSON", "M_MISSING_PARAM"), answer
    if errcode == "M_UNSUPPORTED_ROOM_VERSION":
        assert answer.errcode == errcode
    assert alice.get("joined_rooms").ok()["joined_rooms"] == [room]


def test_asking_twice(alice, bob):
    """The same question has the same answer; another version, another replacement."""
    room = alice.create_room(room_version="10")
    made = upgrade(alice, room, "11")
    assert upgrade(alice, room, "11") == made
    again = upgrade(alice, room, "12")
    assert again != made
    assert content(alice, room, "m.room.tombstone")["replacement_room"] == again
    tombstones = [e for e in history(alice, room) if e["type"] == "m.room.tombstone"]
    assert len(tombstones) == 2


def test_a_tombstone_of_a_client_is_no_replacement(alice, bob):
    other = alice.create_room()
    for target in (other, "!nowhere:localhost", "", 5):
        room = alice.create_room()
        alice.set_state(room, "m.room.tombstone", {"body": "x", "replacement_room": target}).ok()
        assert upgrade(alice, room) not in (room, other, target)


def test_without_power_levels_that_can_be_read(alice):
    """Version 1 takes any levels; what cannot be read falls back to the defaults."""
    room = alice.create_room(room_version="1", power_level_content_override={
        "events": {"m.room.topic": 5.7, "m.room.name": {}}, "state_default": "x"})
    levels = content(alice, upgrade(alice, room, "12"), "m.room.power_levels")
    assert levels["events"]["m.room.topic"] == 5 and "m.room.name" not in levels["events"]
    assert "state_default" not in levels


def test_what_the_new_version_cannot_hold_stays(alice):
    """A fraction may stand in a topic of version 5, not in one of version 6."""
    room = alice.create_room(room_version="5", name="Kept")
    alice.set_state(room, "m.room.topic", {"topic": "half", "half": 0.5}).ok()
    made = upgrade(alice, room, "6")
    assert content(alice, made, "m.room.topic") is None
    assert content(alice, made, "m.room.name") == {"name": "Kept"}
    assert content(alice, upgrade(alice, room, "4"), "m.room.topic")["half"] == 0.5


def test_sync_tells_both_rooms(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    reader, other = Syncer(alice), Syncer(bob)
    reader.step(), other.step()
    made = upgrade(alice, room)
    answer = reader.step(timeout_ms=5000)["rooms"]["join"]
    assert set(answer) == {room, made}
    seen = other.step(timeout_ms=5000)["rooms"]
    assert set(seen["join"]) == {room} and made not in seen.get("invite", {})
    assert other.state[room]["m.room.tombstone", ""]["content"]["replacement_room"] == made


def test_ended_accounts_stay_behind(alice, bob, person):
    """Neither invited, nor joined, nor given power, nor made a creator."""
    carol = person("carol")
    room = alice.create_room(preset="public_chat", room_version="11",
                             power_level_content_override={"users": {
                                 alice.user_id: 100, bob.user_id: 50, carol.user_id: 50}})
    for guest in (bob, carol):
        guest.join(room).ok()
    uia.deactivate(bob).ok()
    upgrade_call(alice, room, additional_creators=[bob.user_id]).expect(403, "M_FORBIDDEN")
    made = upgrade(alice, room, "11")
    assert content(alice, made, "m.room.power_levels")["users"] == {
        alice.user_id: 100, carol.user_id: 50}
    assert member(alice, made, bob.user_id) is None
    alice.invite(made, bob.user_id).expect(403, "M_FORBIDDEN")


def test_the_end_of_an_account_during_an_upgrade(make_server):
    """Both at once: whatever comes first, the account ends up in neither room."""
    import concurrent.futures
    server = make_server()
    bob = Client(server).register(unique("bob"))
    for turn in range(12):
        alice = Client(server).register(unique("alice"))
        room = alice.create_room(preset="public_chat", room_version="11")
        bob.join(room).ok()
        second = alice.with_token(alice.token)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            ending = pool.submit(uia.deactivate, second)
            upgrading = pool.submit(upgrade_call, alice, room)
            ending.result().ok()
            answer = upgrading.result()
        assert answer.status in (200, 401), answer
        rooms = [room]
        tombstone = content(bob, room, "m.room.tombstone")
        assert (tombstone is not None) == (answer.status == 200), turn
        if tombstone:
            rooms.append(tombstone["replacement_room"])
            bob.join(rooms[1]).ok()
        Syncer(bob).until(lambda s: all(
            s.state[r]["m.room.member", alice.user_id]["content"]["membership"] == "leave"
            for r in rooms))


def test_many_bans(alice, server):
    room = alice.create_room(preset="public_chat", room_version="11")
    for number in range(60):
        alice.ban(room, f"@spam{number}:elsewhere.example").ok()
    made = upgrade(alice, room)
    banned = alice.members(made, membership="ban").ok()["chunk"]
    assert {e["state_key"] for e in banned} == {
        f"@spam{n}:elsewhere.example" for n in range(60)}


def test_kill_at_every_point(make_server):
    """SIGKILL at each fault point of an upgrade: afterwards both rooms are whole, or nothing was."""
    settings = {"password.argon2_memory_kib": 64, "password.argon2_passes": 1,
                "log.level": "debug"}
    server = make_server(settings)
    alice, bob = (Client(server).register(unique(n)) for n in ("alice", "bob"))
    finished = 0
    for point in itertools.count(1):
        assert point < 200
        name = unique("crash")
        room = alice.create_room(preset="public_chat", room_version="11", room_alias_name=name,
                                 name="Kept", visibility="public")
        bob.join(room).ok()
        alice.ban(room, "@bad:elsewhere.example").ok()
        alice.token = alice.login().token
        server.restart(fault=f"*:{point}")
        answer = None
        try:
            answer = alice.raw("POST", f"/_matrix/client/v3/rooms/{room}/upgrade",
                               json={"new_version": "12"},
                               headers={"Authorization": f"Bearer {alice.token}"})
        except OSError:
            pass
        killed = server.wait_killed(0.05 if answer is not None else 10)
        killed = killed or server.end()
        server.start()
        tombstone = content(bob, room, "m.room.tombstone")
        rooms = alice.get("joined_rooms").ok()["joined_rooms"]
        if tombstone is None:
            assert answer is None
            assert directory(bob, f"#{name}:localhost") == room
            assert listed(bob, room) == "public"
            assert content(alice, room, "m.room.power_levels")["events_default"] == 0
            assert len(rooms) == 1
            made = upgrade(alice, room)
        else:
            made = tombstone["replacement_room"]
            assert set(rooms) == {room, made}
            assert upgrade(alice, room) == made, "the lost answer is given again"
        assert directory(bob, f"#{name}:localhost") == made
        assert listed(bob, made) == "public" and listed(bob, room) == "private"
        assert content(alice, made, "m.room.name") == {"name": "Kept"}
        assert content(alice, made, "m.room.create")["predecessor"]["room_id"] == room
        assert member(alice, made, "@bad:elsewhere.example") == {"membership": "ban"}
        assert content(alice, room, "m.room.power_levels")["events_default"] == 50
        for old in (room, made):
            alice.leave(old).ok()
        finished += not killed
        if finished == 1:
            break
    assert point > 8, "the fault points were not reached"
