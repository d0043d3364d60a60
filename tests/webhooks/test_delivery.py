"""Deliveries of the runner: signatures, order, retries, and the limits of a failure."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import pytest
from sqlalchemy import Connection

from app.core.webhooks import WebhookPatch
from app.services.webhooks.manage_webhooks import Webhooks
from app.services.webhooks.send_webhooks import LANES_PER_WEBHOOK
from app.store import webhook_queue
from app.store.engine import writing
from app.store.webhook_queue import queue_news
from dev.processes import wait_until
from tests.support.patience import PATIENCE
from tests.support.webhook_receiver import Received, WebhookReceiver
from tests.webhooks.world import World

RETRY_COLUMNS = "SELECT attempts, date_part('epoch', due_at - now()) FROM webhook_lanes WHERE webhook_id = :w"


def order_in(receiver: WebhookReceiver, lane: int) -> list[int]:
    return [one.data["n"] for one in list(receiver.arrived) if one.data["lane"] == lane]


def test_every_event_arrives_signed_and_in_the_order_of_its_lane(world: World) -> None:
    """Many lanes are in flight at once, and none overtakes itself. Hooks with types get only these."""
    world.receiver.delay = 0.005
    webhook = world.webhook("/all")
    picky = world.webhook("/picky", types=["user.created"])
    lanes = [world.lane() for _ in range(30)]
    with world.running():
        for _ in range(3):
            world.events(*(lane for lane in lanes for _ in range(9)))
        world.events(lanes[0], type_="user.created")
        wait_until(lambda: len(world.receiver.arrived) == 30 * 27 + 2, 60, "all deliveries")
    for lane in lanes[1:]:
        found = [one.id for one in world.receiver.arrived if one.data["lane"] == lane]
        assert found == sorted(found, key=lambda id_: int(id_.removeprefix("evt_")))
        assert len(found) == len(set(found)) == 27
    assert world.receiver.max_at_once > 5
    assert [one.path for one in world.receiver.arrived if one.event["type"] == "user.created"].count("/picky") == 1
    assert world.rows("SELECT count(*) FROM webhook_lanes") == [(0,)]
    assert {delivery.state for delivery in world.deliveries(webhook)} == {"delivered"}
    assert len(world.deliveries(picky)) == 1
    event = world.receiver.arrived[0].event
    assert set(event) == {"id", "type", "createdAt", "data"}
    assert datetime.fromisoformat(event["createdAt"]).tzinfo is not None


@pytest.mark.parametrize("ahead", [-7200, 7200, 2 * 86_400])
def test_worker_with_a_wrong_clock_signs_with_the_time_of_postgres(
    world: World, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """The receiver refuses times that are five minutes off. If the worker's clock was ahead by days, the worker would
    also give up at once.
    """
    right = time.time
    world.webhook("/clock")
    world.events(world.lane())
    monkeypatch.setattr(time, "time", lambda: right() + ahead)
    with world.running():
        wait_until(lambda: world.receiver.arrived, PATIENCE, "the delivery")
    assert world.counted["failed"] == world.counted["retry"] == 0


def test_failure_holds_up_its_lane_only_and_is_repeated_under_the_same_id(world: World) -> None:
    bad, good = world.lane(), world.lane()
    refusing = threading.Event()
    refusing.set()
    world.receiver.answer = lambda one: 500 if one.data["lane"] == bad and refusing.is_set() else None
    webhook = world.webhook()
    with world.running():
        world.events(bad, good, bad, good)
        wait_until(lambda: order_in(world.receiver, good) == [2, 4], 30, "the other lane")
        of_lane = f"{RETRY_COLUMNS} AND lane = :l"
        wait_until(lambda: world.rows(of_lane, w=webhook, l=bad)[0][0] == 1, 30, "the outcome of the failed lane")
        [(_, seconds)] = world.rows(of_lane, w=webhook, l=bad)
        assert 0 < seconds <= 5
        waiting = [delivery for delivery in world.deliveries(webhook) if delivery.state == "pending"]
        assert [(one.attempts, one.status, one.error) for one in reversed(waiting)] == [
            (1, 500, "status 500"),
            (0, None, None),
        ]
        refusing.clear()
        wait_until(lambda: len(order_in(world.receiver, bad)) == 2, 30, "the retry")
    assert order_in(world.receiver, bad) == [1, 3]
    first = [one.id for one in world.receiver.attempts if one.data == {"lane": bad, "n": 1}]
    assert len(first) == 2
    assert len(set(first)) == 1


@pytest.mark.parametrize(("failed", "pause"), [(1, 30), (2, 120), (3, 600), (4, 3600), (5, 10_800), (9, 10_800)])
def test_pauses_grow(world: World, failed: int, pause: int) -> None:
    webhook = world.webhook()
    world.receiver.answer = lambda one: 503
    world.events(world.lane())
    with writing(world.engine) as conn:
        assert queue_news(conn) == (1, 1)
    world.run("UPDATE webhook_lanes SET attempts = :f", f=failed)
    with world.running():
        wait_until(lambda: world.rows(RETRY_COLUMNS, w=webhook)[0][0] == failed + 1, 30, "the attempt")
    [(_, seconds)] = world.rows(RETRY_COLUMNS, w=webhook)
    assert pause - 10 < seconds <= pause


def test_receiver_that_hangs_does_not_hold_up_others(world: World) -> None:
    """Its lanes do not take all threads, and after some failures only a few of them are tried at once."""
    released = threading.Event()

    def answer(one: Received) -> None:
        if one.path == "/hangs":
            released.wait(60)

    world.receiver.answer = answer
    world.webhook("/hangs")
    world.webhook("/works")
    with world.running():
        world.events(*(world.lane() for _ in range(300)))
        started = time.monotonic()
        wait_until(lambda: len(world.receiver.arrived) == 300, 30, "the deliveries of the other receiver")
        assert {one.path for one in world.receiver.arrived} == {"/works"}
        assert time.monotonic() - started < 10, "less than a request may take"
        released.set()
        world.receiver.answer = lambda one: None


def test_runner_rests_while_a_receiver_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes that are due cannot begin while all places are taken. The runner does not query Postgres for them."""
    released = threading.Event()

    def hang(_: Received) -> None:
        released.wait(60)

    world.receiver.answer = hang
    world.webhook()
    world.events(*(world.lane() for _ in range(LANES_PER_WEBHOOK + 50)))
    looked: list[None] = []

    def counted(conn: Connection) -> tuple[int, int]:
        looked.append(None)
        return queue_news(conn)

    monkeypatch.setattr(webhook_queue, "queue_news", counted)
    with world.running():
        wait_until(lambda: len(world.receiver.attempts) == LANES_PER_WEBHOOK, 30, "all places to be taken")
        looked.clear()
        time.sleep(2.0)
        count = len(looked)
        released.set()
        wait_until(lambda: len(world.receiver.arrived) == LANES_PER_WEBHOOK + 50, 30, "the deliveries")
    assert 1 <= count <= 10


