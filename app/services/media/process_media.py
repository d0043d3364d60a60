"""From staged bytes to a medium that can be shown: look at it, store it, tell its conversation. In a worker.

Invariants
* One worker at a time, by the row's lease; another that is asked does nothing. A worker that dies leaves it to the
  sweep, once the lease has run out.
* The asset is named by the medium: done twice, there is one. What is staged goes in the transaction that says ``ready``
  or ``failed``, after the storage has confirmed.
* A medium that was deleted meanwhile is discarded by whoever notices: its asset may have come after the removal.
* It ends: what cannot be read, what the storage will never take, what has killed three workers, and what could not be
  stored in six hours, has failed.
"""

from __future__ import annotations

import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from redis.exceptions import RedisError

from app.container import Container
from app.core.errors import Overloaded, UnsupportedMedia
from app.core.records import Kind
from app.media.image_info import UnreadableError
from app.media.inspect import Inspected, sniff_again
from app.media.inspect_in_subprocess import CrashedError, inspect_in_subprocess
from app.media.storage import Storage, StorageError
from app.message_log.append import Operation
from app.redis_batch import EpochLostError
from app.services.media.announce_media import announce, progress_body
from app.services.media.media_storages import asset_of
from app.services.messaging.worker_changes import WorkerChanges
from app.services.metrics.media_metrics import MediaStats
from app.store import media as store
from app.store.engine import reading, writing
from app.store.media import Found, StoredMedia
from app.task_queue import enqueue_discard, enqueue_processing

log = logging.getLogger(__name__)

MAX_TRIES = 3
GIVE_UP_SECONDS = 6 * 3600
FIRST_PAUSE, MAX_PAUSE = 2.0, 60.0
# A countdown is kept in a worker's memory; what is later is the sweep's.
COUNTDOWN_SECONDS = 60.0
# For each second in which reading staged bytes keeps Postgres and a worker busy, so many in which it does not:
# those who chat share both. Where Postgres is slow it is not made slower: a lease must outlast 400 pieces.
READ_PAUSE, MAX_READ_PAUSE = 3.0, 0.05


class GoneError(Exception):
    """It was deleted meanwhile."""


class StoppedError(Exception):
    """The process is told to end."""


