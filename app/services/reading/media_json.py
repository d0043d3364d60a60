"""How media look to clients, always as they now are.

A message keeps what its sender saw when it was sent; what a reader is shown is looked up. So no reader depends on an
announcement, and a message that was sent while its medium ended shows the end (docs/decisions/media.md).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from sqlalchemy import Connection

from app.store import media as store
from app.store.media import StoredMedia

View = dict[str, Any]
Views = TypeVar("Views", bound=Collection[View])

_STATUS = {"ready": "ready", "processing": "processing"}
DELETED = "deleted"


def attachment_view(row: StoredMedia) -> View:
    """An element of a message's ``attachments``."""
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
    """The data of ``media_ready`` and ``media_failed``. ``thumbnailUrl`` is for who shows a token: it leads to a signed
    address."""
    view = {**attachment_view(row), "conversationId": row.conversation_id}
    if row.thumbnail and view["status"] == "ready":
        view["thumbnailUrl"] = f"/api/v1/media/{row.id}?variant=thumbnail"
    return view


def show_media(conn: Connection, views: Views) -> Views:
    """Put into these messages their media as they now are: one query, none where they have none."""
    ids = {attachment["mediaId"] for view in views for attachment in view.get("attachments", ())}
    if ids:
        found = store.get_many(conn, sorted(ids))
        for view in views:
            if view.get("attachments"):
                view["attachments"] = [_as_now(attachment, found) for attachment in view["attachments"]]
    return views


def _as_now(attachment: View, found: dict[str, StoredMedia]) -> View:
    row = found.get(attachment["mediaId"])
    return attachment_view(row) if row is not None else {**attachment, "status": "failed", "code": DELETED}
