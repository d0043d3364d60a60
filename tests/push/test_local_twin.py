"""Without keys, development shows the notifications in an outbox, and the deployment generates its VAPID key itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from app.core.errors import NotFound
from app.push.vapid import public_key_of
from app.services.push.push_outbox import show_outbox
from dev.processes import wait_until
from tests.support.clients import Account, RestClient, register
from tests.support.patience import PATIENCE
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.web_push_service import Browser


@pytest.fixture(scope="module")
def plain() -> Iterator[Stack]:
    with private_stack(web=1, workers=1) as stack:
        yield stack


def rest(stack: Stack, account: Account) -> RestClient:
    return RestClient(stack.base_url, account.access_token)


def test_outbox_of_the_receiver_shows_the_notification(plain: Stack) -> None:
    ann, ben = register(plain.base_url), register(plain.base_url)
    ann_rest, ben_rest = rest(plain, ann), rest(plain, ben)
    browser = Browser("x", "https://fcm.googleapis.com")
    target = ben_rest.json("POST", "/push/subscriptions", json=browser.subscription())["id"]
    ben_rest.json("POST", "/push/devices", json={"token": "token-of-fcm", "platform": "ios"})
    sent = ann_rest.send(receiver_id=ben.user_id, message="Seen by nobody")
    deliveries = wait_until(
        lambda: len(ben_rest.json("GET", "/push/outbox")["deliveries"]) == 2, PATIENCE, "two deliveries"
    )
    deliveries = ben_rest.json("GET", "/push/outbox")["deliveries"]
    assert {one["platform"] for one in deliveries} == {"browser", "ios"}
    (one,) = [one for one in deliveries if one["targetId"] == target]
    assert (one["payload"]["messageId"], one["payload"]["body"]) == (sent["id"], "Seen by nobody")
    assert ann_rest.json("GET", "/push/outbox") == {"deliveries": []}
    log = plain.workers[0].log()
    assert re.search(rf"push to browser target {target}: conversation-\d+", log)
    assert "Seen by nobody" not in plain.logs()
    assert "token-of-fcm" not in plain.logs()
    ann_rest.close(), ben_rest.close()


def test_vapid_key_is_generated_once_and_kept(plain: Stack) -> None:
    client = rest(plain, register(plain.base_url))
    keys = {client.json("GET", "/push/vapid-key")["publicKey"] for _ in range(3)}
    engine = create_engine(plain.stores.postgres.url(scheme="postgresql+psycopg"))
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT private_key FROM push_keys")).scalars().all()
    engine.dispose()
    assert keys == {public_key_of(key) for key in kept}
    assert len(kept) == 1
    client.close()


def test_metrics_count_the_notifications(plain: Stack) -> None:
    """A worker and the queue publish their metrics separately, each every few seconds."""
    ann, ben = register(plain.base_url), register(plain.base_url)
    ann_rest, ben_rest = rest(plain, ann), rest(plain, ben)
    ben_rest.json("POST", "/push/devices", json={"token": "another-token", "platform": "android"})
    ann_rest.send(receiver_id=ben.user_id)
    ann_rest.close(), ben_rest.close()
    sent = re.compile(r'^parley_push_total\{outcome="sent",process="push:[^"]+",provider="fcm"\} [1-9]', re.MULTILINE)
    with httpx.Client(base_url=plain.base_url) as client:

        def shown() -> bool:
            text_ = client.get("/metrics").text
            return all((sent.search(text_), "parley_push_owed 0.0" in text_, "parley_push_age_seconds 0.0" in text_))

        wait_until(shown, 60, "the sent notifications, and none pending", every=0.5)


def test_only_development_has_an_outbox() -> None:
    for name in ("production", "staging"):
        with pytest.raises(NotFound):  # raised before Redis is used: no Redis listens at this address
            show_outbox(1, redis=Redis(host="127.0.0.1", port=1), app_env=name)
