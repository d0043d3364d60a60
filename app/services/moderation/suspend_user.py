"""Suspends users: nobody can sign in to the account, its tokens are refused and its sessions end."""

from __future__ import annotations

import math
import time

from sqlalchemy import Engine

from app.core.accounts import SuspendUser, SuspensionView
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.times import ms_of_time
from app.fanout.suspension import NO_END, SuspendedUsers
from app.services.audit.record import record
from app.store import suspensions as store
from app.store import users
from app.store.engine import writing


class Suspensions:
    """All methods raise Overloaded if a store does not answer, and are safe to repeat then."""

    def __init__(self, *, engine: Engine, suspended: SuspendedUsers) -> None:
        self._engine = engine
        self.suspended = suspended

    def suspend(self, user_id: int, wanted: SuspendUser, *, actor_id: int | None = None) -> SuspensionView:
        """Suspends the user, or changes the suspension. ``actor_id`` is None for the operator.

        Raises Invalid for a time that has passed, NotFound if there is no such user, Forbidden for administrators: they
        lose that right first.
        """
        until_ms = None if wanted.until is None else ms_of_time(wanted.until, "until")
        if until_ms is not None and until_ms <= time.time() * 1000:
            raise Invalid.field("until", "must be in the future")
        facts = store.Suspension(until_ms, wanted.reason).facts()
        with writing(self._engine) as conn:
            if users.is_admin(conn, user_id):
                raise Forbidden("This user is an administrator.")
            if not store.suspend(conn, user_id, until_ms, wanted.reason):
                raise NotFound("No such user.")
            record(conn, "user.suspended", actor_id=actor_id, target_id=user_id, **facts)
        self.suspended.suspend(user_id, NO_END if until_ms is None else math.ceil(until_ms / 1000))
        return SuspensionView(**facts)

    def lift(self, user_id: int, *, actor_id: int | None = None) -> None:
        """Ends the user's suspension. Raises NotFound if there is no such user."""
        with writing(self._engine) as conn:
            if store.lift(conn, user_id):
                record(conn, "user.unsuspended", actor_id=actor_id, target_id=user_id)
            elif not users.get_users(conn, [user_id]):
                raise NotFound("No such user.")
        self.suspended.lift(user_id)
