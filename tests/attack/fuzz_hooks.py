"""Loaded by schemathesis: signs its calls in and makes half of them about things that exist.

``PARLEY_ATTACK_URL`` is the server, ``PARLEY_ATTACK_KEY`` a server key with every scope. Calls that may end a sign-in
get a fresh account each, and calls that delete something of the host get a fresh thing.
"""

from __future__ import annotations

import json
import os
import random
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import schemathesis

from tests.support.clients import Account, HostClient, RestClient, register

BASE_URL, SERVER_KEY = os.environ["PARLEY_ATTACK_URL"], os.environ["PARLEY_ATTACK_KEY"]
ENDS_SIGN_INS = r"/api/v1/(auth/.*|me)$"
OF_HOSTS = r"/api/v1/server/"
NOBODY_LISTENS = "http://127.0.0.1:9/"

Ids = dict[str, list[Any]]


class Known(NamedTuple):
    """``parameters`` are ids that exist, by the names of path parameters, and ``fields`` by those of a body."""

    parameters: Ids
    fields: Ids


@cache
def account() -> Account:
    """The caller of most calls."""
    return register(BASE_URL)


@cache
def host() -> HostClient:
    return HostClient(BASE_URL, SERVER_KEY)


@cache
def known_to_users() -> Known:
    other = register(BASE_URL)
    client = RestClient(BASE_URL, account().access_token)
    sent = client.send(receiver_id=other.user_id)
    group = client.group(members=[other.user_id])["id"]
    stream = client.json("POST", "/streams", json={"conversationId": group, "kind": "text"})
    client.close()
    conversations, users = [sent["conversationId"], group], [other.user_id]
    parameters = {"userId": users, "conversationId": conversations, "messageId": [sent["id"], stream["id"]]}
    fields = {"conversationId": conversations, "receiverId": users, "userId": users, "memberIds": [users]}
    return Known(parameters, {**fields, "userIds": [users]})


@cache
def known_to_hosts() -> Known:
    users = [new_user(), new_user()]
    conversation = str(host().new_group(*users)["externalId"])
    sent = host().answer("POST", "/messages", json={"conversation": conversation, "message": "hello"})
    stream = host().answer("POST", "/streams", json={"conversation": conversation, "sender": users[0]})
    imported = host().answer("POST", "/imports", content=b'{"type": "user", "externalId": "imported"}\n')
    parameters = {"userExternalId": users, "messageId": [sent["id"], stream["id"]]}
    people = {"sender": users, "recipient": users, "members": [users]}
    return Known(
        {**parameters, "importId": [imported["importId"]], "webhookId": [new_webhook()]},
        {**people, "conversation": [conversation], "url": [NOBODY_LISTENS]},
    )


def new_user() -> str:
    external_id = f"user-{uuid.uuid4().hex[:12]}"
    host().put_user(external_id)
    return external_id


def new_conversation() -> str:
    return str(host().new_group()["externalId"])


def new_webhook() -> int:
    return int(host().answer("POST", "/webhooks", json={"url": NOBODY_LISTENS})["webhookId"])


@schemathesis.serializer("application/x-ndjson")
def lines_of_json(context: Any, value: Any) -> bytes:
    """Returns the body of an import: a line that is right, and the generated one."""
    right = {"type": "user", "externalId": f"user-{uuid.uuid4().hex[:12]}"}
    return b"".join(json.dumps(line).encode() + b"\n" for line in (right, value))


def _sign_in(case: schemathesis.Case, token: str) -> None:
    case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.auth().skip_for(path_regex=f"{ENDS_SIGN_INS}|{OF_HOSTS}")
class SharedAccount:
    def get(self, case: schemathesis.Case, context: Any) -> Account:
        return account()

    def set(self, case: schemathesis.Case, data: Account, context: Any) -> None:
        _sign_in(case, data.access_token)


@schemathesis.auth(refresh_interval=None).apply_to(path_regex=ENDS_SIGN_INS)
class FreshAccount:
    def get(self, case: schemathesis.Case, context: Any) -> Account:
        return register(BASE_URL)

    def set(self, case: schemathesis.Case, data: Account, context: Any) -> None:
        refreshes = case.operation.path.endswith("/refresh")
        _sign_in(case, data.refresh_token if refreshes else data.access_token)


@schemathesis.auth().apply_to(path_regex=OF_HOSTS)
class KeyOfHost:
    def get(self, case: schemathesis.Case, context: Any) -> str:
        return SERVER_KEY

    def set(self, case: schemathesis.Case, data: str, context: Any) -> None:
        _sign_in(case, data)


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    chance = random.Random(str(case.id))
    is_of_host = case.operation.path.startswith(OF_HOSTS)
    known = known_to_hosts() if is_of_host else known_to_users()
    _replace_some(case.path_parameters, known.parameters, chance)
    if isinstance(case.body, dict):
        _replace_some(case.body, known.fields, chance)
    if is_of_host and "externalId" in case.path_parameters and chance.random() < 0.5:
        case.path_parameters["externalId"] = _thing_of(case)
    if _is_number(case.query.get("wait", "")):
        case.query["wait"] = 0  # a poll that waits is a right answer, but a slow one


def _replace_some(given: dict[str, Any], known: Ids, chance: random.Random) -> None:
    for name in sorted(set(given) & set(known)):
        if chance.random() < 0.5:
            given[name] = chance.choice(known[name])


def _thing_of(case: schemathesis.Case) -> str:
    """Returns the id of a user or a conversation that exists; a new one if the call may delete it."""
    is_user = "/users/" in case.operation.path
    if case.method == "DELETE":
        make: Callable[[], str] = new_user if is_user else new_conversation
        return make()
    known = known_to_hosts().fields
    return str(known["sender" if is_user else "conversation"][0])


def _is_number(text: Any) -> bool:
    try:
        return 0 <= float(text) <= 25
    except (TypeError, ValueError):
        return False
