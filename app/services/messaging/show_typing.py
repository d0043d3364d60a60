"""Typing: told to the other members who are online, kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from app.core.commands import Typing, check_target
from app.core.errors import ParleyError
from app.core.records import Kind
from app.message_log.append import Decided, Decision, Operation
from app.services.messaging.message_path import MessagePath
from app.services.messaging.send_message import refusal
from app.store.direct_pairs import find_direct
from app.store.engine import reading

Refused = Callable[[ParleyError | None], None]


def show_typing(path: MessagePath, user_id: int, command: Typing, outcome: Refused) -> None:
    """Never blocks, never raises. ``outcome(None)`` where it was told, else the error.

    With ``receiverId`` and no conversation of the two yet there is nobody to tell: that is not an error.
    """
    try:
        check_target(command.conversation_id, command.receiver_id)
    except ParleyError as error:
        outcome(error)
        return
    path.rates.typing.spend(user_id, partial(_show, path, user_id, command, outcome))


def _show(path: MessagePath, user_id: int, command: Typing, outcome: Refused, error: ParleyError | None) -> None:
    if error is not None:
        outcome(error)
        return
    known = command.conversation_id
    if known is None and command.receiver_id is not None:
        known = path.directs.find(user_id, command.receiver_id)
    if known is not None:
        _tell(path, user_id, known, command.typing, outcome)
    else:
        path.later(lambda: _find_and_tell(path, user_id, command, outcome))


def _find_and_tell(path: MessagePath, user_id: int, command: Typing, outcome: Refused) -> None:
    receiver_id = command.receiver_id or 0
    try:
        with reading(path.engine) as connection:
            found = find_direct(connection, user_id, receiver_id)
    except ParleyError as error:
        outcome(error)
        return
    if found is None:
        outcome(None)
        return
    path.directs.note(user_id, receiver_id, found)
    _tell(path, user_id, found, command.typing, outcome)


def _tell(path: MessagePath, user_id: int, conversation_id: int, on: bool, outcome: Refused) -> None:
    operation = Operation(Kind.TYPING, conversation_id, user_id, int(on))

    def decided(decision: Decision, error: ParleyError | None) -> None:
        if error is not None or decision[0] == Decided.DONE:
            outcome(error)
        else:
            outcome(refusal(decision[0]))

    path.carry_out(path.append, operation, decided)
