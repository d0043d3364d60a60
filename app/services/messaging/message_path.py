"""What the services of the message path share in one gateway: the way into the log, and who waits for Postgres."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis import Redis
from sqlalchemy import Connection, Engine

from app.config import Settings
from app.core.errors import Internal, NotFound, Overloaded, ParleyError
from app.core.histogram import Histogram, ack_seconds
from app.message_log.append import Decided, Decision, Operation
from app.message_log.confirmations import Confirmations
from app.message_log.conversations import hydrate, is_in_redis
from app.message_log.epoch import Epoch
from app.redis_batch import Batcher, Outcome
from app.redis_calls import asking
from app.services.messaging.ask_members import MemberQuestions
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.user_rates import Rates
from app.store import conversations as store
from app.store.direct_pairs import pairs_of
from app.store.engine import reading

Hydrated = Callable[[ParleyError | None], None]

log = logging.getLogger(__name__)

DIRECT_CACHE = 50_000
HYDRATE_TRIES = 3
MAX_WARM = 100_000


class DirectCache:
    """Which direct conversation two users have. The pair of a conversation never changes, so nothing goes stale."""

    def __init__(self, bound: int = DIRECT_CACHE) -> None:
        self._by_pair: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._peers: dict[int, tuple[int, int]] = {}
        self._groups: set[int] = set()
        self._bound = bound

    def find(self, one: int, other: int) -> int | None:
        return self._by_pair.get((min(one, other), max(one, other)))

    def peer(self, conversation_id: int, user_id: int) -> int | None:
        """The other one of a direct conversation (oneself, for notes); None where it is a group or not known here."""
        pair = self._peers.get(conversation_id)
        if pair is None:
            return None
        return pair[1] if pair[0] == user_id else pair[0]

    def is_direct(self, conversation_id: int) -> bool:
        """False where it is a group or not known here."""
        return conversation_id in self._peers

    def knows(self, conversation_id: int) -> bool:
        """Whether it is known to be direct, or a group."""
        return conversation_id in self._peers or conversation_id in self._groups

    def note_groups(self, conversation_ids: Iterable[int]) -> None:
        if len(self._groups) > self._bound:
            self._groups.clear()
        self._groups.update(conversation_ids)

    def note(self, one: int, other: int, conversation_id: int) -> None:
        pair = (min(one, other), max(one, other))
        self._by_pair[pair] = conversation_id
        self._peers[conversation_id] = pair
        if len(self._by_pair) > self._bound:
            _, oldest = self._by_pair.popitem(last=False)
            self._peers.pop(oldest, None)


@dataclass(slots=True)
class MessagePath:
    """``later`` runs a function that may block (Postgres, a lone Redis call) in a greenlet of its own."""

    settings: Settings
    engine: Engine
    redis: Redis
    gateway_id: str
    append: Batcher
    change: Batcher  # edits, reactions, changes of groups: all that is not a message, a mark or typing
    marks: ReceiptBatcher
    confirmations: Confirmations
    rates: Rates
    stored_ids: Batcher  # (conversation, id) -> what Postgres has under this id, or None
    later: Callable[[Callable[[], None]], None]
    present_epoch: Callable[[], int]  # asks Redis; begins one where there is none
    directs: DirectCache = field(default_factory=DirectCache)
    epoch: Epoch = field(default_factory=lambda: Epoch(0, 0))
    counters: Counter[str] = field(default_factory=Counter)
    ack_times: Histogram = field(default_factory=ack_seconds)  # from accepted to stored
    warm: set[int] = field(default_factory=set)  # conversations that Redis holds, as far as this gateway has seen
    cold: set[int] = field(default_factory=set)  # those that the present batch did not find there
    hydrating: dict[int, list[Hydrated]] = field(default_factory=dict)
    members: MemberQuestions = field(init=False)

    def __post_init__(self) -> None:
        self.members = MemberQuestions(self.redis, self.later)

    def marks_since_ms(self, now_ms: int) -> int:
        """Since when no dedupe mark can have been lost."""
        return max(self.epoch.started_ms, now_ms - self.settings.dedupe_seconds * 900)

    def learn_directs(self, connection: Connection, conversation_ids: Iterable[int]) -> None:
        """Know which of these are direct conversations, and whose, for ``receiverId``."""
        unknown = {i for i in conversation_ids if not self.directs.knows(i)}
        if unknown:
            for conversation_id, low, high in pairs_of(connection, list(unknown)):
                self.directs.note(low, high, conversation_id)
                unknown.discard(conversation_id)
            self.directs.note_groups(unknown)

    def is_warm(self, conversation_id: int) -> bool:
        """Whether it was in Redis when last seen. Sends in one that is not wait their turn in ``when_hydrated``: were
        they tried first, those tried later could overtake them while it is brought in."""
        return conversation_id in self.warm

    def went_cold(self, conversation_id: int) -> None:
        """The script did not find it in Redis."""
        self.warm.discard(conversation_id)
        self.cold.add(conversation_id)

    def queue_behind_cold(self) -> None:
        """After a batch: what came meanwhile for a conversation that went cold waits behind what came before it."""
        cold, self.cold = self.cold, set()
        if not cold:
            return
        for queue in (self.append, self.change):
            for operation, outcome in queue.withdraw(lambda operation: operation.conversation_id in cold):
                self.when_hydrated(operation.conversation_id, partial(self._submit, queue, operation, outcome))

    def carry_out(self, queue: Batcher, operation: Operation, decided: Outcome) -> None:
        """Submit it; where the conversation is not in Redis, have it brought there, and submit once more.

        Never blocks.
        """

        def first(decision: Decision, error: ParleyError | None) -> None:
            if error is None and decision[0] == Decided.UNKNOWN:
                self.went_cold(operation.conversation_id)
                go_on = partial(self._submit, queue, operation, decided)
                self.when_hydrated(operation.conversation_id, go_on)
            else:
                decided(decision, error)

        queue.submit(operation, first)

    @staticmethod
    def _submit(queue: Batcher, operation: Operation, outcome: Outcome, error: ParleyError | None) -> None:
        if error is None:
            queue.submit(operation, outcome)
        else:
            outcome(None, error)

    def when_hydrated(self, conversation_id: int, go_on: Hydrated) -> None:
        """Have it brought into Redis once for all who ask meanwhile; they go on in the order in which they asked.

        Never blocks. ``go_on(None)``, or ``go_on(error)``.
        """
        waiting = self.hydrating.get(conversation_id)
        if waiting is not None:
            waiting.append(go_on)
            return
        self.hydrating[conversation_id] = [go_on]
        self.later(lambda: self._hydrate_for_all(conversation_id))

    def _hydrate_for_all(self, conversation_id: int) -> None:
        failure: ParleyError | None = None
        try:
            self.hydrate(conversation_id)
        except ParleyError as error:
            failure = error
        except Exception:
            log.exception("conversation %d could not be brought into Redis", conversation_id)
            failure = Internal()
        waiting = self.hydrating.pop(conversation_id)
        if failure is None:
            if len(self.warm) >= MAX_WARM:
                self.warm.clear()
            self.warm.add(conversation_id)
        for go_on in waiting:
            go_on(failure)

    def hydrate(self, conversation_id: int) -> None:
        """Bring a conversation from Postgres into Redis. Raise NotFound; Overloaded where a store is away.

        Where it is there already (another gateway, an earlier process) Postgres is asked for nothing, and may be away.
        """
        is_there = asking(lambda: is_in_redis(self.redis, conversation_id))
        if is_there and self.directs.knows(conversation_id):
            return
        try:
            self._read_into_redis(conversation_id)
        except Overloaded:
            if not is_there:
                raise

    def _read_into_redis(self, conversation_id: int) -> None:
        for _ in range(HYDRATE_TRIES):
            epoch = asking(self.present_epoch)
            with reading(self.engine) as connection:
                states = store.load_state(connection, [conversation_id])
            if not states:
                raise NotFound
            state = states[0]
            if state.kind == "direct":
                members = sorted(row[0] for row in state.members)
                self.directs.note(members[0], members[-1], conversation_id)
            else:
                self.directs.note_groups([conversation_id])
            if asking(lambda epoch=epoch, state=state: hydrate(self.redis, epoch, state)):  # type: ignore[misc]
                return
        raise Overloaded("The log begins anew.")


def now_ms() -> int:
    return int(time.time() * 1000)


Answer = dict[str, Any]
