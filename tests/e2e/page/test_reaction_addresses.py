"""No way of writing a reaction's address touches anything but a reaction, whatever the HTTP client makes of it.

Clients normalise addresses: they remove ``..`` and ``%2e%2e`` with the part before them, and cut at ``?`` and ``#``.
In the query there is nothing to normalise. In the path, an encoded emoji ends at an address without a resource.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import requests
from playwright.sync_api import Browser

from dev.node import node
from tests.e2e.client.tab import EMPTY, PASSWORD
from tests.support.patience import PATIENCE
from tests.support.processes import Stack

Send = Callable[[str, str, str], int]  # method, address, token -> status
NO_EMOJI = [
    "",
    ".",
    "..",
    "...",
    "%2e",
    "%2e%2e",
    ".%2E",
    "%252e%252e",
    "/",
    "//",
    "../",
    "./..",
    "../pin",
    "..\\pin",
    "?",
    "?scope=everyone",
    "#",
    "#..",
    ";..",
    "..;",
    "\u2025",  # two dots in one character
    "\uff0e\uff0e",
    "\t..",
    "..\n",
    "\0",
    "%00",
    "lol",
]
REFUSED = (400, 404, 405, 422)


def by_http_client(method: str, address: str, token: str) -> int:
    """Python's own client sends a path as it is."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def by_requests(method: str, address: str, token: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method, address, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        ).status_code


def by_httpx(method: str, address: str, token: str) -> int:
    with httpx.Client(trust_env=False) as client:
        return client.request(method, address, headers={"Authorization": f"Bearer {token}"}).status_code


def by_curl(method: str, address: str, token: str, *more: str) -> int:
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*", "-X", method, *more]
    command += ["-H", f"Authorization: Bearer {token}", "--globoff", address]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout)


def by_curl_as_is(method: str, address: str, token: str) -> int:
    return by_curl(method, address, token, "--path-as-is")


FETCH = """async ([calls, token]) => {
  const statuses = [];
  for (const [method, address] of calls) {
    statuses.push((await fetch(address, { method, headers: { Authorization: `Bearer ${token}` } })).status);
  }
  return statuses;
}"""


def by_node(calls: list[tuple[str, str]], token: str) -> list[int]:
    program = f"({FETCH})({json.dumps([calls, token])}).then((s) => console.log(JSON.stringify(s)))"
    run = subprocess.run([node(), "-e", program], capture_output=True, text=True, check=True, timeout=120)
    statuses: list[int] = json.loads(run.stdout)
    return statuses


CLIENTS: dict[str, Send] = {
    "http.client": by_http_client,
    "requests": by_requests,
    "httpx": by_httpx,
    "curl": by_curl,
    "curl --path-as-is": by_curl_as_is,
}


class Author:
    """Ann, who wrote a pinned and starred message with a reaction, and may delete it."""

    def __init__(self, base_url: str) -> None:
        self.api = f"{base_url}/api/v1"
        self.http = httpx.Client(trust_env=False)
        account = {"username": f"ann-{uuid.uuid4().hex[:12]}", "password": PASSWORD}
        made = self.http.post(f"{self.api}/auth/register", json=account).raise_for_status().json()
        self.token = made["accessToken"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        sent = self.call("POST", "/messages", json={"receiverId": made["user"]["id"], "message": "keep me"})
        self.id, self.conversation = sent["id"], sent["conversationId"]
        self.address = f"{self.api}/messages/{self.id}"
        self.call("PUT", f"/messages/{self.id}/pin")
        self.call("PUT", f"/messages/{self.id}/star")
        self.call("PUT", f"/messages/{self.id}/reactions", params={"emoji": "👍"})
        self.before = self.state()

    def call(self, method: str, path: str, **more: Any) -> Any:
        return self.http.request(method, self.api + path, **more).raise_for_status().json()

    def state(self) -> Any:
        """Everything that somebody can read of the message and its conversation."""
        return [
            self.call("GET", f"/conversations/{self.conversation}"),
            self.call("GET", f"/conversations/{self.conversation}/messages"),
            self.call("GET", f"/conversations/{self.conversation}/pins"),
            self.call("GET", f"/messages/{self.id}/edits"),
            self.call("GET", "/starred"),
        ]

    def in_query(self) -> list[tuple[str, str]]:
        """Calls with the emoji as careful and careless programs write it."""
        forms = [form for emoji in NO_EMOJI for form in (quote(emoji, safe=""), emoji)]
        written = [form for form in forms if form.isascii() and form.isprintable()]
        return [(method, f"{self.address}/reactions?emoji={form}") for form in written for method in ("PUT", "DELETE")]

    def in_path(self) -> list[tuple[str, str]]:
        """Calls with the emoji encoded, as `encodeURIComponent` does it: dots stay as they are."""
        calls = [
            (method, f"{self.address}/reactions/{quote(emoji, safe='')}") for emoji in NO_EMOJI for method in METHODS
        ]
        return calls + [(method, f"{self.address}/") for method in (*METHODS, "PATCH", "POST")]


METHODS = ("PUT", "DELETE")


@pytest.fixture
def ann(server: Stack) -> Iterator[Author]:
    author = Author(server.base_url)
    yield author
    author.http.close()


@pytest.mark.parametrize("name", CLIENTS)
def test_no_client_touches_anything_else_by_the_query(ann: Author, name: str) -> None:
    for method, address in ann.in_query():
        assert CLIENTS[name](method, address, ann.token) in REFUSED, (method, address)
    assert ann.state() == ann.before


@pytest.mark.parametrize("name", CLIENTS)
def test_no_client_touches_anything_else_by_the_path(ann: Author, name: str) -> None:
    """Only httpx removes the slash with the ``..``. It then sends the address of the message, so no server could see
    that a reaction was meant. That is why the emoji can also be in the query.
    """
    unseen = f"{ann.address}/reactions/.."
    for method, address in ann.in_path():
        if (name, address) != ("httpx", unseen):
            assert CLIENTS[name](method, address, ann.token) in REFUSED, (method, address)
    assert ann.state() == ann.before


def test_fetch_of_node_touches_nothing_else(ann: Author) -> None:
    calls = [*ann.in_query(), *ann.in_path()]
    statuses = by_node(calls, ann.token)
    assert [call for call, status in zip(calls, statuses, strict=True) if status not in REFUSED] == []
    assert ann.state() == ann.before


def test_fetch_of_a_browser_touches_nothing_else(ann: Author, browser: Browser, server: Stack) -> None:
    calls = [*ann.in_query(), *ann.in_path()]
    page = browser.new_page()
    page.goto(server.base_url + EMPTY)
    statuses = page.evaluate(FETCH, [calls, ann.token])
    page.close()
    assert [call for call, status in zip(calls, statuses, strict=True) if status not in REFUSED] == []
    assert ann.state() == ann.before


def test_every_client_removes_a_reaction_by_both_addresses(ann: Author) -> None:
    """``#️⃣`` contains a sign that ends an address if it is not encoded."""
    for emoji in ("👍", "#️⃣", "❤️", "👩‍👩‍👧‍👦"):
        encoded = quote(emoji, safe="")
        for send in CLIENTS.values():
            for address in (f"{ann.address}/reactions?emoji={encoded}", f"{ann.address}/reactions/{encoded}"):
                assert send("PUT", address, ann.token) == 200
                assert send("DELETE", address, ann.token) == 200
    (message,) = ann.call("GET", f"/conversations/{ann.conversation}/messages")["messages"]
    assert message["reactions"] == []
    assert message["message"] == "keep me"
