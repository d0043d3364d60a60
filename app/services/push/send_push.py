"""A lane: takes one provider's notifications from the queue in Postgres, sends them, and stores their outcomes.

Invariants:

* At most ``threads`` batches are in flight, so memory does not grow with the queue.
* If the process dies, the notifications that it claimed are due again when their lease expires.
* A lane never waits for another provider: each lane has its own thread and its own sending threads.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from app.core.errors import Overloaded
from app.core.push_notice import Clear, Message, Notice, notice_of, strictest, tag_of
from app.core.push_rules import OLD_MS, Verdict, decide
from app.core.times import rfc3339
from app.push.hosts import Hosts
from app.push.provider import Address, Outcome, Outgoing
from app.services.push.plan_notifications import newest_ms, recipient_state
from app.services.push.push_providers import MadeProvider
from app.store import push_deliveries as store
from app.store.engine import reading, write_patiently, writing
from app.store.push_deliveries import Delivery, Ended, Postponed, State
from app.store.push_facts import PushFacts, load_facts, load_unread
from app.store.undelivered import note_failed
from app.translations import texts_in

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5  # how often a lane checks for notifications that became due
# Results that arrive this close together share a transaction, and the free places are claimed together: each claim
# counts the unread messages once.
GATHER_SECONDS = 0.01
MAX_CLAIM = 100


class Display(NamedTuple):
    """The message that a device shows afterwards, and its edit (ms since 1970); 0 if none."""

    seq: int
    edited_ms: int = 0


Job = list[tuple[Delivery, Outgoing, Display]]


class Result(NamedTuple):
    job: Job
    outcomes: list[Outcome]


class Lane:
    """``stopping`` returns True once the lane should start nothing more. ``counted`` counts "<provider>:<outcome>"."""

    def __init__(
        self,
        engine: Engine,
        made: MadeProvider,
        *,
        preview: str,
        spacing_seconds: float,
        stopping: Callable[[], bool],
        counted: Counter[str],
    ) -> None:
        self._engine = engine
        self._name, self._provider, self._options = made
        self._preview = preview
        self._spacing_seconds = spacing_seconds
        self._stopping = stopping
        self._counted = counted
        self._hosts = Hosts(self._options.per_host)
        self._inbox: queue.SimpleQueue[Result | None] = queue.SimpleQueue()  # None wakes the lane
        self._pool = ThreadPoolExecutor(self._options.threads, thread_name_prefix=f"push-{self._name}")
        self._thread = threading.Thread(target=self._run, name=f"push-lane-{self._name}", daemon=True)
        self.idle = False

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._inbox.put(None)

    def join(self, seconds: float) -> None:
        """Waits up to ``seconds`` for the batches in flight. Call it once ``stopping`` returns True."""
        self.wake()
        self._thread.join(seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not (self._stopping() and not self._hosts.in_flight()):
            try:
                started = 0 if self._stopping() else self._start_jobs()
                self.idle = not started and not self._hosts.in_flight()
                self._store_results(0.0 if started else POLL_SECONDS)
            except Overloaded as error:
                log.warning("push %s: %s", self._name, error.message)
                time.sleep(0.5)
            except Exception:
                log.exception("push lane %s failed", self._name)
                time.sleep(1.0)

    def _start_jobs(self) -> int:
        """Claims and sends as many notifications as there are free places. Returns how many it claimed."""
        options = self._options
        free = options.threads * options.batch - self._hosts.in_flight()
        room = min(free, self._hosts.room(), MAX_CLAIM)
        if room <= 0:
            return 0
        with writing(self._engine) as connection:
            claimed = store.claim(connection, self._name, room, self._hosts.closed())
        if not claimed:
            return 0
        composed = compose(self._engine, claimed, preview=self._preview)
        self._end(composed.needless, [])
        for first in range(0, len(composed.ready), options.batch):
            self._submit(composed.ready[first : first + options.batch])
        return len(claimed)

    def _submit(self, job: Job) -> None:
        for delivery, _, _ in job:
            self._hosts.begin(delivery.host)
        self._pool.submit(self._send, job)

    def _send(self, job: Job) -> None:
        outcomes = self._provider.send([outgoing for _, outgoing, _ in job])
        self._inbox.put(Result(job, outcomes))

    def _store_results(self, seconds: float) -> None:
        """Waits up to ``seconds`` for a result, then stores all results that have arrived in one transaction."""
        ended: list[Ended] = []
        late: list[Postponed] = []
        try:
            result = self._inbox.get(timeout=seconds) if seconds else self._inbox.get_nowait()
            if result is not None:
                time.sleep(GATHER_SECONDS)
            while True:
                if result is not None:
                    self._sort(result, ended, late)
                result = self._inbox.get_nowait()
        except queue.Empty:
            self._end(ended, late)

    def _sort(self, result: Result, ended: list[Ended], late: list[Postponed]) -> None:
        for (delivery, _, shown), outcome in zip(result.job, result.outcomes, strict=True):
            self._hosts.ended(delivery.host, outcome)
            if outcome.result == "retry":
                late.append(Postponed(delivery, outcome.seconds, outcome.reason))
                self._counted[f"{self._name}:retry"] += 1
            else:
                ended.append(Ended(delivery, outcome.result, outcome.reason, *shown))

    def _end(self, ended: list[Ended], late: list[Postponed]) -> None:
        if not (ended or late):
            return
        for one in ended:
            self._counted[f"{self._name}:{one.state}"] += 1

        def write(connection: Connection) -> None:
            store.end(connection, ended, spacing_seconds=self._spacing_seconds)
            store.postpone(connection, late)
            note_failed(connection, ended)

        # A deadlock with the planner, or Postgres is down. After the last try, the leases expire.
        write_patiently(self._engine, write)


class Composed(NamedTuple):
    """``ready`` are to be sent, ``needless`` are not."""

    ready: Job
    needless: list[Ended]


def compose(engine: Engine, deliveries: Sequence[Delivery], *, preview: str) -> Composed:
    """Builds the payloads of claimed notifications from the newest message and the counts at this moment.

    ``preview`` is the most that the deployment shows. Raises Overloaded.
    """
    with reading(engine) as connection:
        facts = load_facts(connection, [(one.user_id, one.conversation_id) for one in deliveries])
        unread = load_unread(connection, [one.user_id for one in deliveries])
    now_ms = int(time.time() * 1000)
    composed = Composed([], [])
    for one in deliveries:
        known = facts.get((one.user_id, one.conversation_id))
        needless = why_needless(one, known, now_ms)
        if needless is not None:
            composed.needless.append(Ended(one, *needless, one.seq))
        else:
            payload = _payload(one, known, unread[one.user_id], preview, now_ms)
            display = (
                Display(payload.seq, (known and known.edited_ms) or 0)
                if isinstance(payload, Notice)
                else Display(one.seq)
            )
            composed.ready.append((one, Outgoing(_address(one), payload, _ttl(known, payload, now_ms)), display))
    return composed


def why_needless(one: Delivery, facts: PushFacts | None, now_ms: int) -> tuple[State, str] | None:
    """Returns the final state and reason of a notification that must not be sent, or None."""
    if one.platform is None:
        return "dropped", "no target"
    if one.kind == "clear":
        return _why_clear_needless(one, facts.newest if facts is not None else 0)
    if facts is None or not facts.newest:
        return "dropped", "nothing unread"
    if one.kind == "update":
        return _why_update_needless(one, facts)
    return ("dropped", "shown") if facts.newest <= one.shown else _why_unwanted(facts, now_ms)


def _why_unwanted(facts: PushFacts, now_ms: int) -> tuple[State, str] | None:
    verdict = _verdict(facts, now_ms)
    if verdict.notify != "none":
        return None
    return "expired" if verdict.reason == "old" else "dropped", verdict.reason


def _why_clear_needless(one: Delivery, newest: int) -> tuple[State, str] | None:
    if newest > one.shown:
        return "dropped", "unread again"
    return None if one.shown else ("dropped", "nothing shown")


def _why_update_needless(one: Delivery, facts: PushFacts) -> tuple[State, str] | None:
    if not one.shown:
        return "dropped", "nothing shown"
    is_shown = (facts.newest, facts.edited_ms or 0) == (one.shown, one.shown_edited_ms)
    return ("dropped", "shown") if is_shown else None


def _verdict(facts: PushFacts, now_ms: int) -> Verdict:
    return decide(recipient_state(facts, online=False, now_ms=now_ms), now_ms=now_ms, confirm_ms=0)


def _payload(
    one: Delivery, facts: PushFacts | None, unread: dict[int, int], preview: str, now_ms: int
) -> Notice | Clear:
    badge = sum(unread.values())
    if one.kind == "clear" or facts is None:
        return Clear(one.conversation_id, tag_of(one.conversation_id), badge)
    is_news = facts.newest > one.shown and _verdict(facts, now_ms).notify != "none"
    return notice_of(
        _message(facts),
        preview=strictest(preview, facts.preview),
        unread=unread.get(one.conversation_id, 0),
        badge=badge,
        silent=not is_news,
        texts=texts_in(one.locale),
    )


def _message(facts: PushFacts) -> Message:
    kinds = {one.get("kind", "file") for one in facts.attachments or ()}
    return Message(
        conversation_id=facts.conversation_id,
        id=facts.message_id or "",
        seq=facts.newest,
        sender_id=facts.sender_id or 0,
        sender=facts.sender or "",
        group=facts.group,
        text=facts.text,
        attached=kinds.pop() if len(kinds) == 1 else "file" if kinds else None,
        sent_at=rfc3339(facts.sent_ms or 0),
        attachments=len(facts.attachments or ()),
        mentioned=facts.mentioned,
    )


def _address(one: Delivery) -> Address:
    return Address(one.user_id, one.target_id, one.platform or "", one.host, one.address, one.p256dh, one.auth)


def _ttl(facts: PushFacts | None, payload: Notice | Clear, now_ms: int) -> int:
    """Returns the seconds until the message is too old for a notification. A silent change is never too old."""
    if facts is None or isinstance(payload, Clear) or payload.silent is True:
        return OLD_MS // 1000
    return max(1, (OLD_MS - (now_ms - newest_ms(facts))) // 1000)
