"""Searching for people."""

import pytest

from harness.client import Client, quote, unique
from harness.rooms import path
from harness.uia import deactivate


def search(client, term, **more):
    return client.post("user_directory/search", {"search_term": term, **more})


def found(client, term, **more):
    return [result["user_id"] for result in search(client, term, **more).ok()["results"]]


@pytest.fixture
def word():
    """A word that nobody else of this run has."""
    return unique("qz") + "x"


@pytest.fixture
def room(alice):
    """Bob can be found by whoever is in it."""
    return alice.create_room()


def named(client, name):
    client.set_profile("displayname", name).ok()
    return client


def meet(one, other):
    """In a room of their own."""
    room = one.create_room(invite=[other.user_id])
    other.join(room).ok()
    return room


def test_by_name_and_id(alice, bob, word):
    named(bob, f"Robert {word} Smith")
    bob.set_profile("avatar_url", "mxc://localhost/bob").ok()
    meet(alice, bob)
    entry = {"user_id": bob.user_id, "display_name": f"Robert {word} Smith", "avatar_url": "mxc://localhost/bob"}
    for term in (word, word[:-1], word.upper(), f"{word} rob", f"smith {word}", bob.user_id, bob.user_id[1:],
                 bob.localpart, f" {bob.user_id.upper()} ", f"@{bob.localpart}:local"):
        assert search(alice, term).ok().json == {"results": [entry], "limited": False}, term


def test_without_a_name(alice, bob):
    meet(alice, bob)
    assert search(alice, bob.localpart).ok()["results"] == [{"user_id": bob.user_id}]


@pytest.mark.parametrize("name,term", [
    ("José {}", "jose {}"), ("Jose {}", "JOSÉ {}"), ("Ångström {}", "angstr {}"), ("STRASSE {}", "straße {}"),
    ("Вася {}", "ВАСЯ {}"), ("Ｗｉｄｅ {}", "wide {}"), ("日本太郎 {}", "太郎 {}"), ("日本太郎 {}", "日本 {}"),
    ("O'Neil-{}", "neil {}"), ("a.b_{}", "b {}"), ("e\u0301te {}", "ét {}")])
def test_folding(alice, bob, word, name, term):
    named(bob, name.format(word))
    meet(alice, bob)
    assert found(alice, term.format(word)) == [bob.user_id]


@pytest.mark.parametrize("term", ["{}z", "z{}", "smith {} other", "@{}", "{}:elsewhere", "{}%", "{}_", "%", "_", "*",
                                  "' OR 1=1 --", "\\", "\U0010ffff"])
def test_who_does_not_fit(alice, bob, word, term):
    """Each word must begin one of theirs; nothing is a wildcard."""
    named(bob, f"Smith {word}")
    meet(alice, bob)
    term = term.format(word)
    expected = [bob.user_id] if term in (f"@{word}", f"{word}%", f"{word}_") else []
    assert found(alice, term) == expected


def test_strangers_are_not_shown(alice, bob, word):
    named(bob, word)
    assert found(alice, word) == [] == found(alice, bob.user_id)
    meet(alice, bob)
    assert found(alice, word) == [bob.user_id] == found(alice, bob.user_id)
    assert found(bob, word) == [], "nobody finds themselves"


def test_memberships_that_show_nobody(alice, bob, room, word):
    named(bob, word)
    alice.invite(room, bob.user_id).ok()
    assert found(alice, word) == [], "an invite is no acquaintance"
    bob.join(room).ok()
    assert found(alice, word) == [bob.user_id]
    bob.leave(room).ok()
    assert found(alice, word) == []


@pytest.mark.parametrize("kind,content,opposite", [
    ("m.room.join_rules", {"join_rule": "public"}, {"join_rule": "invite"}),
    ("m.room.history_visibility", {"history_visibility": "world_readable"}, {"history_visibility": "shared"})])
def test_open_rooms_show_their_members(alice, bob, person, word, kind, content, opposite):
    """Users in a room that all may join, or whose history all may read."""
    named(bob, word)
    room = bob.create_room()
    assert found(alice, word) == []
    bob.set_state(room, kind, content).ok()
    assert found(alice, word) == [bob.user_id]
    bob.set_state(room, kind, opposite).ok()
    assert found(alice, word) == []
    bob.set_state(room, kind, content).ok()
    carol = person("carol")
    assert found(carol, word) == [bob.user_id]
    bob.leave(room).ok()
    assert found(carol, word) == []


@pytest.mark.parametrize("body,is_shown", [
    ({"preset": "public_chat"}, True), ({"visibility": "public"}, True), ({"preset": "private_chat"}, False),
    ({"visibility": "public", "preset": "private_chat"}, False),
    ({"initial_state": [{"type": "m.room.history_visibility", "state_key": "",
                         "content": {"history_visibility": "world_readable"}}]}, True),
    ({"initial_state": [{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}]}, False)],
    ids=str)
