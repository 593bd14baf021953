"""Keys and messages to devices over several processes: whichever answers, the same is true."""

import collections
import concurrent.futures
import threading

from harness.client import Client, unique
from harness.keys import Device, claim, device_lists, query, send_to_device

CLAIMS = 64


def person(processes, name):
    """A client for each process, all under one token."""
    first = Client(processes[0]).register(unique(name))
    return [Client(p, first.user_id, first.token, first.device_id, first.password) for p in processes]


def test_each_key_is_given_once(processes):
    alice, bob = person(processes, "alice"), person(processes, "bob")
    device = Device(alice[0])
    keys = device.one_time(CLAIMS)
    device.upload(device_keys=device.keys(), one_time_keys=keys).ok()

    def claim_at(number):
        client = bob[number % len(processes)]
        return claim(Client(client.server, client.user_id, client.token), alice[0].user_id, alice[0].device_id)

    def upload_at(number):      # repeated meanwhile, everywhere
        client = alice[number % len(processes)]
        Client(client.server, client.user_id, client.token).post("keys/upload", {"one_time_keys": keys}).ok()

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        uploads = [pool.submit(upload_at, number) for number in range(12)]
        given = list(pool.map(claim_at, range(CLAIMS)))
        for upload in uploads:
            upload.result()
    assert collections.Counter(name for name, _ in given) == {name: 1 for name in keys}
    assert [claim(b, alice[0].user_id, alice[0].device_id) for b in bob] == [None] * len(bob)


def test_a_message_wakes_who_waits_elsewhere(processes):
    alice, bob = person(processes, "alice"), person(processes, "bob")
    since = bob[0].sync_call().ok()["next_batch"]
    for number in range(6):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            poll = pool.submit(bob[number % 3].sync_call, since, 20000)
            threading.Event().wait(0.2)     # most likely parked; right either way
            send_to_device(alice[(number + 1) % 3], {bob[0].user_id: {"*": {"number": number}}}).ok()
            answer = poll.result(15).ok()
        assert [e["content"]["number"] for e in answer["to_device"]["events"]] == [number]
        since = answer["next_batch"]


def test_the_same_transaction_everywhere_is_one_message(processes):
    alice, bob = person(processes, "alice"), person(processes, "bob")
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        sent = [pool.submit(send_to_device, Client(a.server, a.user_id, a.token), {bob[0].user_id: {"*": {}}}, txn="once")
                for a in alice * 3]
        for answer in sent:
            answer.result().ok()
    assert len(bob[1].sync_call().ok()["to_device"]["events"]) == 1


def test_a_change_of_a_list_wakes_who_waits_elsewhere(processes):
    alice, bob = person(processes, "alice"), person(processes, "bob")
    room = alice[0].create_room(preset="public_chat")
    bob[1].join(room).ok()
    for number in range(6):
        since = bob[number % 3].sync_call().ok()["next_batch"]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            poll = pool.submit(bob[number % 3].sync_call, since, 20000)
            threading.Event().wait(0.2)
            Device(alice[(number + 1) % 3]).publish()
            assert device_lists(poll.result(15).ok()) == ({alice[0].user_id}, set())
        assert len({str(query(b, alice[0].user_id)["device_keys"]) for b in bob}) == 1