def test_webhook_that_is_switched_on_is_tried_at_once(world: World) -> None:
    webhook = world.webhook()
    world.receiver.answer = lambda one: 503
    world.events(world.lane())
    with writing(world.engine) as conn:
        queue_news(conn)
    world.run("UPDATE webhook_lanes SET attempts = 9")
    manage = Webhooks(engine=world.engine, private_hosts=("127.0.0.1",), wake=lambda: None)
    with world.running():
        wait_until(lambda: world.rows(RETRY_COLUMNS, w=webhook)[0][0] == 10, 30, "the attempt")
        manage.change(webhook, WebhookPatch(state="off"), server_key="test")
        world.receiver.answer = lambda one: None
        manage.change(webhook, WebhookPatch(state="on"), server_key="test")
        wait_until(lambda: world.receiver.arrived, 30, "the delivery")


def test_gone_switches_the_webhook_off_and_nothing_is_lost_if_it_comes_back(world: World) -> None:
    lane = world.lane()
    gone = world.webhook("/gone")
    other = world.webhook("/other")
    world.receiver.answer = lambda one: 410 if one.path == "/gone" else None
    with world.running():
        world.events(lane, lane)
        state = "SELECT state, off_reason FROM webhooks WHERE id = :w"
        wait_until(lambda: world.rows(state, w=gone) == [("off", "gone")], 30, "the webhook to be off")
        world.events(lane)
        wait_until(lambda: len(order_in(world.receiver, lane)) == 3, 30, "the other webhook")
        assert len([one for one in world.receiver.attempts if one.path == "/gone"]) == 1
        assert {one.path for one in world.receiver.arrived} == {"/other"}
        world.receiver.answer = lambda one: None
        world.run("UPDATE webhook_lanes SET due_at = now() WHERE webhook_id = :w", w=gone)
        world.run("UPDATE webhooks SET state = 'on' WHERE id = :w", w=gone)
        wait_until(lambda: len(order_in(world.receiver, lane)) == 6, 30, "the missed events")
    assert [one.data["n"] for one in world.receiver.arrived if one.path == "/gone"] == [1, 2, 1]
    assert len(world.deliveries(other)) == 3


