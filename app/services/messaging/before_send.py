"""The hook before sending: the host's server, or an installed function, decides about messages before they are sent.

``BeforeSend`` makes one call and blocks until it has the answer. ``HookQueue`` makes the calls for a gateway:

* Messages that wait at the same time share a call. Up to ``CALLS_AT_ONCE`` calls are under way at once.
* Messages of one conversation stay in order: while the hook decides about some of them, or they are prepared, later
  ones wait.
* Without a hook, neither object exists, and sends take no extra step.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import Engine

from app.core.before_send import ALLOWED, UNAVAILABLE, Asked, Verdict, refusal, verdicts_of, view_of
from app.core.commands import EditMessage
from app.core.errors import Overloaded
from app.core.message_view import View
from app.store.engine import reading
from app.store.external_ids import external_ids_of_conversations, external_ids_of_users

log = logging.getLogger(__name__)

CALLS_AT_ONCE = 8
MAX_BATCH = 50
MAX_WAITING = 10_000
MAX_KNOWN = 50_000  # external ids of each kind
LOG_SECONDS = 10.0

# Returns the host's answer about messages. May block. May raise any error.
Call = Callable[[list[dict[str, Any]]], Any]
Done = Callable[[], None]
# Gets the verdict about a message. Calls ``done`` once the next message of the conversation may go on.
Judged = Callable[[Verdict, Done], None]


class BeforeSend:
    """``counters`` counts messages by "before_send:<outcome>"."""

    def __init__(
        self, call: Call, *, engine: Engine, max_text: int, allow_on_failure: bool, counters: Counter[str]
    ) -> None:
        self._call = call
        self._engine = engine
        self._max_text = max_text
        self._on_failure = ALLOWED if allow_on_failure else Verdict(refusal(UNAVAILABLE), unavailable=True)
        self._counters = counters
        self._users: dict[int, str] = {}
        self._conversations: dict[int, str] = {}
        self._logged_at = 0.0

    def decide(self, asked: list[Asked]) -> list[Verdict]:
        """Returns a verdict for each message. May block, never raises."""
        try:
            verdicts = verdicts_of(self._call(self._views(asked)), asked, self._max_text)
        except Exception as error:  # noqa: BLE001 - the host's function may raise any error
            self._failed(error)
            self._counters["before_send:failed"] += len(asked)
            return [self._on_failure] * len(asked)
        for verdict in verdicts:
            self._counters[f"before_send:{verdict.action}"] += 1
        return verdicts

    def _failed(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._logged_at > LOG_SECONDS:
            self._logged_at = now
            log.error("the hook before sending failed: %s: %s", type(error).__name__, error)

    def _views(self, asked: Sequence[Asked]) -> list[dict[str, Any]]:
        recipients = {one.recipient for one in asked if isinstance(one.recipient, int)}
        self._look_up(self._users, {one.sender_id for one in asked} | recipients, external_ids_of_users)
        wanted = {one.conversation_id for one in asked if one.conversation_id}
        self._look_up(self._conversations, wanted, external_ids_of_conversations)
        return [view_of(one, self._users, self._conversations) for one in asked]

    def _look_up(self, known: dict[int, str], ids: set[int], find: Callable[..., dict[int, str]]) -> None:
        """Adds the external ids that are not in ``known`` yet. They never change, but one may be added later."""
        unknown = ids - known.keys()
        if not unknown:
            return
        if len(known) > MAX_KNOWN:
            known.clear()
            unknown = ids
        try:
            with reading(self._engine) as conn:
                known.update(find(conn, unknown))
        except Overloaded:
            log.warning("the hook before sending gets Parley's ids instead of the host's: Postgres does not answer")


def judged_edit(hook: BeforeSend, user_id: int, view: View, command: EditMessage, text: str) -> EditMessage:
    """Shows the hook the message as it would be after the edit. Returns the edit that it allows. May block. Raises
    Rejected.
    """
    metadata = view.get("metadata") if command.metadata is UNSET else command.metadata
    [verdict] = hook.decide([Asked.about(view, user_id, text, metadata, edit=True)])
    if verdict.error is not None:
        raise verdict.error
    return replace(command, **verdict.changes())


class _Waiting(NamedTuple):
    asked: Asked
    judged: Judged


class HookQueue:
    """``run_blocking`` runs a function that may block in the background."""

    def __init__(self, hook: BeforeSend, run_blocking: Callable[[Done], None]) -> None:
        self._hook = hook
        self._run_blocking = run_blocking
        self._lanes: dict[Hashable, deque[_Waiting]] = {}
        self._ready: deque[Hashable] = deque()  # lanes with waiting messages and none under way
        self._busy: set[Hashable] = set()
        self._waiting = self._calls = 0

    def __len__(self) -> int:
        """Returns how many messages wait for a call."""
        return self._waiting

    def ask(self, lane: Hashable, asked: Asked, judged: Judged) -> None:
        """Adds a message at the end of its lane. Never blocks. Raises Overloaded if too many wait."""
        if self._waiting >= MAX_WAITING:
            raise Overloaded("The hook before sending cannot keep up.")
        self._waiting += 1
        queue = self._lanes.get(lane)
        if queue is None:
            queue = self._lanes[lane] = deque()
            if lane not in self._busy:
                self._ready.append(lane)
        queue.append(_Waiting(asked, judged))
        self._begin_calls()

    def _begin_calls(self) -> None:
        while self._ready and self._calls < CALLS_AT_ONCE:
            self._calls += 1
            self._run_blocking(self._make_call)

    def _make_call(self) -> None:
        """Makes one call about the messages that wait when it begins."""
        try:
            batch = self._take()
            if batch:
                waiting = [one for _, items in batch for one in items]
                verdicts = deque(self._hook.decide([one.asked for one in waiting]))
                for lane, items in batch:
                    self._go_on(lane, deque((one.judged, verdicts.popleft()) for one in items))
        finally:
            self._calls -= 1
            self._begin_calls()

    def _take(self) -> list[tuple[Hashable, list[_Waiting]]]:
        """Takes up to ``MAX_BATCH`` messages of lanes that have none under way."""
        batch, room = [], MAX_BATCH
        while self._ready and room:
            lane = self._ready.popleft()
            queue = self._lanes[lane]
            items = [queue.popleft() for _ in range(min(room, len(queue)))]
            room -= len(items)
            if not queue:
                del self._lanes[lane]
            self._busy.add(lane)
            batch.append((lane, items))
        self._waiting -= MAX_BATCH - room
        return batch

    def _go_on(self, lane: Hashable, rest: deque[tuple[Judged, Verdict]]) -> None:
        """Hands over the next verdict, and the following one as soon as that message is on its way. At the end, the
        lane is free again.
        """
        if rest:
            judged, verdict = rest.popleft()
            judged(verdict, partial(self._go_on, lane, rest))
            return
        self._busy.discard(lane)
        if lane in self._lanes:
            self._ready.append(lane)
            self._begin_calls()
