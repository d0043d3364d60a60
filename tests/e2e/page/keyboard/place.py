"""The daily acts of docs/decisions/page.md, each with only the keyboard.

``ACTS`` holds them by the names that they have there. The modules beside this one add them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.e2e.page.keyboard.keys import Keys
from tests.e2e.page.people import People, Somebody


@dataclass(frozen=True)
class Place:
    """Ann's window with her conversation with Ben open, and the focus in the message field."""

    keys: Keys
    people: People
    ann: Somebody
    ben: Somebody
    direct: int
    base_url: str

    @property
    def page(self) -> Page:
        return self.keys.page

    @property
    def field(self) -> Locator:
        return self.page.locator(".composer textarea")

    def said(self, text: str) -> Locator:
        found = self.page.locator(".message", has=self.page.locator(".text", has_text=text))
        expect(found.last).to_be_visible()
        return found.last

    def own(self, text: str) -> Locator:
        """Says something as Ann and goes to it. Returns its row."""
        self.ann.say(self.direct, text)
        self.said(text)
        return self.keys.message(text)

    def open(self, conversation: int) -> None:
        self.page.goto(f"{self.base_url}/#/c/{conversation}")
        row = self.page.locator(f'[data-conversation="{conversation}"][aria-current="true"]')
        expect(row).to_be_attached()  # the title may still be that of the previous conversation
        expect(self.field).to_be_focused()

    def group(self, name: str) -> int:
        """Makes a group of Ann and Ben, with one message of each, and opens it."""
        group = self.ann.group(name, self.ben)
        self.ben.say(group, "from Ben")
        self.ann.say(group, "from Ann")
        self.open(group)
        self.said("from Ann")
        return group

    def title(self, name: str) -> None:
        expect(self.page.locator(".conversation-head h1")).to_have_text(name)

    def press_in_details(self, name: str, becomes: str, *confirmations: str) -> None:
        """Presses a button of the details, and confirms. Then the button has another name, and the focus shows."""
        self.keys.details(name)
        for confirmation in confirmations:
            self.keys.confirm(confirmation)
        panel = self.page.get_by_role("complementary", name="Details")
        expect(panel.get_by_role("button", name=becomes, exact=True)).to_be_visible()
        self.keys.shows()

    def choose_in_list(self, entry: str) -> Locator:
        """Chooses an entry in the menu of the list. Returns the button of the menu."""
        button = self.page.get_by_label("New conversation", exact=True)
        self.keys.enter(button)
        self.keys.entry(entry)
        return button

    def settings(self) -> Locator:
        self.keys.press("Control+,")
        dialog = self.page.get_by_role("dialog", name="Settings")
        expect(dialog).to_be_visible()
        return dialog


Act = Callable[[Place], None]
ACTS: dict[str, Act] = {}


def act(name: str) -> Callable[[Act], Act]:
    def note(function: Act) -> Act:
        ACTS[name] = function
        return function

    return note
