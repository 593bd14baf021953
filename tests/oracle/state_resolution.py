"""State resolution as the specification writes it, slowly: the tie-breaker of the differential tests.

A transcription of Room Versions, "State resolution" of v1 (v1), v2 (v2 to v11) and v12 (v2.1): plain sets, whole auth
chains, nothing remembered, no index. It knows no auth rule: `allowed(event, state)` is the caller's, where `state` maps
(type, state_key) to events. Where the text leaves something open, the docstring says what is done.

    resolve("2", states, events, allowed)

`states` are dicts of (type, state_key) to event id; `events` a dict of event id to Event.
"""

import dataclasses
import hashlib
import math

CREATE = ("m.room.create", "")
POWER_LEVELS = ("m.room.power_levels", "")


@dataclasses.dataclass(frozen=True)
class Event:
    """A state event. `auth` are the ids of its auth events."""

    event_id: str
    room_id: str
    type: str
    state_key: str
    sender: str
    content: dict = dataclasses.field(hash=False, compare=False)
    origin_server_ts: int = 0
    depth: int = 0
    auth: tuple = ()
    rejected: bool = False

    @property
    def key(self):
        return (self.type, self.state_key)


def event_of(event_id, pdu, rejected=False):
    """An Event from a PDU; in v1 and v2 auth events stand there with their hashes."""
    auth = tuple(entry if isinstance(entry, str) else entry[0] for entry in pdu.get("auth_events", ()))
    room_id = pdu.get("room_id", "!" + event_id[1:])  # v12's create event has none
    return Event(event_id, room_id, pdu["type"], pdu["state_key"], pdu["sender"], pdu["content"],
                 pdu["origin_server_ts"], pdu["depth"], auth, rejected)


def level_of(value):
    """m.room.power_levels: a level, or None where it cannot be read. Texts and floats are those of v1 to v9."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def sender_power(event, create, levels, privileged_creators):
    """The level of `event`'s sender by the given events; either may be None."""
    creators = []
    if create is not None:
        creators = [create.sender, *create.content.get("additional_creators", ())] if privileged_creators else [
            create.content.get("creator", create.sender)]
    if privileged_creators and event.sender in creators:
        return math.inf
    if levels is None:
        return 100 if event.sender in creators else 0
    users = levels.content.get("users")
    own = level_of(users.get(event.sender)) if isinstance(users, dict) else None
    default = level_of(levels.content.get("users_default"))
    return own if own is not None else default if default is not None else 0


