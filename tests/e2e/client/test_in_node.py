"""The client by itself, in Node, against a running server: the flow of a first chat, blocked transports, an outbox
under cuts and reloads, tokens that end.
"""

from __future__ import annotations

import pytest

from tests.e2e.client.conftest import RunNode
from tests.support.processes import Stack

SEEDS = range(1, 5)


@pytest.mark.parametrize("transport", ["websocket", "sse", "long-poll"])
def test_a_first_chat(server: Stack, run_node: RunNode, transport: str) -> None:
    run_node("contract", server.base_url, transport)


def test_blocked_transports_are_stepped_down_from_and_climbed_back_to(server: Stack, run_node: RunNode) -> None:
    run_node("fallback", server.base_url)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_written_arrives_once_and_in_order(server: Stack, run_node: RunNode, seed: int) -> None:
    run_node("outbox", server.base_url, str(seed))


def test_sessions_outlive_their_tokens(server: Stack, run_node: RunNode) -> None:
    run_node("renewal", server.base_url)


def test_close_codes_are_honoured(run_node: RunNode) -> None:
    run_node("close_codes", "")


def test_parts(run_node: RunNode) -> None:
    run_node("parts", "")
