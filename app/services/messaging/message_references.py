"""The parts of a message that refer to something in a store: its quote, mentions, forwarded message and attachments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine

from app.core.commands import Attachment, SendMessage
from app.core.errors import Conflict, Invalid, Overloaded
from app.core.mentions import may_mention
from app.core.records import MessageBody
from app.services.messaging.mentions import NOBODY, MentionFinder, Mentions
from app.services.messaging.refusals import STILL_GROWS
from app.services.reading.find_message import MessageFinder
from app.services.reading.media_json import attachment_view
from app.services.reading.quotations import Quotation, find_quotation
from app.store import media_rows
from app.store.engine import reading
from app.store.media_rows import StoredMedia


class References(NamedTuple):
    """``forwarded`` is the view of the forwarded message."""

    quoted: Quotation | None = None
    mentions: Mentions = NOBODY
    forwarded: dict[str, Any] | None = None
    attachments: Sequence[dict[str, Any]] = ()

    def add_to(self, body: MessageBody) -> MessageBody:
        body.attachments = list(self.attachments)
        if self.quoted is not None:
            body.quoted = self.quoted.view
        self.mentions.add_to(body)
        if self.forwarded is not None:
            body.message, body.kind = self.forwarded["message"], self.forwarded["kind"]
            body.attachments = self.forwarded["attachments"]
            first = self.forwarded.get("forwarded", self.forwarded)
            body.forwarded = {"senderId": first["senderId"], "sentAt": first["sentAt"]}
        return body


NO_REFERENCES = References()


def has_references(command: SendMessage) -> bool:
    if command.attachments:
        return True
    return command.reply_to is not None or command.forward is not None or may_mention(command.message)


class ReferenceFinder:
    def __init__(self, *, engine: Engine, mentions: MentionFinder, messages: MessageFinder) -> None:
        self._engine = engine
        self._mentions = mentions
        self._messages = messages

    def find(self, user_id: int, conversation_id: int, command: SendMessage, *, by_host: bool = False) -> References:
        """Resolves the references of a message. May block. ``by_host``: the host's server sends it, and may attach any
        upload to the conversation, by any user.

        Raises NotFound, Forbidden, Conflict, Invalid or Overloaded if the forwarded message or an attachment is not
        available.
        While a store does not answer, quotes and mentions are left out: live chat goes on.
        """
        return References(
            self._quote(conversation_id, command.reply_to) if command.reply_to else None,
            self._mentions.find(conversation_id, user_id, command.message) if command.forward is None else NOBODY,
            self._forwarded(user_id, command),
            self._attachments(None if by_host else user_id, conversation_id, command.attachments or ()),
        )

    def _quote(self, conversation_id: int, message_id: str) -> Quotation | None:
        try:
            with reading(self._engine) as connection:
                return find_quotation(connection, conversation_id, message_id)
        except Overloaded:
            return None

    def _forwarded(self, user_id: int, command: SendMessage) -> dict[str, Any] | None:
        forward = command.forward
        if forward is None:
            return None
        view = self._messages.find_present(user_id, forward.id, forward.conversation_id)
        if "streaming" in view:
            raise Conflict(STILL_GROWS)
        return view

    def _attachments(
        self, user_id: int | None, conversation_id: int, attachments: Sequence[Attachment]
    ) -> list[dict[str, Any]]:
        """Returns the attachments as members see them now. They must be uploads to this conversation, by this user
        unless that is None.

        Failed media are accepted and show as failed, like media that fail a moment later: the sender cannot tell the
        two apart. Media of somebody else, of another conversation and unknown media raise the same error, so that
        nobody can probe for ids.
        """
        ids = list(dict.fromkeys(attachment.media_id.lower() for attachment in attachments))
        if not ids:
            return []
        with reading(self._engine) as connection:
            found = media_rows.get_many(connection, ids)
        for n, id_ in enumerate(ids):
            _check_media(found.get(id_), user_id, conversation_id, f"attachments[{n}].mediaId")
        return [attachment_view(found[id_]) for id_ in ids]


def _check_media(row: StoredMedia | None, user_id: int | None, conversation_id: int, field: str) -> None:
    if row is None or user_id not in (None, row.user_id) or row.conversation_id != conversation_id:
        raise Invalid.field(field, "no such media")
    if row.state not in ("processing", "ready", "failed"):
        raise Invalid.field(field, "no such media")
