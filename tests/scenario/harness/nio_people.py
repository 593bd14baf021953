"""People with matrix-nio as their client. nio turns an answer that its schema refuses into an error,
so the type of an answer is a test."""

import asyncio
import contextlib

import nio

from harness.client import PASSWORD, unique

TEXT = {"msgtype": "m.text", "body": "hello"}
LIMIT_S = 60


def good(answer, kind):
    assert isinstance(answer, kind), answer
    return answer


@contextlib.asynccontextmanager
async def people(server, *names):
    clients = []
    config = nio.AsyncClientConfig(encryption_enabled=False, max_timeouts=0)
    try:
        for name in names:
            clients.append(nio.AsyncClient(server.url, unique(name), config=config))
            good(await clients[-1].register(clients[-1].user, PASSWORD, "test"),
                 nio.RegisterResponse)
        yield clients
    finally:
        for client in clients:
            await client.close()


async def sync(client, **kwargs):
    return good(await client.sync(**kwargs), nio.SyncResponse)


def play(coroutine):
    """Runs a coroutine to its end, within a limit."""
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT_S))


def scenario(test):
    """Makes a test of a coroutine that takes the server."""
    def run(server):
        play(test(server))
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