class MediaWork:
    """``stats``: counts what became of it."""

    def __init__(
        self, parley: Container, changes: WorkerChanges, *, stopping: Callable[[], bool], stats: MediaStats
    ) -> None:
        self._engine = parley.engine
        self._media = parley.media
        self._settings = parley.settings
        self._changes = changes
        self._stopping = stopping
        self._stats = stats
        self._began = self._renewed = 0.0

    def run(self, media_id: str) -> None:
        """Does nothing where there is nothing to do, or another does it. Raise Overloaded, RedisError."""
        with writing(self._engine) as conn:
            row = store.claim(conn, media_id, lease_seconds=self._settings.media_lease_seconds)
        if row is None:
            return
        self._began = time.monotonic()
        storage = self._media.keeping(row.storage)
        if row.tries > MAX_TRIES:
            self._fail(row, "unprocessable")
        elif storage is None:
            self._put_back(row, MAX_PAUSE, failed=False)
        else:
            self._try(row, storage)

    def _try(self, row: StoredMedia, storage: Storage) -> None:
        try:
            found = self._process(row, storage)
        except GoneError:
            self._discard(row)
        except StoppedError:
            self._put_back(row, 0, failed=False)
        except UnreadableError as error:
            self._fail(row, error.code)
        except CrashedError as error:
            log.warning("media %s: %s", row.id, error)
            self._stats.retries["crash"] += 1
            self._put_back(row, _pause(row), failed=True, orderly=False)
        except UnsupportedMedia:
            self._fail(row, "mismatch")
        except StorageError as error:
            self._refused(row, error)
        except OSError as error:  # the worker's own disk
            log.warning("media %s waits: %s", row.id, error.strerror)
            self._stats.retries["disk"] += 1
            self._put_back(row, _pause(row), failed=True)
        else:
            self._ready(row, found)

    def _process(self, row: StoredMedia, storage: Storage) -> Found:
        with tempfile.NamedTemporaryFile(prefix="parley-media-") as file:
            self._tell(row, "processing")
            for piece in storage.read(asset_of(row)) if row.direct else self._staged(row):
                file.write(piece)
            file.flush()
            path = Path(file.name)
            inspected = self._inspect(row, path)
            row = self._shown_meanwhile(row, inspected)
            self._tell(row, "storing")
            if inspected.image is not None:
                self._alive(row)
                storage.put_thumbnail(asset_of(row), inspected.image.thumbnail)
            if not row.direct or inspected.rewritten:
                storage.put(asset_of(row), file.name, replace=row.direct, alive=lambda: self._alive(row))
        return _found(inspected)

    def _staged(self, row: StoredMedia) -> Iterator[bytes]:
        n = size = 0
        while size < row.bytes:
            began = time.monotonic()
            with reading(self._engine) as conn:
                piece = store.read_chunk(conn, row.id, n)
            if piece is None:
                raise GoneError
            yield piece
            n, size = n + 1, size + len(piece)
            time.sleep(min(MAX_READ_PAUSE, READ_PAUSE * (time.monotonic() - began)))

    def _inspect(self, row: StoredMedia, path: Path) -> Inspected:
        content_type, kind = row.content_type, row.kind
        if row.direct:
            content_type, kind = sniff_again(path, row.content_type)
            if kind != row.kind:
                raise UnreadableError("mismatch")
        return inspect_in_subprocess(path, content_type, kind, max_pixels=self._settings.max_image_pixels)  # type: ignore[arg-type]

    def _shown_meanwhile(self, row: StoredMedia, inspected: Inspected) -> StoredMedia:
        """Receivers see its shape and colours while it is on its way."""
        if inspected.image is not None:
            size, blurhash = inspected.image.size, inspected.image.blurhash
            with writing(self._engine) as conn:
                store.save_preview(conn, row.id, size.width, size.height, blurhash)
        with reading(self._engine) as conn:
            now = store.get(conn, row.id)
        if now is None:
            raise GoneError
        return now

    def _alive(self, row: StoredMedia) -> None:
        """Between two steps. The row is asked a few times in a lease."""
        if self._stopping():
            raise StoppedError
        if time.monotonic() - self._renewed < self._settings.media_lease_seconds / 8:
            return
        self._renewed = time.monotonic()
        with writing(self._engine) as conn:
            if not store.renew(conn, row.id, lease_seconds=self._settings.media_lease_seconds):
                raise GoneError

    def _ready(self, row: StoredMedia, found: Found) -> None:
        with writing(self._engine) as conn:
            done = store.mark_ready(conn, row.id, found)
        if done:
            self._note_end(found.kind, "ready")
            announce(self._engine, self._changes, row.id)
        else:
            self._discard(row)

    def _discard(self, row: StoredMedia) -> None:
        """What was brought to the storage for nothing."""
        with writing(self._engine) as conn:
            store.discard(conn, row.id)
        enqueue_discard(row.id)

    def _fail(self, row: StoredMedia, code: str) -> None:
        log.warning("media %s failed: %s", row.id, code)
        with writing(self._engine) as conn:
            done = store.mark_failed(conn, row.id, code)
        if done:
            self._note_end(row.kind, code)
            announce(self._engine, self._changes, row.id)

    def _note_end(self, kind: str, outcome: str) -> None:
        self._stats.note_end(kind, outcome, time.monotonic() - self._began)

    def _refused(self, row: StoredMedia, error: StorageError) -> None:
        if error.retry_after is None:
            self._fail(row, "rejected")
        elif row.age_seconds > GIVE_UP_SECONDS:
            self._fail(row, "unavailable")
        else:
            log.warning("media %s waits for its storage: %s", row.id, error.reason)
            self._stats.retries["storage"] += 1
            self._put_back(row, max(error.retry_after, _pause(row)), failed=True)

    def _put_back(self, row: StoredMedia, seconds: float, *, failed: bool, orderly: bool = True) -> None:
        with writing(self._engine) as conn:
            store.requeue(conn, row.id, seconds=seconds, failed=failed, orderly=orderly)
        if seconds < COUNTDOWN_SECONDS:
            enqueue_processing(row.id, seconds=seconds + 0.1)

    def _tell(self, row: StoredMedia, stage: str) -> None:
        """Kept nowhere: what cannot be told now need not be."""
        if row.conversation_id is not None:
            body = progress_body(row, stage)
            try:
                self._changes.carry_out([Operation(Kind.PROGRESS, row.conversation_id, row.user_id, [], body)])
            except (Overloaded, RedisError, EpochLostError) as error:
                log.info("progress of media %s is not told: %s", row.id, type(error).__name__)


def _pause(row: StoredMedia) -> float:
    """2 s, 4, 8 … to a minute, and up to half as much again, so that many do not come back at once."""
    return min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(row.failures, 10)) * random.uniform(0.75, 1.0)


def _found(inspected: Inspected) -> Found:
    image = inspected.image
    return Found(
        kind=inspected.kind,
        content_type=inspected.content_type,
        bytes=inspected.bytes,
        width=image.size.width if image else None,
        height=image.size.height if image else None,
        duration=inspected.seconds if inspected.kind != "image" else None,
        blurhash=image.blurhash if image else None,
        waveform=inspected.waveform,
        thumbnail=image is not None,
    )
