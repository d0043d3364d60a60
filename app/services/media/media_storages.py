"""The media storages of this process, and the limits on uploads that it receives at a time."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from app.config import Settings
from app.core.errors import MediaOff, Overloaded, RateLimited
from app.media.registry import StorageContext, StorageRegistry
from app.media.storage import Asset, Storage
from app.store.media_rows import StoredMedia


class MediaStorages:
    """Makes each storage at its first use. Raises ConfigError if the settings name no usable storage."""

    def __init__(self, settings: Settings, env: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._registry = StorageRegistry(StorageContext(settings, env))
        self._made: dict[str, Storage] = {}
        self._active_uploads: Counter[int] = Counter()  # by user
        self._next_piece = 0.0

    @property
    def is_on(self) -> bool:
        """Returns whether this deployment has a storage for new media."""
        return bool(self._registry.chosen)

    def for_new_media(self) -> Storage:
        """Raises MediaOff if this deployment has no storage."""
        storage = self.get(self._registry.chosen)
        if storage is None:
            raise MediaOff("This deployment has no media storage: set CLOUDINARY_URL.")
        return storage

    def get(self, name: str) -> Storage | None:
        """Returns the storage with this name, or None if this deployment has none that is configured."""
        if name not in self._made and self._registry.is_configured(name):
            self._made[name] = self._registry.make(name)
        return self._made.get(name)

    def close(self) -> None:
        for storage in self._made.values():
            storage.close()

    def pause_after(self, size: int) -> float:
        """Returns the seconds to wait after receiving ``size`` bytes of any upload.

        All uploads of the process share UPLOAD_BYTES_PER_SECOND, so that a fast upload does not slow down chat.
        """
        rate = self._settings.upload_bytes_per_second
        if rate <= 0:
            return 0.0
        now = time.monotonic()
        self._next_piece = max(now, self._next_piece) + size / rate
        return self._next_piece - now

    @contextmanager
    def upload_slot(self, user_id: int) -> Iterator[None]:
        """Holds one of the process's MAX_UPLOADS slots, because each upload keeps a piece of its file in memory.

        A user holds at most MAX_UPLOADS_PER_USER of them. Raises RateLimited beyond that; Overloaded if none is free.
        """
        active = self._active_uploads
        if active[user_id] >= self._settings.max_uploads_per_user:
            raise RateLimited("You are uploading too many files at once.", retry_after=2.0)
        if active.total() >= self._settings.max_uploads:
            raise Overloaded("Too many uploads at once.", retry_after=2.0)
        active[user_id] += 1
        try:
            yield
        finally:
            active[user_id] -= 1
            if not active[user_id]:
                del active[user_id]


def asset_of(row: StoredMedia) -> Asset:
    return Asset(row.id, row.kind, row.content_type, row.bytes, row.filename)  # type: ignore[arg-type]
