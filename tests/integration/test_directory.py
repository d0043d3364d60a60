"""A closed directory: every operation with a user id treats users whom the caller has not met like users who do not
exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from app.core.errors import NotFound
from app.message_log import keys
from app.services.reading.directory import Directory
from app.store import users
from app.store.engine import writing
from app.store.open_direct import get_or_create_direct
from tests.support.clients import Account, Refused, RestClient, WsClient, register
from tests.support.processes import Stack

STACK = {"env": {"DIRECTORY": "exact", "PRESENCE_VISIBLE": "everyone", "NEW_ACCOUNT_CONVERSATIONS": "0"}}
NOBODY = 900_000_000


@pytest.fixture
def ann(server: Stack) -> Account:
    return register(server.base_url)


@pytest.fixture
def ben(server: Stack) -> Account:
    return register(server.base_url)


@pytest.fixture
def rest(server: Stack) -> Iterator[Callable[[Account], RestClient]]:
    made: list[RestClient] = []

    def make(account: Account) -> RestClient:
        made.append(RestClient(server.base_url, account.access_token))
        return made[-1]

    yield make
    for client in made:
        client.close()


OPERATIONS: dict[str, tuple[str, str, Callable[[int], dict[str, Any]]]] = {
    "open": ("POST", "/conversations", lambda user: {"json": {"kind": "direct", "userId": user}}),
    "send": ("POST", "/messages", lambda user: {"json": {"receiverId": user, "message": "hello"}}),
    "group": ("POST", "/conversations", lambda user: {"json": {"kind": "group", "name": "Us", "memberIds": [user]}}),
    "add": ("POST", "/conversations/{group}/members", lambda user: {"json": {"userIds": [user]}}),
    "remove": ("DELETE", "/conversations/{group}/members/{user}", lambda _: {}),
    "role": ("PATCH", "/conversations/{group}/members/{user}", lambda _: {"json": {"role": "admin"}}),
    "block": ("PUT", "/blocks/{user}", lambda _: {}),
    "unblock": ("DELETE", "/blocks/{user}", lambda _: {}),
    "users": ("GET", "/users", lambda user: {"params": {"ids": str(user)}}),
    "presence": ("GET", "/presence", lambda user: {"params": {"userIds": str(user)}}),
    "typing": ("POST", "/conversations/{user}/typing", lambda _: {"json": {"typing": True}}),
    "suspend": ("PUT", "/admin/users/{user}/suspension", lambda _: {"json": {}}),
}


def outcome(client: RestClient, name: str, group: int, user_id: int) -> tuple[object, object]:
    """Returns the answer to the caller, without the user's id and the id of the request."""
    method, path, options = OPERATIONS[name]
    try:
        answer = client.request(method, path.format(group=group, user=user_id), **options(user_id))
    except Refused as error:
        return error.status, {k: v for k, v in error.data.items() if k not in ("requestId", "instance")}
    text = answer.text.replace(str(user_id), "ID")
    return answer.status_code, text if name in ("users", "presence") else ""


@pytest.mark.parametrize("name", OPERATIONS)
def test_stranger_is_like_nobody(
    server: Stack, rest: Callable[[Account], RestClient], ann: Account, ben: Account, name: str
) -> None:
    online = WsClient(server.base_url, ben).connect()
    online.join()
    client = rest(ann)
    group = int(client.group("Own", members=[])["id"])
    assert outcome(client, name, group, ben.user_id) == outcome(client, name, group, NOBODY)
    online.finish()


def test_stranger_is_like_nobody_over_websocket(server: Stack, ann: Account, ben: Account) -> None:
    client = WsClient(server.base_url, ann).connect()
    client.join()
    seen = []
    for user in (ben.user_id, NOBODY):
        with pytest.raises(Refused) as caught:
            client.command("send_message", {"receiverId": user, "message": "hello"})
        seen.append((caught.value.code, caught.value.data["message"]))
    assert seen == [("not_found", seen[0][1])] * 2
    client.finish()


def test_presence_of_a_stranger_is_that_of_nobody(
    server: Stack, rest: Callable[[Account], RestClient], ann: Account, ben: Account
) -> None:
    online = WsClient(server.base_url, ben).connect()
    online.join()
    client = WsClient(server.base_url, ann).connect()
    client.join()
    seen = client.presence([ben.user_id, NOBODY])
    assert {**seen[ben.user_id], "userId": NOBODY} == seen[NOBODY]
    answered = len(client.named("presence"))
    online.finish()
    again = WsClient(server.base_url, ben).connect()
    again.join()
    sent = rest(ann).send(receiver_id=ann.user_id, message="to myself")
    client.wait(lambda: client.messages(sent["conversationId"]) or None, 30, "a later event")
    assert len(client.named("presence")) == answered
    again.finish()
    client.finish()


def test_somebody_found_by_exact_name_can_be_written_to(
    rest: Callable[[Account], RestClient], ann: Account, ben: Account
) -> None:
    client = rest(ann)

    def found(q: str) -> list[int]:
        return [user["id"] for user in client.json("GET", "/users", params={"q": q})["users"]]

    assert found(ben.username[:-1]) == []
    with pytest.raises(Refused):
        client.send(receiver_id=ben.user_id, message="hello")
    assert found(ben.username.upper()) == [ben.user_id]
    assert client.send(receiver_id=ben.user_id, message="hello")
    answered = rest(ben).json("GET", "/users", params={"ids": str(ann.user_id)})["users"]
    assert [user["id"] for user in answered] == [ann.user_id]


def test_members_of_a_common_group_see_each_other(
    rest: Callable[[Account], RestClient], ann: Account, ben: Account, server: Stack
) -> None:
    eve = register(server.base_url)
    owner = rest(eve)
    for account in (ann, ben):
        owner.json("GET", "/users", params={"q": account.username})
    owner.group("Us", members=[ann.user_id, ben.user_id])
    assert rest(ann).send(receiver_id=ben.user_id, message="hello")


@pytest.fixture
def people(engine: Engine) -> dict[str, int]:
    """Ada and Adam have a direct conversation; Adele is a stranger to both."""
    made: dict[str, int] = {}
    with writing(engine) as conn:
        for name in ("ada", "adam", "adele"):
            stored = users.find_user_by_username(conn, name) or users.insert_user(conn, name, name.title())
            assert stored is not None
            made[name] = stored.id
    with writing(engine) as conn:
        get_or_create_direct(conn, made["ada"], made["adam"])
    return made


@pytest.mark.parametrize(
    ("mode", "by_prefix", "by_name"),
    [
        ("open", ["ada", "adam", "adele"], ["adele"]),
        ("contacts", ["ada", "adam"], ["adele"]),
        ("exact", [], ["adele"]),
        ("off", [], []),
    ],
)
def test_each_mode_finds_its_users(
    engine: Engine,
    redis_client: redis.Redis,
    people: dict[str, int],
    mode: str,
    by_prefix: list[str],
    by_name: list[str],
) -> None:
    redis_client.delete(keys.found_by(people["ada"]))
    directory = Directory(engine=engine, redis=redis_client, mode=mode)

    def found(text: str) -> list[str]:
        return [user.username for user in directory.search(people["ada"], text, 20)]

    assert found("AD") == by_prefix
    if mode != "open":
        with pytest.raises(NotFound):
            directory.check(people["ada"], [people["adele"]])
    directory.check(people["ada"], [people["ada"], people["adam"]])
    assert found("adele") == by_name
    assert (people["adele"] in directory.visible(people["ada"], [people["adele"]])) == bool(by_name)
