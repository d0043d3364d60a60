"""Deletes a user's own account. Immediately, nobody can sign in, all sessions end and the name is free. A task does the
rest (remove_account_data.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Forbidden, Invalid, Overloaded
from app.fanout.announcements import announce_account_deleted
from app.fanout.revocation import RevokedSessions, all_sessions_of
from app.services.audit.record import record
from app.store import account_deletions, auth_sessions, avatars, push_targets, second_factors, users
from app.store.engine import reading, writing
from app.task_queue import enqueue_deletion

log = logging.getLogger(__name__)

# Compares a stored hash with a password (app/services/auth/passwords.py).
VerifyPassword = Callable[[str | None, str], bool]


class AccountDeletion:
    def __init__(self, *, engine: Engine, redis: Redis, revoked: RevokedSessions, settings: Settings) -> None:
        self._engine = engine
        self._redis = redis
        self._revoked = revoked
        self._settings = settings

    def delete(self, user_id: int, password: str | None, *, verify: VerifyPassword) -> None:
        """Begins the deletion. Safe to repeat after Overloaded, when the first call may have done it already.

        Raises Forbidden for a wrong password, Invalid if the account has a password and none was given. The caller
        limits how often this may be tried (PasswordGuard.confirming).
        """
        self._check_password(user_id, password, verify)
        erase = self._settings.account_deletion == "erase"
        sid = all_sessions_of(user_id)
        tokens_end = int(time.time()) + self._settings.refresh_token_seconds
        with writing(self._engine) as conn:
            if account_deletions.begin_deletion(conn, user_id, erase=erase):
                record(conn, "account.deleted", actor_id=user_id, target_id=user_id, erase=erase)
            auth_sessions.end_all_of(conn, user_id, "account deleted")
            push_targets.forget_user(conn, user_id)
            avatars.forget_of(conn, user_id)
            second_factors.forget(conn, user_id)
            auth_sessions.end_session(conn, sid, user_id, "account deleted", tokens_end_ms=tokens_end * 1000)
        self._announce(sid, user_id, tokens_end)
        enqueue_deletion(user_id)

    def _announce(self, sid: str, user_id: int, tokens_end: int) -> None:
        """Without Redis, the other processes read Postgres when it answers again."""
        try:
            self._revoked.announce(sid, tokens_end)
            announce_account_deleted(self._redis, sid, user_id)
        except (RedisError, Overloaded) as error:
            log.warning("a deleted account is announced later: %s", type(error).__name__)

    def _check_password(self, user_id: int, password: str | None, verify: VerifyPassword) -> None:
        with reading(self._engine) as conn:
            stored = users.password_hash_of(conn, user_id)
        if stored is None:
            return
        if password is None:
            raise Invalid.field("password", "is required")
        if not verify(stored, password):
            with writing(self._engine) as conn:
                record(conn, "password.failed", actor_id=user_id, target_id=user_id)
            raise Forbidden("Wrong password.")
