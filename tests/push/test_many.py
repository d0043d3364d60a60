"""A thousand messages to twenty who are away: each device ends with one true notification a conversation."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.processes import wait_until
from tests.push.conftest import Person, Pushing
from tests.support.clients import WsClient
from tests.support.web_push_service import Browser

RECEIVERS, CONVERSATIONS, MESSAGES = 20, 50, 1000


def test_each_device_has_one_notification_a_conversation_and_it_is_true(
    pushing: Pushing, person: Callable[..., Person], online: Callable[..., WsClient]
) -> None:
    ann = person("Ann")
    receivers = [person() for _ in range(RECEIVERS)]
    browsers = [pushing.web.browser() for _ in receivers]
    for who, browser in zip(receivers, browsers, strict=True):
        who.subscribe(browser)
    groups = [ann.rest.group(f"G{n}", members=[r.id for r in receivers])["id"] for n in range(CONVERSATIONS)]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    muted = {(n, groups[n]) for n in range(RECEIVERS)}
    for n, group in muted:
        receivers[n].rest.mute(group, tomorrow)
    newest = send_all(online(ann), groups)
    read = {(n, groups[20 + n]) for n in range(RECEIVERS)}
    for n, group in read:
        receivers[n].rest.read(group, newest[group]["seq"])

    def as_it_should_be() -> bool:
        return all(
            summary(browser)
            == {
                group: (f"Ann: {newest[group]['text']}", newest[group]["seq"])
                for group in groups
                if (n, group) not in muted | read
            }
            for n, browser in enumerate(browsers)
        )

    wait_until(as_it_should_be, 60, "the true notifications")
    pushing.settled()
    assert as_it_should_be()
    for n, browser in enumerate(browsers):
        assert not any(payload["conversationId"] == groups[n] for payload in browser.received), "muted"


def send_all(client: WsClient, groups: list[int]) -> dict[int, dict[str, Any]]:
    """In random order. The newest of each conversation; none is read, so its seq is how many are unread."""
    order = random.Random(7).choices(groups, k=MESSAGES - len(groups)) + groups
    newest: dict[int, dict[str, Any]] = {}
    refs = [(g, f"m{n}", client.send_nowait(f"m{n}", conversation_id=g)) for n, g in enumerate(order)]
    for group, text, ref in refs:
        newest[group] = {"text": text, "seq": client.answer(ref, 60).data["seq"]}
    return newest


def summary(browser: Browser) -> dict[int, tuple[str, int]]:
    return {p["conversationId"]: (p["body"], p["unread"]) for p in list(browser.shown.values())}
