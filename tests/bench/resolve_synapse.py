#!/usr/bin/env python3
"""Times Synapse's state resolution on what resolve_bench or merge_bench wrote.

usage: .venv-oracle/bin/python tests/bench/resolve_synapse.py FILE

FILE has an event a line, then two lines "state" with event ids, and from resolve_bench a line "resolved" that the
outcome is held against. Loading is not timed; the events are served from memory, and the auth difference is ready.
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "differential"))

from oracle import Clock, Room, run  # noqa: E402
from synapse.events import make_event_from_dict  # noqa: E402
from synapse.state import v2  # noqa: E402

VERSION = "11"
RUNS = 5


class ReadyRoom(Room):
    """A room whose auth difference is found once, before the clock runs: a store has an index for it."""

    difference = None

    async def get_auth_chain_difference(self, room_id, state_sets, conflicted_state, additional):
        """As an index would answer."""
        if self.difference is None:
            self.difference = await super().get_auth_chain_difference(room_id, state_sets, conflicted_state, additional)
        return self.difference


def load(path):
    """A room with all events, and the lines after them: lists of event ids by the line's first word."""
    room, lists = ReadyRoom(VERSION), {"state": [], "resolved": []}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        word, _, rest = line.partition(" ")
        if word in lists:
            lists[word].append([json.loads(i) for i in rest.split()])
            continue
        event = make_event_from_dict(json.loads(line), room.version)
        bits = 0
        for auth_id in event.auth_event_ids():
            auth = room.index[auth_id]
            bits |= room.chains[auth] | 1 << auth
        room.index[event.event_id] = len(room.events)
        room.events.append(event)
        room.chains.append(bits)
        room.room_id = event.room_id
    return room, lists


def main():
    """Resolves, prints the least time; 1 when the outcome is another one."""
    room, lists = load(sys.argv[1])
    sets = [{(room.events[room.index[i]].type, room.events[room.index[i]].state_key): i for i in state}
            for state in lists["state"]]
    times, resolved = [], {}
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        resolved = run(v2.resolve_events_with_store(Clock(), room.room_id, room.version, sets, {}, room))
        times.append((time.perf_counter() - began) * 1000)
    print(f"Synapse resolves {len(sets[0])} and {len(sets[1])} entries in {min(times[1:]):.1f} ms")
    if lists["resolved"]:
        same = set(resolved.values()) == set(lists["resolved"][0])
        print("the same outcome" if same else "ANOTHER OUTCOME")
        return int(not same)
    return 0


if __name__ == "__main__":
    sys.exit(main())
