"""Unread counts in /sync: what counts, what reads, and that every device is told."""

import pytest

from harness.client import Client, quote, unique
from harness.rooms import path
from harness.sync import Syncer

THREADS = {"room": {"timeline": {"unread_thread_notifications": True}}}
NOTHING = {"room": {"timeline": {"types": []}, "state": {"types": []}, "ephemeral": {"types": []},
                    "account_data": {"types": []}}}


class Counter(Syncer):
    """Knows the counts of each room as the syncs tell them."""

    def __init__(self, client, filter=None):
        super().__init__(client, filter)
        self.counts = {}
        self.threads = {}

    def _take(self, room, part):
        super()._take(room, part)
        if "unread_notifications" in part:
            counts = part["unread_notifications"]
            assert set(counts) == {"notification_count", "highlight_count"}
            self.counts[room] = (counts["notification_count"], counts["highlight_count"])
            self.threads[room] = {root: (c["notification_count"], c["highlight_count"])
                                  for root, c in part.get("unread_thread_notifications", {}).items()}


def counts(client, room, filter=None):
    """(notifications, highlights) in an initial sync."""
    counter = Counter(client, filter)
    counter.step()
    return counter.counts[room]


def thread_counts(client, room):
    counter = Counter(client, THREADS)
    counter.step()
    return counter.counts[room], counter.threads[room]


def mention(*users, room=None):
    return {"m.mentions": {"user_ids": [u.user_id for u in users]} | ({"room": True} if room else {})}


def put_rule(client, kind, rule_id, **body):
    client.put(f"pushrules/global/{kind}/{quote(rule_id)}", body).ok()


# What counts.

def test_messages_of_others(alice, bob, room, say):
    assert counts(alice, room) == (0, 0)
    for _ in range(3):
        say(bob, room)
    say(alice, room)
    assert counts(alice, room) == (3, 0)
    assert counts(bob, room) == (1, 0)


def test_mentions(alice, bob, room, say):
    say(bob, room, **mention(alice))
    say(bob, room, **mention(bob))
    assert counts(alice, room) == (2, 1)


@pytest.mark.parametrize("who,highlights", [("alice", 1), ("bob", 0)])
def test_room_mentions_need_power(alice, bob, person, room, say, who, highlights):
    carol = person("carol")
    carol.join(room).ok()
    say({"alice": alice, "bob": bob}[who], room, **mention(room=True))
    assert counts(carol, room) == (1, highlights)


def test_room_mentions_by_the_levels_at_the_event(alice, bob, room, say):
    levels = alice.state(room, "m.room.power_levels").ok().json
    alice.set_state(room, "m.room.power_levels", levels | {"notifications": {"room": 0}}).ok()
    say(bob, room, **mention(room=True))
    alice.set_state(room, "m.room.power_levels", levels | {"notifications": {"room": 50}}).ok()
    say(bob, room, **mention(room=True))
    assert counts(alice, room) == (2, 1)


QUIET = [
    ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$x", "key": "x"}}),
    ("m.room.message", {"msgtype": "m.notice", "body": "x"}),
    ("m.room.message", {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}),
    ("org.example", {"body": "x"}),
]
LOUD = [
    ("m.room.message", {}), ("m.room.encrypted", {"ciphertext": "x"}), ("m.call.invite", {}),
]


@pytest.mark.parametrize("kind,content,expected", [(k, c, 0) for k, c in QUIET] + [(k, c, 1) for k, c in LOUD])
def test_kinds_of_events(alice, bob, room, kind, content, expected):
    bob.send_call(room, content, kind=kind).ok()
    assert counts(alice, room) == (expected, 0)


def test_state_and_members_do_not_count(alice, bob, person, room):
    alice.set_state(room, "m.room.topic", {"topic": "x"}).ok()
    person().join(room).ok()
    assert counts(bob, room) == (0, 0)


def test_a_tombstone_is_a_highlight(alice, bob, room):
    alice.set_state(room, "m.room.tombstone", {"body": "x", "replacement_room": "!x:localhost"}).ok()
    assert counts(bob, room) == (1, 1)


def test_redacted_events_do_not_count(alice, bob, room, say):
    counter = Counter(alice)
    first, second = say(bob, room, **mention(alice)), say(bob, room)
    counter.step()
    assert counter.counts[room] == (2, 1)
    bob.put(path(room, "redact", first, unique()), {}).ok()
    counter.step()
    assert counter.counts[room] == (1, 0) == counts(alice, room)
    say(bob, room)
    bob.put(path(room, "redact", second, unique()), {}).ok()
    counter.step()
    assert counter.counts[room] == (1, 0)


def test_what_was_before_the_join_does_not_count(alice, bob, person, room, say):
    for _ in range(3):
        say(bob, room)
    carol = person("carol")
    carol.join(room).ok()
    assert counts(carol, room) == (0, 0)
    say(bob, room)
    carol.put(f"profile/{quote(carol.user_id)}/displayname", {"displayname": "Carol"}).ok()
    Syncer(carol).until(lambda s: s.state[room]["m.room.member", carol.user_id]["content"].get("displayname"))
    assert counts(carol, room) == (1, 0), "a change of name is no join"
    carol.leave(room).ok()
    say(bob, room)
    carol.join(room).ok()
    assert counts(carol, room) == (0, 0)
    say(bob, room)
    assert counts(carol, room) == (1, 0)


