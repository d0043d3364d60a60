"""Quotations: the part of a message that a reply to it shows. Only users who may read that message see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import Connection

from app.core.clip import clipped
from app.core.message_view import View
from app.core.records import MessageBody, encode_body
from app.store import previews
from app.store.previews import Preview

QUOTED_CHARACTERS = 200
NOTHING_PENDING: Mapping[tuple[int, int], int] = {}


class Quotation(NamedTuple):
    """A quotation for the log. ``hidden_from`` are users of a direct conversation who do not see the quoted message."""

    view: View
    hidden_from: tuple[int, ...]

    def operand(self, body: MessageBody) -> list[Any]:
        """Returns the operand of log.lua that keeps the quotation from members who may not read it."""
        return [self.view["seq"], encode_body(replace(body, quoted=UNSET)), *self.hidden_from]


def find_quotation(conn: Connection, conversation_id: int, message_id: str) -> Quotation | None:
    asked = conversation_id, message_id.lower()
    preview = previews.previews(conn, [asked]).get(asked)
    return None if preview is None else Quotation(_quoted_view(preview), preview.hidden_from)


def quote_in(body: MessageBody, quotation: Quotation | None) -> list[Any]:
    """Sets the quotation of a changed message's body. Returns a list with its operand, or an empty one."""
    body.quoted = UNSET
    if quotation is None:
        return []
    body.quoted = quotation.view
    return [quotation.operand(body)]


def add_quotations(
    conn: Connection,
    asked: Iterable[tuple[int, View]],
    *,
    pending: Mapping[tuple[int, int], int] = NOTHING_PENDING,
) -> None:
    """Adds quotations to replies, each as one viewer sees it. Runs one query if there are replies, else none.

    ``pending`` maps (user, conversation) to the seq with which the user joined, if Postgres does not have that yet.
    """
    replies = [(viewer, view) for viewer, view in asked if "replyTo" in view]
    if not replies:
        return
    found = previews.previews_for(conn, [(viewer, v["conversationId"], v["replyTo"]) for viewer, v in replies])
    for viewer, view in replies:
        preview = found.get((viewer, view["conversationId"], view["replyTo"]))
        if preview is not None and preview.seq >= pending.get((viewer, view["conversationId"]), 0):
            view["quoted"] = _quoted_view(preview)


def _quoted_view(preview: Preview) -> View:
    """Returns the quotation that a reply shows. It has no text if the original was deleted."""
    view: View = {"id": preview.id, "seq": preview.seq, "senderId": preview.sender_id or None}
    if preview.body is not None:
        view["message"] = clipped(preview.body, QUOTED_CHARACTERS)
    return view
