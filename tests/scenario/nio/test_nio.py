"""matrix-nio as the client: its schemas must take every answer, its objects must be right."""

import asyncio

import nio
import pytest

from harness import uia
from harness.client import PASSWORD, Client, unique
from harness.nio_people import TEXT, good, people, scenario, sync
from harness.rooms import MARKED


@scenario
async def test_accounts(server):
    async with people(server, "alice") as [alice]:
        other = nio.AsyncClient(server.url, alice.user)
        try:
            good(await other.login_info(), nio.LoginInfoResponse)
            good(await other.login("wrong"), nio.LoginError)
            good(await other.login(PASSWORD, "second"), nio.LoginResponse)
            assert other.user_id == alice.user_id and other.device_id != alice.device_id
            assert good(await other.whoami(), nio.WhoamiResponse).user_id == alice.user_id
            good(await other.discovery_info(), nio.DiscoveryInfoResponse)
            good(await other.logout(), nio.LogoutResponse)
        finally:
            await other.close()
        good(await alice.whoami(), nio.WhoamiResponse)


@scenario
async def test_profile(server):
    async with people(server, "alice", "bob") as [alice, bob]:
        good(await alice.set_displayname("Alice"), nio.ProfileSetDisplayNameResponse)
        good(await alice.set_avatar("mxc://localhost/a"), nio.ProfileSetAvatarResponse)
        profile = good(await bob.get_profile(alice.user_id), nio.ProfileGetResponse)
        assert (profile.displayname, profile.avatar_url) == ("Alice", "mxc://localhost/a")
        good(await bob.get_displayname(alice.user_id), nio.ProfileGetDisplayNameResponse)
        good(await bob.get_avatar(alice.user_id), nio.ProfileGetAvatarResponse)


@scenario
async def test_talk(server):
    """Create, invite, join, send, receive; nio's own picture of the room is right."""
    async with people(server, "alice", "bob") as [alice, bob]:
        made = good(await alice.room_create(name="Room", topic="Talk", invite=[bob.user_id]),
                    nio.RoomCreateResponse)
        await sync(bob)
        assert bob.invited_rooms[made.room_id].name == "Room"
        good(await bob.join(made.room_id), nio.JoinResponse)
        for client in (alice, bob):
            await sync(client)
        sent = good(await alice.room_send(made.room_id, "m.room.message", TEXT),
                    nio.RoomSendResponse)
        seen = []
        bob.add_event_callback(lambda room, event: seen.append(event), nio.RoomMessageText)
        await sync(bob, timeout=10000)
        assert [(e.event_id, e.body, e.sender) for e in seen] == [
            (sent.event_id, "hello", alice.user_id)]
        room = bob.rooms[made.room_id]
        assert room.name == "Room" and room.topic == "Talk" and not room.encrypted
        assert set(room.users) == {alice.user_id, bob.user_id}
        assert room.member_count == 2 and room.power_levels.can_user_ban(alice.user_id) in (
            True, False)


@scenario
async def test_room_verbs(server):
    async with people(server, "alice", "bob") as [alice, bob]:
        room = good(await alice.room_create(preset=nio.RoomPreset.public_chat),
                    nio.RoomCreateResponse).room_id
        alias = f"#{unique('nio')}:localhost"
        good(await alice.room_put_alias(alias, room), nio.RoomPutAliasResponse)
        assert good(await bob.room_resolve_alias(alias),
                    nio.RoomResolveAliasResponse).room_id == room
        good(await bob.join(alias), nio.JoinResponse)
        good(await alice.room_delete_alias(alias), nio.RoomDeleteAliasResponse)
        good(await alice.room_put_state(room, "m.room.topic", {"topic": "x"}),
             nio.RoomPutStateResponse)
        state = good(await bob.room_get_state(room), nio.RoomGetStateResponse)
        assert "m.room.topic" in [e["type"] for e in state.events]
        one = good(await bob.room_get_state_event(room, "m.room.topic"),
                   nio.RoomGetStateEventResponse)
        assert one.content == {"topic": "x"}
        members = good(await alice.joined_members(room), nio.JoinedMembersResponse)
        assert {m.user_id for m in members.members} == {alice.user_id, bob.user_id}
        assert good(await bob.joined_rooms(), nio.JoinedRoomsResponse).rooms == [room]
        good(await alice.room_kick(room, bob.user_id, "out"), nio.RoomKickResponse)
        good(await alice.room_ban(room, bob.user_id), nio.RoomBanResponse)
        good(await alice.room_unban(room, bob.user_id), nio.RoomUnbanResponse)
        good(await bob.join(room), nio.JoinResponse)
        good(await bob.room_leave(room), nio.RoomLeaveResponse)
        good(await bob.room_forget(room), nio.RoomForgetResponse)


