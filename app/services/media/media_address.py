"""Where a medium's bytes are, for a member and for a while. May block; raise NotFound, Conflict, Overloaded."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from app.container import Container
from app.core.errors import Conflict, NotFound
from app.core.kinds import is_message_for
from app.core.records import decode_body
from app.services.media.media_storages import asset_of
from app.services.messaging.message_path import MessagePath
from app.services.reading.memberships import Memberships, memberships_now
from app.store import media, media_uses
from app.store.engine import reading
from app.store.media import StoredMedia

Variant = Literal["original", "thumbnail"]


class Address(NamedTuple):
    url: str
    expires_at: int


def address_of(parley: Container, path: MessagePath, user_id: int, media_id: str, variant: Variant) -> Address:
    """Raise Conflict where it is not ready, NotFound where it failed, has no such variant, or is not for this user."""
    parley.media.taking()
    row = visible_media(path, user_id, media_id)
    if row.state == "processing":
        raise Conflict("It is not ready yet.")
    storage = parley.media.keeping(row.storage)
    thumbnail = variant == "thumbnail"
    if row.state != "ready" or storage is None or (thumbnail and not row.thumbnail):
        raise NotFound
    expires_at = int(time.time()) + parley.settings.media_url_seconds
    return Address(storage.address(asset_of(row), thumbnail=thumbnail, expires_at=expires_at), expires_at)


def visible_media(path: MessagePath, user_id: int, media_id: str) -> StoredMedia:
    """By a message that the user sees, stored or on its way, in a conversation that they are in now. Raise NotFound."""
    members = memberships_now(path, [user_id])
    with reading(path.engine) as conn:
        row = media_uses.visible_in(conn, user_id, media_id, members.of[user_id])
        if row is None and _on_its_way(members, user_id, media_id):
            row = media.get(conn, media_id)
    if row is None or row.state not in ("processing", "ready", "failed"):
        raise NotFound
    return row


def _on_its_way(members: Memberships, user_id: int, media_id: str) -> bool:
    """Whether a message names it that was accepted and is not stored yet."""
    mine, since = members.of[user_id], members.since
    seen = (
        record
        for record in members.tail.records
        if media_id in record.body and is_message_for(record, user_id) and record.conversation_id in mine
    )
    return any(
        attachment["mediaId"] == media_id
        for record in seen
        if record.seq >= since.get((user_id, record.conversation_id), 0)
        for attachment in decode_body(record.body).attachments
    )
