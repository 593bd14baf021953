"""What Synapse's own functions say of events: ids, hashes, redaction, auth rules, state resolution.

A room is a list of events in which each stands before those that cite it. Nothing here starts a server: the functions
are called as they are, over a store that is a list.
"""

import hashlib
import logging

from canonicaljson import encode_canonical_json
from signedjson.key import generate_signing_key
from synapse import event_auth
from synapse.api.errors import AuthError, SynapseError
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import add_hashes_and_signatures, check_event_content_hash
from synapse.events import make_event_from_dict
from synapse.events.utils import prune_event
from synapse.state import v1, v2
from synapse.storage.databases.main.event_federation import StateDifference

logging.disable(logging.CRITICAL)  # v1 logs the malformed content that it stumbles over
KEYS = {server: generate_signing_key("1") for server in ("a", "b")}


def run(coroutine):
    """The result of a coroutine that never really waits."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


REFUSALS = (AuthError, SynapseError)
# What Synapse raises where malformed content takes it by surprise: it has no verdict then.
SURPRISES = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RuntimeError)


class Clock:
    """Lets v2 believe that it yields."""

    async def sleep(self, _duration):
        """At once."""


class Room:
    """Events by index, and what follows from their auth events."""

    def __init__(self, version):
        self.version = KNOWN_ROOM_VERSIONS[version]
        self.pdus, self.events, self.index = [], [], {}
        self.rejected = set()
        self.chains = []  # bits of the auth chain of each event
        self.room_id = None

    # ---- building ----

    def add(self, pdu):
        """Signs and appends a PDU; its index. Raises SynapseError when Synapse calls it no event."""
        server = pdu["sender"].rpartition(":")[2]
        pdu = dict(pdu, origin_server_ts=pdu.get("origin_server_ts", 0))
        if not self.version.msc4291_room_ids_as_hashes or pdu["type"] != "m.room.create":
            pdu["room_id"] = pdu.get("room_id", self.room_id)
        add_hashes_and_signatures(self.version, pdu, server, KEYS[server if server in KEYS else "a"])
        event = make_event_from_dict(pdu, self.version)
        event_id = event.event_id
        if event_id in self.index:
            return self.index[event_id]
        index = len(self.events)
        self.pdus.append(pdu)
        self.events.append(event)
        self.index[event_id] = index
        bits = 0
        for auth_id in event.auth_event_ids():
            auth = self.index.get(auth_id)
            if auth is not None:
                bits |= self.chains[auth] | 1 << auth
        self.chains.append(bits)
        if self.room_id is None:
            self.room_id = event.room_id
        return index

    def reject(self, index):
        """Marks an event as rejected."""
        self.rejected.add(index)
        self.events[index] = make_event_from_dict(self.pdus[index], self.version, rejected_reason="oracle")

    # ---- what Synapse asks of a store ----

    async def get_events(self, event_ids, allow_rejected=False, redact_behaviour=None):
        """Events by id; rejected ones as state resolution asks for them."""
        del allow_rejected, redact_behaviour
        return {e: self.events[self.index[e]] for e in event_ids if e in self.index}

    async def get_auth_chain_difference(self, room_id, state_sets, conflicted_state, additional):
        """The auth difference, and in v2.1 the conflicted subgraph, by bits."""
        del room_id, additional
        chains = []
        for state in state_sets:
            bits = 0
            for event_id in state:
                index = self.index[event_id]
                bits |= self.chains[index] | 1 << index
            chains.append(bits)
        union, common = 0, -1
        for bits in chains:
            union |= bits
            common &= bits
        difference = self.ids(union & ~common)
        return StateDifference(difference, self.subgraph(conflicted_state) if conflicted_state else None)

    def subgraph(self, conflicted):
        """Events on paths between two conflicted events, these included."""
        wanted = reach = 0
        for event_id in conflicted:
            index = self.index[event_id]
            wanted |= 1 << index
            reach |= self.chains[index] | 1 << index
        return {self.events[i].event_id for i in indices(reach) if (self.chains[i] | 1 << i) & wanted}

    def ids(self, bits):
        """Event ids of bits."""
        return {self.events[i].event_id for i in indices(bits)}

    # ---- what it says ----

    def redacted(self, index):
        """The redacted form, canonical; `unsigned` is Synapse's own."""
        pdu = prune_event(self.events[index]).get_pdu_json()
        pdu.pop("unsigned", None)
        return encode_canonical_json(pdu)

    def hash_matches(self, index):
        """Whether the content hash is right."""
        return check_event_content_hash(self.events[index], hashlib.sha256)

    def keys(self, index):
        """The auth events selection; None where malformed content makes Synapse fail."""
        try:
            keys = set(event_auth.auth_types_for_event(self.version, self.events[index]))
        except SURPRISES:
            return None
        if self.version.msc4291_room_ids_as_hashes:
            keys.discard(("m.room.create", ""))  # implied: Synapse adds it to every event's auth events
        return keys

    def allowed_by_auth_events(self, index):
        """The rules on the choice of auth events; None: no verdict."""
        try:
            run(event_auth.check_state_independent_auth_rules(self, self.events[index]))
        except REFUSALS:
            return False
        except SURPRISES:
            return None
        return True

    def allowed_by_state(self, index, state):
        """The rules against a state (indices of its events); None: no verdict."""
        try:
            event_auth.check_state_dependent_auth_rules(self.events[index], [self.events[i] for i in state])
        except REFUSALS:
            return False
        except SURPRISES:
            return None
        return True

    def state_map(self, state):
        """{(type, state_key): event id} of {(type, state_key): index}."""
        return {key: self.events[i].event_id for key, i in state.items()}

    def resolve(self, states):
        """The resolution of states, as {(type, state_key): index}; None: no answer."""
        sets = [self.state_map(state) for state in states]
        if all(s == sets[0] for s in sets):
            return dict(states[0])
        try:
            resolved = self.resolve_ids(sets)
        except SURPRISES:
            return None
        return {key: self.index[event_id] for key, event_id in resolved.items()}

    def resolve_ids(self, sets):
        """The resolution as Synapse has it."""
        if self.version.identifier != "1":
            return run(v2.resolve_events_with_store(Clock(), self.room_id, self.version, sets, {}, self))

        async def factory(ids):
            return await self.get_events(ids)
        return run(v1.resolve_events_with_store(self.room_id, self.version, sets, {}, factory))


def indices(bits):
    """The set bits of an integer, ascending."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low
