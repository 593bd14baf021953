"""Stands between a server and its PostgreSQL, on a unix socket of its own, and loses the answer to one commit."""

import pathlib
import selectors
import shutil
import socket
import tempfile
import threading

COMMIT = b"\0commit\0"                      # of a Bind: the prepared statement has the name of its row
READY = b"Z\0\0\0\5"                        # ends an answer; the state of the transaction follows
CHUNK_BYTES = 1 << 16


class PostgresProxy:
    def __init__(self, server):
        """server: the folder of the server's socket."""
        self.server = str(pathlib.Path(server) / ".s.PGSQL.5432")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="exeunt-proxy-"))
        self.lost = threading.Event()       # the commit was done, and its answer lost
        self.is_away = False                # connections are refused
        self._word = None                   # of the commit that is to be lost
        self._chosen = None                 # the client's end of the connection that has said it
        self._losing = False                # the commit is on its way
        self._peers = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self._listener.listen(64)
        self._stop, wake = socket.socketpair()
        self._wake = wake
        for end in (self._listener, self._stop):
            self._selector.register(end, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def lose_commit_of(self, statement):
        """
        The next commit after that statement is done, its answer and its connection lost, and there are no new
        connections until come_back().
        """
        self.lost.clear()
        self._word = b"\0" + statement.encode() + b"\0"

    def come_back(self):
        self.is_away = False

    def end(self):
        self._wake.send(b"x")
        self._thread.join()
        for end in (*self._peers, self._listener, self._stop, self._wake):
            end.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stop:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._peers:
                    self._pass(key.fileobj)

    def _accept(self):
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            assert not self.is_away
            server.connect(self.server)
        except (AssertionError, OSError):
            client.close()
            server.close()
            return
        self._peers.update({client: server, server: client})
        for end in (client, server):
            self._selector.register(end, selectors.EVENT_READ)

    def _close(self, end):
        for each in (end, self._peers[end]):
            self._selector.unregister(each)
            del self._peers[each]
            each.close()

    def _pass(self, end):
        try:
            data = end.recv(CHUNK_BYTES)
            if self._word and self._word in data:
                self._word, self._chosen = None, end
            if end is self._chosen and COMMIT in data:
                self._losing = True
            if self._losing and self._peers[end] is self._chosen:
                if data[-6:-1] == READY:
                    self._lose()
                return
            if data:
                self._peers[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._close(end)

    def _lose(self):
        self.is_away = True
        self._close(self._chosen)
        self._chosen, self._losing = None, False
        self.lost.set()
