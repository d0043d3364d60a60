"""The body of a new message's record."""

from __future__ import annotations

from app.core.commands import SendMessage, StreamedMessage
from app.core.records import MessageBody


def new_body(
    command: SendMessage, message_id: str, user_id: int, receiver_id: int | None, *, silent: bool
) -> MessageBody:
    """``receiver_id`` is set only in a direct conversation. References of the message are added later."""
    body = MessageBody(
        id=message_id,
        sender_id=user_id or None,
        message=command.message,
        kind=command.kind or "text",
        attachments=[],
    )
    if silent:
        body.silent = True
    if receiver_id is not None:
        body.receiver_id = receiver_id
    if command.reply_to is not None:
        body.reply_to = command.reply_to.lower()
    if command.metadata:
        body.metadata = command.metadata
    if isinstance(command, StreamedMessage):
        body.streaming, body.length = True, 0
    return body
