"""What the records of the log become in Postgres: rows to insert, marks to move, changes to apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.core.records import (
    Kind,
    MessageBody,
    PinnedBody,
    ReactedBody,
    Record,
    SettingsBody,
    decode_as,
    decode_body,
    decode_marks,
)
from app.store.batch_changes import Change
from app.store.batch_pending_pushes import NewPending
from app.store.batch_writes import NewMessage, Receipt
from app.store.pg_arrays import int_array

# Records that take a seq.
MESSAGES = frozenset({Kind.MESSAGE, Kind.BLOCKED_MESSAGE, Kind.GROUP_CHANGED})

_BODIES: dict[int, Callable[[str], Any]] = {
    Kind.EDITED: decode_body,
    Kind.DELETED: lambda _: None,
    Kind.REACTED: lambda body: decode_as(ReactedBody, body),
    Kind.PINNED: lambda body: decode_as(PinnedBody, body),
    Kind.HIDDEN: lambda _: None,
    Kind.SETTINGS: lambda body: decode_as(SettingsBody, body),
    Kind.MEDIA: lambda _: None,
    Kind.MEDIA_RESOLVED: decode_body,
}


@dataclass(slots=True)
class Rows:
    """``origins`` are the records of ``messages``, in their order."""

    messages: list[NewMessage] = field(default_factory=list)
    origins: list[Record] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Raise KeyError for a kind that is not logged; MsgspecError, UnicodeError for a body of another form."""
        if record.kind in MESSAGES:
            body = decode_body(record.body)
            self.messages.append(_message(record, body))
            self.origins.append(record)
            if record.kind != Kind.MESSAGE or isinstance(body.mentions, list) or body.attachments:
                self.changes.append(Change(record, body))
        elif record.kind in (Kind.DELIVERED, Kind.READ):
            read = record.seq if record.kind == Kind.READ else 0
            self.receipts.append(Receipt(record.conversation_id, record.user_id, record.seq, read, record.version))
        elif record.kind == Kind.RECEIPT_BATCH:
            self.receipts += _marks(record)
        else:
            self.changes.append(Change(record, _BODIES[record.kind](record.body)))

    def owing(self) -> list[NewPending]:
        """Of each conversation and sender the newest message; devices hear of those that all members see."""
        newest = {(r.conversation_id, r.user_id): r.seq for r in self.origins if r.kind == Kind.MESSAGE}
        return [NewPending(conversation, seq, sender) for (conversation, sender), seq in newest.items()]


def _message(record: Record, body: MessageBody) -> NewMessage:
    attachments = msgspec.json.encode(body.attachments).decode() if body.attachments else None
    reply_to = body.reply_to if isinstance(body.reply_to, str) else None
    message = NewMessage(
        record.conversation_id,
        record.seq,
        record.id,
        record.user_id,
        body.kind,
        body.message,
        attachments,
        reply_to,
        record.version,
        record.sent_ms,
    )
    if body.mentions or body.mentions_all or body.forwarded or body.system:
        return _detailed(message, body)
    return message


def _detailed(message: NewMessage, body: MessageBody) -> NewMessage:
    extra = {
        name: value
        for name, value in (("system", body.system), ("forwarded", body.forwarded))
        if value is not msgspec.UNSET
    }
    return message._replace(
        mentions=int_array(body.mentions) if isinstance(body.mentions, list) else None,
        mentions_all=body.mentions_all is True,
        extra=msgspec.json.encode(extra).decode() if extra else None,
    )


def _marks(record: Record) -> list[Receipt]:
    body = decode_marks(record.body)
    return [
        Receipt(record.conversation_id, user, seq, seq if body.mark == Kind.READ else 0, record.version)
        for user, seq in body.moved
    ]
