"""Messages that arrive while the user looks elsewhere and the page is open: notifications and sounds."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from dev.processes import wait_until
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.e2e.page.test_push import Worker, message
from tests.e2e.page.window import Window
from tests.support.patience import PATIENCE

FULL_BROWSER = True  # for notifications
# Keeps the notifications that the page itself shows, and the notes that it plays.
WATCH = """(() => {
    window.calls = [];
    window.notes = 0;
    const Original = window.Notification;
    window.Notification = class extends Original {
        constructor(title, options) {
            super(title, options);
            window.calls.push([title, options.body, options.tag]);
        }
        close() {
            window.calls.push("closed");
            super.close();
        }
    };
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...given) {
        window.notes += 1;
        start.apply(this, given);
    };
})()"""


def watched(here: Window) -> Page:
    here.context.add_init_script(WATCH)
    return here.page


def natural_focus(here: Window) -> None:
    """Gives the focus only to the page in front. By default, Playwright gives it to every page that is loaded."""
    for page in here.context.pages:
        here.context.new_cdp_session(page).send("Emulation.setFocusEmulationEnabled", {"enabled": False})


def look_elsewhere(here: Window) -> Page:
    natural_focus(here)
    other = here.context.new_page()
    other.bring_to_front()
    return other


def calls(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate("window.calls")
    return found


def wait_calls(page: Page, *wanted: Any) -> None:
    wait_until(lambda: calls(page) == list(wanted), PATIENCE, "the notifications")


def test_message_in_the_background_notifies_and_sounds_until_it_is_read(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window(permissions=["notifications"])
    page = watched(here)
    here.sign_in_demo(ann.username)
    page.get_by_role("searchbox").click()  # sounds need a click
    ben.say(conversation, "while she looks at the page")
    expect(here.row("Ben Baker")).to_contain_text("while she looks")
    other = look_elsewhere(here)
    ben.say(conversation, "while she looks elsewhere")
    called = ["Ben Baker", "while she looks elsewhere", f"conversation-{conversation}"]
    wait_calls(page, called)
    wait_until(lambda: page.evaluate("window.notes") == 2, PATIENCE, "two notes")
    other.close()
    page.bring_to_front()
    here.open("Ben Baker")
    wait_calls(page, called, "closed")


def test_notification_follows_an_edit_and_a_deletion(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window(permissions=["notifications"])
    page = watched(here)
    here.sign_in_demo(ann.username)
    page.get_by_role("searchbox").click()
    look_elsewhere(here)
    tag = f"conversation-{conversation}"
    wanted = []
    for text in ("first", "my PIN is 1234"):
        said = ben.say(conversation, text)
        wanted.append(["Ben Baker", text, tag])
        wait_calls(page, *wanted)
    wait_until(lambda: page.evaluate("window.notes") >= 2, PATIENCE, "the sound")
    ben.call("PATCH", f"/messages/{said['id']}", json={"message": "(taken back)"})
    wait_calls(page, *wanted, ["Ben Baker", "(taken back)", tag])
    ben.call("DELETE", f"/messages/{said['id']}")
    wait_calls(page, *wanted, ["Ben Baker", "(taken back)", tag], ["Ben Baker", "first", tag])
    ben.call("DELETE", f"/messages/{ben.history(conversation)[0]['id']}")
    wait_calls(page, *wanted, ["Ben Baker", "(taken back)", tag], ["Ben Baker", "first", tag], "closed")
    assert page.evaluate("window.notes") <= 4, "only the two messages sound"


def test_one_tab_notifies_and_none_while_one_has_the_focus(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window(permissions=["notifications"])
    first = watched(here)
    here.sign_in(ann.username, PASSWORD)
    second = here.new_page()
    second.goto(here.base_url)
    here.wait_online(page=second)
    natural_focus(here)
    second.bring_to_front()
    second.get_by_role("searchbox").click()
    ben.say(conversation, "while she looks at the second tab")
    for tab in (first, second):
        expect(tab.locator(".conversation-row")).to_contain_text("while she looks at the second tab")
    look_elsewhere(here)
    ben.say(conversation, "while she looks at neither")
    wait_until(lambda: len(calls(first) + calls(second)) > 0, PATIENCE, "a notification")
    for tab in (first, second):
        expect(tab.locator(".conversation-row")).to_contain_text("while she looks at neither")
    assert calls(first) + calls(second) == [["Ben Baker", "while she looks at neither", f"conversation-{conversation}"]]


def test_page_and_push_share_one_notification(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window(permissions=["notifications"])
    page = watched(here)
    here.sign_in_demo(ann.username)
    page.evaluate("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready).then(() => 1)")
    worker = Worker(page)
    other = look_elsewhere(here)
    ben.say(conversation, "are you there?")
    shown = {"title": "Ben Baker", "body": "are you there?", "tag": f"conversation-{conversation}"}
    wait_until(lambda: worker.shown() == [shown], PATIENCE, "a notification")
    worker.push(here.base_url, message(conversation, title="Ben Baker", body="as a push"))
    wait_until(lambda: worker.shown() == [{**shown, "body": "as a push"}], PATIENCE, "the push to replace it")
    assert calls(page) == []  # not by the page itself
    other.close()
    page.bring_to_front()
    here.open("Ben Baker")
    wait_until(lambda: worker.shown() == [], PATIENCE, "the notification to go")


def test_choices_mute_and_preview_are_respected(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    muted = ben.group("Noise", ann)
    ann.call("PUT", f"/conversations/{muted}/mute", json={"until": "2099-01-01T00:00:00Z"})
    ann.call("PATCH", "/push/settings", json={"preview": "sender"})
    here = window(permissions=["notifications"])
    page = watched(here)
    here.sign_in_demo(ann.username)
    page.get_by_label("Settings and profile").click()
    page.get_by_label("Play a sound for messages that arrive in the background").uncheck()
    expect(page.get_by_label("Notify me while the page is open in the background")).to_be_checked()
    page.keyboard.press("Escape")
    other = look_elsewhere(here)
    ben.say(muted, "in a muted group")
    expect(here.row("Noise")).to_contain_text("in a muted group")
    ben.say(conversation, "secret")
    first = ["Ben Baker", "New message", f"conversation-{conversation}"]
    wait_calls(page, first)
    assert page.evaluate("window.notes") == 0
    other.close()
    page.bring_to_front()
    page.get_by_label("Settings and profile").click()
    page.get_by_label("Notify me while the page is open in the background").uncheck()
    page.get_by_label("Play a sound for messages that arrive in the background").check()
    page.keyboard.press("Escape")
    look_elsewhere(here)
    ben.say(conversation, "only a sound")
    wait_until(lambda: page.evaluate("window.notes") == 2, PATIENCE, "two notes")
    assert calls(page) == [first]
