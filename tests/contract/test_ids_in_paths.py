"""Ids in paths that cannot exist, because they are too large or have a null character, are ``not_found``."""

from __future__ import annotations

import re

import pytest

from app.api.documents.operations import OPERATIONS
from tests.contract.conftest import MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, HostClient

_NUMBERS = re.compile(r"\{(conversationId|userId|targetId|reportId|webhookId)\}")
_TEXTS = re.compile(r"\{(?!conversationId|userId|targetId|reportId|webhookId)\w+\}")
PATHS = [(operation.method, operation.path) for operation in OPERATIONS if _NUMBERS.search(operation.path)]
# The paths for the host's server are not decoded before they are compared.
TEXT_PATHS = [
    (operation.method, operation.path)
    for operation in OPERATIONS
    if _TEXTS.search(operation.path) and not operation.path.startswith("/api/v1/server")
]


@pytest.mark.parametrize("number", [2**63, 10**400])
def test_id_that_is_too_large_is_not_found(rest: MakeRest, host: HostClient, ann: Account, number: int) -> None:
    assert len(PATHS) > 30
    mine = rest(ann)
    for method, path in PATHS:
        asked = re.sub(r"\{\w+\}", "1", _NUMBERS.sub(str(number), path)).removeprefix("/api/v1")
        with refused("not_found"):
            (host if asked.startswith("/server") else mine).request(method, asked)


@pytest.mark.parametrize("text", ["%00", "a%00b", "%23%00"])
def test_text_with_a_null_character_is_not_found(rest: MakeRest, ann: Account, text: str) -> None:
    """Postgres takes no such text."""
    assert len(TEXT_PATHS) > 10
    mine = rest(ann)
    for method, path in TEXT_PATHS:
        asked = re.sub(r"\{\w+\}", text, _NUMBERS.sub("1", path)).removeprefix("/api/v1")
        with refused("not_found"):
            mine.request(method, asked)
