"""/embed: the widget in a frame, for the pages of ALLOWED_ORIGINS only."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.widget.conftest import OpenPage, Sites, field, message
from tests.e2e.widget.host import HostServer
from tests.support.processes import Stack

LISTEN = "window.heard = []; addEventListener('message', (event) => window.heard.push([event.origin, event.data]));"
GIVE = "(token) => frames[0].postMessage({type: 'parley-token', token}, '*')"
HEARD = "(type) => window.heard.find(([, data]) => data.type === type)"


def framed(server: Stack, query: str) -> str:
    return f'<iframe src="{server.base_url}/embed?{query}" title="Chat" width="600" height="500"></iframe>'


def test_frame_takes_the_token_and_reports_events(
    open_page: OpenPage, host: HostServer, server: Stack, sites: Sites
) -> None:
    ann, ben, conversation = host.pair()
    ben.say(conversation, "Hello Ann")
    sites.shop.scripts["/listen.js"] = LISTEN
    body = framed(server, f"conversation={conversation}&lang=de&theme=dark")
    page = open_page(body, script='<script src="/listen.js"></script>')
    page.wait_for_function(HEARD, arg="parley-waiting")
    page.evaluate(GIVE, host.token(ann.username))
    frame = page.frame_locator("iframe")
    expect(message(frame, "Hello Ann")).to_be_visible()
    expect(frame.get_by_role("textbox", name="Nachricht", exact=True)).to_be_visible()
    origin, ready = page.wait_for_function(HEARD, arg="parley-ready").json_value()
    assert (origin, ready) == (
        server.base_url,
        {"type": "parley-ready", "userId": ann.id, "conversationId": conversation},
    )
    frame.get_by_role("textbox").fill("Hallo")
    frame.get_by_role("textbox").press("Enter")
    sent = page.wait_for_function(HEARD, arg="parley-message").json_value()[1]
    assert sent["message"]["message"] == "Hallo"
    page.wait_for_function(HEARD, arg="parley-token-needed")
    page.evaluate(GIVE, host.token(ann.username))
    ben.say(conversation, "Bis bald")
    expect(message(frame, "Bis bald")).to_be_visible()


@pytest.mark.parametrize("token", [5, "", None])
def test_token_that_is_no_text_is_refused(open_page: OpenPage, server: Stack, sites: Sites, token: object) -> None:
    sites.shop.scripts["/listen.js"] = LISTEN
    page = open_page(framed(server, ""), script='<script src="/listen.js"></script>')
    page.wait_for_function(HEARD, arg="parley-waiting")
    page.evaluate(GIVE, token)
    assert page.wait_for_function(HEARD, arg="parley-error").json_value()[1] == {
        "type": "parley-error",
        "code": "invalid",
    }


def test_messages_of_other_windows_are_ignored(
    open_page: OpenPage, host: HostServer, server: Stack, sites: Sites
) -> None:
    """The page around the frame is the only one that may give a token."""
    ann, ben = host.new("Ann Archer"), host.new("Ben Baker")
    sites.shop.scripts["/listen.js"] = LISTEN
    sites.shop.pages["/other"] = '<!doctype html><title>Other</title><script src="/other.js"></script>'
    sites.shop.scripts["/other.js"] = (
        "addEventListener('message', ({data: token}) =>"
        " parent.frames[0].postMessage({type: 'parley-token', token}, '*'));"
    )
    body = framed(server, "") + '<iframe src="/other" title="Other"></iframe>'
    page = open_page(body, script='<script src="/listen.js"></script>')
    page.wait_for_function(HEARD, arg="parley-waiting")
    page.evaluate("(token) => frames[1].postMessage(token, '*')", host.token(ben.username))
    page.evaluate(GIVE, host.token(ann.username))
    ready = page.wait_for_function(HEARD, arg="parley-ready").json_value()[1]
    assert ready["userId"] == ann.id


def test_only_allowed_origins_may_frame_it(open_page: OpenPage, server: Stack, sites: Sites) -> None:
    answer = httpx.get(f"{server.base_url}/embed", trust_env=False)
    assert f"frame-ancestors {sites.shop.origin};" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    home = httpx.get(server.base_url, trust_env=False)
    assert "frame-ancestors 'none'" in home.headers["Content-Security-Policy"]
    assert home.headers["X-Frame-Options"] == "DENY"
    page = open_page("", script="")
    refused: list[str] = []
    page.on("requestfailed", lambda request: refused.append(request.failure or ""))
    other = page.context.new_page()
    other.on("requestfailed", lambda request: refused.append(request.failure or ""))
    sites.stranger.pages["/"] = f"<!doctype html><title>Stranger</title>{framed(server, '')}"
    sites.stranger.csp = ""
    other.goto(sites.stranger.origin)
    other.wait_for_load_state("networkidle")
    assert refused == ["net::ERR_BLOCKED_BY_RESPONSE"]
    assert field(other.frame_locator("iframe")).count() == 0
