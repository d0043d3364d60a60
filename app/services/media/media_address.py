"""Returns the address of a medium's bytes to a member, valid for a limited time."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from sqlalchemy import Engine

from app.core.errors import Conflict, NotFound
from app.core.kinds import is_message_for
from app.core.records import decode_body
from app.services.media.media_storages import MediaStorages, asset_of
from app.services.media.receive_upload import ReadMemberships
from app.services.reading.memberships import Memberships
from app.store import media, media_uses
from app.store.engine import reading
from app.store.media_rows import StoredMedia

Variant = Literal["original", "thumbnail"]


class Address(NamedTuple):
    url: str
    expires_at: int


def address_of(
    user_id: int,
    media_id: str,
    variant: Variant,
    *,
    engine: Engine,
    storages: MediaStorages,
    memberships: ReadMemberships,
    valid_seconds: int,
) -> Address:
    """Returns a signed address.

    Raises Conflict if the medium is still being processed; NotFound if it failed, lacks the variant, or is not visible
    to the user; MediaOff, Overloaded. May block.
    """
    storages.for_new_media()
    row = visible_media(user_id, media_id, engine=engine, memberships=memberships)
    if row.state == "processing":
        raise Conflict("The medium is not ready yet.")
    storage = storages.get(row.storage)
    thumbnail = variant == "thumbnail"
    if row.state != "ready" or storage is None or (thumbnail and not row.thumbnail):
        raise NotFound
    expires_at = int(time.time()) + valid_seconds
    return Address(storage.address(asset_of(row), thumbnail=thumbnail, expires_at=expires_at), expires_at)


def visible_media(user_id: int, media_id: str, *, engine: Engine, memberships: ReadMemberships) -> StoredMedia:
    """Returns a medium that a message visible to the user names, in a conversation that they are a member of now.

    The message may be stored, or accepted and not stored yet. Raises NotFound, Overloaded.
    """
    members = memberships([user_id], None)
    with reading(engine) as conn:
        row = media_uses.visible_in(conn, user_id, media_id, members.certain(user_id))
        if row is None and _in_unstored_message(members, user_id, media_id):
            row = media.get(conn, media_id)
    if row is None:
        members.check_complete()
    if row is None or row.state not in ("processing", "ready", "failed"):
        raise NotFound
    return row


def _in_unstored_message(members: Memberships, user_id: int, media_id: str) -> bool:
    """Returns True if a message that was accepted and is not stored yet names the medium."""
    mine, since = members.certain(user_id), members.since
    seen = (
        record
        for record in members.tails.records
        if media_id in record.body and is_message_for(record, user_id) and record.conversation_id in mine
    )
    return any(
        attachment["mediaId"] == media_id
        for record in seen
        if record.seq >= since.get((user_id, record.conversation_id), 0)
        for attachment in decode_body(record.body).attachments
    )
