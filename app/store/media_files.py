"""The files of messages, as a search finds them: their names and kinds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.media_rows import StoredMedia, get_many

Attachments = Sequence[dict[str, Any]] | None


class Files(NamedTuple):
    names: tuple[str, ...]
    kinds: tuple[str, ...]


class FilesOf:
    """A medium has its present name and kind. One that no longer exists has those that the message shows."""

    def __init__(self, rows: dict[str, StoredMedia]) -> None:
        self._rows = rows

    def of(self, attachments: Attachments) -> Files:
        if not attachments:
            return Files((), ())
        rows = [(self._rows.get(attachment["mediaId"]), attachment) for attachment in attachments]
        names = (row.filename if row else attachment.get("filename") for row, attachment in rows)
        kinds = (row.kind if row else attachment.get("kind", "file") for row, attachment in rows)
        return Files(tuple(name for name in names if name), tuple(kinds))


def files_of(conn: Connection, attachments: Iterable[Attachments]) -> FilesOf:
    """Reads the media of many messages in one query, or none."""
    ids = {attachment["mediaId"] for of_message in attachments if of_message for attachment in of_message}
    return FilesOf(get_many(conn, sorted(ids)) if ids else {})
