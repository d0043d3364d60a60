"""Loaded by schemathesis: signs its calls in and makes half of them about things that exist.

``PARLEY_ATTACK_URL`` is the server. Calls that may end a sign-in get a fresh account each.
"""

from __future__ import annotations

import os
import random
from functools import cache
from typing import Any

import schemathesis

from tests.support.clients import Account, RestClient, register

BASE_URL = os.environ["PARLEY_ATTACK_URL"]
ENDS_SIGN_INS = r"/api/v1/(auth/.*|me)$"


@cache
def known() -> tuple[Account, dict[str, list[Any]]]:
    """Returns the account of most calls, and ids that exist, by the names of path parameters."""
    account, other = register(BASE_URL), register(BASE_URL)
    client = RestClient(BASE_URL, account.access_token)
    sent = client.send(receiver_id=other.user_id)
    group = client.group(members=[other.user_id])["id"]
    client.close()
    ids = {"userId": [other.user_id], "conversationId": [sent["conversationId"], group], "messageId": [sent["id"]]}
    return account, ids


def _sign_in(case: schemathesis.Case, token: str) -> None:
    case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.auth().skip_for(path_regex=ENDS_SIGN_INS)
class SharedAccount:
    def get(self, case: schemathesis.Case, context: Any) -> Account:
        return known()[0]

    def set(self, case: schemathesis.Case, data: Account, context: Any) -> None:
        _sign_in(case, data.access_token)


@schemathesis.auth(refresh_interval=None).apply_to(path_regex=ENDS_SIGN_INS)
class FreshAccount:
    def get(self, case: schemathesis.Case, context: Any) -> Account:
        return register(BASE_URL)

    def set(self, case: schemathesis.Case, data: Account, context: Any) -> None:
        refreshes = case.operation.path.endswith("/refresh")
        _sign_in(case, data.refresh_token if refreshes else data.access_token)


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    chance = random.Random(str(case.id))
    for name in set(case.path_parameters) & set(known()[1]):
        if chance.random() < 0.5:
            case.path_parameters[name] = chance.choice(known()[1][name])
    if str(case.query.get("wait", "")).isdigit():
        case.query["wait"] = 0  # a poll that waits is a right answer, but a slow one
