"""Ada, Ben and Cleo: what they do, what they see, and what they must have seen in the end."""

import asyncio
import collections
import json

import aiohttp
import nio

PASSWORD = "exeunt-demo"
MARKED = {"membership": "leave", "org.matrix.msc3759.deactivated": True}
PUBLIC, PRIVATE, ENCRYPTED = 20, 18, 12
TIMELINE = {"room": {"timeline": {"limit": 500}}}
ENCRYPTION = {"type": "m.room.encryption", "state_key": "",
              "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
AT_ONCE = 8
SYNC_MS = 2000
PAGE = 500


class Refused(Exception):
    """The server answered with an error where the story goes on only without one."""


def good(answer, kind):
    if not isinstance(answer, kind):
        raise Refused(f"expected {kind.__name__}, the server answered: {answer}")
    return answer


class Person:
    """One account, its client, and every event that its syncs have brought."""

    def __init__(self, url, name):
        config = nio.AsyncClientConfig(max_timeout_retry_wait_time=0.2, encryption_enabled=False)
        self.name = name
        self.client = nio.AsyncClient(url, name, config=config)
        self.events = {}        # event id: (room, event), each once however often it came
        self.listening = None

    @property
    def user_id(self):
        return self.client.user_id

    async def register(self):
        good(await self.client.register(self.name, PASSWORD, "demo"), nio.RegisterResponse)

    async def sync(self, timeout_ms=0):
        answer = good(await self.client.sync(timeout_ms, TIMELINE), nio.SyncResponse)
        for room, part in answer.rooms.join.items():
            for event in [*part.state, *part.timeline.events]:
                self.events[event.source["event_id"]] = (room, event.source)

    async def _listen(self):
        while True:
            await self.sync(SYNC_MS)

    async def listen(self):
        """Syncs once, then goes on in the background; nio itself outlasts a dead server."""
        await self.sync()
        self.listening = asyncio.create_task(self._listen())

    async def hush(self):
        if self.listening is not None:
            self.listening.cancel()
            await asyncio.gather(self.listening, return_exceptions=True)
            self.listening = None

    def leaves_of(self, user_id):
        """{room: the contents of this user's leaves there}, of those the user sent alone."""
        found = collections.defaultdict(list)
        for room, event in self.events.values():
            if event["type"] == "m.room.member" and event["state_key"] == user_id \
                    and event["content"].get("membership") == "leave" \
                    and event["sender"] == event["state_key"]:
                found[room].append(event["content"])
        return found


class Story:
    def __init__(self, url):
        self.url = url
        self.ada, self.ben, self.cleo = (Person(url, name) for name in ("ada", "ben", "cleo"))
        self.rooms = {}             # room id: public, private or encrypted
        self.acknowledged = set()   # ids of all messages that were answered with 200
        self.answered = False

    @property
    def others(self):
        return self.ben, self.cleo

    def kinds(self):
        count = collections.Counter(self.rooms.values())
        return ", ".join(f"{number} {kind}" for kind, number in count.items())

    async def close(self):
        for person in (self.ada, *self.others):
            await person.hush()
            await person.client.close()

    async def meet(self):
        for person in (self.ada, *self.others):
            await person.register()

    async def _open_room(self, number):
        kind = "public" if number < PUBLIC else \
            "private" if number < PUBLIC + PRIVATE else "encrypted"
        host = (self.ben, self.cleo, self.ada)[number % 3]
        guests = [p for p in (self.ada, *self.others) if p is not host]
        public = kind == "public"
        answer = good(await host.client.room_create(
            name=f"{kind.capitalize()} room {number + 1}",
            preset=nio.RoomPreset.public_chat if public else nio.RoomPreset.private_chat,
            invite=[] if public else [guest.user_id for guest in guests],
            initial_state=[ENCRYPTION] if kind == "encrypted" else []), nio.RoomCreateResponse)
        for guest in guests:
            good(await guest.client.join(answer.room_id), nio.JoinResponse)
        self.rooms[answer.room_id] = kind

    async def open_rooms(self, progress):
        await in_parallel([self._open_room(n) for n in range(PUBLIC + PRIVATE + ENCRYPTED)],
                          progress)

    async def _say(self, person, room, text):
        answer = good(await person.client.room_send(
            room, "m.room.message", {"msgtype": "m.text", "body": text}), nio.RoomSendResponse)
        self.acknowledged.add(answer.event_id)

    async def talk(self, when, progress):
        speakers = (self.ada, *self.others) if when == "before" else self.others
        await in_parallel([self._say(person, room, f"{person.name} {when}")
                           for room in self.rooms for person in speakers], progress)

    async def listen(self):
        for person in self.others:
            await person.listen()

    async def end_ada(self):
        """nio has no call for it, so its connection is used. The kill may swallow the answer."""
        body = {"auth": {"type": "m.login.password", "password": PASSWORD,
                         "identifier": {"type": "m.id.user", "user": self.ada.user_id}}}
        head = {"Authorization": f"Bearer {self.ada.client.access_token}",
                "Content-Type": "application/json"}
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            answer = await self.ada.client.send(
                "POST", "/_matrix/client/v3/account/deactivate", json.dumps(body), head)
            text = await answer.text()
        except aiohttp.ClientConnectionError:
            return "the answer died with the server"
        if answer.status != 200:
            raise Refused(f"account/deactivate answered {answer.status}: {text}")
        return f"200 after {round((loop.time() - started) * 1000)} ms"

    def leaves_seen(self):
        return sum(len(person.leaves_of(self.ada.user_id)) for person in self.others)

    async def catch_up(self):
        """Until a sync brings nothing more of what was said, which must be soon."""
        for person in self.others:
            await person.hush()
            await person.sync()

    async def _history(self, person, room):
        """Every event of a room that this person may read, newest first."""
        events, token = [], ""
        while token is not None:
            answer = good(await person.client.room_messages(room, token, limit=PAGE),
                          nio.RoomMessagesResponse)
            events += [event.source for event in answer.chunk]
            token = answer.end
        return events

    async def _stored(self):
        """What a reader finds in the rooms now: (leaves by room, ids of messages)."""
        leaves, messages = {}, set()
        for room in self.rooms:
            history = await self._history(self.ben, room)
            leaves[room] = [e for e in history if e["type"] == "m.room.member"
                            and e["state_key"] == self.ada.user_id
                            and e["content"].get("membership") == "leave"]
            messages |= {e["event_id"] for e in history if e["type"] == "m.room.message"}
        return leaves, messages

    async def findings(self):
        """The rows of the table: (what, expected, seen)."""
        total = len(self.rooms)
        rows = [("rooms that Ada was in", PUBLIC + PRIVATE + ENCRYPTED, total)]
        for person in self.others:
            leaves = person.leaves_of(self.ada.user_id)
            rows.append((f"rooms where {person.name.capitalize()}'s sync shows exactly one leave, "
                         "marked", total, sum(leaves[r] == [MARKED] for r in self.rooms)))
        leaves, messages = await self._stored()
        rows += [
            ("rooms whose history holds exactly that leave", total,
             sum([e["content"] for e in found] == [MARKED] for found in leaves.values())),
            ("leaves without the mark", 0,
             sum(e["content"] != MARKED for found in leaves.values() for e in found)),
            ("rooms where Ada is still a member", 0, await self._still_joined()),
            ("messages answered with 200 and lost", 0, len(self.acknowledged - messages)),
        ]
        return rows + await self._refusals()

    async def _still_joined(self):
        count = 0
        for room in self.rooms:
            answer = good(await self.ben.client.joined_members(room), nio.JoinedMembersResponse)
            count += any(member.user_id == self.ada.user_id for member in answer.members)
        return count

    async def _refusals(self):
        public = next(room for room, kind in self.rooms.items() if kind == "public")
        back = Person(self.url, "ada")
        try:
            login = await back.client.login(PASSWORD)
            again = await back.client.register("ada", PASSWORD)
        finally:
            await back.client.close()
        client = self.ada.client
        return [
            ("Ada logs in with her password", "refused", verdict(login, (
                "M_FORBIDDEN", "M_USER_DEACTIVATED"))),
            ("Ada's access token", "refused", verdict(await client.whoami(), ("M_UNKNOWN_TOKEN",))),
            ("Ada joins a public room again", "refused",
             verdict(await client.join(public), ("M_UNKNOWN_TOKEN",))),
            ("Ben invites Ada", "refused", verdict(
                await self.ben.client.room_invite(public, self.ada.user_id),
                ("M_FORBIDDEN", "M_USER_DEACTIVATED"))),
            ("somebody registers as ada", "refused", verdict(again, ("M_USER_IN_USE",))),
        ]


def verdict(answer, codes):
    """"refused", if it was for the right reason."""
    if not isinstance(answer, nio.ErrorResponse):
        return "let in"
    return "refused" if answer.status_code in codes else f"{answer.status_code} {answer.message}"


async def in_parallel(jobs, progress):
    """Runs them, AT_ONCE at a time; the first failure ends all."""
    gate, total, done = asyncio.Semaphore(AT_ONCE), len(jobs), 0

    async def run(job):
        nonlocal done
        async with gate:
            await job
        done += 1
        progress(done, total)
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(run(job))
    except* Refused as refused:
        raise refused.exceptions[0] from None