def test_delivery_that_failed_for_a_day_is_given_up_and_the_lane_goes_on(world: World) -> None:
    lane = world.lane()
    webhook = world.webhook()
    world.receiver.answer = lambda one: 500 if one.data["n"] == 1 else None
    world.events(lane, lane)
    with world.running():
        wait_until(lambda: world.receiver.attempts, 30, "the first attempt")
        wait_until(lambda: world.rows(RETRY_COLUMNS, w=webhook)[0][0] == 1, 30, "its outcome")
        world.run(
            "UPDATE webhook_deliveries SET created_at = now() - interval '24 hours' WHERE webhook_id = :w", w=webhook
        )
        world.run("UPDATE webhook_lanes SET due_at = now()")
        wait_until(lambda: order_in(world.receiver, lane) == [2], 30, "the next one")
    second, first = world.deliveries(webhook)
    assert (first.state, first.attempts, second.state) == ("failed", 2, "delivered")
    assert world.counted["failed"] == 1


def test_event_that_was_deleted_meanwhile_is_given_up(world: World) -> None:
    lane = world.lane()
    webhook = world.webhook()
    world.events(lane, lane)
    world.run("DELETE FROM host_events WHERE id = (SELECT min(id) FROM host_events WHERE lane = :l)", l=lane)
    world.events(lane)
    world.run("UPDATE webhooks SET position = 0 WHERE id = :w", w=webhook)
    with world.running():
        wait_until(lambda: len(order_in(world.receiver, lane)) == 2, 30, "the events that are left")
    assert order_in(world.receiver, lane) == [2, 1]


def test_address_in_a_private_network_is_not_called(world: World) -> None:
    """The name may have changed its address since the webhook was made."""
    webhook = world.webhook(url=f"https://localhost:{world.receiver.server_address[1]}/hook")
    world.events(world.lane())
    with world.running():
        wait_until(lambda: world.rows(RETRY_COLUMNS, w=webhook), 30, "the lane")
        wait_until(lambda: world.rows(RETRY_COLUMNS, w=webhook)[0][0] == 1, 30, "the attempt")
    [delivery] = world.deliveries(webhook)
    assert delivery.error == "endpoint: resolves to an address that is not public"
    assert world.receiver.attempts == []


def test_redirect_is_a_failure_and_is_not_followed(world: World) -> None:
    webhook = world.webhook()
    world.receiver.answer = lambda one: (307, {"Location": world.receiver.url("/elsewhere")})
    world.events(world.lane())
    with world.running():
        wait_until(lambda: world.rows(RETRY_COLUMNS, w=webhook), 30, "the lane")
        wait_until(lambda: world.rows(RETRY_COLUMNS, w=webhook)[0][0] == 1, 30, "the attempt")
    assert [one.path for one in world.receiver.attempts] == [world.receiver.attempts[0].path]
    assert [delivery.status for delivery in world.deliveries(webhook)] == [307]


def test_runner_that_lost_its_lane_changes_nothing(world: World) -> None:
    """Another one has taken the lane over: only its outcome counts."""
    lane = world.lane()
    webhook = world.webhook()

    def answer(one: Received) -> None:
        world.run("UPDATE webhook_lanes SET due_at = now() + interval '1 minute'")

    world.receiver.answer = answer
    world.events(lane)
    with world.running():
        wait_until(lambda: world.receiver.arrived, 30, "the delivery")
    assert [delivery.state for delivery in world.deliveries(webhook)] == ["pending"]
    assert world.rows("SELECT pending, attempts FROM webhook_lanes") == [(1, 0)]
