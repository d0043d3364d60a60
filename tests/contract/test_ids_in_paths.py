"""Ids in paths that cannot exist, because they are too large, are ``not_found`` for every operation."""

from __future__ import annotations

import re

import pytest

from app.api.documents.operations import OPERATIONS
from tests.contract.conftest import MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, HostClient

_NUMBERS = re.compile(r"\{(conversationId|userId|targetId|reportId|webhookId)\}")
PATHS = [(operation.method, operation.path) for operation in OPERATIONS if _NUMBERS.search(operation.path)]


@pytest.mark.parametrize("number", [2**63, 10**400])
def test_id_that_is_too_large_is_not_found(rest: MakeRest, host: HostClient, ann: Account, number: int) -> None:
    assert len(PATHS) > 30
    mine = rest(ann)
    for method, path in PATHS:
        asked = re.sub(r"\{\w+\}", "1", _NUMBERS.sub(str(number), path)).removeprefix("/api/v1")
        with refused("not_found"):
            (host if asked.startswith("/server") else mine).request(method, asked)
