"""What the administrator of the machine does beside a running server."""

import os
import subprocess

from .server import binary

LIMIT_S = 60


def command(server, *words, stdin=""):
    """Runs a subcommand on the server's data; its output."""
    line = [binary(), *words, *server.at(), "--server-name", server.name]
    for key, value in server.settings.items():
        if key.startswith("database."):     # of processes that share one
            line += ["--set", f"{key}={value}"]
    env = {key: value for key, value in os.environ.items() if key != "EXEUNT_FAULT"}
    done = subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=LIMIT_S, env=env, check=False)
    assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def promote(client):
    """Makes the client's user a server administrator."""
    command(client.server, "user", "promote", client.user_id)
    return client