class Resolution:
    """One resolution; every method is a definition or a step of the text."""

    def __init__(self, algorithm, states, events, allowed, power=sender_power):
        self.algorithm = algorithm
        self.states = states
        self.events = events
        self.allowed = allowed
        self.power = power
        self.is_v2_1 = algorithm == "2.1"

    # ---- what both share ----

    def keys(self):
        return {key for state in self.states for key in state}

    def known(self, ids):
        """Events that nobody has cannot be looked at: they are left out."""
        return {event_id for event_id in ids if event_id in self.events}

    # ---- v1 ----

    def resolve_v1(self):
        """v1, "State resolution": a conflict is between states that have different events for a key.

        A pass looks at what the passes before it added, not at what itself adds: else the outcome would follow from the
        order of the keys, which the text does not give. Where no event of a key passes, the text is silent; the
        least of the order is taken, as in the servers that are in use.
        """
        result, conflicts = {}, {}
        for key in self.keys():
            ids = {state[key] for state in self.states if key in state}
            known = self.known(ids)
            if len(ids) == 1:
                result[key] = next(iter(ids))
            elif len(known) == 1:
                result[key] = next(iter(known))
            elif known:
                conflicts[key] = sorted((self.events[event_id] for event_id in known), key=self.v1_order)
        for of_type in ("m.room.power_levels", "m.room.join_rules", "m.room.member"):
            chosen = {key: self.v1_list(result, conflicts[key]) for key in conflicts if key[0] == of_type}
            result.update(chosen)
            conflicts = {key: value for key, value in conflicts.items() if key not in chosen}
        chosen = {key: self.v1_pick(result, conflicts[key]) for key in conflicts}
        return {**result, **chosen}

    @staticmethod
    def v1_order(event):
        """Ascending depth, then descending sha1(event_id)."""
        return event.depth, [-byte for byte in hashlib.sha1(event.event_id.encode()).digest()]

    def v1_state(self, result):
        return {key: self.events[event_id] for key, event_id in result.items() if event_id in self.events}

    def v1_list(self, result, events):
        """Add the first; each next one that is allowed replaces it; stop at the first that is not."""
        state = self.v1_state(result)
        chosen = events[0]
        for event in events[1:]:
            if not self.allowed(event, {**state, chosen.key: chosen}):
                break
            chosen = event
        return chosen.event_id

    def v1_pick(self, result, events):
        """The highest depth and lowest sha1 that passes."""
        state = self.v1_state(result)
        for event in reversed(events):
            if self.allowed(event, state):
                return event.event_id
        return events[0].event_id

    # ---- v2 and v2.1, "Definitions" ----

    def is_power_event(self, event):
        """Power events."""
        if event.type in ("m.room.power_levels", "m.room.join_rules"):
            return True
        return (event.type == "m.room.member" and event.content.get("membership") in ("leave", "ban")
                and event.sender != event.state_key)

    def unconflicted(self):
        """Unconflicted state map: present in every state with the same value."""
        return {key: self.states[0][key] for key in self.keys()
                if all(key in state and state[key] == self.states[0].get(key) for state in self.states)}

    def conflicted(self):
        """Conflicted state set."""
        agreed = self.unconflicted()
        return self.known({state[key] for state in self.states for key in state if key not in agreed})

    def auth_chain(self, event_id):
        """Auth chain: all auth events, theirs, and so on."""
        chain, open_ids = set(), self.known(self.events[event_id].auth)
        while open_ids:
            one = open_ids.pop()
            if one not in chain:
                chain.add(one)
                open_ids |= self.known(self.events[one].auth)
        return chain

    def auth_difference(self):
        """Auth difference, where a state's own events count as in its chain.

        The text unites only the chains of the events. Then an event on which all states agree would be in the difference
        as soon as not all chains hold it, and be judged again without need; no server in use does that.
        """
        chains = []
        for state in self.states:
            chain = self.known(state.values())
            for event_id in self.known(state.values()):
                chain |= self.auth_chain(event_id)
            chains.append(chain)
        return set.union(*chains) - set.intersection(*chains)

    def conflicted_subgraph(self):
        """v12: all paths between two events of the conflicted state set, ends included."""
        conflicted = self.conflicted()
        below = {event_id for one in conflicted for event_id in self.auth_chain(one)}
        between = {event_id for event_id in below if self.auth_chain(event_id) & conflicted}
        ends = {one for one in conflicted if one in below or self.auth_chain(one) & conflicted}
        return between | ends

    def full_conflicted_set(self):
        """Full conflicted set."""
        full = self.conflicted() | self.auth_difference()
        return full | self.conflicted_subgraph() if self.is_v2_1 else full

    def auth_event(self, event, key):
        """The event at `key` that `event` cites, of its room; of several (refused on receipt) the smallest id."""
        cited = sorted(one for one in self.known(event.auth)
                       if self.events[one].key == key and self.events[one].room_id == event.room_id)
        return self.events[cited[0]] if cited else None

    def create_by_room(self, event):
        """v12: the room's id is the create event's, which no event cites; it counts unless it was rejected."""
        create = self.events.get("$" + event.room_id[1:])
        return create if create is not None and not create.rejected else None

    def power_order(self, event_id):
        """The comparison of the reverse topological power ordering."""
        event = self.events[event_id]
        create = self.create_by_room(event) if self.is_v2_1 else self.auth_event(event, CREATE)
        power = self.power(event, create, self.auth_event(event, POWER_LEVELS), self.is_v2_1)
        return -power, event.origin_server_ts, event_id.encode()

    def reverse_topological_power_order(self, ids):
        """Kahn's algorithm: of those whose auth chain in the set is out, the smallest. On a cycle that is never so."""
        left, result = set(ids), []
        while True:
            ready = [one for one in left if not self.auth_chain(one) & left]
            if not ready:
                return result
            result.append(min(ready, key=self.power_order))
            left.remove(result[-1])

    def mainline(self, levels):
        """Mainline of P; a cycle ends where it meets itself."""
        result = []
        while levels is not None and levels.event_id not in result:
            result.append(levels.event_id)
            levels = self.auth_event(levels, POWER_LEVELS)
        return result

    def mainline_order(self, ids, levels):
        """Mainline ordering based on P, which may be None."""
        mainline = self.mainline(levels)

        def order(event_id):
            event = self.events[event_id]
            chain = self.mainline(self.auth_event(event, POWER_LEVELS))
            position = next((mainline.index(one) for one in chain if one in mainline), math.inf)
            return -position, event.origin_server_ts, event_id.encode()

        return sorted(ids, key=order)

    def iterative_auth_checks(self, state, ordered):
        """Iterative auth checks: for what the state lacks, the event's own auth events unless rejected."""
        state = dict(state)
        for event_id in ordered:
            event = self.events[event_id]
            seen = {}
            for cited in self.known(event.auth):
                own = self.auth_event(event, self.events[cited].key)
                if own is not None and not own.rejected:
                    seen[own.key] = own
            seen.update(self.v1_state(state))
            if self.is_v2_1:
                seen.pop(CREATE, None)
                create = self.create_by_room(event)
                if create is not None:
                    seen[CREATE] = create
            if self.allowed(event, seen):
                state[event.key] = event_id
        return state

    # ---- v2 and v2.1, "Algorithm" ----

    def resolve_v2(self):
        """Steps 1 to 5. v12 begins step 2 with an empty state."""
        full = self.full_conflicted_set()
        agreed = self.unconflicted()
        chosen = {one for one in full if self.is_power_event(self.events[one])}
        for one in set(chosen):
            chosen |= self.auth_chain(one) & full
        first = self.reverse_topological_power_order(chosen)
        partial = self.iterative_auth_checks({} if self.is_v2_1 else agreed, first)
        levels = self.events.get(partial.get(POWER_LEVELS))
        second = self.mainline_order(full - chosen, levels)
        return {**self.iterative_auth_checks(partial, second), **agreed}


def resolve(algorithm, states, events, allowed, power=sender_power):
    """`algorithm`: "1", "2" or "2.1". The resolved state, (type, state_key) to event id."""
    resolution = Resolution(algorithm, states, events, allowed, power)
    return resolution.resolve_v1() if algorithm == "1" else resolution.resolve_v2()
