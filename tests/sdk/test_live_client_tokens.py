"""The client of a user against a running server: tokens, suspensions, and addresses that are wrong."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jwt
import pytest
from parley_sdk import ConnectionFailed, Invalid, Overloaded, ParleyServer, Suspended, Unauthorized
from parley_sdk.client import ParleyClient

from tests.sdk.live_client import QUICK, connect, next_event, run, until
from tests.support.clients import Account
from tests.support.processes import Stack


def test_a_session_outlives_its_tokens(server: Stack, parley: ParleyServer, bot: str, monkeypatch: Any):
    """Every token is renewed at once here. The server closes a session whose token ends, so ``joined`` comes once."""
    made: list[str] = []
    renewals = iter([0.0, 0.0])

    def token() -> str:
        made.append(parley.users.issue_tokens(bot, expires_in=60)["accessToken"])
        return made[-1]

    monkeypatch.setattr("parley_sdk.client.client.renewal_delay", lambda _: next(renewals, None))

    async def test() -> None:
        async with ParleyClient(server.base_url, token, proxy=None) as client:
            await next_event(aiter(client), "joined")
            await until(lambda: len(made) == 3)
            await client.send("note", receiver_id=bot)
            assert client._refusals == 0

    run(test())


def test_the_next_token_is_due_before_the_end(parley: ParleyServer, bot: str):
    from parley_sdk.client.token import renewal_delay

    short = parley.users.issue_tokens(bot, expires_in=40)["accessToken"]
    long = parley.users.issue_tokens(bot, expires_in=600)["accessToken"]
    assert 15 < (renewal_delay(short) or 0) <= 20
    assert 500 < (renewal_delay(long) or 0) <= 540
    for wrong in ("", "opaque", "a.b.c", "a.bnVsbA.c"):
        assert renewal_delay(wrong) is None


@pytest.mark.parametrize("left", [-60, 0, 1])
def test_a_token_that_ends_now_is_not_renewed_without_a_pause(left: int):
    """The next token may be the same one, for example if it is a text."""
    from parley_sdk.client.token import renewal_delay

    token = jwt.encode({"exp": int(time.time()) + left}, "k" * 32)
    assert (renewal_delay(token) or 0) >= 1


def test_a_new_token_follows_the_end_of_a_sign_in(server: Stack, parley: ParleyServer, bot: str):
    def token() -> str:
        return parley.users.issue_tokens(bot)["accessToken"]

    async def test() -> None:
        async with ParleyClient(server.base_url, token, proxy=None, retry=QUICK) as client:
            events = aiter(client)
            await next_event(events, "joined")
            await asyncio.to_thread(parley.users.end_sessions, bot)
            await next_event(events, "joined")
            assert (await client.send("note", receiver_id=bot))["status"] == "stored"

    run(test())


def test_a_server_that_issues_no_token_now_is_called_again(server: Stack, parley: ParleyServer, bot: str):
    failures = iter([ConnectionFailed("down", sent=False), Overloaded(503, {"code": "overloaded"})])

    def token() -> str:
        for failure in failures:
            raise failure
        return parley.users.issue_tokens(bot)["accessToken"]

    async def test() -> None:
        async with ParleyClient(server.base_url, token, proxy=None, retry=QUICK) as client:
            assert (await client.send("note", receiver_id=bot))["status"] == "stored"

    run(test())


@pytest.mark.parametrize("token", ["forged", pytest.param(lambda: "forged", id="function")])
def test_refused_tokens_end_the_client(server: Stack, ann: Account, token: Any):
    async def test() -> None:
        async with connect(server, ann, token=token) as client:
            sending = asyncio.create_task(client.send("Hello", receiver_id=1))
            with pytest.raises(Unauthorized):
                await next_event(aiter(client), "joined")
            with pytest.raises(Unauthorized):
                await sending
            with pytest.raises(ConnectionFailed):
                await client.send("Hello", receiver_id=1)

    run(test())


def test_a_suspension_ends_the_client(server: Stack, parley: ParleyServer, bot: str):
    token = parley.users.issue_tokens(bot)["accessToken"]

    async def test() -> None:
        async with ParleyClient(server.base_url, token, proxy=None, retry=QUICK) as client:
            events = aiter(client)
            await next_event(events, "joined")
            await asyncio.to_thread(parley.users.suspend, bot)
            with pytest.raises(Suspended):
                await next_event(events, "joined")

    run(test())


def test_a_wrong_address_ends_the_client(server: Stack, ann: Account):
    async def test() -> None:
        async with connect(server, ann, url=f"{server.base_url}/nothing/here") as client:
            with pytest.raises(ConnectionFailed, match="404"):
                await next_event(aiter(client), "joined")

    run(test())
    with pytest.raises(ValueError, match="https"):
        ParleyClient("chat.example", "token")


def test_an_option_that_the_server_refuses_ends_the_client(server: Stack, ann: Account):
    async def test() -> None:
        async with connect(server, ann, device_id="x" * 1000) as client:
            with pytest.raises(Invalid):
                await next_event(aiter(client), "joined")

    run(test())