def test_ignored_users_do_not_count(alice, bob, person, room, say):
    counter = Counter(alice)
    say(bob, room)
    counter.step()
    assert counter.counts[room] == (1, 0)
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {bob.user_id: {}}}).ok()
    counter.step()
    assert counter.counts[room] == (0, 0)
    say(bob, room)
    carol = person("carol")
    carol.join(room).ok()
    say(carol, room)
    counter.step()
    assert counter.counts[room] == (1, 0)
    alice.set_account_data("m.ignored_user_list", {"ignored_users": {}}).ok()
    counter.step()
    assert counter.counts[room] == (3, 0)


# Rules.

def test_rules_decide(alice, bob, room, other_room, say):
    counter = Counter(alice)
    say(bob, room, "a cake"), say(bob, other_room, "a cake")
    counter.step()
    assert counter.counts == {room: (1, 0), other_room: (1, 0)}
    put_rule(alice, "room", room, actions=[])
    counter.step()
    assert counter.counts == {room: (0, 0), other_room: (1, 0)}
    put_rule(alice, "content", "cake", pattern="CAKE", actions=["notify", {"set_tweak": "highlight"}])
    counter.step()
    assert counter.counts == {room: (1, 1), other_room: (1, 1)}
    alice.put("pushrules/global/override/.m.rule.master/enabled", {"enabled": True}).ok()
    counter.step()
    assert counter.counts == {room: (0, 0), other_room: (0, 0)}
    alice.put("pushrules/global/override/.m.rule.master/enabled", {"enabled": False}).ok()
    alice.delete("pushrules/global/content/cake").ok()
    counter.step()
    assert counter.counts == {room: (0, 0), other_room: (1, 0)}


def test_only_rooms_whose_counts_changed_are_told(alice, bob, room, other_room, say):
    counter = Counter(alice)
    say(bob, room), say(bob, other_room)
    counter.step()
    put_rule(alice, "room", room, actions=[])
    assert set(counter.step()["rooms"]["join"]) == {room}
    assert not counter.step().get("rooms", {}).get("join")


def test_member_counts_and_names(alice, bob, person, room, say):
    put_rule(alice, "override", "two", actions=[{"set_tweak": "highlight"}],
             conditions=[{"kind": "room_member_count", "is": "2"}])
    put_rule(alice, "override", "name", actions=["notify", {"set_tweak": "highlight"}],
             conditions=[{"kind": "contains_display_name"}])
    alice.put(f"profile/{quote(alice.user_id)}/displayname", {"displayname": "Al Ice"}).ok()
    Syncer(alice).until(lambda s: s.state[room]["m.room.member", alice.user_id]["content"].get("displayname"))
    say(bob, room)
    assert counts(alice, room) == (0, 0), "no notify"
    say(bob, room, "hello AL ICE!")
    assert counts(alice, room) == (1, 1)
    person().join(room).ok()
    say(bob, room)
    assert counts(alice, room) == (2, 1)


# Reading.

@pytest.mark.parametrize("kind", ["m.read", "m.read.private"])
def test_receipts_read(alice, bob, room, say, read, kind):
    counter = Counter(alice)
    sent = [say(bob, room, **mention(alice)) for _ in range(4)]
    counter.step()
    assert counter.counts[room] == (4, 4)
    for n, event_id in enumerate(sent):
        read(alice, room, event_id, kind=kind).ok()
        counter.step()
        assert counter.counts[room] == (3 - n, 3 - n) == counts(alice, room)


def test_the_receipt_that_is_further_ahead_counts(alice, bob, room, say, read):
    """The specification's example: A, B, C and D."""
    a, b, c, d = (say(bob, room) for _ in range(4))
    read(alice, room, c).ok()
    read(alice, room, a, kind="m.read.private").ok()
    assert counts(alice, room) == (1, 0)
    read(alice, room, b, kind="m.read.private").ok()
    assert counts(alice, room) == (1, 0)
    read(alice, room, d, kind="m.read.private").ok()
    assert counts(alice, room) == (0, 0)


def test_the_read_marker_reads_nothing(alice, bob, room, say, read):
    event_id = say(bob, room)
    read(alice, room, event_id, kind="m.fully_read").ok()
    assert counts(alice, room) == (1, 0)
    alice.post(path(room, "read_markers"), {"m.fully_read": event_id, "m.read": event_id}).ok()
    assert counts(alice, room) == (0, 0)


def test_receipts_of_others_read_nothing(alice, bob, person, room, say, read):
    carol = person("carol")
    carol.join(room).ok()
    read(carol, room, say(bob, room)).ok()
    assert counts(alice, room) == (1, 0)


