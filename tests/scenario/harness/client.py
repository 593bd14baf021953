"""A thin client: one method per habit, every answer checked for what all answers must have."""

import itertools
import json
import urllib.parse

import requests

from harness.answers import assert_as_specified

V3 = "/_matrix/client/v3"
PASSWORD = "correct horse battery staple"
TIMEOUT_S = 30
CORS_METHODS = {"GET", "POST", "PUT", "DELETE", "OPTIONS"}
CORS_HEADERS = {"x-requested-with", "content-type", "authorization"}

_numbers = itertools.count(1)


def unique(prefix="u"):
    """A localpart that no other test of this run uses."""
    return f"{prefix}{next(_numbers)}"


def quote(text):
    return urllib.parse.quote(text, safe="")


def words(header):
    return {w.strip() for w in header.split(",")}


def assert_cors(headers, where=""):
    assert headers.get("Access-Control-Allow-Origin") == "*", f"{where}: no CORS origin"
    assert CORS_METHODS <= words(headers.get("Access-Control-Allow-Methods", "")), where
    allowed = {w.lower() for w in words(headers.get("Access-Control-Allow-Headers", ""))}
    assert CORS_HEADERS <= allowed, where


class Answer:
    """status, json (None when the body is empty), headers, body."""

    def __init__(self, response, where):
        self.where = where
        self.status = response.status_code
        self.headers = response.headers
        self.body = response.content
        self.json = json.loads(self.body) if self.body else None

    def __repr__(self):
        return f"<{self.where} -> {self.status} {self.body[:600]!r}>"

    def __getitem__(self, key):
        return self.json[key]

    @property
    def errcode(self):
        return self.json.get("errcode") if isinstance(self.json, dict) else None

    def expect(self, status, errcode=None):
        """An error always carries errcode and a sentence, but for the first 401 of UIA."""
        assert self.status == status, f"expected {status}: {self!r}"
        if errcode is not None:
            assert self.errcode == errcode, f"expected {errcode}: {self!r}"
            assert isinstance(self.json.get("error"), str) and self.json["error"], repr(self)
        return self

    def ok(self):
        return self.expect(200)


