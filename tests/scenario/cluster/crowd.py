"""People who send and sync through changing processes, and the account of what each of them saw."""

import random
import threading
import time

import requests

from harness.client import Client, quote, unique

RETRY_LIMIT_S = 60
ANSWER_LIMIT_S = 5     # of one process; then another one is asked
FILTER = '{"room":{"timeline":{"limit":1000}}}'


class Answers:
    """What came instead of an answer below 500, and how long the slowest of all took."""

    def __init__(self):
        self.failures = []      # (status or None, errcode, Retry-After, text)
        self.slowest_s = 0
        self._lock = threading.Lock()

    def add(self, took_s, failure=None):
        with self._lock:
            self.slowest_s = max(self.slowest_s, took_s)
            if failure:
                self.failures.append(failure)

    def assert_clean(self):
        """Each failure was an answer: 503, in JSON, that says when to come again."""
        wrong = [failure for failure in self.failures
                 if failure[:2] != (503, "M_UNKNOWN") or not 1 <= int(failure[2] or 0) <= 60]
        assert not wrong, f"{len(wrong)} of {len(self.failures)} failures: {wrong[:5]}"


class Person:
    """Sends each request to any process; repeats it elsewhere when that one does not answer."""

    def __init__(self, processes, name, answer_limit_s=ANSWER_LIMIT_S):
        self.processes = processes
        self.answer_limit_s = answer_limit_s
        self.answers = Answers()
        client = Client(processes[0]).register(unique(name))
        self.user_id, self.token, self.password = client.user_id, client.token, client.password

    def call(self, method, path, body=None, limit_s=RETRY_LIMIT_S, **params):
        deadline = time.monotonic() + limit_s
        while True:
            process = random.choice(self.processes)
            begun = time.monotonic()
            try:
                answer = requests.request(
                    method, f"{process.url}/_matrix/client/v3/{path}", json=body, params=params,
                    timeout=self.answer_limit_s, headers={"Authorization": f"Bearer {self.token}"})
                took_s, said = time.monotonic() - begun, answer.text
                if answer.status_code < 500:
                    self.answers.add(took_s)
                    return answer.status_code, answer.json()
                self.answers.add(took_s, (answer.status_code, answer.json().get("errcode"),
                                          answer.headers.get("Retry-After"), said))
            except (requests.RequestException, ValueError) as problem:
                said = repr(problem)
                self.answers.add(time.monotonic() - begun, (None, None, None, said))
            assert time.monotonic() < deadline, f"{method} {path}: {said}"
            time.sleep(0.05)

    def ok(self, method, path, body=None, **params):
        status, answer = self.call(method, path, body, **params)
        assert status == 200, f"{method} {path}: {status} {answer}"
        return answer


class Crowd:
    """`senders` people send as fast as they can, all people sync, until finish()."""

    def __init__(self, processes, people, senders, rooms, answer_limit_s=ANSWER_LIMIT_S):
        self.processes = processes
        self.people = [Person(processes, "crowd", answer_limit_s) for _ in range(people)]
        first = self.people[0]
        self.rooms = [first.ok("POST", "createRoom", {"preset": "public_chat"})["room_id"] for _ in range(rooms)]
        for person in self.people[1:]:
            for room in self.rooms:
                person.ok("POST", f"join/{quote(room)}", {})
        self.acknowledged = []
        self.room_of = {}
        self.seen = [[] for _ in self.people]
        self.problems = []
        self._sending, self._syncing = True, True
        self._lock = threading.Lock()
        self._senders = [threading.Thread(target=self._guard, args=(self._send, i)) for i in range(senders)]
        self._syncers = [threading.Thread(target=self._guard, args=(self._sync, i)) for i in range(people)]
        for thread in (*self._syncers, *self._senders):
            thread.start()

    def _guard(self, run, number):
        try:
            run(number)
        except BaseException as problem:    # told by finish()
            self.problems.append(repr(problem))

    def _send(self, number):
        count = 0
        while self._sending:
            room = random.choice(self.rooms)
            answer = self.people[number].ok(
                "PUT", f"rooms/{quote(room)}/send/m.room.message/{number}t{count}",
                {"msgtype": "m.text", "body": f"{number} {count}"})
            with self._lock:
                self.acknowledged.append(answer["event_id"])
                self.room_of[answer["event_id"]] = room
            count += 1

    def _sync(self, number):
        person = self.people[number]
        place = {}
        while True:
            last = not self._syncing
            answer = person.ok("GET", "sync", timeout=0 if last else 500, filter=FILTER, **place)
            place = {"since": answer["next_batch"]}
            for part in answer.get("rooms", {}).get("join", {}).values():
                assert not part["timeline"].get("limited"), "a sync skipped something"
                self.seen[number] += [e["event_id"] for e in part["timeline"]["events"]
                                      if e["type"] == "m.room.message"]
            if last:
                return

    def wait_sent(self, more, limit_s=60):
        """Until so many more messages have been acknowledged."""
        goal = len(self.acknowledged) + more
        deadline = time.monotonic() + limit_s
        while len(self.acknowledged) < goal:
            assert not self.problems, self.problems
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {goal} were sent"
            time.sleep(0.02)

    def finish(self):
        """Every acknowledged message was seen by each exactly once, and nothing was seen twice."""
        self._sending = False
        for thread in self._senders:
            thread.join()
        self._syncing = False
        for thread in self._syncers:
            thread.join()
        assert not self.problems, self.problems
        assert self.processes.sql(
            "SELECT pos, count(*) FROM events WHERE pos IS NOT NULL GROUP BY pos HAVING count(*)>1") == []
        acknowledged = set(self.acknowledged)
        assert len(acknowledged) == len(self.acknowledged), "one event id was given twice"
        for number, seen in enumerate(self.seen):
            assert len(seen) == len(set(seen)), f"person {number} saw messages twice"
            assert set(seen) <= acknowledged, f"person {number} saw an event beside that of its transaction"
            missed = sorted(acknowledged - set(seen))
            assert not missed, f"person {number} missed {len(missed)} acknowledged messages; " + str(
                [self.people[number].call("GET", f"rooms/{quote(self.room_of[m])}/event/{quote(m)}")
                 for m in missed[:3]])
