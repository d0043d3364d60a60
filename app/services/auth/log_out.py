"""End an auth session: its tokens stop working in every process, and its open sessions close."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from app.core.caller import Caller
from app.message_log import keys
from app.redis_calls import asking
from app.store import auth_sessions, push_targets
from app.store.engine import writing

if TYPE_CHECKING:
    from app.container import Container

# Between this process' clock, the one that issued the last token, and those that check it.
CLOCK_MARGIN_SECONDS = 60


def log_out(parley: Container, caller: Caller) -> None:
    end_auth_session(parley, caller.sid, caller.user_id, "logged out", tokens_end=caller.expires_at)


def end_auth_session(parley: Container, sid: str, user_id: int, reason: str, *, tokens_end: int = 0) -> None:
    """Postgres first: what follows can be made again from it. Where that fails, this raises, and may be
    repeated.

    ``tokens_end``: when a token known to the caller ends; another of the session may end later, up to the
    longest lifetime.
    """
    latest = max(tokens_end, int(time.time()) + parley.settings.access_token_seconds) + CLOCK_MARGIN_SECONDS
    with writing(parley.engine) as conn:
        end = auth_sessions.end_session(conn, sid, user_id, reason, tokens_end_ms=latest * 1000)
        push_targets.forget_session(conn, sid)
    asking(lambda: parley.revoked.announce(sid, end))
    asking(lambda: parley.redis.publish(keys.ALL, msgspec.msgpack.encode(["revoked", sid])))
