"""Loads what other packages add to Parley: push providers and media storages, found by their entry points.

The packaging standard is documented at packaging.python.org, "Entry points specification".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeVar

from app.config import ConfigError

# Names go into database rows, metrics and settings.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


class Named(Protocol):
    @property
    def name(self) -> str: ...


K = TypeVar("K", bound=Named)


def load_kinds(group: str, kind_type: type[K], built_in: Iterable[K]) -> dict[str, K]:
    """Returns the built-in kinds and those of the entry points of ``group``, by name.

    Reading the metadata of all installed packages takes about 5 ms. Raises ConfigError for an entry point that cannot
    be loaded or is no ``kind_type``, and for a name that is malformed or occurs twice.
    """
    kinds = {kind.name: kind for kind in built_in}
    for entry_point in entry_points(group=group):
        kind = _kind(group, entry_point, kind_type)
        if not _NAME.fullmatch(kind.name):
            raise ConfigError(f"{group}: {kind.name!r} is not a name of lower-case letters, digits, '_' and '-'.")
        if kind.name in kinds:
            raise ConfigError(f"{group}: two installed packages define {kind.name!r}.")
        kinds[kind.name] = kind
    return kinds


def loaded(entry_point: EntryPoint) -> Any:
    """Returns the object that an entry point names. Raises ConfigError."""
    try:
        return entry_point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{entry_point.group}: {entry_point.value} cannot be loaded: {error}.") from error


def _kind(group: str, entry_point: EntryPoint, kind_type: type[K]) -> K:
    kind = loaded(entry_point)
    if not isinstance(kind, kind_type):
        raise ConfigError(f"{group}: {entry_point.value} is not a {kind_type.__name__}.")
    return kind


def check_names(setting: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raises ConfigError if a setting names a kind that is not installed."""
    installed = sorted(known)
    for name in names:
        if name not in installed:
            raise ConfigError(f"{setting} names {name!r}, which is not installed. Installed: {', '.join(installed)}.")
