"""A suspended user cannot sign in, and is out of every session, until the suspension ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from app.core.times import rfc3339
from app.message_log import keys
from tests.contract.conftest import ALL, Connect, MakeRest, MakeUser
from tests.contract.expect import eventually, refused
from tests.contract.test_audit import admin as admin  # noqa: PLC0414 - a fixture
from tests.contract.test_audit import listed as listed  # noqa: PLC0414 - a fixture
from tests.support.clients import Account, Refused, RestClient
from tests.support.processes import Stack

Suspend = Callable[..., dict[str, str]]


@pytest.fixture
def suspend(rest: MakeRest, admin: Account) -> Suspend:
    def act(account: Account, **wanted: str) -> dict[str, str]:
        return dict(rest(admin).json("PUT", f"/admin/users/{account.user_id}/suspension", json=wanted))

    return act


@pytest.fixture
def lift(rest: MakeRest, admin: Account) -> Callable[[Account], object]:
    return lambda account: rest(admin).request("DELETE", f"/admin/users/{account.user_id}/suspension")


@pytest.fixture
def everywhere(server: Stack, opened: list[RestClient]) -> Iterator[Callable[[Account], list[RestClient]]]:
    """``everywhere(account)`` returns a REST client of the user for each gateway."""

    def make(account: Account) -> list[RestClient]:
        made = [RestClient(url, account.access_token) for url in server.base_urls]
        opened.extend(made)
        return made

    return make


def log_in(client: RestClient, account: Account) -> object:
    return client.json("POST", "/auth/login", json={"username": account.username, "password": account.password})


def test_open_sessions_end_and_tokens_are_refused_everywhere(
    connect: Connect,
    raw: Connect,
    rest: MakeRest,
    user: MakeUser,
    suspend: Suspend,
    everywhere: Callable[..., list[RestClient]],
) -> None:
    ann, ben = user(), user()
    clients = [connect(transport, ann) for transport in ALL for _ in range(2)]
    others = [connect(transport, ben) for transport in ALL]
    waiting = raw(ann)
    suspend(ann, reason="spam")
    for client in clients:
        client.wait_closed()
    assert [client.close_code for client in clients[:2]] == [4401, 4401]
    with refused("suspended"):
        waiting.join()
    assert waiting.wait_closed() == 4401
    for client in everywhere(ann):
        with refused("suspended"):
            client.json("GET", "/me")
        with refused("suspended"):
            client.send(receiver_id=ben.user_id, message="still here")
    assert not any(session.ended for session in others)


def test_sign_in_and_refresh_give_the_reason(
    rest: MakeRest, user: MakeUser, suspend: Suspend, lift: Callable[[Account], object]
) -> None:
    ann = user()
    until = rfc3339(int(time.time() * 1000) + 3_600_000)
    assert suspend(ann, reason="spam", until=until) == {"reason": "spam", "until": until}
    for act in (lambda: log_in(rest(), ann), lambda: rest().refresh(ann.refresh_token)):
        with refused("suspended") as caught:
            act()
        assert caught.value.data["status"] == 403
        assert (caught.value.data["reason"], caught.value.data["until"]) == ("spam", until)
    with refused("unauthorized"):
        rest().json("POST", "/auth/login", json={"username": ann.username, "password": "a wrong password"})
    lift(ann)
    assert rest().refresh(ann.refresh_token)


def test_lifted_suspension_lets_the_user_return(
    rest: MakeRest,
    user: MakeUser,
    suspend: Suspend,
    lift: Callable[[Account], object],
    everywhere: Callable[..., list[RestClient]],
) -> None:
    ann = user()
    suspend(ann)
    lift(ann)
    lift(ann)
    log_in(rest(), ann)

    def is_back() -> bool:
        return all(client.request("GET", "/me").status_code == 200 for client in everywhere(ann))

    eventually(is_back, "the user at every gateway")


def test_suspension_ends_at_its_time(rest: MakeRest, user: MakeUser, suspend: Suspend) -> None:
    ann = user()
    suspend(ann, until=rfc3339(int(time.time() * 1000) + 1500))
    with refused("suspended"):
        log_in(rest(), ann)

    def returns() -> bool:
        try:
            return bool(log_in(rest(), ann))
        except Refused as error:
            if error.code != "suspended":
                raise
            return False

    eventually(returns, "the end of the suspension")


def test_suspension_whose_publication_was_lost_closes_sessions_everywhere(
    server: Stack, connect: Connect, user: MakeUser
) -> None:
    ann, ben = user(), user()
    clients = [connect(transport, ann) for transport in ALL for _ in range(2)]
    others = [connect(transport, ben) for transport in ALL]
    with server.shards() as shards:
        client = shards[0].redis
        client.zadd(keys.SUSPENDED, {str(ann.user_id): int(time.time()) + 3600})
    for session in clients:
        session.wait_closed()
    assert not any(session.ended for session in others)


def test_suspension_outlives_a_redis_that_forgot_it(
    server: Stack, user: MakeUser, suspend: Suspend, everywhere: Callable[..., list[RestClient]]
) -> None:
    ann = user()
    suspend(ann)
    with server.shards() as shards:
        client = shards[0].redis
        client.delete(keys.SUSPENDED)

        def is_restored() -> bool:
            return client.zscore(keys.SUSPENDED, str(ann.user_id)) is not None

        eventually(is_restored, "the suspension in Redis")
    for api in everywhere(ann):
        with refused("suspended"):
            api.json("GET", "/me")


def test_only_administrators_suspend_and_not_each_other(
    rest: MakeRest, admin: Account, ann: Account, ben: Account, stored: Engine
) -> None:
    path = f"/admin/users/{ann.user_id}/suspension"
    for method in ("PUT", "DELETE"):
        with refused("not_found"):
            rest(ben).json(method, path, json={})
    with refused("not_found"):
        rest(admin).json("PUT", "/admin/users/999999999/suspension", json={})
    with refused("not_found"):
        rest(admin).json("DELETE", "/admin/users/999999999/suspension")
    with stored.begin() as connection:
        connection.execute(text("update users set is_admin = true where id = :id"), {"id": ann.user_id})
    with refused("forbidden"):
        rest(admin).json("PUT", path, json={})


@pytest.mark.parametrize(
    "wanted", [{"until": "yesterday"}, {"until": "2001-01-01"}, {"reason": ""}, {"reason": "x" * 501}]
)
def test_bad_suspensions_are_refused(rest: MakeRest, admin: Account, ann: Account, wanted: dict[str, str]) -> None:
    with refused("invalid"):
        rest(admin).json("PUT", f"/admin/users/{ann.user_id}/suspension", json=wanted)
    assert rest(ann).json("GET", "/me")["id"] == ann.user_id


def test_suspensions_are_in_the_audit(
    suspend: Suspend,
    lift: Callable[[Account], object],
    admin: Account,
    user: MakeUser,
    listed: Callable[..., list[dict[str, object]]],
) -> None:
    ann = user()
    suspend(ann, reason="spam")
    lift(ann)
    acts = listed(ann)[1:]
    assert [(act["action"], act["actorId"]) for act in acts] == [
        ("user.suspended", admin.user_id),
        ("user.unsuspended", admin.user_id),
    ]
    assert acts[0]["details"] == {"reason": "spam"}
