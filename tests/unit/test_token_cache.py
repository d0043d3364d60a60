"""The cache of verified tokens is bounded, does not hold the tokens, and keeps each entry until its token expires."""

from __future__ import annotations

import gc

from app.core.caller import Caller
from app.services.auth.authenticate import TokenCache


def test_token_is_found_until_it_expires() -> None:
    cache = TokenCache()
    caller = Caller(user_id=1, sid="s", expires_at=100)
    cache.put("token", caller)
    assert cache.get("token", 99.9) is caller
    assert cache.get("other", 99.9) is None
    assert cache.get("token", 100) is None
    assert len(cache) == 0


def test_least_recently_used_tokens_are_evicted_first() -> None:
    cache = TokenCache(max_tokens=3)
    for number in range(3):
        cache.put(f"token-{number}", Caller(number, "s", 100))
    cache.get("token-0", 0)
    cache.put("token-3", Caller(3, "s", 100))
    assert cache.get("token-1", 0) is None
    assert [cache.get(f"token-{number}", 0) is not None for number in (0, 2, 3)] == [True] * 3
    assert len(cache) == 3


def test_token_itself_is_not_kept() -> None:
    cache = TokenCache()
    cache.put("a-very-secret-token", Caller(1, "s", 100))
    assert not [found for found in gc.get_referents(cache._callers) if found == "a-very-secret-token"]
