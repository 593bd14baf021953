"""A /sync answer taken apart, and memberships written as letters."""

from harness.client import quote

SECTIONS = ("join", "invite", "knock", "leave")


def section(answer, room):
    """Where the room stands ("" nowhere), never in two places; and what stands there."""
    found = [(name, rooms[room]) for name, rooms in answer.get("rooms", {}).items() if room in rooms]
    assert len(found) <= 1, f"{room} stands in {[name for name, _ in found]}"
    assert not found or found[0][0] in SECTIONS
    return found[0] if found else ("", None)


def events(part, *names):
    """The events of some parts of a room: state, state_after, timeline, ephemeral, account_data …"""
    return [e for name in names for e in (part or {}).get(name, {}).get("events", [])]


def places(found):
    return {(e["type"], e["state_key"]) for e in found if "state_key" in e}


def bodies(found):
    return [e["content"]["body"] for e in found if "body" in e.get("content", {})]


def types(found):
    return [e["type"] for e in found]


def is_empty(answer):
    return not any(answer.get("rooms", {}).values()) and not any(
        answer.get(name, {}).get("events") for name in ("account_data", "presence", "to_device"))


def step(letter, host, guest, room):
    """j join, l leave, f forget, i invited, k kicked, b banned, u unbanned, n knocks, p renamed, s host speaks, t topic."""
    guest_id = guest.user_id
    {
        "j": lambda: guest.join(room).ok(),
        "l": lambda: guest.leave(room).ok(),
        "f": lambda: guest.post(f"rooms/{quote(room)}/forget").ok(),
        "i": lambda: host.invite(room, guest_id).ok(),
        "k": lambda: host.kick(room, guest_id).ok(),
        "b": lambda: host.ban(room, guest_id).ok(),
        "u": lambda: host.unban(room, guest_id).ok(),
        "n": lambda: guest.knock(room).ok(),
        "p": lambda: guest.set_state(room, "m.room.member", {
            "membership": "join", "displayname": "Renamed"}, guest_id).ok(),
        "s": lambda: host.send(room, "said"),
        "t": lambda: host.set_state(room, "m.room.topic", {"topic": "set"}).ok(),
    }[letter]()


def steps(letters, host, guest, room):
    for letter in letters:
        step(letter, host, guest, room)
