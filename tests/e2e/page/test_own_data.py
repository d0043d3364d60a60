"""Exporting the user's data and deleting the account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.e2e.page.window import Window

MADE_MS = 30_000  # a worker prepares it
EXPORTS = "**/api/v1/me/exports/*"


def settings(window: Window, entry: str) -> Locator:
    window.page.get_by_label("Settings and profile").click()
    window.page.get_by_role("button", name=entry).click()
    return window.page.get_by_role("dialog").last


def answer(page: Page, address: str, with_status: int, /, **body: object) -> None:
    """Answers requests to this address with this response, until it is unrouted."""

    def fulfil(route: Route) -> None:
        kind = "application/json" if with_status < 400 else "application/problem+json"
        route.fulfill(status=with_status, content_type=kind, body=json.dumps(body))

    page.route(address, fulfil)


def test_data_export_is_prepared_and_downloaded(window: OpenWindow, people: People, tmp_path: Path) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "<b>to be kept</b>")
    here = window().sign_in(ann.username, PASSWORD)
    dialog = settings(here, "Get a copy of your data")
    answer(here.page, EXPORTS, 200, exportId="0", status="pending", createdAt="2026-01-01T00:00:00.000Z")
    dialog.get_by_role("button", name="Prepare a copy").click()
    expect(dialog).to_contain_text("We're preparing your copy.")
    assert violations(here.page) == []
    here.page.reload()  # the page remembers the request
    here.page.unroute(EXPORTS)
    dialog = settings(here, "Get a copy of your data")
    expect(dialog).to_contain_text("Your copy is ready.", timeout=MADE_MS)
    assert violations(here.page) == []
    with here.page.expect_download() as begun:
        dialog.get_by_role("button", name="Download").click()
    assert begun.value.suggested_filename == "parley-export.jsonl"
    begun.value.save_as(tmp_path / "copy")
    lines = [json.loads(line) for line in (tmp_path / "copy").read_text().splitlines()]
    assert lines[0]["username"] == ann.username
    assert "<b>to be kept</b>" in [line["message"] for line in lines if line["type"] == "message"]


def test_failed_export_shows_an_error(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    here = window().sign_in_demo(ann.username)
    dialog = settings(here, "Get a copy of your data")
    answer(here.page, "**/api/v1/me/export", 429, code="rate_limited", retryAfter=60)
    dialog.get_by_role("button", name="Prepare a copy").click()
    expect(here.page.get_by_text("You've reached today's limit.")).to_be_visible()
    here.page.unroute("**/api/v1/me/export")
    answer(here.page, EXPORTS, 200, exportId="0", status="failed", createdAt="2026-01-01T00:00:00.000Z")
    dialog.get_by_role("button", name="Prepare a copy").click()
    expect(dialog).to_contain_text("Couldn't prepare your copy.")
    here.page.unroute(EXPORTS)
    answer(here.page, EXPORTS, 503, code="overloaded", retryAfter=1)
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The server is busy.")
    here.page.unroute(EXPORTS)
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog).to_contain_text("Your copy is ready.", timeout=MADE_MS)
    ann.call("POST", "/me/export")  # replaces the first export
    dialog.get_by_role("button", name="Download").click()
    expect(here.page.get_by_text("This copy is no longer available.")).to_be_visible()


def test_account_is_deleted_with_its_password(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ann.say(conversation, "what remains")
    there = window().sign_in_demo(ben.username).open("Ann Archer")
    here = window().sign_in(ann.username, PASSWORD)
    other = here.new_page()
    other.goto(here.base_url)
    here.wait_online(page=other)
    dialog = settings(here, "Delete my account")
    proof, act = dialog.get_by_label("Your password"), dialog.get_by_role("button", name="Delete my account")
    expect(proof).to_be_focused()
    assert violations(here.page) == []
    act.click()
    expect(dialog).to_contain_text("Please enter your password.")
    proof.fill("not her password")
    proof.press("Enter")
    expect(dialog).to_contain_text("That password is wrong.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(there.row("Ann Archer")).to_be_visible()

    here.page.get_by_role("button", name="Delete my account").click()
    proof.fill(PASSWORD)
    act.click()
    expect(here.page.get_by_role("alert")).to_have_text("Your account has been deleted.")
    expect(other.get_by_role("alert")).to_have_text("You have been signed out.")
    here.page.get_by_label("Username").fill(ann.username)
    here.page.get_by_label("Password").fill(PASSWORD)
    here.page.get_by_role("button", name="Sign in").click()
    expect(here.page.get_by_role("alert")).to_have_text("Wrong username or password.")
    there.page.reload()
    expect(there.message("what remains")).to_be_visible()
    expect(there.page.locator(".conversation-head h1")).to_have_text("Deleted account")


def test_external_account_is_deleted_after_typing_the_username(window: OpenWindow, people: People) -> None:
    """Accounts of another service have no password on this server."""
    ann = people.new("Ann Archer")
    here = window().sign_in_demo(ann.username)
    here.page.evaluate("document.documentElement.dataset.accounts = 'off'")
    answer(here.page, "**/api/v1/me", 202, status="accepted")
    dialog = settings(here, "Delete my account")
    proof, act = (
        dialog.get_by_label(f"Type {ann.username} to confirm"),
        dialog.get_by_role("button", name="Delete my account"),
    )
    proof.fill("somebody else")
    act.click()
    expect(dialog).to_contain_text(f"Please type {ann.username}.")
    proof.fill(ann.username)
    with here.page.expect_request(lambda request: request.method == "DELETE") as sent:
        act.click()
    assert sent.value.post_data is None
    expect(here.page.get_by_role("alert")).to_have_text("Your account has been deleted.")


@pytest.mark.parametrize("status", [503, 429])
def test_account_stays_if_its_deletion_fails(window: OpenWindow, people: People, status: int) -> None:
    ann = people.new("Ann Archer")
    here = window().sign_in_demo(ann.username)
    code, words = {503: ("overloaded", "The server is busy."), 429: ("rate_limited", "You're doing that too fast.")}[
        status
    ]
    dialog = settings(here, "Delete my account")
    answer(here.page, "**/api/v1/me", status, code=code, retryAfter=1)
    dialog.get_by_label("Your password").fill(PASSWORD)
    dialog.get_by_role("button", name="Delete my account").click()
    expect(dialog).to_contain_text(words)
    here.page.unroute("**/api/v1/me")
    dialog.get_by_role("button", name="Delete my account").click()
    expect(here.page.get_by_role("alert")).to_have_text("Your account has been deleted.")
