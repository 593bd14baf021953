"""Raw sockets, for what no well-behaved client sends."""

import json
import socket


class Wire:
    """One TCP connection; bytes go out as given, answers come back parsed."""

    def __init__(self, server, timeout_s=20):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, path, body=b"", headers=(), host=True):
        """Sends a request, with Content-Length where there is a body."""
        lines = [f"{method} {path} HTTP/1.1"]
        if host:
            lines.append("Host: localhost")
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += list(headers)
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed by the server")
        self.rest += data

    def answer(self, head_only=False):
        """(status, headers with lower-case names, body) of the next answer."""
        while b"\r\n\r\n" not in self.rest:
            self._fill()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        if head_only or status in (204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return status, headers, self._chunks()
        length = int(headers.get("content-length", "0"))
        while len(self.rest) < length:
            self._fill()
        body, self.rest = self.rest[:length], self.rest[length:]
        return status, headers, body

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.rest:
                self._fill()
            size, self.rest = self.rest.split(b"\r\n", 1)
            length = int(size.split(b";")[0], 16)
            while len(self.rest) < length + 2:
                self._fill()
            body, self.rest = body + self.rest[:length], self.rest[length + 2:]
            if length == 0:
                return body

    def errcode(self):
        status, _, body = self.answer()
        return status, json.loads(body).get("errcode")

    def is_closed(self, timeout_s=20):
        """Waits for the server to close."""
        self.socket.settimeout(timeout_s)
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    return True
                self.rest += data
        except ConnectionError:
            return True
        except socket.timeout:
            return False