@pytest.mark.parametrize("filter", [None, NOTHING])
@pytest.mark.parametrize("kind", ["m.read", "m.read.private"])
def test_another_device_reads(alice, bob, room, say, read, kind, filter):
    """Whatever its filter leaves out, a device is told of the new counts, in a sync that waits."""
    counter = Counter(alice.login(), filter)
    event_id = say(bob, room)
    counter.step()
    assert counter.counts[room] == (1, 0)
    read(alice, room, event_id, kind=kind).ok()
    counter.step(timeout_ms=20000)
    assert counter.counts[room] == (0, 0)
    assert not counter.step().get("rooms", {}).get("join")


def test_counts_come_with_the_event(alice, bob, room, say):
    counter = Counter(alice)
    counter.step()
    for n in range(1, 6):
        event_id = say(bob, room)
        part = counter.step()["rooms"]["join"][room]
        assert [e["event_id"] for e in part["timeline"]["events"]] == [event_id]
        assert counter.counts[room] == (n, 0)


def test_a_device_that_comes_late(alice, bob, room, say, read):
    """Counts are those of now, however old the token is."""
    late, counter = Counter(alice), Counter(alice)
    late.step()
    sent = [say(bob, room) for _ in range(5)]
    read(alice, room, sent[2]).ok()
    counter.step()
    late.step()
    assert late.counts[room] == counter.counts[room] == (2, 0)


# Threads.

def test_threads_are_counted_apart(alice, bob, room, say, relate, read):
    root, other = say(bob, room), say(bob, room)
    in_thread = [relate(bob, room, "m.thread", root, **mention(alice)) for _ in range(2)]
    relate(bob, room, "m.thread", other)
    on_thread = relate(bob, room, "m.reference", in_thread[0])
    on_root = relate(bob, room, "m.reference", root)
    assert counts(alice, room) == (7, 2), "all of the room, unless the filter asks"
    assert thread_counts(alice, room) == ((3, 0), {root: (3, 2), other: (1, 0)})
    read(alice, room, in_thread[0], root).ok()
    assert thread_counts(alice, room) == ((3, 0), {root: (2, 1), other: (1, 0)})
    read(alice, room, on_root, "main").ok()
    assert thread_counts(alice, room) == ((0, 0), {root: (2, 1), other: (1, 0)})
    assert counts(alice, room) == (3, 1)
    read(alice, room, on_thread, root, kind="m.read.private").ok()
    assert thread_counts(alice, room) == ((0, 0), {other: (1, 0)})
    read(alice, room, on_root).ok()
    assert thread_counts(alice, room) == ((0, 0), {})


def test_an_unthreaded_receipt_reads_all_threads(alice, bob, room, say, relate, read):
    """The specification's example: on D it reads A, B, C and D."""
    a, b = say(bob, room, "A"), say(bob, room, "B")
    relate(bob, room, "m.thread", a, "C")
    d = relate(bob, room, "m.thread", b, "D")
    relate(bob, room, "m.thread", a, "E")
    assert thread_counts(alice, room) == ((2, 0), {a: (2, 0), b: (1, 0)})
    read(alice, room, d).ok()
    assert thread_counts(alice, room) == ((0, 0), {a: (1, 0)})


def test_thread_counts_in_incremental_syncs(alice, bob, room, say, relate, read):
    counter = Counter(alice, THREADS)
    root = say(bob, room)
    counter.step()
    assert (counter.counts[room], counter.threads[room]) == ((1, 0), {})
    answer = relate(bob, room, "m.thread", root)
    counter.step()
    assert (counter.counts[room], counter.threads[room]) == ((1, 0), {root: (1, 0)})
    read(alice, room, answer, root).ok()
    counter.step()
    assert (counter.counts[room], counter.threads[room]) == ((1, 0), {})


# Long histories, restarts.

def test_nothing_is_counted_twice_over_restarts(make_server):
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    counter = Counter(alice)
    for turn in range(4):
        sent = [bob.send(room, "x") for _ in range(3)]
        counter.step()
        assert counter.counts[room] == (3 + 3 * (turn % 2), 0)
        if turn % 2:
            alice.post(path(room, "receipt", "m.read", sent[-1])).ok()
        server.restart(clean=turn % 2 == 0)


def test_a_checkpoint_is_taken_up(make_server):
    """After a long unread history a restart goes on from what is stored."""
    server = make_server()
    alice, bob = (Client(server).register(unique()) for _ in range(2))
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    sent = [bob.send_call(room, {"body": "x"} | (mention(alice) if n % 100 == 0 else {})).ok()["event_id"]
            for n in range(300)]
    assert counts(alice, room) == (300, 3)
    server.restart()
    assert server.database.sql("SELECT count(*) FROM unread") == [["1"]]
    bob.send(room, "x")
    assert counts(alice, room) == (301, 3)
    alice.post(path(room, "receipt", "m.read", sent[150])).ok()
    assert counts(alice, room) == (150, 1)
    server.restart()
    assert counts(alice, room) == (150, 1)
    put_rule(alice, "room", room, actions=[])
    assert counts(alice, room) == (1, 1), "a checkpoint by other rules is of no use; the mention is left"
    server.restart()
    assert counts(alice, room) == (1, 1)
