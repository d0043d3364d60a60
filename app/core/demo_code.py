"""Codes that sign a demo user in without a password. `make run` prints links with them. They are valid for one run,
because each run signs them with a new key.
"""

from __future__ import annotations

import hashlib
import hmac


def demo_code(key: str, username: str) -> str:
    """Returns ``username.signature``."""
    signature = hmac.new(key.encode(), f"demo:{username}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{username}.{signature}"


def demo_user(key: str, code: str) -> str | None:
    """Returns the code's username, or None if this key did not sign it. An empty key signs nothing."""
    username = code.rpartition(".")[0]
    good = bool(key) and hmac.compare_digest(demo_code(key, username).encode(), code.encode(errors="replace"))
    return username if good else None
