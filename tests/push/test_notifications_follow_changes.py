"""Notifications follow the edits, deletions and reads of the messages that they show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dev.processes import wait_until
from tests.push.conftest import Person, Pushing, bodies
from tests.support.clients import WsClient
from tests.support.patience import PATIENCE

MakePerson = Callable[..., Person]
Online = Callable[..., WsClient]


def test_notification_of_a_cleared_message_is_removed(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    made = ann.rest.send(receiver_id=ben.id, message="Hello")["conversationId"]
    wait_until(lambda: bodies(browser) == ["Hello"], PATIENCE, "the notification")
    pushing.wait_until_settled()
    ben.rest.json("POST", f"/conversations/{made}/clear", json={})
    wait_until(lambda: browser.received[-1]["type"] == "clear", PATIENCE, "its removal")
    assert (browser.received[-1]["conversationId"], browser.received[-1]["badge"]) == (made, 0)


def test_message_read_before_its_notification_is_sent_is_not_notified(pushing: Pushing, person: MakePerson) -> None:
    """The second message waits for the pause after the first and is read during that pause."""
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ann.rest.send(receiver_id=ben.id, message="one")
    wait_until(lambda: browser.received, PATIENCE, "the first")
    sent = ann.rest.send(receiver_id=ben.id, message="two")
    ben.rest.read(sent["conversationId"], 2)
    wait_until(lambda: browser.shown == {}, PATIENCE, "the notification to be cleared")
    pushing.wait_until_settled()
    assert bodies(browser) == ["one"]


def test_edit_replaces_the_text_on_every_device_silently(pushing: Pushing, person: MakePerson, online: Online) -> None:
    """Also if the user is online elsewhere by then, so that a new message would not notify the device."""
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    android, ios = ben.device("android"), ben.device("ios")
    sent = ann.rest.send(receiver_id=ben.id, message="my PIN is 1234")
    wait_until(
        lambda: browser.received and pushing.fcm.to(android) and pushing.fcm.to(ios), PATIENCE, "the notifications"
    )
    online(ben)
    ann.rest.edit(sent["id"], "(taken back)")
    tag = f"conversation-{sent['conversationId']}"
    wait_until(lambda: browser.shown[tag]["body"] == "(taken back)", PATIENCE, "the new text")
    wait_until(lambda: len(pushing.fcm.to(android)) == len(pushing.fcm.to(ios)) == 2, PATIENCE, "the devices' updates")
    pushing.wait_until_settled()
    assert [payload.get("silent") for payload in browser.received] == [None, True]
    assert pushing.web.requests[-1].headers["topic"] == tag
    phone, apple = pushing.fcm.to(android)[-1], pushing.fcm.to(ios)[-1]
    assert phone["notification"]["body"] == apple["notification"]["body"] == "(taken back)"
    assert phone["data"]["silent"] == "true"
    assert phone["android"]["collapse_key"] == phone["android"]["notification"]["tag"] == tag
    assert apple["apns"]["headers"]["apns-collapse-id"] == tag
    assert "sound" not in apple["apns"]["payload"]["aps"]


def test_edit_and_deletion_of_a_message_below_a_newer_one_change_nothing(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    first = ann.rest.send(receiver_id=ben.id, message="one")
    wait_until(lambda: bodies(browser) == ["one"], PATIENCE, "the first")
    ann.rest.send(receiver_id=ben.id, message="two")
    wait_until(lambda: bodies(browser) == ["one", "two"], PATIENCE, "the second")
    ann.rest.edit(first["id"], "uno")
    pushing.wait_until_settled()
    ann.rest.react(first["id"], "👍")
    pushing.wait_until_settled()
    assert bodies(browser) == ["one", "two"]


def test_deletion_of_the_newest_message_shows_the_one_before_it(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    first = ann.rest.send(receiver_id=ben.id, message="Fine")
    wait_until(lambda: browser.received, PATIENCE, "the first")
    sent = ann.rest.send(receiver_id=ben.id, message="Oh no")
    wait_until(lambda: bodies(browser) == ["Fine", "Oh no"], PATIENCE, "the second")
    ann.rest.delete(sent["id"])
    tag = f"conversation-{sent['conversationId']}"
    wait_until(lambda: browser.shown[tag]["body"] == "Fine", PATIENCE, "the message before it")
    last = browser.received[-1]
    assert (last["messageId"], last["unread"], last["badge"], last["silent"]) == (first["id"], 1, 1, True)
    ann.rest.delete(first["id"])
    wait_until(lambda: browser.shown == {}, PATIENCE, "the notification to be cleared")
    pushing.wait_until_settled()
    assert [payload["type"] for payload in browser.received] == ["message", "message", "message", "clear"]


def test_message_that_its_receiver_hides_leaves_the_notification(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    sent = ann.rest.send(receiver_id=ben.id, message="Fine")
    wait_until(lambda: browser.received, PATIENCE, "the notification")
    ben.rest.delete(sent["id"], scope="me")
    wait_until(lambda: browser.shown == {}, PATIENCE, "the notification to go")


def test_edit_that_names_somebody_notifies_them(pushing: Pushing, person: MakePerson, online: Online) -> None:
    """Their earlier acts make no difference. Members who were named before, or have a live session, are not notified
    again.
    """
    ann = person("Ann")
    names = ("muted", "received", "read", "named before", "online", "other")
    people = {name: person() for name in names}
    browsers = {name: pushing.web.browser() for name in names}
    group = ann.rest.group(members=[who.id for who in people.values()])["id"]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    muted = {"until": tomorrow, "exceptMentions": True}
    people["muted"].rest.json("PUT", f"/conversations/{group}/mute", json=muted)
    sent = ann.rest.send(conversation_id=group, message=f"Lunch? @{people['named before'].account.username}")
    for name in ("received", "read", "named before", "online", "other"):
        people[name].rest.delivered(group, sent["seq"])
    people["read"].rest.read(group, sent["seq"])
    for name in names:
        people[name].subscribe(browsers[name])
    live = online(people["online"])
    pushing.wait_until_settled()
    assert not any(browsers[name].received for name in names)
    text = " ".join(f"@{people[name].account.username}" for name in names[:-1])
    ann.rest.edit(sent["id"], text, group)
    for name in ("muted", "received", "read"):
        wait_until(lambda name=name: bodies(browsers[name]), PATIENCE, f"the notification of the one who is {name}")
        assert bodies(browsers[name]) == [f"Ann mentioned you: {text}"]
    assert live.next_event("message_updated").data["message"] == text
    ann.rest.edit(sent["id"], f"{text}!", group)
    pushing.wait_until_settled()
    assert [bool(browsers[name].received) for name in ("named before", "online", "other")] == [False] * 3
    assert all(payload.get("silent") for name in names for payload in list(browsers[name].received)[1:])


def test_edit_that_names_everybody_notifies_them(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    group = ann.rest.group(members=[ben.id])["id"]
    sent = ann.rest.send(conversation_id=group, message="Lunch?")
    ben.rest.read(group, sent["seq"])
    ben.subscribe(browser)
    ann.rest.edit(sent["id"], "Lunch, @all?", group)
    wait_until(lambda: bodies(browser), PATIENCE, "the notification")
    ann.rest.send(conversation_id=group, message="Now")
    wait_until(lambda: len(bodies(browser)) == 2, PATIENCE, "the next message")
    assert bodies(browser) == ["Ann mentioned you: Lunch, @all?", "Ann: Now"]
