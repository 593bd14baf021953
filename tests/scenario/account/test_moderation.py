"""Suspended and locked accounts."""

import threading
import time

import pytest

from harness.admin import promote
from harness.client import Client, quote, unique
from harness.rooms import member, path
from harness.uia import deactivate, with_password

ADMIN = "/_matrix/client/v1/admin"
FLAGS = {"suspend": "suspended", "lock": "locked"}
NOBODY = "@nobody:localhost"


def flag_path(action, user_id):
    return f"{ADMIN}/{action}/{quote(user_id)}"


def set_flag(admin, action, user_id, value=True):
    answer = admin.put(flag_path(action, user_id), {FLAGS[action]: value}).ok()
    assert answer.json == {FLAGS[action]: value}


def suspend(admin, client, value=True):
    set_flag(admin, "suspend", client.user_id, value)


def lock(admin, client, value=True):
    set_flag(admin, "lock", client.user_id, value)


@pytest.fixture
def admin(person):
    return promote(person("admin"))


@pytest.fixture
def room(alice, bob):
    made = alice.create_room(preset="public_chat")
    bob.join(made).ok()
    return made


# The endpoints.

@pytest.mark.parametrize("action", FLAGS)
def test_set_and_read(admin, alice, action):
    name = FLAGS[action]
    for value in (False, True, True, False):
        if value or admin.get(flag_path(action, alice.user_id)).ok()[name]:
            set_flag(admin, action, alice.user_id, value)
        assert admin.get(flag_path(action, alice.user_id)).ok().json == {name: value}
    assert admin.get(flag_path(action, admin.user_id)).ok().json == {name: False}


@pytest.mark.parametrize("action", FLAGS)
def test_only_for_administrators(person, admin, alice, bob, anonymous, action):
    """Who may not do this learns nothing of accounts; administrators are left to each other, and to themselves."""
    other = promote(person("other"))
    body = {FLAGS[action]: True}
    for target in (bob.user_id, NOBODY, alice.user_id, "nonsense", "@far:elsewhere.example"):
        alice.get(flag_path(action, target)).expect(403, "M_FORBIDDEN")
        alice.put(flag_path(action, target), body).expect(403, "M_FORBIDDEN")
    anonymous.get(flag_path(action, bob.user_id)).expect(401, "M_MISSING_TOKEN")
    admin.get(flag_path(action, other.user_id)).expect(403, "M_FORBIDDEN")
    admin.put(flag_path(action, other.user_id), body).expect(403, "M_FORBIDDEN")
    admin.put(flag_path(action, admin.user_id), body).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("action", FLAGS)
def test_bad_input(admin, alice, action):
    name = FLAGS[action]
    for target, status, errcode in [(NOBODY, 404, "M_NOT_FOUND"), ("nonsense", 400, "M_INVALID_PARAM"),
                                    ("@far:elsewhere.example", 400, "M_INVALID_PARAM")]:
        admin.get(flag_path(action, target)).expect(status, errcode)
        admin.put(flag_path(action, target), {name: True}).expect(status, errcode)
    for body, errcode in [({}, "M_MISSING_PARAM"), ({name: None}, "M_BAD_JSON"), ({name: "true"}, "M_BAD_JSON"),
                          ({name: 1}, "M_BAD_JSON"), ({"other": True}, "M_MISSING_PARAM")]:
        admin.put(flag_path(action, alice.user_id), body).expect(400, errcode)
    assert admin.get(flag_path(action, alice.user_id)).ok().json == {name: False}


@pytest.mark.parametrize("action", FLAGS)
def test_ended_accounts_are_not_there(admin, alice, action):
    deactivate(alice).ok()
    admin.get(flag_path(action, alice.user_id)).expect(404, "M_NOT_FOUND")
    admin.put(flag_path(action, alice.user_id), {FLAGS[action]: True}).expect(404, "M_NOT_FOUND")


def test_capability(admin, alice):
    name = "m.account_moderation"
    assert admin.get("capabilities").ok()["capabilities"][name] == {"suspend": True, "lock": True}
    assert name not in alice.get("capabilities").ok()["capabilities"]


# Locked.

def assert_locked(answer):
    answer.expect(401, "M_USER_LOCKED")
    assert answer["soft_logout"] is True


