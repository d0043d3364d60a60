"""The page in many states, one after the other, for checks that hold in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.page.files import png
from tests.e2e.page.people import People, Somebody
from tests.e2e.page.window import PROCESSED_MS, Window

LINES = 4


@dataclass(frozen=True)
class World:
    """Ann's view: a group that she owns, a direct conversation, and messages of each kind."""

    here: Window
    people: People
    ann: Somebody
    ben: Somebody
    group: int
    direct: int

    @property
    def page(self) -> Page:
        return self.here.page


def build(people: People, here: Window, text: Callable[[int, int], str] | None = None) -> World:
    """``text(number, limit)`` gives names and texts; by default they are ordinary ones."""
    say = text or (lambda number, _limit: f"Text number {number}")
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    if text:
        for number, somebody in enumerate((ann, ben)):
            somebody.call("PATCH", "/me", json={"displayName": text(number, 64)})
    group = ann.group(say(2, 64), ben)
    ann.call("PATCH", f"/conversations/{group}", json={"description": say(3, 300)})
    said = [(ann, ben)[at % 2].say(group, say(10 + at, 700)) for at in range(LINES)]
    mine = ann.say(group, say(20, 700), replyTo=said[1]["id"])
    ann.call("PATCH", f"/messages/{mine['id']}", json={"message": say(21, 700)})
    ben.say(group, f"@{ann.username} {say(22, 600)} https://example.org/")
    ann.call("PUT", f"/messages/{said[1]['id']}/pin")
    ann.call("PUT", f"/messages/{said[0]['id']}/star")
    ben.call("PUT", f"/messages/{said[0]['id']}/reactions/👍")
    ann.call("DELETE", f"/messages/{ann.say(group, 'gone')['id']}")
    for name, content in (("notes.txt", b"some text"), ("picture.png", png(320, 200))):
        ann.say(group, "", attachments=[ann.upload(group, name, content)])
    direct = ben.direct(ann)
    for number in range(LINES):
        ben.say(direct, say(30 + number, 700))
    return World(here, people, ann, ben, group, direct)


def signed_out(here: Window) -> Iterator[str]:
    """The states of the page before anybody signs in."""
    page = here.page
    page.goto(here.base_url)
    expect(page.get_by_label("Username")).to_be_focused()
    yield "sign-in"
    page.get_by_label("Username").fill("nobody-at-all")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    yield "wrong password"
    page.get_by_role("button", name="Create an account").click()
    page.get_by_role("button", name="Create account").click()
    expect(page.locator(".field.wrong").first).to_be_visible()
    yield "mistakes in a new account"
    page.get_by_role("button", name="I already have an account").click()
    page.get_by_role("button", name="Forgot your password?").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("password")
    yield "forgotten password"


def signed_in(world: World) -> Iterator[str]:
    """The states behind the sign-in, in Ann's window. Yields the name of each when it is shown."""
    world.here.sign_in_demo(world.ann.username)
    yield from _conversation(world)
    yield from _composer(world)
    yield from _details(world)
    yield from _dialogs_of_the_list(world)
    yield from _settings(world)
    yield from _other_places(world)


def _conversation(world: World) -> Iterator[str]:
    page = world.page
    expect(page.locator(".conversation-row").nth(1)).to_be_visible()
    yield "list"
    go(world, world.group)
    expect(page.locator(".message .file")).to_be_visible()
    expect(page.locator(".message .picture img").first).to_be_attached(timeout=PROCESSED_MS)
    yield "conversation"
    mine = page.locator(".message.own .text:not(.gone)").last
    for entry, name in (
        ("Forward", "forward"),
        ("Read by", "receipts"),
        ("Edit history", "edit history"),
        ("Delete for everyone", "deletion"),
    ):
        menu(page, mine)
        if name == "forward":
            yield "menu of a message"
        page.get_by_role("menuitem", name=entry, exact=True).click()
        yield from dialog(page, name)
    menu(page, page.locator(".message.theirs .text").last)
    page.get_by_role("menuitem", name="Report", exact=True).click()
    yield from dialog(page, "report")
    row = mine.locator("xpath=ancestor::li[1]")
    row.focus()
    row.press("+")
    yield "reactions"
    page.get_by_role("menuitem", name="More reactions").click()
    yield from dialog(page, "all emoji")
    page.locator(".message .picture").first.click()
    expect(page.locator(".lightbox .stage img")).not_to_have_js_property("naturalWidth", 0, timeout=PROCESSED_MS)
    yield from dialog(page, "large picture")


def _composer(world: World) -> Iterator[str]:
    page = world.page
    field = page.locator(".composer textarea")
    menu(page, page.locator(".message.theirs .text").last)
    page.get_by_role("menuitem", name="Reply", exact=True).click()
    field.fill("an answer")
    yield "reply"
    page.keyboard.press("Escape")
    field.fill("")
    field.press("ArrowUp")
    expect(page.locator(".above")).to_contain_text("Edit")
    yield "edit"
    page.keyboard.press("Escape")
    name = "a-file-with-a-rather-long-name-" * 4 + ".txt"
    page.locator(".composer input[type=file]").set_input_files([{"name": name, "mimeType": "", "buffer": b"text"}])
    expect(page.locator(".uploads li")).to_be_visible()
    yield "upload"
    page.locator(".uploads button").first.click()
    page.locator(".composer").get_by_label("Emoji", exact=True).click()
    yield from dialog(page, "emoji for the message")


