"""exeunt user …, beside a running server and without one."""

import json

import pytest

from harness.client import PASSWORD, Client, unique

MARKER = "org.matrix.msc3759.deactivated"


def add(exeunt, server, name, *options, password="a good password"):
    return exeunt("user", "add", name, "--password-file", "-", *options, on=server, stdin=password + "\n")


def test_an_added_account_can_log_in(exeunt, place):
    place.settle()
    name = unique("added")
    add(exeunt, place, name).ok(f"@{name}:localhost\n")
    assert add(exeunt, place, name + "x", "--json", "--admin").json() == {
        "user_id": f"@{name}x:localhost", "admin": True}
    place.resume()
    Client(place).login(name, "a good password")
    Client(place).login_call(name, "another").expect(403, "M_FORBIDDEN")


def test_what_cannot_be_added_is_told(exeunt, place):
    place.settle()
    name = unique("twice")
    add(exeunt, place, name).ok()
    add(exeunt, place, name).expect(1, "exeunt user add: ", "taken")
    add(exeunt, place, "Upper").expect(1, "a-z, 0-9")
    add(exeunt, place, "x" * 255).expect(1, "longer than 255 bytes")
    add(exeunt, place, "empty", password="").expect(1, "password in standard input is empty")
    add(exeunt, place, "long", password="x" * 600).expect(1, "at most 512 bytes")
    assert [user["USER"] for user in exeunt("user", "list", on=place).table()] == [f"@{name}:localhost"]


def test_the_list(exeunt, place):
    place.settle()
    for name in ("carol", "alice", "bob"):
        add(exeunt, place, name, *(["--admin"] if name == "alice" else [])).ok()
    exeunt("user", "deactivate", "bob", on=place).ok()
    rows = exeunt("user", "list", on=place).table()
    assert [(row["USER"], row["ADMIN"], row["STATE"]) for row in rows] == [
        ("@alice:localhost", "yes", "active"), ("@bob:localhost", "no", "deactivated"),
        ("@carol:localhost", "no", "active")]
    users = exeunt("user", "list", "--json", on=place).json()["users"]
    assert [user["user_id"] for user in users] == [row["USER"] for row in rows]
    assert users[1]["deactivated"] and users[1]["deactivated_ts"] > 1.6e12
    assert not any("password" in json.dumps(user) for user in users)


def test_a_reset_ends_every_session(exeunt, place):
    alice = Client(place).register(unique("reset"))
    place.settle()
    exeunt("user", "reset-password", alice.localpart, "--password-file", "-", on=place,
           stdin="new password\n").ok("has a new password")
    place.resume()
    assert not alice.is_known()
    Client(place).login_call(alice.localpart, PASSWORD).expect(403, "M_FORBIDDEN")
    Client(place).login(alice.localpart, "new password")


def test_promote_and_demote(exeunt, place):
    alice = Client(place).register(unique("admin"))
    place.settle()
    for verb, admin in (("promote", True), ("promote", True), ("demote", False)):
        exeunt("user", verb, alice.user_id, on=place).ok(alice.user_id)
        users = exeunt("user", "list", "--json", on=place).json()["users"]
        assert [user["admin"] for user in users] == [admin]
    assert exeunt("user", "promote", alice.localpart, "--json", on=place).json() == {
        "user_id": alice.user_id, "admin": True}


@pytest.mark.parametrize("words", [["promote"], ["demote"], ["deactivate"],
                                   ["reset-password", "--password-file", "-"]])
def test_an_account_that_is_not_there(exeunt, place, words):
    place.settle()

    def run(name):
        return exeunt("user", *words, name, on=place, stdin="password\n")
    run("nobody").expect(1, "There is no account @nobody:localhost")
    run("@x:elsewhere").expect(1, "another server")
    run("@broken").expect(1, "is no user ID")
    run("x" * 3000).expect(1, "There is no account")


def test_a_deactivated_account_stays_as_it_is(exeunt, place):
    place.settle()
    add(exeunt, place, "gone").ok()
    exeunt("user", "deactivate", "gone", on=place).ok("@gone:localhost is deactivated")
    exeunt("user", "promote", "gone", on=place).expect(1, "deactivated")
    exeunt("user", "reset-password", "gone", "--password-file", "-", on=place,
           stdin="password\n").expect(1, "deactivated")
    add(exeunt, place, "gone").expect(1, "taken")
    exeunt("user", "deactivate", "gone", on=place).ok()
    assert len(exeunt("deactivation", "list", on=place).table()) == 1


def leaves(client, room, user_id):
    events = client.messages(room, dir="b", limit=100)["chunk"]
    return [event for event in events
            if event["type"] == "m.room.member" and event.get("state_key") == user_id
            and event["content"]["membership"] == "leave"]


def test_deactivation_leaves_every_room_with_one_marked_leave(exeunt, place):
    alice, bob = (Client(place).register(unique(name)) for name in ("ending", "staying"))
    rooms = [alice.create_room(preset="public_chat") for _ in range(7)]
    for room in rooms:
        bob.join(room)
    place.settle()
    exeunt("user", "deactivate", alice.user_id, "--erase", on=place).expect(0, "7 rooms to leave")

    def job():
        return exeunt("deactivation", "show", alice.localpart, "--json", "--rooms", on=place).json()
    for _ in range(200):
        if "finished_ts" in (now := job()):
            break
    assert now["total"] == now["left"] == 7 and now["pending"] == now["retrying"] == 0
    assert now["erase"] and now["actor"] == "cli" and now["rooms"] == [] and now["rooms_omitted"] == 0
    place.resume()
    assert not alice.is_known()
    for room in rooms:
        assert [event["content"].get(MARKER) for event in leaves(bob, room, alice.user_id)] == [True]
    exeunt("check", on=place).ok("The data is in order.")


def test_without_a_server_the_command_ends_when_the_rooms_are_left(exeunt, make_server):
    server = make_server()
    alice = Client(server).register(unique("alone"))
    for _ in range(5):
        alice.create_room()
    server.stop()
    job = exeunt("user", "deactivate", alice.localpart, "--json", on=server).json()
    assert job["left"] == 5 and job["finished_ts"] >= job["accepted_ts"]
    row, = exeunt("deactivation", "list", on=server).table()
    assert (row["USER"], row["TOTAL"], row["LEFT"], row["RETRYING"], row["TERMINAL"]) == (
        alice.user_id, "5", "5", "0", "0")
    assert row["FINISHED"].endswith("Z") and row["ERASE"] == "no"


def test_a_killed_command_is_finished_by_the_next_server(exeunt, make_server):
    server = make_server()
    alice, bob = (Client(server).register(unique(name)) for name in ("cut", "witness"))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    server.stop()
    killed = exeunt("user", "deactivate", alice.localpart, on=server,
                    env={"EXEUNT_FAULT": "deactivation.accept.committed:1"})
    assert killed.status == -9
    server.start()
    for _ in range(200):
        if leaves(bob, room, alice.user_id):
            break
    assert [event["content"].get(MARKER) for event in leaves(bob, room, alice.user_id)] == [True]


def test_showing_who_was_not_deactivated(exeunt, place):
    place.settle()
    add(exeunt, place, "here").ok()
    exeunt("deactivation", "show", "here", on=place).expect(1, "@here:localhost has not been deactivated")
    assert exeunt("deactivation", "list", "--json", on=place).json() == {"deactivations": []}
    assert exeunt("deactivation", "list", on=place).table() == []
