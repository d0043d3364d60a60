"""Take in a file that a member uploads: piece by piece into Postgres, where a worker on another machine finds it.

Invariants
* Memory holds one piece of the file, and no connection to Postgres while more is waited for.
* The bytes are what they are said to be, and not too many, before the second piece is taken.
* An upload that does not end leaves nothing: its row and pieces go with it, and should this process die, the sweep
  removes them.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

import gevent

from app.container import Container
from app.core.errors import Invalid, NotFound, Overloaded, RateLimited, TooLarge
from app.core.filenames import clean_filename
from app.core.ids import make_uuid7
from app.media.image_size import image_size
from app.media.sniff import HEAD_BYTES, Kind, Sniffed, sniff
from app.services.messaging.message_path import MessagePath, now_ms
from app.services.reading.media_json import attachment_view
from app.services.reading.memberships import memberships_now
from app.store import media as store
from app.store.engine import autocommit, reading, writing
from app.store.media import Found
from app.task_queue import enqueue_processing

log = logging.getLogger(__name__)

# What is written at once: as much as the looks at a beginning want.
PIECE_BYTES = HEAD_BYTES
# Of a form, beside its file: so much more may be declared than a file may have.
FORM_BYTES = 64 * 1024


def limit_of(parley: Container, kind: Kind) -> int:
    """Bytes."""
    settings = parley.settings
    limits = {
        "image": settings.max_image_bytes,
        "audio": settings.max_audio_bytes,
        "video": settings.max_video_bytes,
        "file": settings.max_file_bytes,
    }
    return limits[kind]


def largest(parley: Container) -> int:
    return max(limit_of(parley, kind) for kind in ("image", "audio", "video", "file"))


def check_waiting(parley: Container, user_id: int, size: int) -> None:
    """What a user may have on its way at once. Raise RateLimited."""
    with reading(parley.engine) as conn:
        waiting = store.pending_bytes(conn, user_id)
    if waiting + size > parley.settings.max_waiting_bytes:
        raise RateLimited("Too much of yours waits to be processed.", retry_after=10.0)


def check_membership(path: MessagePath, user_id: int, conversation_id: int) -> None:
    """Raise NotFound."""
    if not memberships_now(path, [user_id], conversation_id).of[user_id]:
        raise NotFound


class Upload:
    """One upload, as its form comes in: ``place``, ``begin_file``, ``write``… in any order that a form may have, then
    ``finish``. Used in a ``with`` block; may block, and raises ParleyError."""

    def __init__(self, parley: Container, path: MessagePath, user_id: int, declared: int) -> None:
        self._parley = parley
        self._path = path
        self._user_id = user_id
        self._declared = declared
        self._storage = parley.media.taking().name
        self._conversation_id = 0
        self._id = ""
        self._claimed = self._filename = ""
        self._found: Sniffed | None = None
        self._size: tuple[int | None, int | None] = None, None
        self._piece = bytearray()
        self._pieces = self._bytes = 0
        self._whole = False

    def __enter__(self) -> Upload:
        check_waiting(self._parley, self._user_id, self._declared)
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self._id and not self._whole:
            self._forget()

    def place(self, conversation_id: int) -> None:
        """The form names the conversation."""
        check_membership(self._path, self._user_id, conversation_id)
        self._conversation_id = conversation_id

    def begin_file(self, filename: str, content_type: str) -> None:
        if self._id:
            raise Invalid.field("file", "only one at a time")
        self._claimed, self._filename = content_type, filename
        self._id = make_uuid7(now_ms())
        with writing(self._parley.engine) as conn:
            place = self._conversation_id or None
            store.begin(conn, self._id, self._user_id, place, self._storage, self._declared)

    def write(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._found is not None and self._bytes > limit_of(self._parley, self._found.kind):
            raise TooLarge(f"{self._found.kind}: more than {limit_of(self._parley, self._found.kind)} bytes.")
        view = memoryview(data)
        while view:
            taken = view[: PIECE_BYTES - len(self._piece)]
            self._piece += taken
            view = view[len(taken) :]
            if len(self._piece) == PIECE_BYTES:
                self._flush()

    def finish(self) -> dict[str, Any]:
        """The answer: the medium as it is shown until it is processed."""
        if not self._id:
            raise Invalid.field("file", "is required")
        if not self._bytes:
            raise Invalid.field("file", "is empty")
        if not self._conversation_id:
            raise Invalid.field("conversationId", "is required")
        if self._piece:
            self._flush()
        assert self._found is not None  # noqa: S101 - for mypy: the first piece was looked at
        found = Found(self._found.kind, self._found.content_type, self._bytes, *self._size)
        with writing(self._parley.engine) as conn:
            filename = clean_filename(self._filename)
            if not store.finish_upload(conn, self._id, self._conversation_id, found, filename):
                raise Overloaded("The upload took too long: it was given up.")
            row = store.get(conn, self._id)
        self._whole = True
        enqueue_processing(self._id)
        if row is None:
            raise NotFound
        return attachment_view(row)

    def _flush(self) -> None:
        if self._found is None:
            self._look(bytes(self._piece))
        with autocommit(self._parley.engine) as conn:
            if not store.add_chunk(conn, self._id, self._pieces, bytes(self._piece)):
                raise Overloaded("The upload took too long: it was given up.")
        gevent.sleep(self._parley.media.pause_after(len(self._piece)))
        self._pieces += 1
        self._piece.clear()

    def _look(self, head: bytes) -> None:
        """Raise UnsupportedMedia, TooLarge."""
        self._found = found = sniff(head, self._claimed)
        if max(self._bytes, self._declared - FORM_BYTES) > limit_of(self._parley, found.kind):
            raise TooLarge(f"{found.kind}: more than {limit_of(self._parley, found.kind)} bytes.")
        size = image_size(head, found.content_type)
        if size is not None:
            check_pixels(self._parley, *size)
            self._size = size.width, size.height

    def _forget(self) -> None:
        try:
            with writing(self._parley.engine) as conn:
                store.forget(conn, self._id, "receiving")
        except Overloaded as error:
            log.warning("a broken upload waits for the sweep: %s", error.message)


def check_pixels(parley: Container, width: int, height: int) -> None:
    """An image of few bytes may be many gigabytes once it is decoded. Raise TooLarge."""
    if width * height > parley.settings.max_image_pixels:
        raise TooLarge(f"The image has more than {parley.settings.max_image_pixels} pixels.")
