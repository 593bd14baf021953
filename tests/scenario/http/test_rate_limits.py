"""429 with M_LIMIT_EXCEEDED and Retry-After, on a server that limits."""

import pytest

from harness.client import V3, Client, assert_cors, unique
from harness.wire import Wire

FLOOD = 400


@pytest.fixture(scope="module")
def limiting(module_servers):
    return module_servers({"rate_limit.enabled": "true"})


def flood(call):
    """Calls until refused; how many went through, and the refusal."""
    for n in range(FLOOD):
        answer = call()
        if answer.status == 429:
            return n, answer
    raise AssertionError(f"{FLOOD} calls, none refused")


def assert_refusal(answer):
    answer.expect(429, "M_LIMIT_EXCEEDED")
    assert_cors(answer.headers)
    seconds = int(answer.headers["Retry-After"])
    assert seconds >= 1, "Retry-After is in whole seconds, and 0 would mean now"
    ms = answer["retry_after_ms"]
    assert isinstance(ms, int) and 0 < ms <= seconds * 1000
    assert ms > (seconds - 1) * 1000, "the header is the rounded-up form of retry_after_ms"
    return ms


def test_login_flood(limiting):
    anonymous = Client(limiting)
    through, refusal = flood(lambda: anonymous.login_call("nobody", "wrong"))
    assert through >= 1
    assert_refusal(refusal)


def test_others_are_served_during_a_login_flood(limiting):
    """What needs no password is not limited by the flood of logins."""
    anonymous = Client(limiting)
    flood(lambda: anonymous.login_call("nobody", "wrong"))
    anonymous.get("/_matrix/client/versions").ok()
    assert anonymous.raw("GET", "/health").status_code == 200
    assert anonymous.raw("OPTIONS", f"{V3}/login").status_code in (200, 204)


def test_registration_flood(module_servers):
    limiting = module_servers({"rate_limit.enabled": "true"})
    anonymous = Client(limiting)

    def register():
        return anonymous.post("register", {"username": unique("flood"), "password": "correct horse 9",
                                           "auth": {"type": "m.login.dummy"}})
    _, refusal = flood(register)
    assert_refusal(refusal)


def test_off_means_off(server):
    anonymous = Client(server)
    for _ in range(30):
        anonymous.get("register/available", params={"username": unique("free")}).ok()
    for _ in range(12):
        anonymous.login_call("nobody", "wrong").expect(403, "M_FORBIDDEN")


def login_from(server, *forwarded):
    """The status of a login that a proxy passes on, with so many lines of X-Forwarded-For."""
    body = b'{"type":"m.login.password","identifier":{"type":"m.id.user","user":"nobody"},"password":"wrong"}'
    with Wire(server) as wire:
        wire.request("POST", f"{V3}/login", body, [f"X-Forwarded-For: {value}" for value in forwarded])
        return wire.answer()[0]


def is_spent(server, *forwarded):
    return login_from(server, *forwarded) == 429


def spend(server, *forwarded):
    assert any(is_spent(server, *forwarded) for _ in range(FLOOD)), f"{FLOOD} calls, none refused"


@pytest.fixture(scope="module")
def behind_proxy(module_servers):
    """All that the tests send comes from 127.0.0.1, so all of it is said by the proxy."""
    return module_servers({"rate_limit.enabled": "true", "http.trusted_proxies": "127.0.0.0/8, fd00::/8"})


def test_clients_of_a_proxy_have_limits_of_their_own(behind_proxy):
    spend(behind_proxy, "198.51.100.1")
    assert not is_spent(behind_proxy, "198.51.100.2")
    assert not is_spent(behind_proxy), "the proxy itself"
    assert is_spent(behind_proxy, "198.51.100.1:4711"), "with the port that it came from"
    assert is_spent(behind_proxy, "198.51.100.1, 127.0.0.9"), "through two of ours"
    assert is_spent(behind_proxy, "203.0.113.1", "198.51.100.1"), "several lines are one list"


def test_only_what_the_proxy_appended_counts(behind_proxy):
    """A client that writes other addresses before it remains who it is."""
    spend(behind_proxy, "203.0.113.77, 198.51.100.5")
    for forged in ("203.0.113.78", "203.0.113.79, 203.0.113.80", "127.0.0.1", "rubbish", ""):
        assert is_spent(behind_proxy, f"{forged}, 198.51.100.5"), forged
    assert is_spent(behind_proxy, "203.0.113.81", "198.51.100.5")
    assert not is_spent(behind_proxy, "198.51.100.5, 203.0.113.77"), "nor is anybody else blamed"


def test_a_customer_of_ipv6_has_one_limit(behind_proxy):
    spend(behind_proxy, "2001:db8:1:2::1")
    assert is_spent(behind_proxy, "[2001:db8:1:2:ffff::9]:443")
    assert not is_spent(behind_proxy, "2001:db8:1:3::1")


def test_no_address_counts_as_the_proxy(module_servers):
    server = module_servers({"rate_limit.enabled": "true", "http.trusted_proxies": "127.0.0.1"})
    spend(server, "unknown")
    for malformed in ("", "unknown", "198.51.100.300", "198.51.100.9,", "198.51.100.9 x", "[198.51.100.9"):
        assert is_spent(server, malformed), malformed
    assert not is_spent(server, "198.51.100.9")


@pytest.mark.parametrize("proxies", ["", "10.0.0.1, 192.0.2.0/24"])
def test_others_are_not_believed(module_servers, proxies):
    server = module_servers({"rate_limit.enabled": "true", "http.trusted_proxies": proxies})
    flood(lambda: Client(server).login_call("nobody", "wrong"))
    assert is_spent(server, "198.51.100.1") and is_spent(server, "10.0.0.1")
