"""Adds text to a stream: the members who are online get it at once, and Redis collects it until the stream ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from app.coalescer import RunBlocking
from app.core.commands import AppendStream, check_length
from app.core.errors import Conflict, Forbidden, ParleyError, Stopped, TooLarge
from app.core.kinds import Kind
from app.core.records import HOST
from app.message_log.append import Decided, Decision, Operation
from app.services.messaging.append_checks import AppendChecks
from app.services.messaging.end_stream import NOT_THE_WRITER, place_for_writer
from app.services.messaging.log_writer import OperationQueue
from app.services.messaging.refusals import refusal
from app.services.messaging.user_rates import UserRate
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.find_message import MessageFinder

Outcome = Callable[[dict[str, Any] | None, ParleyError | None], None]


class StreamAppender:
    """``checks`` is None unless the host has a policy."""

    def __init__(
        self,
        *,
        engine: Engine,
        queue: OperationQueue,
        conversations: ConversationCache,
        messages: MessageFinder,
        rate: UserRate,
        run_blocking: RunBlocking,
        is_shadowed: Callable[[int], bool] = lambda _: False,
        checks: AppendChecks | None = None,
        max_text: int,
    ) -> None:
        self.checks = checks
        self._engine = engine
        self._queue = queue
        self._conversations = conversations
        self._messages = messages
        self._rate = rate
        self._run_blocking = run_blocking
        self._is_shadowed = is_shadowed
        self._max_text = max_text

    def append(self, user_id: int, session_id: str, command: AppendStream, outcome: Outcome) -> None:
        """Never blocks, never raises. Calls ``outcome({id, conversationId, length}, None)`` once the text is collected,
        or ``outcome(None, error)``. ``user_id`` HOST is the host's server, which has no rate of its own here.
        """
        try:
            check_length(command.text, self._max_text)
        except ParleyError as error:
            outcome(None, error)
            return
        appending = _Appending(self, user_id, session_id, command, outcome)
        if user_id != HOST:
            self._rate.acquire(user_id, appending.begin)
        else:
            appending.begin(None)

    def submit(self, operation: Operation, decided: Callable[[Decision, ParleyError | None], None]) -> None:
        self._queue.submit(operation, decided)

    def when_hydrated(self, conversation_id: int, act: Callable[[ParleyError | None], None]) -> None:
        self._conversations.mark_cold(conversation_id)
        self._conversations.when_hydrated(conversation_id, act)

    def explain(self, user_id: int, id_: str, outcome: Outcome) -> None:
        """Called if Redis does not have the stream. If the user's message of this id exists, the stream has ended."""
        self._run_blocking(lambda: outcome(None, self._explanation(user_id, id_)))

    def _explanation(self, user_id: int, id_: str) -> ParleyError:
        try:
            place_for_writer(user_id, id_, engine=self._engine, messages=self._messages)
        except ParleyError as error:
            return error
        return Stopped()

    def operation(self, user_id: int, session_id: str, command: AppendStream) -> Operation:
        shadow = self._is_shadowed(user_id)
        what = ["append", command.id.lower(), command.from_, len(command.text), self._max_text, shadow]
        return Operation(Kind.APPENDED, 0, user_id, what, command.text, session_id)

    def refusal(self, what: int, length: int) -> ParleyError:
        refusals: dict[int, ParleyError] = {
            Decided.FORBIDDEN: Forbidden(NOT_THE_WRITER),
            Decided.GAP: Conflict("The text does not begin where the stream ends.", length=length),
            Decided.TEXT_FULL: TooLarge(
                f"text: the message would be longer than {self._max_text} characters",
                errors=[{"field": "text", "message": f"the message would be longer than {self._max_text} characters"}],
                length=length,
            ),
        }
        return refusals.get(what) or refusal(what)


class _Appending:
    """One append on its way."""

    __slots__ = ("appender", "command", "hydrated", "outcome", "session_id", "user_id")

    def __init__(
        self, appender: StreamAppender, user_id: int, session_id: str, command: AppendStream, outcome: Outcome
    ) -> None:
        self.appender = appender
        self.user_id = user_id
        self.session_id = session_id
        self.command = command
        self.outcome = outcome
        self.hydrated = False

    def begin(self, error: ParleyError | None) -> None:
        checks = self.appender.checks
        if error is None and checks is not None and self.user_id != HOST:
            checks.check(self.user_id, self.command.id.lower(), self.go_on)
        else:
            self.go_on(error)

    def go_on(self, error: ParleyError | None) -> None:
        if error is not None:
            self.outcome(None, error)
            return
        self.appender.submit(self.appender.operation(self.user_id, self.session_id, self.command), self.decided)

    def decided(self, decision: Decision, error: ParleyError | None) -> None:
        if error is not None:
            self.outcome(None, error)
            return
        what, length, _, conversation_id = decision
        id_ = self.command.id.lower()
        if what == Decided.DONE:
            self.outcome({"id": id_, "conversationId": conversation_id, "length": length}, None)
        elif what == Decided.UNKNOWN and not self.hydrated:
            self.hydrated = True
            self.appender.when_hydrated(conversation_id, self.go_on)
        elif what == Decided.NOT_FOUND:
            self.appender.explain(self.user_id, id_, self.outcome)
        else:
            self.outcome(None, self.appender.refusal(what, length))
