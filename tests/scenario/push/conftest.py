"""A room of two, and short words for sending and reading in it."""

import pytest

from harness.rooms import path


@pytest.fixture
def room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


@pytest.fixture
def other_room(alice, bob):
    room = alice.create_room(preset="public_chat")
    bob.join(room).ok()
    return room


@pytest.fixture
def say():
    """say(client, room, text, **content) sends a message and returns its event id."""
    def send(client, room, text="hello", **content):
        body = {"msgtype": "m.text", "body": text, **content}
        return client.send_call(room, body).ok()["event_id"]
    return send


@pytest.fixture
def relate(say):
    """relate(client, room, rel_type, parent) sends a message that is a child of another."""
    def send(client, room, rel_type, parent, text="child", **content):
        return say(client, room, text, **{"m.relates_to": {"rel_type": rel_type, "event_id": parent}}, **content)
    return send


@pytest.fixture
def read():
    """read(client, room, event_id, thread=…, kind=…) sets a receipt."""
    def send(client, room, event_id, thread=None, kind="m.read"):
        return client.post(path(room, "receipt", kind, event_id), {"thread_id": thread} if thread else {})
    return send
