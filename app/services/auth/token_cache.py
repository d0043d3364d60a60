"""Tokens that were verified before: a signature is not computed anew at each request."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from app.core.caller import Caller

MAX_TOKENS = 20_000  # about 10 MB; the least recently used go first


class TokenCache:
    """Keyed by the token's SHA-256: the process keeps no token. Holds no verdict on revocation; that is asked
    each time.
    """

    def __init__(self, max_tokens: int = MAX_TOKENS) -> None:
        self._max = max_tokens
        self._callers: OrderedDict[bytes, Caller] = OrderedDict()

    def __len__(self) -> int:
        return len(self._callers)

    def get(self, token: str, now: float) -> Caller | None:
        key = _key(token)
        caller = self._callers.get(key)
        if caller is None:
            return None
        if caller.expires_at <= now:
            self._callers.pop(key, None)
            return None
        self._callers.move_to_end(key)
        return caller

    def put(self, token: str, caller: Caller) -> None:
        self._callers[_key(token)] = caller
        while len(self._callers) > self._max:
            self._callers.popitem(last=False)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
