"""Deletes a user's own account. Immediately, nobody can sign in, all sessions end and the name is free. A task does the
rest (remove_account_data.py).
"""

from __future__ import annotations

import logging
import time

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.core.host_events import user_lane
from app.fanout.announcements import announce_account_deleted
from app.fanout.revocation import RevokedSessions, all_sessions_of
from app.services.accounts.announce_profile import announce_profile_soon
from app.services.audit.record import record
from app.store import account_deletions, auth_sessions, avatars, push_targets, second_factors
from app.store.engine import writing
from app.store.host_events import add_events, user_views
from app.task_queue import enqueue_deletion

log = logging.getLogger(__name__)


class AccountDeletion:
    def __init__(self, *, engine: Engine, redis: Redis, revoked: RevokedSessions, settings: Settings) -> None:
        self._engine = engine
        self._redis = redis
        self._revoked = revoked
        self._settings = settings

    def delete(self, user_id: int) -> None:
        """Begins the deletion. Safe to repeat after Overloaded, when the first call may have done it already.

        The caller has checked the password (check_password_if_any).
        """
        self._begin(user_id, self._settings.account_deletion == "erase", actor_id=user_id)

    def delete_for_host(self, user_id: int, *, erase: bool | None, server_key: str) -> None:
        """Begins the deletion of an account on behalf of a host's server. If ``erase`` is None, the deployment's
        setting decides. Safe to repeat after Overloaded.
        """
        erase = self._settings.account_deletion == "erase" if erase is None else erase
        self._begin(user_id, erase, serverKey=server_key)

    def _begin(self, user_id: int, erase: bool, *, actor_id: int | None = None, **details: str) -> None:
        sid = all_sessions_of(user_id)
        tokens_end = int(time.time()) + self._settings.refresh_token_seconds
        with writing(self._engine) as conn:
            was = user_views(conn, [user_id])
            if account_deletions.begin_deletion(conn, user_id, erase=erase):
                record(conn, "account.deleted", actor_id=actor_id, target_id=user_id, erase=erase, **details)
            auth_sessions.end_all_of(conn, user_id, "account deleted")
            push_targets.forget_user(conn, user_id)
            avatars.forget_of(conn, user_id)
            second_factors.forget(conn, user_id)
            auth_sessions.end_session(conn, sid, user_id, "account deleted", tokens_end_ms=tokens_end * 1000)
            add_events(conn, "user.deleted", [(user_lane(id_), view) for id_, view in was.items()])
        self._announce(sid, user_id, tokens_end)
        announce_profile_soon(self._redis, user_id)
        enqueue_deletion(user_id)

    def _announce(self, sid: str, user_id: int, tokens_end: int) -> None:
        """If Redis does not answer, the other processes read Postgres once it does."""
        try:
            self._revoked.announce(sid, tokens_end)
            announce_account_deleted(self._redis, sid, user_id)
        except (RedisError, Overloaded) as error:
            log.warning("a deleted account is announced later: %s", type(error).__name__)
