"""An upload that goes straight to the storage: large files do not pass through a web process.

What is signed is good for one file, for some minutes, under the medium's own name. Nobody sees it before ``complete``
has asked the storage what it has: its size and form are what was said before. What is not completed, the sweep removes.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from app.container import Container
from app.core.errors import Conflict, Invalid, NotFound, Overloaded, TooLarge
from app.core.filenames import clean_filename
from app.core.ids import make_uuid7
from app.media.sniff import REFUSED, claimed_type, kind_of
from app.media.storage import DirectUpload, Storage, StorageError, Stored
from app.services.media.media_storages import asset_of
from app.services.media.receive_upload import check_membership, check_waiting, limit_of
from app.services.messaging.message_path import MessagePath, now_ms
from app.services.reading.media_json import attachment_view
from app.store import media as store
from app.store.engine import reading, writing
from app.store.media import Found, StoredMedia
from app.task_queue import enqueue_processing

# How long the signed fields are good; and how long after that an upload may still be under way.
SIGNED_SECONDS = 600
UNDER_WAY_SECONDS = 3600
# The storage's words for the forms in which an image may come.
_FORMATS = {"image/jpeg": ("jpg", "jpeg"), "image/png": ("png",), "image/gif": ("gif",), "image/webp": ("webp",)}


class Wanted(NamedTuple):
    filename: str
    content_type: str
    bytes: int
    conversation_id: int


class Begun(NamedTuple):
    media_id: str
    upload: DirectUpload
    expires_at: int


def begin_direct(parley: Container, path: MessagePath, user_id: int, wanted: Wanted) -> Begun:
    """May block. Raise MediaOff, NotFound, TooLarge, Invalid, RateLimited, Overloaded."""
    storage = parley.media.taking()
    content_type = claimed_type(wanted.content_type)
    kind = kind_of(content_type)
    if content_type in REFUSED or (kind == "image" and content_type not in _FORMATS):
        raise Invalid.field("contentType", "no image of this form is taken: send image/jpeg")
    if wanted.bytes > limit_of(parley, kind):
        raise TooLarge(f"{kind}: more than {limit_of(parley, kind)} bytes.")
    check_membership(path, user_id, wanted.conversation_id)
    check_waiting(parley, user_id, wanted.bytes)
    id_, expires_at = make_uuid7(now_ms()), int(time.time()) + SIGNED_SECONDS
    with writing(parley.engine) as conn:
        found = Found(kind, content_type, wanted.bytes)
        filename, until = clean_filename(wanted.filename), SIGNED_SECONDS + UNDER_WAY_SECONDS
        place = id_, user_id, wanted.conversation_id, storage.name
        store.begin_direct(conn, *place, found, filename, seconds=until)
        row = store.get(conn, id_)
    if row is None:
        raise NotFound
    upload = storage.direct_upload(
        asset_of(row), user_id=user_id, conversation_id=wanted.conversation_id, expires_at=expires_at
    )
    return Begun(id_, upload, expires_at)


def complete(parley: Container, path: MessagePath, user_id: int, media_id: str) -> dict[str, Any]:
    """The medium as it is shown until it is processed; the same again where it was completed before.

    Raise NotFound, Conflict where the storage has nothing yet, Invalid where it has something else (and then the medium
    is no more), Overloaded where it does not answer. May block.
    """
    storage = parley.media.taking()
    with reading(parley.engine) as conn:
        row = store.get(conn, media_id)
    if row is None or row.user_id != user_id or not row.direct or row.state == "deleting":
        raise NotFound
    check_membership(path, user_id, row.conversation_id or 0)
    if row.state == "awaiting":
        _verify(parley, row, _ask(storage, row))
        with writing(parley.engine) as conn:
            begun = store.finish_direct_upload(conn, media_id)
            row = store.get(conn, media_id) or row
        if begun:
            enqueue_processing(media_id)
    return attachment_view(row)


def _ask(storage: Storage, row: StoredMedia) -> Stored:
    try:
        stored = storage.describe(asset_of(row))
    except StorageError as error:
        raise Overloaded("The storage does not answer.", retry_after=error.retry_after or 5.0) from error
    if stored is None:
        raise Conflict("Nothing was uploaded yet.")
    return stored


def _verify(parley: Container, row: StoredMedia, stored: Stored) -> None:
    wrong = None
    if stored.bytes != row.bytes:
        wrong = "bytes", f"{stored.bytes} were uploaded, not {row.bytes}"
    elif stored.format and stored.format not in _FORMATS.get(row.content_type, (stored.format,)):
        wrong = "contentType", f"what was uploaded is {stored.format}"
    if wrong is not None:
        with writing(parley.engine) as conn:
            store.begin_deletion(conn, [row.id])
        raise Invalid.field(*wrong)
