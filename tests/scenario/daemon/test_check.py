"""exeunt check on data that somebody damaged by hand."""

import pytest

from harness.client import Client, unique
from harness.database import on_sqlite_only

JOIN = 1


@pytest.fixture
def ended(exeunt, make_server):
    """A stopped server with an account that ended and left two rooms."""
    server = make_server()
    alice = Client(server).register(unique("ended"))
    for _ in range(2):
        alice.create_room()
    server.stop()
    exeunt("user", "deactivate", alice.localpart, on=server).ok("2 left")
    exeunt("check", on=server).ok("The data is in order.")
    server.user_id = alice.user_id
    return server


def damage(server, *statements):
    for statement in statements:
        server.database.sql(statement)


def test_an_ended_account_in_a_room_is_found(exeunt, ended):
    damage(ended, f"UPDATE memberships SET membership={JOIN}")
    result = exeunt("check", on=ended)
    assert result.status == 1, result
    assert result.out.count(f"the deactivated account {ended.user_id} is still in !") == 2, result
    found = exeunt("check", "--json", on=ended)
    assert found.status == 1 and '"findings":[' in found.out


def test_a_room_that_waits_for_another_try_is_no_damage(exeunt, ended):
    damage(ended, f"UPDATE memberships SET membership={JOIN}", "UPDATE departures SET state=0",
           "UPDATE deactivations SET finished_ms=0")
    assert "is still in" not in exeunt("check", on=ended).out


@on_sqlite_only
def test_a_database_that_is_none_is_told(exeunt, ended):
    for name in ("exeunt.db", "exeunt.db-wal", "exeunt.db-shm"):
        (ended.data / name).unlink(missing_ok=True)
    (ended.data / "exeunt.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    exeunt("check", on=ended).expect(1, "exeunt.db", "damaged or no database")
    exeunt("serve", on=ended).expect(1, "damaged or no database")
