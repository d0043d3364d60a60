"""The body of an import is cut and packed in a process that serves others."""

from __future__ import annotations

import time
import zlib

import pytest

from app.services.imports import receive_import


def test_packing_lets_others_run_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    piece = bytes(range(256)) * 1024
    assert zlib.decompress(receive_import._compressed(piece)) == piece
    assert pauses == [0] * (len(piece) // receive_import.SLICE_BYTES)


def test_pieces_are_whole_lines_of_a_bounded_size() -> None:
    lines = [b"%d " % n + b"x" * 1000 for n in range(1000)]
    body = b"\n".join(lines)
    blocks = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    pieces = list(receive_import._pieces(blocks))
    assert b"\n".join(pieces) == body
    assert max(map(len, pieces)) < receive_import.PIECE_BYTES + 65_536
    assert {piece.partition(b" ")[0].isdigit() for piece in pieces} == {True}