@scenario
async def test_history(server):
    async with people(server, "alice") as [alice]:
        room = good(await alice.room_create(), nio.RoomCreateResponse).room_id
        sent = [good(await alice.room_send(room, "m.room.message", TEXT),
                     nio.RoomSendResponse).event_id for _ in range(7)]
        good(await alice.room_redact(room, sent[0], "gone"), nio.RoomRedactResponse)
        found, token = [], ""
        while token is not None:
            page = good(await alice.room_messages(room, token, limit=3), nio.RoomMessagesResponse)
            found += page.chunk
            token = page.end
        texts = [e.event_id for e in found if isinstance(e, nio.RoomMessageText)]
        assert texts == sent[:0:-1]
        assert [e.event_id for e in found if isinstance(e, nio.RedactedEvent)] == [sent[0]]
        assert isinstance(found[-1], nio.RoomCreateEvent)
        event = good(await alice.room_get_event(room, sent[3]), nio.RoomGetEventResponse)
        assert event.event.event_id == sent[3]


@scenario
async def test_ephemeral(server):
    async with people(server, "alice", "bob") as [alice, bob]:
        room = good(await alice.room_create(preset=nio.RoomPreset.public_chat),
                    nio.RoomCreateResponse).room_id
        good(await bob.join(room), nio.JoinResponse)
        event_id = good(await alice.room_send(room, "m.room.message", TEXT),
                        nio.RoomSendResponse).event_id
        await sync(alice)
        good(await bob.room_typing(room, True), nio.RoomTypingResponse)
        await sync(alice)
        assert alice.rooms[room].typing_users == [bob.user_id]
        good(await bob.update_receipt_marker(room, event_id), nio.UpdateReceiptMarkerResponse)
        await sync(alice)
        receipts = alice.rooms[room].threaded_read_receipts[bob.user_id]
        assert receipts["main"].event_id == event_id    # this client names the main thread


@scenario
async def test_filter(server):
    async with people(server, "alice") as [alice]:
        made = good(await alice.upload_filter(room={"timeline": {"limit": 1}}),
                    nio.UploadFilterResponse)
        room = good(await alice.room_create(name="x"), nio.RoomCreateResponse).room_id
        answer = await sync(alice, sync_filter=made.filter_id)
        assert len(answer.rooms.join[room].timeline.events) == 1
        assert answer.rooms.join[room].timeline.limited is True


@scenario
async def test_end_of_an_account(server):
    async with people(server, "alice", "bob") as [alice, bob]:
        room = good(await bob.room_create(preset=nio.RoomPreset.public_chat),
                    nio.RoomCreateResponse).room_id
        good(await alice.join(room), nio.JoinResponse)
        await sync(bob)
        ended = Client(server, alice.user_id, alice.access_token)
        await asyncio.to_thread(lambda: uia.deactivate(ended).ok())
        leaves = []
        while not leaves:
            answer = await sync(bob, timeout=10000)
            leaves = [e for e in answer.rooms.join[room].timeline.events
                      if isinstance(e, nio.RoomMemberEvent) and e.membership == "leave"]
        assert [e.source["content"] for e in leaves] == [MARKED]
        assert leaves[0].sender == leaves[0].state_key == alice.user_id
        assert alice.user_id not in bob.rooms[room].users
        assert good(await alice.whoami(), nio.WhoamiError).status_code == "M_UNKNOWN_TOKEN"
        good(await alice.login(PASSWORD), nio.LoginError)


def test_nio_says_when_a_schema_refuses():
    """The premise of this file."""
    assert isinstance(nio.SyncResponse.from_dict({"next_batch": 5}), nio.ErrorResponse)
    with pytest.raises(AssertionError):
        good(nio.SyncError("x"), nio.SyncResponse)
