"""A thousand messages to twenty offline users: each device ends with one correct notification per conversation."""

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


def test_each_device_ends_with_one_correct_notification_per_conversation(
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

    def all_correct() -> bool:
        return all(
            summary(browser)
            == {
                group: (f"Ann: {newest[group]['text']}", newest[group]["seq"])
                for group in groups
                if (n, group) not in muted | read
            }
            for n, browser in enumerate(browsers)
        )

    wait_until(all_correct, 60, "the correct notifications")
    pushing.wait_until_settled()
    assert all_correct()
    for n, browser in enumerate(browsers):
        assert not any(payload["conversationId"] == groups[n] for payload in browser.received), "muted"


def send_all(client: WsClient, groups: list[int]) -> dict[int, dict[str, Any]]:
    """Sends in random order and returns the newest message of each conversation.

    None is read, so its seq is the unread count.
    """
    order = random.Random(7).choices(groups, k=MESSAGES - len(groups)) + groups
    newest: dict[int, dict[str, Any]] = {}
    refs = [(g, f"m{n}", client.send_nowait(f"m{n}", conversation_id=g)) for n, g in enumerate(order)]
    for group, text, ref in refs:
        newest[group] = {"text": text, "seq": client.answer(ref, 60).data["seq"]}
    return newest


def summary(browser: Browser) -> dict[int, tuple[str, int]]:
    return {p["conversationId"]: (p["body"], p["unread"]) for p in list(browser.shown.values())}
