"""The client in Node, against a running server: a first chat, blocked transports, an outbox under disconnects and
reloads, expiring tokens.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.formatting import parse, plain_text
from tests.e2e.client.conftest import RunNode
from tests.support.processes import Stack
from tests.vectors.random_texts import random_texts

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


def test_react_native_keeps_the_sign_in_and_wakes_up(server: Stack, run_node: RunNode) -> None:
    run_node("native", server.base_url)


def test_client_follows_close_codes(run_node: RunNode) -> None:
    run_node("close_codes", "")


def test_client_parses_texts_as_the_server(run_node: RunNode, tmp_path: Path) -> None:
    """The vectors, and random texts."""
    more = [{"text": text, "blocks": parse(text), "plain": plain_text(text)} for text in random_texts(7, count=2000)]
    (tmp_path / "more.json").write_text(json.dumps(more))
    run_node("vectors", str(tmp_path / "more.json"))


def test_modules(run_node: RunNode) -> None:
    run_node("parts", "")
    run_node("state_parts", "")
