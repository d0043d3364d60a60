"""``Traffic``: the requests of a page that reach the server."""

from __future__ import annotations

import time

import httpx
from playwright.sync_api import Page

from tests.e2e.page.window import WAIT_MS


class Traffic:
    """The requests to a server, by path, without those for data.

    The browser announces a request before it knows whether it has the answer in its cache. It requests the page's icon
    twice, for example, for the page and then for the tab, and only the first one reaches the server.
    """

    def __init__(self, page: Page, server: str) -> None:
        self._page = page
        self._server = httpx.URL(server)
        self._asked: dict[str, str] = {}
        self._kept: set[str] = set()
        self._ended: set[str] = set()
        cdp = page.context.new_cdp_session(page)
        cdp.send("Network.enable")
        cdp.on("Network.requestWillBeSent", self._on_request)
        cdp.on("Network.requestServedFromCache", lambda event: self._kept.add(event["requestId"]))
        cdp.on("Network.responseReceived", self._on_response)
        cdp.on("Network.loadingFailed", lambda event: self._ended.add(event["requestId"]))

    def _on_request(self, event: dict) -> None:
        url = httpx.URL(event["request"]["url"])
        if (url.host, url.port) == (self._server.host, self._server.port) and not url.path.startswith("/api/"):
            self._asked[event["requestId"]] = url.path

    def _on_response(self, event: dict) -> None:
        self._ended.add(event["requestId"])
        if event["response"]["fromDiskCache"]:
            self._kept.add(event["requestId"])

    def paths(self) -> list[str]:
        """Waits until the requests so far are answered. The page must still be open."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while waiting := [path for key, path in self._asked.items() if key not in self._ended]:
            assert time.monotonic() < deadline, f"no answer to {waiting}"
            self._page.wait_for_timeout(10)  # the events arrive during this wait
        return [path for key, path in self._asked.items() if key not in self._kept]
