"""Carries out the commands of a WebSocket session, and answers each with one frame.

Invariants
* The commands of a session begin in the order in which they arrive. Those that never block (send, marks, typing, ping)
  begin where they are read. One that may block (join, fetch, presence, a change, a send that needs Postgres first) runs
  exclusively in a greenlet, and later commands wait for it.
* Waiting commands, and those without an answer, are bounded. Past either bound, the session takes no further commands,
  so that the sender feels back-pressure. Each bound is a pause reason of its own: lifting one does not lift the other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from app.core.commands import (
    AppendStream,
    Authenticate,
    FetchUnread,
    Join,
    Mark,
    PresenceSubscribe,
    SendEvent,
    SendMessage,
    Typing,
)
from app.core.errors import Internal, Invalid, Overloaded, ParleyError, Unauthorized
from app.core.frames import Frame, decode_command, decode_frame, find_ref, without_unknown_fields
from app.core.kinds import Kind
from app.core.unknown_fields import NotedRef, is_about_unknown, refusal_of
from app.services.messaging.change_message import CHANGES, MessageEditor
from app.services.messaging.prepared import Prepared
from app.transports.command_session import CommandServices, CommandSession
from app.transports.connection_protocol import PauseReason
from app.transports.join import join, renew_token

log = logging.getLogger(__name__)

Prepare = Callable[[MessageEditor, int, Any], Prepared]

MAX_WAITING = 64
MAX_UNANSWERED = 256
READS_PER_SECOND = 200  # pings, fetches, subscriptions and renewals of one session; further ones wait


class Commands:
    """The commands of one session."""

    __slots__ = ("_busy", "_reads_left", "_services", "_session", "_unanswered", "_waiting")

    def __init__(self, session: CommandSession, services: CommandServices) -> None:
        self._session = session
        self._services = services
        self._busy = False
        self._waiting: list[bytes] = []
        self._unanswered = 0
        self._reads_left = READS_PER_SECOND

    def refill(self) -> None:
        """Allows as many reads as a second may have. Called once a second."""
        if self._reads_left < READS_PER_SECOND:
            self._reads_left = READS_PER_SECOND
            self._session.resume(PauseReason.READS_SPENT)

    def _count_read(self) -> None:
        self._reads_left -= 1
        if self._reads_left <= 0:
            self._session.pause(PauseReason.READS_SPENT)

    def take(self, payload: bytes) -> None:
        if self._busy:
            self._waiting.append(payload)
            if len(self._waiting) >= MAX_WAITING:
                self._session.pause(PauseReason.COMMANDS_WAIT)
        else:
            self._begin(payload)

    def _begin(self, payload: bytes, ignored: Sequence[str] | None = None) -> None:
        session = self._session
        ref = None
        try:
            frame = decode_frame(payload)
            ref = frame.ref
            command = decode_command(frame)
        except Invalid as error:
            if ignored is None and is_about_unknown(error):
                self._begin_without_unknown(payload, ref)
            else:
                session.bad_frame(error, ref or find_ref(payload))
            return
        session.good_frame()
        if ignored:
            ref = NotedRef(ref, ignored)
        try:
            self._act(frame, command, ref)
        except ParleyError as error:
            session.refuse(error, ref)

    def _begin_without_unknown(self, payload: bytes, ref: str | None) -> None:
        try:
            known, names = without_unknown_fields(payload)
            if self._services.strict:
                raise refusal_of(names)
        except Invalid as error:
            self._session.bad_frame(error, ref or find_ref(payload))
        else:
            self._begin(known, names)

    def _act(self, frame: Frame, command: Any, ref: str | None) -> None:
        if isinstance(command, Join):
            self._run_exclusively(partial(join, self._session, self._services, command, ref), ref)
            return
        if frame.event == "ping":
            self._count_read()
            self._session.answer("pong", {}, ref)
            return
        if not self._session.joined:
            raise Unauthorized("Join first.")
        ACTS[frame.event](self, command, ref)

    # --- commands that never block

    def _send(self, command: SendMessage, ref: str | None) -> None:
        session = self._session
        self._count_pending()
        began = self._services.sender.send(
            session.user_id,
            session.id,
            command,
            lambda ack, error: self._reply(ack, error, ref),
            self._on_submitted,
        )
        if not began:
            self._busy = True

    def _on_submitted(self) -> None:
        """Called when a send that needed Postgres first is on its way: later commands may follow."""
        self._busy = False
        self._process_queue()

    def _mark(self, kind: Kind, command: Mark, ref: str | None) -> None:
        self._count_pending()
        self._services.marks.move(
            kind,
            self._session.user_id,
            command.conversation_id,
            command.seq,
            lambda ack, error: self._reply(ack, error, ref),
        )

    def _change(self, prepare: Prepare, command: Any, ref: str | None) -> None:
        """Looks the message up first, which may block. Later commands wait for that, but not for the answer."""
        self._run_exclusively(partial(self._prepare, prepare, command, ref), ref)

    def _prepare(self, prepare: Prepare, command: Any, ref: str | None) -> None:
        prepared = prepare(self._services.editor, self._session.user_id, command)
        self._count_pending()
        self._services.changes.submit(prepared, lambda ack, error: self._reply(ack, error, ref))

    def _append(self, command: AppendStream, ref: str | None) -> None:
        self._count_pending()
        session = self._session
        self._services.streams.append(
            session.user_id, session.id, command, lambda ack, error: self._reply(ack, error, ref)
        )

    def _typing(self, command: Typing, ref: str | None) -> None:
        def outcome(error: ParleyError | None) -> None:
            if error is not None:
                self._session.refuse(error, ref)

        self._services.typing.show(self._session.user_id, command, outcome)

    def _event(self, command: SendEvent, ref: str | None) -> None:
        self._count_pending()
        self._services.events.send(self._session.user_id, command, lambda error: self._reply({}, error, ref))

    def _count_pending(self) -> None:
        self._unanswered += 1
        if self._unanswered >= MAX_UNANSWERED:
            self._session.pause(PauseReason.UNANSWERED)

    def _reply(self, ack: Any, error: ParleyError | None, ref: str | None) -> None:
        self._unanswered -= 1
        if error is None:
            self._session.answer("ack", ack, ref)
        else:
            self._session.refuse(error, ref)
        if self._unanswered == MAX_UNANSWERED - 1:
            self._session.resume(PauseReason.UNANSWERED)

    # --- commands that may block

    def _run_exclusively(self, act: Callable[[], None], ref: str | None) -> None:
        self._busy = True
        self._session.streams.run_blocking(partial(self._run, act, ref))

    def _run(self, act: Callable[[], None], ref: str | None) -> None:
        try:
            act()
        except ParleyError as error:
            if error.retryable:
                log.warning("%s (%r)", error.message, error.__cause__)
            self._session.refuse(error, ref)
        except RedisError:
            self._session.refuse(Overloaded(), ref)
        except Exception:
            log.exception("a command failed", extra={"session": self._session.id})
            self._session.refuse(Internal(), ref)
        self._busy = False
        self._process_queue()

    def _process_queue(self) -> None:
        waiting = self._waiting
        while waiting and not self._busy and not self._session.closed:
            self._begin(waiting.pop(0))
        if len(waiting) < MAX_WAITING:
            self._session.resume(PauseReason.COMMANDS_WAIT)

    def _authenticate(self, command: Authenticate, ref: str | None) -> None:
        self._count_read()
        self._run_exclusively(partial(renew_token, self._session, self._services, command, ref), ref)

    def _fetch(self, command: FetchUnread, ref: str | None) -> None:
        """Waits until the reader has taken most of the outbox, so that the answer cannot overflow it. Also waits for a
        running replay. Neither takes a greenlet, because after a loss of Redis every session waits for both.
        """
        self._count_read()
        self._fetch_when_possible(partial(self._run_exclusively, partial(self._answer_unread, command, ref), ref))

    def _fetch_when_possible(self, fetch: Callable[[], None]) -> None:
        session = self._session
        self._busy = True
        flow = session.flow_catching_up()
        if flow is not None:
            flow.when_live(partial(self._fetch_when_possible, fetch))
        elif session.backlog() > session.streams.max_backlog:
            session.when_drained(partial(self._fetch_when_possible, fetch))
        else:
            fetch()

    def _answer_unread(self, command: FetchUnread, ref: str | None) -> None:
        session = self._session
        with session.holding_all():
            answer = self._services.fetch_unread(session.user_id, command.conversation_id, command.limit)
            session.answer("unread_messages", answer, ref)

    def _presence(self, command: PresenceSubscribe, ref: str | None) -> None:
        self._count_read()
        self._run_exclusively(partial(self._answer_presence, command, ref), ref)

    def _answer_presence(self, command: PresenceSubscribe, ref: str | None) -> None:
        session = self._session
        if len(command.user_ids) > session.room_to_watch():
            raise Invalid.field("userIds", "too many users watched in this session")
        asked = self._services.presence.resolve(session.user_id, command.user_ids)
        session.watch(list(asked))  # watch first, then read, so that no change is missed in between
        views = self._services.presence.watch(session.watcher, asked)
        for left, view in enumerate(views, 1 - len(views)):
            session.answer("presence", view, None if left else ref)  # the last frame is the answer
        if not views:
            session.answer("ack", {}, ref)


def _changing(prepare: Prepare) -> Callable[[Commands, Any, str | None], None]:
    return lambda self, command, ref: self._change(prepare, command, ref)


ACTS: dict[str, Callable[[Commands, Any, str | None], None]] = {
    "send_message": Commands._send,
    "start_stream": lambda self, command, ref: self._send(command.as_message(), ref),
    "append_stream": Commands._append,
    "message_delivered": lambda self, command, ref: self._mark(Kind.DELIVERED, command, ref),
    "message_read": lambda self, command, ref: self._mark(Kind.READ, command, ref),
    **{name: _changing(prepare) for name, prepare in CHANGES.items()},
    "typing": Commands._typing,
    "send_event": Commands._event,
    "authenticate": Commands._authenticate,
    "fetch_unread_messages": Commands._fetch,
    "presence_subscribe": Commands._presence,
}
