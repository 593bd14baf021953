"""Rooms made at random: forks, power changes, bans, kicks, joins, join rules, malformed content. A seed replays."""

import random

from oracle import REFUSALS, SURPRISES, Room
from synapse.event_auth import auth_types_for_event

USERS = ["@c:a", "@u1:a", "@u2:a", "@u3:b", "@u4:b", "@u5:b"]
LEVELS = [0, 1, 25, 49, 50, 51, 75, 99, 100, 101, -1]
ODD_LEVELS = ["50", " 100 ", "+25", "-1", "0100", "ten", "", None, [], {}, "1.5", 9007199254740991]
FLOATS = [50.57, 1e2, 99.99, -0.5]
JOIN_RULES = ["public", "invite", "knock", "private", "restricted", "knock_restricted", "odd", 5, None]
STATES = ["m.room.topic", "m.room.name", "m.room.history_visibility", "m.room.aliases", "org.example.odd"]


class Maker:
    """Builds one room, event by event; each with the state before it as the oracle resolves it."""

    def __init__(self, version, seed, size):
        self.random = random.Random(f"{version} {seed}")
        self.size = size
        self.room = Room(version)
        self.number = 0 if not version.isdecimal() else int(version)
        self.before, self.after, self.tips = [], [], []
        self.merges = []  # states that were resolved, and what came out
        self.judged = []  # (event, state)
        self.ts = 1000

    # ---- parts of events ----

    def level(self):
        """Some power level, now and then an odd one."""
        if self.random.random() < 0.04:
            return self.random.choice(ODD_LEVELS + (FLOATS if self.number <= 5 else []))
        return self.random.choice(LEVELS)

    def power_content(self):
        """Content of m.room.power_levels."""
        pick = self.random
        content = {}
        for name in ("ban", "kick", "invite", "redact", "state_default", "events_default", "users_default"):
            if pick.random() < 0.25:
                content[name] = self.level()
        users = {user: self.level() for user in USERS if pick.random() < 0.45}
        if pick.random() < 0.6:
            users.setdefault("@c:a", 100)
        if self.number >= 12 and pick.random() < 0.9:
            users.pop("@c:a", None)
        content["users"] = users
        if pick.random() < 0.3:
            content["events"] = {kind: self.level() for kind in STATES + ["m.room.power_levels"] if pick.random() < 0.4}
        if pick.random() < 0.15:
            content["notifications"] = {"room": self.level()}
        if pick.random() < 0.02:
            content[pick.choice(["users", "events", "notifications"])] = pick.choice([5, [], "x", None])
        if pick.random() < 0.02:
            content["users"] = {"no user": 5}
        return content

    def member(self, sender):
        """(state_key, content) of a member event."""
        pick = self.random
        membership = pick.choices(["join", "leave", "invite", "ban", "knock", "odd", None],
                                  [34, 20, 16, 16, 8, 1, 1])[0]
        own = membership in ("join", "knock") or (membership == "leave" and pick.random() < 0.5)
        target = sender if own and pick.random() < 0.95 else pick.choice(USERS)
        content = {} if membership is None else {"membership": membership}
        if membership == "join" and pick.random() < 0.25:
            content["join_authorised_via_users_server"] = pick.choice(USERS)
        if pick.random() < 0.02:
            content["membership"] = pick.choice([5, None, [], {}])
        if pick.random() < 0.1:
            content["displayname"] = pick.choice(["x", "\u00e9\u4e2d\U0001f600", "\\\"\u2028\x7f"])
        if membership == "invite" and pick.random() < 0.05:
            content["third_party_invite"] = pick.choice([{}, {"signed": {}}, {"signed": {"mxid": target, "token": "t"}}])
        return target, content

    def draft(self, sender):
        """Type, state key (None: a message), content."""
        pick = self.random
        kind = pick.choices(["member", "power", "rules", "state", "message", "redaction", "create", "invite"],
                            [48, 14, 10, 14, 8, 3, 0.3, 1])[0]
        if kind == "member":
            return ("m.room.member", *self.member(sender))
        if kind == "power":
            return "m.room.power_levels", "" if pick.random() < 0.98 else "odd", self.power_content()
        if kind == "rules":
            rule = pick.choices(JOIN_RULES, [40, 20, 10, 2, 12, 8, 2, 1, 1])[0]
            return "m.room.join_rules", "", {} if rule is None else {"join_rule": rule}
        if kind == "state":
            key = pick.choice(["", "", "a", "b", sender, pick.choice(USERS), "x" * 255])
            return pick.choice(STATES), key, {"topic": str(pick.random())}
        if kind == "redaction":
            return "m.room.redaction", None, {"reason": "x"}
        if kind == "create":
            return "m.room.create", "", {"creator": sender}
        if kind == "invite":
            return "m.room.third_party_invite", "t", {"public_key": "x"}
        return "m.room.message", None, {"body": str(pick.random())}

    # ---- the graph ----

    def link(self, index):
        """How an event cites another one."""
        event_id = self.room.events[index].event_id
        return [event_id, {"sha256": "x"}] if self.number <= 2 else event_id

    def state_of(self, prevs):
        """The state before an event with these prev events."""
        states = [self.after[i] for i in prevs]
        resolved = self.room.resolve(states)
        if resolved is None:
            return None
        if any(s != states[0] for s in states):
            self.merges.append(([sorted(s.values()) for s in states], sorted(resolved.values())))
        return resolved

    def choose_prevs(self):
        """Mostly one tip, often an older event (a fork), sometimes a merge."""
        pick = self.random
        recent = range(max(0, len(self.after) - 12), len(self.after))
        if pick.random() < 0.3:
            return sorted(set(pick.choices(recent, k=pick.choice([2, 2, 2, 3, 4]))))
        if pick.random() < 0.35:
            return [pick.choice(recent)]
        return [len(self.after) - 1]

    def auth_of(self, kind, key, content, sender, state):
        """Indices of auth events as a server would choose them; now and then it chooses badly."""
        pick = self.random
        probe = {"type": kind, "sender": sender, "content": content}
        if key is not None:
            probe["state_key"] = key
        wanted = self.selection(probe)
        chosen = [state[k] for k in sorted(wanted) if k in state]
        if pick.random() < 0.03 and chosen:
            chosen.remove(pick.choice(chosen))
        if pick.random() < 0.03:
            chosen.append(pick.randrange(len(self.after)))
        if self.number >= 12:  # Synapse's event cannot even be made with the create event among them
            chosen = [i for i in chosen if self.room.events[i].type != "m.room.create"]
        return list(dict.fromkeys(chosen))[:10]

    def selection(self, probe):
        """Synapse's selection for an event that is not built yet; where it fails, what any event needs."""

        class Probe:  # what the function looks at
            type, sender, content = probe["type"], probe["sender"], probe["content"]
            state_key = probe.get("state_key")

            @staticmethod
            def is_state():
                return "state_key" in probe
        Probe.membership = probe["content"].get("membership")
        try:
            return auth_types_for_event(self.room.version, Probe)
        except SURPRISES:
            return {("m.room.create", ""), ("m.room.power_levels", ""), ("m.room.member", probe["sender"])}

    def append(self, kind, key, content, sender, prevs):
        """Builds, judges, places. False when it could not be built."""
        state = self.state_of(prevs) if prevs else {}
        if state is None:
            return False
        auth = [] if kind == "m.room.create" and not prevs else self.auth_of(kind, key, content, sender, state)
        self.ts += self.random.choice([0, 0, 1, 5, 1000, -500])
        pdu = {
            "type": kind, "sender": sender, "content": content, "depth": len(self.after) + 1,
            "origin_server_ts": self.ts, "prev_events": [self.link(i) for i in prevs],
            "auth_events": [self.link(i) for i in auth],
        }
        if key is not None:
            pdu["state_key"] = key
        if self.number <= 2:
            pdu["event_id"] = f"${self.random.getrandbits(60):x}:{sender.rpartition(':')[2]}"
        if kind == "m.room.redaction" and self.number <= 10:
            pdu["redacts"] = self.room.events[self.random.randrange(len(self.room.events))].event_id
        known = len(self.room.events)
        try:
            index = self.room.add(pdu)
        except REFUSALS + SURPRISES:
            return False
        if index < known:
            return False
        self.place(index, state)
        return True

    def place(self, index, state):
        """Verdicts of the oracle, and the state after the event."""
        event = self.room.events[index]
        # v12: Synapse judges against a state that has the create event, as ours does.
        self.judged.append((index, sorted(state.values())))
        allowed = self.room.allowed_by_auth_events(index) and self.room.allowed_by_state(index, state.values())
        if allowed:
            allowed = self.room.allowed_by_state(index, self.auth_state(index).values())
        after = dict(state)
        if not allowed:
            self.room.reject(index)
        elif event.is_state():
            after[(event.type, event.state_key)] = index
        self.before.append(state)
        self.after.append(after)

    def auth_state(self, index):
        """The state made of the event's auth events."""
        events = self.room.events
        found = [self.room.index[i] for i in events[index].auth_event_ids() if i in self.room.index]
        return {(events[i].type, events[i].state_key): i for i in found if i not in self.room.rejected}

    def begin(self):
        """Create, the creator's join, power levels, join rules, some members."""
        content = {"room_version": self.room.version.identifier}
        if self.number <= 10:
            content["creator"] = "@c:a"
        elif self.number >= 12 and self.random.random() < 0.3:
            content["additional_creators"] = ["@u1:a"]
        if self.random.random() < 0.03:
            content["m.federate"] = False
        if self.number < 12:
            self.room.room_id = "!room:a"
        if not self.append("m.room.create", "", content, "@c:a", []):
            raise AssertionError("the create event cannot be built")
        self.append("m.room.member", "@c:a", {"membership": "join"}, "@c:a", [0])
        if self.random.random() < 0.95:
            users = {"@u1:a": 50} if self.number >= 12 else {"@c:a": 100, "@u1:a": 50}
            self.append("m.room.power_levels", "", {"users": users}, "@c:a", [1])
        self.append("m.room.join_rules", "", {"join_rule": "public"}, "@c:a", [len(self.after) - 1])
        for user in USERS[1:4]:
            self.append("m.room.member", user, {"membership": "join"}, user, [len(self.after) - 1])

    def make(self):
        """The whole room."""
        self.begin()
        while len(self.after) < self.size:
            sender = self.random.choice(USERS[:1] * 3 + USERS)
            kind, key, content = self.draft(sender)
            self.append(kind, key, content, sender, self.choose_prevs())
        return self
