"""The client in Node, against a running server: a first chat, blocked transports, an outbox under disconnects and
reloads, expiring tokens.
"""

from __future__ import annotations

import pytest

from tests.e2e.client.conftest import RunNode
from tests.support.processes import Stack

SEEDS = range(1, 5)


@pytest.mark.parametrize("transport", ["websocket", "sse", "long-poll"])
def test_first_chat(server: Stack, run_node: RunNode, transport: str) -> None:
    run_node("contract", server.base_url, transport)


def test_client_falls_back_from_blocked_transports_and_returns(server: Stack, run_node: RunNode) -> None:
    run_node("fallback", server.base_url)


@pytest.mark.parametrize("seed", SEEDS)
def test_messages_arrive_once_and_in_order(server: Stack, run_node: RunNode, seed: int) -> None:
    run_node("outbox", server.base_url, str(seed))


def test_session_outlives_its_tokens(server: Stack, run_node: RunNode) -> None:
    run_node("renewal", server.base_url)


def test_client_follows_close_codes(run_node: RunNode) -> None:
    run_node("close_codes", "")


def test_modules(run_node: RunNode) -> None:
    run_node("parts", "")