class Client:
    def __init__(self, server, user_id=None, token=None, device_id=None, password=PASSWORD):
        self.server = server
        self.user_id = user_id
        self.token = token
        self.device_id = device_id
        self.password = password
        self.refresh_token = None
        self.session = requests.Session()
        self._txn = itertools.count(1)

    @property
    def localpart(self):
        return self.user_id[1:].split(":", 1)[0]

    def anonymous(self):
        return Client(self.server)

    def with_token(self, token):
        return Client(self.server, self.user_id, token, self.device_id, self.password)

    def raw(self, method, path, **kwargs):
        """Any request, nothing added but the time-out, nothing checked."""
        kwargs.setdefault("timeout", TIMEOUT_S)
        return self.session.request(method, self.server.url + path, **kwargs)

    def call(self, method, path, json=None, data=None, headers=None, params=None, token=True,
             timeout=TIMEOUT_S):
        """path: whole, or relative to /_matrix/client/v3 when it does not begin with a slash."""
        if not path.startswith("/"):
            path = f"{V3}/{path}"
        head = dict(headers or {})
        if token is True:
            token = self.token
        if token:
            head.setdefault("Authorization", f"Bearer {token}")
        where = f"{method} {path}"
        response = self.session.request(method, self.server.url + path, json=json, data=data,
                                        headers=head, params=params, timeout=timeout)
        assert_cors(response.headers, where)
        kind = response.headers.get("Content-Type", "").split(";")[0]
        assert kind == "application/json" or not response.content, f"{where}: {kind}"
        answer = Answer(response, where)
        assert answer.status < 500, repr(answer)
        assert_as_specified(method, path, answer.status, answer.json)
        if answer.status >= 400:
            is_uia = answer.status == 401 and answer.json and "flows" in answer.json
            assert is_uia or (answer.errcode and answer.json.get("error")), repr(answer)
        return answer

    def get(self, path, **kwargs):
        return self.call("GET", path, **kwargs)

    def put(self, path, json=None, **kwargs):
        return self.call("PUT", path, json=json, **kwargs)

    def post(self, path, json=None, **kwargs):
        return self.call("POST", path, json={} if json is None and "data" not in kwargs else json,
                         **kwargs)

    def delete(self, path, **kwargs):
        return self.call("DELETE", path, **kwargs)

    # Accounts

    def adopt(self, answer):
        """Takes identity and tokens from the answer to a login or registration."""
        self.user_id = answer["user_id"]
        self.token = answer["access_token"]
        self.device_id = answer["device_id"]
        self.refresh_token = answer.json.get("refresh_token")
        return self

    def register(self, username=None, password=None, **more):
        self.password = password or self.password
        body = {"username": username or unique(), "password": self.password,
                "auth": {"type": "m.login.dummy"}, **more}
        return self.adopt(self.post("register", body).ok())

    def login_call(self, user=None, password=None, **more):
        body = {"type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": user or self.user_id},
                "password": self.password if password is None else password, **more}
        return self.post("login", body, token=None)

    def login(self, user=None, password=None, **more):
        """A new client with a session of its own."""
        fresh = Client(self.server, password=password or self.password)
        return fresh.adopt(self.login_call(user, password, **more).ok())

    def whoami(self):
        return self.get("account/whoami")

    def is_known(self):
        """Whether the token still works."""
        answer = self.whoami()
        if answer.status == 200:
            return True
        answer.expect(401, "M_UNKNOWN_TOKEN")
        return False

    # Rooms

    def create_room(self, **body):
        return self.post("createRoom", body).ok()["room_id"]

    def join(self, room):
        return self.post(f"join/{quote(room)}")

    def knock(self, room, **more):
        return self.post(f"knock/{quote(room)}", more)

    def leave(self, room, **more):
        return self.post(f"rooms/{quote(room)}/leave", more)

    def invite(self, room, user_id):
        return self.post(f"rooms/{quote(room)}/invite", {"user_id": user_id})

    def kick(self, room, user_id, **more):
        return self.post(f"rooms/{quote(room)}/kick", {"user_id": user_id, **more})

    def ban(self, room, user_id, **more):
        return self.post(f"rooms/{quote(room)}/ban", {"user_id": user_id, **more})

    def unban(self, room, user_id):
        return self.post(f"rooms/{quote(room)}/unban", {"user_id": user_id})

    def send_call(self, room, content, kind="m.room.message", txn=None):
        txn = txn or f"t{next(self._txn)}"
        return self.put(f"rooms/{quote(room)}/send/{quote(kind)}/{quote(txn)}", content)

    def send(self, room, text, txn=None):
        content = {"msgtype": "m.text", "body": text}
        return self.send_call(room, content, txn=txn).ok()["event_id"]

    def state(self, room, kind, key=""):
        return self.get(f"rooms/{quote(room)}/state/{quote(kind)}/{quote(key)}")

    def set_state(self, room, kind, content, key=""):
        return self.put(f"rooms/{quote(room)}/state/{quote(kind)}/{quote(key)}", content)

    def messages(self, room, **params):
        params.setdefault("dir", "b")
        return self.get(f"rooms/{quote(room)}/messages", params=params)

    def members(self, room, **params):
        return self.get(f"rooms/{quote(room)}/members", params=params)

    def sync_call(self, since=None, timeout_ms=0, filter=None, full_state=None):
        params = {"timeout": timeout_ms}
        if since is not None:
            params["since"] = since
        if filter is not None:
            params["filter"] = filter if isinstance(filter, str) else json.dumps(filter)
        if full_state is not None:
            params["full_state"] = "true" if full_state else "false"
        return self.get("sync", params=params, timeout=timeout_ms / 1000 + TIMEOUT_S)

    # Profile and account data

    def profile(self, field, user_id=None):
        return self.get(f"profile/{quote(user_id or self.user_id)}/{field}")

    def set_profile(self, field, value, user_id=None):
        return self.put(f"profile/{quote(user_id or self.user_id)}/{field}", {field: value})

    def account_data(self, kind, user_id=None):
        return self.get(f"user/{quote(user_id or self.user_id)}/account_data/{quote(kind)}")

    def set_account_data(self, kind, content, user_id=None, **kwargs):
        return self.put(f"user/{quote(user_id or self.user_id)}/account_data/{quote(kind)}",
                        content, **kwargs)
