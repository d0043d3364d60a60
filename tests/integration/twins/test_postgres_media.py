"""The rows of media in Postgres pass the tests that their in-memory twin passes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, Engine

from app.store import media, media_rows
from app.store.engine import reading
from tests.factories.store import add_pair
from tests.twins.media_contract import MediaContract


class StoredMediaWorld:
    functions = SimpleNamespace(**(vars(media_rows) | vars(media)))

    def __init__(self, engine: Engine, conn: Connection) -> None:
        self.conn = conn
        self.conversation, self.user, _ = add_pair(engine)


class TestMedia(MediaContract):
    @pytest.fixture
    def world(self, bounded: Engine) -> Iterator[StoredMediaWorld]:
        with reading(bounded) as conn:
            yield StoredMediaWorld(bounded, conn)
