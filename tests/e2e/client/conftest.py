"""One stack for the tests of the client that run in this process. Its tokens are short-lived, so that every session
lives through renewals.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dev.node import node, node_tools
from tests.e2e.browser import running_browser
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

SCENARIOS = Path(__file__).parent / "scenarios"
SCENARIO_SECONDS = 120
SETTINGS = {"ACCESS_TOKEN_SECONDS": "12", "TOKEN_REQUESTS_PER_MINUTE": "0", "STRICT_REQUESTS": "true"}

RunNode = Callable[..., None]


@pytest.fixture(scope="package")
def server() -> Iterator[Stack]:
    with private_stack(env=SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="package")  # two sync Playwrights cannot run in one process
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def run_node() -> RunNode:
    """Runs a program of scenarios/; fails with its output."""
    node_tools()

    def run(name: str, *arguments: str) -> None:
        command = [node(), str(SCENARIOS / f"{name}.mjs"), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=SCENARIO_SECONDS, check=False)
        assert result.returncode == 0, result.stdout + result.stderr

    return run
