"""An in-memory twin of the rows of media. It passes tests/twins/media_contract.py."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest

from app.store.media import Found
from app.store.media_rows import StoredMedia

NAMES = (
    "claim",
    "discard",
    "get",
    "mark_failed",
    "mark_ready",
    "renew",
    "requeue",
    "save_findings",
)


@dataclass
class Row:
    """``lease_until`` is by the twin's clock."""

    values: dict[str, Any]
    chunks: dict[int, bytes] = field(default_factory=dict)
    lease_until: float = 0.0


class MemoryMedia:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._skipped = 0.0

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = import_module("app.services.media.process_media")
        for name in NAMES:
            monkeypatch.setattr(module.store, name, getattr(self, name))
        monkeypatch.setattr(module.media_rows, "read_chunk", self.read_chunk)

    def now(self) -> float:
        return time.monotonic() + self._skipped

    def skip(self, seconds: float) -> None:
        """Lets time pass."""
        self._skipped += seconds

    # --- the store's functions

    def begin(self, _conn: Any, id_: str, user_id: int, conversation_id: int | None, storage: str, size: int) -> None:
        self.rows[id_] = Row(
            {
                "id": id_, "conversation_id": conversation_id, "user_id": user_id, "state": "receiving",
                "storage": storage, "direct": False, "kind": "file", "content_type": "", "bytes": size,
                "filename": None, "width": None, "height": None, "duration": None, "blurhash": None, "waveform": None,
                "thumbnail": False, "code": None, "tries": 0, "failures": 0, "version": 0, "age_seconds": 0.0,
            }
        )  # fmt: skip

    def add_chunk(self, _conn: Any, id_: str, n: int, data: bytes) -> bool:
        row = self._in_state(id_, "receiving")
        if row is not None:
            row.chunks[n] = data
        return row is not None

    def finish_upload(self, _conn: Any, id_: str, conversation_id: int, found: Found, filename: str | None) -> bool:
        row = self._in_state(id_, "receiving")
        if row is not None:
            values = {"kind": found.kind, "content_type": found.content_type, "bytes": found.bytes}
            row.values |= {"state": "processing", "conversation_id": conversation_id, "filename": filename, **values}
        return row is not None

    def _in_state(self, id_: str, state: str) -> Row | None:
        row = self.rows.get(id_)
        return row if row is not None and row.values["state"] == state else None

    def get(self, _conn: Any, id_: str) -> StoredMedia | None:
        return StoredMedia(**self.rows[id_].values) if id_ in self.rows else None

    def read_chunk(self, _conn: Any, id_: str, n: int) -> bytes | None:
        return self.rows[id_].chunks.get(n) if id_ in self.rows else None

    def claim(self, _conn: Any, id_: str, *, lease_seconds: float) -> StoredMedia | None:
        row = self._in_state(id_, "processing")
        if row is None or row.lease_until > self.now():
            return None
        row.lease_until = self.now() + lease_seconds
        row.values["tries"] += 1
        return self.get(_conn, id_)

    def renew(self, _conn: Any, id_: str, *, lease_seconds: float) -> bool:
        row = self._in_state(id_, "processing")
        if row is not None:
            row.lease_until = self.now() + lease_seconds
        return row is not None

    def requeue(self, _conn: Any, id_: str, *, seconds: float, failed: bool, orderly: bool) -> None:
        row = self._in_state(id_, "processing")
        if row is not None:
            row.lease_until = self.now() + seconds
            row.values["failures"] += int(failed)
            row.values["tries"] = 0 if orderly else row.values["tries"]

    def discard(self, _conn: Any, id_: str) -> None:
        row = self._in_state(id_, "deleting")
        if row is not None:
            row.lease_until = 0.0

    def save_findings(self, _conn: Any, id_: str, found: Found, filename: str | None) -> None:
        row = self._in_state(id_, "processing")
        if row is not None:
            names = ("kind", "content_type", "width", "height", "blurhash")
            row.values |= {**{name: getattr(found, name) for name in names}, "filename": filename}

    def mark_ready(self, _conn: Any, id_: str, found: Found) -> bool:
        names = ("kind", "content_type", "bytes", "width", "height", "duration", "blurhash", "waveform", "thumbnail")
        return self._settle(id_, "ready", {name: getattr(found, name) for name in names})

    def mark_failed(self, _conn: Any, id_: str, code: str) -> bool:
        return self._settle(id_, "failed", {"code": code})

    def _settle(self, id_: str, state: str, values: dict[str, Any]) -> bool:
        row = self._in_state(id_, "processing")
        if row is not None:
            row.values |= {"state": state, **values}
            row.chunks.clear()
        return row is not None

    def begin_deletion(self, _conn: Any, ids: list[str]) -> list[str]:
        found = [id_ for id_ in ids if id_ in self.rows and self.rows[id_].values["state"] not in DELETED]
        for id_ in found:
            self.rows[id_].values["state"] = "deleting"
            self.rows[id_].chunks.clear()
        return found


DELETED = ("deleting", "receiving")
