"""Requests whose changes are not confirmed in time, because a store or the worker is down."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from app.message_log import keys
from tests.integration.documented.calls import SERVER_KEY, Call
from tests.integration.documented.conversations import (
    make_group,
    make_group_changes,
    message_changes,
)
from tests.integration.documented.host import host_changes
from tests.support.clients import Account
from tests.support.processes import Stack


def unannounced_ends(call: Call, server: Stack) -> None:
    """Ends sign-ins while Redis refuses what every process reads: the list of ended ones has another type."""
    account = {"username": f"u{uuid.uuid4().hex[:12]}", "password": "correct horse battery"}
    token = call("POST", "/auth/register", json={**account, "displayName": "Cyd"}, token=None).json()["accessToken"]
    for _ in range(2):
        call("POST", "/auth/login", json=account, token=None)
    call("PUT", "/server/users/yan", json={}, token=SERVER_KEY)
    call("POST", "/server/users/yan/tokens", json={}, token=SERVER_KEY)
    other = next(
        row["id"] for row in call("GET", "/auth/sessions", token=token).json()["sessions"] if not row["current"]
    )
    with server.stores.valkey.client() as redis:
        redis.rename(keys.REVOKED, "kept")
        redis.set(keys.REVOKED, "no list")
        try:
            call("POST", "/server/users/yan/sessions/end", token=SERVER_KEY)
            call("DELETE", f"/auth/sessions/{other}", token=token)
            call("POST", "/auth/sessions/end-others", token=token)
            call("POST", "/auth/login", json=account, token=None)
            passwords = {"current": "correct horse battery", "new": "another horse battery"}
            call("POST", "/auth/password", json=passwords, token=token)
            call("POST", "/auth/logout", token=token)
        finally:
            redis.rename("kept", keys.REVOKED)


def expect_unconfirmed(call: Call, requests: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Makes all requests at once; each waits for the store until it is answered with 202."""
    with ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(lambda one: call(one[0], one[1], **one[2]), requests))
    assert [answer.status_code for answer in answers] == [202] * len(requests)


def unconfirmed_changes(call: Call, server: Stack, ben: Account) -> None:
    """Makes changes while nothing is stored: each to a group and to a message of its own."""
    groups = [(make_group(call, ben), change) for change in make_group_changes(ben)]
    messages = [
        (call("POST", "/messages", json={"receiverId": ben.user_id, "message": "m"}).json()["id"], change)
        for change in message_changes()
    ]
    # otherwise the addition would change nothing
    call("DELETE", f"/conversations/{groups[3][0]}/members/{ben.user_id}")
    for id_, (method, path, _) in messages:
        if method == "DELETE" and path:
            call("PUT", f"/messages/{id_}{path}")
    users = {"users": [{"externalId": "zoe"}, {"externalId": "yan"}]}
    call("POST", "/server/users", json=users, token=SERVER_KEY)
    rooms = [f"/server/conversations/room-{n}" for n in range(len(host_changes()))]
    for room in rooms:
        call("PUT", room, json={"kind": "group", "members": ["zoe"]}, token=SERVER_KEY)
    news = {"conversation": "room-0", "message": "news"}
    one, two = (call("POST", "/server/messages", json=news, token=SERVER_KEY).json()["id"] for _ in range(2))
    grown = [call("POST", "/streams", json={"receiverId": ben.user_id}).json()["id"] for _ in range(2)]
    in_room = {"conversation": "room-0", "sender": "zoe"}
    grown.append(call("POST", "/server/streams", json=in_room, token=SERVER_KEY).json()["id"])
    server.kill_worker(0)
    try:
        expect_unconfirmed(
            call,
            [
                ("POST", f"/streams/{grown[0]}/end", {}),
                ("POST", f"/messages/{grown[1]}/stop", {}),
                ("POST", f"/server/streams/{grown[2]}/end", {"token": SERVER_KEY}),
                ("POST", "/streams", {"json": {"receiverId": ben.user_id}}),
                ("POST", "/server/streams", {"json": in_room, "token": SERVER_KEY}),
            ],
        )
        hosts = [
            (method, room + path, {"json": body, "token": SERVER_KEY})
            for room, (method, path, body) in zip(rooms, host_changes(), strict=True)
        ]
        hosts.append(("POST", "/server/messages", {"json": news, "token": SERVER_KEY}))
        hosts.append(("PATCH", f"/server/messages/{one}", {"json": {"message": "old"}, "token": SERVER_KEY}))
        hosts.append(("DELETE", f"/server/messages/{two}", {"token": SERVER_KEY}))
        expect_unconfirmed(call, hosts)
        requests = [(f"/conversations/{i}", change) for i, change in groups]
        requests += [(f"/messages/{i}", change) for i, change in messages]
        expect_unconfirmed(call, [(method, start + path, {"json": body}) for start, (method, path, body) in requests])
    finally:
        server.start_worker(0)
