#!/usr/bin/env python3
"""Times Synapse's state resolution on what merge_bench wrote.

usage: .venv-oracle/bin/python tests/bench/resolve_synapse.py FILE

FILE has an event a line, then two lines "state" with event ids. Loading is not timed; the events and the auth difference
are served from memory.
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


def load(path):
    """A Room with all events, and the states as sets of event ids."""
    room, states = Room(VERSION), []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("state"):
            states.append(json.loads("[" + ",".join(line.split()[1:]) + "]"))
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
    return room, states


def main():
    """Resolves three times, prints the least."""
    room, states = load(sys.argv[1])
    sets = [{(room.events[room.index[i]].type, room.events[room.index[i]].state_key): i for i in state} for state in states]
    times = []
    for _ in range(3):
        began = time.perf_counter()
        run(v2.resolve_events_with_store(Clock(), room.room_id, room.version, sets, {}, room))
        times.append((time.perf_counter() - began) * 1000)
    print(f"Synapse resolves {len(sets[0])} and {len(sets[1])} entries in {min(times):.1f} ms")


if __name__ == "__main__":
    main()
