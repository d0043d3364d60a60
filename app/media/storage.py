"""Where media are kept: the port, which Cloudinary and a local directory stand behind (and the same tests).

Guarantees of every storage: an asset is named by its medium's id, so that bringing it twice makes one; nobody reads it
but by an address that was signed for them, and which ends; removing what is not there is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from app.media.sniff import Kind


class Asset(NamedTuple):
    """A medium as its storage knows it. ``filename`` is clean, and shown to who downloads it."""

    id: str
    kind: Kind
    content_type: str
    bytes: int
    filename: str | None


class Stored(NamedTuple):
    """What the storage says that it has; ``format`` is its own word (jpg, mp4), empty where it has none."""

    bytes: int
    format: str


class DirectUpload(NamedTuple):
    """Where a client posts a form of ``fields`` and, last, the ``file``."""

    url: str
    fields: dict[str, str]


class StorageError(Exception):
    """The storage did not do it. ``retry_after``: seconds after which it may; None where it never will."""

    def __init__(self, reason: str, retry_after: float | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Storage(Protocol):
    """Every call may block, and raises StorageError within a bounded time."""

    name: str

    def put(self, asset: Asset, path: str, *, replace: bool, alive: Callable[[], None]) -> Stored:
        """Bring a file there. ``alive`` is called between its parts; what it raises ends the upload. ``replace``: over
        what is there; else what is there stays."""
        ...

    def put_thumbnail(self, asset: Asset, data: bytes) -> None:
        """A JPEG."""
        ...

    def describe(self, asset: Asset) -> Stored | None:
        """None where there is no such asset."""
        ...

    def read(self, asset: Asset) -> Iterator[bytes]:
        """Its bytes, for a worker that looks at what a client brought itself."""
        ...

    def remove(self, asset: Asset) -> None:
        """The asset and its thumbnail, whichever of them is there."""
        ...

    def address(self, asset: Asset, *, thumbnail: bool, expires_at: int) -> str:
        """Absolute, or a path of this server; good until then (unix seconds). Asks nobody."""
        ...

    def direct_upload(self, asset: Asset, *, user_id: int, conversation_id: int, expires_at: int) -> DirectUpload:
        """For this medium alone, once, until then. Asks nobody."""
        ...

    def close(self) -> None:
        """Give back connections. It can still be used."""
        ...


# What a browser would run in the deployment's name, were it shown: told to be anything, and always downloaded.
ACTIVE = ("html", "svg", "xml", "javascript", "ecmascript", "xhtml", "x-shockwave-flash", "pdf-js", "wasm")


def is_shown(kind: Kind) -> bool:
    """Whether it may stand in a page; else it is a download."""
    return kind != "file"


def served_type(content_type: str) -> str:
    return "application/octet-stream" if any(word in content_type for word in ACTIVE) else content_type


Fields = dict[str, Any]
