"""A reader of /sync that keeps its place."""

import time


class Syncer:
    """Feeds on a client's syncs; holds timelines, state and rooms as a client would."""

    def __init__(self, client, filter=None):
        self.client = client
        self.filter = filter
        self.since = None
        self.timeline = {}      # room id: the events in the order in which they came
        self.state = {}         # room id: {(type, state key): event}
        self.membership = {}    # room id: join, invite, knock or leave
        self.account_data = {}
        self.last = None

    def step(self, timeout_ms=0, full_state=None):
        answer = self.client.sync_call(self.since, timeout_ms, self.filter, full_state).ok()
        self.last = answer.json
        self.since = answer["next_batch"]
        for event in answer.json.get("account_data", {}).get("events", []):
            self.account_data[event["type"]] = event["content"]
        for kind, rooms in answer.json.get("rooms", {}).items():
            for room, part in rooms.items():
                self.membership[room] = kind
                self._take(room, part)
        return answer.json

    def _take(self, room, part):
        state = self.state.setdefault(room, {})
        timeline = self.timeline.setdefault(room, [])
        for name in ("invite_state", "knock_state", "state"):
            for event in part.get(name, {}).get("events", []):
                state[event["type"], event["state_key"]] = event
        for event in part.get("timeline", {}).get("events", []):
            timeline.append(event)
            if "state_key" in event:
                state[event["type"], event["state_key"]] = event

    def until(self, condition, limit_s=20):
        """Long-polls until condition(self) is true."""
        deadline = time.monotonic() + limit_s
        if self.since is None:
            self.step()
        while not condition(self):
            left = deadline - time.monotonic()
            assert left > 0, f"not seen in {limit_s} s; last sync: {str(self.last)[:2000]}"
            self.step(timeout_ms=max(1, int(min(left, 5) * 1000)))
        return self

    def events(self, room, kind=None):
        return [e for e in self.timeline.get(room, []) if kind in (None, e["type"])]

    def until_event(self, room, event_id, limit_s=20):
        return self.until(lambda s: any(e["event_id"] == event_id for e in s.events(room)), limit_s)
