"""The receivers, time and content of notifications."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.processes import wait_until
from tests.push.conftest import CONFIRM_SECONDS, Person, Pushing, bodies
from tests.support.clients import WsClient
from tests.support.patience import PATIENCE

MakePerson = Callable[..., Person]
Online = Callable[..., WsClient]


def test_offline_receiver_is_notified_at_once_on_every_device(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    android, ios = ben.device("android"), ben.device("ios")
    started = time.monotonic()
    sent = ann.rest.send(receiver_id=ben.id, message="Are you there?")
    wait_until(
        lambda: browser.received and pushing.fcm.to(android) and pushing.fcm.to(ios), PATIENCE, "three notifications"
    )
    assert time.monotonic() - started < CONFIRM_SECONDS, "an offline user is not given time to confirm"
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
    """Returns quiet hours in a time zone of their own, from an hour ago until an hour from now."""
    now = datetime.now(UTC) + timedelta(hours=9)  # Tokyo
    return {
        "from": f"{now - timedelta(hours=1):%H:%M}",
        "to": f"{now + timedelta(hours=1):%H:%M}",
        "timeZone": "Asia/Tokyo",
    }


def test_users_who_opted_out_are_not_notified(pushing: Pushing, person: MakePerson) -> None:
    """All users are in one group. Each has a reason not to be notified, except the last two."""
    ann = person("Ann")
    names = ("muted", "except mentions", "at night", "busy", "blocks ann", "left", "by day", "plain")
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
    shown = people["except mentions"].rest.json("PUT", f"/conversations/{group}/mute", json=muted)
    assert shown["exceptMentions"] is True
    hours = hours_around_now()
    people["at night"].rest.json("PATCH", "/push/settings", json={"doNotDisturb": hours})
    by_day = {"from": hours["to"], "to": hours["from"], "timeZone": "Asia/Tokyo"}
    people["by day"].rest.json("PATCH", "/push/settings", json={"doNotDisturb": by_day})
    people["busy"].rest.json("PATCH", "/me", json={"doNotDisturbUntil": tomorrow})
    people["blocks ann"].rest.request("PUT", f"/blocks/{ann.id}")
    people["left"].rest.leave(group)

    ann.rest.send(conversation_id=group, message="To all but some")
    wait_until(
        lambda: bodies(browsers["plain"]) and bodies(browsers["by day"]), PATIENCE, "the two users without a reason"
    )
    pushing.wait_until_settled()
    notified = {name for name in names if browsers[name].received}
    assert notified == {"plain", "by day"}
    named = f"@{people['except mentions'].account.username}, and @{people['muted'].account.username}"
    ann.rest.send(conversation_id=group, message=named)
    wait_until(lambda: bodies(browsers["except mentions"]), PATIENCE, "the mentioned user")
    pushing.wait_until_settled()
    assert bodies(browsers["except mentions"]) == [f"Ann mentioned you: {named}"]
    assert not any(browsers[name].received for name in ("muted", "at night", "busy", "blocks ann", "left"))
    assert own.received == []
    assert (
        browsers["plain"].received[-1]["unread"]
        == people["plain"].rest.json("GET", f"/conversations/{group}")["unread"]
    )


def test_block_suppresses_notifications_of_the_direct_conversation(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ben.rest.request("PUT", f"/blocks/{ann.id}")
    ann.rest.send(receiver_id=ben.id, message="Hello?")
    person("Cyd").rest.send(receiver_id=ben.id, message="Control")
    wait_until(lambda: bodies(browser), PATIENCE, "the control message")
    pushing.wait_until_settled()
    assert bodies(browser) == ["Control"]
    assert browser.received[-1]["badge"] == 1


def test_conversation_that_is_marked_as_unread_counts_in_the_badge(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    sent = person("Cyd").rest.send(receiver_id=ben.id, message="Before")
    ben.rest.read(sent["conversationId"], sent["seq"])
    ben.rest.json("PUT", f"/conversations/{sent['conversationId']}/unread")
    ben.subscribe(browser)
    ann.rest.send(receiver_id=ben.id, message="Hello")
    wait_until(lambda: bodies(browser) == ["Hello"], PATIENCE, "the notification")
    assert [browser.received[-1][name] for name in ("unread", "badge")] == [1, 2]


def test_request_to_write_notifies_and_counts_only_after_it_is_accepted(pushing: Pushing, person: MakePerson) -> None:
    ann, ben, cyd = person("Ann"), person(), person("Cyd")
    cyd.rest.send(receiver_id=ben.id, message="Before")
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ben.rest.json("PATCH", "/me", json={"mayWriteToMe": "nobody"})
    waiting = ann.rest.send(receiver_id=ben.id, message="Hello?")["conversationId"]
    cyd.rest.send(receiver_id=ben.id, message="Control")
    wait_until(lambda: bodies(browser), PATIENCE, "the control message")
    pushing.wait_until_settled()
    assert bodies(browser) == ["Control"]
    assert browser.received[-1]["badge"] == 2
    ben.rest.json("POST", f"/requests/{waiting}/accept")
    ann.rest.send(receiver_id=ben.id, message="Thank you")
    wait_until(lambda: len(bodies(browser)) == 2, PATIENCE, "the message of the accepted sender")
    assert bodies(browser)[-1] == "Thank you"
    assert [browser.received[-1][name] for name in ("unread", "badge")] == [2, 4]


def test_notification_shows_only_what_the_preview_setting_allows(pushing: Pushing, person: MakePerson) -> None:
    ann = person("Ann")
    people = {preview: person() for preview in ("full", "sender", "none")}
    browsers = {preview: pushing.web.browser() for preview in people}
    for preview, who in people.items():
        who.subscribe(browsers[preview])
        who.rest.json("PATCH", "/push/settings", json={"preview": preview})
    group = ann.rest.group("Secret club", members=[who.id for who in people.values()])["id"]
    ann.rest.send(conversation_id=group, message="The word is swordfish")
    wait_until(lambda: all(b.received for b in browsers.values()), PATIENCE, "all three")
    shown = {name: (b.received[-1]["title"], b.received[-1]["body"]) for name, b in browsers.items()}
    assert shown == {
        "full": ("Secret club", "Ann: The word is swordfish"),
        "sender": ("Secret club", "Ann: New message"),
        "none": ("2 new messages", ""),  # with that of the new group
    }
    assert "senderId" not in browsers["none"].received[-1]
    assert browsers["sender"].received[-1]["senderId"] == ann.id


def test_burst_makes_few_notifications_and_the_last_is_correct(pushing: Pushing, person: MakePerson) -> None:
    """Afterwards a read on another device clears the notification on every device."""
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
    wait_until(lambda: browser.shown.get(tag, {}).get("unread") == 30, PATIENCE, "the newest of 30")
    pushing.wait_until_settled()
    payloads = [payload for payload in browser.received if payload["tag"] == tag]
    assert payloads[-1]["body"] == "m29"
    assert payloads[-1]["badge"] == 31
    assert 2 <= len(payloads) <= 3 + spent / 1.0, "one at once, then at most one per second"
    assert pushing.fcm.to(android)[-1]["notification"]["body"] == "m29"
    ben.rest.read(sent["conversationId"], 30)
    wait_until(lambda: tag not in browser.shown, PATIENCE, "the notification to go")
    assert browser.received[-1] == {"type": "clear", "conversationId": sent["conversationId"], "tag": tag, "badge": 1}
    pushing.wait_until_settled()
    (last,) = pushing.fcm.to(android)[-1:]
    assert last["data"]["type"] == "clear"
    assert "notification" not in last
    assert len(browser.shown) == 1


def test_while_one_device_is_active_only_the_others_are_notified(
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
    wait_until(lambda: phone.received and unnamed.received, PATIENCE, "the other devices")
    assert desk.received == []
    client.close()
    wait_until(lambda: ann.rest.presence([ben.id])[ben.id]["status"] != "online", PATIENCE, "offline")
    ann.rest.send(receiver_id=ben.id, message="And now")
    wait_until(lambda: "And now" in bodies(desk), PATIENCE, "the desk to be notified too")


def test_text_too_long_for_the_push_service_is_cut(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    ann.rest.send(receiver_id=ben.id, message='\U0001f600"\\' * 2600)
    wait_until(lambda: browser.received, PATIENCE, "it")
    (request,) = [r for r in pushing.web.requests if r.path.endswith(browser.name)]
    assert len(request.body) <= 4096
    assert browser.received[0]["body"].endswith("…")


def test_being_added_to_a_group_makes_no_notification(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    group = ann.rest.group(members=[])["id"]
    ann.rest.add(group, ben.id)
    ann.rest.send(conversation_id=group, message="Welcome")
    wait_until(lambda: browser.received, PATIENCE, "the message")
    pushing.wait_until_settled()
    assert bodies(browser) == ["Ann: Welcome"]


def outbox_answer(who: Person) -> dict[str, Any]:
    return who.rest.json("GET", "/push/outbox")


def test_outbox_is_empty_if_push_services_are_configured(pushing: Pushing, person: MakePerson) -> None:
    assert outbox_answer(person()) == {"deliveries": []}


def test_receivers_of_one_message_are_notified_in_their_languages(pushing: Pushing, person: MakePerson) -> None:
    """The language that the user chose counts, else the one that the device preferred when it was registered."""
    ann, chooses, follows = person("Ann"), person(), person()
    chooses.rest.json("PATCH", "/me", json={"locale": "ar"})
    browsers = {who.id: pushing.web.browser() for who in (chooses, follows)}
    for who in (chooses, follows):
        subscription = browsers[who.id].subscription()
        who.rest.json("POST", "/push/subscriptions", json=subscription, headers={"Accept-Language": "de-AT,en;q=0.5"})
    group = ann.rest.group("Club", members=[chooses.id, follows.id])["id"]
    ann.rest.send(conversation_id=group, message=f"Hello @{follows.account.username}")
    wait_until(lambda: all(browser.received for browser in browsers.values()), PATIENCE, "both")
    assert bodies(browsers[chooses.id]) == [f"\u2068Ann\u2069: \u2068Hello @{follows.account.username}\u2069"]
    assert bodies(browsers[follows.id]) == [f"Ann hat dich erwähnt: Hello @{follows.account.username}"]
    chooses.rest.json("PATCH", "/push/settings", json={"preview": "none"})
    ann.rest.send(conversation_id=group, message="More")
    wait_until(lambda: len(browsers[chooses.id].received) == 2, PATIENCE, "the second message")
    assert browsers[chooses.id].received[-1]["title"] == "3 رسائل جديدة"  # with that of the new group


def test_stream_is_notified_at_its_end(pushing: Pushing, person: MakePerson) -> None:
    """A message that was sent during the stream is notified on its own; the beginning of the stream is not."""
    ann, bob, ben = person("Ann"), person("Bob"), person()
    browser = pushing.web.browser()
    ben.subscribe(browser)
    group = ann.rest.group(members=[bob.id, ben.id])["id"]
    id_ = ann.rest.json("POST", "/streams", json={"conversationId": group})["id"]
    ann.rest.request("POST", f"/streams/{id_}/append", json={"from": 0, "text": "The whole "})
    bob.rest.send(receiver_id=ben.id, message="meanwhile")
    wait_until(lambda: bodies(browser) == ["meanwhile"], PATIENCE, "the other message")
    ann.rest.request("POST", f"/streams/{id_}/append", json={"from": 10, "text": "answer"})
    ann.rest.json("POST", f"/streams/{id_}/end")
    wait_until(lambda: len(bodies(browser)) == 2, PATIENCE, "the stream")
    payload = browser.received[-1]
    assert (payload["messageId"], payload["body"]) == (id_, "Ann: The whole answer")
