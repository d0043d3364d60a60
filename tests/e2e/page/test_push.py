"""Notifications: enabled in the page, sent by the server, shown by the real service worker.

A headless browser reaches no push service. A fake push service therefore answers ``subscribe``, and the debugging
protocol delivers its pushes to the service worker, as the browser would.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import CDPSession, Page, expect

from dev.processes import wait_until
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.e2e.page.window import Window
from tests.support.patience import PATIENCE

AGAIN_SECONDS = 5.0
FULL_BROWSER = True  # for notifications
SUBSCRIBED = """(subscription) => {
    const made = {...subscription, toJSON: () => subscription, unsubscribe: async () => ((window.kept = null), true)};
    window.kept = null;
    PushManager.prototype.subscribe = async () => (window.kept = made);
    PushManager.prototype.getSubscription = async () => window.kept;
}"""
SHOWN = """async () => {
    const registration = await navigator.serviceWorker.getRegistration("/");
    return (await registration.getNotifications()).map(({title, body, tag}) => ({title, body, tag}));
}"""


class Worker:
    """The service worker of a page: delivers pushes to it and reads its notifications."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._versions: list[dict[str, Any]] = []
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.on("ServiceWorker.workerRegistrationUpdated", self._take)
        self._session.send("ServiceWorker.enable")

    def _take(self, event: dict[str, Any]) -> None:
        self._versions += event["registrations"]

    def _registration(self) -> str | None:
        self.page.evaluate("1")  # Playwright passes events on only while it is called
        return self._versions[-1]["registrationId"] if self._versions else None

    def push(self, origin: str, payload: dict[str, Any], until: Callable[[], bool] = lambda: True) -> None:
        """Delivers a push until it has had its effect. Chromium loses one whose worker starts too slowly; a push that
        comes twice has the same tag. Without ``until``, it is delivered once.
        """
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        registration = wait_until(self._registration, PATIENCE, "the registration of the worker")
        message = {"origin": origin, "registrationId": registration, "data": json.dumps(payload)}
        deadline = time.monotonic() + PATIENCE
        while True:
            self._session.send("ServiceWorker.deliverPushMessage", message)
            try:
                wait_until(until, AGAIN_SECONDS, f"the effect of {payload['type']}")
                return
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def shown(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.page.evaluate(SHOWN)
        return found


def elsewhere(window: Window) -> Page:
    """Opens the same origin without the page, so that the user is offline."""
    window.page.goto(f"{window.base_url}/static/icon.svg")
    return window.page


def message(conversation: int, **fields: Any) -> dict[str, Any]:
    known = {"type": "message", "conversationId": conversation, "messageId": "m", "seq": 1, "senderId": 1}
    return {**known, "unread": 1, "badge": 1, "tag": f"conversation-{conversation}", **fields}


def test_service_worker_shows_and_clears_a_notification(window: OpenWindow, people: People) -> None:
    ann, _, conversation = people.pair()
    here = window(permissions=["notifications"]).sign_in_demo(ann.username)
    here.page.evaluate(
        "navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready).then(() => 1)"
    )
    worker = Worker(elsewhere(here))
    worker.push(
        here.base_url,
        message(conversation, title="Ben Baker", body="are you there?"),
        until=lambda: worker.shown() != [],
    )
    assert worker.shown() == [{"title": "Ben Baker", "body": "are you there?", "tag": f"conversation-{conversation}"}]
    clear = {"type": "clear", "conversationId": conversation, "tag": f"conversation-{conversation}"}
    worker.push(here.base_url, clear, until=lambda: worker.shown() == [])


def test_message_to_an_offline_user_becomes_a_notification(window: OpenWindow, people: People) -> None:
    from tests.support.web_push_service import web_push_service

    ann, ben, conversation = people.pair()
    with web_push_service() as service:
        browser = service.browser()
        here = window(permissions=["notifications"]).sign_in_demo(ann.username)
        here.page.evaluate(SUBSCRIBED, browser.subscription())
        here.page.get_by_label("Settings and profile").click()
        here.page.get_by_label("Notify me in this browser").check()
        expect(here.page.get_by_label("Show in notifications")).to_be_visible()
        worker = Worker(elsewhere(here))
        ben.say(conversation, "are you there?")
        wait_until(lambda: browser.received != [], PATIENCE, "a push")
        assert service.failures == []
        worker.push(here.base_url, browser.received[0], until=lambda: worker.shown() != [])
        assert worker.shown()[0]["body"] == "are you there?"
