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
from collections.abc import Callable
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from app.core.close_codes import CloseCode
from app.core.commands import (
    Authenticate,
    FetchUnread,
    Join,
    Mark,
    PresenceSubscribe,
    SendMessage,
    Typing,
)
from app.core.errors import Conflict, Internal, Invalid, Overloaded, ParleyError, Suspended, Unauthorized
from app.core.events import make_event
from app.core.frames import Frame, decode_command, decode_frame, find_ref
from app.core.kinds import Kind
from app.services.messaging.change_message import CHANGES, MessageEditor, Prepared
from app.transports.begin_stream import begin_stream
from app.transports.command_session import CommandServices, CommandSession
from app.transports.connection_protocol import PauseReason

log = logging.getLogger(__name__)

Prepare = Callable[[MessageEditor, int, Any], Prepared]

MAX_WAITING = 64
MAX_UNANSWERED = 256
READS_PER_SECOND = 200  # of one session: pings, fetches, subscriptions, renewals; the rest of them waits


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

    def _begin(self, payload: bytes) -> None:
        session = self._session
        ref = None
        try:
            frame = decode_frame(payload)
            ref = frame.ref
            command = decode_command(frame)
        except ParleyError as error:
            session.bad_frame(error, ref or find_ref(payload))
            return
        session.good_frame()
        try:
            self._act(frame, command, ref)
        except ParleyError as error:
            session.refuse(error, ref)

    def _act(self, frame: Frame, command: Any, ref: str | None) -> None:
        if isinstance(command, Join):
            self._run_exclusively(partial(self._join, command, ref), ref)
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
        """A send that needed Postgres first is on its way, so later commands may follow."""
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

    def _typing(self, command: Typing, ref: str | None) -> None:
        def outcome(error: ParleyError | None) -> None:
            if error is not None:
                self._session.refuse(error, ref)

        self._services.typing.show(self._session.user_id, command, outcome)

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

    def _join(self, command: Join, ref: str | None) -> None:
        session = self._session
        if session.joined:
            raise Conflict("This session has joined already.")
        try:
            token = command.token
            caller = session.handshake_caller if token is None else self._services.verify_token(token)
        except (Suspended, Unauthorized) as error:
            session.refuse(error, ref)
            session.send_close(CloseCode.UNAUTHORIZED, error.title)
            return
        if caller is None:
            raise Unauthorized("A token is needed: in the handshake or in join.")
        if command.user_id is not None and command.user_id != caller.user_id:
            raise Unauthorized("userId is not you.")
        session.identify(caller)
        session.device_id = command.device_id
        session.auto_ack = command.ack == "auto"
        self._begin_stream(command, ref)

    def _begin_stream(self, command: Join, ref: str | None) -> None:
        session = self._session
        try:
            joined, position, resync = begin_stream(session, command.cursor)
            session.answer_joined(joined, ref)
            if position is not None:
                session.position = position.version
                session.catch_up()
                return
            if resync:
                session.write(make_event("resync", {"cursor": joined["cursor"]}, cursor=joined["cursor"]))
            session.go_live(session.start)
        except (Suspended, Unauthorized) as error:
            session.refuse(error, ref)
            session.send_close(CloseCode.UNAUTHORIZED, error.title)
        except BaseException:
            session.detach()
            raise

    def _authenticate(self, command: Authenticate, ref: str | None) -> None:
        self._count_read()
        self._run_exclusively(partial(self._renew_token, command, ref), ref)

    def _renew_token(self, command: Authenticate, ref: str | None) -> None:
        session = self._session
        caller = self._services.verify_token(command.token)
        if caller.user_id != session.user_id:
            raise Unauthorized("This token is another user's.")
        session.auth_session = caller.sid
        session.expires_at = caller.expires_at
        session.answer("ack", {"expiresAt": caller.expires_at}, ref)

    def _fetch(self, command: FetchUnread, ref: str | None) -> None:
        """Waits until the reader has taken what waits: then the answer itself cannot overflow the outbox. Also waits
        for a replay that is under way, without taking a greenlet: after a loss of Redis, every session has both.
        """
        self._count_read()
        self._fetch_when_possible(partial(self._run_exclusively, partial(self._answer_unread, command, ref), ref))

    def _fetch_when_possible(self, fetch: Callable[[], None]) -> None:
        session = self._session
        self._busy = True
        if session.catching_up:
            session.when_live(partial(self._fetch_when_possible, fetch))
        elif session.backlog() > session.streams.max_backlog:
            session.when_drained(partial(self._fetch_when_possible, fetch))
        else:
            fetch()

    def _answer_unread(self, command: FetchUnread, ref: str | None) -> None:
        session = self._session
        with session.holding():
            answer = self._services.fetch_unread(session.user_id, command.conversation_id, command.limit)
            session.answer("unread_messages", answer, ref)

    def _presence(self, command: PresenceSubscribe, ref: str | None) -> None:
        self._count_read()
        self._run_exclusively(partial(self._answer_presence, command, ref), ref)

    def _answer_presence(self, command: PresenceSubscribe, ref: str | None) -> None:
        session = self._session
        if len(command.user_ids) > session.room_to_watch():
            raise Invalid.field("userIds", "too many users watched in this session")
        session.watch(command.user_ids)  # watch first, then read, so that no change is missed in between
        views = self._services.presence.watch(session, command.user_ids)
        for left, view in enumerate(views, 1 - len(views)):
            session.answer("presence", view, None if left else ref)  # the last frame is the answer


def _changing(prepare: Prepare) -> Callable[[Commands, Any, str | None], None]:
    return lambda self, command, ref: self._change(prepare, command, ref)


ACTS: dict[str, Callable[[Commands, Any, str | None], None]] = {
    "send_message": Commands._send,
    "message_delivered": lambda self, command, ref: self._mark(Kind.DELIVERED, command, ref),
    "message_read": lambda self, command, ref: self._mark(Kind.READ, command, ref),
    **{name: _changing(prepare) for name, prepare in CHANGES.items()},
    "typing": Commands._typing,
    "authenticate": Commands._authenticate,
    "fetch_unread_messages": Commands._fetch,
    "presence_subscribe": Commands._presence,
}
