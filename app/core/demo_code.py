"""Codes that sign a demo user in without a password. They stand in the links that `make run` prints, and are good for
as long as the key they are signed with: one run.
"""

from __future__ import annotations

import hashlib
import hmac


def demo_code(key: str, username: str) -> str:
    """``username.signature``"""
    signature = hmac.new(key.encode(), f"demo:{username}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{username}.{signature}"


def demo_user(key: str, code: str) -> str | None:
    """The username that the code stands for; None where it is not of this key. An empty key signs nothing."""
    username = code.rpartition(".")[0]
    good = bool(key) and hmac.compare_digest(demo_code(key, username).encode(), code.encode(errors="replace"))
    return username if good else None