def test_locked(admin, alice, bob, room):
    """Everything is refused but to log out, and comes back as it was."""
    lock(admin, bob)
    for answer in (bob.whoami(), bob.sync_call(), bob.get("capabilities"), bob.messages(room), bob.leave(room),
                   bob.send_call(room, {"body": "x", "msgtype": "m.text"}), bob.get("devices"), bob.get("pushrules/"),
                   bob.post("account/deactivate", {}), bob.post("account/password", {"new_password": "x"}),
                   bob.get("/_matrix/client/versions"), bob.set_profile("displayname", "x"),
                   bob.post("keys/query", {"device_keys": {}})):
        assert_locked(answer)
    alice.send(room, "others go on")
    lock(admin, bob, False)
    assert bob.is_known()
    bob.send(room, "and so does he")


def test_locked_may_log_out(admin, bob):
    phone = bob.login()
    lock(admin, bob)
    bob.post("logout").ok()
    assert_locked(phone.whoami())
    phone.post("logout/all").ok()
    lock(admin, bob, False)
    for client in (bob, phone):
        client.whoami().expect(401, "M_UNKNOWN_TOKEN")


def test_locked_logins(admin, bob):
    """The right password is told of the lock, a wrong one of nothing."""
    phone = bob.login(refresh_token=True)
    token = with_password(bob, "/_matrix/client/v1/login/get_token").ok()["login_token"]
    lock(admin, bob)
    assert_locked(bob.login_call())
    bob.login_call(password="wrong").expect(403, "M_FORBIDDEN")
    assert_locked(bob.post("refresh", {"refresh_token": phone.refresh_token}, token=None))
    assert_locked(bob.post("login", {"type": "m.login.token", "token": token}, token=None))
    lock(admin, bob, False)
    bob.post("refresh", {"refresh_token": phone.refresh_token}, token=None).ok()
    bob.post("login", {"type": "m.login.token", "token": token}, token=None).ok()
    bob.login()


def test_a_waiting_sync_is_told(admin, bob):
    since = bob.sync_call().ok()["next_batch"]
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(bob.sync_call(since, timeout_ms=20_000)))
    waiting.start()
    started = time.monotonic()
    lock(admin, Client(bob.server, bob.user_id))
    waiting.join()
    assert_locked(answers[0])
    assert time.monotonic() - started < 10


def test_locked_of_another_case_of_wrong_tokens(admin, bob):
    lock(admin, bob)
    bob.with_token("nonsense").whoami().expect(401, "M_UNKNOWN_TOKEN")


# Suspended.

SUSPENDED = "M_USER_SUSPENDED"


def test_suspended_may_not(admin, alice, bob, room):
    other = alice.create_room(preset="public_chat", invite=[bob.user_id])
    event = alice.send(room, "hers")
    suspend(admin, bob)
    for answer in (bob.send_call(room, {"body": "x"}), bob.join(other), bob.knock(other),
                   bob.post(path(other, "join")), bob.invite(room, alice.user_id), bob.post("createRoom", {}),
                   bob.set_state(room, "m.room.topic", {"topic": "x"}), bob.kick(room, alice.user_id),
                   bob.ban(room, alice.user_id), bob.unban(room, alice.user_id),
                   bob.set_profile("displayname", "x"), bob.set_profile("org.example.x", 1),
                   bob.delete(f"profile/{quote(bob.user_id)}/displayname"),
                   bob.put(path(room, "typing", bob.user_id), {"typing": True}),
                   bob.put(path(room, "redact", event, "t1"), {}), bob.post(path(room, "report"), {"reason": "x"}),
                   bob.post(path(room, "upgrade"), {"new_version": "12"}),
                   bob.post(f"user/{quote(bob.user_id)}/openid/request_token"),
                   bob.put(f"directory/room/{quote('#x:localhost')}", {"room_id": room}),
                   bob.set_state(room, "m.room.member", {"membership": "join", "displayname": "x"}, bob.user_id)):
        answer.expect(403, SUSPENDED)
    assert member(alice, other, bob.user_id)["membership"] == "invite"
    suspend(admin, bob, False)
    bob.send(room, "again")


