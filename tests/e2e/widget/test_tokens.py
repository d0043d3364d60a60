"""The widget fetches tokens, and says so if there are none."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from tests.contract.expect import eventually
from tests.e2e.widget.conftest import OpenPage, Sites, chat, events, field, message, wait_event
from tests.e2e.widget.host import HostServer

GIVE = "(token) => (document.querySelector('parley-chat').token = token)"


def add_chat(page: Page) -> None:
    """Adds the element, and says a moment later where its tokens are."""
    page.evaluate("document.querySelector('main').append(document.createElement('parley-chat'))")
    page.evaluate("document.querySelector('parley-chat').setAttribute('token-url', '/token')")


def test_token_is_fetched_with_the_credentials_of_the_page_and_again_before_it_ends(
    open_page: OpenPage, host: HostServer, sites: Sites
) -> None:
    ann, ben, conversation = host.pair()
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    expect(field(page)).to_be_visible()
    requests = sites.shop.token_requests
    assert requests == [ann.username]
    started = time.monotonic()
    page.wait_for_event("response", lambda answer: answer.url.endswith("/token"), timeout=14_000)
    assert time.monotonic() - started < 12, "before the token ends"
    assert requests == [ann.username] * 2
    ben.say(conversation, "still there?")
    expect(message(page, "still there?")).to_be_visible()
    assert events(page, "parley-error") == []
    assert page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)") == "{}{}"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, b"{}"), "unauthorized"),
        ((403, b""), "unauthorized"),
        ((200, b"{}"), "invalid"),
        ((200, b"null"), "invalid"),
        ((200, b'{"accessToken": 5}'), "invalid"),
        ((200, b"<html>"), "invalid"),
        ((200, b'{"accessToken": "nonsense"}'), "unauthorized"),
        ((500, b"{}"), "network"),
    ],
)
def test_page_gets_the_reason_why_there_is_no_token(
    open_page: OpenPage, host: HostServer, sites: Sites, answer: tuple[int, bytes], code: str
) -> None:
    ann = host.new("Ann Archer")
    page = open_page("", user=ann.username)
    sites.shop.token_answer = answer
    add_chat(page)
    assert wait_event(page, "parley-error") == {"code": code}
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    sites.shop.token_answer = None
    alert.get_by_role("button", name="Try again").click()
    assert wait_event(page, "parley-ready") == {"userId": ann.id}


def test_widget_tries_again_by_itself_after_a_failure_of_the_host(
    open_page: OpenPage, host: HostServer, sites: Sites
) -> None:
    ann = host.new("Ann Archer")
    page = open_page("", user=ann.username)
    sites.shop.token_answer = (503, b"")
    add_chat(page)
    wait_event(page, "parley-error", "detail.code === 'network'")
    sites.shop.token_answer = None
    wait_event(page, "parley-ready")


def test_chat_survives_a_token_address_that_fails(open_page: OpenPage, host: HostServer, sites: Sites) -> None:
    ann, ben, conversation = host.pair()
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    expect(field(page)).to_be_visible()
    sites.shop.token_answer = (503, b"")
    presence = lambda: ben.call("GET", "/presence", params={"userIds": ann.id})["presence"][0]["status"]  # noqa: E731
    eventually(lambda: presence() == "online", "the connection")
    eventually(lambda: presence() == "offline", "that the token ends")
    field(page).fill("written without a token")
    field(page).press("Enter")
    ben.say(conversation, "said meanwhile")
    sites.shop.token_answer = None
    expect(message(page, "said meanwhile")).to_be_visible()
    expect(message(page, "written without a token").locator("[data-mark]")).not_to_have_attribute(
        "data-mark", "sending"
    )
    eventually(lambda: len(ben.history(conversation)) == 2, "both messages")
    assert "unauthorized" not in [one["code"] for one in events(page, "parley-error")]


def test_user_who_signs_out_of_the_page_ends_the_chat(open_page: OpenPage, host: HostServer, sites: Sites) -> None:
    ann = host.new("Ann Archer")
    page = open_page(chat(), user=ann.username)
    wait_event(page, "parley-ready")
    page.context.clear_cookies()
    assert wait_event(page, "parley-error") == {"code": "unauthorized"}
    expect(page.get_by_role("alert")).to_be_visible()


def test_page_gives_the_token_and_a_new_one_when_asked(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    page = open_page(f'<parley-chat conversation="{conversation}"></parley-chat>')
    expect(page.get_by_role("status")).to_be_visible()
    profiles: list[str] = []
    page.on("request", lambda request: profiles.append(request.url) if request.url.endswith("/api/v1/me") else None)
    page.evaluate(GIVE, host.token(ann.username))
    expect(field(page)).to_be_visible()
    assert len(profiles) == 1, "the widget signs in once"
    assert page.locator("parley-chat").get_attribute("token") is None
    wait_event(page, "parley-token-needed")
    page.evaluate(GIVE, host.token(ann.username))
    page.wait_for_timeout(100)
    ben.say(conversation, "hello")
    expect(message(page, "hello")).to_be_visible()
    assert events(page, "parley-error") == []


def test_token_of_another_user_starts_another_chat(open_page: OpenPage, host: HostServer, sites: Sites) -> None:
    ann, ben = host.new("Ann Archer"), host.new("Ben Baker")
    page = open_page(chat(), user=ann.username)
    assert wait_event(page, "parley-ready") == {"userId": ann.id}
    page.context.add_cookies([{"name": "user", "value": ben.username, "url": sites.shop.origin}])
    assert wait_event(page, "parley-ready", f"detail.userId === {ben.id}") == {"userId": ben.id}
    assert events(page, "parley-error") == []


def test_page_of_another_origin_gets_nothing(open_page: OpenPage, host: HostServer, sites: Sites) -> None:
    ann = host.new("Ann Archer")
    page = open_page(chat(), user=ann.username, site=sites.stranger)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("customElements.get('parley-chat') === undefined")
    answer = page.evaluate(
        "(url) => fetch(url).then(() => 'read', (error) => error.name)", f"{sites.stack.base_url}/client/parley.js"
    )
    assert answer == "TypeError"
