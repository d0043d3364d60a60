"""``Keys``: a person who has only a keyboard. Every step checks that an element has the focus, and that the focus is
visible.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

MAX_STOPS = 90  # of Tab, on the way to anything in the page
MAX_ROWS = 40

# Returns a description of what is wrong with the focus, or an empty text. Fields show a caret, other elements a ring.
WRONG = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return "nothing has the focus";
  const { width, height } = element.getBoundingClientRect();
  if (!width || !height) return `the focus is on something hidden: ${element.outerHTML.slice(0, 120)}`;
  if (element.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea, select")) return "";
  for (let one = element, n = 0; one && n < 3; one = one.parentElement, n += 1) {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
    if (n === 0 && boxShadow !== "none") return "";
    if (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) return "";
  }
  return `the focus does not show on ${element.outerHTML.slice(0, 120)}`;
}"""
HAS_FOCUS = "(element) => element === document.activeElement"


class Keys:
    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Types into the field that has the focus."""
        assert self.page.evaluate("document.activeElement.matches('input, textarea')"), "no field has the focus"
        self.page.keyboard.type(text)

    def shows(self) -> None:
        """Fails if the focus is lost or does not show."""
        wrong = ""
        for _ in range(40):
            wrong = str(self.page.evaluate(WRONG))
            if not wrong:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(wrong)

    def is_past_the_end(self) -> bool:
        """Behind its last element, the page has no focus: the browser's own controls would be next."""
        return bool(self.page.evaluate("document.activeElement === document.body"))

    def tab_to(self, wanted: Locator, key: str = "Tab") -> None:
        """Goes on with Tab (or another key) until the element has the focus."""
        expect(wanted).to_be_visible()
        passed = []
        for _ in range(MAX_STOPS):
            if wanted.evaluate(HAS_FOCUS):
                return self.shows()
            self.press(key)
            if not self.is_past_the_end():
                self.shows()
            passed.append(self.page.evaluate("document.activeElement.outerHTML.slice(0, 60)"))
        raise AssertionError(f"{key} does not reach {wanted}: {passed}")

    def enter(self, wanted: Locator, key: str = "Enter") -> None:
        self.tab_to(wanted)
        self.press(key)

    def entry(self, name: str) -> None:
        """Chooses an entry of the open menu."""
        menu = self.page.get_by_role("menu")
        expect(menu).to_be_visible()
        self.tab_to(menu.get_by_role("menuitem", name=name, exact=True), "ArrowDown")
        self.press("Enter")

    def message(self, text: str) -> Locator:
        """Goes from the message field to a message."""
        row = self.page.locator(".message", has=self.page.locator(".text", has_text=text)).last
        expect(row).to_be_visible()
        scroller = self.page.locator(".messages .scroller")
        self.tab_to(self.page.locator(".messages .scroller:focus, .message:focus").or_(scroller).first, "Shift+Tab")
        for _ in range(MAX_ROWS):
            if row.evaluate(HAS_FOCUS):
                return row
            self.press("ArrowUp")
        raise AssertionError(f"the arrow does not reach {text}")

    def choose(self, text: str, entry: str) -> None:
        """Chooses an entry in the menu of a message."""
        self.message(text)
        self.press("Enter")
        self.entry(entry)

    def details(self, name: str) -> None:
        """Opens the details and presses one of their buttons."""
        self.press("Control+i")
        panel = self.page.get_by_role("complementary", name="Details")
        expect(panel).to_be_visible()
        self.enter(panel.get_by_role("button", name=name, exact=True))

    def confirm(self, name: str) -> None:
        dialog = self.page.locator("dialog[open]").last
        expect(dialog).to_be_visible()
        self.enter(dialog.get_by_role("button", name=name, exact=True))

    def escape(self) -> None:
        """Closes the open view. The focus returns to the element that opened it."""
        self.press("Escape")
        expect(self.page.locator("dialog[open], [role=menu]")).to_have_count(0)
        self.shows()
