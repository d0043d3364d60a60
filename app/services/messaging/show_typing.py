"""Shows typing to the other members who are online. It is stored nowhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from app.coalescer import RunBlocking
from app.core.commands import Typing, check_target
from app.core.errors import NotFound, ParleyError
from app.core.kinds import Kind
from app.message_log.append import Operation
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.refusals import on_decision
from app.services.messaging.user_rates import UserRate
from app.services.reading.direct_cache import DirectCache
from app.services.reading.external_ids import resolve_user_id
from app.store.direct_pairs import find_direct, pairs_of
from app.store.engine import reading

Shown = Callable[[ParleyError | None], None]


class TypingNotifier:
    def __init__(
        self,
        *,
        engine: Engine,
        log: LogWriter,
        directs: DirectCache,
        rate: UserRate,
        run_blocking: RunBlocking,
        is_shadowed: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._engine = engine
        self._log = log
        self._directs = directs
        self._rate = rate
        self._is_shadowed = is_shadowed
        self._run_blocking = run_blocking

    def show(self, user_id: int, command: Typing, outcome: Shown) -> None:
        """Never blocks, never raises. Calls ``outcome(None)`` once the members were notified, or ``outcome(error)``.

        If ``receiverId`` names a user without a direct conversation, or with one that is held back from the user, there
        is nobody to notify. That is not an error.
        """
        try:
            check_target(command.conversation_id, command.receiver_id)
        except ParleyError as error:
            outcome(error)
            return
        self._rate.acquire(user_id, partial(self._acquired, user_id, command, outcome))

    def _acquired(self, user_id: int, command: Typing, outcome: Shown, error: ParleyError | None) -> None:
        if error is not None:
            outcome(error)
            return
        known = command.conversation_id
        if known is None and command.receiver_id is not None:
            known = self._directs.find(user_id, command.receiver_id)
        if known is not None:
            self._notify(user_id, known, command.typing, outcome)
        else:
            self._run_blocking(lambda: self._find_and_notify(user_id, command, outcome))

    def _find_and_notify(self, user_id: int, command: Typing, outcome: Shown) -> None:
        receiver = command.receiver_id or 0
        try:
            receiver_id = resolve_user_id(receiver, engine=self._engine)
            with reading(self._engine) as connection:
                found = find_direct(connection, user_id, receiver_id)
                pairs = [] if found is None else pairs_of(connection, [found])
        except NotFound:
            outcome(None)
            return
        except ParleyError as error:
            outcome(error)
            return
        for pair in pairs:
            self._directs.add(pair.low, pair.high, pair.conversation_id, pair.held)
        if found is None or any(pair.held == user_id for pair in pairs):
            outcome(None)
        else:
            self._notify(user_id, found, command.typing, outcome)

    def _notify(self, user_id: int, conversation_id: int, on: bool, outcome: Shown) -> None:
        operation = Operation(Kind.TYPING, conversation_id, user_id, "" if self._is_shadowed(user_id) else int(on))
        self._log.append(operation, on_decision(outcome))
