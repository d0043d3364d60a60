"""Announces the result of a medium to those who may see it, and updates the messages that name the medium.

A worker does this through the log. The announcement thus has its place among the other changes, and members who are
offline get it on resume.

Safe to repeat: nothing is announced again once its event is stored. If Redis or a worker loses an announcement, the
sweep enqueues it again.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine

from app.core.kinds import Kind
from app.core.message_view import View, body_of
from app.core.records import HOST, encode_body
from app.message_log.append import NO_EPOCH, Decided, Operation
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.services.media.naming_message import naming_seq
from app.services.messaging.worker_changes import WorkerChanges
from app.services.reading.media_json import attachment_view, ended_view, show_media
from app.services.reading.message_json import stored_message
from app.services.reading.pending_changes import Messages
from app.services.reading.quotations import Quotation, find_quotation, quote_in
from app.store import media as store
from app.store import media_uses
from app.store.direct_pairs import pairs_of
from app.store.engine import reading
from app.store.media_rows import StoredMedia
from app.store.media_uses import SETTLED, Use
from app.store.replay import message_at

MAX_MESSAGES = 50
TRIES = 3
_Now = tuple[View, int, int, Quotation | None, int | None]
_encode = msgspec.json.Encoder().encode


def announce(engine: Engine, changes: WorkerChanges, media_id: str) -> None:
    """Announces a medium that is ready or failed. Call again if it raises Overloaded, RedisError or EpochLostError."""
    with reading(engine) as conn:
        row = store.get(conn, media_id)
        uses = media_uses.unannounced_uses(conn, media_id, MAX_MESSAGES)
    if row is None or row.state not in SETTLED or row.conversation_id is None:
        return
    if row.version == 0 and not _is_in_log(changes.shards, row):
        body = _fragment(ended_view(row))
        seen_by = [naming_seq(engine, changes.shards, row)]
        operation = Operation(Kind.MEDIA, row.conversation_id, row.user_id, seen_by, body, id=row.id)
        changes.carry_out([operation])
    for use in uses:
        _update_message(engine, changes, use)


def _is_in_log(shards: Shards, row: StoredMedia) -> bool:
    """Returns True if the log has the announcement already. The drain is late; a second record would not help."""
    conversation_id = row.conversation_id or 0
    tail = read_tail(shards.of(conversation_id), [conversation_id])
    return any(record.kind == Kind.MEDIA and record.id == row.id for record in tail.records)


def progress_body(row: StoredMedia, stage: str) -> str:
    """Returns the body of ``media_progress``: the stage, plus the size and BlurHash once the image is decoded."""
    view = {name: value for name, value in attachment_view(row).items() if name in ("width", "height", "blurhash")}
    return _fragment({"mediaId": row.id, "conversationId": row.conversation_id, "stage": stage, **view})


def _fragment(view: View) -> str:
    return _encode(view)[1:-1].decode()


def _update_message(engine: Engine, changes: WorkerChanges, use: Use) -> None:
    for _ in range(TRIES):
        read = _message_now(engine, changes.shards, use)
        if read is None:
            return
        view, version, epoch, quotation, only = read
        body = body_of(view)
        quoted = next(iter(quote_in(body, quotation)), False)
        what = [use.seq, epoch or NO_EPOCH, version, quoted, False, only or False]
        operation = Operation(
            Kind.MEDIA_RESOLVED, use.conversation_id, view["senderId"] or HOST, what, encode_body(body), id=view["id"]
        )
        if changes.carry_out([operation]) != [Decided.VERSION_CONFLICT]:
            return


def _message_now(engine: Engine, shards: Shards, use: Use) -> _Now | None:
    """Returns the message with its version, the epoch, its quotation, and the only user who sees it, or None. Returns
    None if it was deleted or its update is in the log already.

    The tail of the log is read before Postgres. In the other order, a record stored in between would be missed.
    """
    tail = read_tail(shards.of(use.conversation_id), [use.conversation_id])
    with reading(engine) as conn:
        row = message_at(conn, *use)
        if row is None or row.deleted_ms is not None:
            return None
        receiver = next((pair.other_than(row.sender_id) for pair in pairs_of(conn, [use.conversation_id])), None)
        found = Messages(0)
        found.put_row(row, {**stored_message(row, receiver), "reactions": []})
        found.apply(record for record in tail.records if record.seq == use.seq)
        view, version = found.views[use], found.versions[use]
        shown = any(record.kind == Kind.MEDIA_RESOLVED and record.version == version for record in tail.records)
        if "deletedAt" in view or (shown and not _has_unsettled_media(view)):
            return None
        show_media(conn, [view])
        quotation = find_quotation(conn, use.conversation_id, view["replyTo"]) if "replyTo" in view else None
    return view, version, tail.epoch, quotation, found.only_viewer(use)


def _has_unsettled_media(view: View) -> bool:
    return any(attachment["status"] not in SETTLED for attachment in view["attachments"])
