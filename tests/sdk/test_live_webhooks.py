"""Both clients against a running server: webhooks that reach a Flask application, and the feed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from parley_sdk import NotFound, ParleyServer, WebhookEvent
from parley_sdk.flask import ParleyExtension, signal_for
from werkzeug.serving import make_server

from dev.processes import wait_until
from tests.sdk.conftest import SERVER_API_KEY, Use
from tests.support.patience import PATIENCE
from tests.support.processes import Stack


@dataclass
class Shop:
    """A host's application. ``events`` has the created messages that came by webhook."""

    app: Flask
    url: str
    events: list[WebhookEvent] = field(default_factory=list)

    def trust(self, secret: str) -> None:
        self.app.config["PARLEY_WEBHOOK_SECRETS"] = secret
        ParleyExtension(self.app)


@pytest.fixture
def shop(server: Stack) -> Iterator[Shop]:
    app = Flask("shop")
    app.config.update(PARLEY_URL=server.base_url, PARLEY_KEY=SERVER_API_KEY)
    http = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    made = Shop(app, f"http://127.0.0.1:{http.server_port}/parley/webhook")

    def note(sender: Flask, event: WebhookEvent) -> None:
        assert sender is app
        made.events.append(event)

    with signal_for("message.created").connected_to(note):
        yield made
    http.shutdown()
    thread.join(PATIENCE)
    http.server_close()


def test_a_message_reaches_the_signal_of_the_host(use: Use, shop: Shop, order: str):
    made = use(lambda s: s.webhooks.create(shop.url, types=["message.created"], description="Shop"))
    shop.trust(made["secret"])
    webhook_id = made["webhookId"]
    sent = use(lambda s: s.messages.send("Hello", conversation=order))
    wait_until(lambda: bool(shop.events), PATIENCE, "the webhook")
    assert [event.data["id"] for event in shop.events] == [sent["id"]]

    def delivered() -> list[Any]:
        found: list[Any] = use(lambda s: s.webhooks.deliveries(webhook_id, state="delivered", limit=10))["deliveries"]
        return found

    wait_until(lambda: len(delivered()) == 1, PATIENCE, "the delivery")
    assert delivered()[0]["id"] == shop.events[0].id
    use(lambda s: s.webhooks.replay(webhook_id, "evt_0"))
    # Events of earlier tests are delivered as well, and may come first.
    wait_until(lambda: shop.events[0].id in {event.id for event in shop.events[1:]}, PATIENCE, "the repetition")
    changed = use(lambda s: s.webhooks.change(webhook_id, types=None, state="off"))
    assert ("types" in changed, changed["state"]) == (False, "off")
    assert webhook_id in [one["webhookId"] for one in use(lambda s: s.webhooks.list())["webhooks"]]
    use(lambda s: s.webhooks.delete(webhook_id))
    with pytest.raises(NotFound):
        use(lambda s: s.webhooks.deliveries(webhook_id))


def test_the_feed_is_pulled(use: Use, order: str):
    start = use(lambda s: s.events.poll())["cursor"]
    sent = use(lambda s: s.messages.send("Hello", conversation=order))
    seen, cursor = [], start
    while sent["id"] not in seen:
        page = use(lambda s, cursor=cursor: s.events.poll(cursor, wait=10, types=["message.created"], limit=1))
        seen += [event["data"]["id"] for event in page["events"]]
        cursor = page["cursor"]
    assert cursor != start


def test_the_feed_is_followed(parley: ParleyServer, order: str):
    cursor = parley.events.poll()["cursor"]
    sent = parley.messages.send("Hello", conversation=order)
    pages = parley.events.follow(cursor, types=["message.created"])
    assert sent["id"] in [event["data"]["id"] for event in next(pages)["events"]]