def test_suspended_may(admin, alice, bob, room):
    own = bob.send(room, "his")
    other = alice.create_room(invite=[bob.user_id])
    bob.create_room()
    suspend(admin, bob)
    since = bob.sync_call().ok()["next_batch"]
    heard = alice.send(room, "to him")
    events = bob.sync_call(since, timeout_ms=10_000).ok()["rooms"]["join"][room]["timeline"]["events"]
    assert heard in [e["event_id"] for e in events]
    for answer in (bob.whoami(), bob.messages(room), bob.get("joined_rooms"), bob.get("capabilities"), bob.get("devices"),
                   bob.put(path(room, "redact", own, "t1"), {}), bob.leave(other), bob.leave(room),
                   bob.post(path(room, "forget")), bob.set_account_data("org.example.x", {"secret": 1}),
                   bob.post("keys/query", {"device_keys": {}}), bob.post("/_matrix/client/v4/sync", {"lists": {}}),
                   bob.put(f"sendToDevice/m.key.verification.start/{unique('t')}", {"messages": {}}),
                   with_password(bob, "account/password", {"new_password": "another one", "logout_devices": False})):
        answer.ok()
    bob.password = "another one"
    phone = bob.login()
    phone.send_call(room, {"body": "x"}).expect(403, SUSPENDED)
    phone.post("logout").ok()
    deactivate(bob).ok()


def test_suspended_redactions_by_send(admin, alice, bob):
    """The other way to redact, and only one's own."""
    room = alice.create_room(preset="public_chat", room_version="11")
    bob.join(room).ok()
    own, hers = bob.send(room, "his"), alice.send(room, "hers")
    alice.set_state(room, "m.room.power_levels", {"users": {alice.user_id: 100, bob.user_id: 100}}).ok()
    suspend(admin, bob)
    bob.send_call(room, {"redacts": hers}, "m.room.redaction").expect(403, SUSPENDED)
    bob.send_call(room, {"redacts": own}, "m.room.redaction").ok()
    assert alice.get(path(room, "event", own)).ok()["content"] == {}


def test_suspended_administrators_are_none(person, admin):
    """One who is to be suspended is no administrator; who becomes one while suspended does nothing as such."""
    carol, bob = person("carol"), person("bob")
    suspend(admin, carol)
    promote(carol)
    carol.put(flag_path("lock", bob.user_id), {"locked": True}).expect(403, SUSPENDED)
    admin.put(flag_path("suspend", carol.user_id), {"suspended": False}).expect(403, "M_FORBIDDEN")


def test_both_flags(admin, bob):
    suspend(admin, bob)
    lock(admin, bob)
    assert_locked(bob.whoami())
    lock(admin, bob, False)
    bob.whoami().ok()
    bob.set_profile("displayname", "x").expect(403, SUSPENDED)


def test_kept_over_a_restart(make_server):
    server = make_server()
    admin, bob = promote(Client(server).register(unique())), Client(server).register(unique())
    suspend(admin, bob)
    lock(admin, bob)
    server.restart(clean=False)
    assert_locked(bob.whoami())
    lock(admin, bob, False)
    bob.set_profile("displayname", "x").expect(403, SUSPENDED)


# Who is it?

def whois(client, user_id):
    return client.get(f"admin/whois/{quote(user_id)}")


def test_whois(admin, alice, bob):
    """By the user themselves and by administrators."""
    phone = alice.login(device_id="PHONE")
    for asker in (alice, phone, admin):
        answer = whois(asker, alice.user_id).ok()
        assert answer["user_id"] == alice.user_id
        assert set(answer["devices"]) == {alice.device_id, "PHONE"}
        for device in answer["devices"].values():
            for connection in device["sessions"][0]["connections"]:
                assert connection["ip"] == "127.0.0.1" and connection["last_seen"] > 0
    for target in (alice.user_id, NOBODY, "nonsense"):
        whois(bob, target).expect(403, "M_FORBIDDEN")


@pytest.mark.parametrize("target,status,errcode", [
    (NOBODY, 404, "M_NOT_FOUND"), ("nonsense", 400, "M_INVALID_PARAM"),
    ("@far:elsewhere.example", 400, "M_INVALID_PARAM")])
def test_whois_bad_input(admin, anonymous, target, status, errcode):
    whois(admin, target).expect(status, errcode)
    whois(anonymous, target).expect(401, "M_MISSING_TOKEN")


def test_whois_after_the_end(admin, alice):
    deactivate(alice).ok()
    assert whois(admin, alice.user_id).ok()["devices"] == {}
