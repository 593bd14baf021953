"""What a client begins at one process it finishes at another; and no process gives it more than its share."""

import concurrent.futures
import re
import time

import pytest

from harness import uia
from harness.client import Client, unique

from test_processes import wait_shared

ROUNDS = 10
BURST, PER_SECOND = 20, 0.5   # of logins from one address, by all processes together
NEW_PASSWORD = "a longer horse battery"


def at(process, client):
    return Client(process, client.user_id, client.token, client.device_id, client.password)


def everywhere(processes, client):
    return [at(process, client) for process in processes]


def registered(processes):
    """At the last process, which lives to the end."""
    return everywhere(processes, Client(processes[-1]).register(unique("alice")))


def password_change(session=None, client=None, password=None):
    body = {"new_password": NEW_PASSWORD}
    if client:
        body["auth"] = uia.password_auth(client, session, password)
    return body


def test_a_password_change_outlives_the_process_that_began_it(processes):
    first, second, third = registered(processes)
    session = uia.challenge(first, "account/password", password_change(), "m.login.password")
    processes[0].kill()
    wrong = second.post("account/password", password_change(session, second, "wrong"))
    wrong.expect(401, "M_FORBIDDEN")
    assert wrong["session"] == session, "it may be tried again"
    third.post("account/password", password_change(session, third)).ok()
    second.password = third.password = NEW_PASSWORD
    again = second.post("account/password", password_change(session, second))
    again.expect(401, "M_FORBIDDEN")
    assert again["session"] != session, "it was used up"
    Client(processes[1], password=NEW_PASSWORD).login_call(second.user_id, NEW_PASSWORD).ok()


def test_the_end_of_an_account_begins_here_and_is_accepted_there(processes):
    first, second, third = registered(processes)
    session = uia.challenge(first, "account/deactivate", stage="m.login.password")
    processes[0].kill()
    second.post("account/deactivate", {"auth": uia.password_auth(second, session)}).ok()
    third.login_call(third.user_id, third.password).expect(403)


def test_a_session_belongs_to_its_request_everywhere(processes):
    first, second, _ = registered(processes)
    session = uia.challenge(first, "account/password", password_change(), "m.login.password")
    for path, body in (("account/deactivate", {}), ("account/password", {"new_password": "something else 1"})):
        answer = second.post(path, {**body, "auth": uia.password_auth(second, session)})
        answer.expect(401, "M_FORBIDDEN")
        assert answer["session"] != session
    second.post("account/password", password_change(session, second)).ok()


def test_a_session_is_used_up_once_by_all(processes):
    """Asked for at the same time: one account, and the others are told to authenticate."""
    with concurrent.futures.ThreadPoolExecutor(len(processes)) as pool:
        for _ in range(ROUNDS):
            session = uia.challenge(Client(processes[0]), "register", {"password": NEW_PASSWORD})
            body = {"password": NEW_PASSWORD, "auth": {"type": "m.login.dummy", "session": session}}
            answers = list(pool.map(lambda process: Client(process).post("register", body), processes))
            assert sorted(answer.status for answer in answers) == [200, 401, 401], answers


@pytest.fixture
def limiting(processes):
    """The same processes, started again with limits, when all know of all."""
    for process in processes:
        process.stop()
        process.settings["rate_limit.enabled"] = "true"
        process.start()
    wait_shared(processes, len(processes))
    wait_view(processes, len(processes))
    return processes


def wait_view(processes, count, limit_s=15):
    """Until each has said that it counts so many."""
    deadline = time.monotonic() + limit_s
    for process in processes:
        while not (said := re.findall(r"rooms are shared out.* processes=(\d+)", process.log())) \
                or int(said[-1]) != count:
            assert time.monotonic() < deadline, (count, said)
            time.sleep(0.05)


def flood(process):
    """How many logins went through until one was refused, and how long that one is told to wait."""
    anonymous = Client(process)
    through = 0
    while (answer := anonymous.login_call("nobody", "wrong")).status != 429:
        through += 1
        assert through < 10 * BURST, "nothing is refused"
    return through, answer["retry_after_ms"] / 1000


def test_processes_share_a_limit(limiting):
    begun = time.monotonic()
    granted = [flood(process) for process in limiting]
    allowed = BURST + PER_SECOND * (time.monotonic() - begun)
    share = BURST // len(limiting)
    assert share * len(limiting) <= sum(through for through, _ in granted) <= allowed, granted
    assert all(through >= share for through, _ in granted), granted
    for process in limiting[1:]:
        process.kill()
    wait_view(limiting[:1], 1)
    flood(limiting[0])
    _, wait_s = flood(limiting[0])
    assert 0 < wait_s <= 1 / PER_SECOND, "the one that is left grants what all did"
