"""The widget's files: few requests, few bytes, names that change with their content."""

from __future__ import annotations

import gzip
import re

import httpx
from playwright.sync_api import expect

from tests.e2e.page.traffic import Traffic
from tests.e2e.widget.conftest import OpenPage, Sites, chat, field
from tests.e2e.widget.host import HostServer
from tests.support.processes import Stack

MAX_BYTES = 60_000  # gzipped, in all
FOR_GOOD = "public, max-age=31536000, immutable"


def test_widget_is_small_and_kept_for_good(server: Stack, sites: Sites) -> None:
    headers = {"Origin": sites.shop.origin, "Accept-Encoding": "gzip"}
    with httpx.Client(base_url=server.base_url, trust_env=False, headers=headers) as http:
        entry = http.get("/client/widget.js")
        assert entry.headers["Cache-Control"] == "no-cache"
        assert http.get("/client/widget.js", headers={"If-None-Match": entry.headers["ETag"]}).status_code == 304
        found = re.fullmatch(r'import "\.\.(/assets/widget\.[0-9a-f]{16}\.js)";\n', entry.text)
        assert found
        script = http.get(found[1])
        assert script.headers["Cache-Control"] == FOR_GOOD
        catalogues = re.findall(r"/assets/widget-\w+\.[0-9a-f]{16}\.js", script.text)
        assert len(catalogues) == 5
        for answer in (entry, script, http.get(catalogues[0])):
            assert answer.headers["Access-Control-Allow-Origin"] == sites.shop.origin
            assert "Origin" in answer.headers["Vary"]
        largest = max(len(gzip.compress(http.get(path).content)) for path in catalogues)
        total = len(gzip.compress(entry.content)) + len(gzip.compress(script.content)) + largest
        print(f"widget: {total} bytes")
        assert total < MAX_BYTES


def test_later_visits_request_one_file(open_page: OpenPage, host: HostServer, server: Stack) -> None:
    ann, _, conversation = host.pair()
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    expect(field(page)).to_be_visible()
    traffic = Traffic(page, server.base_url)
    page.reload()
    expect(field(page)).to_be_visible()
    assert traffic.paths() == ["/client/widget.js"]


def test_script_of_another_version_gets_the_present_one_and_is_not_kept(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        for name in ("widget", "embed"):
            answer = http.get(f"/assets/{name}.0123456789abcdef.js")
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-store"
