"""Receives an uploaded file piece by piece and stages it in Postgres for a worker, which may run on another machine.

Invariants
* Memory holds one piece of the file. No connection to Postgres is held while waiting for the next piece.
* The type and size of the file are checked before the second piece is accepted.
* An unfinished upload leaves nothing behind: its row and pieces are deleted. If this process dies, the sweep deletes
  them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine

from app.config import Settings
from app.core.errors import Invalid, NotFound, Overloaded, QuotaExceeded, RateLimited, TooLarge
from app.core.filenames import clean_filename
from app.core.ids import make_uuid7
from app.media.image_size import image_size
from app.media.signatures import HEAD_BYTES
from app.media.sniff import Kind, Sniffed, sniff
from app.services.media.media_storages import MediaStorages
from app.services.reading.media_json import attachment_view
from app.services.reading.memberships import Memberships
from app.store import media as store
from app.store import media_rows
from app.store.engine import autocommit, writing
from app.store.media import Found
from app.store.media_usage import lock_usage
from app.task_queue import enqueue_processing

log = logging.getLogger(__name__)

# Returns the conversations of users: all of them, or only the given one.
ReadMemberships = Callable[[Sequence[int], int | None], Memberships]

# The first piece must contain all that the checks of the first bytes need.
PIECE_BYTES = HEAD_BYTES
# Room for the form around the file. A declared length may exceed the limit of a file by this much.
FORM_BYTES = 64 * 1024


def limit_of(settings: Settings, kind: Kind) -> int:
    """Returns the maximum size of a file in bytes."""
    limits = {
        "image": settings.max_image_bytes,
        "audio": settings.max_audio_bytes,
        "video": settings.max_video_bytes,
        "file": settings.max_file_bytes,
    }
    return limits[kind]


def max_file_bytes(settings: Settings) -> int:
    """Returns the maximum size of a file of any kind in bytes."""
    return max(limit_of(settings, kind) for kind in ("image", "audio", "video", "file"))


def take_room(conn: Connection, settings: Settings, user_id: int, size: int) -> None:
    """Checks that ``size`` more bytes fit. Insert the medium in the same transaction: other uploads of the user wait.

    Raises RateLimited if the user's unprocessed media would exceed MAX_WAITING_BYTES; QuotaExceeded if all their media
    would exceed MAX_STORED_BYTES.
    """
    usage = lock_usage(conn, user_id)
    if usage.unprocessed + size > settings.max_waiting_bytes:
        raise RateLimited("Too many of your uploads are still being processed.", retry_after=10.0)
    if 0 < settings.max_stored_bytes < usage.stored + size:
        raise QuotaExceeded(f"Your files use {usage.stored} of {settings.max_stored_bytes} bytes.")


def check_membership(memberships: ReadMemberships, user_id: int, conversation_id: int) -> None:
    """Raises NotFound if the user is not a member of the conversation."""
    if not memberships([user_id], conversation_id).of[user_id]:
        raise NotFound


class Upload:
    """One upload. Call ``place``, ``begin_file`` and ``write`` in the order of the form's parts, then ``finish``.

    ``declared`` is the length that the client announced, or the maximum if it announced none. ``pause`` sleeps without
    blocking other requests. Use it in a ``with`` block. Its methods may block and raise ParleyError.
    """

    def __init__(
        self,
        user_id: int,
        declared: int,
        *,
        engine: Engine,
        settings: Settings,
        storages: MediaStorages,
        memberships: ReadMemberships,
        pause: Callable[[float], None],
    ) -> None:
        self._user_id = user_id
        self._declared = declared
        self._engine = engine
        self._settings = settings
        self._storages = storages
        self._memberships = memberships
        self._pause = pause
        self._storage = storages.for_new_media().name
        self._conversation_id = 0
        self._id = ""
        self._claimed = self._filename = ""
        self._found: Sniffed | None = None
        self._size: tuple[int | None, int | None] = None, None
        self._piece = bytearray()
        self._pieces = self._bytes = 0
        self._complete = False

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self._id and not self._complete:
            self._forget()

    def place(self, conversation_id: int) -> None:
        """Sets the conversation that the form names. Raises NotFound for non-members."""
        check_membership(self._memberships, self._user_id, conversation_id)
        self._conversation_id = conversation_id

    def begin_file(self, filename: str, content_type: str) -> None:
        if self._id:
            raise Invalid.field("file", "only one file per upload")
        self._claimed, self._filename = content_type, filename
        self._id = make_uuid7(int(time.time() * 1000))
        with writing(self._engine) as conn:
            take_room(conn, self._settings, self._user_id, self._declared)
            place = self._conversation_id or None
            store.begin(conn, self._id, self._user_id, place, self._storage, self._declared)

    def write(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._found is not None:
            self._check_size(self._found.kind, self._bytes)
        view = memoryview(data)
        while view:
            taken = view[: PIECE_BYTES - len(self._piece)]
            self._piece += taken
            view = view[len(taken) :]
            if len(self._piece) == PIECE_BYTES:
                self._flush()

    def finish(self) -> dict[str, Any]:
        """Returns the medium as clients see it until it is processed."""
        if not self._id:
            raise Invalid.field("file", "is required")
        if not self._bytes:
            raise Invalid.field("file", "is empty")
        if not self._conversation_id:
            raise Invalid.field("conversationId", "is required")
        if self._piece:
            self._flush()
        assert self._found is not None  # noqa: S101 - for mypy: _flush checked the first piece
        found = Found(self._found.kind, self._found.content_type, self._bytes, *self._size)
        with writing(self._engine) as conn:
            filename = clean_filename(self._filename)
            if not store.finish_upload(conn, self._id, self._conversation_id, found, filename):
                raise Overloaded("The upload took too long.")
            row = store.get(conn, self._id)
        self._complete = True
        enqueue_processing(self._id)
        if row is None:
            raise NotFound
        return attachment_view(row)

    def _flush(self) -> None:
        if self._found is None:
            self._check_head(bytes(self._piece))
        with autocommit(self._engine) as conn:
            if not media_rows.add_chunk(conn, self._id, self._pieces, bytes(self._piece)):
                raise Overloaded("The upload took too long.")
        self._pause(self._storages.pause_after(len(self._piece)))
        self._pieces += 1
        self._piece.clear()

    def _check_head(self, head: bytes) -> None:
        """Checks type, size and pixels by the first piece. Raises TooLarge."""
        self._found = found = sniff(head, self._claimed)
        self._check_size(found.kind, max(self._bytes, self._declared - FORM_BYTES))
        size = image_size(head, found.content_type)
        if size is not None:
            check_pixels(self._settings, *size)
            self._size = size.width, size.height

    def _check_size(self, kind: Kind, size: int) -> None:
        limit = limit_of(self._settings, kind)
        if size > limit:
            raise TooLarge(f"{kind}: more than {limit} bytes.")

    def _forget(self) -> None:
        try:
            with writing(self._engine) as conn:
                store.forget(conn, self._id, "receiving")
        except Overloaded as error:
            log.warning("a broken upload is left to the sweep: %s", error.message)


def check_pixels(settings: Settings, width: int, height: int) -> None:
    """Raises TooLarge for too many pixels: an image of a few bytes may decode to many gigabytes."""
    if width * height > settings.max_image_pixels:
        raise TooLarge(f"The image has more than {settings.max_image_pixels} pixels.")
