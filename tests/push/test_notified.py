"""Who is notified, when, and with what."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.processes import wait_until
from tests.push.conftest import Person, Pushing
from tests.support.clients import WsClient
from tests.support.web_push_service import Browser

MakePerson = Callable[..., Person]
Online = Callable[..., WsClient]


def bodies(browser: Browser) -> list[str]:
    return [payload["body"] for payload in list(browser.received) if payload["type"] == "message"]


def test_a_receiver_who_is_away_is_notified_at_once_on_every_device(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    android, ios = ben.device("android"), ben.device("ios")
    started = time.monotonic()
    sent = ann.rest.send(receiver_id=ben.id, message="Are you there?")
    wait_until(lambda: browser.received and pushing.fcm.to(android) and pushing.fcm.to(ios), 10, "three notifications")
    assert time.monotonic() - started < 5
    (payload,) = browser.received
    assert payload == {
        "type": "message",
        "conversationId": sent["conversationId"],
        "messageId": sent["id"],
        "seq": 1,
        "senderId": ann.id,
        "title": "Ann",
        "body": "Are you there?",
        "unread": 1,
        "badge": 1,
        "tag": f"conversation-{sent['conversationId']}",
        "sentAt": sent["sentAt"],
    }
    (message,) = pushing.fcm.to(android)
    assert message["notification"] == {"title": "Ann", "body": "Are you there?"}
    (message,) = pushing.fcm.to(ios)
    assert message["apns"]["payload"]["aps"]["badge"] == 1


def hours_around_now() -> dict[str, str]:
    """Quiet hours in a zone of its own, from an hour ago to in an hour."""
    now = datetime.now(UTC) + timedelta(hours=9)  # Tokyo
    return {
        "from": f"{now - timedelta(hours=1):%H:%M}",
        "to": f"{now + timedelta(hours=1):%H:%M}",
        "timeZone": "Asia/Tokyo",
    }


def test_who_does_not_want_to_hear_of_it_does_not(pushing: Pushing, person: MakePerson) -> None:
    """All in one group: each has a reason, but the last two."""
    ann = person("Ann")
    names = ("muted", "but for mentions", "at night", "blocks ann", "left", "by day", "plain")
    people = {name: person() for name in names}
    browsers = {name: pushing.web.browser() for name in names}
    own = pushing.web.browser()
    ann.subscribe(own)
    for name in names:
        people[name].subscribe(browsers[name])
    group = ann.rest.group(members=[who.id for who in people.values()])["id"]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    people["muted"].rest.mute(group, tomorrow)
    muted = {"until": tomorrow, "exceptMentions": True}
    shown = people["but for mentions"].rest.json("PUT", f"/conversations/{group}/mute", json=muted)
    assert shown["exceptMentions"] is True
    hours = hours_around_now()
    people["at night"].rest.json("PATCH", "/push/settings", json={"doNotDisturb": hours})
    by_day = {"from": hours["to"], "to": hours["from"], "timeZone": "Asia/Tokyo"}
    people["by day"].rest.json("PATCH", "/push/settings", json={"doNotDisturb": by_day})
    people["blocks ann"].rest.request("PUT", f"/blocks/{ann.id}")
    people["left"].rest.leave(group)

    ann.rest.send(conversation_id=group, message="To all but some")
    wait_until(lambda: bodies(browsers["plain"]) and bodies(browsers["by day"]), 15, "those who want to know")
    pushing.settled()
    told = {name for name in names if browsers[name].received}
    assert told == {"plain", "by day"}
    named = f"@{people['but for mentions'].account.username}, and @{people['muted'].account.username}"
    ann.rest.send(conversation_id=group, message=named)
    wait_until(lambda: bodies(browsers["but for mentions"]), 15, "who is named")
    pushing.settled()
    assert bodies(browsers["but for mentions"]) == [f"Ann: {named}"]
    assert not any(browsers[name].received for name in ("muted", "at night", "blocks ann", "left"))
    assert own.received == []
    assert (
        browsers["plain"].received[-1]["unread"]
        == people["plain"].rest.json("GET", f"/conversations/{group}")["unread"]
    )


def test_a_block_in_a_direct_conversation_holds_for_notifications(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ben.rest.request("PUT", f"/blocks/{ann.id}")
    ann.rest.send(receiver_id=ben.id, message="Hello?")
    person("Cyd").rest.send(receiver_id=ben.id, message="Control")
    wait_until(lambda: bodies(browser), 10, "the other one")
    pushing.settled()
    assert bodies(browser) == ["Control"]
    assert browser.received[-1]["badge"] == 1


def test_what_is_shown_is_what_the_user_lets_be_shown(pushing: Pushing, person: MakePerson) -> None:
    ann = person("Ann")
    people = {preview: person() for preview in ("full", "sender", "none")}
    browsers = {preview: pushing.web.browser() for preview in people}
    for preview, who in people.items():
        who.subscribe(browsers[preview])
        who.rest.json("PATCH", "/push/settings", json={"preview": preview})
    group = ann.rest.group("Secret club", members=[who.id for who in people.values()])["id"]
    ann.rest.send(conversation_id=group, message="The word is swordfish")
    wait_until(lambda: all(b.received for b in browsers.values()), 10, "all three")
    shown = {name: (b.received[-1]["title"], b.received[-1]["body"]) for name, b in browsers.items()}
    assert shown == {
        "full": ("Secret club", "Ann: The word is swordfish"),
        "sender": ("Secret club", "Ann: New message"),
        "none": ("New message", ""),
    }
    assert "senderId" not in browsers["none"].received[-1]
    assert browsers["sender"].received[-1]["senderId"] == ann.id


def test_a_burst_is_few_notifications_and_the_last_one_is_true(pushing: Pushing, person: MakePerson) -> None:
    """Then it is read on another device, and taken away everywhere."""
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    android = ben.device()
    person("Cyd").rest.send(receiver_id=ben.id, message="Something else")
    started = time.monotonic()
    for n in range(30):
        sent = ann.rest.send(receiver_id=ben.id, message=f"m{n}")
    spent = time.monotonic() - started
    tag = f"conversation-{sent['conversationId']}"
    wait_until(lambda: browser.shown.get(tag, {}).get("unread") == 30, 10, "the newest of 30")
    pushing.settled()
    told = [payload for payload in browser.received if payload["tag"] == tag]
    assert told[-1]["body"] == "m29"
    assert told[-1]["badge"] == 31
    assert 2 <= len(told) <= 3 + spent / 1.0, "first at once, then at most one a second"
    assert pushing.fcm.to(android)[-1]["notification"]["body"] == "m29"
    ben.rest.read(sent["conversationId"], 30)
    wait_until(lambda: tag not in browser.shown, 10, "the notification to go")
    assert browser.received[-1] == {"type": "clear", "conversationId": sent["conversationId"], "tag": tag, "badge": 1}
    pushing.settled()
    (last,) = pushing.fcm.to(android)[-1:]
    assert last["data"]["type"] == "clear"
    assert "notification" not in last
    assert len(browser.shown) == 1


def test_only_devices_that_are_not_in_use_are_told_while_one_is(
    pushing: Pushing, person: MakePerson, online: Online
) -> None:
    ann, ben = person("Ann"), person()
    desk, phone, unnamed = (pushing.web.browser() for _ in range(3))
    ben.subscribe(desk, deviceId="desk")
    ben.subscribe(phone, deviceId="phone")
    ben.subscribe(unnamed)
    ben.rest.json("PATCH", "/push/settings", json={"whileActive": True})
    client = online(ben, device_id="desk")
    sent = ann.rest.send(receiver_id=ben.id, message="On both")
    client.next_message(sent["id"])
    wait_until(lambda: phone.received and unnamed.received, 10, "the others")
    assert desk.received == []
    client.close()
    wait_until(lambda: ann.rest.presence([ben.id])[ben.id]["status"] != "online", 10, "offline")
    ann.rest.send(receiver_id=ben.id, message="And now")
    wait_until(lambda: "And now" in bodies(desk), 10, "the desk as well")


def test_what_is_read_before_its_turn_is_not_told(pushing: Pushing, person: MakePerson) -> None:
    """The second message waits for the pause after the first; it is read meanwhile."""
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ann.rest.send(receiver_id=ben.id, message="one")
    wait_until(lambda: browser.received, 10, "the first")
    sent = ann.rest.send(receiver_id=ben.id, message="two")
    ben.rest.read(sent["conversationId"], 2)
    wait_until(lambda: browser.shown == {}, 10, "nothing to stand")
    pushing.settled()
    assert bodies(browser) == ["one"]


def test_what_is_deleted_for_everyone_does_not_stay_on_the_screen(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ann.rest.send(receiver_id=ben.id, message="Fine")
    wait_until(lambda: browser.received, 20, "the first")
    sent = ann.rest.send(receiver_id=ben.id, message="Oh no")
    wait_until(lambda: bodies(browser) == ["Fine", "Oh no"], 20, "the second")
    ann.rest.delete(sent["id"])
    wait_until(lambda: browser.shown == {}, 20, "it to go")
    pushing.settled()
    assert bodies(browser) == ["Fine", "Oh no"]


def test_a_text_longer_than_a_push_service_takes_is_cut(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ann.rest.send(receiver_id=ben.id, message='\U0001f600"\\' * 2600)
    wait_until(lambda: browser.received, 10, "it")
    (request,) = [r for r in pushing.web.requests if r.path.endswith(browser.name)]
    assert len(request.body) <= 4096
    assert browser.received[0]["body"].endswith("…")


def test_being_added_to_a_group_is_no_notification(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    group = ann.rest.group(members=[])["id"]
    ann.rest.add(group, ben.id)
    ann.rest.send(conversation_id=group, message="Welcome")
    wait_until(lambda: browser.received, 10, "the message")
    pushing.settled()
    assert bodies(browser) == ["Ann: Welcome"]


def outbox_answer(who: Person) -> dict[str, Any]:
    return who.rest.json("GET", "/push/outbox")


def test_the_outbox_is_one_s_own_and_empty_where_services_are_used(pushing: Pushing, person: MakePerson) -> None:
    assert outbox_answer(person()) == {"deliveries": []}
