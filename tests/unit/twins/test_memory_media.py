"""The in-memory rows of media pass the tests of Postgres."""

from __future__ import annotations

import pytest

from tests.twins.media_contract import MediaContract
from tests.twins.memory_media import MemoryMedia


class MemoryMediaWorld(MemoryMedia):
    conn = None
    user, conversation = 1, 7

    @property
    def functions(self) -> MemoryMedia:
        return self


class TestMedia(MediaContract):
    @pytest.fixture
    def world(self) -> MemoryMediaWorld:
        return MemoryMediaWorld()
