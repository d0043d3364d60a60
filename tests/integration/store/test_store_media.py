"""Staged pieces of an upload: the bytes come back unchanged, and no connection setting leaks to the next user."""

from __future__ import annotations

import uuid

import hypothesis.strategies as st
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, text

from app.store import media, media_rows
from app.store.engine import autocommit, reading, writing
from app.store.media import Found
from tests.factories.store import add_users


@pytest.fixture(scope="module")
def user_id(engine: Engine) -> int:
    return add_users(engine, 1)[0]


def begin_upload(engine: Engine, user_id: int) -> str:
    id_ = str(uuid.uuid4())
    with writing(engine) as conn:
        media.begin(conn, id_, user_id, None, "local", 1000)
    return id_


@hypothesis_settings(max_examples=30, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=5000), min_size=1, max_size=4))
def test_pieces_come_back_unchanged(engine: Engine, user_id: int, pieces: list[bytes]) -> None:
    id_ = begin_upload(engine, user_id)
    for n, piece in enumerate(pieces):
        with autocommit(engine) as conn:
            assert media_rows.add_chunk(conn, id_, n, piece)
    with reading(engine) as conn:
        assert [media_rows.read_chunk(conn, id_, n) for n in range(len(pieces))] == pieces
        assert media_rows.read_chunk(conn, id_, len(pieces)) is None


def test_only_writes_of_pieces_skip_the_wait_for_the_disk(engine: Engine, user_id: int) -> None:
    """The commit after them does wait. A setting that stayed on would make that commit and all later ones unsafe."""
    id_ = begin_upload(engine, user_id)
    with autocommit(engine) as conn:
        assert media_rows.add_chunk(conn, id_, 0, b"bytes")
        assert conn.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_received_upload_accepts_no_more_pieces(engine: Engine, user_id: int) -> None:
    id_ = begin_upload(engine, user_id)
    with autocommit(engine) as conn:
        assert media.forget(conn, id_, "receiving")
        assert not media_rows.add_chunk(conn, id_, 0, b"late")
        assert not media_rows.add_chunk(conn, str(uuid.uuid4()), 0, b"never begun")
        assert not media.finish_upload(conn, id_, 1, Found("image", "image/png", 5), None)
