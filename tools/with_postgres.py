#!/usr/bin/env python3
"""Runs a command with a private PostgreSQL beside it.

    tools/with_postgres.py [--durable] COMMAND...

The database cluster stands in a temporary directory, listens on a unix socket there and nowhere else, and is
stopped and removed afterwards. EXEUNT_TEST_DATABASE tells the command how to connect: unit tests and scenarios that
find it there use PostgreSQL instead of SQLite. Without --durable nothing is synced to disk, which is faster.
PostgreSQL does not run as root: root starts it as the user postgres, which its package makes.
"""

import argparse
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

USER = "exeunt"
DATABASE = "test"
START_LIMIT_S = 60
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
SETTINGS = ("listen_addresses=", "max_connections=400", "shared_buffers=64MB", "log_min_messages=warning")


class PostgresError(Exception):
    pass


def program(name):
    """The newest one of the distribution, or what PATH has."""
    for folder in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True,
                         key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if not found:
        raise PostgresError(f"{name} is not installed: tools/setup.sh --postgres installs PostgreSQL")
    return found


class Postgres:
    """One private cluster; `with Postgres() as cluster:` starts and removes it."""

    def __init__(self, durable=False):
        self.settings = SETTINGS + (() if durable else FAST)
        self.user = "postgres" if os.geteuid() == 0 else None
        self.folder = None
        self.process = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="exeunt-postgres-"))
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        try:
            self._run([program("initdb"), "-D", self.folder / "data", "-U", USER, "-A", "trust",
                       "-E", "UTF8", "--locale=C", "--no-sync"])
            self.start()
            self.sql(f"CREATE DATABASE {DATABASE}", "postgres")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command):
        done = subprocess.run([str(word) for word in command], user=self.user, cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, extra_groups=[] if self.user else None, check=False)
        if done.returncode != 0:
            raise PostgresError(f"{pathlib.Path(command[0]).name} failed:\n{done.stdout}")

    def conninfo(self, database=DATABASE):
        return f"host={self.folder} dbname={database} user={USER}"

    def start(self):
        words = [program("postgres"), "-D", self.folder / "data", "-k", self.folder]
        for setting in self.settings:
            words += ["-c", setting]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in words], user=self.user, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, extra_groups=[] if self.user else None, start_new_session=True)
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = subprocess.run([program("pg_isready"), "-q", "-h", str(self.folder)], check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise PostgresError("PostgreSQL did not start:\n" + (self.folder / "log").read_text(errors="replace"))

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast and clean; SIGQUIT: as after a crash."""
        if self.process is None:
            return
        self.wake()
        process, self.process = self.process, None
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def freeze(self):
        """All its processes stand still until wake()."""
        self.process.send_signal(signal.SIGSTOP)    # the first, so that it makes no others
        self._signal_children(signal.SIGSTOP)

    def wake(self):
        self._signal_children(signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)

    def _signal_children(self, how):
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])
                if parent == self.process.pid:
                    os.kill(int(stat.parent.name), how)
            except (FileNotFoundError, ProcessLookupError):
                pass    # it has ended meanwhile

    def sql(self, text, database=DATABASE):
        return sql(self.conninfo(database), text)


def sql(conninfo, text):
    """The rows of the last statement, a list of texts each."""
    done = subprocess.run([program("psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                           "-d", conninfo, "-c", text],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}, check=False)
    if done.returncode != 0:
        raise PostgresError(f"{text}: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def dump(conninfo, schema):
    """One schema as a script."""
    done = subprocess.run([program("pg_dump"), "-n", schema, "--no-owner", "--inserts", "--rows-per-insert=500",
                           "-d", conninfo], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def restore(conninfo, script):
    subprocess.run([program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo], input=script,
                   stdout=subprocess.DEVNULL, text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--durable", action="store_true", help="sync to disk as a real server does")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("give a command")
    try:
        with Postgres(arguments.durable) as cluster:
            return subprocess.run(arguments.command, check=False,
                                  env={**os.environ, "EXEUNT_TEST_DATABASE": cluster.conninfo()}).returncode
    except PostgresError as problem:
        print(f"with_postgres: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
