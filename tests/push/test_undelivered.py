"""The event for hosts about a message for which no device of a member could be notified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from dev.processes import wait_until
from tests.push.conftest import SERVER_API_KEY, Person, Pushing
from tests.support.clients import HostClient
from tests.support.fcm_server import error
from tests.support.patience import PATIENCE

MakePerson = Callable[..., Person]


@pytest.fixture
def wanted(pushing: Pushing, closing: list[Any]) -> Iterator[None]:
    """A host that wants these events. Its server is away, so the test reads the feed's table."""
    closing.append(host := HostClient(pushing.stack.base_url, SERVER_API_KEY))
    body = {"url": "https://hook.example/parley", "types": ["notification.undelivered"]}
    webhook = host.answer("POST", "/webhooks", json=body)["webhookId"]
    yield
    host.call("DELETE", f"/webhooks/{webhook}")


def events(pushing: Pushing, who: Person) -> list[dict[str, Any]]:
    query = "SELECT data FROM host_events WHERE type = 'notification.undelivered' ORDER BY id"
    data = [msgspec.json.decode(row[0]) for row in pushing.rows(query)]
    return [one for one in data if one["userId"] == who.id]


def expected(sent: dict[str, Any], sender: Person, who: Person, reason: str) -> list[dict[str, Any]]:
    return [
        {
            "messageId": sent["id"],
            "conversationId": sent["conversationId"],
            "seq": sent["seq"],
            "senderId": sender.id,
            "userId": who.id,
            "reason": reason,
        }
    ]


@pytest.mark.usefixtures("wanted")
def test_member_without_a_device(pushing: Pushing, person: MakePerson) -> None:
    ann, ben, eve = person("Ann"), person(), person()
    token = eve.device()
    group = ann.rest.group(members=[ben.id, eve.id])["id"]
    sent = ann.rest.send(conversation_id=group, message="Are you there?")
    wait_until(lambda: events(pushing, ben), PATIENCE, "the event")
    assert events(pushing, ben) == expected(sent, ann, ben, "no_device")
    wait_until(lambda: pushing.fcm.to(token), PATIENCE, "the notification")
    pushing.wait_until_settled()
    assert events(pushing, eve) == events(pushing, ann) == []


@pytest.mark.usefixtures("wanted")
def test_event_comes_once_the_last_device_has_failed(pushing: Pushing, person: MakePerson) -> None:
    ann, ben, eve = person("Ann"), person(), person()
    gone, alive = pushing.web.browser(), pushing.web.browser()
    for who in (ben, eve):
        who.device()
    ben.subscribe(gone)
    eve.subscribe(alive)
    pushing.web.answer = lambda request: (410, {}) if request.path.endswith(gone.name) else None
    pushing.fcm.answer = lambda message: error(404, "UNREGISTERED")
    group = ann.rest.group(members=[ben.id, eve.id])["id"]
    sent = ann.rest.send(conversation_id=group, message="Are you there?")
    wait_until(lambda: events(pushing, ben), PATIENCE, "the event")
    pushing.wait_until_settled()
    assert events(pushing, ben) == expected(sent, ann, ben, "failed")
    assert events(pushing, eve) == []


def test_nothing_is_noted_if_no_host_wants_it(pushing: Pushing, person: MakePerson) -> None:
    ann, ben = person("Ann"), person()
    ann.rest.send(receiver_id=ben.id, message="Are you there?")
    pushing.wait_until_settled()
    assert events(pushing, ben) == []


@pytest.mark.usefixtures("wanted")
def test_own_muted_read_and_silent_messages_are_no_failure(pushing: Pushing, person: MakePerson) -> None:
    ann, ben, eve = person("Ann"), person(), person()
    group = ann.rest.group(members=[ben.id, eve.id])["id"]
    ben.rest.mute(group, "2100-01-01T00:00:00Z")
    ann.rest.send(conversation_id=group, message="Are you there?")
    wait_until(lambda: events(pushing, eve), PATIENCE, "the event")
    assert events(pushing, ben) == events(pushing, ann) == []
