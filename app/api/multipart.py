"""Reads a form with a file as a stream, and keeps none of it in memory or on disk.

Werkzeug's own form parser collects the whole file first. Its event decoder does not, so this module uses that.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Request
from gevent import Timeout
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from app.core.errors import Invalid, TooLarge, UnsupportedMedia

READ_BYTES = 64 * 1024
# Bytes of a field's text, and of a part's headers.
MAX_FIELD = 4096
MAX_PARTS = 16
# Browsers write these characters of a file name in this way (WHATWG HTML, "multipart/form-data encoding").
_ESCAPED = {"%0D": "\r", "%0A": "\n", "%22": '"'}


def read_form(request: Request, *, max_bytes: int, stall_seconds: float) -> Iterator[Event]:
    """Yields Field, File, and Data events; Data belongs to the latest Field or File.

    Raises UnsupportedMedia, TooLarge; Invalid if the form is malformed or less than 64 KiB arrive within
    ``stall_seconds``.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not boundary:
        raise UnsupportedMedia("The body must be multipart/form-data.")
    request.max_content_length = max_bytes + MAX_PARTS * 2 * MAX_FIELD
    decoder = MultipartDecoder(boundary.encode(), max_form_memory_size=READ_BYTES * 4, max_parts=MAX_PARTS)
    try:
        yield from _events(request, decoder, stall_seconds)
    except RequestEntityTooLarge:
        raise TooLarge from None
    except ValueError as error:
        raise Invalid.field("body", "not multipart/form-data") from error


def _events(request: Request, decoder: MultipartDecoder, stall_seconds: float) -> Iterator[Event]:
    while True:
        event = decoder.next_event()
        if isinstance(event, Epilogue):
            return
        if not isinstance(event, NeedData):
            yield event
            continue
        with Timeout(stall_seconds, Invalid.field("body", f"less than 64 KiB arrived in {stall_seconds:g} s")):
            data = request.stream.read(READ_BYTES)
        decoder.receive_data(data or None)


def filename_of(file: File) -> str:
    """Returns the name as the sender's file system has it."""
    name = file.filename
    for written, character in _ESCAPED.items():
        name = name.replace(written, character)
    return name


__all__ = ["MAX_FIELD", "Data", "Field", "File", "filename_of", "read_form"]
