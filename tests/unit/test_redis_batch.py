"""What waits for a batch is answered in any case."""

from __future__ import annotations

import pytest

from app.core.errors import Overloaded
from app.redis_batch import Batcher
from tests.support.own_hub import in_own_hub


@in_own_hub
def test_who_waits_for_too_long_is_refused() -> None:
    never_started = Batcher("test", lambda asked: asked, recover=lambda: None)
    with pytest.raises(Overloaded):
        never_started.ask("anything", timeout=0.01)
