"""Keys as clients make them: signed for real, so that the server's checks see what they would see."""

import base64
import copy

import nacl.signing
from canonicaljson import encode_canonical_json

from .client import quote, unique

ALGORITHMS = ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"]
SIGNED = "signed_curve25519"


def base64_of(data):
    return base64.b64encode(data).decode().rstrip("=")


class SigningKey:
    """An Ed25519 key; `name` is what stands after "ed25519:", the public key itself unless it is a device's."""

    def __init__(self, user_id, name=None):
        self.user_id = user_id
        self.key = nacl.signing.SigningKey.generate()
        self.public = base64_of(bytes(self.key.verify_key))
        self.name = name or self.public

    @property
    def key_id(self):
        return f"ed25519:{self.name}"

    def signature(self, obj):
        payload = {k: v for k, v in obj.items() if k not in ("signatures", "unsigned")}
        return base64_of(self.key.sign(encode_canonical_json(payload)).signature)

    def sign(self, obj):
        """A copy with the signature added."""
        obj = copy.deepcopy(obj)
        obj.setdefault("signatures", {}).setdefault(self.user_id, {})[self.key_id] = self.signature(obj)
        return obj

    def only_signed(self, obj):
        """A copy with this signature alone, as it is uploaded to keys/signatures/upload."""
        obj = {k: v for k, v in obj.items() if k not in ("signatures", "unsigned")}
        return self.sign(obj)


class Device:
    """The keys of a client's device."""

    def __init__(self, client):
        self.client = client
        self.signing = SigningKey(client.user_id, client.device_id)
        self.made = 0

    def keys(self, **changes):
        name = self.client.device_id
        return self.signing.sign({
            "user_id": self.client.user_id, "device_id": name, "algorithms": ALGORITHMS,
            "keys": {f"curve25519:{name}": base64_of(bytes(32)), f"ed25519:{name}": self.signing.public}, **changes})

    def one_time(self, count=1, algorithm=SIGNED, **more):
        """{key id: key}, each new."""
        made = {}
        for _ in range(count):
            self.made += 1
            key = {"key": base64_of(self.made.to_bytes(32, "big")), **more}
            made[f"{algorithm}:{self.client.device_id}{self.made:05d}"] = self.signing.sign(key)
        return made

    def fallback(self, algorithm=SIGNED):
        return self.one_time(1, algorithm, fallback=True)

    def upload(self, **body):
        return self.client.post("keys/upload", body)

    def publish(self, one_time=0):
        """The usual first upload."""
        body = {"device_keys": self.keys()}
        if one_time:
            body["one_time_keys"] = self.one_time(one_time)
        self.upload(**body).ok()
        return self


class CrossSigning:
    """A user's three cross-signing keys."""

    USAGES = ("master", "self_signing", "user_signing")

    def __init__(self, client, master=None):
        self.client = client
        user_id = client.user_id
        self.master = master or SigningKey(user_id)
        self.self_signing = SigningKey(user_id)
        self.user_signing = SigningKey(user_id)

    def public(self, usage):
        key = getattr(self, usage)
        return {"user_id": self.client.user_id, "usage": [usage], "keys": {key.key_id: key.public}}

    def body(self, *usages):
        made = {}
        for usage in usages or self.USAGES:
            key = self.public(usage)
            made[f"{usage}_key"] = key if usage == "master" else self.master.sign(key)
        return made

    def upload(self, *usages, **more):
        return self.client.post("keys/device_signing/upload", {**self.body(*usages), **more})


def query(client, *user_ids, **users):
    return client.post("keys/query", {"device_keys": {**{u: [] for u in user_ids}, **users}}).ok()


def claim(client, user_id, device_id, algorithm=SIGNED):
    """(key id, key), or None."""
    answer = client.post("keys/claim", {"one_time_keys": {user_id: {device_id: algorithm}}}).ok()
    assert answer["failures"] == {}
    given = answer["one_time_keys"].get(user_id, {}).get(device_id)
    if given is None:
        assert answer["one_time_keys"] == {}
        return None
    (item,) = given.items()
    return item


def send_to_device(client, messages, kind="m.test", txn=None):
    return client.put(f"sendToDevice/{quote(kind)}/{quote(txn or unique('txn'))}", {"messages": messages})


def device_lists(answer):
    lists = answer.json.get("device_lists", {})
    return set(lists.get("changed", [])), set(lists.get("left", []))
