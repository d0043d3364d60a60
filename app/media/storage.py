"""The port for media storages. Cloudinary and the local directory implement it and pass the same tests.

Guarantees of every storage:

* An asset is named by its medium's id, so storing it twice leaves one asset.
* An asset is readable only through a signed address, which expires.
* Removing an absent asset is not an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from app.media.sniff import Kind


class Asset(NamedTuple):
    """The properties of a medium that its storage needs. ``filename`` is sanitised; downloads get this name."""

    id: str
    kind: Kind
    content_type: str
    bytes: int
    filename: str | None


class Stored(NamedTuple):
    """The storage's description of an asset. ``format`` is the storage's own word (jpg, mp4), or empty."""

    bytes: int
    format: str


class DirectUpload(NamedTuple):
    """The client posts a form to ``url``: the ``fields``, and last the ``file``."""

    url: str
    fields: dict[str, str]


class StorageError(Exception):
    """The storage failed. ``retry_after`` is in seconds; None means that retrying is pointless."""

    def __init__(self, reason: str, retry_after: float | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Storage(Protocol):
    """Every method except ``address`` and ``direct_upload`` may block. On failure it raises StorageError, within a
    bounded time."""

    name: str

    def put(self, asset: Asset, path: str, *, replace: bool, alive: Callable[[], None]) -> Stored:
        """Stores a file. With ``replace`` it overwrites an existing asset; otherwise the existing asset stays.

        Calls ``alive`` between two parts of the file. An exception from it ends the upload.
        """
        ...

    def put_thumbnail(self, asset: Asset, data: bytes) -> None:
        """Stores the thumbnail of an asset, a JPEG."""
        ...

    def describe(self, asset: Asset) -> Stored | None:
        """Returns the storage's description of an asset, or None if the asset does not exist."""
        ...

    def read(self, asset: Asset) -> Iterator[bytes]:
        """Yields the bytes of an asset. Workers use it to inspect a direct upload."""
        ...

    def remove(self, asset: Asset) -> None:
        """Removes the asset and its thumbnail. Either may be absent."""
        ...

    def address(self, asset: Asset, *, thumbnail: bool, expires_at: int) -> str:
        """Returns a signed address, absolute or a path of this server, valid until ``expires_at`` (unix seconds).

        Sends no request.
        """
        ...

    def direct_upload(self, asset: Asset, *, user_id: int, conversation_id: int, expires_at: int) -> DirectUpload:
        """Returns a signed form that uploads this medium only, once, until ``expires_at``. Sends no request."""
        ...

    def close(self) -> None:
        """Closes idle connections. The storage can still be used."""
        ...


# Browsers run or show other types with the deployment's origin, so files of those are served as octet-stream.
_HARMLESS = re.compile(
    r"text/(plain|csv|calendar|markdown)|application/(pdf|json|zip|gzip|x-tar|x-7z-compressed|vnd\.rar|rtf|epub\+zip|msword"
    r"|vnd\.ms-(excel|powerpoint)|vnd\.(openxmlformats-officedocument|oasis\.opendocument)\.[a-z.-]+)"
)


def is_shown(kind: Kind) -> bool:
    """Returns True if a page may show it inline. Everything else is a download."""
    return kind != "file"


def served_type(content_type: str) -> str:
    """Returns the Content-Type of a download: the file's own, or octet-stream if a browser may do more than save it."""
    return content_type if _HARMLESS.fullmatch(content_type) else "application/octet-stream"


Fields = dict[str, Any]
