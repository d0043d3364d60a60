"""The checks of a send, the look-up of ids that were used before, and the ack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine

from app.core.commands import SendMessage, check_text
from app.core.errors import Invalid, ParleyError, Unauthorized
from app.core.times import rfc3339
from app.store.engine import reading
from app.store.messages import ExistingMessage, find_existing

Ack = dict[str, Any]
Outcome = Callable[[Ack | None, ParleyError | None], None]
# Checks by the host's policy whether the user may write in the conversation. May block. Raises Forbidden, NotFound,
# Overloaded.
CheckWrite = Callable[[int, int], None]
# Returns the direct conversation with a user. May block. Raises NotFound, Forbidden, RateLimited, Overloaded.
OpenDirect = Callable[[int, int | str], int]
# Returns the stored message of a (conversation, id). May block. Raises Overloaded.
FindStored = Callable[[tuple[int, str]], ExistingMessage | None]


def stored_ack(message_id: str, conversation_id: int, seq: int, sent_ms: int) -> Ack:
    return {
        "id": message_id,
        "conversationId": conversation_id,
        "seq": seq,
        "sentAt": rfc3339(sent_ms),
        "status": "stored",
    }


def check_send(user_id: int, command: SendMessage, max_text: int) -> None:
    """Makes the checks that need no lookup. Raises Invalid, TooLarge, Unauthorized."""
    if command.sender_id is not None and command.sender_id != user_id:
        raise Unauthorized("senderId is not your own id.")
    check_text(command, max_text)
    if command.forward is not None and command.attachments:
        raise Invalid.field("attachments", "a forwarded message keeps the attachments of the original")


def find_stored_ids(asked: Sequence[tuple[int, str]], *, engine: Engine) -> list[ExistingMessage | None]:
    """Returns the stored message of each (conversation, id). Runs one query. May block. Raises Overloaded."""
    with reading(engine) as connection:
        found = find_existing(connection, list(dict.fromkeys(asked)))
    return [found.get(pair) for pair in asked]
