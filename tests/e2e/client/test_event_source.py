"""A standard EventSource (Chromium's, and the package `eventsource`) outlives an outage of Redis and misses nothing.

A reverse proxy or a fetch option gives it the token, because a ticket works only once and so cannot be used to
reconnect.
"""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser

from dev.node import node, node_tools
from dev.processes import wait_until
from tests.e2e.client.conftest import SCENARIOS
from tests.e2e.page.gate import EVENT_STREAM, Gate
from tests.support.clients import Account, Refused, RestClient, register
from tests.support.patience import PATIENCE
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

CLOSED = 2  # readyState
OPEN = """(url) => {
  window.got = [];
  window.source = new EventSource(url);
  for (const type of ["joined", "receive_message", "resync", "error"])
    source.addEventListener(type, ({ data }) => got.push({ type, data: data ? JSON.parse(data) : null }));
}"""

Got = list[dict[str, Any]]


class Source:
    """A running EventSource, its events and its ``readyState``."""

    def __init__(self, got: Callable[[], Got], state: Callable[[], int]) -> None:
        self.got = got
        self.state = state

    def texts(self) -> list[str]:
        return [event["data"]["message"] for event in self.got() if event["type"] == "receive_message"]

    def refusals(self) -> list[str]:
        """Returns the codes of the server's errors. An error without data is the EventSource's own."""
        return [event["data"]["code"] for event in self.got() if event["type"] == "error" and event["data"]]

    def wait_texts(self, texts: list[str]) -> None:
        wait_until(lambda: len(self.texts()) >= len(texts) or self.state() == CLOSED, PATIENCE, f"{texts}", every=0.1)
        assert self.texts() == texts


@contextmanager
def in_chromium(browser: Browser, url: str, account: Account) -> Iterator[Source]:
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {account.access_token}"})
    page = context.new_page()
    page.goto(f"{url}/docs")
    page.evaluate(OPEN, f"{url}/api/v1/events")
    yield Source(lambda: list(page.evaluate("got")), lambda: int(page.evaluate("source.readyState")))
    context.close()


@contextmanager
def in_node(_browser: Browser, url: str, account: Account) -> Iterator[Source]:
    node_tools()
    command = [node(), str(SCENARIOS / "event_source.mjs"), url, account.access_token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[dict[str, Any]] = []
        reader = threading.Thread(target=lambda: lines.extend(map(json.loads, process.stdout or ())), daemon=True)
        reader.start()
        yield Source(
            lambda: [line for line in list(lines) if "type" in line],
            lambda: ([line["state"] for line in list(lines) if "state" in line] or [0])[-1],
        )
        process.kill()
        reader.join()


@pytest.fixture(scope="module")
def alone() -> Iterator[Stack]:
    """A stack whose Redis may be stopped."""
    with private_stack() as stack:
        yield stack


@pytest.mark.parametrize("runs_in", [in_node, in_chromium], ids=["node", "chromium"])
def test_event_source_outlives_an_outage_of_redis(alone: Stack, browser: Browser, runs_in: Any) -> None:
    ann, ben = register(alone.base_url), register(alone.base_url)
    with closing(RestClient(alone.base_url, ann.access_token)) as sender:
        outlive_an_outage(alone, sender, ben, lambda url: runs_in(browser, url, ben))


def outlive_an_outage(alone: Stack, sender: RestClient, ben: Account, runs_at: Any) -> None:
    def say(*texts: str) -> list[str]:
        for text in texts:
            sender.send(receiver_id=ben.user_id, message=text)
        return list(texts)

    with Gate(int(alone.web[0].env["PORT"])) as gate, runs_at(gate.url) as source:
        wait_until(lambda: [e["type"] for e in source.got()][:1] == ["joined"], PATIENCE, "the stream")
        said = say("one", "two")
        source.wait_texts(said)
        gate.shut(EVENT_STREAM)
        said += say("three", "four")
        alone.stores.valkey.freeze()
        try:
            gate.open()
            wait_until(lambda: bool(source.refusals()), PATIENCE, "a refusal during the outage", every=0.1)
        finally:
            alone.stores.valkey.thaw()
        assert set(source.refusals()) == {"overloaded"}
        five = {"receiver_id": ben.user_id, "message": "five", "id": str(uuid.uuid4())}
        wait_until(lambda: is_sent(sender, five), PATIENCE, "a send after the outage", every=0.2)
        source.wait_texts([*said, "five"])
        assert source.state() != CLOSED
        assert "resync" not in [event["type"] for event in source.got()]


def is_sent(sender: RestClient, message: dict[str, Any]) -> bool:
    """Sends it under its id, so that a repeat is no second message."""
    try:
        return bool(sender.send(**message))
    except Refused:
        return False