def _details(world: World) -> Iterator[str]:
    page = world.page
    page.get_by_label("Details", exact=True).click()
    expect(page.get_by_label("Pinned messages")).to_be_visible()
    yield "details of a group"
    for button, name in (
        ("Name and description", "name of the group"),
        ("Invite links", "invite links"),
        ("Add members", "add members"),
        ("Leave group", "leaving"),
        ("Mute", "mute"),
    ):
        page.locator(".panel").get_by_role("button", name=button, exact=True).click()
        yield from dialog(page, name)
    page.locator(".panel .member").get_by_label("Manage").click()
    yield "menu of a member"
    page.keyboard.press("Escape")
    page.get_by_label("Close details").click()
    page.get_by_label("Search in this conversation", exact=True).first.click()
    page.locator(".panel input").fill("number")
    expect(page.locator(".panel .hit, .panel .empty").first).to_be_visible()
    yield "search in the conversation"
    page.locator(".panel summary").click()
    expect(page.get_by_label("Contains")).to_be_visible()
    yield "filters of the search"
    page.keyboard.press("Escape")
    go(world, world.direct)
    page.get_by_label("Details", exact=True).click()
    yield "details of a person"
    page.locator(".panel").get_by_role("button", name="Block", exact=True).click()
    yield from dialog(page, "block")
    page.get_by_label("Close details").click()


def _dialogs_of_the_list(world: World) -> Iterator[str]:
    page = world.page
    go_to_list(page)
    page.get_by_label("New conversation", exact=True).click()
    yield "menu of the list"
    page.keyboard.press("Escape")
    for entry, name in (
        ("New conversation", "new conversation"),
        ("New group", "new group"),
        ("Requests", "requests"),
        ("Starred messages", "starred messages"),
        ("Keyboard shortcuts", "shortcuts"),
    ):
        page.get_by_label("New conversation", exact=True).click()
        page.get_by_role("menuitem", name=entry, exact=True).click()
        if name == "new group":
            page.get_by_label("Find people by name").fill(world.ben.username)
            page.locator("dialog .person").first.click()
        yield from dialog(page, name)
    search = page.get_by_label("Search conversations, people and messages")
    search.fill(world.ben.username)
    expect(page.locator(".results .person").first).to_be_visible()
    yield "search results"
    search.fill("nothing is called so")
    expect(page.get_by_text("No results")).to_be_visible()
    yield "no results"
    search.fill("")


def _settings(world: World) -> Iterator[str]:
    page = world.page
    page.get_by_label("Settings and profile").click()
    settings = page.get_by_role("dialog", name="Settings")
    expect(settings.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(settings.get_by_role("button", name="Set status")).to_be_enabled()  # the last part that loads
    yield "settings"
    for button, title in (("Get a copy of your data", "A copy of your data"), ("Delete my account", "Delete")):
        settings.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        yield title
        page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def _other_places(world: World) -> Iterator[str]:
    page = world.page
    page.goto(f"{world.here.base_url}/#/c/999999")
    expect(page.get_by_text("This conversation doesn't exist")).to_be_visible()
    yield "no such conversation"
    go(world, world.direct)
    world.ann.call("PUT", f"/blocks/{world.ben.id}")
    page.reload()
    expect(page.locator(".blocked").get_by_role("button", name="Unblock")).to_be_visible()
    yield "blocked person"
    world.here.context.set_offline(True)
    expect(page.locator(".connection")).not_to_be_empty()
    yield "offline"
    world.here.context.set_offline(False)


def go(world: World, conversation: int) -> None:
    world.page.goto(f"{world.here.base_url}/#/c/{conversation}")
    expect(world.page.locator(".message .text").first).to_be_visible()


def go_to_list(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "#/")
    expect(page.locator(".conversation-row").first).to_be_visible()


def menu(page: Page, text: Locator) -> None:
    """Opens the menu of the message by the keyboard, which works at every width."""
    row = text.locator("xpath=ancestor::li[1]")
    row.focus()
    row.press("Enter")
    expect(page.get_by_role("menu")).to_be_visible()


def dialog(page: Page, name: str) -> Iterator[str]:
    """Yields the name while the dialog is open, then closes it."""
    expect(page.locator("dialog[open]")).to_be_visible()
    expect(page.locator("dialog[open] .spinner")).to_have_count(0)
    yield name
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def check_all(states: Iterator[str], check: Callable[[], Any]) -> dict[str, Any]:
    """Returns what ``check`` found, by state, and how many states there were under the key ``count``."""
    found: dict[str, Any] = {"count": 0}
    for name in states:
        found["count"] += 1
        problems = check()
        if problems:
            found[name] = problems
    return found
