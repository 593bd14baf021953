"""Fixtures of the scenarios: servers that are watched, people with unique names."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.client import Client, unique  # noqa: E402
from harness.server import Server, binary  # noqa: E402

_living = []    # every server of the run, for the log of a failed test


def pytest_sessionstart():
    if not pathlib.Path(binary()).exists():
        pytest.exit(f"no server to test at {binary()}: build it, or set EXEUNT_BIN", returncode=2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in _living:
            report.sections.append((f"log of {server.directory.name}", server.log_tail()))


@pytest.fixture(autouse=True)
def clean_logs():
    """A line of level error, a sanitizer's report or a death fails the test in which it came."""
    yield
    for server in _living:
        server.check_log()


class _Factory:
    def __init__(self, base):
        self.base = base
        self.made = []

    def __call__(self, settings=None, start=True, fault=None, **kwargs):
        server = Server(self.base / unique("server"), settings, **kwargs)
        self.made.append(server)
        _living.append(server)
        return server.start(fault) if start else server

    def end(self):
        problems = []
        for server in self.made:
            try:
                server.stop()
                server.check_log()
            except AssertionError as problem:
                problems.append(str(problem))
            finally:
                server.kill()
                server.database.drop()
                _living.remove(server)
        assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory):
    """Makes servers that live as long as the module."""
    factory = _Factory(tmp_path_factory.mktemp("exeunt"))
    yield factory
    factory.end()


@pytest.fixture(scope="module")
def server(module_servers):
    """One server for all tests of a module: open registration, no rate limits."""
    return module_servers()


@pytest.fixture
def make_server(tmp_path):
    """Makes servers that live as long as the test."""
    factory = _Factory(tmp_path)
    yield factory
    factory.end()


@pytest.fixture
def fresh_server(make_server):
    return make_server()


@pytest.fixture
def anonymous(server):
    return Client(server)


@pytest.fixture
def person(server):
    """Makes people: person() registers one on the shared server."""
    def make(prefix="person", on=None, **more):
        return Client(on or server).register(unique(prefix), **more)
    return make


@pytest.fixture
def alice(person):
    return person("alice")


@pytest.fixture
def bob(person):
    return person("bob")
