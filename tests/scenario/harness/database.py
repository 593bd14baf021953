"""Where a server of the tests keeps its data: SQLite in its data directory, or a schema of PostgreSQL."""

import os
import pathlib
import secrets
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

import pytest  # noqa: E402

import with_postgres  # noqa: E402

SERVER = os.environ.get("EXEUNT_TEST_DATABASE", "")


def is_on_postgres():
    """tools/with_postgres.py says so."""
    return bool(SERVER)


on_sqlite_only = pytest.mark.skipif(is_on_postgres(), reason="about the files of SQLite")


class Database:
    """That of one server, over all its restarts."""

    def __init__(self, data):
        self.path = pathlib.Path(data) / "exeunt.db"
        self.schema = ""

    def settings(self):
        """What the server has to be told."""
        if not is_on_postgres():
            return {}
        if not self.schema:
            self.schema = "s" + secrets.token_hex(8)
            with_postgres.sql(SERVER, f"CREATE SCHEMA {self.schema}")
        # No beats while a test counts what the server writes.
        return {"database.postgres": self.conninfo, "cluster.beat_ms": "60000", "cluster.lease_ms": "600000"}

    @property
    def conninfo(self):
        return f"{SERVER} options='-csearch_path={self.schema}'"

    def drop(self):
        if self.schema:
            with_postgres.sql(SERVER, f"DROP SCHEMA {self.schema} CASCADE")
            self.schema = ""

    def copy_from(self, origin):
        """As shutil.copytree() does for the files of SQLite; neither server runs."""
        if not origin.schema:
            return
        self.settings()
        tables = [row[0] for row in origin.sql(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema='{origin.schema}'")]
        dump = with_postgres.dump(SERVER, origin.schema)
        assert tables and "CREATE TABLE" in dump
        with_postgres.sql(SERVER, f"DROP SCHEMA {self.schema} CASCADE")
        with_postgres.restore(SERVER, dump.replace(origin.schema, self.schema))

    def sql(self, text):
        """Rows; texts of PostgreSQL come in its escape format. Behind the server's back."""
        if self.schema:
            return with_postgres.sql(self.conninfo, "SET bytea_output=escape; " + text)
        with sqlite3.connect(self.path) as connection:
            return [[str(value) for value in row] for row in connection.execute(text).fetchall()]
