"""Both clients against a running server: users, tokens, suspensions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from parley_sdk import APIError, Invalid, NotFound, ParleyServer, Suspended, Unauthorized

from tests.sdk.conftest import SERVER_API_KEY, NewId, Use
from tests.support.processes import Stack


def profile(server: Stack, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.base_url}/api/v1/me", headers=headers, trust_env=False)


def test_users_are_created_changed_read_and_deleted(use: Use, new_id: NewId):
    ann = new_id("user")
    made = use(lambda s: s.users.put(ann, display_name="Ann", email="ann@b.example"))
    assert (made["externalId"], made["displayName"]) == (ann, "Ann")
    changed = use(lambda s: s.users.put(ann, email=None))
    assert ("email" in changed, changed["displayName"], changed["id"]) == (False, "Ann", made["id"])
    tagged = use(lambda s: s.users.put(ann, metadata={"tier": {"name": "gold"}}))
    assert tagged["metadata"] == {"tier": {"name": "gold"}}
    assert "metadata" not in use(lambda s: s.users.put(ann, metadata=None))
    assert use(lambda s: s.users.get(ann)) == changed
    use(lambda s: s.users.delete(ann, messages="erase"))
    with pytest.raises(NotFound):
        use(lambda s: s.users.get(ann))


def test_many_users_are_written_at_once(use: Use, new_id: NewId):
    ids = [new_id("user") for _ in range(3)]
    listed = use(lambda s: s.users.put_many([{"externalId": each, "displayName": "Ann"} for each in ids]))
    assert [user["externalId"] for user in listed["users"]] == ids


def test_tokens_sign_the_user_in_until_the_sign_ins_end(use: Use, server: Stack, new_id: NewId):
    ann = new_id("user")
    use(lambda s: s.users.put(ann))
    tokens = use(lambda s: s.users.issue_tokens(ann, expires_in=60, refresh=True))
    assert tokens["refreshToken"]
    assert profile(server, tokens["accessToken"]).json()["externalId"] == ann
    use(lambda s: s.users.end_sessions(ann))
    assert profile(server, tokens["accessToken"]).status_code == 401


def test_suspensions_begin_and_end(use: Use, new_id: NewId):
    ann = new_id("user")
    use(lambda s: s.users.put(ann))
    assert use(lambda s: s.users.suspend(ann, reason="spam"))["reason"] == "spam"
    with pytest.raises(Suspended):
        use(lambda s: s.users.issue_tokens(ann))
    assert use(lambda s: s.users.unsuspend(ann)) is None
    use(lambda s: s.users.issue_tokens(ann))


def test_errors_have_the_codes_of_the_server(use: Use, new_id: NewId):
    with pytest.raises(Invalid) as wrong:
        use(lambda s: s.users.put(new_id("user"), email="no address"))
    assert wrong.value.errors[0]["field"] == "email"
    with pytest.raises(NotFound):
        use(lambda s: s.users.issue_tokens(new_id("nobody")))


def test_a_wrong_key_is_unauthorized(server: Stack):
    with ParleyServer(server.base_url, "psk_wrong", trust_env=False) as stranger, pytest.raises(Unauthorized):
        stranger.users.get("4711")


def test_connections_are_reused(server: Stack, parley: ParleyServer, new_id: NewId):
    ann = new_id("user")
    parley.users.put(ann)
    streams = []

    def note(response: httpx.Response) -> None:
        streams.append(response.extensions["network_stream"].get_extra_info("client_addr"))

    hooks = {"response": [note]}
    with ParleyServer(server.base_url, SERVER_API_KEY, event_hooks=hooks, trust_env=False) as client:
        for _ in range(5):
            client.users.get(ann)
    assert len(streams) == 5
    assert len(set(streams)) == 1


def test_a_forked_process_opens_connections_of_its_own(server: Stack, monkeypatch: Any):
    with ParleyServer(server.base_url, SERVER_API_KEY, trust_env=False) as client:
        before = client._connected()
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert client._connected() is not before
        with pytest.raises(APIError):
            client.users.get("nobody at all")
    before.close()
