"""Turns media into JSON, always in their present state.

A message keeps the state that its sender saw. Readers get the present state, which is looked up for each read. So no
reader depends on an announcement, and a message that was sent while its medium was still processed shows the result
(docs/decisions/media.md).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from sqlalchemy import Connection

from app.store import media_rows
from app.store.media_rows import StoredMedia

View = dict[str, Any]
Views = TypeVar("Views", bound=Collection[View])

_STATUS = {"ready": "ready", "processing": "processing"}
DELETED = "deleted"


def attachment_view(row: StoredMedia) -> View:
    """Returns an element of a message's ``attachments``."""
    status = _STATUS.get(row.state, "failed")
    view: View = {
        "mediaId": row.id,
        "status": status,
        "kind": row.kind,
        "contentType": row.content_type,
        "bytes": row.bytes,
        "filename": row.filename,
        "width": row.width,
        "height": row.height,
        "duration": row.duration,
        "blurhash": row.blurhash,
        "waveform": row.waveform,
    }
    if status == "failed":
        view["code"] = row.code or DELETED
    return {name: value for name, value in view.items() if value is not None}


def ended_view(row: StoredMedia) -> View:
    """Returns the data of ``media_ready`` and ``media_failed``. ``thumbnailUrl`` needs a token and redirects to a
    signed address.
    """
    view = {**attachment_view(row), "conversationId": row.conversation_id}
    if row.thumbnail and view["status"] == "ready":
        view["thumbnailUrl"] = f"/api/v1/media/{row.id}?variant=thumbnail"
    return view


def show_media(conn: Connection, views: Views) -> Views:
    """Replaces the media of these messages by their present state. Runs one query, or none without media."""
    ids = {attachment["mediaId"] for view in views for attachment in view.get("attachments", ())}
    if ids:
        found = media_rows.get_many(conn, sorted(ids))
        for view in views:
            if view.get("attachments"):
                view["attachments"] = [_as_now(attachment, found) for attachment in view["attachments"]]
    return views


def _as_now(attachment: View, found: dict[str, StoredMedia]) -> View:
    row = found.get(attachment["mediaId"])
    return attachment_view(row) if row is not None else {**attachment, "status": "failed", "code": DELETED}
