"""Imports of users, conversations and messages of another system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from parley_sdk.calls import AsyncCaller, Call, SyncCaller, encode, operation
from parley_sdk.models import ImportStarted, ImportState


class ImportOperations:
    @operation("POST", "/imports")
    def start(self, objects: Iterable[Mapping[str, Any]] | bytes) -> Call[ImportStarted]:
        """Starts an import of objects with a ``type``, or of NDJSON that you have already.

        It is checked as a whole first; if a line is wrong, nothing is written. Repeating an import changes nothing.
        """
        lines = objects if isinstance(objects, bytes) else b"".join(map(_line, objects))
        return Call(content=lines, timeout=300.0)

    @operation("GET", "/imports/{importId}")
    def get(self, import_id: str) -> Call[ImportState]:
        """Returns how far the import is, and the lines that are wrong."""
        return Call(import_id)


def _line(item: Mapping[str, Any]) -> bytes:
    return encode(item) + b"\n"


class Imports(ImportOperations, SyncCaller):
    """The imports of a ``ParleyServer``."""


class AsyncImports(ImportOperations, AsyncCaller):
    """The imports of an ``AsyncParleyServer``."""
