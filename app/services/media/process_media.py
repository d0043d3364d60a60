"""Processes an uploaded medium in a worker: inspects the file, stores it, and announces the result.

Invariants
* The row's lease keeps it to one worker at a time; other workers do nothing. If a worker dies, the sweep enqueues the
  medium again when the lease expires.
* The asset is named by the medium, so storing it twice leaves one asset. The staged bytes are deleted in the
  transaction that sets ``ready`` or ``failed``, after the storage has confirmed.
* If the medium is deleted during processing, the worker discards the asset, because it may have been stored after the
  removal.
* Processing always ends. A medium fails if it cannot be decoded, if the storage rejects it for good, if it killed three
  workers, or if it could not be stored within six hours.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.media.image_info import UnreadableError, converted_name
from app.media.inspect import Inspected, sniff_again
from app.media.inspect_in_subprocess import CrashedError, inspect_in_subprocess
from app.media.staged_file import remove_abandoned_files, staged_file
from app.media.storage import Storage, StorageError
from app.message_log.append import Operation
from app.redis_calls import EpochLostError
from app.services.media.announce_media import announce, progress_body
from app.services.media.media_stats import MediaStats
from app.services.media.media_storages import MediaStorages, asset_of
from app.services.media.naming_message import naming_seq
from app.services.messaging.worker_changes import WorkerChanges
from app.store import media as store
from app.store import media_rows
from app.store.engine import reading, writing
from app.store.media import Found
from app.store.media_rows import StoredMedia
from app.task_queue import enqueue_discard, enqueue_processing

log = logging.getLogger(__name__)

MAX_TRIES = 3
GIVE_UP_SECONDS = 6 * 3600
FIRST_PAUSE, MAX_PAUSE = 2.0, 60.0
# A countdown occupies a worker's memory. Retries that are later than this are left to the sweep.
COUNTDOWN_SECONDS = 60.0
# Seconds of pause per second spent on reading staged bytes, because chat shares Postgres and the worker. The maximum
# bounds the pauses if Postgres is slow, because a lease must outlast 400 pieces.
READ_PAUSE, MAX_READ_PAUSE = 3.0, 0.05


class GoneError(Exception):
    """The medium was deleted during processing."""


class StoppedError(Exception):
    """The process is stopping."""


class MediaWork:
    """Processes one medium. ``stopping`` says whether the process should end; ``stats`` counts the outcomes."""

    def __init__(
        self,
        *,
        engine: Engine,
        storages: MediaStorages,
        settings: Settings,
        changes: WorkerChanges,
        stopping: Callable[[], bool],
        stats: MediaStats,
    ) -> None:
        self._engine = engine
        self._storages = storages
        self._settings = settings
        self._changes = changes
        self._stopping = stopping
        self._stats = stats
        self._began = self._renewed = 0.0

    def run(self, media_id: str) -> None:
        """Processes the medium, unless it needs no processing or another worker has its lease.

        Raises Overloaded, RedisError.
        """
        with writing(self._engine) as conn:
            row = store.claim(conn, media_id, lease_seconds=self._settings.media_lease_seconds)
        if row is None:
            return
        self._began = time.monotonic()
        storage = self._storages.get(row.storage)
        if row.tries > MAX_TRIES:
            self._fail(row, "unprocessable")
        elif storage is None:
            self._requeue(row, MAX_PAUSE, failed=False)
        else:
            self._try(row, storage)

    def _try(self, row: StoredMedia, storage: Storage) -> None:
        try:
            found = self._process(row, storage)
        except GoneError:
            self._discard(row)
        except StoppedError:
            self._requeue(row, 0, failed=False)
        except UnreadableError as error:
            self._fail(row, error.code)
        except CrashedError as error:
            log.warning("media %s: %s", row.id, error)
            self._stats.retries["crash"] += 1
            self._requeue(row, _pause(row), failed=True, orderly=False)
        except StorageError as error:
            self._handle_storage_error(row, error)
        except OSError as error:  # the worker's own disk
            log.warning("media %s will be retried: %s", row.id, error.strerror)
            self._stats.retries["disk"] += 1
            self._requeue(row, _pause(row), failed=True)
        else:
            self._ready(row, found)

    def _process(self, row: StoredMedia, storage: Storage) -> Found:
        remove_abandoned_files()
        with staged_file() as file:
            self._publish_progress(row, "processing")
            for piece in storage.read(asset_of(row)) if row.direct else self._staged(row):
                file.write(piece)
            file.flush()
            path = Path(file.name)
            inspected = self._inspect(row, path)
            row = self._save_findings(row, inspected)
            self._publish_progress(row, "storing")
            if inspected.image is not None:
                self._keep_lease(row)
                storage.put_thumbnail(asset_of(row), inspected.image.thumbnail)
            if not row.direct or inspected.rewritten:
                storage.put(asset_of(row), file.name, replace=row.direct, alive=lambda: self._keep_lease(row))
        return _found(inspected)

    def _staged(self, row: StoredMedia) -> Iterator[bytes]:
        n = size = 0
        while size < row.bytes:
            began = time.monotonic()
            with reading(self._engine) as conn:
                piece = media_rows.read_chunk(conn, row.id, n)
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
        inspected = inspect_in_subprocess(
            path,
            content_type,
            kind,  # type: ignore[arg-type]
            max_pixels=self._settings.max_image_pixels,
            alive=lambda: self._keep_lease(row),
        )
        # The asset is stored under the type that the client announced.
        if row.direct and inspected.kind == "file" and row.kind != "file":
            raise UnreadableError("unreadable")
        return inspected

    def _save_findings(self, row: StoredMedia, inspected: Inspected) -> StoredMedia:
        """Saves kind, size and BlurHash, which receivers see while the file is being stored. Returns the current row.
        The place of the asset depends on its kind, so the row must have the right kind before anything is stored.
        """
        with writing(self._engine) as conn:
            name = converted_name(row.filename, inspected.content_type)
            store.save_findings(conn, row.id, _found(inspected), name)
        with reading(self._engine) as conn:
            now = store.get(conn, row.id)
        if now is None:
            raise GoneError
        return now

    def _keep_lease(self, row: StoredMedia) -> None:
        """Renews the lease a few times before it would expire. Call it between two steps.

        Raises StoppedError, or GoneError if the medium was deleted.
        """
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
        """Enqueues the removal of the asset of a deleted medium."""
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

    def _handle_storage_error(self, row: StoredMedia, error: StorageError) -> None:
        if error.retry_after is None:
            self._fail(row, "rejected")
        elif row.age_seconds > GIVE_UP_SECONDS:
            self._fail(row, "unavailable")
        else:
            log.warning("media %s will be stored later: %s", row.id, error.reason)
            self._stats.retries["storage"] += 1
            self._requeue(row, max(error.retry_after, _pause(row)), failed=True)

    def _requeue(self, row: StoredMedia, seconds: float, *, failed: bool, orderly: bool = True) -> None:
        with writing(self._engine) as conn:
            store.requeue(conn, row.id, seconds=seconds, failed=failed, orderly=orderly)
        if seconds < COUNTDOWN_SECONDS:
            enqueue_processing(row.id, seconds=seconds + 0.1)

    def _publish_progress(self, row: StoredMedia, stage: str) -> None:
        """Progress is not stored, so a failure to publish it is ignored."""
        if row.conversation_id is not None:
            body = progress_body(row, stage)
            try:
                seen_by = [naming_seq(self._engine, self._changes.shards, row)]
                self._changes.carry_out([Operation(Kind.PROGRESS, row.conversation_id, row.user_id, seen_by, body)])
            except (Overloaded, RedisError, EpochLostError) as error:
                log.info("progress of media %s was not published: %s", row.id, type(error).__name__)


def _pause(row: StoredMedia) -> float:
    """Returns the seconds until the next try: 2, 4, 8 … up to 60, minus a random quarter so that many media do not
    retry at the same moment."""
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
