"""A user's settings of a conversation (archived, pinned to the top, muted), the same in all windows of the user."""

from __future__ import annotations

from playwright.sync_api import expect

from dev.processes import wait_until
from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.e2e.page.window import Window


def details(window: Window, entry: str) -> None:
    if not window.page.get_by_role("complementary", name="Details").is_visible():
        window.page.get_by_label("Details", exact=True).click()
    window.page.get_by_role("button", name=entry, exact=True).click()


def names(window: Window) -> list[str]:
    return window.page.locator(".conversation-row .name").all_inner_texts()


def test_archived_conversation_leaves_the_list_until_unarchived(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    said = ben.say(conversation, "hello")
    ann.call("POST", f"/conversations/{conversation}/read", json={"seq": said["seq"]})
    ann.group("Team")
    here, beside = window().sign_in_demo(ann.username), window().sign_in_demo(ann.username)
    expect(beside.row("Ben Baker")).to_be_visible()
    details(here.open("Ben Baker"), "Archive")
    for one in (here, beside):
        expect(one.row("Ben Baker")).to_have_count(0)
        expect(one.row("Team")).to_be_visible()

    here.open("Team")
    ben.say(conversation, "are you there?")
    shelf = here.page.get_by_role("button", name="Archived")
    expect(shelf.get_by_label("1 unread")).to_be_visible()
    here.page.reload()
    shelf.click()
    expect(here.row("Team")).to_have_count(0)
    here.open("Ben Baker").sees("are you there?")
    details(here, "Unarchive")
    expect(here.page.get_by_text("No archived conversations")).to_be_visible()
    here.page.get_by_role("button", name="All conversations").click()
    for one in (here, beside):
        expect(one.row("Ben Baker")).to_be_visible()
        expect(one.page.get_by_role("button", name="Archived")).to_have_count(0)


def test_archive_opens_from_the_menu_with_a_long_list(window: OpenWindow, people: People) -> None:
    """The list has pages of 40, and archived conversations are mostly old."""
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    old = ann.group("Long ago", ben)
    ann.call("PUT", f"/conversations/{old}/archive", json={"archived": True})
    for number in range(45):
        ann.group(f"Group {number}")
    here = window().sign_in_demo(ann.username)
    expect(here.row("Group 44")).to_be_visible()
    here.page.get_by_label("New conversation").click()
    here.page.get_by_role("menuitem", name="Archived conversations").click()
    expect(here.row("Long ago")).to_be_visible()
    assert names(here) == ["Long ago"]


def test_hidden_list_loads_no_further_pages(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    for number in range(45):
        ann.group(f"Group {number}")
    ben.say(conversation, "hello")
    here = window(is_mobile=True, has_touch=True)
    here.page.set_viewport_size({"width": 360, "height": 640})
    here.sign_in_demo(ann.username)
    expect(here.row("Ben Baker")).to_be_visible()
    asked: list[str] = []
    here.page.on("request", lambda request: asked.append(request.url))
    here.open("Ben Baker").sees("hello")
    ben.say(conversation, "are you there?")
    here.sees("are you there?")
    here.page.get_by_label("Back to conversations").tap()
    expect(here.row("Group 44")).to_be_visible()
    assert [url for url in asked if "/conversations?" in url] == []


def test_pinned_conversation_stays_above_newer_ones(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    team = ann.group("Team", ben)
    here, beside = window().sign_in_demo(ann.username), window().sign_in_demo(ann.username)
    expect(here.page.locator(".conversation-row .name")).to_have_text(["Team", "Ben Baker"])
    details(here.open("Ben Baker"), "Pin to top")
    ben.say(team, "something newer")
    for one in (here, beside):
        expect(one.row("Team").locator(".badge")).to_be_visible()
        expect(one.page.locator(".conversation-row .name")).to_have_text(["Ben Baker", "Team"])
        expect(one.row("Ben Baker").get_by_label("Pinned")).to_be_visible()
    here.page.reload()
    expect(here.page.locator(".conversation-row .name")).to_have_text(["Ben Baker", "Team"])
    details(here, "Unpin from top")
    for one in (here, beside):
        expect(one.page.locator(".conversation-row .name")).to_have_text(["Team", "Ben Baker"])


def test_muted_group_can_still_notify_of_mentions(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    team = ann.group("Team", ben)
    here, beside = window().sign_in_demo(ben.username), window().sign_in_demo(ben.username)
    expect(here.page).to_have_title("(1) Parley")
    here.open("Team")
    expect(here.page).to_have_title("Parley")
    details(here, "Mute")
    dialog = here.page.get_by_role("dialog", name="Mute notifications")
    assert violations(here.page) == []
    dialog.get_by_label("Except when I am mentioned").check()
    dialog.get_by_role("button", name="For a week").click()
    panel = here.page.get_by_role("complementary", name="Details")
    expect(panel).to_contain_text("Muted until")
    choice = panel.get_by_label("Except when I am mentioned")
    expect(choice).to_be_checked()
    assert violations(here.page) == []
    beside.page.reload()  # loads the setting from the server
    expect(beside.row("Team").get_by_label("Muted")).to_be_visible()
    ann.say(team, "for everybody")
    expect(beside.row("Team").locator(".badge")).to_have_text("1")
    expect(beside.page).to_have_title("Parley")
    here.page.get_by_label("Back to conversations").evaluate("button => button.click()")
    ann.say(team, f"for @{ben.username}")
    expect(beside.page).to_have_title("(1) Parley")

    here.open("Team").page.get_by_label("Details", exact=True).click()
    here.page.route("**/mute", lambda route: route.abort())
    choice.click()
    expect(here.page.get_by_text("Can't reach the server right now.")).to_be_visible()
    expect(choice).to_be_checked()
    here.page.unroute("**/mute")
    choice.uncheck()
    expect(choice).to_be_focused()
    expect(choice).not_to_be_checked()
    wait_until(lambda: ben.call("GET", f"/conversations/{team}")["exceptMentions"] is False, 10, "the setting")
    details(here, "Unmute")
    expect(choice).to_have_count(0)
    expect(beside.row("Team").get_by_label("Muted")).to_have_count(0)


def test_failed_mute_does_not_show_as_muted(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.page.route("**/mute", lambda route: route.abort())
    details(here, "Mute")
    dialog = here.page.get_by_role("dialog", name="Mute notifications")
    expect(dialog.get_by_label("Except when I am mentioned")).to_have_count(0)  # only groups have this choice
    dialog.get_by_role("button", name="For an hour").click()
    expect(here.page.get_by_text("Can't reach the server right now.")).to_be_visible()
    expect(here.page.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    here.page.unroute("**/mute")
    details(here, "Mute")
    here.page.get_by_role("button", name="Until I turn it on again").click()
    expect(here.page.get_by_text("Muted until you turn it on again")).to_be_visible()
    ben.say(conversation, "hello?")
    expect(here.sees("hello?")).to_be_visible()


def test_requests_to_join_groups_are_accepted_and_refused(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    here = window().sign_in_demo(ben.username)
    here.page.get_by_label("Settings and profile").click()
    choice = here.page.get_by_label("Who can add me to groups without asking")
    expect(choice).to_have_value("everyone")
    choice.select_option("nobody")
    wait_until(lambda: ben.call("GET", "/me")["mayAddMe"] == "nobody", 10, "the setting")
    here.page.keyboard.press("Escape")
    ann.group("Hike", ben)
    here.page.get_by_role("button", name="Requests").click()
    dialog = here.page.get_by_role("dialog", name="Requests")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    ann.group("Sail", ben)
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    row = dialog.get_by_role("listitem").filter(has_text="Hike")
    expect(row).to_contain_text("Ann Archer wants to add you · 1 member")
    assert violations(here.page) == []
    row.get_by_role("button", name="Refuse").click()
    expect(row).to_have_count(0)
    dialog.get_by_role("button", name="Accept").click()
    expect(here.page.locator(".conversation-head h1")).to_have_text("Sail")
    expect(here.row("Sail")).to_be_visible()
    expect(here.page.get_by_role("button", name="Requests")).to_have_count(0)
    assert ben.call("GET", "/requests")["requests"] == []
    here.page.get_by_label("New conversation").click()
    here.page.get_by_role("menuitem", name="Requests").click()
    expect(here.page.get_by_text("No requests", exact=True)).to_be_visible()


def test_request_to_write_is_accepted(window: OpenWindow, people: People) -> None:
    ann, ben, eve = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Eve Early")
    here = window().sign_in_demo(ben.username)
    here.page.get_by_label("Settings and profile").click()
    choice = here.page.get_by_label("Who can write to me without asking")
    expect(choice).to_have_value("everyone")
    choice.select_option("nobody")
    wait_until(lambda: ben.call("GET", "/me")["mayWriteToMe"] == "nobody", 10, "the setting")
    here.page.keyboard.press("Escape")
    for sender in (ann, eve):
        opened = sender.call("POST", "/conversations", json={"kind": "direct", "userId": ben.id})["id"]
        sender.say(opened, "hello from a stranger")
        sender.say(opened, "and again")

    beside = window().sign_in_demo(ben.username)
    for one in (here, beside):
        expect(one.page.get_by_label("2 requests")).to_be_visible()
    here.page.get_by_role("button", name="Requests").click()
    expect(here.row("Ann Archer")).to_have_count(0)
    dialog = here.page.get_by_role("dialog", name="Requests")
    row = dialog.get_by_role("listitem").filter(has_text="Eve Early")
    expect(row).to_contain_text("Wants to write to you")
    assert violations(here.page) == []
    row.get_by_role("button", name="Refuse").click()
    expect(row).to_have_count(0)
    expect(beside.page.get_by_label("1 request")).to_be_visible()
    elsewhere = window().sign_in_demo(ben.username)
    dialog.get_by_role("button", name="Accept").click()
    expect(elsewhere.row("Ann Archer")).to_contain_text("and again")
    expect(here.page.locator(".conversation-head h1")).to_have_text("Ann Archer")
    expect(here.sees("hello from a stranger")).to_be_visible()
    expect(here.sees("and again")).to_be_visible()
    expect(here.row("Ann Archer")).to_be_visible()
    expect(here.row("Eve Early")).to_have_count(0)
