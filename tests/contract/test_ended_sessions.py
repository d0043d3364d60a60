"""Sessions end with their sign-in: at join, while they join, and even if the publication of the end was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import jwt
import pytest

from app.fanout.revocation import all_sessions_of
from app.message_log import keys
from tests.contract.conftest import ALL, Connect, MakeRest, MakeUser
from tests.support.clients import Account, Refused, RestClient, WsClient
from tests.support.processes import Stack

End = Callable[[RestClient, Account], None]


def log_out(client: RestClient, _account: Account) -> None:
    client.request("POST", "/auth/logout")


def delete(client: RestClient, account: Account) -> None:
    client.request("DELETE", "/me", json={"password": account.password})


def reuse(client: RestClient, account: Account) -> None:
    client.refresh(account.refresh_token)
    with pytest.raises(Refused):
        client.refresh(account.refresh_token)


def session_of(account: Account) -> str:
    return str(jwt.decode(account.access_token, options={"verify_signature": False})["sid"])


@pytest.mark.parametrize("credential", ["header", "ticket"])
@pytest.mark.parametrize("end", [log_out, delete, reuse])
def test_caller_of_a_handshake_is_checked_again_at_join(
    raw: Connect, rest: MakeRest, ann: Account, end: End, credential: str
) -> None:
    client: WsClient = raw(ann, credential=credential)
    end(rest(ann), ann)
    ref = client.command_nowait("join", {})
    assert client.wait_closed() == 4401
    # The publication of the end may close the session before its join is answered; then the error answers no command.
    errors = [client.replies[ref]] if ref in client.replies else client.named("error")
    assert [error.data["code"] for error in errors] == ["unauthorized"]


@pytest.mark.parametrize("end", [log_out, delete])
def test_end_that_races_with_joins_closes_every_session(raw: Connect, rest: MakeRest, user: MakeUser, end: End) -> None:
    for attempt in range(6):
        account = user()
        clients: list[WsClient] = [raw(account) for _ in range(4)]
        refs = [client.command_nowait("join", {}) for client in clients[: attempt % 4]]
        ending = threading.Thread(target=end, args=(rest(account), account))
        ending.start()
        for client in clients[len(refs) :]:
            client.command_nowait("join", {})
        ending.join()
        assert [client.wait_closed() for client in clients] == [4401] * 4


@pytest.mark.parametrize("whose", ["session", "user"])
def test_end_whose_publication_was_lost_closes_sessions_everywhere(
    server: Stack, connect: Connect, user: MakeUser, whose: str
) -> None:
    account, other = user(), user()
    clients = [connect(transport, account) for transport in ALL for _ in range(2)]
    others = [connect(transport, other) for transport in ALL]
    ended = session_of(account) if whose == "session" else all_sessions_of(account.user_id)
    with server.shards() as shards:
        shards[0].redis.zadd(keys.REVOKED, {ended: int(time.time()) + 3600})
    for session in clients:
        session.wait_closed()
    assert not any(session.ended for session in others)
