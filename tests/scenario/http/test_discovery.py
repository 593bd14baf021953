"""What a client reads before it logs in, and what is not there."""

import re

import pytest

from harness.client import V3, Client, quote
from harness.server import ServerDied

# v1.11 promises authenticated media, which is not there yet.
NAMED_VERSIONS = [f"v1.{n}" for n in range(1, 11)]


def test_versions(anonymous):
    answer = anonymous.get("/_matrix/client/versions").ok()
    versions = answer["versions"]
    assert all(re.fullmatch(r"v\d+\.\d+|r\d+\.\d+\.\d+", v) for v in versions)
    assert len(set(versions)) == len(versions)
    # Clients refuse to start below various versions: all from v1.1 on must stand here.
    assert not set(NAMED_VERSIONS) - set(versions)
    numbers = sorted(int(v[3:]) for v in versions if v.startswith("v1."))
    assert numbers == list(range(1, numbers[-1] + 1)), "a gap"
    assert answer["unstable_features"]["org.matrix.msc3759"] is True
    assert all(isinstance(v, bool) for v in answer["unstable_features"].values())


def test_versions_with_a_token(alice):
    """Authentication is optional: with a token it works as well."""
    assert "v1.1" in alice.get("/_matrix/client/versions").ok()["versions"]


def test_versions_with_unknown_token(anonymous):
    answer = anonymous.get("/_matrix/client/versions", token="nonsense")
    assert answer.status in (200, 401)
    if answer.status == 401:
        answer.expect(401, "M_UNKNOWN_TOKEN")


def test_well_known(anonymous):
    answer = anonymous.get("/.well-known/matrix/client").ok()
    assert re.fullmatch(r"https?://[^/]+(/.*)?", answer["m.homeserver"]["base_url"])


def test_health(anonymous):
    answer = anonymous.raw("GET", "/health")
    assert answer.status_code == 200


def test_capabilities(alice):
    capabilities = alice.get("capabilities").ok()["capabilities"]
    versions = capabilities["m.room_versions"]
    assert versions["default"] == "12"
    assert {"10", "11", "12"} <= set(versions["available"])
    assert set(versions["available"].values()) <= {"stable", "unstable"}
    assert versions["available"]["12"] == "stable"
    assert capabilities["m.change_password"] == {"enabled": True}
    for name in ("m.set_displayname", "m.set_avatar_url", "m.3pid_changes", "m.get_login_token"):
        if name in capabilities:
            assert isinstance(capabilities[name]["enabled"], bool)


def test_capabilities_need_a_token(anonymous):
    anonymous.get("capabilities").expect(401, "M_MISSING_TOKEN")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [
    "/", "/nothing", "/_matrix", "/_matrix/", "/_matrix/client", "/_matrix/client/v3",
    "/_matrix/client/v3/", "/_matrix/client/v3/nothing", "/_matrix/client/v99/login",
    "/_matrix/client/v3/loginx", "/_matrix/client/v3/login/x/y/z",
    "/_matrix/client/v1/auth_metadata_", "/_matrix/client/unstable/org.example/nothing",
    "/_matrix/client/v3//login", "/health/x",
])
def test_unknown_path(anonymous, method, path):
    anonymous.call(method, path).expect(404, "M_UNRECOGNIZED")


def test_auth_metadata_says_password_login(anonymous):
    """The answer that tells a client to log in by password (Authentication API discovery)."""
    anonymous.get("/_matrix/client/v1/auth_metadata").expect(404, "M_UNRECOGNIZED")


WRONG_METHODS = [
    ("PUT", f"{V3}/login"), ("DELETE", f"{V3}/login"), ("GET", f"{V3}/logout"),
    ("GET", f"{V3}/register"), ("POST", f"{V3}/account/whoami"), ("POST", f"{V3}/sync"),
    ("POST", "/_matrix/client/versions"), ("PUT", f"{V3}/createRoom"),
    ("GET", f"{V3}/account/deactivate"), ("PATCH", f"{V3}/login"), ("BREW", f"{V3}/login"),
    ("POST", f"{V3}/rooms/!r:localhost/state"), ("DELETE", f"{V3}/joined_rooms"),
]


