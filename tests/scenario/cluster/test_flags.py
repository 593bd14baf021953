"""A flag that one process sets holds at all of them at once."""

from harness.admin import promote
from harness.client import Client, quote, unique

from test_uia import everywhere

ROUNDS = 5


def test_a_locked_account_is_locked_everywhere(processes):
    admin = promote(Client(processes[0]).register(unique("admin")))
    bob = Client(processes[1]).register(unique("bob"))
    path = f"/_matrix/client/v1/admin/lock/{quote(bob.user_id)}"
    for _ in range(ROUNDS):
        for client in everywhere(processes, bob):
            client.whoami().ok()                        # in the cache of each
        since = everywhere(processes, bob)[2].sync_call().ok()["next_batch"]
        for process in everywhere(processes, admin):
            process.put(path, {"locked": True}).ok()
            for client in everywhere(processes, bob):
                answer = client.sync_call(since, timeout_ms=10_000)     # ends as soon as the news is there
                answer.expect(401, "M_USER_LOCKED")
            process.put(path, {"locked": False}).ok()
            for client in everywhere(processes, bob):
                while client.whoami().status == 401:
                    pass
