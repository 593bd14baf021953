"""A long poll whose token goes while it waits is answered at once, not when its time is over."""

import threading

import pytest

from harness import uia

POLL_MS = 60_000
SOON_S = 20


def log_out(session, _other):
    session.post("logout", {}).ok()


def log_all_out(_session, other):
    other.post("logout/all", {}).ok()


def change_password(_session, other):
    uia.with_password(other, "account/password", {"new_password": "quite another one"}).ok()


@pytest.mark.parametrize("end", [log_out, log_all_out, change_password])
def test_parked_poll(alice, end):
    session = alice.login()
    since = session.sync_call().ok()["next_batch"]
    answers = []
    poll = threading.Thread(target=lambda: answers.append(session.sync_call(since, timeout_ms=POLL_MS)))
    poll.start()
    for _ in range(50):  # the poll has parked meanwhile
        assert alice.is_known()
    assert not answers
    end(session, alice)
    poll.join(SOON_S)
    assert not poll.is_alive(), "the poll still waits"
    answers[0].expect(401, "M_UNKNOWN_TOKEN")
