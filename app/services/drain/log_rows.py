"""Turns the records of the log into the form in which Postgres stores them: rows to insert, marks to move, changes to
apply.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.core.kinds import FEED, MARKS, MESSAGES, Kind, decode_record
from app.core.records import MarksBody, MessageBody, Record
from app.store.batch_pending_pushes import PushTrigger
from app.store.batch_statement import NewMessage, Receipt
from app.store.change_values import Change
from app.store.host_events import feed_records
from app.store.pg_arrays import int_array


@dataclass(slots=True)
class Rows:
    """``origins`` holds the records of ``messages``, in the same order. ``fed`` holds the records that become events
    for servers of hosts, with their bodies.
    """

    messages: list[NewMessage] = field(default_factory=list)
    origins: list[Record] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    silent: set[int] = field(default_factory=set)  # the versions of messages that notify no device, or not yet
    fed: list[tuple[Record, Any]] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Raises KeyError for a kind that is never logged, MsgspecError or UnicodeError if the body is malformed."""
        body = decode_record(record)
        if record.kind in FEED:
            self.fed.append((record, body))
        if record.kind in MESSAGES:
            self.messages.append(_message(record, body))
            self.origins.append(record)
            if body.silent or body.streaming or body.imported:
                self.silent.add(record.version)
            if record.kind != Kind.MESSAGE or isinstance(body.mentions, list) or body.attachments or body.streaming:
                self.changes.append(Change(record, body))
        elif record.kind in MARKS:
            self.receipts += _receipts(record, body)
        else:
            self.changes.append(Change(record, body))

    def push_triggers(self) -> list[PushTrigger]:
        """Returns each sender's newest message per conversation. Devices are notified only of messages that all
        members see, and of a stream at its end.
        """
        loud = (r for r in self.origins if r.kind == Kind.MESSAGE and r.version not in self.silent)
        newest = {(r.conversation_id, r.user_id): r.seq for r in loud}
        for record, body in self.changes:
            if record.kind == Kind.STREAM_ENDED and not body.silent:
                place = record.conversation_id, record.user_id
                newest[place] = max(record.seq, newest.get(place, 0))
        return [PushTrigger(conversation, seq, sender) for (conversation, sender), seq in newest.items()]

    def feed(self, shard: int, conn: Connection, rejected: frozenset[int]) -> int:
        """Writes the events for hosts' servers, except the rejected versions. Returns how many were written."""
        kept = [(record, body) for record, body in self.fed if record.version not in rejected]
        return feed_records(conn, kept, shard)


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
    if record.kind == Kind.SHADOW_MESSAGE:
        message = message._replace(shadow=True)
    rare = body.forwarded or body.system or body.metadata or body.silent or body.streaming or body.imported
    if body.mentions or body.mentions_all or body.mentions_online or rare:
        return _detailed(message, body)
    return message


def _detailed(message: NewMessage, body: MessageBody) -> NewMessage:
    optional = {
        "system": body.system,
        "forwarded": body.forwarded,
        "mentionsOnline": body.mentions_online,
        "metadata": body.metadata,
        "silent": body.silent,
        "streaming": body.streaming,
        "imported": body.imported,
    }
    extra = {name: value for name, value in optional.items() if value is not msgspec.UNSET}
    return message._replace(
        mentions=int_array(body.mentions) if isinstance(body.mentions, list) else None,
        mentions_all=body.mentions_all is True,
        extra=msgspec.json.encode(extra).decode() if extra else None,
    )


def _receipts(record: Record, body: MarksBody | None) -> list[Receipt]:
    """``body`` is None for the mark of a single member, which is in the record itself."""
    if body is None:
        read = record.seq if record.kind == Kind.READ else 0
        return [Receipt(record.conversation_id, record.user_id, record.seq, read, record.version)]
    return [
        Receipt(record.conversation_id, user, seq, seq if body.mark == Kind.READ else 0, record.version)
        for user, seq in body.moved
    ]
