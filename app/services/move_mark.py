"""Delivered and read marks: one number a member, moved forward only, by the same log as messages."""

from __future__ import annotations

from typing import Any

from app.core.errors import ParleyError
from app.core.records import Kind
from app.services.message_path import MessagePath
from app.services.send_message import UNKNOWN, Outcome, refusal

DONE, NOTHING_MOVED = 0, 7


def move_mark(path: MessagePath, kind: Kind, user_id: int, conversation_id: int, seq: int, outcome: Outcome) -> None:
    """Never blocks, never raises. ``outcome`` comes once the mark is stored, also where it was further on already.

    A seq beyond the last message means "all there is".
    """
    operation = (kind, conversation_id, user_id, seq)
    answer = {"conversationId": conversation_id, "seq": seq, "status": "stored"}

    def confirmed(error: ParleyError | None) -> None:
        outcome(None if error else answer, error)

    def decided(result: Any, error: ParleyError | None, *, hydrate: bool = True) -> None:
        if error is not None:
            outcome(None, error)
        elif result[0] == DONE:
            path.confirmations.expect(result[2], conversation_id, confirmed)
        elif result[0] == NOTHING_MOVED and result[2]:
            outcome(answer, None)
        elif result[0] == NOTHING_MOVED:
            path.confirmations.expect(result[1], conversation_id, confirmed)
        elif result[0] == UNKNOWN and hydrate:
            path.later(lambda: _again(path, operation, conversation_id, decided, outcome))
        else:
            outcome(None, refusal(result))

    path.append.submit(operation, decided)


def _again(path: MessagePath, operation: Any, conversation_id: int, decided: Any, outcome: Outcome) -> None:
    try:
        path.hydrate(conversation_id)
    except ParleyError as error:
        outcome(None, error)
        return
    path.append.submit(operation, lambda result, error: decided(result, error, hydrate=False))
