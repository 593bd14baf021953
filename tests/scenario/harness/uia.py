"""User-interactive authentication, from the client's side."""


def flows_of(answer):
    return [tuple(flow["stages"]) for flow in answer["flows"]]


def assert_challenge(answer, stage=None):
    """The 401 that asks for authentication; returns its session."""
    answer.expect(401)
    assert isinstance(answer["flows"], list) and answer["flows"], repr(answer)
    for flow in answer["flows"]:
        assert isinstance(flow["stages"], list) and flow["stages"], repr(answer)
        assert all(isinstance(s, str) for s in flow["stages"]), repr(answer)
    assert isinstance(answer.json.get("params", {}), dict), repr(answer)
    assert isinstance(answer["session"], str) and answer["session"], repr(answer)
    if stage is not None:
        assert (stage,) in flows_of(answer), repr(answer)
    return answer["session"]


def challenge(client, path, body=None, stage=None):
    answer = client.post(path, body or {})
    assert "errcode" not in answer.json, repr(answer)
    return assert_challenge(answer, stage)


def password_auth(client, session=None, password=None, user=None):
    auth = {"type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user or client.user_id},
            "password": client.password if password is None else password}
    if session is not None:
        auth["session"] = session
    return auth


def with_password(client, path, body=None, **auth):
    """Both legs: asks, then answers with the password."""
    body = body or {}
    session = challenge(client, path, body, "m.login.password")
    return client.post(path, {**body, "auth": password_auth(client, session, **auth)})


def deactivate(client, **body):
    return with_password(client, "account/deactivate", body)
