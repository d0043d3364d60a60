"""Who is calling, as far as a verified token, or a ticket made with one, says."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """``sid`` is the auth session (refresh family) that a logout ends; ``expires_at`` the token's end, unix
    seconds.
    """

    user_id: int
    sid: str
    expires_at: int
