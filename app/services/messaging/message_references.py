"""What a message may carry beside its text, and what takes a look at the store: a quotation of what it replies to, who
is named in it, whose message it passes on, which media come with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.core.commands import SendMessage
from app.core.errors import Overloaded
from app.core.records import MessageBody
from app.services.messaging.mentions import NOBODY, Mentions, find_mentions
from app.services.messaging.message_path import MessagePath
from app.services.messaging.resolve_attachments import resolve_attachments
from app.services.reading.find_message import find_present
from app.services.reading.message_json import quoted_view
from app.store import message_life
from app.store.engine import reading


class Details(NamedTuple):
    """``forwarded`` is the view of the message passed on."""

    quoted: dict[str, Any] | None = None
    mentions: Mentions = NOBODY
    forwarded: dict[str, Any] | None = None
    attachments: Sequence[dict[str, Any]] = ()

    def onto(self, body: MessageBody) -> MessageBody:
        body.attachments = list(self.attachments)
        if self.quoted is not None:
            body.quoted = self.quoted
        if self.mentions.users:
            body.mentions = self.mentions.users
        if self.mentions.all:
            body.mentions_all = True
        if self.forwarded is not None:
            body.message, body.kind = self.forwarded["message"], self.forwarded["kind"]
            body.attachments = self.forwarded["attachments"]
            first = self.forwarded.get("forwarded", self.forwarded)
            body.forwarded = {"senderId": first["senderId"], "sentAt": first["sentAt"]}
        return body


NO_DETAILS = Details()


def needs_details(command: SendMessage) -> bool:
    if command.attachments:
        return True
    return command.reply_to is not None or command.forward is not None or "@" in command.message


def find_details(path: MessagePath, user_id: int, conversation_id: int, command: SendMessage) -> Details:
    """May block. Raise NotFound, Forbidden, Invalid, Overloaded where the message to pass on or a medium cannot be had;
    the others are left out while a store does not answer: live chat goes on.
    """
    return Details(
        _quoted(path, conversation_id, command.reply_to) if command.reply_to else None,
        find_mentions(path, conversation_id, user_id, command.message),
        _forwarded(path, user_id, command) if command.forward else None,
        resolve_attachments(path, user_id, conversation_id, command.attachments or ()),
    )


def _quoted(path: MessagePath, conversation_id: int, message_id: str) -> dict[str, Any] | None:
    asked = conversation_id, message_id.lower()
    try:
        with reading(path.engine) as connection:
            preview = message_life.previews(connection, [asked]).get(asked)
    except Overloaded:
        return None
    return None if preview is None else quoted_view(preview)


def _forwarded(path: MessagePath, user_id: int, command: SendMessage) -> dict[str, Any] | None:
    assert command.forward is not None  # noqa: S101 - for mypy
    return find_present(path, user_id, command.forward.id, command.forward.conversation_id)
