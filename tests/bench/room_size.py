#!/usr/bin/env python3
"""Sends in a room of many state entries against sends in a small one, interleaved, over a running server.

usage: room_size.py URL [ENTRIES [SENDS]]

URL is of a server with open registration and no rate limits. Prints the medians of both in milliseconds and their ratio.
"""

import http.client
import json
import statistics
import sys
import threading
import time
import urllib.parse

WORKERS = 8


class Client:
    """One connection and one token."""

    def __init__(self, url, token=None):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
        self.token = token

    def call(self, method, path, body):
        """The answer, which must be 200."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self.connection.request(method, "/_matrix/client/v3/" + path, json.dumps(body), headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"{method} {path}: {response.status} {answer}")
        return answer


def fill(url, token, room, first, count):
    """Sets `count` state entries."""
    client = Client(url, token)
    for i in range(first, first + count):
        client.call("PUT", f"rooms/{room}/state/org.example.entry/{i}", {"value": i})


def main():
    """Fills, sends, prints."""
    url = sys.argv[1]
    entries = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    sends = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    client = Client(url)
    client.token = client.call("POST", "register", {
        "username": f"size{time.time_ns()}", "password": "a long enough one", "auth": {"type": "m.login.dummy"},
    })["access_token"]
    rooms = [urllib.parse.quote(client.call("POST", "createRoom", {})["room_id"]) for _ in range(2)]
    share = entries // WORKERS
    threads = [threading.Thread(target=fill, args=(url, client.token, rooms[1], n * share, share)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = [[], []]
    for i in range(sends):
        for which in (0, 1):
            began = time.perf_counter()
            client.call("PUT", f"rooms/{rooms[which]}/send/m.room.message/{i}", {"body": "x", "msgtype": "m.text"})
            times[which].append((time.perf_counter() - began) * 1000)
    small, large = (statistics.median(values) for values in times)
    print(f"small room {small:.3f} ms, {entries} entries {large:.3f} ms, ratio {large / small:.2f}")


if __name__ == "__main__":
    main()
