"""Reports in the page: administrators review them, and others do not see them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People, Somebody
from tests.e2e.page.window import Window
from tests.support.processes import Stack

Decide = Callable[[Somebody], None]
# All administrators share the reports, so each test starts without undecided ones.
DECIDED = "UPDATE reports SET state = 'dismissed' WHERE state IN ('open', 'reviewing')"


@pytest.fixture
def admin(people: People, server: Stack) -> Somebody:
    judge = people.new("Jo Judge")
    with psycopg.connect(server.env["DATABASE_URL"].replace("+psycopg", "")) as connection:
        connection.execute(DECIDED)
        connection.execute("UPDATE users SET is_admin = true WHERE id = %s", [judge.id])
    return judge


def reported(people: People, *texts: str, reason: str = "spam", note: str | None = None) -> tuple[Somebody, Somebody]:
    """Returns Ann, who reported these messages, and Ben, who sent them."""
    ann, ben, conversation = people.pair()
    for text in texts:
        said = ben.say(conversation, text)
        ann.call("POST", f"/messages/{said['id']}/report", json={"reason": reason, "note": note})
    return ann, ben


def queue(window: Window) -> Locator:
    window.page.get_by_label("Settings and profile").click()
    window.page.get_by_role("button", name="Reports").click()
    return window.page.get_by_role("dialog", name="Reports", exact=True)


class HeldRoute:
    """Holds requests back until ``release``."""

    def __init__(self, page: Page, url: str) -> None:
        self._held: list[Route] | None = []
        page.route(url, self._take)

    def _take(self, route: Route) -> None:
        if self._held is None:
            route.continue_()
        else:
            self._held.append(route)

    def release(self) -> None:
        held, self._held = self._held or [], None
        for route in held:
            route.continue_()


def report(dialog: Locator, text: str) -> Locator:
    return dialog.locator(".report").filter(has_text=text)


def test_report_is_reviewed_and_decided(window: OpenWindow, people: People, admin: Somebody) -> None:
    ann, ben = reported(people, "<b>buy now</b>", "and cheap", note="again & again")
    here = window().sign_in_demo(admin.username)
    dialog = queue(here)
    shown = report(dialog, "<b>buy now</b>")
    for words in (
        "Spam",
        f"Ben Baker (@{ben.username}) wrote:",
        f"Reported by Ann Archer (@{ann.username}):",
        "again & again",
    ):
        expect(shown).to_contain_text(words)
    assert violations(here.page) == []
    shown.get_by_role("button", name="Start review").click()
    expect(dialog.locator(".report blockquote")).to_have_text(["and cheap"])
    expect(report(dialog, "and cheap").get_by_role("button").first).to_be_focused()
    report(dialog, "and cheap").get_by_role("button", name="Dismiss").click()
    here.page.get_by_role("dialog", name="Dismiss this report?").get_by_role("button", name="Dismiss").click()
    expect(dialog.get_by_text("No open reports")).to_be_visible()
    expect(dialog.get_by_label("Show")).to_be_focused()

    dialog.get_by_label("Show").select_option("In review")
    expect(shown.get_by_role("button", name="Start review")).to_have_count(0)
    shown.get_by_role("button", name="Resolve").click()
    asked = here.page.get_by_role("dialog", name="Resolve this report?")
    asked.get_by_label("What did you do, and why?").fill("Talked to Ben")
    assert violations(here.page) == []
    asked.get_by_role("button", name="Resolve").click()
    expect(dialog.get_by_text("No reports in review")).to_be_visible()
    dialog.get_by_label("Show").select_option("Resolved")
    expect(shown).to_contain_text("Talked to Ben")
    expect(shown).to_contain_text(f"Handled by Jo Judge (@{admin.username})")
    expect(shown.get_by_role("button")).to_have_count(0)


def test_report_that_another_administrator_decided_disappears_with_a_note(
    window: OpenWindow, people: People, admin: Somebody
) -> None:
    reported(people, "first", "second")
    dialog = queue(here := window().sign_in_demo(admin.username))
    expect(dialog.locator(".report")).to_have_count(2)
    first = report(dialog, "first")
    listed = admin.call("GET", "/admin/reports")["reports"]
    admin.call("PATCH", f"/admin/reports/{listed[0]['id']}", json={"state": "resolved"})
    first.get_by_role("button", name="Start review").click()
    expect(here.page.get_by_text("Someone else has already handled this report.")).to_be_visible()
    expect(dialog.locator(".report blockquote")).to_have_text(["second"])


def test_reports_load_in_pages(window: OpenWindow, people: People, admin: Somebody) -> None:
    texts = [f"bad {number}" for number in range(52)]
    ann, _ = reported(people, *texts)
    here = window()
    names, more = HeldRoute(here.page, "**/api/v1/users?*"), HeldRoute(here.page, "**/api/v1/admin/reports?*cursor=*")
    dialog = queue(here.sign_in_demo(admin.username))
    expect(dialog.locator(".report blockquote")).to_have_text(texts[:50])
    dialog.get_by_role("button", name="Show more").press("Enter")
    names.release()  # the rows are drawn again with the names, while the rest is loading
    expect(report(dialog, texts[0])).to_contain_text(ann.username)
    more.release()
    expect(dialog.locator(".report blockquote")).to_have_text(texts)
    expect(report(dialog, texts[50]).get_by_role("button").first).to_be_focused()
    expect(dialog.get_by_role("button", name="Show more")).to_have_count(0)


def test_failed_load_of_reports_can_be_retried(window: OpenWindow, people: People, admin: Somebody) -> None:
    reported(people, "bad")
    here = window().sign_in_demo(admin.username)
    here.page.route("**/api/v1/admin/reports?state=open", lambda route: route.abort())
    dialog = queue(here)
    expect(dialog.get_by_role("alert")).to_contain_text("Can't reach the server right now.")
    here.page.unroute("**/api/v1/admin/reports?state=open")
    dialog.get_by_role("button", name="Try again").click()
    expect(report(dialog, "bad")).to_be_visible()


def test_reports_are_hidden_from_other_users(window: OpenWindow, people: People, admin: Somebody) -> None:
    ann, _ = reported(people, "bad")
    here = window().sign_in_demo(ann.username)
    with here.page.expect_response("**/api/v1/admin/reports?limit=1") as asked:
        here.page.get_by_label("Settings and profile").click()
    assert asked.value.status == 404
    expect(here.page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(here.page.get_by_role("button", name="Reports")).to_have_count(0)