@pytest.mark.parametrize("version", ["10", "12"])
def test_new_rooms(alice, bob, word, version, body, is_shown):
    named(bob, word)
    bob.create_room(room_version=version, **body)
    assert found(alice, word) == ([bob.user_id] if is_shown else [])


def test_a_changed_name(alice, bob, word):
    meet(alice, bob)
    named(bob, f"{word} first")
    assert found(alice, word) == [bob.user_id]
    named(bob, "other")
    assert found(alice, word) == []
    assert found(alice, f"other {bob.localpart}") == [bob.user_id]
    bob.delete(f"profile/{quote(bob.user_id)}/displayname").ok()
    assert found(alice, f"other {bob.localpart}") == []


def test_names_in_rooms_are_not_shown(alice, bob, word):
    """What somebody calls themselves in one room is not for those of another."""
    room = meet(alice, bob)
    bob.set_state(room, "m.room.member", {"membership": "join", "displayname": word}, bob.user_id).ok()
    assert found(alice, word) == []


def test_order_and_limit(alice, person, word):
    """The best first: the whole ID or name, how it begins, and any word of it; then those with a name."""
    room = alice.create_room(preset="public_chat")
    others = [named(person("zz"), f"Other {word}"), named(person("zz"), f"{word} Begins"), named(person("zz"), word),
              Client(alice.server).register(f"{word}2"), Client(alice.server).register(word)]
    for other in others:
        other.join(room).ok()
    best = [other.user_id for other in (others[4], others[2], others[3], others[1], others[0])]
    assert found(alice, word) == best
    for limit in range(6):
        answer = search(alice, word, limit=limit).ok()
        assert [r["user_id"] for r in answer["results"]] == best[:limit]
        assert answer["limited"] == (limit < 5)
    assert found(alice, word, limit=10_000) == best
    named(others[3], "Named")
    assert found(alice, word, limit=None) == best


def test_default_limit(alice, person, word):
    room = alice.create_room(preset="public_chat")
    for _ in range(11):
        named(person("zz"), word).join(room).ok()
    answer = search(alice, word).ok()
    assert len(answer["results"]) == 10 and answer["limited"]
    assert len(found(alice, word, limit=11)) == 11


BAD = [({}, 400, "M_MISSING_PARAM"), ({"search_term": None}, 400, "M_BAD_JSON"), ({"search_term": 5}, 400, "M_BAD_JSON"),
       ({"search_term": []}, 400, "M_BAD_JSON"), ({"search_term": "x" * 513}, 400, "M_INVALID_PARAM"),
       ({"search_term": "x", "limit": "10"}, 400, "M_BAD_JSON"), ({"search_term": "x", "limit": 1.5}, 400, "M_BAD_JSON"),
       ({"search_term": "x", "limit": -1}, 400, "M_INVALID_PARAM"), ({"search_term": "x", "limit": {}}, 400, "M_BAD_JSON")]


@pytest.mark.parametrize("body,status,errcode", BAD, ids=lambda value: str(value)[:40])
def test_bad_input(alice, body, status, errcode):
    alice.post("user_directory/search", body).expect(status, errcode)


@pytest.mark.parametrize("term", ["", " ", ".", "@", "@:", ":localhost", "\t\n", "\u200b", "\u0301"])
def test_terms_without_words(alice, bob, term):
    meet(alice, bob)
    assert search(alice, term).ok().json == {"results": [], "limited": False}


def test_needs_a_token(anonymous):
    search(anonymous, "x").expect(401, "M_MISSING_TOKEN")


def test_long_names(alice, bob, word):
    """Words are compared up to a length, and so many of a name."""
    named(bob, f"{word}{'y' * 900}")
    meet(alice, bob)
    assert found(alice, word + "y" * 100) == [bob.user_id]
    named(bob, " ".join(f"{word}{number}" for number in range(40)))
    assert found(alice, f"{word}0") == [bob.user_id]
    assert found(alice, f"{word}39") == []


@pytest.mark.parametrize("erase", [False, True])
def test_ended_accounts_vanish_at_once(alice, bob, word, erase):
    named(bob, word)
    bob.create_room(preset="public_chat")
    meet(alice, bob)
    assert found(alice, word) == [bob.user_id]
    deactivate(bob, erase=erase).ok()
    assert found(alice, word) == [] == found(alice, bob.user_id)


def test_everybody(make_server):
    """With the setting: every account of the server, but for those that ended."""
    server = make_server({"user_directory.search_all_users": "true"})
    alice, bob, carol = (Client(server).register(f"quux{number}") for number in range(3))
    assert found(alice, "quux") == [bob.user_id, carol.user_id]
    deactivate(carol).ok()
    assert found(alice, "quux") == [bob.user_id]


def test_kept_over_a_restart(make_server):
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    named(bob, "Quux").create_room(preset="public_chat")
    server.restart(clean=False)
    assert found(alice, "quux") == [bob.user_id]
    deactivate(bob).ok()
    assert server.database.sql("SELECT count(*) FROM directory_words WHERE word='quux'") == [["0"]]
