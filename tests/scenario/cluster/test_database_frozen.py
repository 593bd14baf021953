"""PostgreSQL that stands still, with all its connections open: nobody waits for long, and all goes on when it wakes."""

import concurrent.futures
import time

import pytest
import requests

from harness.client import quote

from crowd import Crowd
from test_database_away import assert_refused, request, sent_bodies, wait_back
from test_processes import wait_shared

STATEMENT_TIMEOUT_S = 2
SILENCE_S = STATEMENT_TIMEOUT_S + 2
FROZEN_S = 25       # longer than all that a request waits for
# What docs/scaling.md promises: silence, and the question how a commit went, each once for two groups. And slack.
WRITE_LIMIT_S = SILENCE_S + 2 * 10 + 6
READ_LIMIT_S = SILENCE_S + 10 + 5
MOMENT_S = 2        # of that, nobody is told


def make_impatient(processes):
    for process in processes:
        process.stop()
        process.settings["database.statement_timeout_ms"] = STATEMENT_TIMEOUT_S * 1000
        process.start()


def read(process, person, room):
    begun = time.monotonic()
    answer = request(process, person, "GET", f"rooms/{quote(room)}/messages?dir=b")
    return answer, time.monotonic() - begun


@pytest.mark.parametrize("frozen_s", [MOMENT_S, FROZEN_S])
def test_the_database_is_frozen_under_load(processes, frozen_s):
    """For a moment nobody notices; for longer requests are refused in time. Nothing acknowledged is lost or done twice."""
    if frozen_s == FROZEN_S:
        make_impatient(processes)
    wait_shared(processes, 3)
    pids = [process.process.pid for process in processes]
    crowd = Crowd(processes, people=6, senders=4, rooms=6, answer_limit_s=WRITE_LIMIT_S)
    crowd.wait_sent(100)
    reader = crowd.people[-1]
    processes.postgres.freeze()
    awake_at = time.monotonic() + frozen_s
    with concurrent.futures.ThreadPoolExecutor(len(processes)) as pool:
        reads = [pool.submit(read, process, reader, crowd.rooms[0]) for process in processes]
        time.sleep(max(0, awake_at - time.monotonic()))
        processes.postgres.wake()
        answers = [future.result() for future in reads]
    for answer, took_s in answers:
        assert took_s < READ_LIMIT_S
        if frozen_s == FROZEN_S:
            assert_refused(answer)
        else:
            assert answer.status_code == 200, answer.text

    own = [wait_back(process, reader, crowd.rooms[0]) for process in processes]
    crowd.acknowledged += own
    crowd.room_of.update((event_id, crowd.rooms[0]) for event_id in own)
    crowd.wait_sent(100)
    wait_shared(processes, 3)
    crowd.finish()
    assert [process.process.pid for process in processes if process.is_alive()] == pids
    for person in crowd.people:
        person.answers.assert_clean()
        assert person.answers.slowest_s < WRITE_LIMIT_S
    refused = any(person.answers.failures for person in crowd.people[:4])
    assert refused == (frozen_s == FROZEN_S)
    stored = [sent for room in crowd.rooms for sent in sent_bodies(processes[0], reader, room)]
    assert sorted(event_id for event_id, _ in stored) == sorted(crowd.acknowledged)
    assert len({body for _, body in stored}) == len(stored), "a transaction was done twice"
