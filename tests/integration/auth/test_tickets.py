"""Tickets replace the token in a URL, once, for 30 seconds."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from msgspec import structs

from app.api.caller import caller_of_request, require_caller
from app.container import Container
from app.core.errors import Unauthorized
from app.message_log import keys
from app.services.auth.tickets import issue_ticket
from tests.support.api_client import Api, assert_problem


def ticket_for(api: Api, token: str) -> str:
    answer = api.post("/api/v1/auth/ticket", token=token)
    assert answer.status_code == 201
    assert answer.get_json()["expiresIn"] == 30
    ticket: str = answer.get_json()["ticket"]
    return ticket


def test_ticket_authenticates_its_caller(api: Api, parley: Container) -> None:
    account = api.register()
    assert parley.authenticator.redeem_ticket(ticket_for(api, account.access)) == parley.authenticator.verify(
        account.access
    )


def test_ticket_works_once(api: Api, parley: Container) -> None:
    ticket = ticket_for(api, api.register().access)

    def redeem(_: int) -> bool:
        try:
            parley.authenticator.redeem_ticket(ticket)
        except Unauthorized:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(redeem, range(16))) == 1


def test_redis_holds_only_a_digest_for_at_most_30_seconds(api: Api, redis_client: redis.Redis) -> None:
    ticket = ticket_for(api, api.register().access)
    assert not [key for key in redis_client.scan_iter() if ticket.encode() in key]
    key = keys.ticket(hashlib.sha256(ticket.encode()).hexdigest())
    assert 0 < redis_client.pttl(key) <= 30_000  # type: ignore[operator]
    assert ticket.encode() not in redis_client.get(key)  # type: ignore[operator]


def test_expired_ticket_is_refused(api: Api, parley: Container, redis_client: redis.Redis) -> None:
    ticket = ticket_for(api, api.register().access)
    redis_client.pexpire(keys.ticket(hashlib.sha256(ticket.encode()).hexdigest()), 1)
    while redis_client.exists(keys.ticket(hashlib.sha256(ticket.encode()).hexdigest())):
        pass
    with pytest.raises(Unauthorized):
        parley.authenticator.redeem_ticket(ticket)


@pytest.mark.parametrize("ticket", ["", "tkt_", "x" * 10_000, "\ud800", "\0", "{parley}:revoked"])
def test_malformed_ticket_is_refused(parley: Container, ticket: str) -> None:
    with pytest.raises(Unauthorized):
        parley.authenticator.redeem_ticket(ticket)


def test_ticket_of_a_logged_out_session_is_refused(api: Api, parley: Container) -> None:
    account = api.register()
    ticket = ticket_for(api, account.access)
    api.post("/api/v1/auth/logout", token=account.access)
    with pytest.raises(Unauthorized):
        parley.authenticator.redeem_ticket(ticket)


def test_ticket_does_not_outlive_the_token(api: Api, parley: Container) -> None:
    caller = structs.replace(parley.authenticator.verify(api.register().access), expires_at=1)
    with pytest.raises(Unauthorized):
        parley.authenticator.redeem_ticket(issue_ticket(caller, redis=parley.redis, lifetime_seconds=30).ticket)


def test_request_authenticates_by_header_or_by_ticket_if_allowed(api: Api) -> None:
    account, other = api.register(), api.register()
    path = f"/ws?ticket={ticket_for(api, other.access)}"
    with api.app.test_request_context(path):
        assert caller_of_request(allow_ticket=False) is None
    with api.app.test_request_context(path, headers={"Authorization": f"Bearer {account.access}"}):
        assert require_caller(allow_ticket=True).user_id == account.id
    with api.app.test_request_context(path):
        assert require_caller(allow_ticket=True).user_id == other.id
    with api.app.test_request_context(path), pytest.raises(Unauthorized):
        caller_of_request(allow_ticket=True)
    with api.app.test_request_context("/ws"):
        assert caller_of_request(allow_ticket=True) is None


def test_rest_accepts_no_tickets(api: Api) -> None:
    account = api.register()
    ticket = ticket_for(api, account.access)
    assert_problem(api.get(f"/api/v1/me?ticket={ticket}"), 401, "unauthorized")
    assert_problem(api.get("/api/v1/me", token=ticket), 401, "unauthorized")
