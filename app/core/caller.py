"""The caller of a request, from a verified token or from a ticket that was issued for one."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """``sid`` is the auth session (refresh family) that a logout ends. ``expires_at`` is the token's expiry in unix
    seconds.
    """

    user_id: int
    sid: str
    expires_at: int
