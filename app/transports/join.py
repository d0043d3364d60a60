"""Joins a WebSocket session, and renews its token. Both may block."""

from __future__ import annotations

from app.core.close_codes import CloseCode
from app.core.commands import Authenticate, Join
from app.core.errors import Conflict, Suspended, Unauthorized
from app.core.events import make_event
from app.transports.begin_stream import Beginning, begin_stream
from app.transports.command_session import CommandServices, CommandSession


def join(session: CommandSession, services: CommandServices, command: Join, ref: str | None) -> None:
    if session.joined:
        raise Conflict("This session has already joined.")
    try:
        token = command.token
        caller = session.handshake_caller if token is None else services.verify_token(token)
    except (Suspended, Unauthorized) as error:
        session.refuse(error, ref)
        session.send_close(CloseCode.UNAUTHORIZED, error.title)
        return
    if caller is None:
        raise Unauthorized("A token is needed, in the handshake or in join.")
    if command.user_id is not None and command.user_id != caller.user_id:
        raise Unauthorized("userId is not your own id.")
    session.identify(caller)
    session.device_id = command.device_id
    session.auto_ack = command.ack == "auto"
    _begin_stream(session, command, ref)


def _begin_stream(session: CommandSession, command: Join, ref: str | None) -> None:
    try:
        beginning = begin_stream(session, command.cursor)
    except (Suspended, Unauthorized) as error:
        session.refuse(error, ref)
        session.send_close(CloseCode.UNAUTHORIZED, error.title)
        return
    session.answer_joined(beginning.joined, ref)
    try:
        _go_live(session, beginning)
    except BaseException:
        # The client has got ``joined`` and would go on in a session without events, so it has to reconnect.
        session.turn_away()
        raise


def _go_live(session: CommandSession, beginning: Beginning) -> None:
    joined, positions, resync = beginning
    if positions is not None:
        session.catch_up_all()
        return
    if resync:
        session.write(make_event("resync", {"cursor": joined["cursor"]}, cursor=joined["cursor"]))
    session.go_live_all()


def renew_token(session: CommandSession, services: CommandServices, command: Authenticate, ref: str | None) -> None:
    caller = services.verify_token(command.token)
    if caller.user_id != session.user_id:
        raise Unauthorized("This token belongs to another user.")
    session.auth_session = caller.sid
    session.expires_at = caller.expires_at
    session.answer("ack", {"expiresAt": caller.expires_at}, ref)
