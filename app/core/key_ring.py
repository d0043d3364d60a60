"""The keys of a deployment: the first one signs, all of them verify, so a key can be replaced without signing anybody
out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

ID_CHARACTERS = 8


class KeyRing:
    """``keys`` has at least one key. ``signing_key`` is the first one, and ``signing_id`` its public name."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._by_id = {key_id(key): key for key in keys}
        self.all = tuple(keys)
        self.signing_key = keys[0]
        self.signing_id = key_id(keys[0])

    def verifying(self, id_: object) -> tuple[str, ...]:
        """Returns the keys that may have signed a token with this ``kid``: all keys if the token has no ``kid`` (None),
        no key if that key is no longer in use.
        """
        if id_ is None:
            return self.all
        key = self._by_id.get(id_) if isinstance(id_, str) else None
        return () if key is None else (key,)


def key_id(key: str) -> str:
    """Returns a short public name of a key, which does not help to guess a key of enough length."""
    return hashlib.sha256(b"parley key id\0" + key.encode()).hexdigest()[:ID_CHARACTERS]
