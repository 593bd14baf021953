"""The subcommands of the real binary, run on the data directory of a server or on one of their own."""

import json
import os
import subprocess

import pytest

from harness.server import Server, binary

LIMIT_S = 60


class Result:
    def __init__(self, done, line):
        self.line = line
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self):
        return f"<{' '.join(self.line)} -> {self.status}\nstdout: {self.out}\nstderr: {self.err}>"

    def expect(self, status, *parts):
        """With a status that is not 0, the parts stand on standard error."""
        assert self.status == status, repr(self)
        text = self.err if status else self.out
        for part in parts:
            assert part in text, f"{part!r} is not in {self!r}"
        return self

    def ok(self, *parts):
        self.expect(0, *parts)
        assert self.err == "", repr(self)
        return self

    def json(self):
        return json.loads(self.ok().out)

    def table(self):
        """The rows as dictionaries by heading."""
        lines = [line.split() for line in self.ok().out.splitlines()]
        return [dict(zip(lines[0], line)) for line in lines[1:]]


@pytest.fixture
def exeunt(tmp_path):
    """exeunt("user", "list", on=server or directory, stdin=…)"""
    def run(*words, on=None, stdin="", **more):
        line = [binary(), *words]
        if on is not None:
            is_server = isinstance(on, Server)
            line += on.at() if is_server else ["--data", str(on)]
            line += ["--server-name", on.name if is_server else "localhost"]
        env = {key: value for key, value in os.environ.items() if key != "EXEUNT_FAULT"}
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, cwd=tmp_path,
                              timeout=LIMIT_S, env={**env, **more.pop("env", {})}, **more)
        return Result(done, line)
    return run


@pytest.fixture(params=["beside", "without"])
def place(request, make_server):
    """A server's data with the server running, or stopped: every command works with both."""
    server = make_server()
    server.running = request.param == "beside"

    def settle():
        """After the preparation through the running server."""
        if not server.running:
            server.stop()
        return server

    def resume():
        if not server.running:
            server.start()
        return server

    server.settle, server.resume = settle, resume
    return server
