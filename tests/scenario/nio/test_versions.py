"""A room of each version through a real client: made, joined, talked in, moderated, upgraded, and left
by the end of an account."""

import asyncio

import nio
import pytest

from harness import uia
from harness.client import Client
from harness.nio_people import TEXT, good, people, play, sync
from harness.rooms import ALL_VERSIONS, MARKED, path

POLLS_MAX = 20


async def send(client, room, text):
    answer = good(await client.room_send(room, "m.room.message", {**TEXT, "body": text}),
                  nio.RoomSendResponse)
    return answer.event_id


async def seen_by(client, room, wanted):
    """Long-polls until the client has an event that is wanted; returns it."""
    for _ in range(POLLS_MAX):
        answer = await sync(client, timeout=5000)
        events = answer.rooms.join[room].timeline.events if room in answer.rooms.join else []
        for event in events:
            assert not isinstance(event, nio.BadEvent), event
            if wanted(event):
                return event
    raise AssertionError("it was not seen")


async def make_room(version, alice, bob):
    made = good(await alice.room_create(name="Room", topic="Talk", room_version=version,
                                        invite=[bob.user_id]), nio.RoomCreateResponse)
    await sync(bob)
    assert bob.invited_rooms[made.room_id].name == "Room"
    good(await bob.join(made.room_id), nio.JoinResponse)
    for client in (alice, bob):
        await sync(client)
        room = client.rooms[made.room_id]
        assert room.room_version == version
        assert set(room.users) == {alice.user_id, bob.user_id}
    return made.room_id


async def talk(room, alice, bob):
    for speaker, listener in ((alice, bob), (bob, alice)):
        event_id = await send(speaker, room, f"from {speaker.user}")
        event = await seen_by(listener, room, lambda e: e.event_id == event_id)
        assert isinstance(event, nio.RoomMessageText)
        assert (event.body, event.sender) == (f"from {speaker.user}", speaker.user_id)


async def moderate(room, alice, bob):
    """A redaction of somebody else's message, a kick, and the way back by an invite."""
    event_id = await send(bob, room, "oops")
    good(await alice.room_redact(room, event_id, "moderated"), nio.RoomRedactResponse)
    answer = good(await bob.room_get_event(room, event_id), nio.RoomGetEventResponse)
    assert isinstance(answer.event, nio.RedactedEvent)
    assert answer.event.redacter == alice.user_id and answer.event.reason == "moderated"
    good(await alice.room_kick(room, bob.user_id, "out"), nio.RoomKickResponse)
    await sync(bob)
    good(await bob.join(room), nio.JoinError)
    good(await alice.room_invite(room, bob.user_id), nio.RoomInviteResponse)
    good(await bob.join(room), nio.JoinResponse)
    await sync(bob)
    good(await bob.room_put_state(room, "m.room.topic", {"topic": "x"}), nio.RoomPutStateError)


async def upgrade(server, room, version, alice, bob):
    """nio has no call for the endpoint: its own room_upgrade() puts a replacement together itself."""
    caller = Client(server, alice.user_id, alice.access_token)
    answer = await asyncio.to_thread(caller.post, path(room, "upgrade"), {"new_version": version})
    made = answer.ok()["replacement_room"]
    tombstone = await seen_by(bob, room, lambda e: isinstance(e, nio.RoomUpgradeEvent))
    assert tombstone.replacement_room == made and tombstone.sender == alice.user_id
    await sync(alice)
    assert alice.rooms[made].room_version == version and alice.rooms[made].name == "Room"
    assert set(alice.rooms[made].users) == {alice.user_id}
    create = good(await alice.room_get_state_event(made, "m.room.create"),
                  nio.RoomGetStateEventResponse)
    assert create.content["predecessor"]["room_id"] == room
    good(await alice.room_invite(made, bob.user_id), nio.RoomInviteResponse)
    good(await bob.join(made), nio.JoinResponse)
    return made


async def end_account(server, rooms, ended, observer):
    """The account ends: each room gets one marked leave, and the observer's picture is right."""
    client = Client(server, ended.user_id, ended.access_token)
    left = dict.fromkeys(rooms, 0)
    assert await asyncio.to_thread(lambda: uia.deactivate(client).status) == 200
    for _ in range(POLLS_MAX):
        answer = await sync(observer, timeout=5000)
        for room in set(rooms) & set(answer.rooms.join):
            for event in answer.rooms.join[room].timeline.events:
                if isinstance(event, nio.RoomMemberEvent) and event.membership == "leave":
                    assert event.source["content"] == MARKED
                    assert event.sender == event.state_key == ended.user_id
                    left[room] += 1
        if all(left.values()):
            break
    assert set(left.values()) == {1}, left
    for room in rooms:
        assert set(observer.rooms[room].users) == {observer.user_id}
    good(await ended.whoami(), nio.WhoamiError)


async def life(server, version):
    number = int(version)
    target = ALL_VERSIONS[number] if number < len(ALL_VERSIONS) else version
    async with people(server, "alice", "bob") as [alice, bob]:
        room = await make_room(version, alice, bob)
        await talk(room, alice, bob)
        await moderate(room, alice, bob)
        made = await upgrade(server, room, target, alice, bob)
        for client in (alice, bob):
            await sync(client)
        await talk(made, alice, bob)
        await end_account(server, [room, made], bob, alice)


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_life_of_a_room(server, version):
    play(life(server, version))
