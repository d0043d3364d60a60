"""Stores media in a local directory. For development, when web and worker run on one machine.

A file is complete or absent: it is written under a temporary name in the same directory and then moved into place.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from app.media.signed import sign
from app.media.storage import Asset, DirectUpload, StorageError, Stored, is_shown, served_type

PIECE = 256 * 1024
BASE = "/media/local"


class LocalStorage:
    name = "local"

    def __init__(self, directory: str, secret: str) -> None:
        self._directory = Path(directory)
        self._secret = secret

    def put(self, asset: Asset, path: str, *, replace: bool, alive: Callable[[], None]) -> Stored:
        def pieces() -> Iterator[bytes]:
            with open(path, "rb") as file:
                while piece := file.read(PIECE):
                    alive()
                    yield piece

        place = self.path(asset.id)
        if replace or not place.exists():
            self.write(asset.id, pieces())
        return Stored(place.stat().st_size, "")

    def put_thumbnail(self, asset: Asset, data: bytes) -> None:
        self.write(_thumbnail(asset.id), iter([data]))

    def describe(self, asset: Asset) -> Stored | None:
        try:
            return Stored(self.path(asset.id).stat().st_size, "")
        except FileNotFoundError:
            return None

    def read(self, asset: Asset) -> Iterator[bytes]:
        try:
            with self.path(asset.id).open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except FileNotFoundError:
            raise StorageError("no such file", None) from None

    def remove(self, asset: Asset) -> None:
        for name in (asset.id, _thumbnail(asset.id)):
            self.path(name).unlink(missing_ok=True)

    def address(self, asset: Asset, *, thumbnail: bool, expires_at: int) -> str:
        shown = thumbnail or is_shown(asset.kind)
        claims = {
            "n": _thumbnail(asset.id) if thumbnail else asset.id,
            "t": "image/jpeg" if thumbnail else asset.content_type if shown else served_type(asset.content_type),
            "f": asset.filename or asset.id,
            "a": not shown,
            "exp": expires_at,
        }
        # The token is not in the path, because logs hold paths and the token grants access to the bytes.
        return f"{BASE}/{claims['n']}?token={sign(self._secret, claims)}"

    def direct_upload(self, asset: Asset, *, user_id: int, conversation_id: int, expires_at: int) -> DirectUpload:
        claims = {"up": asset.id, "b": asset.bytes, "u": user_id, "c": conversation_id, "exp": expires_at}
        return DirectUpload(BASE, {"token": sign(self._secret, claims)})

    def close(self) -> None:
        """Does nothing: there are no connections."""

    def path(self, name: str) -> Path:
        """Returns the path of a file. The last two characters of its UUID name the directory; the first ones are the
        time, so they would fill one directory after the other."""
        return self._directory / name[:36][-2:] / name

    def write(self, name: str, pieces: Iterator[bytes], *, once: bool = False) -> int:
        """Writes a file and returns its size in bytes.

        Raises StorageError if the disk is full. With ``once``, raises FileExistsError if the file exists.
        """
        place = self.path(name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".part-") as part:
                size = sum(part.write(piece) for piece in pieces)
                part.flush()
                os.fsync(part.fileno())
                (_link if once else _replace)(part.name, place)
        except FileExistsError:
            raise
        except OSError as error:
            raise StorageError(f"disk error: {error.strerror}", 5.0) from error
        return size


def _thumbnail(id_: str) -> str:
    return f"{id_}.thumbnail"


def _link(part: str, place: Path) -> None:
    os.link(part, place)


def _replace(part: str, place: Path) -> None:
    """Moves a second link to the file into place, because the temporary file must keep its name to delete itself."""
    second = f"{part}.whole"
    os.link(part, second)
    os.replace(second, place)
