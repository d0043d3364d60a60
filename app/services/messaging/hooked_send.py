"""Takes a send through the hook before sending. If the hook allows it, the send goes its usual way."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Protocol

from msgspec import to_builtins
from msgspec.structs import replace

from app.core.before_send import Asked, Verdict
from app.core.commands import SendMessage
from app.core.errors import Overloaded, ParleyError
from app.services.messaging.before_send import HookQueue
from app.services.messaging.send_checks import Outcome


class Hooked(Protocol):
    """A send. ``conversation_id`` is 0 while it is not known."""

    id: str
    user_id: int
    conversation_id: int
    command: SendMessage
    outcome: Outcome

    def begin(self, submitted: Callable[[], None] | None) -> bool: ...

    def refuse(self, error: ParleyError) -> None: ...


def ask_first(queue: HookQueue, sending: Hooked) -> None:
    """Adds the send to the queue of the hook. Never blocks. The queue keeps the messages of a conversation in order, so
    the session's next send need not wait for this one.
    """
    command = sending.command
    what: dict[str, Any] = {
        "id": sending.id,
        "sender_id": sending.user_id,
        "message": command.message,
        "kind": command.kind or "text",
        "metadata": command.metadata or {},
        "attachments": to_builtins(command.attachments or []),
    }
    lane: Hashable
    if sending.conversation_id:
        lane, asked = sending.conversation_id, Asked(**what, conversation_id=sending.conversation_id)
    else:
        lane, asked = (sending.user_id, command.receiver_id), Asked(**what, recipient=command.receiver_id)
    try:
        queue.ask(lane, asked, partial(_judged, sending))
    except Overloaded as error:
        sending.outcome(None, error)


def _judged(sending: Hooked, verdict: Verdict, done: Callable[[], None]) -> None:
    if verdict.error is not None:
        sending.refuse(verdict.error)
        done()
        return
    sending.command = replace(sending.command, **verdict.changes())
    if sending.begin(done):
        done()
