"""Uploads that go straight to the storage, so that large files do not pass through a web process.

The signature is valid for one file, under the medium's own name, for some minutes. Nobody sees the medium before
``complete`` has compared the storage's description with the announced size and format. The sweep removes uploads that
were never completed.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Conflict, Invalid, NotFound, Overloaded, TooLarge
from app.core.filenames import clean_filename
from app.core.ids import make_uuid7
from app.media.sniff import announced
from app.media.storage import DirectUpload, Storage, StorageError, Stored
from app.services.media.media_storages import MediaStorages, asset_of
from app.services.media.receive_upload import ReadMemberships, check_membership, limit_of, take_room
from app.services.reading.media_json import attachment_view
from app.store import media as store
from app.store import media_rows
from app.store.engine import reading, writing
from app.store.media import Found
from app.store.media_rows import StoredMedia
from app.task_queue import enqueue_processing

# Validity of the signature, and time limit for an upload that started in time.
SIGNED_SECONDS = 600
UPLOAD_SECONDS = 3600
# The storages' words for the accepted image formats.
_FORMATS = {
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/heic": ("heic", "heif"),
    "image/avif": ("avif",),
}


class Wanted(NamedTuple):
    """The file that the client announces."""

    filename: str
    content_type: str
    bytes: int
    conversation_id: int


class Begun(NamedTuple):
    media_id: str
    upload: DirectUpload
    expires_at: int


def begin_direct(
    user_id: int,
    wanted: Wanted,
    *,
    engine: Engine,
    settings: Settings,
    storages: MediaStorages,
    memberships: ReadMemberships,
) -> Begun:
    """Creates the medium and signs its upload.

    Raises MediaOff, NotFound, TooLarge, RateLimited, QuotaExceeded, Overloaded. May block.
    """
    storage = storages.for_new_media()
    content_type, kind = announced(wanted.content_type)
    if wanted.bytes > limit_of(settings, kind):
        raise TooLarge(f"{kind}: more than {limit_of(settings, kind)} bytes.")
    check_membership(memberships, user_id, wanted.conversation_id)
    now = time.time()
    id_, expires_at = make_uuid7(int(now * 1000)), int(now) + SIGNED_SECONDS
    with writing(engine) as conn:
        take_room(conn, settings, user_id, wanted.bytes)
        found = Found(kind, content_type, wanted.bytes)
        filename, until = clean_filename(wanted.filename), SIGNED_SECONDS + UPLOAD_SECONDS
        place = id_, user_id, wanted.conversation_id, storage.name
        store.begin_direct(conn, *place, found, filename, seconds=until)
        row = store.get(conn, id_)
    if row is None:
        raise NotFound
    upload = storage.direct_upload(
        asset_of(row), user_id=user_id, conversation_id=wanted.conversation_id, expires_at=expires_at
    )
    return Begun(id_, upload, expires_at)


def complete(
    user_id: int, media_id: str, *, engine: Engine, storages: MediaStorages, memberships: ReadMemberships
) -> dict[str, Any]:
    """Returns the medium as clients see it until it is processed. Safe to repeat.

    Raises NotFound; Conflict if the storage has no such asset yet; Invalid if the asset is not the announced one, which
    deletes the medium; Overloaded if the storage does not answer. May block.
    """
    storage = storages.for_new_media()
    with reading(engine) as conn:
        row = store.get(conn, media_id)
    if row is None or row.user_id != user_id or not row.direct or row.state == "deleting":
        raise NotFound
    check_membership(memberships, user_id, row.conversation_id or 0)
    if row.state == "awaiting":
        _verify(engine, row, _describe(storage, row))
        with writing(engine) as conn:
            begun = store.finish_direct_upload(conn, media_id)
            row = store.get(conn, media_id) or row
        if begun:
            enqueue_processing(media_id)
    return attachment_view(row)


def _describe(storage: Storage, row: StoredMedia) -> Stored:
    try:
        stored = storage.describe(asset_of(row))
    except StorageError as error:
        raise Overloaded("The storage does not answer.", retry_after=error.retry_after or 5.0) from error
    if stored is None:
        raise Conflict("Nothing has been uploaded yet.")
    return stored


def _verify(engine: Engine, row: StoredMedia, stored: Stored) -> None:
    wrong = None
    if stored.bytes != row.bytes:
        wrong = "bytes", f"{stored.bytes} bytes were uploaded, not {row.bytes}"
    elif stored.format and stored.format not in _FORMATS.get(row.content_type, (stored.format,)):
        wrong = "contentType", f"the uploaded file is of format {stored.format}"
    if wrong is not None:
        with writing(engine) as conn:
            media_rows.begin_deletion(conn, [row.id])
        raise Invalid.field(*wrong)
