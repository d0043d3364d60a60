"""An example of an added media storage: it keeps assets in the directory SHELF_DIR, under addresses of SHELF_URL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from app.media.registry import StorageContext, StorageKind
from app.media.storage import Asset, DirectUpload, StorageError, Stored


class Shelf:
    name = "shelf"

    def __init__(self, directory: str, url: str) -> None:
        self._directory = Path(directory)
        self._url = url

    def put(self, asset: Asset, path: str, *, replace: bool, alive: Callable[[], None]) -> Stored:
        place = self._directory / asset.id
        if replace or not place.exists():
            alive()
            shutil.copyfile(path, place)
        return Stored(place.stat().st_size, "")

    def put_thumbnail(self, asset: Asset, data: bytes) -> None:
        (self._directory / f"{asset.id}.jpg").write_bytes(data)

    def describe(self, asset: Asset) -> Stored | None:
        place = self._directory / asset.id
        return Stored(place.stat().st_size, "") if place.exists() else None

    def read(self, asset: Asset) -> Iterator[bytes]:
        try:
            yield (self._directory / asset.id).read_bytes()
        except FileNotFoundError:
            raise StorageError("no such asset", None) from None

    def remove(self, asset: Asset) -> None:
        for name in (asset.id, f"{asset.id}.jpg"):
            (self._directory / name).unlink(missing_ok=True)

    def address(self, asset: Asset, *, thumbnail: bool, expires_at: int) -> str:
        """A real storage signs its addresses; this example only shows where the parts go."""
        return f"{self._url}/{asset.id}{'.jpg' if thumbnail else ''}?expires={expires_at}"

    def direct_upload(self, asset: Asset, *, user_id: int, conversation_id: int, expires_at: int) -> DirectUpload:
        return DirectUpload(f"{self._url}/{asset.id}", {"expires": str(expires_at)})

    def close(self) -> None:
        """Does nothing: there are no connections."""


def make_shelf(context: StorageContext) -> Shelf:
    return Shelf(context.env["SHELF_DIR"], context.env["SHELF_URL"])


SHELF = StorageKind("shelf", is_configured=lambda context: "SHELF_DIR" in context.env, make=make_shelf)
