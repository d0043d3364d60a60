"""A chat server, and pages of a host on another origin with the widget in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Locator, Page, expect

from tests.e2e.browser import running_browser
from tests.e2e.widget.host import SERVER_API_KEY, HostServer, HostSite
from tests.support.patience import PATIENCE
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

WAIT_MS = PATIENCE * 1000
# Tokens of the widget are short-lived, so that every test lives through renewals.
SETTINGS = {"SERVER_API_KEY": SERVER_API_KEY, "ACCESS_TOKEN_SECONDS": "12", "TOKEN_REQUESTS_PER_MINUTE": "0"}
EVENTS = ("parley-ready", "parley-unread", "parley-message", "parley-error", "parley-token-needed")
RECORD = "".join(
    f'addEventListener("{name}", (event) => (window.seen ??= []).push(["{name}", event.detail]));' for name in EVENTS
)
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width"><script src="/record.js"></script>{script}</head>
<body><main><h1>Shop</h1>{body}</main></body></html>"""

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")  # two sync Playwrights cannot run in one process
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    with running_browser() as browser:
        yield browser


class Sites:
    """``shop`` may show the chat; ``stranger`` may not, because ALLOWED_ORIGINS does not list it."""

    def __init__(self, shop: HostSite, stranger: HostSite, host: HostServer, stack: Stack) -> None:
        self.shop, self.stranger, self.host, self.stack = shop, stranger, host, stack


@pytest.fixture(scope="package")
def sites() -> Iterator[Sites]:
    host = HostServer("")
    shop, stranger = HostSite(host), HostSite(host)
    with private_stack(env={**SETTINGS, "ALLOWED_ORIGINS": shop.origin}) as stack:
        host = HostServer(stack.base_url)
        shop.server = stranger.server = host
        yield Sites(shop, stranger, host, stack)
        host.close()
    shop.close()
    stranger.close()


@pytest.fixture
def host(sites: Sites) -> HostServer:
    return sites.host


@pytest.fixture
def server(sites: Sites) -> Stack:
    return sites.stack


def strict_policy(server: str) -> str:
    """The policy of a host that allows no inline scripts, no inline styles and no markup from scripts."""
    socket = server.replace("http", "ws")
    return (
        f"default-src 'none'; script-src 'self' {server}; connect-src 'self' {server} {socket}; img-src {server}; "
        f"media-src {server}; frame-src 'self' {server}; style-src 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


@pytest.fixture
def open_page(browser: Browser, sites: Sites) -> Iterator[OpenPage]:
    """``open_page(body, user=…)`` opens a page of the shop with this body and the widget's script. Errors in the page
    fail the test, and so do breaches of its policy.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(
        body: str,
        *,
        user: str = "",
        site: HostSite | None = None,
        lang: str = "en",
        script: str | None = None,
        strict: bool = True,
        **options: object,
    ) -> Page:
        site = site or sites.shop
        module = f'<script type="module" src="{sites.stack.base_url}/client/widget.js"></script>'
        site.csp = strict_policy(sites.stack.base_url) if strict else ""
        site.pages["/"] = PAGE.format(body=body, lang=lang, script=module if script is None else script)
        site.scripts["/record.js"] = RECORD
        site.token_answer = None
        site.token_requests.clear()
        context = browser.new_context(viewport={"width": 1000, "height": 720}, **options)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        if user:
            context.add_cookies([{"name": "user", "value": user, "url": site.origin}])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"{error}\n{error.stack or ''}"))
        page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
        page.goto(site.origin)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def chat(attributes: str = "") -> str:
    return f'<parley-chat token-url="/token" {attributes}></parley-chat>'


def field(page: Page | FrameLocator) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def message(page: Page | FrameLocator, text: str) -> Locator:
    return page.locator(".message", has=page.locator(".text", has_text=text))


def events(page: Page, name: str) -> list[dict]:
    """Returns the details of the widget's events of this name."""
    details: list[dict] = page.evaluate(
        "(name) => (window.seen ?? []).filter((one) => one[0] === name).map((one) => one[1])", name
    )
    return details


def wait_event(page: Page, name: str, condition: str = "true") -> dict:
    """Waits for an event whose ``detail`` fulfils the condition, a JavaScript expression."""
    details = f"(window.seen ?? []).filter((one) => one[0] === '{name}').map((one) => one[1])"
    found: dict = page.wait_for_function(f"() => {details}.find((detail) => {condition})").json_value()
    return found
