"""429 with M_LIMIT_EXCEEDED and Retry-After, on a server that limits."""

import pytest

from harness.client import V3, Client, assert_cors, unique

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
