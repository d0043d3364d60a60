"""Who is notified, when, and with what."""

from __future__ import annotations

import time
from collections.abc import Callable

from dev.processes import wait_until
from tests.push.conftest import Person, Pushing

MakePerson = Callable[..., Person]


def test_a_receiver_who_is_away_is_notified_at_once_on_every_device(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person(display_name="Ann"), person()
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
