"""Events that belong to others: children as clients send them."""

from harness.client import V3
from harness.rooms import path

V1 = V3.replace("v3", "v1")


def child(client, room, parent, rel_type, text="child", kind="m.room.message", **more):
    """Sends a child event; returns its id."""
    return child_call(client, room, parent, rel_type, text, kind, **more).ok()["event_id"]


def child_call(client, room, parent, rel_type, text="child", kind="m.room.message", relates=None,
               **more):
    content = {"m.relates_to": {"rel_type": rel_type, "event_id": parent, **(relates or {})}, **more}
    if kind == "m.room.message":
        content = {"msgtype": "m.text", "body": text, **content}
    return client.send_call(room, content, kind)


def edit(client, room, parent, text, **more):
    return child(client, room, parent, "m.replace", f"* {text}",
                 **{"m.new_content": {"msgtype": "m.text", "body": text}, **more})


def react(client, room, parent, key):
    return child_call(client, room, parent, "m.annotation", kind="m.reaction", relates={"key": key})


def reply_in_thread(client, room, root, text="in the thread"):
    return child(client, room, root, "m.thread", text)


def relations(client, room, event_id, *parts, **params):
    return client.get(f"{V1}/{path(room, 'relations', event_id, *parts)}", params=params)


def threads(client, room, **params):
    return client.get(f"{V1}/{path(room, 'threads')}", params=params)


def event(client, room, event_id):
    return client.get(path(room, "event", event_id)).ok().json


def bundle(client, room, event_id):
    """The bundled aggregations of an event; {} where it has none."""
    return event(client, room, event_id)["unsigned"].get("m.relations", {})


def redact(client, room, event_id, txn):
    return client.put(path(room, "redact", event_id, txn), {}).ok()["event_id"]


def ids(events):
    return [e["event_id"] for e in events]
