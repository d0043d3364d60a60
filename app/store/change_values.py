"""A change of a batch, and the values that its statements need."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from app.core.records import MessageBody, Record
from app.store.pg_arrays import int_array, text_array
from app.store.sql import moment


class Change(NamedTuple):
    """A record and its decoded body: MessageBody for EDITED, MEDIA_RESOLVED, BLOCKED_MESSAGE, SHADOW_MESSAGE,
    GROUP_CHANGED, and messages that mention somebody or name media; for the other kinds the type in their row
    (kinds.py), or None.
    """

    record: Record
    body: Any


def place_of(record: Record) -> dict[str, Any]:
    return {"conversation": record.conversation_id, "seq": record.seq, "version": record.version}


def act_of(record: Record) -> dict[str, Any]:
    """Returns the place of the change, its user and its time."""
    return {**place_of(record), "user": record.user_id, "at": moment(record.sent_ms)}


def mentions_of(body: MessageBody) -> str | None:
    """Returns the mentioned users as an array literal, or None if there are none."""
    return int_array(body.mentions) if isinstance(body.mentions, list) and body.mentions else None


def rare_fields(body: MessageBody) -> tuple[str, str]:
    """Returns the fields of ``extra`` that an edit or the end of a stream decides, as an array literal, and their new
    values as JSON.
    """
    decided = ["mentionsOnline"]
    values: dict[str, Any] = {"mentionsOnline": True} if body.mentions_online is True else {}
    if body.metadata is not msgspec.UNSET:
        decided.append("metadata")
        values |= {"metadata": body.metadata} if body.metadata else {}
    return text_array(decided), msgspec.json.encode(values).decode()
