"""Delivered and read marks: one number per member, moved forward only, through the same log as messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from app.coalescer import RunBlocking
from app.core.errors import NotFound, Overloaded, ParleyError
from app.core.kinds import Kind
from app.core.part import WHOLE, Part
from app.message_log.append import Decided, Decision, Operation
from app.message_log.confirmations import ConfirmationsOf
from app.message_log.conversations import members_among
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.mark_retries import CallLater, MarkRetries, is_temporary
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.refusals import refusal
from app.services.messaging.send_checks import Outcome
from app.services.messaging.user_rates import UserRate
from app.store import receipts as stored_receipts
from app.store.engine import reading

Checked = Callable[[ParleyError | None], None]


class MemberChecks:
    """Checks memberships in Redis, with one read for all checks of a conversation that wait at the same time.

    Not thread-safe; never blocks. ``run_blocking`` runs a function that may block in a greenlet of its own.
    """

    def __init__(self, *, shards: Shards, run_blocking: RunBlocking) -> None:
        self._shards = shards
        self._run_blocking = run_blocking
        self._waiting: dict[int, list[tuple[int, Checked]]] = {}

    def check(self, conversation_id: int, user_id: int, checked: Checked) -> None:
        """Calls ``checked(None)`` for a member, NotFound for anybody else, Overloaded if Redis does not answer."""
        waiting = self._waiting.get(conversation_id)
        if waiting is not None:
            waiting.append((user_id, checked))
            return
        self._waiting[conversation_id] = [(user_id, checked)]
        self._run_blocking(lambda: self._read(conversation_id))

    def _read(self, conversation_id: int) -> None:
        # Later checks need a new read: their users may have joined or left since.
        checks = self._waiting.pop(conversation_id)
        members: frozenset[int] | None = None
        failure: ParleyError = Overloaded(retry_after=0.1)
        try:
            with redis_errors_as_overloaded():
                members = members_among(
                    self._shards.of(conversation_id), conversation_id, [user_id for user_id, _ in checks]
                )
        except Overloaded as error:
            failure = error
        for user_id, checked in checks:
            if members is None:
                checked(failure)
            else:
                checked(None if user_id in members else NotFound())


class MarkMover:
    def __init__(
        self,
        *,
        engine: Engine,
        log: LogWriter,
        receipts: ReceiptBatcher,
        confirmations: ConfirmationsOf,
        members: MemberChecks,
        is_shadowed: Callable[[int], bool] = lambda _: False,
        rate: UserRate,
        call_later: CallLater,
    ) -> None:
        self._engine = engine
        self._log = log
        self._receipts = receipts
        self._confirmations = confirmations
        self._members = members
        self._is_shadowed = is_shadowed
        self._rate = rate
        self._retries = MarkRetries(retry=self.mark_delivered, call_later=call_later)
        receipts.on_refused(self._retries.add)

    def move(self, kind: Kind, user_id: int, conversation_id: int, seq: int, outcome: Outcome) -> None:
        """Never blocks, never raises. Calls ``outcome`` once the mark is stored, even if it was further on already. A
        seq beyond the last message means "everything". The answer's ``seq`` is the position of the mark. Large
        conversations batch their marks: there, the answer's ``seq`` is the requested one (or the last message), and the
        mark may be further on.
        """
        shadow = self._is_shadowed(user_id)
        operation = Operation(Kind.SHADOW_READ if shadow else kind, conversation_id, user_id, seq)

        def confirmed(position: int, error: ParleyError | None) -> None:
            answer = {"conversationId": conversation_id, "seq": position, "status": "stored"}
            outcome(None if error else answer, error)

        def batched(last_seq: int, error: ParleyError | None) -> None:
            """The log skips marks of non-members in a batch without saying whose they are, so check that now."""
            if error is not None:
                outcome(None, error)
            else:
                self._members.check(conversation_id, user_id, partial(confirmed, min(seq, last_seq)))

        def decided(decision: Decision, error: ParleyError | None) -> None:
            if error is not None:
                outcome(None, error)
                return
            what, position, version, _ = decision
            if what in (Decided.DONE, Decided.UNCHANGED_PENDING):
                self._confirmations.of(conversation_id).expect(version, partial(confirmed, position))
            elif what == Decided.UNCHANGED:
                confirmed(position, None)
            elif what == Decided.DEFER:
                self._receipts.mark_large(conversation_id)
                self._receipts.add(kind, conversation_id, user_id, seq, batched)
            else:
                outcome(None, refusal(what))

        def begin(error: ParleyError | None) -> None:
            if error is not None:
                outcome(None, error)
            elif shadow and kind == Kind.DELIVERED:
                self._members.check(conversation_id, user_id, partial(confirmed, seq))
            elif not shadow and self._receipts.is_large(conversation_id):
                self._receipts.add(kind, conversation_id, user_id, seq, batched)
            else:
                self._log.append(operation, decided)

        self._rate.acquire(user_id, begin)

    def mark_all_delivered(self, conversation_id: int, seqs: dict[int, int]) -> None:
        """Moves the delivered marks of these users to these seqs, as ``mark_delivered`` does."""
        if self._receipts.is_large(conversation_id):
            seen = {user_id: seq for user_id, seq in seqs.items() if not self._is_shadowed(user_id)}
            self._receipts.add_delivered(conversation_id, seen)
            return
        for user_id, seq in seqs.items():
            self.mark_delivered(user_id, conversation_id, seq)

    def mark_delivered(self, user_id: int, conversation_id: int, seq: int) -> None:
        """Moves a delivered mark that nobody waits for. Never blocks. No client would repeat the mark, so it is tried
        again until it is in the log. The mark of a user with a shadow suspension does not move, because nobody may see
        it.
        """
        if self._is_shadowed(user_id):
            return
        if self._receipts.is_large(conversation_id):
            self._receipts.add(Kind.DELIVERED, conversation_id, user_id, seq)
            return
        operation = Operation(Kind.DELIVERED, conversation_id, user_id, seq)

        def decided(decision: Decision, error: ParleyError | None) -> None:
            if is_temporary(decision, error):
                self._retries.add(user_id, conversation_id, seq)
            elif error is None and decision[0] == Decided.DEFER:
                self._receipts.mark_large(conversation_id)
                self._receipts.add(Kind.DELIVERED, conversation_id, user_id, seq)

        self._log.append(operation, decided)

    def confirm_polled(self, user_id: int, version: int, part: Part = WHOLE) -> None:
        """Moves the user's delivered marks in this part of the conversations up to ``version``. May block. Raises
        Overloaded.

        A long-poll that returns with a cursor confirms everything before it, even at a gateway that never saw the
        session.
        """
        with reading(self._engine) as connection:
            rows = stored_receipts.delivered_up_to(connection, user_id, version, part)
        for conversation_id, seq in rows:
            self.mark_delivered(user_id, conversation_id, seq)
