"""Sends an application's own event to the other members who are online. It is stored nowhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from app.coalescer import RunBlocking
from app.core.commands import SendEvent
from app.core.errors import ParleyError
from app.core.kinds import Kind
from app.core.metadata import MAX_EVENT_BYTES, MAX_EVENT_LEVELS, check_json
from app.core.records import CustomBody, encode_body
from app.message_log.append import Operation
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.refusals import on_decision
from app.services.messaging.send_checks import CheckWrite
from app.services.messaging.user_rates import UserRate

Sent = Callable[[ParleyError | None], None]


class EventSender:
    """``check_write`` is None unless the host has a policy."""

    def __init__(
        self,
        *,
        log: LogWriter,
        rate: UserRate,
        run_blocking: RunBlocking,
        check_write: CheckWrite | None,
        is_shadowed: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._log = log
        self._rate = rate
        self._run_blocking = run_blocking
        self._check_write = check_write
        self._is_shadowed = is_shadowed

    def send(self, user_id: int, command: SendEvent, outcome: Sent) -> None:
        """Never blocks, never raises. Calls ``outcome(None)`` once the event was published, or ``outcome(error)``:
        Invalid, TooLarge, RateLimited, NotFound for a user who is not a member, Forbidden if the host's policy does not
        allow it, Overloaded.
        """
        try:
            check_json(command.data, "data", MAX_EVENT_BYTES, MAX_EVENT_LEVELS)
        except ParleyError as error:
            outcome(error)
        else:
            self._rate.acquire(user_id, partial(self._acquired, user_id, command, outcome))

    def _acquired(self, user_id: int, command: SendEvent, outcome: Sent, error: ParleyError | None) -> None:
        if error is not None:
            outcome(error)
        elif self._check_write is None:
            self._append(user_id, command, outcome)
        else:
            self._run_blocking(partial(self._check_and_append, self._check_write, user_id, command, outcome))

    def _check_and_append(self, check_write: CheckWrite, user_id: int, command: SendEvent, outcome: Sent) -> None:
        try:
            check_write(user_id, command.conversation_id)
        except ParleyError as error:
            outcome(error)
        else:
            self._append(user_id, command, outcome)

    def _append(self, user_id: int, command: SendEvent, outcome: Sent) -> None:
        shown = CustomBody(type=command.type, data=command.data)
        body = "" if self._is_shadowed(user_id) else encode_body(shown)
        operation = Operation(Kind.CUSTOM, command.conversation_id, user_id, body)
        self._log.append(operation, on_decision(outcome))
