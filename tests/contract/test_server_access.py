"""The host's server signs users in, ends their sign-ins, and suspends them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import jwt
import pytest

from app.core.times import rfc3339
from app.message_log import keys
from tests.contract.conftest import ALL, SERVER_API_KEY, Connect, MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, HostClient, RestClient
from tests.support.clients.host import user_path
from tests.support.processes import Stack


def end_of(token: str) -> int:
    return int(jwt.decode(token, options={"verify_signature": False})["exp"])


def seconds_of(time_: str) -> float:
    return datetime.fromisoformat(time_).timestamp()


def test_tokens_sign_the_user_in(host: HostClient, rest: MakeRest, connect: Connect, ann: Account) -> None:
    id_, _ = host.new_account(displayName="Zoe")
    made = host.answer("POST", f"{user_path(id_)}/tokens", json={"refresh": True})
    assert set(made) == {"accessToken", "refreshToken", "expiresAt", "user"}
    assert made["user"]["externalId"] == id_
    assert abs(seconds_of(made["expiresAt"]) - end_of(made["accessToken"])) <= 1
    assert abs(seconds_of(made["expiresAt"]) - time.time() - 900) < 60
    zoe = Account(made["user"]["id"], "", "", made["accessToken"], made["refreshToken"])
    client = connect("ws", zoe)
    sent = rest(ann).send(receiver_id=zoe.user_id, message="hello")
    assert client.next_message(sent["id"])["message"] == "hello"
    renewed = rest().refresh(made["refreshToken"])
    assert rest().json("GET", "/me", token=renewed["accessToken"])["id"] == zoe.user_id


@pytest.mark.parametrize("seconds", [30, 3600, 86_400])
def test_tokens_live_as_long_as_wanted(host: HostClient, seconds: int) -> None:
    id_, _ = host.new_account()
    made = host.answer("POST", f"{user_path(id_)}/tokens", json={"expiresIn": seconds})
    assert "refreshToken" not in made
    assert abs(end_of(made["accessToken"]) - time.time() - seconds) < 60


@pytest.mark.parametrize("wanted", [{"expiresIn": 29}, {"expiresIn": 86_401}, {"expiresIn": "60"}, {"refresh": 1}])
def test_other_wishes_are_invalid(host: HostClient, wanted: dict[str, Any]) -> None:
    id_, _ = host.new_account()
    with refused("invalid"):
        host.call("POST", f"{user_path(id_)}/tokens", json=wanted)


def test_ended_sessions_close_and_their_tokens_stop(
    server: Stack, host: HostClient, rest: MakeRest, connect: Connect, ann: Account, opened: list[Any]
) -> None:
    id_, zoe = host.new_account()
    clients = [connect(transport, zoe) for transport in ALL]
    other = connect("ws", ann)
    assert host.call("POST", f"{user_path(id_)}/sessions/end").status_code == 204
    for client in clients:
        client.wait_closed()
    assert clients[0].close_code == 4401
    with refused("unauthorized"):
        rest().refresh(zoe.refresh_token)
    for url in server.base_urls:
        opened.append(RestClient(url, zoe.access_token))
        with refused("unauthorized"):
            opened[-1].json("GET", "/me")
    assert not other.ended
    assert rest(host.sign_in(id_)).json("GET", "/me")["externalId"] == id_


def test_end_of_a_long_token_is_remembered_as_long(server: Stack, host: HostClient) -> None:
    """Otherwise the token would work again when the end is forgotten after the usual lifetime."""
    id_, _ = host.new_account()
    token = host.sign_in(id_, expiresIn=7200).access_token
    sid = jwt.decode(token, options={"verify_signature": False})["sid"]
    host.call("POST", f"{user_path(id_)}/sessions/end")
    with server.shards() as shards:
        end = shards[0].redis.zscore(keys.REVOKED, sid)
    assert end is not None
    assert end >= end_of(token)


def test_suspended_user_is_out_until_the_suspension_is_lifted(
    host: HostClient, rest: MakeRest, connect: Connect
) -> None:
    id_, zoe = host.new_account()
    client = connect("ws", zoe)
    path = f"{user_path(id_)}/suspension"
    until = rfc3339(int(time.time() * 1000) + 3_600_000)
    assert host.answer("PUT", path, json={"until": until, "reason": "spam"}) == {"until": until, "reason": "spam"}
    assert client.wait_closed() == 4401
    assert host.answer("GET", user_path(id_))["suspension"] == {"until": until, "reason": "spam"}
    with refused("suspended"):
        rest(zoe).json("GET", "/me")
    with refused("suspended") as caught:
        host.call("POST", f"{user_path(id_)}/tokens")
    assert (caught.value.data["reason"], caught.value.data["until"]) == ("spam", until)
    assert host.call("DELETE", path).status_code == 204
    assert "suspension" not in host.answer("GET", user_path(id_))
    back = rest(host.sign_in(id_))

    def is_back() -> bool:
        return back.http.get("/api/v1/me", headers={"Authorization": f"Bearer {back.token}"}).status_code == 200

    eventually(is_back, "the user")


@pytest.mark.parametrize("wanted", [{"until": "yesterday"}, {"until": "2001-01-01"}, {"reason": ""}])
def test_bad_suspensions_are_invalid(host: HostClient, wanted: dict[str, Any]) -> None:
    id_, _ = host.new_account()
    with refused("invalid"):
        host.call("PUT", f"{user_path(id_)}/suspension", json=wanted)
    assert "suspension" not in host.answer("GET", user_path(id_))


def test_user_tokens_and_server_keys_do_not_mix(host: HostClient, rest: MakeRest, ann: Account) -> None:
    with refused("unauthorized"):
        host.call("GET", "/users/x", token=ann.access_token)
    with refused("unauthorized"):
        rest().json("GET", "/me", token=SERVER_API_KEY)
