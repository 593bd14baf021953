"""CORS stands on every answer; OPTIONS does nothing else (Client-Server API, Web Browser Clients)."""

import pytest

from harness.client import V3, assert_cors

ANSWERS = [
    ("GET", "/_matrix/client/versions", None, 200),
    ("GET", "/.well-known/matrix/client", None, 200),
    ("GET", "/health", None, 200),
    ("POST", f"{V3}/login", b"{", 400),
    ("GET", f"{V3}/account/whoami", None, 401),
    ("POST", f"{V3}/account/deactivate", b"{}", 401),
    ("POST", f"{V3}/login", b'{"type":"m.login.password","password":"x",'
     b'"identifier":{"type":"m.id.user","user":"nobody"}}', 403),
    ("GET", "/_matrix/client/v3/no/such/endpoint", None, 404),
    ("GET", "/elsewhere", None, 404),
    ("GET", "/_matrix/media/v3/download/localhost/nothing", None, 404),
    ("DELETE", f"{V3}/login", None, 405),
    ("POST", f"{V3}/login", b'"' + b"x" * (2 << 20) + b'"', 413),
]


@pytest.mark.parametrize("method,path,body,status", ANSWERS,
                         ids=[f"{a[0]} {a[1]} {a[3]}" for a in ANSWERS])
def test_on_answers(anonymous, method, path, body, status):
    answer = anonymous.raw(method, path, data=body)
    assert answer.status_code == status, answer.text
    assert_cors(answer.headers)


@pytest.mark.parametrize("path", [
    "/_matrix/client/versions", f"{V3}/login", f"{V3}/account/whoami", f"{V3}/sync",
    f"{V3}/rooms/!r/send/m.room.message/1", f"{V3}/no/such/endpoint", "/.well-known/matrix/client",
])
def test_preflight(anonymous, path):
    """A preflight carries no token, and is never an error."""
    answer = anonymous.raw("OPTIONS", path, headers={
        "Origin": "https://app.example.org",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    })
    assert answer.status_code in (200, 204), answer.text
    assert_cors(answer.headers)


def test_options_does_nothing(alice):
    answer = alice.raw("OPTIONS", f"{V3}/logout", headers={"Authorization": f"Bearer {alice.token}"})
    assert answer.status_code in (200, 204)
    assert alice.is_known()
