"""Commands of a WebSocket session: a frame in, an act, one answering frame out.

Invariants
* A session's commands begin in the order in which they came. Those that never block (send, marks, typing, ping) are
  begun where they are read; one that may block (join, fetch, presence, a send that has to ask Postgres first) runs
  alone in a greenlet, and what comes meanwhile waits.
* What waits, and what is begun and not answered, is bounded; past the bound nothing more is read from the socket, so
  that the sender feels it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

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
from app.core.errors import Conflict, Internal, Invalid, Overloaded, ParleyError, Unauthorized
from app.core.events import make_event
from app.core.frames import Frame, decode_command, decode_frame, find_ref
from app.core.records import Kind
from app.services.messaging.change_message import CHANGES, Prepared
from app.services.messaging.message_path import MessagePath
from app.services.messaging.move_mark import move_mark
from app.services.messaging.send_message import send_message
from app.services.messaging.show_typing import show_typing
from app.services.messaging.submit_change import submit_change
from app.services.reading.presence import watch_presence
from app.transports.session import begin_stream

if TYPE_CHECKING:
    from app.transports.websocket import WebSocketSession

log = logging.getLogger(__name__)

Prepare = Callable[[MessagePath, int, Any], Prepared]

MAX_WAITING = 64
MAX_UNANSWERED = 256


class Commands:
    __slots__ = ("_busy", "_session", "_unanswered", "_waiting")

    def __init__(self, session: WebSocketSession) -> None:
        self._session = session
        self._busy = False
        self._waiting: list[bytes] = []
        self._unanswered = 0

    def take(self, payload: bytes) -> None:
        if self._busy:
            self._waiting.append(payload)
            if len(self._waiting) >= MAX_WAITING:
                self._session.pause()
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
            self._alone(partial(self._join, command, ref), ref)
            return
        if frame.event == "ping":
            self._session.answer("pong", {}, ref)
            return
        if not self._session.joined:
            raise Unauthorized("Join first.")
        ACTS[frame.event](self, command, ref)

    # --- commands that never block

    def _send(self, command: SendMessage, ref: str | None) -> None:
        session = self._session
        self._ask()
        began = send_message(
            session.gateway.path,
            session.user_id,
            session.id,
            command,
            lambda ack, error: self._ack(ack, error, ref),
            self._passed_on,
        )
        if not began:
            self._busy = True

    def _passed_on(self) -> None:
        """A send that had to ask Postgres first is on its way: what came after it may follow."""
        self._busy = False
        self._go_on()

    def _mark(self, kind: Kind, command: Mark, ref: str | None) -> None:
        session = self._session
        self._ask()
        move_mark(
            session.gateway.path,
            kind,
            session.user_id,
            command.conversation_id,
            command.seq,
            lambda ack, error: self._ack(ack, error, ref),
        )

    def _change(self, prepare: Prepare, command: Any, ref: str | None) -> None:
        """The message is looked up first, which may block; what was sent meanwhile waits."""
        self._alone(partial(self._prepare, prepare, command, ref), ref)

    def _prepare(self, prepare: Prepare, command: Any, ref: str | None) -> None:
        session = self._session
        prepared = prepare(session.gateway.path, session.user_id, command)
        self._ask()
        submit_change(
            session.gateway.path,
            prepared.operation,
            prepared.answer,
            lambda ack, error: self._ack(ack, error, ref),
        )

    def _typing(self, command: Typing, ref: str | None) -> None:
        def outcome(error: ParleyError | None) -> None:
            if error is not None:
                self._session.refuse(error, ref)

        show_typing(self._session.gateway.path, self._session.user_id, command, outcome)

    def _ask(self) -> None:
        self._unanswered += 1
        if self._unanswered >= MAX_UNANSWERED:
            self._session.pause()

    def _ack(self, ack: Any, error: ParleyError | None, ref: str | None) -> None:
        if self._unanswered == MAX_UNANSWERED:
            self._session.resume()
        self._unanswered -= 1
        if error is None:
            self._session.answer("ack", ack, ref)
        else:
            self._session.refuse(error, ref)

    # --- commands that may block

    def _alone(self, act: Callable[[], None], ref: str | None) -> None:
        self._busy = True
        self._session.gateway.later(partial(self._run, act, ref))

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
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and not self._busy and not self._session.closed:
            self._begin(self._waiting.pop(0))
        if len(self._waiting) < MAX_WAITING:
            self._session.resume()

    def _join(self, command: Join, ref: str | None) -> None:
        session = self._session
        if session.joined:
            raise Conflict("This session has joined already.")
        try:
            caller = session.handshake_caller if command.token is None else self._verified(command.token)
        except Unauthorized as error:
            session.refuse(error, ref)
            session.close(CloseCode.UNAUTHORIZED, error.title)
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
        except BaseException:
            session.leave()
            raise

    def _verified(self, token: str) -> Any:
        return self._session.gateway.parley.authenticator.verify(token)

    def _authenticate(self, command: Authenticate, ref: str | None) -> None:
        self._alone(partial(self._renew, command, ref), ref)

    def _renew(self, command: Authenticate, ref: str | None) -> None:
        session = self._session
        caller = self._verified(command.token)
        if caller.user_id != session.user_id:
            raise Unauthorized("This token is another user's.")
        session.auth_session = caller.sid
        session.expires_at = caller.expires_at
        session.answer("ack", {"expiresAt": caller.expires_at}, ref)

    def _fetch(self, command: FetchUnread, ref: str | None) -> None:
        self._alone(partial(self._fetched, command, ref), ref)

    def _fetched(self, command: FetchUnread, ref: str | None) -> None:
        session = self._session
        answer = session.gateway.fetch_unread(session.user_id, command.conversation_id, command.limit)
        session.answer("unread_messages", answer, ref)

    def _presence(self, command: PresenceSubscribe, ref: str | None) -> None:
        self._alone(partial(self._subscribed, command, ref), ref)

    def _subscribed(self, command: PresenceSubscribe, ref: str | None) -> None:
        session = self._session
        if len(command.user_ids) > session.room_to_watch():
            raise Invalid.field("userIds", "too many users watched in this session")
        session.watch(command.user_ids)  # first watch, then look: nothing falls in between
        views = watch_presence(session.gateway.path, session.gateway.hub, session, command.user_ids)
        for left, view in enumerate(views, 1 - len(views)):
            session.answer("presence", view, None if left else ref)  # one frame answers: the last


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
