"""Runs the stacks of the tests with several shards: ``PARLEY_TEST_SHARDS`` is their number (``make scale``)."""

from __future__ import annotations

import os


def settings_of_shards(_redis_url: str) -> dict[str, str]:
    """Returns the settings of a stack whose stores are those of the test process."""
    shards = os.environ.get("PARLEY_TEST_SHARDS", "1")
    return {} if shards == "1" else {"SHARDS": shards}
