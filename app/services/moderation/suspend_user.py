"""Suspends users. Nobody can sign in to a suspended account, its tokens are refused and its sessions end. With a shadow
suspension, the user notices nothing, and nobody else sees what they do.
"""

from __future__ import annotations

import math
import time

from msgspec import UNSET
from redis import Redis
from sqlalchemy import Engine

from app.core.accounts import SuspendUser, SuspensionView
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.times import ms_of_time
from app.fanout.announcements import announce_hidden
from app.fanout.suspension import NO_END, ShadowedUsers, SuspendedUsers
from app.services.audit.record import record
from app.store import shadow_changes, users
from app.store import suspensions as store
from app.store.engine import writing


class Suspensions:
    """All methods raise Overloaded if a store does not answer, and are safe to repeat then."""

    def __init__(self, *, engine: Engine, redis: Redis, suspended: SuspendedUsers, shadowed: ShadowedUsers) -> None:
        self._engine = engine
        self._redis = redis
        self.suspended = suspended
        self.shadowed = shadowed

    def suspend(
        self, user_id: int, wanted: SuspendUser, *, actor_id: int | None = None, **details: str
    ) -> SuspensionView:
        """Suspends the user, or changes the suspension. ``actor_id`` is None for the operator and for a host's server;
        ``details`` are added to the audit.

        Raises Invalid for a time that has passed, NotFound if there is no such user, Forbidden for administrators: they
        lose that right first.
        """
        until_ms = None if wanted.until is None else ms_of_time(wanted.until, "until")
        if until_ms is not None and until_ms <= time.time() * 1000:
            raise Invalid.field("until", "must be in the future")
        suspension = store.Suspension(until_ms, wanted.reason, wanted.shadow)
        facts = suspension.facts()
        audited = {"shadow": "true"} if wanted.shadow else {}
        with writing(self._engine) as conn:
            if users.is_admin(conn, user_id):
                raise Forbidden("This user is an administrator.")
            if not store.is_user_shadowed(conn, user_id):
                shadow_changes.forget_changes(conn, user_id)
            if not store.suspend(conn, user_id, suspension):
                raise NotFound("No such user.")
            record(conn, "user.suspended", actor_id=actor_id, target_id=user_id, **facts, **audited, **details)
        self._announce(user_id, NO_END if until_ms is None else math.ceil(until_ms / 1000), shadow=wanted.shadow)
        return SuspensionView(**facts, shadow=True if wanted.shadow else UNSET)

    def _announce(self, user_id: int, end: int, *, shadow: bool) -> None:
        """Notifies all processes. The user's suspension of the other kind is over."""
        if not shadow:
            self.suspended.suspend(user_id, end)
            self.shadowed.lift(user_id)
            return
        self.shadowed.suspend(user_id, end)
        self.suspended.lift(user_id)
        announce_hidden(self._redis, user_id)

    def lift(self, user_id: int, *, actor_id: int | None = None, **details: str) -> None:
        """Ends the user's suspension. Raises NotFound if there is no such user. The arguments are those of
        ``suspend``.
        """
        with writing(self._engine) as conn:
            if store.lift(conn, user_id):
                shadow_changes.forget_changes(conn, user_id)
                record(conn, "user.unsuspended", actor_id=actor_id, target_id=user_id, **details)
            elif not users.get_users(conn, [user_id]):
                raise NotFound("No such user.")
        self.suspended.lift(user_id)
        self.shadowed.lift(user_id)
