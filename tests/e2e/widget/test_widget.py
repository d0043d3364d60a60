"""One conversation in a page of a host on another origin, whose policy allows nothing inline."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.contract.expect import eventually
from tests.e2e.page.axe import violations
from tests.e2e.widget.conftest import OpenPage, chat, events, field, message, wait_event
from tests.e2e.widget.host import HostServer


def test_conversation_is_shown_and_answered(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    ben.say(conversation, "Is **it** still there?")
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    expect(message(page, "Is it still there?").locator("strong")).to_have_text("it")
    expect(page.get_by_role("heading", name="Ben Baker")).to_be_visible()
    assert wait_event(page, "parley-ready") == {"userId": ann.id, "conversationId": conversation}
    field(page).fill("It is.")
    field(page).press("Enter")
    expect(message(page, "It is.")).to_have_count(1)
    expect(field(page)).to_have_value("")
    eventually(
        lambda: [one["message"] for one in ben.history(conversation)] == ["Is **it** still there?", "It is."],
        "the message",
    )
    sent = wait_event(page, "parley-message", f"detail.message.senderId === {ann.id}")
    assert sent["message"]["message"] == "It is."
    ben.say(conversation, "Good.")
    expect(message(page, "Good.")).to_be_visible()
    assert wait_event(page, "parley-message", f"detail.message.senderId === {ben.id}")["message"]["message"] == "Good."
    expect(message(page, "It is.").locator("[data-mark]")).to_have_attribute("data-mark", "stored")
    newest = ben.history(conversation)[-1]["seq"]
    ben.call("POST", f"/conversations/{conversation}/read", json={"seq": newest})
    expect(message(page, "It is.").locator("[data-mark]")).to_have_attribute("data-mark", "read")
    eventually(lambda: ann.call("GET", f"/conversations/{conversation}")["unread"] == 0, "that it is read")
    assert events(page, "parley-error") == []
    assert violations(page) == []


def test_recipient_opens_the_direct_conversation(open_page: OpenPage, host: HostServer) -> None:
    ann, ben = host.new("Ann Archer"), host.new("Ben Baker")
    page = open_page(chat(f'recipient="{ben.id}"'), user=ann.username)
    field(page).fill("Hello")
    page.get_by_role("button", name="Send").click()
    expect(message(page, "Hello")).to_have_count(1)
    conversation = ben.direct(ann)
    eventually(lambda: [one["message"] for one in ben.history(conversation)] == ["Hello"], "the message")


def test_ids_of_the_host_name_conversations_and_users(open_page: OpenPage, host: HostServer) -> None:
    """A conversation of the host whose id looks like one of Parley's is named in quotes."""
    ann, ben = host.new("Ann Archer"), host.new("Ben Baker")
    number = "987654321"
    members = [ann.username, ben.username]
    order = host.conversation(f"order-{ann.id}", kind="group", name="Order", members=members, readOnly=True)
    host.conversation(number, kind="group", name="Numbered", members=members)
    host.say(conversation=f"order-{ann.id}", message="Your parcel is on its way")
    page = open_page(chat(f'conversation="order-{ann.id}"'), user=ann.username)
    expect(page.get_by_role("heading", name="Order")).to_be_visible()
    expect(page.locator(".notice", has_text="The group was created")).to_be_visible()
    expect(page.locator(".notice", has_text="Your parcel is on its way")).to_be_visible()
    expect(page.get_by_text("Only admins can write here.")).to_be_visible()
    expect(field(page)).to_be_hidden()
    assert wait_event(page, "parley-ready")["conversationId"] == order
    show = "([name, id]) => (document.querySelector('parley-chat')[name] = id)"
    page.evaluate(show, ["conversation", number])
    expect(page.get_by_role("heading", name="Numbered")).to_be_visible()
    assert page.locator("parley-chat").get_attribute("conversation") == f'"{number}"'
    page.evaluate(show, ["conversation", "order-nobody"])
    assert wait_event(page, "parley-error") == {"code": "not_found"}
    page.evaluate(show, ["conversation", None])
    page.evaluate(show, ["recipient", ben.username])
    expect(page.get_by_role("heading", name="Ben Baker")).to_be_visible()


