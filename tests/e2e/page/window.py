"""``Window``: one person's browser window, with helpers for their actions and for what they see. All waits are
playwright's: they wait for a condition, with a timeout.
"""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from app.core.demo_code import demo_code
from tests.support.patience import PATIENCE

DEMO_KEY = "demo-key-of-the-browser-tests"
WAIT_MS = PATIENCE * 1000
PROCESSED_MS = 90_000  # until the worker has prepared a picture on a busy machine
expect.set_options(timeout=WAIT_MS)


class Window:
    def __init__(self, browser: Browser, base_url: str, **options: Any) -> None:
        self.base_url = base_url
        self.context = browser.new_context(viewport={"width": 1180, "height": 760}, **options)
        self.context.set_default_timeout(WAIT_MS)
        self.problems: list[str] = []
        self.page = self.new_page()

    def new_page(self) -> Page:
        """Opens another tab of the same person. Errors in the page are collected in ``problems``."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"{error}\n{error.stack or ''}"))
        page.on("filechooser", lambda _: None)  # a chooser before a test expects one would not be seen
        page.on("console", lambda said: self.problems.append(said.text) if "Content Security" in said.text else None)
        return page

    def close(self) -> None:
        self.context.close()

    # -- signing in --------------------

    def demo_link(self, username: str) -> str:
        return f"{self.base_url}/#demo={demo_code(DEMO_KEY, username)}"

    def sign_in_demo(self, username: str) -> Window:
        self.page.goto(self.demo_link(username))
        self.wait_online()
        return self

    def sign_in(self, username: str, password: str, page: Page | None = None) -> Window:
        page = page or self.page
        page.goto(self.base_url)
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        self.wait_online(page=page)
        return self

    def wait_online(self, transport: str | None = None, page: Page | None = None) -> None:
        wanted = f'.connection[data-status="online"]{f"""[data-transport="{transport}"]""" if transport else ""}'
        expect((page or self.page).locator(wanted)).to_be_attached()

    def wait_offline(self) -> None:
        expect(self.page.locator('.connection:not([data-status="online"])')).to_be_attached()

    # -- conversations --------------------

    def open(self, title: str) -> Window:
        self.row(title).click()
        expect(self.page.locator(".conversation-head h1")).to_contain_text(title)
        self.page.locator(".composer textarea").wait_for()
        return self

    def row(self, title: str) -> Locator:
        return self.page.locator(
            ".conversation-row", has=self.page.locator(".name", has_text=re.compile(rf"^{title}$"))
        )

    # -- messages --------------------

    def send(self, text: str) -> None:
        field = self.page.locator(".composer textarea")
        field.fill(text)
        field.press("Enter")

    def message(self, text: str) -> Locator:
        return self.page.locator(
            ".message", has=self.page.locator(".text", has_text=re.compile(rf"^{re.escape(text)}$"))
        )

    def sees(self, text: str) -> Locator:
        """Waits until the message is shown exactly once, and returns it."""
        found = self.message(text)
        expect(found).to_have_count(1)
        return found

    def texts(self, page: Page | None = None) -> list[str]:
        """Returns the texts of all messages on the screen, in order."""
        return (page or self.page).locator(".message .text").all_inner_texts()

    def wait_mark(self, text: str, mark: str) -> None:
        expect(self.message(text).locator(f'[data-mark="{mark}"]')).to_be_attached()

    def choose(self, text: str, entry: str) -> None:
        """Clicks an entry in the menu of a message."""
        self.message(text).hover()
        self.message(text).get_by_label("More").click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()
