"""The number of processes of a worker."""

from __future__ import annotations

from collections.abc import Mapping

from app.config import ConfigError


def pool_size(env: Mapping[str, str], shards: int) -> int:
    """Returns WORKER_CONCURRENCY. By default, each shard has a process for its drain, and all other work has three.

    Raises ConfigError.
    """
    text = env.get("WORKER_CONCURRENCY", "").strip()
    if not text:
        return 3 + shards
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigError(f"WORKER_CONCURRENCY={text}: it must be a whole number of at least 1.")
    return int(text)
