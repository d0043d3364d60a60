"""Delete one's account. At once: nobody can sign in, sessions end, the name is free. A task does the rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.core.errors import Forbidden, Invalid
from app.redis_calls import asking
from app.services.accounts.announce import announce_gone
from app.services.auth.check_revoked import all_sessions_of
from app.store import account_deletions, auth_sessions, push_targets, users
from app.store.engine import reading, writing
from app.task_queue import ask_for_deletion

if TYPE_CHECKING:
    from app.container import Container


def delete_account(parley: Container, user_id: int, password: str | None) -> None:
    """Safe to repeat where this raised Overloaded: the first time may have done it already.

    Raise Forbidden for a wrong password, Invalid where the account has one and none was given. How often it may be
    tried is the caller's to limit (rate_limit.limit_deletion).
    """
    check_password(parley, user_id, password)
    erase = parley.settings.account_deletion == "erase"
    tokens_end = int(time.time()) + parley.settings.refresh_token_seconds
    with writing(parley.engine) as conn:
        account_deletions.begin_deletion(conn, user_id, erase=erase)
        auth_sessions.end_all_of(conn, user_id, "account deleted")
        push_targets.forget_user(conn, user_id)
        auth_sessions.end_session(
            conn, all_sessions_of(user_id), user_id, "account deleted", tokens_end_ms=tokens_end * 1000
        )
    asking(lambda: parley.revoked.announce(all_sessions_of(user_id), tokens_end))
    announce_gone(parley.redis, all_sessions_of(user_id), user_id)
    ask_for_deletion(user_id)


def check_password(parley: Container, user_id: int, password: str | None) -> None:
    with reading(parley.engine) as conn:
        stored = users.password_hash_of(conn, user_id)
    if stored is None:
        return
    if password is None:
        raise Invalid.field("password", "is required")
    if not parley.passwords.verify(stored, password):
        raise Forbidden("Wrong password.")
