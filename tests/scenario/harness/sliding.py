"""A reader of sliding sync that keeps its place, and believes what it is told."""

import time

from harness.client import TIMEOUT_S

STABLE = "/_matrix/client/v4/sync"
UNSTABLE = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"

# What matrix-rust-sdk's room list asks for.
REQUIRED = [["m.room.name", ""], ["m.room.encryption", ""], ["m.room.member", "$LAZY"], ["m.room.member", "$ME"],
            ["m.room.topic", ""], ["m.room.avatar", ""], ["m.room.canonical_alias", ""],
            ["m.room.power_levels", ""], ["org.matrix.msc3401.call.member", "*"], ["m.room.join_rules", ""],
            ["m.room.tombstone", ""], ["m.room.create", ""], ["m.room.history_visibility", ""],
            ["io.element.functional_members", ""], ["m.space.parent", "*"], ["m.space.child", "*"]]


def lists(first=0, last=19, limit=1, required=(), name="all_rooms", **more):
    return {name: {"ranges": [[first, last]], "timeline_limit": limit, "required_state": list(required), **more}}


class Slider:
    """body: what every request says; step(**changes) for one request more."""

    def __init__(self, client, body=None, stable=False, conn_id="main"):
        self.client = client
        self.stable = stable
        self.body = {"conn_id": conn_id, **(body or {})}
        self.pos = None
        self.last = None
        self.rooms = {}       # room id: what the client holds of it

    def call(self, pos=None, timeout_ms=0, **changes):
        body = {**self.body, **changes}
        params = {"timeout": timeout_ms}
        if pos is not None:
            params["pos"] = pos
        if self.stable:
            body, params = {**body, **params}, None
        return self.client.post(STABLE if self.stable else UNSTABLE, body, params=params,
                                timeout=timeout_ms / 1000 + TIMEOUT_S)

    def step(self, timeout_ms=0, **changes):
        self.body.update(changes)
        answer = self.call(self.pos, timeout_ms).ok().json
        self.pos, self.last = answer["pos"], answer
        for room, part in answer.get("rooms", {}).items():
            self._take(room, part)
        return answer

    def _take(self, room, part):
        held = self.rooms.setdefault(room, {"state": {}, "timeline": []})
        if part.get("initial"):
            held = self.rooms[room] = {"state": {}, "timeline": []}
        if part.get("limited") or part.get("expanded_timeline") or part.get("unstable_expanded_timeline"):
            held["timeline"] = []
        for name, value in part.items():
            if name == "required_state":
                for event in value:
                    if "content" in event:
                        held["state"][event["type"], event["state_key"]] = event
                    else:
                        held["state"].pop((event["type"], event["state_key"]), None)
            elif name == "timeline":
                held["timeline"] += value
            else:
                held[name] = value

    def until(self, condition, limit_s=20):
        deadline = time.monotonic() + limit_s
        while not condition(self):
            left = deadline - time.monotonic()
            assert left > 0, f"not seen in {limit_s} s; last answer: {str(self.last)[:2000]}"
            self.step(timeout_ms=max(1, int(min(left, 5) * 1000)))
        return self


def bodies(part):
    return [e["content"].get("body") for e in part.get("timeline", [])]


def places(part):
    return {(e["type"], e["state_key"]) for e in part.get("required_state", [])}