@pytest.mark.parametrize("method,path", WRONG_METHODS)
def test_wrong_method(anonymous, method, path):
    """405 comes before authentication: the client learns what is wrong."""
    anonymous.call(method, path).expect(405, "M_UNRECOGNIZED")


def test_head(anonymous):
    """HEAD answers as GET does, without the body."""
    full = anonymous.raw("GET", "/_matrix/client/versions")
    head = anonymous.raw("HEAD", "/_matrix/client/versions")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Type"] == full.headers["Content-Type"]
    assert anonymous.raw("HEAD", "/nothing").status_code == 404


NEED_TOKEN = [
    ("GET", "account/whoami"), ("POST", "logout"), ("POST", "logout/all"), ("GET", "sync"),
    ("POST", "createRoom"), ("GET", "joined_rooms"), ("GET", "pushrules/"),
    ("POST", f"user/{quote('@a:localhost')}/filter"),
    ("PUT", f"user/{quote('@a:localhost')}/account_data/org.example"),
    ("PUT", f"profile/{quote('@a:localhost')}/displayname"),
    ("POST", f"join/{quote('!r:localhost')}"),
    ("PUT", f"rooms/{quote('!r:localhost')}/send/m.room.message/1"),
    ("GET", f"rooms/{quote('!r:localhost')}/state"),
]


@pytest.mark.parametrize("method,path", NEED_TOKEN)
def test_token_is_needed(anonymous, method, path):
    body = None if method == "GET" else {}
    anonymous.call(method, path, json=body).expect(401, "M_MISSING_TOKEN")
    anonymous.call(method, path, json=body, token="syt_nonsense").expect(401, "M_UNKNOWN_TOKEN")


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "syt_nonsense",
                                   "Bearer two words", "bearer" + " " * 200])
def test_malformed_authorization(anonymous, value):
    answer = anonymous.get("account/whoami", headers={"Authorization": value})
    answer.expect(401)
    assert answer.errcode in ("M_MISSING_TOKEN", "M_UNKNOWN_TOKEN")


@pytest.mark.parametrize("token", ["x" * 5000, "%00", "';DROP/**/TABLE/**/tokens;--", "@alice:localhost"])
def test_strange_tokens(anonymous, token):
    anonymous.get("account/whoami", token=token).expect(401, "M_UNKNOWN_TOKEN")


SUPPORT = "/.well-known/matrix/support"


@pytest.mark.parametrize("settings,expected", [
    ({"support.matrix_id": "@help:localhost"}, {"contacts": [{"role": "m.role.admin", "matrix_id": "@help:localhost"}]}),
    ({"support.email_address": "help@example.org", "support.page": "https://example.org/help"},
     {"contacts": [{"role": "m.role.admin", "email_address": "help@example.org"}],
      "support_page": "https://example.org/help"}),
    ({"support.page": "https://example.org/help"}, {"support_page": "https://example.org/help"})], ids=str)
def test_support(make_server, settings, expected):
    assert Client(make_server(settings)).get(SUPPORT).ok().json == expected


def test_no_support(anonymous):
    anonymous.get(SUPPORT).expect(404, "M_NOT_FOUND")


@pytest.mark.parametrize("settings,words", [
    ({"support.matrix_id": "help"}, "support.matrix_id takes a user ID"),
    ({"support.page": "example.org"}, "support.page takes a URL"),
    ({"turn.uris": "turn:a"}, "turn.uris needs turn.shared_secret"),
    ({"turn.uris": "stun:a", "turn.shared_secret": "s"}, "turn.uris takes turn: and turns: URIs"),
    ({"turn.uris": "turn:a", "turn.shared_secret_file": "/nowhere"}, "/nowhere")], ids=str)
def test_settings_that_make_no_sense(make_server, settings, words):
    with pytest.raises(ServerDied, match=re.escape(words)):
        make_server(settings)