def test_another_conversation_is_shown_without_a_new_connection(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, cyd = (host.new(name) for name in ("Ann Archer", "Ben Baker", "Cyd Cole"))
    first, second = ann.direct(ben), ann.direct(cyd)
    ben.say(first, "from Ben")
    cyd.say(second, "from Cyd")
    page = open_page(chat(f'conversation="{first}"'), user=ann.username)
    expect(message(page, "from Ben")).to_be_visible()
    page.evaluate("(id) => (document.querySelector('parley-chat').conversation = id)", second)
    expect(message(page, "from Cyd")).to_be_visible()
    expect(message(page, "from Ben")).to_have_count(0)
    assert page.locator("parley-chat").get_attribute("conversation") == str(second)
    assert len(events(page, "parley-ready")) == 2


def test_conversation_of_others_is_an_error(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, cyd = (host.new(name) for name in ("Ann Archer", "Ben Baker", "Cyd Cole"))
    page = open_page(chat(f'conversation="{ben.direct(cyd)}"'), user=ann.username)
    assert wait_event(page, "parley-error") == {"code": "not_found"}
    expect(page.get_by_role("alert")).to_contain_text("This is no longer available.")
    assert violations(page) == []


def test_earlier_messages_come_while_scrolling_and_rows_stay(open_page: OpenPage, host: HostServer) -> None:
    ann, _, conversation = host.pair()
    for number in range(120):
        ann.say(conversation, f"message {number}")
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    expect(message(page, "message 119")).to_be_in_viewport()
    assert page.locator(".message").count() < 120
    scroller = page.get_by_role("log", name="Messages")
    scroller.focus()
    for _ in range(60):
        page.keyboard.press("PageUp")
        if message(page, "message 0").is_visible():
            break
    expect(page.get_by_text("This is where your conversation begins.")).to_be_attached()
    texts = page.locator(".message .text").all_inner_texts()
    assert texts == [f"message {number}" for number in range(120)]
    page.get_by_role("button", name="Jump to the newest messages").click()
    expect(message(page, "message 119")).to_be_in_viewport()


def test_message_that_is_refused_says_why(open_page: OpenPage, host: HostServer) -> None:
    ann, _, conversation = host.pair()
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    expect(field(page)).to_be_visible()
    field(page).fill("x")
    field(page).evaluate("(text) => (text.value = 'y'.repeat(8001))")  # unnoticed, so it is not cut to the limit
    field(page).press("Enter")
    row = message(page, "yyyy")
    expect(row.get_by_role("alert")).to_contain_text("Message:")
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def test_file_is_sent(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    expect(page.get_by_role("button", name="Attach files")).to_be_visible()
    page.locator("input[type=file]").set_input_files(
        {"name": "order.txt", "mimeType": "text/plain", "buffer": b"3 lamps"}
    )
    expect(page.locator(".message .file")).to_contain_text("order.txt")
    eventually(lambda: [len(one["attachments"]) for one in ben.history(conversation)] == [1], "the file")


@pytest.mark.parametrize(
    ("language", "words", "direction"),
    [
        ("de", ("Nachricht", "Senden"), "ltr"),
        ("es", ("Mensaje", "Enviar"), "ltr"),
        ("fr", ("Message", "Envoyer"), "ltr"),
        ("ja", ("メッセージ", "送信"), "ltr"),
        ("ar", ("رسالة", "إرسال"), "rtl"),
        ("sv", ("Message", "Send"), "ltr"),
    ],
)
def test_widget_uses_the_language_of_the_page(
    open_page: OpenPage, host: HostServer, language: str, words: tuple[str, str], direction: str
) -> None:
    ann, _, conversation = host.pair()
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username, lang=language)
    text = page.get_by_role("textbox", name=words[0], exact=True)
    text.fill("x")
    send = page.get_by_role("button", name=words[1], exact=True)
    expect(send).to_be_visible()
    assert page.locator(".parley").evaluate("(box) => getComputedStyle(box).direction") == direction
    boxes = text.bounding_box(), send.bounding_box()
    assert boxes[0]
    assert boxes[1]
    assert (boxes[1]["x"] > boxes[0]["x"]) == (direction == "ltr")
    assert page.evaluate("document.documentElement.dir") == "", "the page of the host stays as it is"


def test_custom_properties_and_theme_change_the_look(open_page: OpenPage, host: HostServer) -> None:
    ann, _, conversation = host.pair()
    ann.say(conversation, "mine")
    page = open_page(chat(f'conversation="{conversation}" theme="dark"'), user=ann.username)
    own = message(page, "mine").locator(".bubble")
    colour = "(element) => getComputedStyle(element).backgroundColor"
    expect(own).to_be_visible()
    dark = own.evaluate(colour)
    assert violations(page) == []
    page.evaluate("document.querySelector('parley-chat').setAttribute('theme', 'light')")
    assert own.evaluate(colour) != dark
    page.evaluate("document.querySelector('parley-chat').style.setProperty('--parley-own', 'rgb(10, 90, 20)')")
    assert own.evaluate(colour) == "rgb(10, 90, 20)"


def test_page_may_move_and_remove_the_widget(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    page = open_page(f'<div id="there"></div>{chat(f"conversation={conversation}")}', user=ann.username)
    expect(field(page)).to_be_visible()
    page.evaluate("document.getElementById('there').append(document.querySelector('parley-chat'))")
    field(page).fill("still here")
    field(page).press("Enter")
    expect(message(page, "still here").locator("[data-mark]")).to_have_attribute("data-mark", "stored")
    page.evaluate("document.querySelector('parley-chat').remove()")
    presence = lambda: ben.call("GET", "/presence", params={"userIds": ann.id})["presence"][0]["status"]  # noqa: E731
    eventually(lambda: presence() == "offline", "that the connection ends")
