"""Which storage new media go to, and which keeps those that are there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.config import Settings
from app.core.errors import MediaOff, Overloaded
from app.media.local_storage import LocalStorage
from app.media.storage import Asset, Storage
from app.store.media import StoredMedia


class MediaStorages:
    """Those of this process. Connects to nothing before it is used; Cloudinary's SDK is loaded where it is set."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Storage] = {}
        self._under_way = 0
        self._next_piece = 0.0

    def taking(self) -> Storage:
        """Where new media go. Raise MediaOff."""
        storage = self.keeping(self._settings.media_storage)
        if storage is None:
            raise MediaOff("This deployment keeps no media: CLOUDINARY_URL is not set.")
        return storage

    def keeping(self, name: str) -> Storage | None:
        """The one of this name; None where it is not this deployment's."""
        if name not in self._made and name == self._settings.media_storage and name:
            self._made[name] = self._make(name)
        return self._made.get(name)

    def close(self) -> None:
        for storage in self._made.values():
            storage.close()

    def _make(self, name: str) -> Storage:
        if name == "local":
            return LocalStorage(self._settings.media_dir, self._settings.secret_key)
        from app.media.cloudinary_storage import CloudinaryStorage  # noqa: PLC0415 - megabytes that few need

        return CloudinaryStorage(self._settings.cloudinary_url)

    def pause_after(self, size: int) -> float:
        """Seconds until more of any upload may be taken in: a fast network's file must not hold up those who chat."""
        most = self._settings.upload_bytes_per_second
        if most <= 0:
            return 0.0
        now = time.monotonic()
        self._next_piece = max(now, self._next_piece) + size / most
        return self._next_piece - now

    @contextmanager
    def upload(self) -> Iterator[None]:
        """One of the uploads that this process has under way. Raise Overloaded where there are too many: each holds a
        piece of its file in memory."""
        if self._under_way >= self._settings.max_uploads:
            raise Overloaded("Too many uploads at once.", retry_after=2.0)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


def asset_of(row: StoredMedia) -> Asset:
    return Asset(row.id, row.kind, row.content_type, row.bytes, row.filename)  # type: ignore[arg-type]
