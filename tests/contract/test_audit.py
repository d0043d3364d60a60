"""The audit over REST, and the lines of the access log."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import ALL, Connect, MakeRest, MakeUser
from tests.contract.expect import eventually, refused
from tests.contract.test_ended_sessions import session_of
from tests.support.clients import Account
from tests.support.processes import Stack


@pytest.fixture
def admin(stored: Engine, eve: Account) -> Account:
    with stored.begin() as connection:
        connection.execute(text("update users set is_admin = true where id = :id"), {"id": eve.user_id})
    return eve


@pytest.fixture
def listed(rest: MakeRest, admin: Account) -> Callable[..., list[dict[str, Any]]]:
    """``listed(account, action=…)`` returns the user's audit, oldest first."""

    def entries(account: Account, **query: Any) -> list[dict[str, Any]]:
        params = {"userId": account.user_id, **query}
        return list(rest(admin).json("GET", "/admin/audit", params=params)["entries"][::-1])

    return entries


def test_only_administrators_read_the_audit(rest: MakeRest, ann: Account) -> None:
    with refused("not_found"):
        rest(ann).json("GET", "/admin/audit")


def test_pages_of_the_audit_are_newest_first_and_complete(rest: MakeRest, admin: Account, ann: Account) -> None:
    for _ in range(3):
        rest().json("POST", "/auth/login", json={"username": ann.username, "password": ann.password})
    found: list[int] = []
    query: dict[str, Any] = {"userId": ann.user_id, "limit": 2}
    while True:
        page = rest(admin).json("GET", "/admin/audit", params=query)
        found += [entry["id"] for entry in page["entries"]]
        if "cursor" not in page:
            break
        query["cursor"] = page["cursor"]
    assert len(found) == 4
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("query", [{"action": "nonsense"}, {"since": "last week"}, {"cursor": "x"}, {"userId": 0}])
def test_bad_filters_are_refused(rest: MakeRest, admin: Account, query: dict[str, Any]) -> None:
    with refused("invalid"):
        rest(admin).json("GET", "/admin/audit", params=query)


def test_since_leaves_out_what_came_before(listed: Callable[..., list[dict[str, Any]]], ann: Account) -> None:
    assert [entry["action"] for entry in listed(ann, since="2026-01-01")] == ["account.created"]
    assert listed(ann, since="2999-01-01T00:00:00Z") == []


def test_an_export_and_a_deletion_are_recorded(
    rest: MakeRest, ann: Account, listed: Callable[..., list[dict[str, Any]]]
) -> None:
    export = rest(ann).json("POST", "/me/export")["exportId"]
    eventually(lambda: rest(ann).json("GET", f"/me/exports/{export}")["status"] == "ready", "the export")
    for _ in range(2):
        rest(ann).request("GET", f"/me/exports/{export}/file")
    rest(ann).request("DELETE", "/me", json={"password": ann.password})
    entries = listed(ann)
    assert [entry["action"] for entry in entries] == [
        "account.created",
        "export.begun",
        "export.read",
        "account.deleted",
    ]
    assert all(entry["actorId"] == entry["targetId"] == ann.user_id for entry in entries)
    assert all(entry["address"] == "127.0.0.1" for entry in entries)


def test_log_lines_carry_user_and_address_but_no_credential_or_content(
    server: Stack, connect: Connect, raw: Connect, rest: MakeRest, user: MakeUser, ben: Account
) -> None:
    ann = user()
    clients = [connect(transport, ann) for transport in ALL]
    by_ticket = raw(ann, credential="ticket")
    by_ticket.join()
    secret_text = "quite-private-words-of-this-test"
    rest(ann).send(receiver_id=ben.user_id, message=secret_text)
    with refused("unauthorized"):
        rest().request("POST", "/auth/login", json={"username": ann.username, "password": "a-wrong-pass-phrase"})
    rest(ann).json("GET", "/search", params={"q": secret_text})
    rest(ann).request("POST", "/auth/logout")
    for client in clients:
        client.wait_closed()

    def lines() -> list[str]:
        return [line for line in server.logs().splitlines() if f" user={ann.user_id} " in f"{line} "]

    def transports(what: str) -> set[str]:
        found = [line for line in lines() if what in line]
        return {name for name in ("websocket", "sse", "longpoll") for line in found if f"transport={name}" in line}

    everything = {"websocket", "sse", "longpoll"}
    eventually(
        lambda: transports("session begins") == transports("session ends") == everything, "the lines of sessions"
    )
    assert all("address=127.0.0.1" in line for line in lines())
    assert any("POST /api/v1/messages" in line for line in lines())
    assert session_of(ann) not in server.logs()
    log = server.logs()
    secrets = [ann.access_token, ann.refresh_token, ann.password, secret_text, "a-wrong-pass-phrase", "tkt_"]
    assert [secret for secret in secrets if secret in log or json.dumps(secret)[1:-1] in log] == []
