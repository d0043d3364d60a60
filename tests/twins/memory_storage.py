"""An in-memory media storage. It passes tests/twins/storage_contract.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from app.media.storage import Asset, DirectUpload, StorageError, Stored

PIECE_BYTES = 1000


class MemoryStorage:
    """``failures`` are raised by the next calls that store something."""

    name = "memory"

    def __init__(self) -> None:
        self.assets: dict[str, bytes] = {}
        self.thumbnails: dict[str, bytes] = {}
        self.failures: list[Exception] = []

    def put(self, asset: Asset, path: str, *, replace: bool, alive: Callable[[], None]) -> Stored:
        data = Path(path).read_bytes()
        for _ in range(0, len(data), PIECE_BYTES):
            alive()
        self._fail()
        if replace or asset.id not in self.assets:
            self.assets[asset.id] = data
        return Stored(len(self.assets[asset.id]), "")

    def put_thumbnail(self, asset: Asset, data: bytes) -> None:
        self._fail()
        self.thumbnails[asset.id] = data

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def describe(self, asset: Asset) -> Stored | None:
        data = self.assets.get(asset.id)
        return None if data is None else Stored(len(data), "")

    def read(self, asset: Asset) -> Iterator[bytes]:
        if asset.id not in self.assets:
            raise StorageError("no such asset", None)
        yield self.assets[asset.id]

    def remove(self, asset: Asset) -> None:
        self.assets.pop(asset.id, None)
        self.thumbnails.pop(asset.id, None)

    def address(self, asset: Asset, *, thumbnail: bool, expires_at: int) -> str:
        return f"memory:{asset.id}/{'thumbnail' if thumbnail else 'file'}?expires={expires_at}"

    def direct_upload(self, asset: Asset, *, user_id: int, conversation_id: int, expires_at: int) -> DirectUpload:
        return DirectUpload("memory:", {"id": asset.id})

    def close(self) -> None:
        """Does nothing: there is no connection."""
