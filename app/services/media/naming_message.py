"""Finds the message that decides who may see a medium: until a message names it, only its uploader sees it."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.kinds import MESSAGES_FOR_ALL
from app.core.records import Record, decode_body
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.store import media_uses
from app.store.engine import reading
from app.store.media_rows import StoredMedia


def naming_seq(engine: Engine, shards: Shards, row: StoredMedia) -> int:
    """Returns the seq of the last message of the medium's conversation that names it, stored or not, or 0.

    Every member who sees any of these messages sees the last one. May raise RedisError, Overloaded.
    """
    conversation_id = row.conversation_id or 0
    # Before Postgres: a message that is stored in between is not missed.
    tail = read_tail(shards.of(conversation_id), [conversation_id])
    unstored = (record.seq for record in tail.records if _names(record, row.id))
    with reading(engine) as conn:
        return max(media_uses.last_use(conn, row.id, conversation_id), *unstored, 0)


def _names(record: Record, media_id: str) -> bool:
    if record.kind not in MESSAGES_FOR_ALL or media_id not in record.body:
        return False
    return any(attachment["mediaId"] == media_id for attachment in decode_body(record.body).attachments)
