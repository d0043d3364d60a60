"""Forwards, pins, read receipts and growing messages in the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.long_history import fill
from tests.e2e.page.people import People
from tests.support.processes import Stack

STARRED_PAGE = 50


def test_forward_names_the_author_but_not_the_conversation(window: OpenWindow, people: People) -> None:
    ann, ben, cyd = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Cyd Cole")
    team = ann.group("Team", ben)
    ben.say(team, "the plan")
    ann.say(ann.direct(cyd), "before")
    here, there = window().sign_in_demo(ann.username), window().sign_in_demo(cyd.username).open("Ann Archer")
    here.open("Team").choose("the plan", "Forward")
    here.page.get_by_role("dialog").get_by_role("button", name="Cyd Cole").click()
    expect(here.page.get_by_text("Forwarded to Cyd Cole")).to_be_visible()
    expect(here.row("Cyd Cole")).to_contain_text("the plan")
    shown = there.sees("the plan")
    expect(shown.locator(".forwarded")).to_have_text("Forwarded from Ben Baker")
    expect(there.page.get_by_text("Team")).to_have_count(0)

    there.choose("the plan", "Forward")  # forwarded back to Ann, it still names Ben
    there.page.get_by_role("dialog").get_by_role("button", name="Ann Archer").click()
    expect(there.message("the plan")).to_have_count(2)
    here.open("Cyd Cole")
    expect(here.message("the plan")).to_have_count(2)
    for at in (0, 1):
        expect(here.message("the plan").nth(at).locator(".forwarded")).to_have_text("Forwarded from Ben Baker")


def test_refused_forward_shows_an_error(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    cyd = people.new("Cyd Cole")
    ann.say(ann.direct(cyd), "before")
    said = ben.say(conversation, "soon gone")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.message("soon gone").hover()
    here.message("soon gone").get_by_label("More").click()
    here.page.get_by_role("menuitem", name="Forward").click()
    ben.call("DELETE", f"/messages/{said['id']}")
    here.sees("This message was deleted")
    here.page.get_by_role("dialog").get_by_role("button", name="Cyd Cole").click()
    here.open("Cyd Cole")
    here.wait_mark("soon gone", "failed")
    expect(here.message("soon gone")).to_contain_text("This is no longer available.")
    here.message("soon gone").get_by_role("button", name="Delete").click()
    expect(here.message("soon gone")).to_have_count(0)


def test_pinned_messages_show_their_current_state(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    team = ann.group("Team", ben)
    one, two = ann.say(team, "one"), ben.say(team, "two")
    here = window().sign_in_demo(ann.username).open("Team")
    there = window().sign_in_demo(ben.username).open("Team")
    for screen in (here, there):
        screen.page.get_by_label("Details", exact=True).click()
        expect(screen.page.get_by_text("Members (2)")).to_be_visible()
        expect(screen.page.get_by_label("Pinned messages")).to_have_count(0)
    there.message("one").hover()
    there.message("one").get_by_label("More").click()
    expect(there.page.get_by_role("menuitem", name="Forward")).to_be_visible()
    expect(there.page.get_by_role("menuitem", name="Pin")).to_have_count(0)  # members may not pin
    there.page.keyboard.press("Escape")

    here.choose("one", "Pin")
    here.choose("two", "Pin")
    for screen in (here, there):
        listed = screen.page.get_by_label("Pinned messages").locator(".snippet")
        expect(listed).to_have_text(["two", "one"])
        expect(screen.message("one").get_by_title("Pinned")).to_be_visible()
    ben.call("PATCH", f"/messages/{two['id']}", json={"message": "two, edited"})
    for screen in (here, there):
        expect(screen.page.get_by_label("Pinned messages").locator(".snippet")).to_have_text(["two, edited", "one"])
    ann.call("DELETE", f"/messages/{one['id']}")
    for screen in (here, there):
        expect(screen.page.get_by_label("Pinned messages").locator(".snippet")).to_have_text(["two, edited"])
    here.choose("two, edited", "Unpin")
    for screen in (here, there):
        expect(screen.page.get_by_label("Pinned messages")).to_have_count(0)


def test_pin_jumps_to_its_message_also_on_a_phone(window: OpenWindow, people: People, server: Stack) -> None:
    ann, ben, conversation = people.pair()
    fill(server.env["DATABASE_URL"], conversation, ann.id, ben.id, 300)
    old = ann.history(conversation, before=20)[-1]
    ann.call("PUT", f"/messages/{old['id']}/pin")
    for options in ({}, {"is_mobile": True, "has_touch": True}):
        here = window(**options)
        if options:
            here.page.set_viewport_size({"width": 360, "height": 640})
        here.sign_in_demo(ann.username).open("Ben Baker")
        here.page.get_by_label("Details", exact=True).click()
        here.page.get_by_label("Pinned messages").locator(".hit").click()
        expect(here.page.locator(f'.message[data-seq="{old["seq"]}"]')).to_be_in_viewport()
        assert here.page.get_by_role("complementary", name="Details").is_visible() is not bool(options)


def test_read_receipts_update_live(window: OpenWindow, people: People) -> None:
    ann, ben, cyd = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Cyd Cole")
    team = ann.group("Team", ben, cyd)
    said = ann.say(team, "hear, hear")
    here = window().sign_in_demo(ann.username).open("Team")
    here.choose("hear, hear", "Read by")
    dialog = here.page.get_by_role("dialog", name="Read by")
    expect(dialog.get_by_role("region", name="Not delivered yet").locator(".name")).to_have_text(
        ["Ben Baker", "Cyd Cole"]
    )
    ben.call("POST", f"/conversations/{team}/delivered", json={"seq": said["seq"]})
    expect(dialog.get_by_role("region", name="Delivered (1)").locator(".name")).to_have_text(["Ben Baker"])
    cyd.call("POST", f"/conversations/{team}/read", json={"seq": said["seq"]})
    expect(dialog.get_by_role("region", name="Read (1)").locator(".name")).to_have_text(["Cyd Cole"])
    expect(dialog.get_by_role("region", name="Not delivered yet")).to_have_count(0)
    here.page.keyboard.press("Escape")
    expect(here.message("hear, hear").get_by_label("Read by 1 of 2")).to_be_attached()


def test_members_who_joined_later_do_not_count(window: OpenWindow, people: People) -> None:
    ann, ben, cyd = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Cyd Cole")
    team = ann.group("Team", ben)
    early = ann.say(team, "before Cyd came")
    ann.say(team, "still without Cyd")
    here = window().sign_in_demo(ann.username).open("Team")
    added = ann.call("POST", f"/conversations/{team}/members", json={"userIds": [cyd.id]})
    cyd.call("POST", f"/conversations/{team}/read", json={"seq": added["lastSeq"]})
    ben.call("POST", f"/conversations/{team}/read", json={"seq": early["seq"]})
    for _ in ("by events", "loaded again"):
        expect(here.message("before Cyd came").get_by_label("Read", exact=True)).to_be_attached()
        expect(here.message("still without Cyd").get_by_label("Sent", exact=True)).to_be_attached()
        here.choose("still without Cyd", "Read by")
        dialog = here.page.get_by_role("dialog", name="Read by")
        expect(dialog.locator(".name")).to_have_text(["Ben Baker"])
        here.page.reload()


def test_a_starred_message_is_marked_and_listed(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "keep this")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    there = window().sign_in_demo(ann.username).open("Ben Baker")
    here.choose("keep this", "Star")
    for shown in (here, there):
        expect(shown.message("keep this").locator(".starred")).to_be_visible()
    here.page.get_by_label("New conversation").click()
    here.page.get_by_role("menuitem", name="Starred messages").click()
    here.page.get_by_role("dialog").get_by_role("button", name="keep this").click()
    expect(here.page.get_by_role("dialog")).to_have_count(0)
    here.choose("keep this", "Remove star")
    for shown in (here, there):
        expect(shown.message("keep this").locator(".starred")).to_have_count(0)


def test_more_starred_messages_get_the_focus(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    for number in range(STARRED_PAGE + 1):
        said = ben.say(conversation, f"message {number}")
        ann.call("PUT", f"/messages/{said['id']}/star")
    here = window().sign_in_demo(ann.username)
    here.page.get_by_label("New conversation").click()
    here.page.get_by_role("menuitem", name="Starred messages").click()
    dialog = here.page.get_by_role("dialog")
    more = dialog.get_by_role("button", name="Show more")
    more.focus()
    more.press("Enter")
    expect(dialog.locator(".hit")).to_have_count(STARRED_PAGE + 1)
    expect(dialog.get_by_role("button", name="message 0")).to_be_focused()


def test_edit_leaves_the_draft_alone(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    cyd = people.new("Cyd Cole")
    ann.say(ann.direct(cyd), "hello Cyd")
    asked, said = ben.say(conversation, "a question"), ann.say(conversation, "said before")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    field, above = here.page.locator(".composer textarea"), here.page.locator(".above")
    here.choose("a question", "Reply")
    field.fill("half an answer")

    here.choose("said before", "Edit")
    expect(field).to_have_value("said before")
    field.press("Escape")
    expect(field).to_have_value("half an answer")
    expect(above).to_contain_text("Reply to Ben Baker")

    here.choose("said before", "Edit")
    field.fill("half an edit")
    here.open("Cyd Cole").open("Ben Baker")
    expect(field).to_have_value("half an answer")
    expect(here.message("said before")).to_be_visible()

    here.choose("a question", "Reply")
    here.choose("said before", "Edit")
    field.fill("said after")
    field.press("Enter")
    here.sees("said after")
    expect(field).to_have_value("half an answer")
    expect(above).to_contain_text("Reply to Ben Baker")
    field.press("Enter")
    expect(here.sees("half an answer").locator(".quote")).to_contain_text("a question")
    expect(field).to_have_value("")
    here.wait_mark("half an answer", "stored")
    history = {message["message"]: message.get("replyTo") for message in ann.history(conversation)}
    assert history == {"a question": None, "said after": None, "half an answer": asked["id"]}
    assert ann.history(conversation)[1]["id"] == said["id"]


def test_growing_message_is_shown_and_stopped(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    stream = ben.call("POST", "/streams", json={"conversationId": conversation})["id"]

    def write(start: int, text: str) -> int:
        url = f"/streams/{stream}/append"
        return ben.api.post(url, json={"from": start, "text": text}).status_code

    assert write(0, "It **grows**") == 204
    expect(here.message("It grows").locator("strong")).to_have_text("grows")
    assert write(12, " 😀 on") == 204
    here.sees("It grows 😀 on")
    there = window().sign_in_demo(ben.username).open("Ann Archer")  # reads the text so far
    assert write(17, " and on") == 204
    there.sees("It grows 😀 on and on")
    here.page.get_by_role("button", name="Stop writing").click()
    expect(here.page.get_by_role("button", name="Stop writing")).to_have_count(0)
    expect(there.page.get_by_role("button", name="Stop writing")).to_have_count(0)
    assert write(24, " too late") == 409
    here.sees("It grows 😀 on and on")
