"""Disagreements that the specification's text settles in our favour; DISAGREEMENTS.md tells why, one by one.

A verdict is explained by what the event is. A resolution is explained only if the specification, transcribed literally
(tests/oracle/state_resolution.py), comes to our answer, and the same with Synapse's known deviations comes to Synapse's.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))

import state_resolution  # noqa: E402
from oracle import REFUSALS, SURPRISES  # noqa: E402
from synapse import event_auth  # noqa: E402
from synapse.events import make_event_from_dict  # noqa: E402

ALGORITHMS = {"1": "1", "12": "2.1"}
FIRST_PASSES = ("m.room.create", "m.room.power_levels", "m.room.join_rules", "m.room.member")
LEVELS = ("ban", "kick", "invite", "redact", "state_default", "events_default", "users_default")


def domain(user_id):
    """The server of a user."""
    return user_id.partition(":")[2]


def is_other_levels(event):
    """m.room.power_levels at another state key than the empty one."""
    return event.type == "m.room.power_levels" and event.is_state() and event.state_key != ""


def is_unfederated_target(create, event):
    """A membership of a user of another server in a room with m.federate false."""
    return (event.type == "m.room.member" and create.content.get("m.federate") is False
            and domain(event.state_key) != domain(create.sender))


def is_level(value):
    """What versions before 10 read as a level."""
    try:
        int(value)
    except SURPRISES:
        return False
    return True


def readable(content):
    """Content of power levels without the levels that nobody can read, but for users', which are refused."""
    kept = {name: value for name, value in content.items() if name not in LEVELS or is_level(value)}
    for name in ("events", "notifications"):
        if isinstance(kept.get(name), dict):
            kept[name] = {key: value for key, value in kept[name].items() if is_level(value)}
        else:
            kept.pop(name, None)
    return kept


# ---- resolutions ----

class AsSynapse(state_resolution.Resolution):
    """Synapse's deviations: power events by their state key, and auth chains followed only inside the set."""

    inside = None

    def is_power_event(self, event):
        """Only at the empty state key; the create event counts, too."""
        if event.type in ("m.room.power_levels", "m.room.join_rules", "m.room.create"):
            return event.state_key == ""
        return super().is_power_event(event)

    def v1_list(self, result, events):
        """Power levels at another state key wait for the last pass."""
        if events[0].type == "m.room.power_levels" and events[0].state_key != "":
            self.late.append(events)
            return events[0].event_id
        return super().v1_list(result, events)

    def resolve_v1(self):
        """The late ones are picked as other state is; nothing else looks at them."""
        self.late = []
        result = super().resolve_v1()
        others = {key: value for key, value in result.items() if key[0] in FIRST_PASSES}
        return {**result, **{events[0].key: self.v1_pick(others, events) for events in self.late}}

    def full_conflicted_set(self):
        """From here on chains end where they leave the set."""
        full = super().full_conflicted_set()
        self.inside = full
        return full

    def auth_chain(self, event_id):
        """Walks on only through members of the set."""
        if self.inside is None:
            return super().auth_chain(event_id)
        chain, left = set(), set(self.events[event_id].auth) & self.inside
        while left:
            one = left.pop()
            if one not in chain:
                chain.add(one)
                left |= set(self.events[one].auth) & self.inside
        return chain


class Judge:
    """The auth rules over events of the transcription; `literal`: as the text has them where Synapse differs."""

    def __init__(self, room, literal):
        self.room, self.literal = room, literal

    def event(self, one):
        """Synapse's event."""
        return self.room.events[self.room.index[one.event_id]]

    def changed(self, event, **members):
        """The event with other members."""
        pdu = dict(self.room.pdus[self.room.index[event.event_id]], **members)
        return make_event_from_dict(pdu, self.room.version)

    def __call__(self, one, state):
        event, given = self.event(one), {key: self.event(value) for key, value in state.items()}
        create = self.room.events[0]
        if self.literal and is_other_levels(event):
            content = self.room.pdus[self.room.index[event.event_id]]["content"]
            integers = int(self.room.version.identifier) >= 10
            event = self.changed(event, state_key="", content=content if integers else readable(content))
        if self.literal and is_unfederated_target(create, event) and domain(event.sender) == domain(create.sender):
            content = {name: value for name, value in create.content.items() if name != "m.federate"}
            given[("m.room.create", "")] = self.changed(create, content=content)
        wanted = event_auth.auth_types_for_event(self.room.version, event) | {("m.room.create", "")}
        try:
            event_auth.check_state_dependent_auth_rules(event, [given[key] for key in wanted if key in given])
        except REFUSALS + SURPRISES:
            return False
        return True


def transcribed(maker, number, kind, literal):
    """The indices that a transcription comes to."""
    room = maker.room
    events = {event.event_id: state_resolution.event_of(event.event_id, dict(room.pdus[i], room_id=room.room_id),
                                                        i in room.rejected)
              for i, event in enumerate(room.events) if event.is_state()}
    states = [{(room.events[i].type, room.events[i].state_key): room.events[i].event_id for i in state}
              for state in maker.merges[number][0]]
    algorithm = ALGORITHMS.get(room.version.identifier, "2")
    resolution = kind(algorithm, states, events, Judge(room, literal))
    resolved = resolution.resolve_v1() if algorithm == "1" else resolution.resolve_v2()
    return sorted(room.index[event_id] for event_id in resolved.values())


def resolution_explained(maker, finding):
    """Whether both answers are those of their transcription."""
    _, number, ours, theirs = finding
    text = transcribed(maker, number, state_resolution.Resolution, True)
    synapse = transcribed(maker, number, AsSynapse, False)
    return text == ours and synapse == theirs


# ---- all ----

def explained(maker, finding):
    """The heading in DISAGREEMENTS.md of this disagreement, or an empty text."""
    kind, index = finding[0], finding[1]
    if kind == "resolve":
        return "Auth chains through agreed events, and power events" if resolution_explained(maker, finding) else ""
    event = maker.room.events[index]
    if kind == "state" and is_other_levels(event):
        return "Power levels at another state key"
    if kind == "state" and is_unfederated_target(maker.room.events[0], event):
        return "m.federate and whom a membership is about"
    return ""
