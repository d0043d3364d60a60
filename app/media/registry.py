"""The table of media storages: which ones are installed, and which one takes new media.

A package adds a storage by an entry point in the group ``parley.media_storages`` that names a ``StorageKind``;
docs/how-to/add-a-media-storage.md describes the steps. Every process reads this table, so SDKs are imported only when a
storage is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.config import ConfigError, Settings
from app.media.local_storage import LocalStorage
from app.media.storage import Storage
from app.plugins import check_names, load_kinds

GROUP = "parley.media_storages"


@dataclass(frozen=True, slots=True)
class StorageContext:
    """The configuration that storages are made from. Built-in storages read ``settings``; others read their variables
    from ``env``.
    """

    settings: Settings
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StorageKind:
    """One row of the table.

    ``name`` is stored with each medium, so it must never change. ``is_configured`` says whether the deployment has a
    configuration for the storage. ``make`` builds it and opens no connection yet.
    """

    name: str
    is_configured: Callable[[StorageContext], bool]
    make: Callable[[StorageContext], Storage]


def _make_cloudinary(context: StorageContext) -> Storage:
    from app.media.cloudinary_storage import CloudinaryStorage  # noqa: PLC0415 - an SDK of megabytes

    return CloudinaryStorage(context.settings.cloudinary_url)


def _make_local(context: StorageContext) -> Storage:
    return LocalStorage(context.settings.media_dir, context.settings.keys[0])


LOCAL = "local"
BUILT_IN = (
    StorageKind("cloudinary", lambda context: bool(context.settings.cloudinary_url), _make_cloudinary),
    # Web and worker would have different disks in production.
    StorageKind(LOCAL, lambda context: not context.settings.production, _make_local),
)


class StorageRegistry:
    """The installed storages. ``chosen`` is the name of the storage for new media; empty if there is none.

    MEDIA_STORAGE chooses it. If that is unset, it is the one configured storage, or the local directory in development.
    Raises ConfigError if MEDIA_STORAGE names a storage that is not installed or not configured, and if it is unset and
    several storages are configured.
    """

    def __init__(self, context: StorageContext) -> None:
        self._context = context
        self._kinds = load_kinds(GROUP, StorageKind, BUILT_IN)
        self.chosen = self._choose(context.settings.media_storage)

    def is_configured(self, name: str) -> bool:
        return name in self._kinds and self._kinds[name].is_configured(self._context)

    def make(self, name: str) -> Storage:
        return self._kinds[name].make(self._context)

    def _choose(self, wanted: str) -> str:
        if wanted:
            check_names("MEDIA_STORAGE", [wanted], self._kinds)
            if not self.is_configured(wanted):
                raise ConfigError(f"MEDIA_STORAGE is {wanted!r}, but that storage is not configured.")
            return wanted
        configured = [name for name in self._kinds if name != LOCAL and self.is_configured(name)]
        if len(configured) > 1:
            raise ConfigError(f"{' and '.join(configured)} are both configured: set MEDIA_STORAGE to one of them.")
        return configured[0] if configured else LOCAL if self.is_configured(LOCAL) else ""
