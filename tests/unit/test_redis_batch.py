"""Every caller that waits for a batch gets an answer."""

from __future__ import annotations

import pytest

from app.core.errors import Overloaded
from app.redis_batch import Batcher
from tests.support.own_hub import in_own_hub


@in_own_hub
def test_caller_that_waits_too_long_gets_overloaded() -> None:
    never_started = Batcher("test", lambda items: items, recover=lambda: None)
    with pytest.raises(Overloaded):
        never_started.run("anything", timeout=0.01)
