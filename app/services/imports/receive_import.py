"""Receives the body of an import piece by piece and keeps it in Postgres for a worker, perhaps on another machine.

Memory holds one piece. A piece ends with a whole line. If the body does not arrive as a whole, nothing is left of it.
"""

from __future__ import annotations

import logging
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from typing import cast

from msgspec import UNSET
from sqlalchemy import Engine

from app.core.errors import Invalid, NotFound, Overloaded, RateLimited
from app.core.ids import UUID
from app.core.imports import MAX_LINE_BYTES, ImportView, State
from app.services.audit.record import record
from app.store import imports as store
from app.store.engine import reading, writing

log = logging.getLogger(__name__)

# A worker checks a piece in one go: smaller ones leave the CPU to others more often, but each needs its own look-ups.
PIECE_BYTES = 256 * 1024
MAX_UNFINISHED = 20
COMPRESSION = 1
SLICE_BYTES = 32 * 1024  # takes half a millisecond to compress


def receive_import(blocks: Iterable[bytes], *, engine: Engine, server_key: str) -> str:
    """Returns the id of the new import. Raises Invalid for a body without lines, RateLimited if too many imports are
    unfinished, Overloaded, and any error of ``blocks``.
    """
    import_id = str(uuid.uuid4())
    with writing(engine) as conn:
        if store.count_unfinished(conn) >= MAX_UNFINISHED:
            raise RateLimited("Too many imports are not finished yet.", retry_after=30.0)
        store.begin(conn, import_id, server_key)
    try:
        pieces, total = _store(import_id, blocks, engine)
        if not total:
            raise Invalid.field("body", "has no lines")
        with writing(engine) as conn:
            store.received(conn, import_id, pieces=pieces, total=total)
            record(conn, "import.begun", importId=import_id, lines=total, serverKey=server_key)
    except BaseException:
        _forget(import_id, engine)
        raise
    return import_id


def show_import(import_id: str, *, engine: Engine) -> ImportView:
    """Raises NotFound, Overloaded."""
    if not UUID.fullmatch(import_id):
        raise NotFound("No such import.")
    with reading(engine) as conn:
        found = store.find(conn, import_id)
    if found is None:
        raise NotFound("No such import.")
    progress, status = found.progress, found.state
    return ImportView(
        import_id=found.id,
        status=cast(State, status),
        done=progress.done if status in ("running", "done") else 0,
        total=found.total,
        errors=progress.errors,
        ignored=progress.ignored or UNSET,
    )


def _store(import_id: str, blocks: Iterable[bytes], engine: Engine) -> tuple[int, int]:
    """Returns the number of pieces and of lines."""
    n, line = 0, 1
    for piece in _pieces(blocks):
        data = _compressed(piece)
        with writing(engine) as conn:
            store.add_piece(conn, import_id, n, line, data)
        n, line = n + 1, line + piece.count(b"\n") + 1
    return n, line - 1


def _compressed(piece: bytes) -> bytes:
    """Returns the piece compressed by zlib. Lets the other greenlets of the process run in between."""
    packer = zlib.compressobj(COMPRESSION)
    parts = []
    for at in range(0, len(piece), SLICE_BYTES):
        parts.append(packer.compress(piece[at : at + SLICE_BYTES]))
        time.sleep(0)
    return b"".join([*parts, packer.flush()])


def _pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields whole lines without the last line's end. Raises Invalid for a line that is too long."""
    rest = b""
    for block in blocks:
        rest += block
        if len(rest) < PIECE_BYTES:
            continue
        end = rest.rfind(b"\n")
        if end >= 0:
            yield rest[:end]
            rest = rest[end + 1 :]
        if len(rest) > MAX_LINE_BYTES:
            raise Invalid.field("body", f"a line of more than {MAX_LINE_BYTES} bytes")
    if rest.strip():
        yield rest.removesuffix(b"\n")


def _forget(import_id: str, engine: Engine) -> None:
    try:
        with writing(engine) as conn:
            store.forget(conn, import_id)
    except Overloaded as error:
        log.warning("an aborted import is left to the sweep: %s", type(error).__name__)
