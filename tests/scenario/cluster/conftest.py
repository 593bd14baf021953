"""Three processes over one PostgreSQL of their own, which the tests may stop."""

import pathlib
import shutil
import sys

import pytest

from harness.database import is_on_postgres
from harness.server import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

import with_postgres  # noqa: E402

PROCESSES = 3
LOG_TAIL_LINES = 60
SETTINGS = {"cluster.beat_ms": 100, "cluster.lease_ms": 1000,
            "password.argon2_memory_kib": 64, "password.argon2_passes": 1}


def pytest_collection_modifyitems(items):
    if is_on_postgres():
        return
    skip = pytest.mark.skip(reason="several processes need PostgreSQL: make check-postgres")
    for item in items:
        if item.path.parent == pathlib.Path(__file__).parent:
            item.add_marker(skip)


@pytest.fixture(scope="module")
def postgres():
    with with_postgres.Postgres(durable=True) as cluster:
        yield cluster


class Processes(list):
    """The processes of one server; `postgres` is the database below them."""

    def __init__(self, folder, postgres, name, options="", defaults=()):
        super().__init__()
        self.postgres = postgres
        self.database = name
        postgres.sql(f"CREATE DATABASE {name} {options}")
        for default in defaults:
            postgres.sql(f"ALTER DATABASE {name} SET {default}")
        for number in range(PROCESSES):
            process = Server(folder / f"process{number}", {
                **SETTINGS, "database.postgres": postgres.conninfo(name),
                "server.signing_key": folder / "signing.key"})
            process.database.settings = dict
            self.append(process.start())

    def end(self):
        """Prints what pytest shows of a test that failed."""
        for process in self:
            status = process.process.poll() if process.process else None
            process.kill()
            told = [line for line in process.log().splitlines() if " http: request " not in line]
            print(f"--- {process.directory.name}, exit status {status}", *told[-LOG_TAIL_LINES:], sep="\n")

    def sql(self, text):
        return self.postgres.sql(text, self.database)


@pytest.fixture
def processes(tmp_path, postgres, request):
    name = "d" + str(abs(hash(request.node.nodeid)) % 10**12)
    made = Processes(tmp_path, postgres, name)
    yield made
    made.end()
    shutil.rmtree(tmp_path, ignore_errors=True)
