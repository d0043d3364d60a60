"""Sends the deliveries of many lanes at once. Deliveries of one lane are sent one by one, in the order of events.

At most ``THREADS`` lanes are in flight, and at most ``LANES_PER_WEBHOOK`` of one webhook. A webhook that fails again
and again has at most ``LANES_WHILE_FAILING``, so a receiver that hangs does not occupy the threads that others need.
All times are Postgres' time at the claim, plus the time that has passed since then. Receivers refuse signatures with a
wrong time, so the clock of the worker must not matter.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple

from app.core.host_events import event_id
from app.core.webhooks import GIVE_UP_SECONDS, retry_seconds
from app.services.webhooks.host_event_json import event_json
from app.services.webhooks.webhook_sender import WebhookSender
from app.store.webhook_queue import EXPIRED, Due, LaneOutcome, Outcome, Target

log = logging.getLogger(__name__)

THREADS = 96
LANES_PER_WEBHOOK = 48
LANES_WHILE_FAILING = 2
FAILURES_IN_A_ROW = 10
# After this time, no further delivery of a claimed lane begins. The last one may take its timeout longer; both together
# are shorter than the lane's lease.
LANE_SECONDS = 10.0


class Lane(NamedTuple):
    """The claimed deliveries of one lane, with the data that is sent. ``begun`` is the monotonic time of the claim."""

    target: Target
    due: list[Due]
    data: list[bytes]
    begun: float


class LaneEnded(NamedTuple):
    """``gone``: the receiver wants no further deliveries. ``failed``: the last attempt failed."""

    outcome: LaneOutcome
    gone: bool
    failed: bool


class LaneSender:
    """``stopping`` returns True once no delivery should begin. ``counted`` counts attempts by their result."""

    def __init__(self, sender: WebhookSender, *, stopping: Callable[[], bool], counted: Counter[str]) -> None:
        self.ended: queue.SimpleQueue[LaneEnded | None] = queue.SimpleQueue()  # None wakes the reader
        self._sender = sender
        self._stopping = stopping
        self._counted = counted
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")
        self._in_flight: Counter[int] = Counter()
        self._failures: Counter[int] = Counter()  # in a row, of each webhook

    def rooms(self, webhooks: Sequence[int]) -> list[tuple[int, int]]:
        """Returns (webhook, number of lanes that may begin) for the webhooks that have room. Webhooks with the fewest
        lanes in flight come first.
        """
        free = THREADS - self.in_flight()
        found = []
        for webhook in sorted(webhooks, key=lambda one: self._in_flight[one]):
            is_failing = self._failures[webhook] >= FAILURES_IN_A_ROW
            most = LANES_WHILE_FAILING if is_failing else LANES_PER_WEBHOOK
            room = min(most - self._in_flight[webhook], free)
            if room > 0:
                found.append((webhook, room))
                free -= room
        return found

    def in_flight(self) -> int:
        return self._in_flight.total()

    def begin(self, lane: Lane) -> None:
        self._in_flight[lane.target.id] += 1
        self._pool.submit(self._run, lane)

    def settle(self, ended: LaneEnded) -> None:
        """Call it for each item of ``ended``, in the thread that calls ``begin``."""
        webhook = ended.outcome.webhook_id
        self._in_flight[webhook] -= 1
        self._failures[webhook] = self._failures[webhook] + 1 if ended.failed else 0

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, lane: Lane) -> None:
        first = lane.due[0]
        try:
            ended = self._send(lane)
        except Exception:
            log.exception("webhook %d: a lane failed", lane.target.id)
            outcome = LaneOutcome(first.webhook_id, first.lane, first.lease, 0, first.failed + 1, 60.0, [])
            ended = LaneEnded(outcome, gone=False, failed=True)
        self.ended.put(ended)

    def _send(self, lane: Lane) -> LaneEnded:
        first = lane.due[0]
        failed, seconds, gone, outcomes = first.failed, 0.0, False, list[Outcome]()
        until = time.monotonic() + LANE_SECONDS
        for due, data in zip(lane.due, lane.data, strict=True):
            if self._stopping() or time.monotonic() > until:
                break
            now_ms = due.claimed_ms + int(1000 * (time.monotonic() - lane.begun))
            outcome, gone = self._deliver(lane.target, due, data, now_ms)
            outcomes.append(outcome)
            failed = 0 if outcome.state != "pending" else failed + 1
            if failed:
                seconds = retry_seconds(failed)
                break
        ended = sum(outcome.state != "pending" for outcome in outcomes)
        done = LaneOutcome(first.webhook_id, first.lane, first.lease, ended, failed, seconds, outcomes)
        return LaneEnded(done, gone, failed=bool(outcomes) and outcomes[-1].state != "delivered")

    def _deliver(self, target: Target, due: Due, data: bytes, now_ms: int) -> tuple[Outcome, bool]:
        """Makes one attempt. Returns its outcome, and whether the receiver wants no further deliveries."""
        if due.type is None or due.created_ms is None:
            return Outcome(target.id, due.event_id, "failed", due.attempts, None, EXPIRED), False
        body = event_json(due.event_id, due.type, due.created_ms, data)
        sent = self._sender.send(target.url, target.secret, event_id(due.event_id), body, now_ms=now_ms)
        state = "delivered"
        if sent.result != "delivered":
            is_late = now_ms - due.since_ms >= GIVE_UP_SECONDS * 1000
            state = "failed" if is_late and sent.result != "gone" else "pending"
        result = "retry" if state == "pending" else state
        self._counted["gone" if sent.result == "gone" else result] += 1
        attempts = due.attempts + 1
        return Outcome(target.id, due.event_id, state, attempts, sent.status or None, sent.error or None), (
            sent.result == "gone"
        )


def lanes_of(claimed: Sequence[Due], targets: dict[int, Target], data: Sequence[bytes]) -> list[Lane]:
    """Groups deliveries that were just claimed, which are sorted by lane. Leaves out lanes of webhooks that are not in
    ``targets``: they are claimed again when their lease ends, if the webhook is on by then.
    """
    found, begun = list[Lane](), time.monotonic()
    rows = zip(claimed, data, strict=True)
    for (webhook, _), group in groupby(rows, key=lambda row: (row[0].webhook_id, row[0].lane)):
        due, texts = zip(*group, strict=True)
        if webhook in targets:
            found.append(Lane(targets[webhook], list(due), list(texts), begun))
    return found
